"""Two JSON values compared field by field. PYTEST_DONT_REWRITE

A field is a value without fields of its own: text, number, true, false, null, an empty object, an empty array.
Arrays whose order does not count are compared in the order in which the fewest fields differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, zip_longest
from typing import Any, cast

from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.structure.leeway import NONE, Leeway, Steps
from pytest_llm.graders.structure.pairing import cheapest
from pytest_llm.schemas import JSON, pointer, quoted

MOST_LINES = 10
LONGEST_PATH = 60
LONGEST_VALUE = 60
#: Pairs of items, of all arrays of one value together, that are compared to find an order.
MOST_PAIRS = 20_000
#: Paths of other characters are quoted: the names of extra fields are written by the model.
_PLAIN_PATH = re.compile(r"[\w/~.-]*")

#: Places in two arrays of what belongs together; None where it is alone.
_Pair = tuple[int | None, int | None]


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


def compare(expected: JSON, got: JSON | _Nothing, steps: Steps = (), leeway: Leeway = NONE) -> Comparison:
    """Two values, field by field: 1 equals 1.0, true does not equal 1, the order of names does not matter.

    `steps` lead to them, where they are parts of larger values. Raises CannotRead where the arrays are too long to find
    out in which order they are nearest.
    """
    return _compared(expected, got, steps, leeway, iter(range(MOST_PAIRS)))


def _compared(
    expected: JSON, got: JSON | _Nothing, steps: Steps, leeway: Leeway, pairs_left: Iterator[int]
) -> Comparison:
    total = 0
    differences: list[Difference] = []
    # A stack, not recursion: JSON can be nested deeper than Python calls.
    left: list[tuple[Steps, Any, Any]] = [(steps, expected, got)]
    while left:
        steps, one, other = left.pop()
        if leeway.ignores(steps):
            continue
        if isinstance(one, list) and isinstance(other, list) and (one or other) and leeway.shuffles(steps):
            found = _in_any_order(one, other, steps, leeway, pairs_left)
            total += found.fields
            differences += found.differences
            continue
        if inner := _inner(one, other):
            left += [((*steps, step), *values) for step, *values in reversed(inner)]
            continue
        present = other if one is NOTHING else one
        fields = _count(present) if isinstance(present, (dict, list)) else 1
        total += fields
        if not same(one, other) and not leeway.near(one, other):
            differences.append(Difference(steps=steps, expected=one, got=other, fields=fields))
    return Comparison(fields=total, differences=tuple(differences))


def _in_any_order(
    expected: list[Any], got: list[Any], steps: Steps, leeway: Leeway, pairs_left: Iterator[int]
) -> Comparison:
    """Two arrays as multisets: each item beside the one that makes the fewest fields differ in all."""

    # Kept, since the same pairs are looked at twice: without that, arrays inside each other take exponential time.
    @cache
    def pair(first: int | None, second: int | None) -> Comparison:
        place = second if first is None else first
        one, other = NOTHING if first is None else expected[first], NOTHING if second is None else got[second]
        return _compared(one, other, (*steps, cast("int", place)), leeway, pairs_left)

    chosen: list[_Pair] = list(zip_longest(range(len(expected)), range(len(got))))
    if not leeway.ignore and leeway.tolerance is None and all(map(_is_field, (*expected, *got))):
        chosen = _equal_ones_first(expected, got)
    elif any(pair(*both).differences for both in chosen):
        count = len(expected) * len(got)
        if len(list(islice(pairs_left, count))) < count:
            raise CannotRead(f"{quoted(pointer(steps))} has too many items to find out which belong together")
        chosen = _fewest(len(expected), len(got), pair)
    parts = [pair(*both) for both in chosen]
    differences = tuple(one for part in parts for one in part.differences)
    return Comparison(fields=sum(part.fields for part in parts), differences=differences)


def _equal_ones_first(expected: list[Any], got: list[Any]) -> list[_Pair]:
    """The pairs of items that are fields: equal ones, then the others in their order."""
    waiting: dict[object, list[int]] = {}
    for place in reversed(range(len(got))):
        waiting.setdefault(_key(got[place]), []).append(place)
    equal = [(place, there.pop() if (there := waiting.get(_key(one))) else None) for place, one in enumerate(expected)]
    others = iter(sorted(place for places in waiting.values() for place in places))
    pairs: list[_Pair] = [(first, next(others, None) if second is None else second) for first, second in equal]
    return [*pairs, *((None, place) for place in others)]


def _fewest(expected: int, got: int, pair: Callable[[int | None, int | None], Comparison]) -> list[_Pair]:
    """The pairs, of two arrays of so many items, that make the fewest fields differ in all."""
    swapped = expected > got
    rows, columns = sorted((expected, got))

    def different(row: int | None, column: int) -> int:
        return pair(*((column, row) if swapped else (row, column))).different

    # What is paired is not alone: its fields do not count as missing, or as too many.
    alone = [different(None, column) for column in range(columns)]
    column_of = cheapest([[different(row, column) - alone[column] for column in range(columns)] for row in range(rows)])
    if swapped:
        row_of: dict[int, int | None] = {column: row for row, column in enumerate(column_of)}
        return [(place, row_of.get(place)) for place in range(expected)]
    free = sorted(set(range(columns)) - set(column_of))
    return [*enumerate(column_of), *((None, place) for place in free)]


def _is_field(value: JSON) -> bool:
    return not (isinstance(value, (dict, list)) and value)


def _key(value: JSON) -> object:
    """A field as what is equal only where `same` says so."""
    kind = type(value) if isinstance(value, (bool, dict, list)) else None
    return kind, None if isinstance(value, (dict, list)) else value


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
