"""What makes two requests the same, and what does not."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes.identity import identity_of, model_endpoint, model_record, record_of, without_secrets

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
    assert identity({"a": 1}) == identity({"a": 1}, "https://x.invalid/deployments/d/chat/completions?api-version=7")
    assert identity({"a": 1}, "https://a.invalid/x") != identity({"a": 1}, "https://b.invalid/x")


def test_both_doors_compute_the_same_identity():
    """A declared prompt is looked up without going through any HTTP library."""
    body = {"model": "m", "messages": [{"role": "user", "content": "é"}], "temperature": 1.0}
    assert identity(body) == identity_of(model_record("chat/completions", body))


def test_secret_query_keys_and_their_order_do_not_matter():
    one = record_of("GET", "https://u:p@A.invalid/x?b=2&a=1&api_key=abc", b"")
    assert one == record_of("GET", "https://a.invalid/x?a=1&b=2", b"")
    assert one["url"] == "https://a.invalid/x?a=1&b=2"


def test_bodies_that_are_no_json_are_kept_as_they_are():
    assert record_of("POST", URL, b"a=1")["text"] == "a=1"
    assert record_of("POST", URL, b"\xff\x00")["base64"] == "/wA="
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
