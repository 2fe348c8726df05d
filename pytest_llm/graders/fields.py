"""Two JSON values compared field by field. PYTEST_DONT_REWRITE

A field is a value without fields of its own: text, number, true, false, null, an empty object, an empty array.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pytest_llm.schemas import JSON, pointer, quoted

MOST_LINES = 10
LONGEST_PATH = 60
LONGEST_VALUE = 60
#: Paths of other characters are quoted: the names of extra fields are written by the model.
_PLAIN_PATH = re.compile(r"[\w/~.-]*")

Steps = tuple[str | int, ...]


class _Nothing:
    """No value at this place."""


NOTHING = _Nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where two values differ."""

    steps: Steps
    expected: JSON | _Nothing
    got: JSON | _Nothing
    #: How many fields differ by it; more than one where a whole object is missing.
    fields: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of comparing two values; `fields` are those of either."""

    fields: int
    differences: tuple[Difference, ...]

    @property
    def different(self) -> int:
        """How many fields differ."""
        return sum(one.fields for one in self.differences)

    @property
    def share(self) -> float:
        """The share of fields that are right, in 0..1."""
        return (self.fields - self.different) / self.fields

    @property
    def text(self) -> str:
        """The differences for a person, a line each, in columns; "" where there are none."""
        if not self.differences:
            return ""
        shown = self.differences[:MOST_LINES]
        rows = [(_path(one.steps), f"expected {_shown(one.expected)}", f"got {_shown(one.got)}") for one in shown]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        one = self.fields == 1
        lines = [
            f"{self.different} of {self.fields} field{'' if one else 's'} differ{'s' if self.different == 1 else ''}"
        ]
        lines += [f"  {path:<{first}}   {expected:<{second}}   {got}" for path, expected, got in rows]
        if len(self.differences) > MOST_LINES:
            lines.append(f"  and {len(self.differences) - MOST_LINES} more")
        return "\n".join(lines)


def compare(expected: JSON, got: JSON | _Nothing, steps: Steps = ()) -> Comparison:
    """Two values, field by field: 1 equals 1.0, true does not equal 1, the order of names does not matter.

    `steps` lead to them, where they are parts of larger values.
    """
    total, differences = 0, []
    # A stack, not recursion: JSON can be nested deeper than Python calls.
    left: list[tuple[Steps, Any, Any]] = [(steps, expected, got)]
    while left:
        steps, one, other = left.pop()
        if inner := _inner(one, other):
            left += [((*steps, step), *values) for step, *values in reversed(inner)]
            continue
        present = other if one is NOTHING else one
        fields = _count(present) if isinstance(present, (dict, list)) else 1
        total += fields
        if not same(one, other):
            differences.append(Difference(steps=steps, expected=one, got=other, fields=fields))
    return Comparison(fields=total, differences=tuple(differences))


def same(one: JSON, other: JSON) -> bool:
    """Whether two values without fields are the same JSON."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other
    return isinstance(one, type(other)) and one == other


def at(value: JSON, steps: Steps) -> JSON | _Nothing:
    """The value at a place, or NOTHING."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(str(step), NOTHING)
        elif isinstance(value, list) and str(step).isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return NOTHING
    return value


def _inner(one: JSON, other: JSON) -> list[tuple[str | int, JSON, JSON]]:
    """The pairs inside two objects or two arrays; none where they are not two of a kind, or both empty."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = (*one, *(name for name in other if name not in one))
        return [(name, one.get(name, NOTHING), other.get(name, NOTHING)) for name in names]
    if isinstance(one, list) and isinstance(other, list):
        return [(index, *pair) for index, pair in enumerate(zip_longest(one, other, fillvalue=NOTHING))]
    return []


def _count(value: JSON) -> int:
    """How many fields a value has, itself counted where it has none inside."""
    total, left = 0, [value]
    while left:
        one = left.pop()
        inner = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
        left += inner
        total += not inner
    return total


def _path(steps: Steps) -> str:
    path = pointer(steps) or "(whole reply)"
    plain = not steps or (len(path) <= LONGEST_PATH and _PLAIN_PATH.fullmatch(path))
    return path if plain else quoted(path, LONGEST_PATH)


def _shown(value: JSON | _Nothing) -> str:
    return "nothing" if value is NOTHING else quoted(value, LONGEST_VALUE)
