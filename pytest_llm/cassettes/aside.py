"""What of a reply is not for reading: noise, vectors, pictures, sound, megabytes. PYTEST_DONT_REWRITE

    json: {id: null, data: [{embedding: null}]}      a reply, without
    noise: '{"id": "cmpl-1"}'              what differs each time, on a line of its own
    aside:
      - {at: /data/0/embedding, f32: …}      a list of numbers: base64, little endian, 32 bits each, or f64
      - {at: /data/0/b64_json, file: …}
    ---
    file: {kind, name, sha256, bytes}      or a whole reply, in a file

Files lie in the folder `files` beside the cassette. Every value reads back exactly, or stays where it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias

from pytest_llm.cassettes.places import Path, steps_of, value_at, with_value
from pytest_llm.schemas import JSON, pointer

FOLDER = "files"

SHORTEST_VECTOR = 64
"""Numbers; a list of fewer is read as it is."""

LONGEST_BASE64 = 32_768
"""Characters that stay in the cassette: an embedding as the SDKs ask for it does, a picture does not."""

LONGEST_BODY = 262_144
"""Characters of a reply that stay in the cassette."""

Fetch: TypeAlias = Callable[[str], bytes]
"""Gives the content of a file by its name. Raises OSError."""

NOISE = ("id", "created", "created_at", "completed_at", "timings", "request_id", "responseId", "createTime")
"""At the top of a reply: another at each asking, whatever the answer."""

_NAME = re.compile(r"[^./\\\0][^/\\\0]*\.[0-9a-f]{16}\.(?:json|txt|bin)\Z")
_WIDTHS = {"f32": "f", "f64": "d"}
_ENDINGS = {"json": ".json", "stream": ".json", "text": ".txt", "base64": ".bin"}


def set_aside(body: Mapping[str, JSON], stem: str) -> tuple[Mapping[str, JSON], dict[str, bytes]]:
    """A reply's body as it stands in a cassette, and the files that go with it, by names that begin with the stem."""
    kind = next(iter(body), "text")
    if kind == "base64":
        content = base64.b64decode(body["base64"])
        return (body, {}) if len(content) <= LONGEST_BASE64 else _whole(kind, content, stem)
    if kind != "json":
        text = _text(body.get(kind, ""))
        stays = len(text) <= LONGEST_BODY or "charset" in body
        return (body, {}) if stays else _whole(kind, text.encode(), stem)
    aside: list[JSON] = []
    files: dict[str, bytes] = {}
    left = _without(body["json"], (), aside, files, stem)
    stored: dict[str, JSON] = {"json": left}
    if isinstance(left, dict) and (noise := {key: left[key] for key in NOISE if left.get(key) is not None}):
        stored = {"json": left | dict.fromkeys(noise), "noise": json.dumps(noise)}
    if aside:
        stored["aside"] = aside
    if len(_text(left)) > LONGEST_BODY:
        return _whole(kind, _text(body["json"]).encode(), stem)
    return stored, files


def put_back(stored: Mapping[str, JSON], fetch: Fetch) -> Mapping[str, JSON]:
    """The body that `set_aside` was given.

    Raises OSError for a file that cannot be read; LookupError, TypeError, ValueError or AttributeError for anything
    that `set_aside` did not make.
    """
    if "file" in stored:
        kind, content = stored["file"]["kind"], _fetched(stored["file"], fetch)
        if kind == "base64":
            return {kind: base64.b64encode(content).decode()}
        return {kind: content.decode() if kind == "text" else json.loads(content)}
    if "json" not in stored:
        return stored
    tree = stored["json"]
    if "noise" in stored:
        noise = json.loads(stored["noise"])
        for key in noise:
            _check_empty(tree, (key,))
        tree = {**tree, **noise}
    for item in stored.get("aside", ()):
        path = steps_of(item["at"])
        _check_empty(tree, path)
        tree = with_value(tree, path, _restored(item, fetch))
    return {"json": tree}


def _check_empty(tree: JSON, path: Path) -> None:
    if value_at(tree, path) is not None:
        raise ValueError(f"{pointer(path)} is not empty")


def _whole(kind: str, content: bytes, stem: str) -> tuple[dict[str, JSON], dict[str, bytes]]:
    files: dict[str, bytes] = {}
    return {"file": {"kind": kind, **_file(content, _ENDINGS[kind], files, stem)}}, files


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, indent=1)


def _without(value: JSON, path: Path, aside: list[JSON], files: dict[str, bytes], stem: str) -> JSON:
    """The value with None in the place of everything that goes aside."""
    if isinstance(value, dict):
        return {key: _without(item, (*path, key), aside, files, stem) for key, item in value.items()}
    if isinstance(value, list):
        if len(value) >= SHORTEST_VECTOR and all(type(item) is float for item in value):
            aside.append({"at": pointer(path), **_vector(value)})
            return None
        return [_without(item, (*path, place), aside, files, stem) for place, item in enumerate(value)]
    if isinstance(value, str) and len(value) > LONGEST_BASE64 and (content := _decoded(value)) is not None:
        aside.append({"at": pointer(path), "file": _file(content, ".bin", files, stem)})
        return None
    return value


def _vector(numbers: list[float]) -> dict[str, JSON]:
    """A list of numbers in the fewest bytes that hold it exactly."""
    width = "f32" if _fit_in_32_bits(numbers) else "f64"
    return {width: base64.b64encode(_content(width, numbers)).decode()}


def _fit_in_32_bits(numbers: list[float]) -> bool:
    try:
        return _numbers("f32", _content("f32", numbers)) == numbers
    except OverflowError:
        return False


def _content(width: str, numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}{_WIDTHS[width]}", *numbers)


def _numbers(width: str, content: bytes) -> list[float]:
    letter = _WIDTHS[width]
    return list(struct.unpack(f"<{len(content) // struct.calcsize(letter)}{letter}", content))


def _decoded(text: str) -> bytes | None:
    """The content of a base64 text; None where encoding it again would give another."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if base64.b64encode(content).decode() == text else None


def _file(content: bytes, ending: str, files: dict[str, bytes], stem: str) -> dict[str, JSON]:
    digest = hashlib.sha256(content).hexdigest()
    name = f"{stem}.{digest[:16]}{ending}"
    files[name] = content
    return {"name": name, "sha256": digest, "bytes": len(content)}


def _fetched(file: Mapping[str, JSON], fetch: Fetch) -> bytes:
    if not _NAME.match(file["name"]):
        raise ValueError(f"{file['name']!r} is no name of a file beside a cassette")
    content = fetch(file["name"])
    if len(content) != file["bytes"]:  # git on Windows writes CRLF, unless it is told otherwise
        content = content.replace(b"\r\n", b"\n")
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        raise ValueError(f"{FOLDER}/{file['name']} is not what was recorded: its digest is another")
    return content


def _restored(item: Mapping[str, JSON], fetch: Fetch) -> JSON:
    if "file" in item:
        return base64.b64encode(_fetched(item["file"], fetch)).decode()
    width = next(width for width in _WIDTHS if width in item)
    return _numbers(width, base64.b64decode(item[width], validate=True))
