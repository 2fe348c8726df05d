"""Undoing the compression of a reply, so that it can be read, compared and searched for secrets. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import importlib
import zlib
from typing import Any

_STARTS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_LIBRARIES = {"br": ("brotli", "brotlicffi"), "zstd": ("zstandard", "pyzstd")}
"""A client that takes these has one of the libraries."""


def decompressed(content: bytes, encoding: str, *, is_raw: bool = False) -> bytes:
    """What was sent with a content encoding; plain content comes back as it is: some clients undo it by themselves.

    Not where it `is_raw`, as it came from the network: there the client has yet to undo it, and cannot.
    Raises ValueError for content that cannot be read so.
    """
    name = encoding.strip().lower()
    if name in ("", "identity") or not content or not (is_raw or content.startswith(_STARTS.get(name, b""))):
        return content
    if name not in ("gzip", "deflate", *_LIBRARIES):
        raise ValueError(f"the reply is compressed with {encoding!r}, which cannot be read here")
    try:
        if name == "gzip":
            return zlib.decompress(content, zlib.MAX_WBITS | 16)
        if name == "deflate":
            return _inflated(content)
        return _by_library(content, name)
    except ValueError:
        raise
    except Exception as error:  # each library has one of its own
        if not is_raw and name in ("br", "deflate") and _is_text(content):
            return content
        raise ValueError(f"the reply says that it is compressed with {name}, and is not: {error}") from error


def _inflated(content: bytes) -> bytes:
    """Of the two forms that servers send under this name."""
    try:
        return zlib.decompress(content)
    except zlib.error:
        return zlib.decompress(content, -zlib.MAX_WBITS)


def _by_library(content: bytes, name: str) -> bytes:
    for library in _LIBRARIES[name]:
        try:
            module: Any = importlib.import_module(library)
        except ImportError:
            continue
        if library == "zstandard":
            return bytes(module.ZstdDecompressor().decompressobj().decompress(content))
        return bytes(module.decompress(content))
    raise ValueError(f"the reply is compressed with {name}, and neither {' nor '.join(_LIBRARIES[name])} is installed")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
