"""Graders of how near a list or a JSON value is to the right one. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_json, a_share, refused
from pytest_llm.graders.reading import CannotRead, NotConforming, expected_of, json_of, kind_of, plain
from pytest_llm.graders.structure.fields import compare, same
from pytest_llm.graders.structure.leeway import Leeway, Steps, a_leeway
from pytest_llm.graders.structure.pairing import cheapest
from pytest_llm.graders.structure.tolerance import exact
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

#: Characters of either value as JSON: comparing two texts of this length takes a second or two.
LONGEST_JSON = 200_000
#: Pairs of items whose edits are counted.
MOST_PAIRS = 20_000
MOST_SHOWN = 5
#: Pairings are weighed in whole numbers, so that no sum is rounded.
_UNITS = 10**12

#: How alike two texts are, in 0..1.
_TextSimilarity = Callable[[str, str], float]


def list_contains(
    expected: Iterable[object] | None = None, *, threshold: float | None = None, allow_extra: bool = False
) -> Grader:
    """Score how near the items of a list are to the expected ones, whatever their order.

    Each item goes with at most one expected item, so that all together are as alike as can be. The score is the sum of
    the pairs' similarities, each 1 − edits / characters of the longer text, divided by the number of items of the
    longer list; with `allow_extra` by that of the expected ones. Items that are no texts are compared as JSON.
    Compared with `expected` of the case unless it is given. An output that is no list, or invalid, scores 0.

    Source: `ListContains` of autoevals 0.4.1 (autoevals/list.py).

    >>> list_contains(["oak", "ash"]).grade('["ash", "oaks"]').score
    0.875
    """
    limit = a_share("list_contains", "threshold", threshold)
    given = None if expected is None else _items("list_contains", expected)
    if given == [] and allow_extra:
        why = "is empty, and every list has all of it, so it could not fail"
        raise refused("list_contains", "expected", expected, why, 'expected=["…"]')
    similarity = library("list_contains", "rapidfuzz.distance").Levenshtein.normalized_similarity

    def grade(output: object, case: Case | None) -> Told:
        wanted = _expected_list(case, allow_extra=allow_extra) if given is None else given
        try:
            got = json_of(output)
        except NotConforming as problem:
            return 0.0, str(problem)
        if not isinstance(got, list):
            return 0.0, f"expected a list, got {quoted(got)}"
        return _list_score(got, wanted, similarity, allow_extra=allow_extra)

    params: tuple[tuple[str, JSON], ...] = (("expected", given),) * (given is not None)
    params += (("allow_extra", True),) * bool(allow_extra)
    return Grader(name="list_contains", function=grade, params=params, threshold=limit, score_only=limit is None)


def json_similarity(
    expected: JSON = None, *, threshold: float | None = None, ignore: Iterable[str] | None = None
) -> Grader:
    """Score how near the JSON is to the expected value, where a value that is nearly right counts for a part.

    Objects have the mean of the names that are in either, arrays that of their places; what is missing or too many
    counts 0. Two texts have 1 − edits / characters of the longer, two numbers 1 − |a − b| / (|a| + |b|); anything
    else is the same, 1, or not, 0. `ignore` are JSON Pointers of what is not compared. Compared with `expected` of the
    case unless it is given. An output that is invalid, or no JSON, scores 0.

    Source: `JSONDiff` and `NumericDiff` of autoevals 0.4.1 (autoevals/json.py, number.py). Unlike there, a text is
    never parsed as JSON, true is not 1, null is not missing, and two values of different kinds have nothing in common.

    >>> json_similarity({"name": "Ann", "age": 30}).grade('{"name": "Ana", "age": 30}').score
    0.8333333333333334
    """
    limit = a_share("json_similarity", "threshold", threshold)
    given = None if expected is None else a_json("json_similarity", "expected", expected)
    leeway, left_out = a_leeway("json_similarity", ignore=ignore, unordered=False, abs_tol=None, rel_tol=None)
    similarity = library("json_similarity", "rapidfuzz.distance").Levenshtein.normalized_similarity

    def grade(output: object, case: Case | None) -> Told:
        wanted = plain(expected_of(case)) if given is None else given
        try:
            got = json_of(output)
        except NotConforming as problem:
            return 0.0, str(problem)
        for value in (wanted, got):
            _check_length(value)
        score = _similarity(wanted, got, (), leeway, similarity)
        if score is None:
            raise CannotRead("no field is left to compare: `ignore` has them all")
        return score, "" if score == 1 else f"{score:.3f}; {compare(wanted, got, leeway=leeway).text}"

    params: tuple[tuple[str, JSON], ...] = (("expected", given),) * (given is not None)
    return Grader(
        name="json_similarity",
        function=grade,
        params=params + left_out,
        threshold=limit,
        score_only=limit is None,
    )


def _items(grader: str, expected: Iterable[object]) -> list[JSON]:
    """Return the expected items as JSON. Raises GraderError where they are no list."""
    if isinstance(expected, (str, bytes, dict)) or not isinstance(expected, Iterable):
        raise refused(grader, "expected", expected, "is no list", 'expected=["…", "…"]')
    return [a_json(grader, "expected", one) for one in expected]


def _expected_list(case: Case | None, *, allow_extra: bool) -> list[JSON]:
    expected = plain(expected_of(case))
    if not isinstance(expected, list):
        raise CannotRead(f"`expected` is to be a list, and is {kind_of(expected)}")
    if not expected and allow_extra:
        raise CannotRead("`expected` is an empty list, which every list has all of")
    return expected


def _list_score(
    got: list[JSON], wanted: list[JSON], similarity: _TextSimilarity, *, allow_extra: bool
) -> tuple[float, str]:
    """Return the score of a list, and a reason that names what is missing and what is too many."""
    for value in (got, wanted):
        _check_length(value)
    if len(got) * len(wanted) > MOST_PAIRS:
        raise CannotRead(f"{len(got)} items against {len(wanted)} are more than {MOST_PAIRS:,} pairs")
    most = len(wanted) if allow_extra else max(len(got), len(wanted))
    if not most:
        return 1.0, ""
    rows, columns = sorted((wanted, got), key=len)
    alike = [[round(similarity(_text(row), _text(column)) * _UNITS) for column in columns] for row in rows]
    pairs = list(enumerate(cheapest([[-units for units in row] for row in alike])))
    score = sum(alike[row][column] for row, column in pairs) / (_UNITS * most)
    right = [(row, column) for row, column in pairs if alike[row][column] == _UNITS]
    others = [
        [one for place, one in enumerate(values) if place not in {pair[side] for pair in right}]
        for side, values in enumerate((rows, columns))
    ]
    missing, extra = others if rows is wanted else reversed(others)
    parts = [f"without {_shown(missing)}"] * bool(missing) + [f"with {_shown(extra)}"] * bool(extra)
    return score, f"{score:.3f}; the list is {' and '.join(parts)}" if score < 1 else ""


def _similarity(wanted: Any, got: Any, steps: Steps, leeway: Leeway, similarity: _TextSimilarity) -> float | None:
    """Return how alike two values are, in 0..1; None where nothing of them is compared."""
    if leeway.ignores(steps):
        return None
    if isinstance(wanted, dict) and isinstance(got, dict) and (wanted or got):
        names = dict.fromkeys((*wanted, *got))
        places = [(name, name in wanted and name in got, wanted.get(name), got.get(name)) for name in names]
    elif isinstance(wanted, list) and isinstance(got, list) and (wanted or got):
        shorter = min(len(wanted), len(got))
        both = [(place, True, wanted[place], got[place]) for place in range(shorter)]
        places = [*both, *((place, False, None, None) for place in range(shorter, max(len(wanted), len(got))))]
    elif isinstance(wanted, str) and isinstance(got, str):
        return similarity(got, wanted)
    elif _is_number(wanted) and _is_number(got):
        right, number = exact(wanted), exact(got)
        return 1.0 if number == right else float(1 - abs(number - right) / (abs(number) + abs(right)))
    else:
        return float(same(wanted, got))
    scores: list[float] = []
    for step, in_both, one, other in places:
        inner = (*steps, step)
        found = _similarity(one, other, inner, leeway, similarity) if in_both else 0.0
        if found is not None and not leeway.ignores(inner):
            scores.append(found)
    return sum(scores) / len(scores) if scores else None


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(item: JSON) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, sort_keys=True)


def _check_length(value: JSON) -> None:
    """Raise CannotRead for a value of too many characters."""
    try:
        length = len(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except ValueError as problem:
        raise CannotRead(f"it has no JSON form ({problem})") from None
    if length > LONGEST_JSON:
        raise CannotRead(f"it compares JSON of up to {LONGEST_JSON} characters, and one is of {length}")


def _shown(items: list[JSON]) -> str:
    shown = ", ".join(quoted(one) for one in items[:MOST_SHOWN])
    return shown if len(items) <= MOST_SHOWN else f"{shown} and {len(items) - MOST_SHOWN} more"
