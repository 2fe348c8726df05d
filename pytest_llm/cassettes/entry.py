"""What a cassette holds: requests, the replies to them, and what is known about each reply. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from pytest_llm.cassettes.identity import RULES, RequestRecord
from pytest_llm.schemas import JSON

MarkKind = Literal["comparison", "ablation", "checkpoint", "confirmation", "control"]
"""Runs beside the ordinary ones, which leave these recordings out, and yet do not list or prune them as unused."""

Letter: TypeAlias = str | float
"""A grade in a file: "P" passed, "F" failed, "U" ungraded, or the score of a grader that only scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The run beside the ordinary ones that a reply was recorded for."""

    kind: MarkKind
    #: The candidate; "" where the kind needs none.
    name: str = ""
    #: What the candidate changes, in full.
    definition: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, JSON]:
        """The mark as a file holds it."""
        named: dict[str, JSON] = {"name": self.name} if self.name else {}
        return {"kind": self.kind, **named, **({"definition": self.definition} if self.definition else {})}

    @classmethod
    def of(cls, data: JSON) -> Mark:
        """Return the mark in a file. Raises LookupError, TypeError or ValueError for anything else."""
        _check_keys(data, {"kind", "name", "definition"}, "a mark")
        kind, name, definition = data["kind"], data.get("name", ""), data.get("definition", {})
        if kind not in get_args(MarkKind) or not isinstance(name, str):
            raise ValueError(f"{data!r} is not a mark")
        if not isinstance(definition, dict):
            raise TypeError(f"the definition {definition!r} is not a mapping")
        return cls(kind=kind, name=name, definition=definition)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawGrades:
    """The grades that one draw got in one suite. Without a suite and grades: of a draw that nothing is known about."""

    suite: str = ""
    #: Digest of the graders, schema, primary metrics and margin.
    instrument: str = ""
    #: By metric.
    grades: Mapping[str, Letter] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, JSON]:
        """The grades as a file holds them."""
        return {"suite": self.suite, "instrument": self.instrument, "grades": dict(self.grades)}

    @classmethod
    def of(cls, data: JSON) -> DrawGrades:
        """Return the grades in a file. Raises LookupError, TypeError or ValueError for anything else."""
        suite, instrument, grades = data["suite"], data["instrument"], data["grades"]
        if len(data) > 3:
            _check_keys(data, {"suite", "instrument", "grades"}, "grades of a draw")
        if not isinstance(suite, str) or not isinstance(instrument, str):
            raise TypeError("suite and instrument of a draw are texts")
        if not all(map(_is_letter, grades.values())):
            raise ValueError(f"a grade is P, F, U or a score, not {grades!r}")
        return cls(suite=suite, instrument=instrument, grades=grades)


def _is_letter(value: JSON) -> bool:
    if type(value) is str:
        return value in ("P", "F", "U")
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


UNKNOWN_DRAW = DrawGrades()
"""Stands for a draw that was replaced before its grades were written down."""


@dataclass(slots=True, kw_only=True)  # frozen, a file of thousands would take longer to open
class StoredReply:
    """One reply as it is kept. `body` has one of the keys `BODIES`, or is empty; in memory nothing of it is aside."""

    slot: str
    #: Its place among the replies to this request in this slot, from 1.
    number: int
    status: int
    latency_ms: int | None
    headers: Mapping[str, str]
    body: Mapping[str, JSON]
    #: When it was recorded, in UTC: "2026-12-01T09:30:00Z"; None where that is not known, as in files of version 1.
    recorded: str | None = None
    #: The most requests that the recording run could have in flight; None where the code under test sent it.
    concurrency: int | None = None
    #: The version of the words of a feedback policy that were in force; None outside of corrections.
    feedback: int | None = None
    #: None for a reply of an ordinary run.
    mark: Mark | None = None
    #: The grades that it was accepted with, one entry a suite.
    accepted: tuple[DrawGrades, ...] = ()
    #: The grades of the draws that stood in its place before, the oldest first; empty for a first draw.
    earlier: tuple[DrawGrades, ...] = ()

    @property
    def order(self) -> tuple[Any, ...]:
        """Samples in their order, each followed by its arms and attempts."""
        return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.slot.split("/")], self.number

    @property
    def facts(self) -> dict[str, JSON]:
        """What is known about the reply, as a file holds it; what is unknown or empty is left out."""
        out: dict[str, JSON] = {}
        for name in ("recorded", "concurrency", "feedback"):
            if (value := getattr(self, name)) is not None:
                out[name] = value
        if self.mark is not None:
            out["mark"] = self.mark.json
        for name in ("accepted", "earlier"):
            if grades := getattr(self, name):
                out[name] = [one.json for one in grades]
        return out


def facts_in(item: Mapping[str, JSON]) -> dict[str, Any]:
    """Return the fields of a StoredReply that a file holds. Raises LookupError, TypeError or ValueError."""
    found: dict[str, Any] = {}
    for name, read in _READERS:  # by hand: a replay reads every reply of its cassettes
        if name in item:
            found[name] = read(name, item[name])
    return found


def _date(name: str, value: JSON) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a date and a time, as text")
    return value


def _from_1(name: str, value: JSON) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} is a number from 1, not {value!r}")
    return value


def _grades(_name: str, value: JSON) -> tuple[DrawGrades, ...]:
    return tuple(map(DrawGrades.of, value))


_READERS: tuple[tuple[str, Callable[[str, JSON], Any]], ...] = (
    ("recorded", _date),
    ("concurrency", _from_1),
    ("feedback", _from_1),
    ("mark", lambda _, value: Mark.of(value)),
    ("accepted", _grades),
    ("earlier", _grades),
)
FACTS = tuple(name for name, _ in _READERS)
"""The keys of `StoredReply.facts`."""


def _check_keys(data: JSON, known: set[str], what: str) -> None:
    if unknown := set(data) - known:
        raise ValueError(f"{what} with the unknown key {min(unknown)!r}")


@dataclass(slots=True)
class Entry:
    """A request with every reply to it."""

    identity: str
    request: RequestRecord
    replies: dict[tuple[str, int], StoredReply] = field(default_factory=dict)
    #: The numbered rule set that the canonical request was made by.
    rules: int = RULES
    #: How many verdicts a gate has given on this request.
    verdicts: int = 0

    def with_replies(self, added: Mapping[tuple[str, int], StoredReply], *, replacing: bool, rules: int) -> Entry:
        """Return the entry with replies added. With `replacing`, they take the places of replies that are there.

        The grades of a reply that is replaced become `earlier` ones of its successor. A request keeps the older rule
        set as long as one of its replies was recorded by it.
        """
        if not replacing:
            added = {place: reply for place, reply in added.items() if place not in self.replies}
        kept = {place: reply for place, reply in self.replies.items() if place not in added}
        succeeding = {place: _succeeding(reply, self.replies.get(place)) for place, reply in added.items()}
        return Entry(
            self.identity,
            self.request,
            {**self.replies, **succeeding},
            rules=min(self.rules, rules) if kept else rules,
            verdicts=self.verdicts,
        )


def _succeeding(reply: StoredReply, before: StoredReply | None) -> StoredReply:
    """Return a reply that takes the place of another, with the grades of the draws before it."""
    if before is None:
        return reply
    if before.body == reply.body:  # with its id and date: the same draw, saved once more
        return replace(reply, accepted=reply.accepted or before.accepted, earlier=before.earlier or reply.earlier)
    return replace(reply, earlier=(*before.earlier, *(before.accepted or (UNKNOWN_DRAW,)), *reply.earlier))
