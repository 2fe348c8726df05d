"""Why a request has no recording, and what changed since the nearest one. Values in, values out. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_llm.cassettes.entry import Entry
from pytest_llm.cassettes.identity import CanonicalRequest, RequestRecord, identity_of
from pytest_llm.cassettes.sent_schemas import explain_schemas, schema_form
from pytest_llm.schemas import JSON, quoted

Kind = Literal["no cassette", "missing", "stale", "exhausted"]

ALIKE = 0.3
"""From this share of equal parts on, a recorded request is an earlier form of the one that is asked."""

LONGEST_LINE = 160
_CONTEXT = 2
_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Why there is no recording."""

    kind: Kind
    #: One line that says what changed: "system message −1 +1"; "" unless stale.
    heading: str = ""
    #: The difference, line by line; equal for every request that the same edit made stale.
    change: str = ""


def explain_miss(
    entries: Mapping[str, Entry],
    request: CanonicalRequest,
    slot: str,
    *,
    file_exists: bool,
    answered: Container[str] = (),
) -> Miss:
    """Why this request in this slot is not among the recorded ones.

    What is `answered` was found, and so is hardly the earlier form of this request.
    """
    if not file_exists:
        return Miss(kind="no cassette")
    equal = [one for one in (entries.get(request.identity), entries.get(request.older or "")) if one is not None]
    if any(one.rules == 1 or one.identity == request.identity for one in equal):
        return _of_equals(equal, slot)
    after = _form(request.record)
    nearest = _nearest(entries.values(), after, slot, answered)
    if nearest is None:
        return Miss(kind="missing")
    before = _form(nearest.request)
    if identity_of(before) == identity_of(after):
        return _of_equals([nearest], slot)
    heading, change = difference(before, after)
    cause = explain_schemas(before, after)
    return Miss(kind="stale", heading=heading, change=f"{cause}\n{change}" if cause else change)


def _of_equals(equal: Iterable[Entry], slot: str) -> Miss:
    used_up = any(recorded == slot for one in equal for recorded, _ in one.replies)
    return Miss(kind="exhausted" if used_up else "missing")


def _form(request: RequestRecord) -> RequestRecord:
    """Return a request without what versions of pydantic write differently in its schemas."""
    return schema_form(request) or request


def _nearest(entries: Iterable[Entry], request: RequestRecord, slot: str, answered: Container[str]) -> Entry | None:
    """The recorded request to the same address that is most alike, among equals one that is left, of the same slot."""
    wanted = _parts(request)
    best: tuple[tuple[float, bool, bool], Entry] | None = None
    for entry in entries:
        if (entry.request.get("method"), entry.request.get("url")) != (request["method"], request["url"]):
            continue
        alike = _share(wanted, _parts(_form(entry.request)))
        rank = (alike, entry.identity not in answered, any(recorded == slot for recorded, _ in entry.replies))
        if alike >= ALIKE and (best is None or rank > best[0]):
            best = (rank, entry)
    return None if best is None else best[1]


def likeness(one: RequestRecord, other: RequestRecord) -> float:
    """The share of equal parts of two requests, 0..1."""
    return _share(_parts(one), _parts(other))


def _share(here: frozenset[tuple[str, str]], there: frozenset[tuple[str, str]]) -> float:
    return len(here & there) / len(here | there)


def _parts(request: RequestRecord) -> frozenset[tuple[str, str]]:
    """What a request consists of: every word of a text and every other value, with its path."""
    return frozenset(
        (path, word)
        for path, value in _leaves(request)
        for word in (value.split() or [""] if isinstance(value, str) else [json.dumps(value)])
    )


def _leaves(value: JSON, path: str = "") -> Iterator[tuple[str, JSON]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}/{number}")
    else:
        yield path, value


def difference(before: RequestRecord, after: RequestRecord) -> tuple[str, str]:
    """What differs between two requests: a heading of one line, and the lines."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    headings, blocks = [], []
    for path in dict.fromkeys([*old, *new]):
        was, now = old.get(path, _ABSENT), new.get(path, _ABSENT)
        if was is now or (was == now and type(was) is type(now)):
            continue
        label = _label(path, after if path in new else before)
        if isinstance(was, str) and isinstance(now, str) and ("\n" in was + now or len(was + now) > LONGEST_LINE // 2):
            lines = _line_difference(was, now)
            removed, added = (sum(line.startswith(sign) for line in lines) for sign in "-+")
            headings.append(f"{label} −{removed} +{added}")
            blocks.append("\n".join([f"{label}:", *lines]))
        else:
            told = f"{label} {_shown(was)} → {_shown(now)}"
            headings.append(told)
            blocks.append(told)
    return ", ".join(headings), "\n".join(blocks)


@functools.lru_cache(maxsize=16)  # the same edit makes hundreds of cases stale
def _line_difference(was: str, now: str) -> tuple[str, ...]:
    lines = (line.rstrip() for line in difflib.ndiff(was.splitlines(), now.splitlines()) if line[:1] != "?")
    return tuple(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…" for line in lines)


def _label(path: str, request: RequestRecord) -> str:
    """A path in words: the message's role, or the parameter's name."""
    steps = path.split("/")[1:]
    if steps[:1] == ["body"]:
        steps = steps[1:]
    if len(steps) >= 2 and steps[0] in ("messages", "input") and steps[1].isdigit():
        body = request["body"]
        message = body[steps[0]][int(steps[1])]
        role = message.get("role", "?") if isinstance(message, Mapping) else "?"
        same = [n for n, one in enumerate(body[steps[0]]) if isinstance(one, Mapping) and one.get("role") == role]
        place = f" {same.index(int(steps[1])) + 1} of {len(same)}" if len(same) > 1 else ""
        rest = "" if steps[2:] in ([], ["content"]) else " " + "/".join(steps[2:])
        return f"{role} message{place}{rest}"
    return "/".join(steps)


def _shown(value: object) -> str:
    return "nothing" if value is _ABSENT else quoted(value, LONGEST_LINE)
