"""A verdict, beside reading the run file that it is about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

from measure import Spread, cpu_s
from table import table

from pytest_llm.gates import Baseline, judge
from pytest_llm.gates.baseline import Baselines, Line
from pytest_llm.results import GradeRecord, Result, Run, SuiteRecord, read_run, write_run

SAMPLES = 5
OUTPUT = '{"customer": "Finn Dahl", "item": "oak bottles", "quantity": 36, "unit_price": 20.09}' * 4


def measure_gating(sizes: Sequence[int], rounds: int) -> str:
    """A table of both, and of how they grow."""
    rows = []
    first: float | None = None
    for cases in sizes:
        baseline, run, record = _suite(cases)
        text = write_run(run)
        found = Baselines(base=baseline, head=baseline, is_one=True)
        times = [
            (cpu_s(partial(read_run, text)), cpu_s(partial(judge, record, run.results, found))) for _ in range(rounds)
        ]
        per_case = [1000 * verdict / cases for _, verdict in times]
        first = first or sorted(per_case)[len(per_case) // 2]
        rows.append(
            [
                f"{cases:,} × {SAMPLES}",
                Spread(tuple(1000 * reading for reading, _ in times)).range(0),
                Spread(tuple(1000 * verdict for _, verdict in times)).range(0),
                Spread(tuple(verdict / reading for reading, verdict in times)).range(2),
                Spread(tuple(value / first for value in per_case)).range(2),
            ]
        )
    head = [f"{rounds} rounds: median (min–max)", "reading the run file, CPU ms", "the verdict", "of reading"]
    return table([*head, f"per case, of that at {sizes[0]:,}"], rows)


def _suite(cases: int) -> tuple[Baseline, Run, SuiteRecord]:
    """A suite all of whose replies are new; 87 of 100 samples pass on both sides."""
    chance = random.Random(cases)
    before, after = (
        ["".join("P" if chance.random() < 0.87 else "F" for _ in range(SAMPLES)) for _ in range(cases)] for _ in "ab"
    )
    lines = {
        f"case-{n}": Line(
            case="0" * 16,
            requests=("1" * 16,) * SAMPLES,
            replies=tuple(map(str, range(SAMPLES))),
            recordings=tuple(map(str, range(SAMPLES))),
            grades={"outcome": letters},
        )
        for n, letters in enumerate(before)
    }
    results = tuple(
        Result(
            nodeid=f"test_orders.py::test_orders[case-{n}-#{sample}]",
            suite="test_orders",
            outcome="passed" if letter == "P" else "failed",
            case=f"case-{n}",
            line=f"case-{n}",
            sample=sample,
            grades=(GradeRecord(name="equals_expected", passed=letter == "P"), GradeRecord(name="close", score=0.5)),
            output=OUTPUT,
            usage={"prompt_tokens": 120, "completion_tokens": 80, "total_tokens": 200},
            requests="2" * 16,
            replies=f"{sample:016}",
            recording=f"{sample:08}",
            case_digest="0" * 16,
            baseline="llm_baselines/test_orders/test_orders.json",
            cassette=f"cassettes/test_orders/test_orders/case-{n}.yaml",
            used=(("3" * 64, str(sample), 1),),
        )
        for n, letters in enumerate(after)
        for sample, letter in enumerate(letters, 1)
    )
    items = cases * SAMPLES
    record = SuiteRecord(baseline="b", name="test_orders", nodeid="t::test_orders", items=items, selected=items)
    return Baseline(suite="test_orders", lines=lines), Run(results=results, records=(record,)), record
