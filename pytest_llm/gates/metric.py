"""One metric on both sides of a comparison: its change, and how sure that is. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from pytest_llm.results import MetricChange
from pytest_llm.stats.paired import Counts, stratified_exact, tango_interval
from pytest_llm.stats.spread import mde, within_case_variance


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric's counts, case by case."""

    #: Of the cases whose samples were drawn independently of each other; only they tell of chance.
    drawn: Sequence[Counts]
    #: Of those that say again what is known: they dilute the mean.
    replayed: Sequence[Counts] = ()

    @property
    def counts(self) -> list[Counts]:
        """Of all cases."""
        return [*self.drawn, *self.replayed]


def metric_change(name: str, cases: Compared, against_head: Compared) -> MetricChange:
    """The change of a metric; `against_head` counts what has no grade as failed there, and as passed in the base."""
    counts = cases.counts
    test = stratified_exact(cases.drawn)
    bounds = [one for taken in (cases, against_head) if (one := interval(taken, 0.9)) is not None]
    return MetricChange(
        name=name,
        base=(sum(count[0] for count in counts), sum(count[1] for count in counts)),
        head=(sum(count[2] for count in counts), sum(count[3] for count in counts)),
        change=mean_change(counts),
        interval=interval(cases, 0.95),
        at_least=min(low for low, _ in bounds) if bounds else None,
        p=None if test is None else test.worse,
    )


def mean_change(counts: Sequence[Counts]) -> float | None:
    """The mean over cases of the change of their pass rates; None without cases."""
    return sum(b / kb - a / ka for a, ka, b, kb in counts) / len(counts) if counts else None


def interval(cases: Compared, confidence: float) -> tuple[float, float] | None:
    """Of the mean change over these cases, two-sided; None where nothing was drawn.

    With one sample a case and side, Tango's; otherwise from the scatter within cases, and never narrower than a rate
    of none or all allows.
    """
    drawn, total = cases.drawn, len(cases.counts)
    if not drawn:
        return None
    if all(ka == kb == 1 for _, ka, _, kb in drawn):
        only_base = sum(a > b for a, _, b, _ in drawn)
        return tango_interval(only_base, sum(b > a for a, _, b, _ in drawn), total, confidence)
    change = mean_change(cases.counts) or 0.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    se = sqrt(sum(map(_variance, drawn))) / total
    samples = sum(kb for *_, kb in drawn)
    half = max(z * se, z * z / (samples + z * z) * len(drawn) / total)
    return max(-1.0, change - half), min(1.0, change + half)


def _variance(counts: Counts) -> float:
    """Of the change of one case's rate; a side of one sample scatters as both together do."""
    a, ka, b, kb = counts
    both = (a + b) / (ka + kb)
    pooled = both * (1 - both) * (ka + kb) / (ka + kb - 1)
    return sum(
        passed / total * (1 - passed / total) / (total - 1) if total > 1 else pooled
        for passed, total in ((a, ka), (b, kb))
    )


def blind_spot(drawn: Iterable[Counts], alpha: float) -> float | None:
    """The smallest change, one way, that this comparison sees four times in five; None where it sees none."""
    counts = list(drawn)
    if not counts:
        return None
    variance = within_case_variance([(a, ka) for a, ka, _, _ in counts] + [(b, kb) for _, _, b, kb in counts])
    if variance is None:  # one sample a case: as if each were as uncertain as all together
        rate = sum(a + b for a, _, b, _ in counts) / sum(ka + kb for _, ka, _, kb in counts)
        variance = rate * (1 - rate)
    base, head = (round(sum(count[side] for count in counts) / len(counts)) for side in (1, 3))
    return mde(variance, len(counts), max(1, head), base_samples=max(1, base), alpha=alpha)
