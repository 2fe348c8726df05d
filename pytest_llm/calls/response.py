"""What a model answered, read from the endpoint's JSON. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pytest_llm.calls.message import Message
from pytest_llm.calls.request import Api
from pytest_llm.errors import SchemaMismatch
from pytest_llm.schemas import JSON, Issue, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or more exchanges; None where the provider did not tell, never 0 for unknown."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    #: The part of `prompt_tokens` that the provider took from its cache.
    cached_tokens: int | None = None
    #: The part of `completion_tokens` that was spent on hidden reasoning.
    reasoning_tokens: int | None = None

    @classmethod
    def of(cls, data: JSON) -> Usage:
        """Usage as chat completions, the Responses API and embeddings report it."""
        if not isinstance(data, Mapping):
            return cls()
        prompt = _integer(data, "prompt_tokens", "input_tokens")
        completion = _integer(data, "completion_tokens", "output_tokens")
        total = _integer(data, "total_tokens")
        into = data.get("prompt_tokens_details") or data.get("input_tokens_details")
        out = data.get("completion_tokens_details") or data.get("output_tokens_details")
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion
            if total is None and prompt is not None and completion is not None
            else total,
            cached_tokens=_integer(into, "cached_tokens"),
            reasoning_tokens=_integer(out, "reasoning_tokens"),
        )

    @classmethod
    def sum(cls, parts: Sequence[Usage]) -> Usage:
        """The sum, field by field; a field that any part does not know is unknown."""
        return cls(**{field.name: add_known([getattr(part, field.name) for part in parts]) for field in fields(cls)})


def add_known(numbers: Sequence[Any]) -> Any:
    """The sum of numbers, or None if one of them is None, or if there is none."""
    return None if not numbers or None in numbers else sum(numbers)


def _integer(data: JSON, *names: str) -> int | None:
    if isinstance(data, Mapping):
        for name in names:
            if isinstance(data.get(name), int):
                return int(data[name])
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool that the model asked for."""

    name: str
    #: The arguments, parsed; None when they are not JSON.
    arguments: JSON
    #: The arguments as the model wrote them.
    arguments_text: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a prompt answered to one set of inputs; of a dialogue, its last reply."""

    #: The answer, without the reasoning that came before it.
    text: str
    #: What the model wrote before the answer, or in a field of its own; None where there is none.
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    #: "stop", "length", "tool_calls", "content_filter", …; None where not told.
    finish_reason: str | None = None
    refusal: str | None = None
    #: The model that the provider says has answered.
    model: str | None = None
    #: Of all turns together.
    usage: Usage = Usage()
    #: US dollars; None where no price is known.
    cost: float | None = None
    #: Seconds on the wire when it was recorded, all turns together; None where unknown.
    latency: float | None = None
    #: The whole conversation: what was sent, and the replies.
    messages: tuple[Message, ...] = ()
    #: The endpoint's JSON, of the last turn.
    raw: JSON = None
    #: What the schema says of `text`; None without a schema.
    report: Report | None = None

    @property
    def valid(self) -> bool | None:
        """Whether the output conforms to the schema; None without a schema."""
        return None if self.report is None else self.report.valid

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What the schema finds wrong; empty when valid, and without a schema."""
        return () if self.report is None else self.report.issues

    @property
    def value(self) -> Any:
        """The validated output; without a schema, the text.

        Raises SchemaMismatch, an AssertionError that lists the findings, when the output is not valid.
        """
        if self.report is None:
            return self.text
        if not self.report.valid:
            findings = "\n".join(f"  {issue.line}" for issue in self.report.issues)
            raise SchemaMismatch(f"the output does not conform to the schema\n{findings}")
        return self.report.value


def read_reply(
    api: Api,
    data: JSON,
    *,
    sent: Sequence[Message] = (),
    answer_after: str | None = None,
    latency: float | None = None,
) -> Response:
    """The response in an endpoint's JSON. Tolerant: a field that is absent or of another shape is unknown.

    With `answer_after`, what follows its last occurrence is the answer and what precedes it the reasoning; where it
    does not occur, all of the text is the answer.
    """
    data = data if isinstance(data, Mapping) else {}
    text, reasoning, refusal, calls, finish = (_chat_parts if api == "chat" else _responses_parts)(data)
    answer = text
    if answer_after is not None and answer_after in text:
        before, _, after = text.rpartition(answer_after)
        answer, reasoning = after.strip(), before.strip()
    reply = Message("assistant", text, tool_calls=calls)
    return Response(
        text=answer,
        reasoning=reasoning,
        tool_calls=tuple(_tool_call(call) for call in calls),
        finish_reason=finish,
        refusal=refusal,
        model=_text(data.get("model")),
        usage=Usage.of(data.get("usage")),
        latency=latency,
        messages=(*sent, reply),
        raw=data,
    )


_Parts = tuple[str, str | None, str | None, tuple[JSON, ...], str | None]


def _chat_parts(data: Mapping[str, JSON]) -> _Parts:
    choice = _first(data.get("choices"))
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    calls = message.get("tool_calls")
    return (
        _text(message.get("content")) or "",
        _text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        _text(message.get("refusal")),
        tuple(_list(calls)),
        _text(choice.get("finish_reason")),
    )


def _responses_parts(data: Mapping[str, JSON]) -> _Parts:
    items = [item for item in _list(data.get("output")) if isinstance(item, Mapping)]
    parts = [part for item in items if item.get("type") == "message" for part in _list(item.get("content"))]
    calls = tuple(
        {
            "id": item.get("call_id"),
            "type": "function",
            "function": {"name": item.get("name"), "arguments": item.get("arguments")},
        }
        for item in items
        if item.get("type") == "function_call"
    )
    thoughts = [part for item in items if item.get("type") == "reasoning" for part in _list(item.get("summary"))]
    return (
        _joined(parts, "output_text", "text") or "",
        _joined(thoughts, "summary_text", "text"),
        _joined(parts, "refusal", "refusal"),
        calls,
        _finish(data, calls),
    )


def _finish(data: Mapping[str, JSON], calls: tuple[JSON, ...]) -> str | None:
    """The Responses API's status, in the words of chat completions."""
    if data.get("status") == "incomplete":
        details = data.get("incomplete_details")
        reason = _text(details.get("reason")) if isinstance(details, Mapping) else None
        return "length" if reason == "max_output_tokens" else reason
    if data.get("status") == "completed":
        return "tool_calls" if calls else "stop"
    return _text(data.get("status"))


def _joined(parts: Sequence[JSON], kind: str, field: str) -> str | None:
    found = [part.get(field) for part in parts if isinstance(part, Mapping) and part.get("type") == kind]
    return "".join(text for text in found if isinstance(text, str)) if found else None


def _tool_call(call: JSON) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    function = function if isinstance(function, Mapping) else {}
    text = _text(function.get("arguments")) or ""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = None
    id_ = _text(call.get("id")) if isinstance(call, Mapping) else None
    return ToolCall(name=_text(function.get("name")) or "", arguments=arguments, arguments_text=text, id=id_)


def _first(items: JSON) -> Mapping[str, JSON]:
    found = items[0] if isinstance(items, list) and items else None
    return found if isinstance(found, Mapping) else {}


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None
