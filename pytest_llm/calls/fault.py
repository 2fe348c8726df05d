"""Find replies with a status of success that hold an error, or no reply at all. PYTEST_DONT_REWRITE

Gateways answer 200 with `{"error": …}`, servers with `null` or `choices: []`, and a stream may end too early. Taken for
a reply, such a body would be an empty text, which passes every check of what must *not* occur.

A reply that was cut or filtered, or that holds audio or tool calls instead of text, is no fault: it names the reason
why it ended, and was paid for. Sources: the API references of OpenAI, Anthropic and OpenRouter for their errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_llm.calls.streamed import whole_reply
from pytest_llm.schemas import JSON

LONGEST_SHOWN = 120
LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a reply holds in the place of a model's answer."""

    #: In the endpoint's own words where it has some; completes "the endpoint answered 200 with …".
    what: str
    #: The HTTP status that the body names, 400..599; None where it names none.
    status: int | None = None
    #: The endpoint's word for the error, such as "rate_limit_exceeded"; None where it has none.
    code: str | None = None


def is_transient(status: int | None) -> bool:
    """Return whether a request that failed with this HTTP status may succeed when it is sent again."""
    return status is not None and (status in (408, 409, 429) or status >= 500)


def fault_of(endpoint: str, data: JSON) -> Fault | None:
    """Return what makes the JSON of a reply no reply of this model endpoint; None where nothing does.

    `endpoint` is the end of the path, "chat/completions" for one.

    >>> fault_of("chat/completions", {"error": {"message": "upstream failed", "code": 502}}).what
    "an error: 'upstream failed' (code 502)"
    """
    if isinstance(data, dict) and _is_error(data.get("error")):
        return _error(data["error"], data)
    find = _FINDERS.get(endpoint)
    return None if find is None else find(data)


def fault_of_stream(endpoint: str, events: Iterable[JSON]) -> Fault | None:
    """Return what makes the events of a stream no reply of this model endpoint; None where nothing does.

    Of events that differ only in their texts, one is enough.
    """
    objects = [event for event in events if isinstance(event, dict)]
    for event in objects:
        if _is_error(event.get("error")) or event.get("type") == "error":
            return _error(event.get("error") or event, event)
    match endpoint:
        case "chat/completions" | "completions":
            return _choices_fault(whole_reply(objects), is_stream=True)
        case "messages":
            whole = whole_reply(objects)
            return None if isinstance(whole, dict) and _is_word(whole.get("stop_reason")) else _no_reply(_CUT)
        case "responses":
            return _response_stream_fault(objects)
    return None


def not_json(text: str) -> Fault:
    """Return the fault of a reply that is no JSON."""
    return Fault(what=f"something that is no JSON: {text[:80]!r}")


def judges(endpoint: str) -> bool:
    """Return whether the replies of a model endpoint have a shape that is known here."""
    return endpoint in _FINDERS


_CUT = "a stream that ended without the reason why (finish_reason)"


def _is_error(value: JSON) -> bool:
    """Return whether an `error` field holds an error: some servers send null, false or "" with every good reply."""
    return value not in (None, False, "")


def _error(error: JSON, around: Mapping[str, JSON]) -> Fault:
    """Return the fault that an endpoint names itself; `around` is the object that holds the error."""
    source = error if isinstance(error, dict) else around
    code, kind, message = source.get("code"), source.get("type"), source.get("message")
    text = next((one for one in (message, error) if isinstance(one, str) and one), None) or _shown(error)
    status = _status_of(code)
    words = [
        one for one in (code, kind) if isinstance(one, str) and one not in ("", "error") and _status_of(one) is None
    ]
    shown = f" (code {code})" if isinstance(code, int | str) and code != "" else ""
    return Fault(what=f"an error: {text[:LONGEST_MESSAGE]!r}{shown}", status=status, code=words[0] if words else None)


def _status_of(code: JSON) -> int | None:
    """Return an HTTP status that is written as a number or as digits; None for anything else."""
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
        code = int(code)
    return code if type(code) is int and 400 <= code <= 599 else None


