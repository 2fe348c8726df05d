"""Exchanges as a test sees them: calls of a model. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_llm.calls import Message, Prices, Response, Usage, api_of, messages_of, read_reply, said_in, whole_reply
from pytest_llm.cassettes import streams
from pytest_llm.cassettes.document import content_of
from pytest_llm.cassettes.entry import StoredReply
from pytest_llm.cassettes.identity import canonical
from pytest_llm.cassettes.recorder import CallRole, Exchange
from pytest_llm.schemas import JSON


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


def told_by(reply: StoredReply) -> JSON:
    """The JSON of a reply; of a stream, what the same API would have given at once. None of anything else."""
    body = reply.body
    if "json" in body:
        return body["json"]
    if "stream" in body:
        return whole_reply(streams.events_of(body["stream"]))
    if "event-stream" in reply.headers.get("content-type", ""):
        return whole_reply(streams.events_in(content_of(body).decode(errors="replace")))
    return None


def facts_of(exchange: Exchange, prices: Prices) -> tuple[str | None, Usage, float | None, float | None]:
    """The model that answered, the tokens, the recorded seconds and the US dollars of an exchange."""
    return _facts(told_by(exchange.reply), exchange, prices)


def _facts(data: JSON, exchange: Exchange, prices: Prices) -> tuple[str | None, Usage, float | None, float | None]:
    reply = exchange.reply
    latency = None if reply.latency_ms is None else reply.latency_ms / 1000
    if not isinstance(data, Mapping):
        return None, Usage(), latency, None
    model = data.get("model")
    return (
        model if isinstance(model, str) else None,
        Usage.of(data.get("usage")),
        latency,
        prices.cost_of(data, exchange.at),
    )


def drifted(exchange: Exchange) -> bool | None:
    """Whether a reply says something else than the recorded one; None where there is nothing to compare."""
    if exchange.recorded is None:
        return None
    return _said(exchange.recorded) != _said(exchange.reply)


def _said(reply: StoredReply) -> object:
    """What a reply says: of a model's, without what differs each time (id, date, timings, tokens, pieces)."""
    data = told_by(reply)
    api = api_of(data)
    if api is None:
        return reply.status, reply.body
    text, reasoning, calls = said_in(api, data)
    return reply.status, text, reasoning, [(one.name, one.arguments_text) for one in calls]


def requests_digest(exchanges: Sequence[Exchange], policies: Iterable[str] = ()) -> str:
    """16 hex digits over what an item asked, whatever the order in which concurrent requests were sent.

    What its judges ask is made of the replies, and no change of the request.
    What a correction asks is made of the reply before it; of corrections the policies count instead, by their digests,
    so that the same prompt, drawn again, is the same.
    """
    asked = sorted({_place(one) for one in exchanges if one.role != "judge" and not _arm(one)})
    told = sorted(set(policies))
    return _digest([*asked, *told] if told else asked)


def replies_digest(exchanges: Sequence[Exchange]) -> str:
    """16 hex digits over what the replies to an item say, so that the same words from two calls are the same."""
    distinct = {_place(one): one for one in exchanges}  # an error answers several tries
    return _digest([[*place, _said(distinct[place].reply)] for place in sorted(distinct)])


def recording_digest(exchanges: Sequence[Exchange]) -> str:
    """8 hex digits over the replies to an item with their ids and dates: the same words, drawn again, have others."""
    distinct = {_place(one): one.reply for one in exchanges}
    return _digest([[*place, distinct[place].status, distinct[place].body] for place in sorted(distinct)])[:8]


def _place(exchange: Exchange) -> tuple[str, str, int]:
    """What was asked, and the how-manieth time; whichever sample asked it."""
    return exchange.identity, _arm(exchange), exchange.reply.number


def _arm(exchange: Exchange) -> str:
    return exchange.reply.slot.partition("/")[2]


def _digest(value: object) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


def is_single_draw(exchanges: Sequence[Exchange]) -> bool:
    """Whether only one draw can come of what was asked: temperature 0, a seed, or replies from a provider's cache."""
    asked = [one for one in exchanges if one.role == "subject"]
    return bool(asked) and all(_is_fixed(one) for one in asked)


def _is_fixed(exchange: Exchange) -> bool:
    body = exchange.request.get("body")
    fixed = isinstance(body, Mapping) and (body.get("temperature") == 0 or body.get("seed") is not None)
    said = " ".join(value for name, value in exchange.reply.headers.items() if "cache" in name.lower())
    return fixed or "hit" in said.lower()


def _call(exchange: Exchange, prices: Prices) -> Call:
    body = exchange.request.get("body")
    data = told_by(exchange.reply)
    model, usage, latency, cost = _facts(data, exchange, prices)
    sent = messages_of(str(exchange.request["url"]).partition("?")[0], body)
    asked = body.get("model") if isinstance(body, Mapping) else None
    api = api_of(data)
    response = None if api is None else replace(read_reply(api, data, sent=sent, latency=latency), cost=cost)
    return Call(
        model=model or (asked if isinstance(asked, str) else None),
        messages=sent,
        response=response,
        role=exchange.role,
        usage=usage,
        cost=cost,
        latency=latency,
    )
