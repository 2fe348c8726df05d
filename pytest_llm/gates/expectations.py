"""What a test declares of its whole suite, judged once all items have run. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_llm.gates.arms import graded, letters_of, once
from pytest_llm.gates.metric import Compared, blind_spot, metric_change
from pytest_llm.gates.verdict import not_judged
from pytest_llm.results import Result, SuiteRecord, Verdict
from pytest_llm.schemas import JSON
from pytest_llm.stats.paired import Counts, stratified_exact

ALPHA = 0.05
"""False claims of a suite's expectations together, at most, each way."""


@dataclass(frozen=True, slots=True)
class Better:
    """See `better`."""

    variant: str
    over: str
    metric: str = "outcome"

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that it speaks of."""
        return self.variant, self.over

    @property
    def json(self) -> dict[str, JSON]:
        """The expectation as a run file holds it."""
        return {"kind": "better", **{name: getattr(self, name) for name in self.__slots__}}

    def __str__(self) -> str:
        """Said in a report."""
        on = "" if self.metric == "outcome" else f" in {self.metric}"
        return f"{self.variant} better than {self.over}{on}"

    def judge(self, blank: Verdict, results: Sequence[Result], alpha: float) -> Verdict:
        """The verdict at a level."""
        pairs = list(_pairs(results, self.over, self.variant))
        counts, against = ([*_counts(pairs, self.metric, taken)] for taken in (False, True))
        if not counts:
            return replace(blank, kind="INVALID", reason=f"{self}: {self.metric} was graded in no case of both")
        change = metric_change(self.metric, Compared(counts), Compared(against))
        first, second = stratified_exact(counts), stratified_exact(against)
        found = replace(
            blank,
            cases=len(counts),
            metrics=(change if first is None or first.worse <= alpha else replace(change, p=first.better),),
            blind_spot=blind_spot(counts, alpha),
        )
        if first is not None and first.worse <= alpha:
            return replace(found, kind="FAIL", reason=f"{self}: it is worse", fix={"look": "pytest -rfx"})
        if first is not None and second is not None and max(first.better, second.better) <= alpha:
            return replace(found, kind="PASS", reason=f"{self}: shown")
        more = {"draw more": "pytest --llm-record --llm-samples 10"}
        return replace(found, kind="INCONCLUSIVE", reason=f"{self}: not shown, nor the contrary", fix=more)


def better(variant: str, over: str, *, metric: str = "outcome") -> Better:
    """Expect of a suite that one variant passes more often than another, on the same cases.

    For the marker: `expect=[better("few_shot", "zero_shot")]`. PASS where that is shown, FAIL where the contrary is,
    INCONCLUSIVE otherwise: by the exact stratified test, one-sided, mid-p, at 5 % for all expectations of a suite
    together. `metric`: "outcome", or the name of a grader. Raises ValueError where both are the same.
    """
    if variant == over:
        raise ValueError(f"{variant!r} cannot be better than itself")
    return Better(variant, over, metric)


Expectation = Better
_KINDS: Mapping[str, type[Expectation]] = {"better": Better}


def judge_expectations(record: SuiteRecord, results: Sequence[Result]) -> Iterator[Verdict]:
    """The verdicts on what a suite expects. Raises LookupError or TypeError for what no release has declared."""
    for number, data in enumerate(record.expect, 1):
        known = dict(data)
        expectation = _KINDS[str(known.pop("kind"))](**known)
        reason = not_judged(record, results)
        blank = Verdict.about(record, results, item=f"llm-expect-{number}", reason=f"{expectation}: {reason}")
        if reason:
            yield replace(blank, kind="NOT JUDGED", fix={"run": f"pytest {record.nodeid}"})
        else:
            yield expectation.judge(blank, results, ALPHA / len(record.expect))


def _pairs(results: Iterable[Result], base: str, head: str) -> Iterator[tuple[list[Result], list[Result]]]:
    """The samples of two variants, case by case, of the cases that both have."""
    sides: dict[str, tuple[list[Result], list[Result]]] = {}
    for result in results:
        if result.variant in (base, head) and not result.confirms:
            # What pytest calls the item ends in the variant, escaped.
            case = result.line.removesuffix(result.variant.encode("unicode_escape").decode())
            sides.setdefault(case, ([], []))[result.variant == head].append(result)
    yield from (pair for pair in sides.values() if all(pair))


def _counts(pairs: Iterable[tuple[list[Result], list[Result]]], metric: str, against_head: bool) -> Iterator[Counts]:
    for pair in pairs:
        base, head = (
            once(
                "".join(letters_of(one).get(metric, "E") for one in side),
                [one.replies for one in side],
                all(one.single_draw for one in side),
            )
            for side in pair
        )
        counts = graded(base, head, "against the head" if against_head else "left out")
        if counts[1] and counts[3]:
            yield counts
