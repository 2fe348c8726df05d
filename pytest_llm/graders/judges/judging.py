"""What is known of a judge, so that somebody can look at it before its verdicts count. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_llm.graders.parameters import a_json, a_text, refused
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

if TYPE_CHECKING:
    from pytest_llm.graders.grade import Grade
    from pytest_llm.graders.grader import Grader

_CASE_KEYS = ("inputs", "expected", "context")


Goldens: TypeAlias = Iterable[str | Mapping[str, JSON]]
"""Outputs, or objects with `output` and what else the judge is shown: `inputs`, `expected`, `context`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """An output of which everybody knows whether it passes."""

    output: str
    case: Case
    passes: bool

    @property
    def json(self) -> JSON:
        """All of it, to be digested."""
        case = self.case
        return [self.output, self.passes, dict(case.inputs), case.expected, case.context]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """A judge: who it is, in which version, and the golden outputs that it has to tell apart."""

    name: str
    #: 12 hex digits over all that makes its verdicts: its kind, model, template, rubric, parameters, golden outputs.
    version: str
    #: At least one that passes and one that fails.
    golden: tuple[Golden, ...]
    grader: Grader

    def told_apart(self) -> Iterator[tuple[Golden, Grade]]:
        """Each golden output with the grade that the judge gives it; asks the judge."""
        for one in self.golden:
            yield one, self.grader.grade(one.output, one.case)


_EXAMINER: ContextVar[Callable[[Judging], None] | None] = ContextVar("pytest_llm_examiner", default=None)


@contextmanager
def examining(examine: Callable[[Judging], None] | None) -> Iterator[None]:
    """Who looks at a judge that is about to ask in this context, wherever it was called from."""
    token = _EXAMINER.set(examine)
    try:
        yield
    finally:
        _EXAMINER.reset(token)


def examined(judging: Judging) -> None:
    """Let the judge be looked at. Raises JudgeUnfit, where there is somebody who looks."""
    examine = _EXAMINER.get()
    if examine is not None:
        examine(judging)


def golden_of(judge: str, passes: Goldens, fails: Goldens) -> tuple[Golden, ...]:
    """The golden outputs, as a user writes them: texts, or `{"output": …, "inputs": …, "expected": …, "context": …}`.

    Raises GraderError where one kind has none: a judge that has never said no may be one that cannot.
    """
    found: list[Golden] = []
    for parameter, given, is_pass in (("passes", passes, True), ("fails", fails, False)):
        if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
            raise refused(judge, parameter, given, "is no list", f'{parameter}=["…"]')
        outputs = list(given)
        if not outputs:
            why = "is empty; without an output that passes and one that fails nobody knows whether it can tell"
            raise refused(judge, parameter, outputs, why, f'{parameter}=["…"]')
        found += [_golden(judge, parameter, one, passes=is_pass) for one in outputs]
    good = [(one.output, one.case) for one in found if one.passes]
    for one in found:
        if not one.passes and (one.output, one.case) in good:
            raise refused(judge, "fails", one.output, "is among those that pass too", 'fails=["…"]')
    return tuple(found)


def _golden(judge: str, parameter: str, given: object, *, passes: bool) -> Golden:
    fix = f'{parameter}=[{{"output": "…", "context": "…"}}]'
    told = given if isinstance(given, Mapping) else {"output": given}
    if unknown := [key for key in told if key != "output" and key not in _CASE_KEYS]:
        raise refused(judge, parameter, given, f"has the unknown key {unknown[0]!r}", fix)
    output = a_text(judge, parameter, told.get("output"))
    inputs = a_json(judge, parameter, told.get("inputs", {}))
    if not isinstance(inputs, dict):
        raise refused(judge, parameter, given, "has inputs that are no object", f'{parameter}=[{{"inputs": {{…}}}}]')
    expected, context = (a_json(judge, parameter, told.get(name)) for name in ("expected", "context"))
    return Golden(
        output=output, case=Case(id="golden", inputs=inputs, expected=expected, context=context), passes=passes
    )


def unfit(graded: Iterable[tuple[Golden, Grade]]) -> list[str]:
    """A line for each golden output that a judge did not grade as everybody does; none where it may judge."""
    return [
        f"{quoted(golden.output)} has to {'pass' if golden.passes else 'fail'}, and {_said(grade)}"
        for golden, grade in graded
        if grade.passed is not golden.passes
    ]


def _said(grade: Grade) -> str:
    reason = f": {grade.reason}" if grade.reason else ""
    return f"{grade.state}{reason}"
