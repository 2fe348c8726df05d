"""Graders made of graders, on three values. PYTEST_DONT_REWRITE

Kleene's logic: what is ungraded may turn out either way, so the whole is decided only where neither way would matter.
A score without a threshold is neither passed nor failed; graders known to give no more are refused, but by `weighted`,
which takes the score.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from pytest_llm.errors import GraderError
from pytest_llm.graders.grade import Grade
from pytest_llm.graders.grader import Grader, OnEmpty
from pytest_llm.graders.parameters import a_count, a_number, a_share, refused
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON

_Decide = Callable[[Sequence[Grade]], Grade]


def all_of(*graders: Grader) -> Grader:
    """Passed if all pass, failed if any fails, else ungraded."""
    return _composed("all_of", graders, _all)


def any_of(*graders: Grader) -> Grader:
    """Passed if any passes, failed if all fail, else ungraded."""
    return _composed("any_of", graders, _any)


def not_(grader: Grader) -> Grader:
    """Passed if it fails, failed if it passes; ungraded stays ungraded."""
    return _composed("not_", (grader,), _not)


def at_least(k: int, *graders: Grader) -> Grader:
    """Passed if at least k of them pass, failed if too few still can, else ungraded."""
    least = a_count("at_least", "k", k, least=1)
    if least > len(graders) > 0:
        why = f"is above the number of graders, {len(graders)}, so it could not pass"
        raise refused("at_least", "k", k, why, f"at_least({len(graders)}, …)")

    def decide(grades: Sequence[Grade]) -> Grade:
        passed = sum(grade.passed is True for grade in grades)
        possible = sum(grade.passed is not False for grade in grades)
        verdict = True if passed >= least else False if possible < least else None
        reason = f"{passed} of {len(grades)} passed, expected at least {least}\n{_lines(grades)}"
        return Grade(name="at_least", passed=verdict, reason=reason)

    return _composed("at_least", graders, decide, params=(("k", least),), label=f"{least}, ")


def weighted(
    graders: Mapping[Grader, float] | Iterable[tuple[Grader, float]],
    *,
    threshold: float,
    required: Iterable[Grader] = (),
) -> Grader:
    """The weighted mean of the scores is at least `threshold`, and each grader in `required` passes itself.

    A grader that gives no score counts 1 if passed and 0 if failed. With an ungraded one it is passed if the mean
    reaches the threshold even with 0 in its place, failed if it does not even with 1, else ungraded; then there is no
    score. Reckoned in decimals, so that weights of 0.7 and 0.1 are 0.8.
    """
    pairs = _pairs(graders)
    limit = a_share("weighted", "threshold", threshold)
    if limit is None:
        raise refused("weighted", "threshold", threshold, "would decide nothing", "threshold=0.8")
    weights = [_weight(weight) for _, weight in pairs]
    members = tuple(grader for grader, _ in pairs)
    needed = _places(members, required)

    def decide(grades: Sequence[Grade]) -> Grade:
        low, high = (_mean(grades, weights, ungraded) for ungraded in (0, 1))
        reached = True if low >= Fraction(str(limit)) else False if high < Fraction(str(limit)) else None
        verdicts = [reached, *(grades[place].passed for place in needed)]
        verdict = False if False in verdicts else None if None in verdicts else True
        # A score without a verdict would be judged by the threshold alone.
        score = float(low) if low == high and verdict is not None else None
        return Grade(name="weighted", score=score, passed=verdict, reason=reason(grades, low, high))

    def reason(grades: Sequence[Grade], low: Fraction, high: Fraction) -> str:
        mean = f"{float(low):.4g}" if low == high else f"between {float(low):.4g} and {float(high):.4g}"
        missed = [
            f"; {grades[place].name} is required and {grades[place].state}"
            for place in needed
            if not grades[place].passed
        ]
        lines = [f"the weighted mean is {mean}, expected at least {limit:g}{''.join(missed)}"]
        for place, (grade, weight) in enumerate(zip(grades, weights, strict=True)):
            score = "" if grade.score is None else f", score {grade.score:.4g}"
            need = ", required" if place in needed else ""
            lines.append(f"weight {float(weight):g}{score}{need}: {_line(grade)}")
        return "\n".join(lines)

    facts = [
        {"weight": weight, **({"required": True} if place in needed else {})} for place, (_, weight) in enumerate(pairs)
    ]
    return _composed("weighted", members, decide, facts=facts, threshold=limit, scores=needed)


def _pairs(graders: object) -> list[tuple[Grader, float]]:
    fix = 'weighted({contains("…"): 2, word_count(max=50): 1}, threshold=0.8)'
    if isinstance(graders, Grader) or not isinstance(graders, (Mapping, Iterable)):
        raise refused("weighted", "graders", graders, "is neither a mapping from graders to weights nor pairs", fix)
    pairs = list(graders.items() if isinstance(graders, Mapping) else graders)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise refused("weighted", "graders", pair, "is no pair of a grader and its weight", fix)
    return pairs


def _weight(value: object) -> Fraction:
    weight = a_number("weighted", "weight", value)
    if weight <= 0:
        raise refused("weighted", "weight", value, "is not above 0, so its grader would decide nothing", "weight 1")
    return Fraction(str(weight))


def _places(members: Sequence[Grader], required: Iterable[Grader]) -> list[int]:
    places = []
    if isinstance(required, Grader) or not isinstance(required, Iterable):
        raise refused("weighted", "required", required, "is no list of graders", "required=[…]")
    for one in required:
        place = next((place for place, member in enumerate(members) if member is one), None)
        if place is None:
            raise refused("weighted", "required", one, "is none of the graders", "the same object in both")
        places.append(place)
    return places


def _mean(grades: Sequence[Grade], weights: Sequence[Fraction], ungraded: int) -> Fraction:
    """The weighted mean, with a number in the place of what is ungraded."""
    values = (
        Fraction(str(grade.score))
        if grade.score is not None
        else Fraction(ungraded if grade.passed is None else grade.passed)
        for grade in grades
    )
    return sum((weight * value for weight, value in zip(weights, values, strict=True)), Fraction()) / sum(weights)


def _all(grades: Sequence[Grade]) -> Grade:
    failed = [grade for grade in grades if grade.passed is False]
    open_ = [grade for grade in grades if grade.passed is None]
    return Grade(name="all_of", passed=False if failed else None if open_ else True, reason=_lines(failed or open_))


def _any(grades: Sequence[Grade]) -> Grade:
    passed = [grade for grade in grades if grade.passed]
    open_ = [grade for grade in grades if grade.passed is None]
    verdict = True if passed else None if open_ else False
    return Grade(name="any_of", passed=verdict, reason=_lines(passed or open_ or grades))


def _not(grades: Sequence[Grade]) -> Grade:
    (grade,) = grades
    return Grade(name="not_", passed=None if grade.passed is None else not grade.passed, reason=_lines(grades))


def _lines(grades: Sequence[Grade]) -> str:
    """Who said what, a line each."""
    return "\n".join(_line(grade, ", without a threshold" if grade.state == "scored" else "") for grade in grades)


def _line(grade: Grade, note: str = "") -> str:
    return f"{grade.name} {grade.state}{note}{f': {grade.reason}' if grade.reason else ''}"


def _composed(
    kind: str,
    graders: tuple[Grader, ...],
    decide: _Decide,
    *,
    label: str = "",
    params: tuple[tuple[str, JSON], ...] = (),
    facts: Sequence[Mapping[str, JSON]] | None = None,
    threshold: float | None = None,
    scores: Collection[int] | None = None,
) -> Grader:
    """A grader that decides by the grades of others.

    `facts` are more parameters of each, `scores` the places of those that have to pass where others may give scores.
    """
    fix = f'{kind}({label}contains("…"))'
    for place, grader in enumerate(graders):
        given: object = grader
        if not isinstance(given, Grader):
            why = "is a list; graders are given one by one" if isinstance(given, (list, tuple)) else "is no grader"
            raise refused(kind, "graders", given, why, fix)
        if grader.score_only and (scores is None or place in scores):
            what = f"{kind}: {grader.name!r} gives a score without a threshold, which neither passes nor fails"
            raise GraderError(what, fix={"write": "threshold=0.8"})
    if not graders:
        raise refused(kind, "graders", graders, "is empty, so it would decide nothing", fix)

    def grade(output: object, case: Case | None) -> Grade | Awaitable[Grade]:
        done: list[Grade] = []
        calls = [partial(grader, output, case) for grader in graders]
        for place, call in enumerate(calls, start=1):
            told = call()
            if not isinstance(told, Grade):
                return _awaited(done, told, calls[place:], decide)
            done.append(told)
        return decide(done)

    members = [
        {"name": grader.name, "parameters": grader.parameters, **more}
        for grader, more in zip(graders, facts or [{}] * len(graders), strict=True)
    ]
    return Grader(
        name=f"{kind}({label}{', '.join(grader.name for grader in graders)})",
        function=grade,
        params=(*params, ("graders", members)),
        threshold=threshold,
        is_async=any(grader.is_async for grader in graders),
        asks=any(grader.asks for grader in graders),
        on_empty=_on_empty(kind, graders),
        judges=tuple(judge for grader in graders for judge in grader.judges),
    )


def _on_empty(kind: str, graders: Iterable[Grader]) -> OnEmpty:
    """Return what a pass of an empty reply becomes: only `not_` makes one of a member's failure."""
    if all(grader.on_empty == "graded" for grader in graders):
        return "graded"
    return "ungraded" if kind == "not_" else "members"


async def _awaited(
    done: list[Grade], told: Awaitable[Grade], rest: Sequence[Callable[[], Grade | Awaitable[Grade]]], decide: _Decide
) -> Grade:
    """One after the other, so that none is begun that another's KeyboardInterrupt would leave without an await."""
    done.append(await told)
    for call in rest:
        result = call()
        done.append(result if isinstance(result, Grade) else await result)
    return decide(done)
