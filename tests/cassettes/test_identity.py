"""What makes two requests the same, and what does not."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes.identity import (
    Comparison,
    identity_of,
    model_endpoint,
    model_record,
    older_form,
    record_of,
    without_secrets,
)

URL = "https://api.example.invalid/v1/chat/completions"
numbers = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def identity(body, url=URL):
    return identity_of(record_of("POST", url, json.dumps(body).encode()))


@given(st.dictionaries(st.text(), values, min_size=2))
def test_key_order_and_white_space_do_not_matter(body):
    turned = dict(reversed(body.items()))
    spread = record_of("post", URL, json.dumps(turned, indent=3, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if "text" not in spread:  # bytes that are no UTF-8 are not read as JSON
        assert identity_of(spread) == identity(body)


@given(values, values)
def test_different_bodies_differ(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or one == other
    assert same or identity({"x": one}) != identity({"x": other})


def test_float_spelling_does_not_matter():
    assert identity({"temperature": 0.0}) == identity({"temperature": 0})
    assert identity({"temperature": 0.7}) != identity({"temperature": 0.70001})
    assert identity({"flag": True}) != identity({"flag": 1})


def test_a_model_endpoint_is_the_same_at_every_host():
    assert identity({"a": 1}) == identity({"a": 1}, "http://127.0.0.1:8080/api/v1/chat/completions")
    assert identity({"a": 1}) == identity({"a": 1}, "https://x.invalid/openai/v1/chat/completions?api-version=7")
    assert identity({"a": 1}, "https://a.invalid/x") != identity({"a": 1}, "https://b.invalid/x")


def test_both_doors_compute_the_same_identity():
    """A declared prompt is looked up without going through any HTTP library."""
    body = {"model": "m", "messages": [{"role": "user", "content": "é"}], "temperature": 1.0}
    assert identity(body) == identity_of(model_record("chat/completions", body))


PATHS = [
    ("/openai/deployments/A/chat/completions", "/openai/deployments/B/chat/completions"),
    ("/openai/deployments/A/embeddings", "/openai/deployments/B/embeddings"),
    ("/lora-a/v1/chat/completions", "/lora-b/v1/chat/completions"),
    ("/lora-a/v1/chat/completions", "/v1/chat/completions"),
    ("/models/org/a/v1/chat/completions", "/models/org/b/v1/chat/completions"),
    ("/openai/chat/completions", "/groq/chat/completions"),
    ("/openai/deployments/v1/chat/completions", "/openai/deployments/v2/chat/completions"),
    ("/openai/deployments/api/chat/completions", "/openai/deployments/openai/chat/completions"),
    ("/v1/threads/A/messages", "/v1/threads/B/messages"),
    (
        "/v1/projects/p/locations/l/endpoints/1/chat/completions",
        "/v1/projects/p/locations/l/endpoints/2/chat/completions",
    ),
    ("/v1beta/models/A/openai/responses", "/v1beta/models/B/openai/responses"),
]


@pytest.mark.parametrize(("one", "other"), PATHS)
def test_what_stands_before_a_model_endpoint_may_choose_the_model(one, other):
    here, there = (record_of("POST", f"https://x.invalid{path}", b'{"a": 1}') for path in (one, other))
    assert identity_of(here) != identity_of(there)
    assert identity_of(older_form(here) or here) == identity_of(older_form(there) or there)  # as rules 1 had it


@pytest.mark.parametrize(
    "path",
    ["/v1", "/api/v1", "/openai/v1", "/inference/v1", "/v1beta/openai", "/compatible-mode/v1", "//v1/", "/API/V4"],
)
def test_whose_api_it_is_does_not_matter(path):
    assert identity({"a": 1}) == identity({"a": 1}, f"https://x.invalid{path}/chat/completions")
    assert older_form(record_of("POST", f"https://x.invalid{path}/chat/completions", b"{}")) is None


def test_a_project_leaves_out_segments_and_adds_headers():
    url = "https://x.invalid/accounts/Acme/v1/messages?api-version=2024-06"
    sent = {"anthropic-version": "2023-06-01", "x-prompt": "be brief", "authorization": "secret"}
    compared = Comparison(ignored_segments=("accounts", "ACME*"), headers=frozenset({"x-prompt", "api-version"}))
    record = record_of("POST", url, b"{}", headers=sent, compared=compared)
    assert record == {
        "method": "POST",
        "url": "messages?api-version=2024-06",
        "headers": {"x-prompt": "be brief"},
        "body": {},
    }
    assert older_form(record) == {"method": "POST", "url": "messages", "body": {}}
    assert record_of("POST", url, b"{}")["url"] == "messages"


def test_an_address_of_rules_1_keeps_the_rest_of_its_query():
    record = {"method": "POST", "url": "messages?beta=1&api-version=3", "body": {}}
    assert older_form(record)["url"] == "messages?beta=1"
    elsewhere = {"method": "GET", "url": "https://x.invalid/files?api-version=3"}
    assert older_form(elsewhere) is None


def test_a_declared_request_has_the_form_of_the_same_request_on_the_wire():
    declared = model_record("chat/completions", {"a": 1}, "/openai/deployments/gpt-4o-eu")
    url = "https://res.invalid/openai/deployments/gpt-4o-eu/chat/completions?api-version=1"
    assert declared == record_of("POST", url, b'{"a": 1}')
    assert declared["path"] == "deployments/gpt-4o-eu"


PICTURE = bytes(range(256)) * 3


def with_picture(code, head="data:image/png;base64,"):
    part = {"type": "image_url", "image_url": {"url": head + code}}
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]}


def test_a_picture_stands_as_its_digest_however_its_base64_is_written():
    codes = [
        base64.b64encode(PICTURE).decode(),
        base64.b64encode(PICTURE).decode().rstrip("="),
        base64.urlsafe_b64encode(PICTURE).decode(),
        base64.encodebytes(PICTURE).decode(),
    ]
    records = [record_of("POST", URL, json.dumps(with_picture(code)).encode()) for code in codes]
    assert all(record == records[0] for record in records)
    shown = records[0]["body"]["messages"][0]["content"][1]["image_url"]["url"]
    assert shown == f"data:image/png;base64,<768 bytes, sha256 {hashlib.sha256(PICTURE).hexdigest()}>"
    assert identity_of(records[0]) == identity_of(model_record("chat/completions", with_picture(codes[0])))
    assert identity_of(records[0]) != identity_of(model_record("chat/completions", with_picture(codes[0][:-4])))
    bare = model_record("messages", {"source": {"type": "base64", "data": codes[0]}})
    assert bare["body"]["source"]["data"].startswith("<768 bytes, sha256 ")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1000,
        "0123456789abcdef" * 40,
        base64.b64encode(b"Words are text, in base64 too. " * 20).decode(),
        "Capital letters and 3 numbers, " * 20,
        base64.b64encode(PICTURE).decode()[:-1] + "=A",
        "Aa1" + "=" * 2 + "B" * 300,
        base64.b64encode(PICTURE[:100]).decode(),
        base64.b64encode(PICTURE).decode()[:-3],
    ],
)
def test_what_is_no_picture_stays_as_it_is(text):
    assert model_record("messages", {"content": text})["body"]["content"] == text


def test_a_signed_link_counts_without_its_signature():
    one, other = (
        model_record("responses", {"input": [{"image_url": f"https://a.invalid/p.png?w=9%20&sig={sig}"}]})
        for sig in ("abc", "def")
    )
    assert one == other == model_record("responses", {"input": [{"image_url": "https://a.invalid/p.png?w=9+"}]})
    kept = {"url": "https://a.invalid/p.png?w=9%20", "text": "https://a.invalid/?token=abc", "uri": "file?sig=a"}
    assert model_record("responses", kept)["body"] == kept


def test_secret_query_keys_and_their_order_do_not_matter():
    one = record_of("GET", "https://u:p@A.invalid/x?b=2&a=1&api_key=abc", b"")
    assert one == record_of("GET", "https://a.invalid/x?a=1&b=2", b"")
    assert one["url"] == "https://a.invalid/x?a=1&b=2"


def test_bodies_that_are_no_json_are_kept_as_they_are():
    assert record_of("POST", URL, b"a=1")["text"] == "a=1"
    digest = hashlib.sha256(b"\xff\x00").hexdigest()
    assert record_of("POST", URL, b"\xff\x00").items() >= {"sha256": digest, "bytes": 2}.items()
    assert record_of("POST", URL, b"3")["text"] == "3"
    assert record_of("POST", URL, b'{"a": 1, "a": 2}')["text"] == '{"a": 1, "a": 2}'
    assert record_of("POST", URL, b'{"a": "\\ud800"}')["text"] == '{"a": "\\ud800"}'


def test_only_whole_ends_of_a_path_are_model_endpoints():
    assert model_endpoint("/v1/chat/completions/") == "chat/completions"
    assert model_endpoint("/v1/completions") == "completions"
    assert model_endpoint("/my-responses") is None


def test_an_address_without_secrets_leads_to_the_same_recording():
    url = "https://me:password@files.invalid/a%20b?part=1&token=abc&X-Amz-Signature=x&part=2"
    plain = without_secrets(url)
    assert plain == "https://files.invalid/a%20b?part=1&part=2"
    assert record_of("GET", plain, b"") == record_of("GET", url, b"")
    assert without_secrets("/v1/x?sig=1") == "/v1/x"
    assert without_secrets("../y#z") == "../y#z"
