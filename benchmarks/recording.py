"""What recording costs a call, in one cassette and in one for each test, and what the journal adds to it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orders
from exchanges import JSON_TYPE, answered, one_each, our_cassette, record
from measure import BenchmarkFailed, Cost, Spread, cpu_s, per_case, run_pytest
from scripted_server import scripted_server
from table import table
from workload import BARE, OURS, PYTEST_RECORDING, SOURCES, Subject

from pytest_llm.cassettes import Desk, Recorder, Secrets, Shelf, store
from pytest_llm.cassettes.journal import Journal

ONE, EACH = "test_one.py", "test_each.py"


@dataclass(frozen=True, slots=True)
class Way:
    """Who records, and in which file of the project the calls are: all in one test, or each in one of its own."""

    recorder: str
    subject: Subject
    file: str


WAYS = (
    Way("nobody", BARE, ONE),
    Way(OURS.name, OURS, ONE),
    Way("stock vcrpy", BARE, ONE),
    Way("nobody", BARE, EACH),
    Way(OURS.name, OURS, EACH),
    Way(PYTEST_RECORDING.name, PYTEST_RECORDING, EACH),
)


def measure_recording(calls: tuple[int, int], rounds: int, *, others: bool) -> str:
    """The tables: CPU per call of the process that records, and of a recorder with and without its journal; by turns.

    Without `others`, the slow ones and those with a virtualenv of their own are left out.
    """
    small, large = calls
    ways = [way for way in WAYS if others or way.recorder in ("nobody", OURS.name)]
    with scripted_server(orders.completion) as address:
        for way in ways:
            _recorded(way, 1, address)  # compiles, and makes a virtualenv
        costs = [
            {
                (way, size): _typical([_recorded(way, size, address) for _ in range(times)])
                for size, times in ((1, 3), (small, 3), (large, 1))  # where few calls are made, a start outweighs them
                for way in ways
            }
            for _ in range(rounds)
        ]
    # A start is the same in every round, and over all of them better known.
    starts = {way: _typical([one[way, 1] for one in costs]) for way in ways}
    per_call = {
        (way, size): [per_case(starts[way], one[way, size], size) for one in costs] for way in ways for size in calls
    }
    rows = [_row(way, per_call, small, large) for way in ways]
    head = (
        f"{large:,} calls, {rounds} rounds: median (min–max)",
        "cassettes",
        "CPU ms per call",
        "less nobody",
        "of ours",
        f"per call, of that of {small:,} calls",
    )
    return f"{table(head, rows)}\n\n{_recorder(calls, max(rounds, 5))}"


def _row(way: Way, per_call: dict[tuple[Way, int], list[float]], small: int, large: int) -> tuple[str, ...]:
    by = {other.recorder: per_call[other, large] for other, _ in per_call if other.file == way.file}
    gross = per_call[way, large]
    net = [one - alone for one, alone in zip(gross, by["nobody"], strict=True)]
    ours = [one - alone for one, alone in zip(by[OURS.name], by["nobody"], strict=True)]
    ratio = Spread(tuple(one / own for one, own in zip(net, ours, strict=True)))
    growth = Spread(tuple(one / base for one, base in zip(gross, per_call[way, small], strict=True)))
    alone = way.recorder == "nobody"
    return (
        way.recorder,
        "none" if alone else "one" if way.file == ONE else "one a test",
        Spread(tuple(gross)).range(2),
        "–" if alone else Spread(tuple(net)).range(2),
        "–" if alone else "1" if way.recorder == OURS.name else f"{ratio.range(1)} ×",
        growth.range(2),
    )


def _typical(costs: Sequence[Cost]) -> Cost:
    return sorted(costs, key=lambda one: one.cpu_s)[len(costs) // 2]


def _recorded(way: Way, calls: int, address: str) -> Cost:
    """One process that makes so many calls, into nothing that was there before; the endpoint is another process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = _project(Path(scratch, "calls"), calls)
        cost = run_pytest(
            way.subject.python,
            folder,
            1 if way.file == ONE else calls,
            *way.subject.arguments,
            *way.subject.recording,
            way.file,
            RECORDED_BY=way.recorder,
            OPENAI_BASE_URL=address,
            OPENAI_API_KEY="none",
        )
        kept = sum(path.read_text(encoding="utf-8").count("chatcmpl-") for path in folder.glob("cassettes/**/*.yaml"))
    if kept != (0 if way.recorder == "nobody" else calls):
        raise BenchmarkFailed(f"{way.recorder} kept {kept} of {calls} calls in {way.file}")
    return cost


def _project(folder: Path, calls: int) -> Path:
    shutil.copytree(SOURCES / "calls", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    llm\n    vcr\n", encoding="utf-8")
    (folder / "system.txt").write_text(orders.SYSTEM, encoding="utf-8")
    lines = [json.dumps(orders.case(number)) + "\n" for number in range(calls)]
    (folder / "cases.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


class _Silent(Journal):
    """Opened and closed as the journal is, and told nothing."""

    def write(self, *_: object) -> None:
        """Forget it."""

    def settle(self, *_: object) -> None:
        """Nothing waits."""


def _recorder(calls: tuple[int, int], rounds: int) -> str:
    """The table of a recorder that is handed requests and replies in this process, without HTTP and SDK."""
    found: dict[tuple[type[Journal], int, int], list[float]] = {
        (journal, before, size): [] for size in calls for before in (0, size) for journal in (Journal, _Silent)
    }
    for _ in range(rounds):
        for (journal, before, size), seconds in found.items():
            seconds.append(_kept(journal, before, size) / size * 1e6)
    rows = []
    for size in calls:
        for before in (0, size):
            with_it, without = (found[journal, before, size] for journal in (Journal, _Silent))
            added = Spread(tuple(one - other for one, other in zip(with_it, without, strict=True)))
            ratio = Spread(tuple(one / other for one, other in zip(with_it, without, strict=True)))
            growth = zip(with_it, found[Journal, min(before, *calls), min(calls)], strict=True)
            rows.append(
                (
                    f"{size:,} calls into {'a cassette of as many' if before else 'a new cassette'}",
                    Spread(tuple(with_it)).range(0),
                    Spread(tuple(one / base for one, base in growth)).range(2),
                    added.range(0),
                    f"{ratio.range(2)} ×",
                )
            )
    head = (
        f"{rounds} rounds: median (min–max)",
        "CPU µs per call",
        f"of that of {min(calls):,} calls",
        "the journal's part",
        "with the journal, of without",
    )
    return table(head, rows)


def _kept(journal: type[Journal], before: int, calls: int) -> float:
    """Seconds of CPU to take, keep and save so many exchanges, into a cassette that has some already."""
    exchanges = [(record(number), json.dumps(answered(number)).encode()) for number in range(before, before + calls)]
    with tempfile.TemporaryDirectory() as scratch:
        state, none = Path(scratch, ".pytest_llm"), Secrets.of({})
        path = Path(scratch, "case.yaml")
        if before:
            our_cassette(path, one_each(range(before)))
        opened = journal(state)
        desk = Desk(mode="record", state=state, secrets=lambda: none, journal=lambda: opened, shelf=Shelf())
        recorder = Recorder(desk, path, shown=path.name, owner="test_it.py::test_it")

        def kept() -> None:
            for request, content in exchanges:
                recorder.keep(recorder.take(recorder.canonical(request)), 200, {"content-type": JSON_TYPE}, content)
            recorder.close()

        spent = cpu_s(kept)
        opened.close()
        if len(store.load(path) or {}) != before + calls:
            raise BenchmarkFailed("the recorder did not keep every exchange")
    return spent
