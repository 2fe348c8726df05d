"""How often the gate cries wolf, and how often it sees a wolf: simulated suites, no model.

python benchmarks/simulation.py                  print the tables
python benchmarks/simulation.py --write          put them into simulation.md
python benchmarks/simulation.py --replicates 200 quick, and too few to believe
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from table import put, table

from pytest_llm.gates import Baseline, fisher_one_sided, holm, judge, stratified_exact
from pytest_llm.gates.baseline import Baselines, Line
from pytest_llm.results import CONFIRMATIONS, Result, SuiteRecord

PAGE = Path(__file__).with_name("simulation.md")
SIZES = [(n, k) for n in (30, 100, 300) for k in (1, 3, 5)]
DROPS = (0.0, 0.02, 0.05, 0.10)
STORED = 18
"""Samples that the baseline holds of a case, its history included, where single cases are looked at."""

PLANNED = {
    "broken": {
        (30, 1): (2.3, 4.5, 9.4, 23),
        (30, 3): (4.6, 11, 31, 75),
        (30, 5): (4.7, 15, 46, 93),
        (100, 1): (4.6, 12, 31, 74),
        (100, 3): (4.7, 23, 73, 100),
        (100, 5): (4.9, 33, 91, 100),
        (300, 1): (4.6, 22, 69, 100),
        (300, 3): (4.8, 49, 99, 100),
        (300, 5): (4.6, 68, 100, 100),
    },
    "diffuse": {
        (30, 1): (2.3, 4.7, 11, 30),
        (30, 3): (4.6, 11, 34, 76),
        (30, 5): (4.7, 16, 48, 92),
        (100, 1): (4.6, 13, 37, 79),
        (100, 3): (4.7, 24, 74, 100),
        (100, 5): (4.9, 34, 91, 100),
        (300, 1): (4.6, 24, 73, 100),
        (300, 3): (4.8, 50, 99, 100),
        (300, 5): (4.6, 69, 100, 100),
    },
}
"""Per cent of alarms at 5 %, by the simulation with which the gate was planned: other code, 20,000 replicates."""

Rates = Sequence[float]


def mix(n: int) -> list[float]:
    """How often the cases of a suite pass: most nearly always, some at times, a few hardly ever."""
    solid, good, coin = round(0.7 * n), round(0.15 * n), round(0.1 * n)
    return [0.98] * solid + [0.85] * good + [0.5] * coin + [0.1] * (n - solid - good - coin)


def broken(rates: Rates, drop: float) -> list[float]:
    """The suite with some solid cases broken, so that its mean falls by so much."""
    out, left = list(rates), drop * len(rates)
    for place, rate in enumerate(out):
        taken = min(left, rate - 0.02) if rate == 0.98 else 0.0
        out[place], left = rate - taken, left - taken
    return out


def diffuse(rates: Rates, drop: float) -> list[float]:
    """The suite with every case a little worse: one shift on the scale of log-odds."""
    wanted = sum(rates) / len(rates) - drop
    low, high = -10.0, 0.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = sum(_shifted(rate, middle) for rate in rates) / len(rates)
        low, high = (middle, high) if mean < wanted else (low, middle)
    return [_shifted(rate, high) for rate in rates]


def _shifted(rate: float, by: float) -> float:
    return 1 / (1 + math.exp(-math.log(rate / (1 - rate)) - by))


SHAPES: dict[str, Callable[[Rates, float], list[float]]] = {"broken": broken, "diffuse": diffuse}


def _drawn(chance: random.Random, rates: Rates, k: int) -> list[int]:
    return [sum(chance.random() < rate for _ in range(k)) for rate in rates]


def suite_alarms(job: tuple[str, int, int, float], replicates: int) -> tuple[float, float]:
    """The share of alarms of the suite's test, at 5 % and at the gate's 4 %."""
    shape, n, k, drop = job
    chance = random.Random(repr(job))
    before = mix(n)
    after = SHAPES[shape](before, drop) if drop else before
    found = []
    for _ in range(replicates):
        pairs = zip(_drawn(chance, before, k), _drawn(chance, after, k), strict=True)
        test = stratified_exact((a, k, b, k) for a, b in pairs)
        found.append(1.0 if test is None else test.worse)
    return sum(p <= 0.05 for p in found) / replicates, sum(p <= 0.04 for p in found) / replicates


def case_alarms(job: tuple[int, int], replicates: int) -> tuple[float, float]:
    """The share of runs in which a case is convicted: of unchanged suites, and of those with one case broken."""
    n, k = job
    chance = random.Random(repr(job))
    before = mix(n)
    shares = []
    for after in (before, [0.02, *before[1:]]):
        alarms = 0
        for _ in range(replicates):
            stored, now = _drawn(chance, before, STORED), _drawn(chance, after, k)
            tests = [
                fisher_one_sided(a, STORED, sum(chance.random() < rate for _ in range(10)), 10)
                for a, b, rate in zip(stored, now, after, strict=True)
                if 2 * a > STORED and 2 * b < k
            ]
            alarms += any(p is not None and p <= 0.01 for p in holm(tests))
        shares.append(alarms / replicates)
    return shares[0], shares[1]


def verdicts(job: tuple[int, int, float, int], replicates: int) -> tuple[dict[str, float], dict[str, float]]:
    """The share of each verdict of the whole gate over suites with broken cases: at first, and after confirmation."""
    n, k, drop, stored = job
    chance = random.Random(repr(job))
    before = mix(n)
    after = broken(before, drop)
    shares: tuple[dict[str, float], dict[str, float]] = ({}, {})
    record = SuiteRecord(baseline="b", name="s", nodeid="t::s", items=n * k, selected=n * k)
    for _ in range(replicates):
        base = Baseline(suite="s", lines=dict(_lines(_letters(chance, before, stored), k)))
        found = Baselines(base=base, head=base, is_one=True)
        run = list(_results(_letters(chance, after, k), range(1, k + 1)))
        first = judge(record, run, found)
        suspected = {int(one.case) for one in first.suspects if one.state == "unconfirmed"} if first else set()
        fresh = _letters(chance, [rate if case in suspected else 0 for case, rate in enumerate(after)], 10)
        run += [one for one in _results(fresh, CONFIRMATIONS) if int(one.line) in suspected]
        for verdict, share in zip((first, judge(record, run, found)), shares, strict=True):
            if verdict is not None:
                share[verdict.kind] = share.get(verdict.kind, 0) + 1 / replicates
    return shares


def _letters(chance: random.Random, rates: Rates, k: int) -> list[str]:
    return ["".join("P" if chance.random() < rate else "F" for _ in range(k)) for rate in rates]


def _lines(cases: Sequence[str], k: int) -> Iterator[tuple[str, Line]]:
    """Lines of a baseline: the first letters are its last draw, the others its history."""
    for number, letters in enumerate(cases):
        # What passes says always the same, as replies of a model often do: that is no reason to leave it out.
        draws = tuple(f"old {n}" for n in range(k))
        yield (
            str(number),
            Line(
                case="",
                requests=("old",) * k,
                replies=tuple(letters[:k]),
                recordings=draws,
                grades={"outcome": letters[:k]},
                history={"outcome": letters[k:]},
            ),
        )


def _results(cases: Sequence[str], samples: Sequence[int]) -> Iterator[Result]:
    for number, letters in enumerate(cases):
        for sample, letter in zip(samples, letters, strict=True):
            yield Result(
                nodeid=f"{number} {sample}",
                suite="s",
                outcome="passed" if letter == "P" else "failed",
                line=str(number),
                sample=sample,
                requests="old",
                replies=letter,
                recording=f"new {sample}",
            )


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f}"


def main() -> None:
    """Simulate, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    tables = {}
    with ProcessPoolExecutor() as pool:
        for shape in SHAPES:
            jobs = [(shape, n, k, drop) for n, k in SIZES for drop in DROPS]
            alarms = dict(zip(jobs, pool.map(partial(suite_alarms, replicates=chosen.replicates), jobs), strict=True))
            tables[shape] = _suite_table(shape, alarms)
            print(f"{shape}\n\n{tables[shape]}\n", flush=True)
        found = pool.map(partial(case_alarms, replicates=chosen.replicates), SIZES)
        rows = [[n, k, *map(_per_cent, shares)] for (n, k), shares in zip(SIZES, found, strict=True)]
        tables["cases"] = table(["cases", "samples", "nothing changed", "one case broken"], rows)
        print(f"cases\n\n{tables['cases']}\n", flush=True)
        whole = [(n, k, drop, stored) for n, k in SIZES for drop in (0.0, 0.05) for stored in (k, STORED)]
        tables["verdicts"] = _verdict_table(
            dict(zip(whole, pool.map(partial(verdicts, replicates=chosen.replicates // 4), whole), strict=True))
        )
        print(f"verdicts\n\n{tables['verdicts']}\n", flush=True)
    tables["size"] = f"{chosen.replicates:,} suites in each cell, {chosen.replicates // 4:,} of the whole gate."
    if chosen.write:
        for name, shown in tables.items():
            put(name, shown, PAGE)


def _suite_table(shape: str, alarms: dict[tuple[str, int, int, float], tuple[float, float]]) -> str:
    rows = []
    for n, k in SIZES:
        cells = [
            f"{_per_cent(alarms[shape, n, k, drop][0])}, {planned:g}"
            for drop, planned in zip(DROPS, PLANNED[shape][n, k], strict=True)
        ]
        rows.append([n, k, *cells, _per_cent(alarms[shape, n, k, 0.0][1])])
    return table(["cases", "samples", *(f"{100 * drop:g} points" for drop in DROPS), "0 points, at 4 %"], rows)


def _verdict_table(found: dict[tuple[int, int, float, int], tuple[dict[str, float], dict[str, float]]]) -> str:
    kinds = ("FAIL", "PASS", "INCONCLUSIVE")
    rows = []
    for n, k in SIZES:
        for stored in (k, STORED):
            shares = [share for drop in (0.0, 0.05) for share in found[n, k, drop, stored]]
            cells = [" / ".join(_per_cent(share.get(kind, 0.0)) for kind in kinds) for share in shares]
            rows.append([n, k, stored, *cells])
    heads = [f"{change}{when}" for change in ("nothing changed", "5 points broken") for when in ("", ", confirmed")]
    return table(["cases", "samples", "stored", *heads], rows)


if __name__ == "__main__":
    main()
