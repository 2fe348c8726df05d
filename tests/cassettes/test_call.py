"""Exchanges as calls of a model: JSON and streams, of every API; anything else is listed and not understood."""

from __future__ import annotations

import json

import pytest
from scripted_replies import REPLIES, Asked

from pytest_llm import Message
from pytest_llm.calls import Prices, Usage
from pytest_llm.cassettes import Calls, Exchange, StoredReply, drifted, facts_of
from pytest_llm.cassettes.document import body_of
from pytest_llm.cassettes.identity import record_of

SSE = "text/event-stream"
PRICES = Prices.of(["tiny-2026 = 1000000 2000000 0"])


def stored(content, kind="application/json", latency_ms=250):
    return StoredReply(
        slot="1",
        number=1,
        status=200,
        latency_ms=latency_ms,
        headers={"content-type": kind},
        body=body_of(content, kind),
    )


def exchange(path, body, reply, recorded=None):
    content = json.dumps(body).encode()
    request = record_of("POST", f"https://api.example.invalid/v1/{path}", content)
    return Exchange(identity="x", request=request, reply=reply, source="replayed", role="judge", recorded=recorded)


def asked(path, **body):
    """An exchange with the scripted endpoint."""
    body = {"model": "tiny", **body}
    if path == "responses":
        body["input"] = "hi"
    elif path != "embeddings":
        body["messages"] = [{"role": "user", "content": "hi"}]
    found = REPLIES[path.partition("?")[0]](
        Asked(number=1, method="POST", path=path, headers={}, content=b"", body=body)
    )
    return exchange(path, body, stored(found.content, found.kind))


def call(of, prices=PRICES):
    [found] = Calls(lambda: [of], prices)
    return found


@pytest.mark.parametrize("stream", [{}, {"stream": True, "stream_options": {"include_usage": True}}])
@pytest.mark.parametrize(
    ("path", "usage"),
    [
        ("chat/completions", Usage(prompt_tokens=11, completion_tokens=7, total_tokens=18)),
        ("responses", Usage(prompt_tokens=5, completion_tokens=3, total_tokens=8)),
        ("messages?beta=true", Usage(prompt_tokens=13, completion_tokens=7, total_tokens=20, cached_tokens=2)),
    ],
)
def test_a_call_of_every_api_at_once_and_streamed(path, usage, stream):
    one = call(asked(path, **stream))
    assert (one.model, one.role, one.latency) == ("tiny-2026", "judge", 0.25)
    assert one.messages == (Message("user", "hi"),)
    assert one.response.text == "scripted réply 1 to: hi"
    assert one.response.messages == (Message("user", "hi"), Message("assistant", "scripted réply 1 to: hi"))
    assert (one.response.finish_reason, one.response.latency) == ("stop", 0.25)
    assert one.usage == one.response.usage == usage
    cost = usage.prompt_tokens - (usage.cached_tokens or 0) + 2 * usage.completion_tokens
    assert one.cost == one.response.cost == cost
    assert facts_of(asked(path, **stream), PRICES) == ("tiny-2026", usage, 0.25, cost)


def test_the_query_of_an_address_does_not_hide_whose_api_it_is():
    sent = {"system": "Be short.", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}
    one = call(exchange("messages?beta=true", sent, stored(b"{}")))
    assert one.messages == (Message("system", "Be short."), Message("user", "hi"))


def test_embeddings_have_tokens_and_a_price_and_no_response():
    one = call(asked("embeddings", input=["a", "b"]))
    assert (one.model, one.response, one.cost) == ("tiny-2026", None, 4.0)
    assert one.usage == Usage(prompt_tokens=4, total_tokens=4)
    assert [message.content for message in one.messages] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"hello", "text/plain"),
        (b"\xff\x00", "audio/mpeg"),
        (b"", ""),
        (b"data: [DONE]\n\n", SSE),
        (b'data: {"candidates": []}\n\n', SSE),
        (b"\xff\x00", SSE),
        (b"[1]", "application/json"),
    ],
)
def test_anything_else_is_listed(content, kind):
    one = call(exchange("audio/speech", {"model": "tiny", "input": "Say it."}, stored(content, kind, None)))
    assert (one.model, one.response, one.usage, one.cost, one.latency) == ("tiny", None, Usage(), None, None)
    assert one.messages == (Message("user", "Say it."),)
    assert call(exchange("audio/speech", {"model": 3}, stored(content, kind))).model is None
    assert call(exchange("audio/speech", [3], stored(content, kind))).model is None


def test_a_stream_that_could_not_be_packed_is_read_too():
    text = (
        'data: {"choices": [{"delta": {"content": "Hel"}}]}\r\rdata: {"choices": [{"delta": {"content": "lo \xff"}}]}'
    )
    for content in (text.encode(), text.encode("latin-1")):
        reply = stored(content, SSE)
        assert reply.body.keys() <= {"text", "base64"}
        assert call(exchange("chat/completions", {}, reply)).response.text[:6] == "Hello "


def said(text, *, stream=False):
    pieces = [text[:3], text[3:]] if stream else [text]
    deltas = [{"id": text, "choices": [{"delta": {"content": piece}}]} for piece in pieces]
    if stream:
        return stored("".join(f"data: {json.dumps(one)}\n\n" for one in deltas).encode(), SSE)
    return stored(json.dumps({"id": str(id(pieces)), "choices": [{"message": {"content": text}}]}).encode())


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [
        (said("hello"), said("hello"), False),
        (said("hello"), said("goodbye"), True),
        (said("hello", stream=True), said("hello", stream=True), False),
        (said("hello", stream=True), said("hello"), False),
        (said("hello", stream=True), said("goodbye", stream=True), True),
        (stored(b"hello", "text/plain"), stored(b"hello", "text/plain"), False),
        (stored(b"hello", "text/plain"), stored(b"hallo", "text/plain"), True),
        (None, said("hello"), None),
    ],
)
def test_a_reply_drifted_when_it_says_something_else(before, now, differs):
    assert drifted(exchange("chat/completions", {}, now, before)) is differs


def test_calls_are_a_sequence():
    calls = Calls(lambda: [asked("chat/completions"), asked("embeddings", input="a")], Prices())
    assert (len(calls), [one.model for one in calls[:1]], calls[-1].cost) == (2, ["tiny-2026"], None)
    assert repr(calls) == "<2 calls: tiny-2026, tiny-2026>"
