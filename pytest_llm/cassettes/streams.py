"""Replies that come as a stream of events (SSE): packed to be read by a person, unpacked to replay. PYTEST_DONT_REWRITE

A packed stream is a list of these, in their order:

    - line_end: crlf           at the beginning, where lines do not end in LF
    - head: 'event: …'         an event: the lines before its data, where there are any,
      data: {…}                and its data
      run:                     or several events, equal but for these fields:
      - at: /delta/text          their texts in one, to be cut after 3, 4 and 4 characters
        text: The basket.
        cuts: 3 4 4
      - at: /sequence_number     a number that rises by one
    - raw: 'data: [DONE]'      an event without JSON, as it is
    - rest: 'data: {"cho'      what comes after the last event

So a word that changes in an answer changes a line or two, not every event that carried a piece of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from pytest_llm.cassettes.places import Path, steps_of, value_at, with_value
from pytest_llm.schemas import JSON, load_json, pointer

_Event: TypeAlias = tuple[str, JSON]
"""The lines before the data, and the data."""

_DATA = "data:"


def packed(text: str) -> list[JSON] | None:
    """A stream in packed form; None where it has no JSON, or that would not give back every event."""
    plain = text.replace("\r\n", "\n")
    if "\r" in plain or text not in (plain, plain.replace("\n", "\r\n")):
        return None
    line_end, blocks, rest = parsed = _parsed(text)
    items: list[JSON] = [] if line_end == "\n" else [{"line_end": "crlf"}]
    at = 0
    while at < len(blocks):
        block = blocks[at]
        if isinstance(block, str):
            items.append({"raw": block})
            at += 1
        else:
            count, fields = _run(blocks, at)
            items.append(_item([one for one in blocks[at : at + count] if not isinstance(one, str)], fields))
            at += count
    if rest:
        items.append({"rest": rest})
    has_json = any("data" in item for item in items)
    return items if has_json and json.dumps(_parsed(unpacked(items))) == json.dumps(parsed) else None


def unpacked(items: list[JSON]) -> str:
    """The text of a packed stream; of JSON the same value, not the same white space.

    Raises LookupError, ValueError, TypeError or AttributeError for a list that `packed` did not make.
    """
    blocks, line_end, rest = [], "\n", ""
    for item in items:
        if "data" in item:
            head = [item["head"]] if "head" in item else []
            for data in _data(item):
                line = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
                blocks.append("\n".join([*head, f"{_DATA} {line}"]))
        elif "raw" in item:
            blocks.append(item["raw"])
        elif "rest" in item:
            rest = item["rest"]
        else:
            line_end = {"crlf": "\r\n"}[item["line_end"]]
    return "\n\n".join([*blocks, rest]).replace("\n", line_end)


def events_of(items: list[JSON]) -> Iterator[JSON]:
    """The JSON of every event of a packed stream."""
    for item in items:
        if "data" in item:
            yield from _data(item)
        else:
            yield from events_in(item.get("raw") or item.get("rest") or "")


def examples_of(items: list[JSON]) -> Iterator[JSON]:
    """Return the events of a packed stream, but only the first of a run whose events differ in pieces of text alone.

    They show how the stream ended, at a cost that does not grow with its length.
    """
    for item in items:
        if "run" in item and not any(steps_of(field["at"])[-1] in _TELLING for field in item["run"]):
            yield next(_data(item))
        else:
            yield from events_of([item])


_TELLING = frozenset({"type", "status", "error", "code", "message", "finish_reason", "stop_reason"})
"""Fields whose text says what an event is."""


def events_in(text: str) -> Iterator[JSON]:
    """The JSON of every event of a stream; also of one that its end cut off, if it is whole."""
    for block in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = [line.removeprefix(_DATA) for line in block.split("\n") if line.startswith(_DATA)]
        try:
            yield json.loads("\n".join(lines))
        except (ValueError, RecursionError):
            continue


def _parsed(text: str) -> tuple[str, list[_Event | str], str]:
    """How lines end, the events, those without JSON as text, and what comes after the last."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    *blocks, rest = text.replace("\r\n", "\n").split("\n\n")
    return line_end, [_event(block) or block for block in blocks], rest


