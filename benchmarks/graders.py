"""What a grader costs per output, beside the counterparts of autoevals and promptfoo."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import graded
from measure import BenchmarkFailed, Spread, plain_environment
from peers_in_node import QUIET, node, promptfoo_versions, script
from table import table, versions
from workload import Subject

HERE = Path(__file__).parent
AUTOEVALS = Subject(name="autoevals", project="", requirements=("autoevals",))
OURS, PROMPTFOO = "ours", "promptfoo"

LENGTHS = (10_000, 100_000)
"""Characters, about, of the texts whose growth is looked at."""
LONG_OUTPUTS = 20
WARM = 200
"""Outputs that are graded before anything is measured: compilers have then seen the code."""

REUSING = (
    "equals",
    "one_of",
    "regex",
    "follows",
    "levenshtein",
    "rouge",
    "bleu",
    "chrf",
    "json_schema",
    "valid_xml",
    "valid_sql",
    "secret_free",
    "pii_free",
    "no_prompt_leak",
)


@dataclass(frozen=True, slots=True)
class Worker:
    """A library in a process of its own, which does one task after the other."""

    name: str
    to: IO[str]
    back: IO[str]

    def __call__(self, row: str, **task: Any) -> dict[str, Any]:
        """What it says to a task."""
        self.to.write(json.dumps({"row": row, **task}) + "\n")
        self.to.flush()
        told = self.back.readline()
        if not told:
            raise BenchmarkFailed(f"{self.name} ended at {row} {task}")
        return dict(json.loads(told))


def measure_graders(outputs: int, rounds: int, *, others: bool) -> str:
    """The tables: CPU per output by grader, what is built once, and growth with the length of the outputs."""
    with ExitStack() as open_, tempfile.TemporaryDirectory() as scratch:
        workers = [open_.enter_context(worker) for worker in _workers(others=others)]
        built = [(worker, row, worker(row, build=True)) for worker in workers for row in graded.ROWS]
        there = {(worker.name, row) for worker, row, told in built if told["built"]}
        costs: dict[tuple[str, str], list[float]] = {}
        verdicts: dict[tuple[str, str], str] = {}
        # Other outputs in each turn: libraries remember what they have seen. The first turn is not counted.
        for turn in range(rounds + 1):
            for row in graded.ROWS:
                count = outputs if turn else WARM
                file = _written(Path(scratch), row, count, turn) if (PROMPTFOO, row) in there else None
                for worker in workers:
                    if (worker.name, row) in there:
                        told = worker(row, count=count, turn=turn, file=file)
                        if turn:
                            costs.setdefault((worker.name, row), []).append(told["cpu_s"] / count * 1e6)
                            verdicts[worker.name, row] = verdicts.get((worker.name, row), "") + told["verdicts"]
        of_each = _of_each(outputs, rounds, [worker.name for worker in workers], costs, verdicts)
        return "\n\n".join([of_each, _peers(others=others), _reuse(workers[0], rounds), _growth(workers[0], rounds)])


def _of_each(
    outputs: int,
    rounds: int,
    names: Sequence[str],
    costs: dict[tuple[str, str], list[float]],
    verdicts: dict[tuple[str, str], str],
) -> str:
    rows = []
    for row in graded.ROWS:
        own = costs[OURS, row]
        line = [f"`{row}`", Spread(tuple(own)).range(1), _shares(verdicts[OURS, row])]
        for name in names[1:]:
            theirs = costs.get((name, row))
            if theirs is None:
                line += ["–", "–"]
                continue
            ratio = Spread(tuple(one / other for one, other in zip(theirs, own, strict=True)))
            line += [
                f"{Spread(tuple(theirs)).range(1)}, {ratio.range(2)} ×",
                _same(verdicts[OURS, row], verdicts[name, row]),
            ]
        rows.append(line)
    head = [f"{outputs:,} outputs, {rounds} rounds: median (min–max)", "CPU µs per output", "passed"]
    return table([*head, *(part for name in names[1:] for part in (f"{name}, of ours", "same verdict"))], rows)


def _peers(*, others: bool) -> str:
    return f"With {versions(AUTOEVALS.python, ['autoevals'])}, {promptfoo_versions()}." if others else ""


def _reuse(ours: Worker, rounds: int) -> str:
    rows = []
    for row in REUSING:
        turns = range(100, 100 + rounds)  # outputs that nobody has seen yet
        told = [ours(row, rebuild=20, turn=turn) for turn in turns]
        later = [ours(row, count=1000, turn=turn + rounds)["cpu_s"] / 1000 for turn in turns]
        figures = ([one[name] for one in told] for name in ("building_s", "first_s"))
        rows.append(
            [f"`{row}`", *(Spread(tuple(1e6 * one for one in figure)).range(1) for figure in (*figures, later))]
        )
    head = [f"{rounds} rounds: median (min–max)", "CPU µs to build it", "its first output", "a later one"]
    return table(head, rows)


def _growth(ours: Worker, rounds: int) -> str:
    rows = []
    for row in graded.LONG:
        base = statistics.mean(len(output) for output, _ in graded.written(row, LONG_OUTPUTS, times=10)) / 10
        short, long = (
            [ours(row, count=LONG_OUTPUTS, times=round(length / base), turn=turn) for turn in range(rounds)]
            for length in LENGTHS
        )
        cost = [[one["cpu_s"] / LONG_OUTPUTS * 1000 for one in told] for told in (short, long)]
        ratio = Spread(tuple(one / other for one, other in zip(cost[1], cost[0], strict=True)))
        ungraded = long[0]["verdicts"].count("u")
        more = f", {ungraded} of {LONG_OUTPUTS} ungraded" if ungraded else ""
        rows.append([f"`{row}`", *(Spread(tuple(one)).range(2) for one in cost), f"{ratio.range(1)} ×{more}"])
    lengths = (f"{length // 1000} KB: CPU ms" for length in LENGTHS)
    head = [f"{rounds} rounds of {LONG_OUTPUTS}: median (min–max)", *lengths, "of the shorter"]
    return table(head, rows)


def _shares(verdicts: str) -> str:
    ungraded = f", {verdicts.count('u') / len(verdicts):.0%} ungraded" if "u" in verdicts else ""
    return f"{verdicts.count('1') / len(verdicts):.0%}{ungraded}"


def _same(ours: str, theirs: str) -> str:
    same = sum(one == other for one, other in zip(ours, theirs, strict=True)) / len(ours)
    return f"{same:.1%}"


def _written(scratch: Path, row: str, count: int, turn: int) -> str:
    place = scratch / "outputs.json"
    place.write_text(json.dumps(graded.written(row, count, turn=turn)), encoding="utf-8")
    return str(place)


def _workers(*, others: bool) -> Iterator[Any]:
    probe = HERE / "probe_graders.py"
    yield _worker(OURS, [sys.executable, probe, OURS])
    if others:
        yield _worker(AUTOEVALS.name, [AUTOEVALS.python, probe, AUTOEVALS.name])
        interpreter, probe = node(), script(HERE / "probe_promptfoo.mjs")
        probe.with_name("schema.json").write_text(json.dumps(graded.SCHEMA), encoding="utf-8")
        yield _worker(PROMPTFOO, [interpreter, probe], **QUIET)


@contextmanager
def _worker(name: str, command: Sequence[str | Path], **environment: str) -> Iterator[Worker]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plain_environment(environment)
    )
    if process.stdin is None or process.stdout is None:
        raise BenchmarkFailed(f"{name} cannot be talked to")
    try:
        yield Worker(name, process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait()