def _choices_fault(data: JSON, *, is_stream: bool = False) -> Fault | None:
    """Find what is wrong with a reply of chat completions, or of the older completions."""
    choices = data.get("choices") if isinstance(data, dict) else None
    if not is_stream and type(choices) is list and len(choices) == 1 and _is_ordinary(choices[0]):
        return None
    if not isinstance(choices, list) or not choices:
        return _no_reply(_CUT if is_stream else f"no choice in {_shown(data)}")
    found = [choice if isinstance(choice, dict) else {} for choice in choices]
    for choice in found:
        if _is_error(choice.get("error")):  # OpenRouter, where a provider breaks off
            return _error(choice["error"], choice)
        if choice.get("finish_reason") == "error":
            return Fault(what="a choice that ended in an error")
    if not any(_is_word(choice.get("finish_reason")) for choice in found):
        return _no_reply(_CUT if is_stream else "no choice says why it ended (finish_reason)")
    return None if is_stream else next(filter(None, map(_choice_fault, found)), None)


def _is_word(value: JSON) -> bool:
    """Return whether a value is a text, and not empty."""
    return isinstance(value, str) and value != ""


def _is_ordinary(choice: JSON) -> bool:
    """Return at once whether a choice is what nearly all are: every replay looks at it."""
    if type(choice) is not dict or choice.get("finish_reason") not in ("stop", "length", "tool_calls"):
        return False
    message = choice.get("message")
    return type(message) is dict and isinstance(message.get("content"), str) and "error" not in choice


def _choice_fault(choice: Mapping[str, JSON]) -> Fault | None:
    message = choice.get("message")
    if not isinstance(message, dict):
        is_reply = choice.get("finish_reason") != "stop" or isinstance(choice.get("text"), str)
        return None if is_reply else _no_reply("a choice without a message")
    content = message.get("content")
    return None if content is None or isinstance(content, str | list) else _no_reply(f"the content {_shown(content)}")


def _response_fault(data: JSON) -> Fault | None:
    """Find what is wrong with a reply of the Responses API."""
    if not isinstance(data, dict):
        return _no_reply(_shown(data))
    if data.get("status") == "failed":
        return Fault(what="a response that failed, without the reason why")
    if data.get("status") is None and not isinstance(data.get("output"), list):
        return _no_reply(f"neither output nor status in {_shown(data)}")
    return None


def _response_stream_fault(events: Sequence[Mapping[str, JSON]]) -> Fault | None:
    for event in events:
        response = event.get("response")
        if isinstance(response, dict) and (fault := fault_of("responses", response)) is not None:
            return fault
    kinds = [event.get("type") for event in events]
    if "response.failed" in kinds:
        return Fault(what="a response that failed, without the reason why")
    return None if {"response.completed", "response.incomplete"}.intersection(map(str, kinds)) else _no_reply(_CUT)


def _vectors_fault(data: JSON) -> Fault | None:
    """Find what is wrong with a reply of vectors.

    Those of OpenAI stand in `data`, that of Ollama in `embedding`; llama.cpp answers with a list.
    """
    found = data.get("data", [data]) if isinstance(data, dict) else data
    is_reply = isinstance(found, list) and bool(found) and all(map(_has_vector, found))
    return None if is_reply else _no_reply(f"no vector in {_shown(data)}")


def _has_vector(item: JSON) -> bool:
    """Return whether an item holds numbers, their base64, or several forms of these."""
    if isinstance(item, dict):
        vector = item.get("embedding") or item.get("embeddings")
        return isinstance(vector, str | dict) or _has_vector(vector)
    return isinstance(item, list) and bool(item) and isinstance(item[0], int | float | list)


def _message_fault(data: JSON) -> Fault | None:
    """Find what is wrong with a reply of Anthropic's messages."""
    if not isinstance(data, dict):
        return _no_reply(_shown(data))
    if data.get("type") == "error":
        return _error(data, data)
    if data.get("type") == "message" and not _is_word(data.get("stop_reason")):
        return _no_reply("a message that does not say why it ended (stop_reason)")
    return None


_FINDERS: Mapping[str, Callable[[JSON], Fault | None]] = {
    "chat/completions": _choices_fault,
    "completions": _choices_fault,
    "responses": _response_fault,
    "messages": _message_fault,
    "embeddings": _vectors_fault,
}


def _no_reply(reason: str) -> Fault:
    return Fault(what=f"no reply: {reason}")


def _shown(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
