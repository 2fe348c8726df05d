"""Cassettes of other recorders, read as what was on the wire."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes.foreign import ForeignExchange, Unreadable, looks_foreign, read_foreign
from pytest_llm.errors import CassetteCorrupt

URL = "https://api.invalid/v1/chat/completions"
SENT = b'{"model": "tiny"}'


def vcr(body="hello", *, status=200, sent='{"model": "tiny"}', encoding=None, **more):
    headers = {"Content-Type": ["application/json"], **({"Content-Encoding": [encoding]} if encoding else {})}
    request = {"method": "POST", "uri": URL, "headers": {"content-type": ["application/json"]}, "body": sent}
    response = {"status": {"code": status, "message": "OK"}, "headers": headers, "body": {"string": body}}
    return {"request": {**request, **more}, "response": response}


def as_yaml(*interactions):
    return yaml.safe_dump({"interactions": list(interactions), "version": 1}).encode()


def only(content):
    (found,) = read_foreign(content, "x.yaml")
    return found


@pytest.mark.parametrize("write", [as_yaml, lambda *all_: json.dumps({"version": 1, "interactions": all_}).encode()])
def test_an_exchange_of_vcrpy(write):
    found = only(write(vcr()))
    assert found == ForeignExchange(
        method="POST",
        url=URL,
        request_body=SENT,
        request_type="application/json",
        request_headers={"content-type": "application/json"},
        status=200,
        headers={"content-type": "application/json"},
        content=b"hello",
    )


@pytest.mark.parametrize(
    ("stored", "encoding"),
    [
        (gzip.compress(b"hello"), "gzip"),
        (zlib.compress(b"hello"), "deflate"),
        (b"hello", "gzip"),
        (b"hello", "br"),
        (b"hello", None),
        ("hello", "deflate"),
    ],
)
def test_compression_is_undone_where_it_was_stored(stored, encoding):
    assert only(as_yaml(vcr(stored, encoding=encoding))).content == b"hello"


def test_an_exchange_of_cassetter():
    one = {
        "request": {"method": "POST", "uri": URL, "headers": {"content-type": ["application/json"]},
                    "body": {"type": "json", "content": {"model": "tiny"}}},
        "response": {"status": 200, "headers": {"content-type": ["text/plain"]},
                     "body": {"type": "binary", "content": "ff00"}},
    }  # fmt: skip
    found = only(as_yaml(one))
    assert (found.request_body, found.status, found.content) == (SENT, 200, b"\xff\x00")
    for body, content in ({"type": "none"}, b""), ({"type": "text", "content": "data: é\n\n"}, "data: é\n\n".encode()):
        one["response"]["body"] = body
        assert only(as_yaml(one)).content == content


@pytest.mark.parametrize("sent", [None, b"\xff", "", {"string": "x"}])
def test_a_request_may_have_no_body_or_bytes(sent):
    assert only(as_yaml(vcr(sent=sent))).request_body == {None: b"", b"\xff": b"\xff", "": b""}.get(
        sent if not isinstance(sent, dict) else "x", b"x"
    )


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (3, "an exchange: TypeError"),
        ({"request": {}}, "an exchange: KeyError"),
        (vcr(method=3), "3 https://api.invalid/v1/chat/completions: TypeError"),
        (vcr(status="much"), f"POST {URL}: ValueError"),
        (vcr(sent={"type": "odd", "content": ""}), "a body of type 'odd'"),
        (vcr(sent=3), "TypeError"),
        (vcr(b"\x1f\x8bno", encoding="gzip"), "says that it is compressed with gzip, and is not"),
        (vcr(headers=[3]), "AttributeError"),
    ],
)
def test_what_cannot_be_read_says_why(one, why):
    found = only(as_yaml(one))
    assert isinstance(found, Unreadable)
    assert why in f"{found.what}: {found.why}"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"interactions: 3", b"{", b"a: [", b"interactions: " + b"[" * 5000, b"!!python/object:x {}"],
)
def test_what_is_no_cassette_is_one_clear_error(content):
    with pytest.raises(CassetteCorrupt, match="no cassette of vcrpy, pytest-recording or cassetter"):
        read_foreign(content, "x.yaml")
    with pytest.raises(CassetteCorrupt, match="converts its TOML"):
        read_foreign(content, "x.toml")


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for content in (text, f"interactions:\n{text}", f"interactions:\n- request: {text}"):
        try:
            found = read_foreign(content.encode(errors="replace"), "x")
        except CassetteCorrupt:
            continue
        assert isinstance(found, list)


def test_ours_do_not_look_foreign():
    assert looks_foreign(b"interactions:\n- request")
    assert looks_foreign(b"version: 1\ninteractions:")
    assert looks_foreign(b'{"version": 1, "interactions": []}')
    assert not looks_foreign(b"version: 1\nrules: 1\n---\ninteractions")
    assert not looks_foreign(b"openapi: 3\n")
