"""A baseline and a run, case by case: what is compared, and what is not. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_llm.gates.baseline import Baseline, Line
from pytest_llm.results import Result
from pytest_llm.stats.paired import Counts

_LETTERS = {"passed": "P", "failed": "F", "ungraded": "U", "error": "E"}


def letters_of(result: Result) -> dict[str, str]:
    """By metric, how the item was graded: P passed, F failed, U ungraded, E not at all."""
    # A body that was not answered has failed, and says nothing of the prompt.
    is_error = result.outcome == "failed" and (result.miss is not None or result.unkept > 0)
    out: dict[str, str] = {}
    for grade in result.grades:
        if grade.passed is not None or grade.score is None:  # otherwise it decides nothing
            letter = "U" if grade.passed is None else "P" if grade.passed else "F"
            out[grade.name] = min(out.get(grade.name, letter), letter, key="FUP".index)
    return {**out, "outcome": "E" if is_error else _LETTERS[result.outcome]}


def scores_of(result: Result) -> dict[str, float | None]:
    """By metric of a grader that gave a score, the score; None where it gave none to this item.

    Of several grades of one name the lowest counts, as the worst letter does, and none where one gave no score. Six
    digits are kept: more would say nothing, and be hard to read in a diff.
    """
    out: dict[str, float | None] = {}
    for grade in result.grades:
        score = None if grade.score is None else round(grade.score, 6)
        known = out.get(grade.name, score)
        out[grade.name] = None if score is None or known is None else min(known, score)
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case on both sides."""

    key: str
    base: Line
    #: By number.
    head: Mapping[int, Result]

    @property
    def replayed(self) -> list[int]:
        """The samples of the baseline, once more."""
        return [n for n, result in self.head.items() if is_same_draw(self.base, result)]

    @property
    def drawn(self) -> list[int]:
        """The samples that were drawn since."""
        return [n for n, result in self.head.items() if not is_same_draw(self.base, result)]

    @property
    def is_asked_anew(self) -> bool:
        """Whether a request differs from all those of the baseline."""
        return any(result.requests not in self.base.requests for result in self.head.values())

    @property
    def is_critical(self) -> bool:
        """Whether each failure of it fails the run."""
        return any(result.critical for result in self.head.values())

    def grades(self, metric: str) -> tuple[str, str]:
        """The letters of a metric on both sides; where nothing was drawn since, of the same samples."""
        if not self.drawn:
            same = sorted(self.replayed)
            return "".join(self.base.grades.get(metric, "")[n - 1 : n] for n in same), self._letters(metric, same)
        base, drawn = self.base.grades.get(metric, ""), sorted(self.drawn)
        head = self._letters(metric, drawn)
        if self.base.single_draw and len(set(self.base.replies)) == 1:
            base = base[:1]
        else:
            base += self.base.history.get(metric, "")
        results = [self.head[n] for n in drawn]
        return base, once(head, [one.replies for one in results], all(one.single_draw for one in results))

    def _letters(self, metric: str, numbers: Iterable[int]) -> str:
        return "".join(letters_of(self.head[n]).get(metric, "E") for n in numbers)

    @property
    def counts_once(self) -> bool:
        """Whether several samples of a side count as one, because only one draw can come of them."""
        return any(
            len(replies) > 1 and len(set(replies)) == 1 and single
            for replies, single in (
                (self.base.replies, self.base.single_draw),
                ([self.head[n].replies for n in self.drawn], all(self.head[n].single_draw for n in self.drawn)),
            )
        )


def is_same_draw(line: Line, result: Result) -> bool:
    """Whether a sample is the very one that the baseline holds.

    Not merely one of the same words: those that were drawn again and came out the same are draws too. To leave them out
    would leave the failures.
    """
    place = result.sample - 1
    known = place < len(line.requests)
    return known and (line.requests[place], line.recordings[place]) == (result.requests, result.recording)


def says_the_same(line: Line, result: Result) -> bool:
    """Whether a sample asked and was answered what the baseline holds of it, word for word."""
    place = result.sample - 1
    known = place < len(line.requests)
    return known and (line.requests[place], line.replies[place]) == (result.requests, result.replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """All cases of a suite, by whether they can be compared."""

    cases: Sequence[Case]
    #: The case, and why it is compared with nothing.
    excluded: Sequence[tuple[str, str]]
    #: The samples of the excluded cases on each side, and of those that came to no grade; and all samples.
    left_out: tuple[int, int]
    samples: tuple[int, int]
    #: Confirming samples, by case.
    confirming: Mapping[str, Sequence[Result]]


def paired(baseline: Baseline, results: Iterable[Result], skipped: Container[str] = ()) -> Paired:
    """The cases of a baseline and of a run's results for the same suite, some of whose cases were skipped."""
    head: dict[str, dict[int, Result]] = {}
    confirming: dict[str, list[Result]] = {}
    for result in results:
        if result.confirms:
            confirming.setdefault(result.line, []).append(result)
        else:
            head.setdefault(result.line, {})[result.sample] = result
    cases, excluded = [], []
    base_out = head_out = 0
    for key in sorted({*baseline.lines, *head}):
        line, drawn = baseline.lines.get(key), head.get(key, {})
        why = _why_excluded(line, drawn, "skipped" if key in skipped else "removed")
        if not why and (telling := _without_grade(drawn)):
            excluded.append((key, telling))  # and counted against the head all the same
        if why or line is None:
            excluded.append((key, why))
            base_out += len(line.requests) if line else 0
            head_out += len(drawn)
        else:
            cases.append(Case(key=key, base=line, head=drawn))
            base_out += line.grades["outcome"].count("U")
            head_out += sum(result.outcome in ("ungraded", "error") for result in drawn.values())
    return Paired(
        cases=cases,
        excluded=excluded,
        left_out=(base_out, head_out),
        samples=(sum(len(line.requests) for line in baseline.lines.values()), sum(map(len, head.values()))),
        confirming=confirming,
    )


def _why_excluded(line: Line | None, drawn: Mapping[int, Result], gone: str) -> str:
    if line is None:
        return "new"
    if not drawn:
        passed, total = line.grades["outcome"].count("P"), len(line.requests)
        return f"{gone} (was {passed}/{total})"
    changed = any(result.case_digest != line.case for result in drawn.values())
    return "its inputs or what is expected changed" if changed else ""


def _without_grade(drawn: Mapping[int, Result]) -> str:
    outcomes = {result.outcome for result in drawn.values()}
    if outcomes & {"passed", "failed"}:
        return ""
    return "error" if outcomes == {"error"} else "ungraded"


def once(letters: str, replies: Sequence[str], is_single_draw: bool) -> str:
    """The letters of samples that could differ; of one, where all are the same and only one draw can come of them."""
    return letters[:1] if is_single_draw and len(set(replies)) == 1 else letters


Taken = Literal["left out", "against the head"]


def graded(base: str, head: str, ungraded: Taken) -> Counts:
    """Passed and all samples of a base and of a head; of what has no grade, as is said."""
    if ungraded == "against the head":
        base, head = base.replace("U", "P"), head.replace("U", "F").replace("E", "F")
    return base.count("P"), base.count("P") + base.count("F"), head.count("P"), head.count("P") + head.count("F")
