"""What a test declares of its whole suite, judged once all items have run. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_llm.correction.comparison import CONTROL, is_degenerate, value_of_feedback
from pytest_llm.correction.measures import measures_of
from pytest_llm.gates.arms import graded, letters_of, once
from pytest_llm.gates.metric import Compared, blind_spot, metric_change
from pytest_llm.gates.verdict import not_judged
from pytest_llm.results import MetricChange, Result, SuiteRecord, Verdict
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


@dataclass(frozen=True, slots=True)
class FeedbackHelps:
    """See `feedback_helps`."""

    arm: str = "errors"
    over: str = CONTROL
    low: float = 0.0
    variant: str | None = None

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that it speaks of."""
        return () if self.variant is None else (self.variant,)

    @property
    def json(self) -> dict[str, JSON]:
        """The expectation as a run file holds it."""
        return {"kind": "feedback_helps", **{name: getattr(self, name) for name in self.__slots__}}

    def __str__(self) -> str:
        """Said in a report."""
        than = f" by more than {self.low * 100:g} points" if self.low else ""
        where = "" if self.variant is None else f" in {self.variant}"
        return f"{self.arm} recovers more than {self.over}{than}{where}"

    def judge(self, blank: Verdict, results: Sequence[Result], alpha: float) -> Verdict:
        """The verdict at a level."""
        asked = (one for one in results if not one.confirms and self.variant in (None, one.variant))
        traces = [trace for one in asked for trace in one.observed]
        compared = {one.trace.arm for one in traces if one.trace.compared}
        if missing := [arm for arm in (self.arm, self.over) if arm not in compared]:
            told = f"{self}: there is no arm {missing[0]!r}, so the value of feedback was not measured"
            fix = {"compare": f'llm_retry.compare(arms=("{self.over}", "{self.arm}"))'}
            return replace(blank, kind="INVALID", reason=told, fix=fix)
        found = value_of_feedback(traces, self.arm, self.over, confidence=1 - alpha)
        control = measures_of(self.over, [one for one in traces if one.trace.arm == self.over])
        if found.interval is None or found.change is None:
            return replace(blank, kind="INCONCLUSIVE", reason=f"{self}: no first attempt failed")
        if is_degenerate(control):
            same = f"{control.repeated.count} of {control.repeated.of} replies"
            told = f"{self}: the control is degenerate, {same} repeat the one before"
            fix = {"draw freely": "a temperature above 0, and no fixed seed"}
            return replace(blank, kind="INVALID", reason=told, fix=fix)
        change = MetricChange(
            name="recovered",
            base=(found.both + found.lost, found.pairs),
            head=(found.both + found.won, found.pairs),
            change=found.change,
            interval=found.interval,
            at_least=found.interval[0],
            p=found.p,
        )
        blank = replace(blank, cases=found.pairs, samples=None, metrics=(change,))
        if found.interval[0] > self.low:
            return replace(blank, kind="PASS", reason=f"{self}: shown")
        if found.interval[1] < self.low:
            return replace(blank, kind="FAIL", reason=f"{self}: it does not", fix={"look": "pytest -rA"})
        more = {"draw more": "pytest --llm-record --llm-samples 5"}
        return replace(blank, kind="INCONCLUSIVE", reason=f"{self}: not shown, nor the contrary", fix=more)


def feedback_helps(
    arm: str = "errors", over: str = CONTROL, low: float = 0.0, *, variant: str | None = None
) -> FeedbackHelps:
    """Expect of a suite that a feedback policy recovers more first failures than another one, or than asking again.

    For the marker: `expect=[feedback_helps()]`, on a test that calls `llm_retry.compare`. Over the first failures from
    which both arms went on: PASS where Newcombe's paired interval, 95 % for all expectations of a suite together, lies
    above `low` (a difference of shares, -1..1), FAIL where it lies below, INCONCLUSIVE otherwise; INVALID without the
    arms, or where the control could not reply anything new. Raises ValueError where both are the same, or `low` is no
    difference.
    """
    if arm == over:
        raise ValueError(f"{arm!r} cannot recover more than itself")
    if isinstance(low, bool) or not -1 < low < 1:
        raise ValueError(f"low= is a difference of shares, between -1 and 1, not {low!r}")
    return FeedbackHelps(arm, over, float(low), variant)


Expectation = Better | FeedbackHelps
_KINDS: Mapping[str, type[Expectation]] = {"better": Better, "feedback_helps": FeedbackHelps}


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
