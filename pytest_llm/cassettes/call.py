"""Exchanges as a test sees them: calls of a model. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_llm.calls import Message, Prices, Response, Usage, read_reply
from pytest_llm.cassettes.document import StoredReply
from pytest_llm.cassettes.recorder import CallRole, Exchange
from pytest_llm.errors import LlmError


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One exchange with a model, as `llm_calls` shows it."""

    model: str | None
    #: What was sent.
    messages: tuple[Message, ...]
    #: The reply, where the plugin can read it.
    response: Response | None
    #: Who asked: "subject" (the code or prompt under test), "judge" (a grader), "retrieval" (either, for embeddings),
    #: "fixture" (of wider scope).
    role: CallRole
    usage: Usage
    #: US dollars; None where no price is known.
    cost: float | None
    #: Seconds on the wire, when it was recorded.
    latency: float | None


class Calls(Sequence[Call]):
    """The calls that an item has made so far; it grows as the test goes on."""

    def __init__(self, exchanges: Callable[[], Sequence[Exchange]], prices: Prices) -> None:
        self._exchanges = exchanges
        self._prices = prices

    def __len__(self) -> int:
        return len(self._exchanges())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [_call(one, self._prices) for one in self._exchanges()[index]]
        return _call(self._exchanges()[index], self._prices)

    def __repr__(self) -> str:
        return f"<{len(self)} calls: {', '.join(str(call.model) for call in self)}>"


def facts_of(exchange: Exchange, prices: Prices) -> tuple[str | None, Usage, float | None, float | None]:
    """The model that answered, the tokens, the recorded seconds and the US dollars of an exchange."""
    data = exchange.reply.body.get("json")
    latency = None if exchange.reply.latency_ms is None else exchange.reply.latency_ms / 1000
    if not isinstance(data, Mapping):
        return None, Usage(), latency, None
    model = data.get("model")
    model = model if isinstance(model, str) else None
    usage = Usage.of(data.get("usage"))
    return model, usage, latency, prices.cost(model, usage)


def drifted(exchange: Exchange) -> bool | None:
    """Whether a reply says something else than the recorded one; None where there is nothing to compare."""
    if exchange.recorded is None:
        return None
    return _said(exchange.recorded) != _said(exchange.reply)


def _said(reply: StoredReply) -> object:
    """What a reply says: of a model's, without what differs each time (id, date, timings, tokens)."""
    data = reply.body.get("json")
    if not isinstance(data, Mapping) or not ("choices" in data or "output" in data):
        return reply.status, reply.body
    read = read_reply("chat" if "choices" in data else "responses", data)
    return reply.status, read.text, read.reasoning, [(one.name, one.arguments_text) for one in read.tool_calls]


def _call(exchange: Exchange, prices: Prices) -> Call:
    body = exchange.request.get("body")
    body = body if isinstance(body, Mapping) else {}
    data = exchange.reply.body.get("json")
    model, usage, latency, cost = facts_of(exchange, prices)
    sent = tuple(_messages(body.get("messages") or body.get("input")))
    response = None
    if isinstance(data, Mapping) and ("choices" in data or "output" in data):
        response = read_reply("chat" if "choices" in data else "responses", data, sent=sent, latency=latency)
    return Call(
        model=model or body.get("model"),
        messages=sent,
        response=response,
        role=exchange.role,
        usage=usage,
        cost=cost,
        latency=latency,
    )


def _messages(sent: Any) -> Iterator[Message]:
    """The messages of a request, those that are of a known shape."""
    if isinstance(sent, str):
        yield Message("user", sent)
    for one in sent if isinstance(sent, list) else ():
        try:
            yield Message.of({key: one[key] for key in ("role", "content", "name", "tool_calls") if one.get(key)})
        except (LlmError, AttributeError, KeyError, TypeError):
            continue
