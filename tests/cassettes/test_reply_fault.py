"""Which replies are judged at all, and in which stored form."""

from __future__ import annotations

import json

import pytest

from pytest_llm.cassettes import streams
from pytest_llm.cassettes.document import body_of
from pytest_llm.cassettes.identity import record_of
from pytest_llm.cassettes.reply_fault import reply_fault

CHAT = "https://api.example.invalid/v1/chat/completions"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
ERROR = b'{"error": {"message": "upstream failed"}}'
GOOD = b'{"choices": [{"finish_reason": "stop", "message": {"content": "x"}}]}'


def fault(content, *, url=CHAT, method="POST", sent=ASKED, status=200, kind="application/json"):
    request = record_of(method, url, b"" if sent is None else json.dumps(sent).encode(), "application/json")
    found = reply_fault(request, status, {"content-type": kind}, body_of(content, kind))
    return None if found is None else found.what


def test_an_error_is_found_in_json_and_in_text():
    assert fault(ERROR) == "an error: 'upstream failed'"
    assert fault(ERROR, kind="text/plain") == "an error: 'upstream failed'"
    assert fault(GOOD) is None
    assert fault(GOOD, kind="text/plain") is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_json_is_read_in_every_encoding_that_clients_read(encoding):
    assert fault(GOOD.decode().encode(encoding)) is None
    assert fault(ERROR.decode().encode(encoding)) == "an error: 'upstream failed'"


@pytest.mark.parametrize("content", [b"", b"<h1>Bad gateway</h1>", b"\xff\xfe", b"[" * 100_000, b"{} {}"])
def test_what_is_no_json_is_no_reply(content):
    assert fault(content).startswith("something that is no JSON: ")


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_only_a_status_of_success_is_judged_by_its_body(status):
    assert fault(b"", status=status) is None


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://shop.example.invalid/api/orders", ASKED),
        ("https://shop.example.invalid/surveys/1/responses", {"answers": [1]}),
        ("https://api.openai.example.invalid/v1/threads/t/messages", {"role": "user", "content": "Hi"}),
        ("https://shop.example.invalid/messages", None),
    ],
)
def test_an_applications_own_api_is_not_judged(url, sent):
    assert fault(ERROR, url=url, sent=sent) is None
    assert fault(b"null", url=url, sent=sent) is None


@pytest.mark.parametrize("url", ["https://a.invalid/v1/responses", "https://a.invalid/v1/messages?beta=true"])
def test_a_call_of_a_model_is_known_by_its_body(url):
    assert fault(b"null", url=url) == "no reply: null"


def test_a_list_that_is_fetched_is_no_reply_of_a_model():
    assert fault(b'{"object": "list", "data": []}', method="GET", sent=None) is None
    assert fault(b"<h1>", method="GET", sent=None) is None
    assert fault(ERROR, method="GET", sent=None, url="https://a.invalid/v1/models") == "an error: 'upstream failed'"
    assert fault(b"RIFF", url="https://a.invalid/v1/audio/speech") is None


def stream(*events):
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"


def delta(text, finish_reason=None):
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}


@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=utf-8", "text/plain"])
def test_a_stream_has_to_say_why_it_ended(kind):
    assert fault(stream(delta("a"), delta("b"), delta("", "stop")), kind=kind) is None
    assert "a stream that ended without the reason why" in fault(stream(delta("a"), delta("b")), kind=kind)
    assert fault(stream(delta("a"), {"error": "gone"}), kind=kind) == "an error: 'gone'"


def test_of_a_long_stream_a_few_events_are_looked_at():
    items = streams.packed(stream(*(delta(f" word{number}") for number in range(500)), delta("", "stop")).decode())
    assert len(list(streams.events_of(items))) == 501
    assert len(list(streams.examples_of(items))) == 2


def test_events_whose_texts_say_what_they_are_are_all_looked_at():
    told = [{"type": "response.created", "n": 1}, {"type": "response.failed", "n": 2}]
    items = streams.packed(stream(*told).decode())
    assert [item for item in items if "run" in item]
    assert list(streams.examples_of(items)) == told
