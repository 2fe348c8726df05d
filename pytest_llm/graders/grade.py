"""A grade, with three values. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GradeState = Literal["passed", "failed", "ungraded", "scored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What one grader says of one output."""

    name: str
    #: 0..1; None where the grader gives no score.
    score: float | None = None
    #: None: not decided. With a score it was measured without a threshold; without one it could not be graded.
    passed: bool | None = None
    #: Why, for a person: expected and actual. Model output in it is quoted.
    reason: str = ""

    def __bool__(self) -> bool:
        """Refused: of three values two would be taken for the same. Raises TypeError."""
        raise TypeError(f"a Grade has three values, this one is {self.state}; write `grade.passed`, or llm_grade(…)")

    @property
    def state(self) -> GradeState:
        """The grade in one word; "scored" and "ungraded" count neither as passed nor as failed."""
        if self.passed is not None:
            return "passed" if self.passed else "failed"
        return "ungraded" if self.score is None else "scored"
