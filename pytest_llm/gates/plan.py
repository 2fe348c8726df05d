"""What a suite can see, before anything is asked. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from pytest_llm.gates.baseline import Baseline, counts
from pytest_llm.gates.verdict import ALPHA_CASE, ALPHA_SUITE
from pytest_llm.results import CONFIRMATIONS
from pytest_llm.stats.paired import fisher_one_sided, stratified_exact
from pytest_llm.stats.proportions import wilson
from pytest_llm.stats.spread import mde, within_case_variance

POWER = 0.8
SLIPS = 0.02
"""How often a broken case passes all the same, for the chance of convicting one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What so many samples a case see."""

    samples: int
    requests: int
    #: The smallest drop that is seen four times in five, 0..1: by as many samples on both sides, and against those that
    #: the baseline holds with its history. None where none is.
    fresh: float | None
    stored: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a suite can see."""

    suite: str
    cases: int
    #: Of the baseline with its history.
    passed: int
    graded: int
    #: Cases whose rate is neither near 0 nor near 1, by a 95 % interval inside of .05 and .95.
    unstable: tuple[str, ...]
    #: Mean of p(1-p) within a case; None where no case has two samples.
    variance: float | None
    #: Samples that the baseline holds of a case, its history included: the median.
    stored: int
    #: False alarms of this suite, at most, by the suite's test.
    alpha: float
    reaches: tuple[Reach, ...]
    #: How often one case that breaks entirely is convicted, with --llm-confirm; None where it cannot be.
    broken_case: float | None
    #: Samples a case, and cases of as many samples as the baseline has, that see the drop that was asked for.
    drop: float
    samples_for_drop: int | None
    cases_for_drop: int | None


def plan(baseline: Baseline, *, samples: Sequence[int] = (1, 3, 5, 10), drop: float = 0.05, suites: int = 1) -> Plan:
    """What the suite of a baseline can see; `drop` 0..1 is asked for, `suites` is how many have a baseline."""
    letters = {key: line.grades["outcome"] + line.history.get("outcome", "") for key, line in baseline.lines.items()}
    each = {key: counts(text) for key, text in letters.items()}
    pooled = [count for count in each.values() if count[1]]
    passed, graded = sum(p for p, _ in pooled), sum(n for _, n in pooled)
    variance = within_case_variance(pooled)
    # With one sample a case, each is taken to be as uncertain as all together.
    spread = variance if variance is not None else (passed / graded) * (1 - passed / graded) if graded else 0.0
    stored = round(median(n for _, n in pooled)) if pooled else 0
    n, alpha = len(pooled), ALPHA_SUITE / suites
    now = max((len(line.requests) for line in baseline.lines.values()), default=1)

    def seen(cases: int, k: int, base: int | None = None) -> float | None:
        return mde(spread, cases, k, base_samples=base, alpha=alpha, power=POWER)

    return Plan(
        suite=baseline.suite,
        cases=n,
        passed=passed,
        graded=graded,
        unstable=tuple(sorted(key for key, count in each.items() if _is_unstable(*count))),
        variance=variance,
        stored=stored,
        alpha=alpha,
        reaches=tuple(Reach(samples=k, requests=n * k, fresh=seen(n, k), stored=seen(n, k, stored)) for k in samples),
        broken_case=_convicted(stored, ALPHA_CASE / suites),
        drop=drop,
        samples_for_drop=_first(range(1, 101), lambda k: _at_most(seen(n, k), drop)),
        cases_for_drop=_first(range(10, 5001, 10), lambda size: _at_most(seen(size, now), drop)),
    )


def _is_unstable(passed: int, total: int) -> bool:
    interval = wilson(passed, total)
    return interval is not None and interval[0] > 0.05 and interval[1] < 0.95


def _at_most(value: float | None, limit: float) -> bool:
    return value is not None and value <= limit


def _first(numbers: range, holds: Callable[[int], bool]) -> int | None:
    return next((number for number in numbers if holds(number)), None)


def _convicted(stored: int, alpha: float) -> float | None:
    """How often a case that always passed, and now slips through at times only, is convicted by fresh samples."""
    fresh = len(CONFIRMATIONS)
    convicting = [x for x in range(fresh + 1) if _at_most(fisher_one_sided(stored, stored, x, fresh), alpha)]
    if not convicting:
        return None
    return sum(comb(fresh, x) * SLIPS**x * (1 - SLIPS) ** (fresh - x) for x in convicting)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """How often the suite's test cries wolf, when both sides are draws of one prompt."""

    suite: str
    splits: int
    #: Of those, how many were different ones.
    distinct: int
    alarms: int
    alpha: float


def self_check(baseline: Baseline, splits: int, *, suites: int = 1, seed: int = 1) -> SelfCheck:
    """Split the stored draws of a prompt at random into two sides, and see how often they differ.

    Whole draws are split, the same ones of every case: samples that were drawn together and share their luck (a seed,
    an outage, a judge that drifts) stay together, and show.
    """
    letters = [line.grades["outcome"] + line.history.get("outcome", "") for line in baseline.lines.values()]
    draws = max(map(len, letters), default=0)
    alpha = ALPHA_SUITE / suites
    if draws < 2:
        return SelfCheck(suite=baseline.suite, splits=0, distinct=0, alarms=0, alpha=alpha)
    shuffled = random.Random(seed)  # noqa: S311 - the same splits each time
    alarms, seen = 0, set()
    for _ in range(splits):
        side = frozenset(shuffled.sample(range(draws), draws // 2))
        seen.add(side)
        test = stratified_exact(
            (*counts(_of(text, set(range(draws)) - side)), *counts(_of(text, side))) for text in letters
        )
        alarms += test is not None and test.worse <= alpha
    return SelfCheck(suite=baseline.suite, splits=splits, distinct=len(seen), alarms=alarms, alpha=alpha)


def _of(letters: str, places: Container[int]) -> str:
    return "".join(letter for place, letter in enumerate(letters) if place in places)
