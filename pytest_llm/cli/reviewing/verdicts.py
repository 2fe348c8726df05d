"""Grades before and now, and which samples to look at first. Values in, values out. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_llm.cli.reviewing.pairing import Drawn
from pytest_llm.results import GradeRecord, Outcome

Verdict = Literal["worse", "better", "changed", "same", "not known", "new", "removed"]
"""What became of the grades; "changed": some are better and some worse, or only a score moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How one sample was graded."""

    #: None where it is not known.
    outcome: Outcome | None = None
    grades: tuple[GradeRecord, ...] = ()
    #: Why the outcome is not known; "" where it is.
    why: str = ""


ABSENT = Judgement(why="there is no output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One sample that differs, with its grades before and now."""

    drawn: Drawn
    #: pytest's id of the item; "" where it is not known.
    nodeid: str = ""
    before: Judgement
    now: Judgement
    #: What the baseline holds of the case; "" where there is none.
    history: str = ""

    @property
    def verdict(self) -> Verdict:
        """What became of the grades."""
        if self.drawn.file.status in ("new", "removed"):
            return self.drawn.file.status
        # A sample more, or less, in a cassette that there was.
        if not any(pair.before for pair in self.drawn.pairs):
            return "new"
        if not any(pair.now for pair in self.drawn.pairs):
            return "removed"
        return verdict_of(self.before, self.now)

    @property
    def is_folded(self) -> bool:
        """Whether nothing is to be seen: the same text, and no other grade."""
        return self.drawn.says_the_same and self.verdict in ("same", "not known")


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeChange:
    """A grader's grade before and now; None where it was not given."""

    name: str
    before: GradeRecord | None
    now: GradeRecord | None

    @property
    def title(self) -> str:
        """The name, and what is to be known of it."""
        return self.name if self.now is None else self.now.title


def grade_changes(before: Judgement, now: Judgement) -> list[GradeChange]:
    """The grades that are known on both sides and differ, by their names."""
    old, new = ({grade.name: grade for grade in one.grades} for one in (before, now))
    return [
        GradeChange(name=name, before=old[name], now=new[name])
        for name in new
        if name in old and (old[name].passed, old[name].score) != (new[name].passed, new[name].score)
    ]


_RANK: dict[Outcome | None, int] = {"passed": 2, "ungraded": 1, "failed": 0, "error": 0}


def verdict_of(before: Judgement, now: Judgement) -> Verdict:
    """Which is better: by the outcome where both are known, else by the grades that are."""
    if before.outcome is not None and now.outcome is not None:
        steps = {_RANK[now.outcome] - _RANK[before.outcome]}
    else:
        steps = {0}
    if steps == {0}:
        steps = {_step(one) for one in grade_changes(before, now)}
    if any(step > 0 for step in steps) and any(step < 0 for step in steps):
        return "changed"
    if any(steps):
        return "better" if max(steps) > 0 else "worse"
    if steps:
        return "changed"
    return "not known" if before.outcome is None or now.outcome is None else "same"


def _step(change: GradeChange) -> int:
    """Above 0 for a better grade, 0 where only a score moved that decides nothing."""
    ranks = [1 if one is None or one.passed is None else 2 * one.passed for one in (change.before, change.now)]
    return ranks[1] - ranks[0]


def most_urgent_first(reviewed: Sequence[Reviewed]) -> list[Reviewed]:
    """Changed grades first, worse before better; then what cannot be told; then what only says something else."""
    return sorted(reviewed, key=lambda one: (_urgency(one), one.drawn.file.path, one.drawn.sample))


def _urgency(one: Reviewed) -> float:
    order: tuple[Verdict, ...] = ("worse", "changed", "better", "not known", "new", "same", "removed")
    may_be_worse = one.verdict in ("new", "not known") and one.now.outcome not in ("passed", None)
    return 0.5 if may_be_worse else order.index(one.verdict)
