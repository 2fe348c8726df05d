"""What the baselines know of the samples that are reviewed. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_llm.baselines import BaselineFiles
from pytest_llm.cassettes import Exchange, replies_digest
from pytest_llm.cli.reviewing.verdicts import Judgement
from pytest_llm.errors import LlmError
from pytest_llm.gates.baseline import Baseline, Line, read_baseline
from pytest_llm.git import git
from pytest_llm.results import GradeRecord, Outcome, Result

_OUTCOMES: dict[str, Outcome] = {"P": "passed", "F": "failed", "U": "ungraded"}
_PASSED = {"P": True, "F": False, "U": None}


@dataclass(slots=True)
class Accepted:
    """The baselines of a project, in the commit that is compared with, and now."""

    root: Path
    commit: str | None
    _before: dict[str, Baseline | None] = field(default_factory=dict)
    _now: dict[str, Baseline | None] = field(default_factory=dict)

    def before(self, result: Result, exchanges: Sequence[Exchange]) -> Judgement | None:
        """How these replies were graded when the baseline was accepted; None where it was made of others."""
        if result.baseline not in self._before:
            self._before[result.baseline] = self._read(result.baseline, committed=True)
        line = _line(self._before[result.baseline], result)
        place = result.sample - 1
        if line is None or place >= len(line.replies) or line.replies[place] != replies_digest(exchanges):
            return None
        letters = {name: text[place] for name, text in line.grades.items()}
        grades = [GradeRecord(name=name, passed=_PASSED[letters[name]]) for name in letters if name != "outcome"]
        return Judgement(outcome=_OUTCOMES[letters["outcome"]], grades=tuple(grades))

    def history(self, result: Result) -> str:
        """What the baseline of now holds of a case, in words; "" where there is none."""
        if result.baseline not in self._now:
            self._now[result.baseline] = self._read(result.baseline, committed=False)
        line = _line(self._now[result.baseline], result)
        if line is None:
            return ""
        passed, total = line.grades["outcome"].count("P"), len(line.requests)
        earlier = line.history.get("outcome", "")
        more = f", {earlier.count('P')}/{len(earlier)} in earlier draws of the same request" if earlier else ""
        return f"{passed}/{total} passed{more}"

    def _read(self, path: str, *, committed: bool) -> Baseline | None:
        """A baseline; None where there is none that can be read: the review is of recordings, and goes on without."""
        try:
            if not committed:
                return BaselineFiles(self.root).in_tree(path)
            found = git(self.root, "show", f"{self.commit}:./{path}")
            return None if found.returncode else read_baseline(found.stdout.decode(errors="replace"), path)
        except LlmError:
            return None


def _line(baseline: Baseline | None, result: Result) -> Line | None:
    return None if baseline is None or not result.baseline else baseline.lines.get(result.line)
