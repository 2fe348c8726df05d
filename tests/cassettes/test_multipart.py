"""Uploads: the boundary that a client draws does not count, what a file holds does, and is not stored."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes.document import Entry, read, write
from pytest_llm.cassettes.identity import identity_of, record_of

URL = "https://api.example.invalid/v1/files"
BYTES = bytes(range(256))


def body(*parts, boundary="b0undary"):
    """Parts of (headers, content), as they are on the wire."""
    lines = [f"--{boundary}\r\n".encode() + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def field(name, **more):
    told = "".join(f'; {key}="{value}"' for key, value in more.items())
    return f'Content-Disposition: form-data; name="{name}"{told}'


def record(content, kind="multipart/form-data; boundary=b0undary"):
    return record_of("POST", URL, content, kind)


UPLOAD = (
    (field("purpose"), b"assistants"),
    (field("file", filename="né.bin") + "\r\nContent-Type: image/png", BYTES),
    (field("note", filename="a.txt"), "hello\r\n\r\nyou é".encode()),
)


def test_parts_are_named_and_a_binary_one_is_known_by_its_digest():
    assert record(body(*UPLOAD))["multipart"] == [
        {"name": "purpose", "text": "assistants"},
        {
            "name": "file",
            "filename": "né.bin",
            "type": "image/png",
            "sha256": hashlib.sha256(BYTES).hexdigest(),
            "bytes": 256,
        },
        {"name": "note", "filename": "a.txt", "text": "hello\r\n\r\nyou é"},
    ]


def test_the_boundary_does_not_count_and_everything_else_does():
    same = record(body(*UPLOAD, boundary="another"), 'Multipart/Form-Data; charset=utf-8; boundary="another"')
    assert identity_of(same) == identity_of(record(body(*UPLOAD)))
    others = [
        (*UPLOAD[:2], (UPLOAD[2][0], b"hello")),
        (*UPLOAD[:1], (UPLOAD[1][0], BYTES[:-1]), UPLOAD[2]),
        (*UPLOAD[:1], (UPLOAD[1][0].replace("né", "ne"), BYTES), UPLOAD[2]),
        (*UPLOAD[:1], (UPLOAD[1][0].replace("png", "gif"), BYTES), UPLOAD[2]),
        ((field("purposes"), b"assistants"), *UPLOAD[1:]),
        UPLOAD[:2],
        UPLOAD[::-1],
    ]
    identities = {identity_of(record(body(*parts))) for parts in (UPLOAD, *others)}
    assert len(identities) == 1 + len(others)


def test_a_part_with_a_nul_is_no_text():
    [part] = record(body((field("file"), b"a\0b")))["multipart"]
    assert part.keys() == {"name", "sha256", "bytes"}


@pytest.mark.parametrize(
    ("head", "part"),
    [
        ("", {"text": "x"}),
        ("Content-Type: application/json", {"type": "application/json", "text": "x"}),
        ("Content-Disposition: form-data; name*=utf-8''%C3%A9; filename*=utf-8''%C3%B6.txt", {"name": "é", "filename": "ö.txt", "text": "x"}),
        ('content-disposition: form-data; name="a\\"b"', {"name": 'a"b', "text": "x"}),
    ],
)  # fmt: skip
def test_headers_of_a_part(head, part):
    content = b"--b\r\n" + (head.encode() + b"\r\n" if head else b"") + b"\r\nx\r\n--b--"
    assert record(content, "multipart/related; boundary=b")["multipart"] == [part]


GOOD = body(*UPLOAD[:1])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (GOOD, ""),
        (GOOD, "application/x-www-form-urlencoded"),
        (GOOD, "multipart/form-data"),
        (GOOD, "multipart/form-data; boundary="),
        (GOOD, "multipart/form-data; boundary=other"),
        (GOOD[:-6], "multipart/form-data; boundary=b0undary"),
        (GOOD.replace(b"\r\n\r\n", b"\r\n"), "multipart/form-data; boundary=b0undary"),
        (GOOD.replace(b"--b0undary\r\n", b"--b0undary?\r\n"), "multipart/form-data; boundary=b0undary"),
    ],
)
def test_what_is_not_what_it_says_is_kept_as_it_is(content, kind):
    found = record(content, kind)
    assert found["text"].encode() == content
    assert "multipart" not in found


@given(st.lists(st.binary(max_size=20) | st.text(max_size=5).map(str.encode), max_size=4))
def test_whatever_is_in_the_parts_is_told_apart_and_reads_back(contents):
    found = record(body(*((field(f"p{n}"), one) for n, one in enumerate(contents))))
    for part, content in zip(found.get("multipart", ()), contents, strict=True):
        if "text" in part:
            assert part["text"].encode() == content
        else:
            assert (part["sha256"], part["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    entry = Entry(identity_of(found), found)
    assert read(write([entry]), "x.yaml")[entry.identity] == entry


def test_a_json_body_is_the_same_whatever_its_content_type():
    content = json.dumps({"model": "tiny"}).encode()
    assert record(content, "application/json") == record(content, "") == record(content, "multipart/mixed")
