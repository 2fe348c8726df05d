"""The same cases before and after a change: tests, and an interval of the difference. PYTEST_DONT_REWRITE

`base` is before, `head` is after; counts are of samples that passed. A p-value is None where the data say nothing at
all, as where no case ever failed.
"""

from __future__ import annotations

import cmath
from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, comb, floor, pi, sqrt
from operator import mul
from statistics import NormalDist
from typing import NamedTuple

from pytest_llm.stats.proportions import wilson

Counts = tuple[int, int, int, int]
"""Of one case: passed and all samples of the base, passed and all samples of the head."""


class StratifiedTest(NamedTuple):
    """One-sided p-values of the stratified test."""

    #: That the head is worse, mid-p: the chance of fewer passes than observed, and half that of as many.
    worse: float
    #: That the head is better, mid-p.
    better: float
    #: That the head is worse, without the halving: never above its level, and weaker.
    worse_exact: float


def stratified_exact(cases: Iterable[Counts]) -> StratifiedTest | None:
    """Whether the head passes less often, with each case as a stratum; None where no case could say.

    Given how many samples of a case passed in all, those of the head are hypergeometric if nothing changed; their sum
    is compared with its law, exact up to the rounding of floats (1e-12), whatever the size of the suite. With one
    sample a case it is McNemar's test. The conditional Mantel-Haenszel test: Agresti, Categorical Data Analysis,
    section 6.3; mid-p: Fagerland, Lydersen and Laake 2013, BMC Med Res Methodol 13:91.
    """
    strata: Counter[tuple[int, int, int]] = Counter()
    observed = 0
    for base_passed, base_total, head_passed, head_total in cases:
        passed = base_passed + head_passed
        fewest, most = max(0, passed - base_total), min(head_total, passed)
        if fewest < most:
            strata[base_total, head_total, passed] += 1
            observed += head_passed - fewest
    if not strata:
        return None
    below, equal = _below_and_equal([(_hypergeometric(*one), count) for one, count in strata.items()], observed)
    return StratifiedTest(worse=below + equal / 2, better=1 - below - equal / 2, worse_exact=below + equal)


Law = tuple[float, ...]
"""Chances of 0, 1, 2 … passes more than the fewest possible."""


def _hypergeometric(base_total: int, head_total: int, passed: int) -> Law:
    """How many of the passes are the head's, if each sample is as likely as any other to have passed."""
    ways = comb(base_total + head_total, passed)
    fewest, most = max(0, passed - base_total), min(head_total, passed)
    return tuple(comb(head_total, x) * comb(base_total, passed - x) / ways for x in range(fewest, most + 1))


def _below_and_equal(laws: Sequence[tuple[Law, int]], observed: int) -> tuple[float, float]:
    """The chances of a sum below the observed one, and of that one; each law occurs so many times in the sum.

    By the discrete Fourier transform of the sum's law over a window that holds all but 1e-20 of it (Bernstein): equal
    laws cost as much as one, and a window is as wide as the square root of the number of samples.
    """
    mean = sum(count * _moment(law, 1) for law, count in laws)
    variance = sum(count * (_moment(law, 2) - _moment(law, 1) ** 2) for law, count in laws)
    longest = max(len(law) for law, _ in laws)
    reach = 12 * sqrt(variance) + 12 * longest
    start, end = floor(mean - reach), ceil(mean + reach)
    if not start <= observed <= end:
        return (0.0, 0.0) if observed < start else (1.0, 0.0)
    width, places = end - start + 1, observed - start
    below = equal = 0.0
    for step in range(width):
        turn = cmath.exp(2j * pi * step / width)
        powers = [turn**more for more in range(longest)]
        value = turn**-start
        for law, count in laws:
            value *= sum(map(mul, law, powers)) ** count
        back = turn**-places
        equal += (value * back).real
        below += (value * ((1 - back) / (1 - 1 / turn) if step else places)).real
    return max(0.0, below / width), max(0.0, equal / width)


def _moment(law: Law, power: int) -> float:
    return sum((chance * float(more**power) for more, chance in enumerate(law)), 0.0)


def mcnemar_midp(only_base: int, only_head: int) -> float | None:
    """Whether two passes of the same cases differ, two-sided, mid-p; None where none differs.

    `only_base`, `only_head`: how many cases passed there only. Fagerland, Lydersen and Laake 2013, BMC Med Res Methodol
    13:91; at equal counts it is 1.
    """
    _check(only_base, only_head)
    total = only_base + only_head
    if total == 0:
        return None
    fewer = min(only_base, only_head)
    return (2 * sum(comb(total, x) for x in range(fewer)) + comb(total, fewer)) / (1 << total)


