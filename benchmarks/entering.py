"""What it costs to open and close the cassette of one item, beside a stock vcrpy cassette."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import vcr
from table import table

from pytest_llm.cassettes import Desk, Hosts, Recorder, Router, Secrets, Shelf
from pytest_llm.cassettes.interception import Interception

TARGET_US = 20


def measure_entering(rounds: int, times: int) -> str:
    """The table: CPU per item, in microseconds, by turns."""
    with tempfile.TemporaryDirectory() as folder:
        router = Router(Hosts(), refuse=True)
        interception = Interception(router, guarded=True)
        desk = Desk(
            mode="replay", state=Path(folder), secrets=lambda: Secrets.of({}), journal=_no_journal, shelf=Shelf()
        )
        path = Path(folder, "case.yaml")

        def ours() -> None:
            recorder = Recorder(desk, path, shown="case.yaml", owner="test_it.py::test_it")
            router.enter(recorder, "subject")
            router.leave(recorder)
            recorder.close()

        stock_vcr = vcr.VCR(record_mode="none")

        def stock() -> None:
            with stock_vcr.use_cassette(str(path)):
                pass

        found: list[tuple[float, float]] = []
        for _ in range(rounds):
            interception.enter()
            one = _cpu_us(ours, times)
            interception.leave()
            found.append((one, _cpu_us(stock, times // 20)))
    own, others = zip(*found, strict=True)
    ratios = [other / one for one, other in found]
    rows = [
        ("pytest-llm-evals", _range(own), "1"),
        ("stock vcrpy, `use_cassette`", _range(others), f"{_range(ratios)} ×"),
    ]
    head = (f"{rounds} rounds of {times:,}: median (min–max)", "CPU µs per item", "of ours")
    return f"{table(head, rows)}\n\nTarget: ours below {TARGET_US} µs."


def _cpu_us(action: Callable[[], None], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - start) / times * 1e6


def _range(values: list[float] | tuple[float, ...]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def _no_journal() -> None:
    raise RuntimeError("a replay writes no journal")
