"""From the events of a stream, the reply that the same API would have given at once. PYTEST_DONT_REWRITE

Values in, values out. Tolerant, as all reading of replies: a stream that was cut gives what there is, without a
reason why it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pytest_llm.schemas import JSON

_ONCE = frozenset({"role", "id", "type", "name", "index"})
"""Fields of a delta that are told, some of them again and again; other texts are continued."""

_RESPONSE_DELTAS: Mapping[str, tuple[str, str, str, str]] = {
    "response.output_text.delta": ("content", "content_index", "output_text", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "summary_text", "text"),
}
"""Where a delta goes: the item's list, the key of the place in it, the part's type and field."""


def whole_reply(events: Iterable[JSON]) -> JSON:
    """The reply of chat completions, completions, the Responses API or Anthropic's messages; None of anything else."""
    told = [event for event in events if isinstance(event, Mapping)]
    kinds = {_kind(event) for event in told}
    if any(isinstance(event.get("choices"), list) for event in told):
        return _completion(told)
    if any(kind.startswith("response.") for kind in kinds):
        return _response(told)
    if "message_start" in kinds:
        return _message(told)
    return None


def _completion(events: Sequence[Mapping[str, JSON]]) -> JSON:
    whole: dict[str, JSON] = {}
    choices: dict[int, JSON] = {}
    for event in events:
        whole |= {key: value for key, value in event.items() if value or key not in whole}
        for place, piece in enumerate(_mappings(event.get("choices"))):
            index = _place(piece, "index", place)
            choices[index] = _continued(choices.get(index, {"index": index, "finish_reason": None}), piece)
    whole.pop("obfuscation", None)  # OpenAI's padding of events
    kind = str(whole.get("object", "chat.completion")).removesuffix(".chunk")
    return {**whole, "object": kind, "choices": [_finished(choices[index]) for index in sorted(choices)]}


def _finished(choice: Mapping[str, JSON]) -> JSON:
    """Without the places of tool calls, which only deltas have."""
    message = choice.get("message")
    if not isinstance(message, Mapping) or "tool_calls" not in message:
        return choice
    calls = [{key: value for key, value in call.items() if key != "index"} for call in _mappings(message["tool_calls"])]
    return {**choice, "message": {**message, "tool_calls": calls}}


def _continued(choice: Mapping[str, JSON], piece: Mapping[str, JSON]) -> JSON:
    told = {key: value for key, value in piece.items() if value is not None and key not in ("index", "delta")}
    told |= {key: _joined(choice.get(key), told[key]) for key in ("text", "logprobs") if key in told}
    if isinstance(piece.get("delta"), Mapping):
        told["message"] = _joined(choice.get("message", {"role": "assistant", "content": None}), piece["delta"])
    return {**choice, **told}


def _joined(before: JSON, piece: JSON) -> JSON:
    """A value continued by a delta."""
    if isinstance(piece, Mapping):
        found = dict(before) if isinstance(before, Mapping) else {}
        for key, value in piece.items():
            is_told_again = key in _ONCE and value not in (None, "")
            found[key] = value if is_told_again else _joined(found.get(key), value)
        return found
    if isinstance(piece, list):
        items = list(before) if isinstance(before, list) else []
        for one in piece:
            places = [place for place, other in enumerate(items) if _index(one) == _index(other) is not None]
            if places:
                items[places[0]] = _joined(items[places[0]], one)
            else:
                items.append(_joined(None, one))
        return items
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    return before if piece is None else piece


def _index(value: JSON) -> JSON:
    return value.get("index") if isinstance(value, Mapping) else None


def _response(events: Sequence[Mapping[str, JSON]]) -> JSON:
    """The last state that was told; its output, where that state has none yet, from the deltas."""
    whole: Mapping[str, JSON] = {}
    items: dict[int, dict[str, JSON]] = {}
    parts: dict[tuple[int, str, int], dict[str, JSON]] = {}
    for event in events:
        if isinstance(event.get("response"), Mapping):
            whole = event["response"]
        place, kind = _place(event, "output_index"), _kind(event)
        if kind in ("response.output_item.added", "response.output_item.done"):
            items[place] = dict(event["item"]) if isinstance(event.get("item"), Mapping) else {}
        if kind == "response.output_item.done":
            parts = {key: part for key, part in parts.items() if key[0] != place}
        elif kind == "response.function_call_arguments.delta":
            item = items.setdefault(place, {"type": "function_call"})
            item["arguments"] = _joined(item.get("arguments"), event.get("delta"))
        elif kind in _RESPONSE_DELTAS:
            within, index, type_, field = _RESPONSE_DELTAS[kind]
            part = parts.setdefault((place, within, _place(event, index)), {"type": type_})
            part[field] = _joined(part.get(field), event.get("delta"))
    for (place, within, _), part in sorted(parts.items(), key=lambda one: one[0]):
        item = items.setdefault(place, {"type": "message", "role": "assistant"})
        item[within] = [*_mappings(item.get(within)), part]
    return {**whole, "output": whole.get("output") or [items[place] for place in sorted(items)]}


def _message(events: Sequence[Mapping[str, JSON]]) -> JSON:
    whole: dict[str, JSON] = {}
    blocks: dict[int, dict[str, JSON]] = {}
    inputs: dict[int, JSON] = {}
    for event in events:
        place, kind, delta = _place(event, "index"), _kind(event), event.get("delta")
        delta = delta if isinstance(delta, Mapping) else {}
        if kind == "message_start":
            whole = dict(event["message"]) if isinstance(event.get("message"), Mapping) else {}
        elif kind == "content_block_start" and isinstance(event.get("content_block"), Mapping):
            blocks[place] = dict(event["content_block"])
        elif kind == "content_block_delta":
            block = blocks.setdefault(place, {"type": "text"})
            _continue_block(block, delta)
            inputs[place] = _joined(inputs.get(place), delta.get("partial_json"))
        elif kind == "message_delta":
            whole |= _known(delta)
            whole["usage"] = _known(whole.get("usage")) | _known(event.get("usage"))  # totals so far, not differences
    for place, written in inputs.items():
        if isinstance(written, str) and written:
            blocks[place]["input"] = _parsed(written)
    return {**whole, "content": [blocks[place] for place in sorted(blocks)]}


def _continue_block(block: dict[str, JSON], delta: Mapping[str, JSON]) -> None:
    match delta.get("type"):
        case "text_delta":
            block["text"] = _joined(block.get("text"), delta.get("text"))
        case "thinking_delta":
            block["thinking"] = _joined(block.get("thinking"), delta.get("thinking"))
        case "signature_delta":
            block["signature"] = delta.get("signature")
        case "citations_delta":
            block["citations"] = _joined(block.get("citations"), [delta.get("citation")])


def _parsed(text: str) -> JSON:
    """The arguments of a tool call; of one that was cut, their text so far."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _known(value: JSON) -> dict[str, JSON]:
    return {key: one for key, one in value.items() if one is not None} if isinstance(value, Mapping) else {}


def _mappings(value: JSON) -> list[JSON]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _kind(event: Mapping[str, JSON]) -> str:
    kind = event.get("type")
    return kind if isinstance(kind, str) else ""


def _place(event: Mapping[str, JSON], key: str, otherwise: int = 0) -> int:
    place = event.get(key)
    return place if isinstance(place, int) else otherwise