def mcnemar_exact(only_base: int, only_head: int, *, one_sided: bool = False) -> float | None:
    """Whether two passes of the same cases differ, two-sided; None where none differs.

    The binomial test of the cases that pass on one side only; `one_sided`: whether the head passes more often. Never
    above its level, and weaker than `mcnemar_midp`. McNemar 1947; Fagerland, Lydersen and Laake 2013.
    """
    _check(only_base, only_head)
    total = only_base + only_head
    if total == 0:
        return None
    fewer = only_base if one_sided else min(only_base, only_head)
    tail = sum(comb(total, x) for x in range(fewer + 1)) / (1 << total)
    return tail if one_sided else min(1.0, 2 * tail)


def newcombe_paired(
    both: int, only_base: int, only_head: int, neither: int, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The interval of the change of a pass rate (head minus base) over pairs, two-sided; None without pairs.

    From the Wilson intervals of both rates, and how they go together. Newcombe 1998, Statistics in Medicine 17:2635,
    method 10.
    """
    _check(both, only_base, only_head, neither)
    total = both + only_base + only_head + neither
    base, head = wilson(both + only_base, total, confidence), wilson(both + only_head, total, confidence)
    if base is None or head is None:
        return None
    base_rate, head_rate = (both + only_base) / total, (both + only_head) / total
    spread = (both + only_base) * (only_head + neither) * (both + only_head) * (only_base + neither)
    together = float(both * neither - only_base * only_head)
    if together > 0:
        together = max(together - total / 2, 0)
    phi = together / sqrt(spread) if spread else 0.0
    change = head_rate - base_rate

    def reach(up: float, down: float) -> float:
        return sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))

    low = change - reach(head_rate - head[0], base[1] - base_rate)
    return low, change + reach(head[1] - head_rate, base_rate - base[0])


def tango_interval(only_base: int, only_head: int, total: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """The score interval of the change of a pass rate (head minus base), two-sided, for one sample a case and side.

    None without cases. Tango 1998, Statistics in Medicine 17:891.
    """
    _check(only_base, only_head)
    if only_base + only_head > total:
        raise ValueError(f"{only_base} and {only_head} of {total} is no count of cases")
    if total == 0:
        return None
    z, change = NormalDist().inv_cdf((1 + confidence) / 2), (only_head - only_base) / total

    def score(guess: float) -> float:
        # The chance of passing only before, at its most likely value for this guess of the change.
        linear = -only_base - only_head + (2 * total - only_head + only_base) * guess
        root = sqrt(max(0.0, linear * linear + 8 * total * only_base * guess * (1 - guess)))
        chance = (root - linear) / (4 * total)
        variance = total * (2 * chance + guess * (1 - guess))
        return (only_head - only_base - total * guess) / sqrt(variance) if variance > 0 else 0.0

    def bound(sign: int) -> float:
        inside, outside = change, float(sign)
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if abs(score(middle)) <= z else (inside, middle)
        return inside

    return bound(-1), bound(1)


def fisher_one_sided(base_passed: int, base_total: int, head_passed: int, head_total: int) -> float | None:
    """Whether the head passes less often than the base, for independent samples; None where nothing can differ.

    Fisher's exact test: the chance of as few passes of the head, or fewer, given all passes.
    """
    passed = base_passed + head_passed
    if not (0 <= base_passed <= base_total and 0 <= head_passed <= head_total):
        raise ValueError(f"{base_passed} of {base_total} and {head_passed} of {head_total} are no counts of samples")
    fewest, most = max(0, passed - base_total), min(head_total, passed)
    if fewest == most:
        return None
    return sum(_hypergeometric(base_total, head_total, passed)[: head_passed - fewest + 1])


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for their number: what is at most alpha is significant, all together at level alpha.

    A p-value that is None stays None, and counts: how many questions were asked is fixed before the answers. Holm 1979.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(p_values) - rank)))
        adjusted[place] = highest
    return adjusted


def _check(*counts: int) -> None:
    if min(counts) < 0:
        raise ValueError(f"a count of cases is not negative: {', '.join(map(str, counts))}")