def _event(block: str) -> _Event | None:
    """An event whose data is one line with a JSON object; None for anything else."""
    *head, last = block.split("\n")
    if not last.startswith(_DATA) or not all(head) or any(line.startswith(_DATA) for line in head):
        return None
    try:
        data, _ = load_json(last.removeprefix(_DATA), "strict")
        json.dumps(data, ensure_ascii=False).encode()  # half an emoji is JSON, but no file can hold it unescaped
    except ValueError:
        return None
    return ("\n".join(head), data) if isinstance(data, dict) else None


def _run(blocks: list[_Event | str], start: int) -> tuple[int, Mapping[Path, str]]:
    """How many events from here on are equal but for some fields; and these, each with "text" or "number"."""
    fields = _step(blocks, start)
    if fields is None or "text" not in fields.values():
        return 1, {}
    numbers = {path for path, kind in fields.items() if kind == "number"}
    end = start + 1
    while (step := _step(blocks, end)) is not None and numbers <= step.keys() <= fields.keys():
        end += 1
    return end - start + 1, fields


def _step(blocks: list[_Event | str], at: int) -> Mapping[Path, str] | None:
    """The fields in which an event differs from the one before it; None where it does in something else too."""
    if at + 1 == len(blocks):
        return None
    before, after = blocks[at], blocks[at + 1]
    if isinstance(before, str) or isinstance(after, str) or before[0] != after[0]:
        return None
    found: dict[Path, str] = {}
    return found if _compare(before[1], after[1], (), found) else None


def _compare(before: JSON, after: JSON, path: Path, found: dict[Path, str]) -> bool:
    """Whether two values differ only in texts and in numbers that rise by one; `found` is told which."""
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return list(before) == list(after) and all(
            _compare(before[key], after[key], (*path, key), found) for key in before
        )
    if isinstance(before, list):
        return len(before) == len(after) and all(
            _compare(one, other, (*path, place), found)
            for place, (one, other) in enumerate(zip(before, after, strict=True))
        )
    if before == after:
        return True
    if isinstance(before, str):
        found[path] = "text"
    elif type(before) is int and after == before + 1:
        found[path] = "number"
    return path in found


def _item(events: list[_Event], fields: Mapping[Path, str]) -> JSON:
    """The events of a run, or one event, as they are stored."""
    head, data = events[0]
    item: dict[str, JSON] = {"head": head} if head else {}
    run = []
    for path, kind in fields.items():
        field = {"at": pointer(path)}
        if kind == "text":
            pieces = [value_at(event[1], path) for event in events]
            field |= {"text": "".join(pieces), "cuts": " ".join(str(len(piece)) for piece in pieces)}
            data = with_value(data, path, "")
        run.append(field)
    return {**item, "data": data, **({"run": run} if run else {})}


def _data(item: Mapping[str, JSON]) -> Iterator[JSON]:
    """The data of a stored event, or of every event of a run."""
    if "run" not in item:
        yield item["data"]
        return
    texts = {steps_of(field["at"]): list(_pieces(field)) for field in item["run"] if "text" in field}
    numbers = [steps_of(field["at"]) for field in item["run"] if "text" not in field]
    if not texts:
        raise KeyError("text")
    for place, pieces in enumerate(zip(*texts.values(), strict=True)):
        data = item["data"]
        for path, piece in zip(texts, pieces, strict=True):
            data = with_value(data, path, piece)
        for path in numbers:
            data = with_value(data, path, value_at(data, path) + place)
        yield data


def _pieces(field: Mapping[str, str]) -> Iterator[str]:
    """A text in its pieces. The last is all that is left: a secret that was replaced may have changed the length."""
    text, at = field["text"], 0
    *cuts, _ = map(int, field["cuts"].split())
    for length in cuts:
        yield text[at : at + length]
        at += length
    yield text[at:]
