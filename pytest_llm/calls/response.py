"""What a model answered, read from the endpoint's JSON. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from pytest_llm.calls.message import Message
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
        """Usage as chat completions, the Responses API, embeddings and Anthropic's messages report it.

        Anthropic's `input_tokens` are those that neither came from its cache nor went into it; here they are together,
        as elsewhere. Source: the anthropic SDK, `anthropic.types.Message.usage`.
        """
        if not isinstance(data, Mapping):
            return cls()
        prompt = _integer(data, "prompt_tokens", "input_tokens")
        cached = _integer(data.get("prompt_tokens_details") or data.get("input_tokens_details"), "cached_tokens")
        if "prompt_tokens" not in data and ("cache_read_input_tokens" in data or "cache_creation_input_tokens" in data):
            cached, written = _integer(data, "cache_read_input_tokens"), _integer(data, "cache_creation_input_tokens")
            prompt = None if prompt is None else prompt + (cached or 0) + (written or 0)
        completion = _integer(data, "completion_tokens", "output_tokens")
        total = _integer(data, "total_tokens")
        out = data.get("completion_tokens_details") or data.get("output_tokens_details")
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion
            if total is None and prompt is not None and completion is not None
            else total,
            cached_tokens=cached,
            reasoning_tokens=_integer(out, "reasoning_tokens"),
        )

    @classmethod
    def sum(cls, parts: Sequence[Usage]) -> Usage:
        """The sum, field by field; a field that any part does not know is unknown."""
        if len(parts) == 1:  # as nearly always
            return parts[0]
        return cls(**{field.name: add_known([getattr(part, field.name) for part in parts]) for field in fields(cls)})


def told_cost(data: Mapping[str, JSON]) -> float | None:
    """US dollars, where a reply tells them itself, as OpenRouter's `usage.cost` does."""
    usage = data.get("usage")
    told = usage.get("cost") if isinstance(usage, Mapping) else None
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


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
        __tracebackhide__ = True  # pytest shows the test that asked
        if self.report is None:
            return self.text
        if not self.report.valid:
            findings = "\n".join(f"  {issue.line}" for issue in self.report.issues)
            raise SchemaMismatch(f"the output does not conform to the schema\n{findings}")
        return self.report.value


ReplyApi = Literal["chat", "responses", "messages"]
"""Whose reply it is: chat completions or the older completions, the Responses API, Anthropic's messages."""


def api_of(data: JSON) -> ReplyApi | None:
    """Which API's reply this is, by its shape; None where it is none that `read_reply` reads."""
    if not isinstance(data, Mapping):
        return None
    if isinstance(data.get("choices"), list):
        return "chat"
    if isinstance(data.get("content"), list) and data.get("type") == "message":
        return "messages"
    output = data.get("output")
    return "responses" if isinstance(output, list) and all(isinstance(item, Mapping) for item in output) else None


def read_reply(
    api: ReplyApi,
    data: JSON,
    *,
    sent: Sequence[Message] = (),
    answer_after: str | None = None,
    latency: float | None = None,
    cost: float | None = None,
) -> Response:
    """The response in an endpoint's JSON. Tolerant: a field that is absent or of another shape is unknown.

    With `answer_after`, what follows its last occurrence is the answer and what precedes it the reasoning; where it
    does not occur, all of the text is the answer. `cost` counts where the reply does not tell one.
    """
    data = data if isinstance(data, Mapping) else {}
    text, reasoning, refusal, calls, finish = _PARTS[api](data)
    answer, told = text, told_cost(data)
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
        cost=cost if told is None else told,
        latency=latency,
        messages=(*sent, reply),
        raw=data,
    )


def said_in(api: ReplyApi, data: JSON) -> tuple[str, str | None, tuple[ToolCall, ...]]:
    """The text, the reasoning and the tool calls in an endpoint's JSON, without all else that `read_reply` reads."""
    text, reasoning, _, calls, _ = _PARTS[api](data)
    return text, reasoning, tuple(map(_tool_call, calls))


_Parts = tuple[str, str | None, str | None, tuple[JSON, ...], str | None]


def _chat_parts(data: Mapping[str, JSON]) -> _Parts:
    choice = _first(data.get("choices"))
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    content = message.get("content", choice.get("text"))  # of completions, `text`
    if isinstance(content, list):
        content = _joined(content, "text", "text")
    return (
        _text(content) or "",
        _text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        _text(message.get("refusal")),
        tuple(_list(message.get("tool_calls"))),
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
    if data.get("status") in ("in_progress", "queued"):  # of a stream that was cut, or a reply to be fetched later
        return None
    return _text(data.get("status"))


_STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Anthropic's, in the words of chat completions."""


def _messages_parts(data: Mapping[str, JSON]) -> _Parts:
    blocks = _list(data.get("content"))
    reason, details = _text(data.get("stop_reason")), data.get("stop_details")
    return (
        _joined(blocks, "text", "text") or "",
        _joined(blocks, "thinking", "thinking"),
        _text(details.get("explanation")) if isinstance(details, Mapping) else None,
        tuple(
            call_of_block(block) for block in blocks if isinstance(block, Mapping) and block.get("type") == "tool_use"
        ),
        None if reason is None else _STOP_REASONS.get(reason, reason),
    )


def call_of_block(block: Mapping[str, JSON]) -> JSON:
    """A tool call in Anthropic's words, in those of chat completions."""
    written = block.get("input")
    arguments = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
    return {"id": block.get("id"), "type": "function", "function": {"name": block.get("name"), "arguments": arguments}}


_PARTS: Mapping[ReplyApi, Callable[[Mapping[str, JSON]], _Parts]] = {
    "chat": _chat_parts,
    "responses": _responses_parts,
    "messages": _messages_parts,
}


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
