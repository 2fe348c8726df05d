"""Recorded outputs, graded by the graders of now, beside the grades of a run. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm.results import CONFIRMATIONS, GradeRecord, Outcome, Result, Run

if TYPE_CHECKING:
    from pytest_llm.collection import Draw
    from pytest_llm.regrading import CollectedTests

OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """One output with its grades of now."""

    nodeid: str
    suite: str
    variant: str | None
    case: str | None
    sample: int
    #: What the run says of it; None where it says nothing.
    before: Result | None
    #: None where the body of the test decides too.
    outcome: Outcome | None
    grades: tuple[GradeRecord, ...]
    output: str | None

    @property
    def is_red(self) -> bool:
        """Whether a required grade fails, or could not be given."""
        return any(map(keeps_from_passing, self.grades))

    @property
    def is_of_another_output(self) -> bool:
        """Whether it was recorded anew since the run."""
        return self.before is not None and self.before.output != self.output

    @property
    def changes(self) -> list[Change]:
        """The grades that are not what they were, and new ones that keep the output from passing."""
        old = {} if self.before is None else {one.name: one for one in self.before.grades}
        found = [Change(name=one.name, before=old.get(one.name), now=one) for one in self.grades]
        return [one for one in found if one.is_one]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A grade before, None where it was not given, and now."""

    name: str
    before: GradeRecord | None
    now: GradeRecord

    @property
    def is_one(self) -> bool:
        """Whether there is something to see."""
        if self.before is None:
            return keeps_from_passing(self.now)
        scores = (self.before.score, self.now.score)
        # A grader that began to measure, or stopped, has not changed its mind.
        return self.before.passed != self.now.passed or (None not in scores and scores[0] != scores[1])

    @property
    def step(self) -> int:
        """Below 0 for a worse grade, above for a better one, 0 where only a score moved, or the grade is new."""
        ranks = [1 if one.passed is None else 2 * one.passed for one in (self.before or self.now, self.now)]
        return ranks[1] - ranks[0]


def keeps_from_passing(grade: GradeRecord) -> bool:
    """Whether an item fails with it."""
    return grade.required and (grade.passed is False or grade.is_ungraded)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRegraded:
    """An item whose output cannot be graded here, and why."""

    nodeid: str
    suite: str
    why: str
    #: Whether something is wrong: only what a run of the test would tell is nobody's fault.
    is_red: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A metric over some outputs."""

    passed: int
    failed: int
    ungraded: int
    #: Of a grader that decides nothing by itself: the mean of its scores, and how many there are.
    mean: float | None = None
    scored: int = 0

    @classmethod
    def of(cls, grades: Iterable[GradeRecord]) -> Counts:
        """The counts of some grades."""
        grades = list(grades)
        scores = [one.score for one in grades if one.passed is None and one.score is not None]
        return cls(
            passed=sum(one.passed is True for one in grades),
            failed=sum(one.passed is False for one in grades),
            ungraded=sum(one.is_ungraded for one in grades),
            mean=sum(scores) / len(scores) if scores else None,
            scored=len(scores),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of a suite, over the same outputs before and now; None where none of them had, or has, it."""

    name: str
    before: Counts | None
    now: Counts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrading:
    """All that was graded anew."""

    items: Sequence[Regraded] = ()
    left: Sequence[NotRegraded] = ()
    #: Why a test file was not collected.
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_red(self) -> bool:
        """Whether something fails now, or could not be looked at, or nothing was."""
        found = [one.is_red for one in self.items] + [one.is_red for one in self.left]
        return any(found) or bool(self.problems) or not self.items

    def suites(self) -> dict[tuple[str, str | None], list[Metric]]:
        """The metrics of every suite, and every variant in it: the outcome where it is known, then the graders."""
        groups: dict[tuple[str, str | None], list[Regraded]] = {}
        for one in self.items:
            groups.setdefault((one.suite, one.variant), []).append(one)
        return {key: _metrics(items) for key, items in groups.items()}


def _metrics(items: Sequence[Regraded]) -> list[Metric]:
    """The outcome, every grader of now, and those that are gone."""
    then = [grade for one in items if one.before is not None for grade in one.before.grades]
    now = [grade for one in items for grade in one.grades]
    # What the body of a test graded is not graded here, and not gone.
    all_known = all(one.outcome is not None for one in items)
    names = dict.fromkeys(grade.name for grade in (*now, *(then if all_known else ())))
    known = [(one.before, one.outcome) for one in items if one.outcome is not None]
    found = []
    if known:
        before = [_as_grade(before.outcome) for before, _ in known if before is not None]
        found.append(_metric(OUTCOME, before, [_as_grade(now) for _, now in known]))
    return found + [_metric(name, then, now) for name in names]


def _as_grade(outcome: Outcome) -> GradeRecord:
    return GradeRecord(name=OUTCOME, passed={"passed": True, "failed": False, "error": False}.get(outcome))


def _metric(name: str, before: Iterable[GradeRecord], now: Iterable[GradeRecord]) -> Metric:
    then, current = ([grade for grade in grades if grade.name == name] for grades in (before, now))
    return Metric(name=name, before=Counts.of(then) if then else None, now=Counts.of(current) if current else None)


def regrade(tests: Sequence[str], run: Run | None, root: Path) -> Regrading:
    """The outputs of these tests, with their grades in the run, whose root is `root`. Nobody is asked anything."""
    from pytest_llm.collection import DRAW
    from pytest_llm.regrading import NotGraded, NotRun, collect

    known = {
        (os.path.realpath(root / one.cassette), one.sample): one for one in (run.results if run else ()) if one.cassette
    }
    collected = collect(tests)
    items: list[Regraded] = []
    left: list[NotRegraded] = []
    for place, item in collected.items.items():
        draw: Draw = item.stash[DRAW]
        if draw.sample in CONFIRMATIONS:  # they count in no suite
            continue
        try:
            items.append(_regraded(collected, place, draw, known.get(place)))
        except NotGraded as reason:
            is_red = not isinstance(reason, NotRun)
            left.append(NotRegraded(nodeid=item.nodeid, suite=draw.suite.name, why=str(reason), is_red=is_red))
    return Regrading(items=items, left=left, problems=collected.problems)


def _regraded(tests: CollectedTests, place: tuple[str, int], draw: Draw, before: Result | None) -> Regraded:
    found = tests.graded_anew(*place)
    return Regraded(
        nodeid=tests.nodeid(*place),
        suite=draw.suite.name,
        variant=draw.variant,
        case=draw.case.id if draw.case else None,
        sample=draw.sample,
        before=before,
        outcome=found.outcome,
        grades=found.grades,
        output=found.output,
    )
