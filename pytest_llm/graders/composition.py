"""Graders made of graders, on three values. PYTEST_DONT_REWRITE

Kleene's logic: what is ungraded may turn out either way, so it decides only where neither way would matter.
A score without a threshold is neither passed nor failed; graders known to give no more are refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from pytest_llm.errors import GraderError
from pytest_llm.graders.grade import Grade
from pytest_llm.graders.grader import Grader
from pytest_llm.graders.parameters import refused
from pytest_llm.prompts import Case

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
    return "\n".join(
        f"{grade.name} {grade.state}{', without a threshold' if grade.state == 'scored' else ''}"
        f"{f': {grade.reason}' if grade.reason else ''}"
        for grade in grades
    )


def _composed(kind: str, graders: tuple[Grader, ...], decide: _Decide) -> Grader:
    for grader in graders:
        if not isinstance(grader, Grader):
            raise refused(kind, "graders", grader, "is no grader", f'{kind}(contains("…"))')
        if grader.score_only:
            what = f"{kind}: {grader.name!r} gives a score without a threshold, which neither passes nor fails"
            raise GraderError(what, fix={"write": "threshold=0.8"})
    if not graders:
        raise refused(kind, "graders", graders, "is empty, so it would decide nothing", f'{kind}(contains("…"))')

    def grade(output: object, case: Case | None) -> Grade | Awaitable[Grade]:
        done: list[Grade] = []
        calls = [partial(grader, output, case) for grader in graders]
        for place, call in enumerate(calls, start=1):
            told = call()
            if not isinstance(told, Grade):
                return _awaited(done, told, calls[place:], decide)
            done.append(told)
        return decide(done)

    members = [{"name": grader.name, "parameters": grader.parameters} for grader in graders]
    return Grader(
        name=f"{kind}({', '.join(grader.name for grader in graders)})",
        function=grade,
        params=(("graders", members),),
        is_async=any(grader.is_async for grader in graders),
        asks=any(grader.asks for grader in graders),
        judges=tuple(judge for grader in graders for judge in grader.judges),
    )


async def _awaited(
    done: list[Grade], told: Awaitable[Grade], rest: Sequence[Callable[[], Grade | Awaitable[Grade]]], decide: _Decide
) -> Grade:
    """One after the other, so that none is begun that another's KeyboardInterrupt would leave without an await."""
    done.append(await told)
    for call in rest:
        result = call()
        done.append(result if isinstance(result, Grade) else await result)
    return decide(done)
