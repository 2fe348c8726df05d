"""How far a pass rate scatters, and what drop a suite can therefore see. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist


def clustered_se(cases: Sequence[Sequence[float]]) -> float | None:
    """The standard error of the mean of all samples, whose scores come case by case; None for fewer than two cases.

    It says how a mean over *cases like these* would scatter. Miller 2024, arXiv 2411.00640, with the correction
    C/(C-1) for C cases.
    """
    scores = [score for case in cases for score in case]
    clusters = [case for case in cases if case]
    if len(clusters) < 2:
        return None
    mean = sum(scores) / len(scores)
    squares = sum(sum(score - mean for score in case) ** 2 for case in clusters)
    return sqrt(squares * len(clusters) / (len(clusters) - 1)) / len(scores)


def within_case_se(cases: Iterable[tuple[int, int]]) -> float | None:
    """The standard error of the mean pass rate of *these* cases, each (passed, total).

    Only the model's sampling counts, not the choice of cases: the question of a gate. None without cases, or where a
    case has fewer than two samples and so says nothing of its scatter. Miller 2024, arXiv 2411.00640, section 3.
    """
    counts = list(cases)
    if not counts or any(total < 2 for _, total in counts):
        return None
    return sqrt(sum(_variance(passed, total) / total for passed, total in counts)) / len(counts)


def within_case_variance(cases: Iterable[tuple[int, int]]) -> float | None:
    """The mean over cases of p(1-p), for cases with at least two samples; None if no case has them."""
    known = [_variance(passed, total) for passed, total in cases if total > 1]
    return sum(known) / len(known) if known else None


def _variance(passed: int, total: int) -> float:
    """The unbiased estimate of p(1-p)."""
    rate = passed / total
    return rate * (1 - rate) * total / (total - 1)


def mde(
    variance: float,
    cases: int,
    samples: int,
    *,
    base_samples: int | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float | None:
    """The smallest drop of the mean pass rate that the one-sided stratified test sees with this power.

    `variance`: mean of p(1-p) within a case. `samples`: of each case now; `base_samples`: before, as many if not given.
    None without cases or samples, or where no drop is large enough. Connor 1987 for one sample a case; for more, its
    variance under the null hypothesis is that of the hypergeometric law, to which broken cases add.
    """
    base = samples if base_samples is None else base_samples
    if cases < 1 or samples < 1 or base < 1:
        return None
    strict, sure = NormalDist().inv_cdf(1 - alpha), NormalDist().inv_cdf(power)
    spread = variance * (1 / samples + 1 / base)

    def needed(drop: float) -> float:
        return strict * sqrt((spread + drop / (samples + base - 1)) / cases) + sure * sqrt(spread / cases)

    if needed(1.0) > 1:
        return None
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if middle > needed(middle) else (middle, high)
    return high
