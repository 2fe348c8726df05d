"""What a request says to a model, whichever API it is for. Values in, values out. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_llm.calls.message import Message
from pytest_llm.calls.response import call_of_block
from pytest_llm.errors import LlmError
from pytest_llm.schemas import JSON

_TEXTS = frozenset({"text", "input_text", "output_text", "summary_text"})
_CHAT_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


def messages_of(endpoint: str, body: JSON) -> tuple[Message, ...]:
    """The messages of a request, those that are of a known shape.

    `endpoint` is the end of the path: "messages" (Anthropic), "chat/completions", "responses", "embeddings", or of
    anything else the address, where the body is read as if it were for one of the others.
    """
    if not isinstance(body, Mapping):
        return ()
    if endpoint == "messages":
        found = _anthropic(body)
    elif "messages" in body:
        found = (({key: one[key] for key in _CHAT_KEYS if one.get(key)}) for one in _mappings(body["messages"]))
    else:
        found = _input(body)
    return tuple(message for fields in found if (message := _message(fields)) is not None)


def _message(fields: Mapping[str, JSON]) -> Message | None:
    try:
        return Message.of(fields)
    except (LlmError, TypeError):
        return None


def _input(body: Mapping[str, JSON]) -> Iterator[Mapping[str, JSON]]:
    """Of the Responses API, of embeddings, and of the older completions."""
    if body.get("instructions"):
        yield {"role": "system", "content": _shown(body["instructions"])}
    said = body.get("input", body.get("prompt"))
    for item in said if isinstance(said, list) else [said]:
        if isinstance(item, str):
            yield {"role": "user", "content": item}
        elif isinstance(item, Mapping):
            yield _item(item)


def _item(item: Mapping[str, JSON]) -> Mapping[str, JSON]:
    match item.get("type"):
        case "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            return {
                "role": "assistant",
                "tool_calls": [{"id": item.get("call_id"), "type": "function", "function": function}],
            }
        case "function_call_output":
            return {"role": "tool", "tool_call_id": item.get("call_id"), "content": _shown(item.get("output"))}
        case _:
            return {"role": item.get("role"), "content": _shown(item.get("content"))}


def _anthropic(body: Mapping[str, JSON]) -> Iterator[Mapping[str, JSON]]:
    """As chat completions would have it: results of tools are messages of their own, before what is said with them."""
    if body.get("system"):
        yield {"role": "system", "content": _shown(body["system"])}
    for one in _mappings(body.get("messages")):
        blocks = one.get("content")
        if not isinstance(blocks, list):
            yield {"role": one.get("role"), "content": blocks}
            continue
        calls = [call_of_block(block) for block in _mappings(blocks) if block.get("type") == "tool_use"]
        results = [block for block in _mappings(blocks) if block.get("type") == "tool_result"]
        for block in results:
            yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _shown(block.get("content"))}
        rest = [block for block in _mappings(blocks) if block.get("type") not in ("tool_use", "tool_result")]
        if rest or calls or not results:
            yield {"role": one.get("role"), "content": _shown(rest) or None, "tool_calls": calls}


def _shown(content: JSON) -> str:
    """Content as text; of a part that is none, its kind: "[image]"."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return "".join(_part(part) for part in content)


def _part(part: JSON) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return ""
    text = part.get("text")
    return text if part.get("type") in _TEXTS and isinstance(text, str) else f"[{part.get('type')}]"


def _mappings(value: JSON) -> list[Mapping[str, JSON]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
