"""Compression is undone, whichever library did it, and whatever the client has undone already."""

from __future__ import annotations

import gzip
import sys
import zlib

import brotli
import pytest
import zstandard

from pytest_llm.cassettes.compression import decompressed

TEXT = b'{"choices": []}' * 3
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("GZIP ", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", RAW.compress(TEXT) + RAW.flush()),
        ("br", brotli.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        *((encoding, TEXT) for encoding in ("", "identity", "gzip", "deflate", "br", "zstd")),
    ],
)
def test_content_comes_out_plain(encoding, content):
    assert decompressed(content, encoding) == TEXT


@pytest.mark.parametrize(
    ("encoding", "content", "said"),
    [
        ("gzip", gzip.compress(TEXT)[:-9], "says that it is compressed with gzip, and is not"),
        ("br", b"\xff\xfe\xfd", "says that it is compressed with br, and is not"),
        ("zstd", zstandard.compress(TEXT)[:6] + b"\xff" * 9, "says that it is compressed with zstd, and is not"),
        ("compress", b"\x1f\x9d", "compressed with 'compress', which cannot be read here"),
        ("gzip, br", b"\xff", "cannot be read here"),
    ],
)
def test_what_cannot_be_undone_says_why(encoding, content, said):
    with pytest.raises(ValueError, match=said):
        decompressed(content, encoding)


def test_a_library_that_is_missing_is_named(monkeypatch):
    for name in ("brotli", "brotlicffi"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match="neither brotli nor brotlicffi is installed"):
        decompressed(brotli.compress(TEXT), "br")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_content_that_no_client_has_decoded_yet_has_to_be_what_it_says(encoding):
    with pytest.raises(ValueError, match=f"says that it is compressed with {encoding}, and is not"):
        decompressed(TEXT, encoding, is_raw=True)
    assert decompressed(b"", encoding, is_raw=True) == b""
    assert decompressed(gzip.compress(TEXT), "gzip", is_raw=True) == TEXT
