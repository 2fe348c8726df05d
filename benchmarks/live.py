"""Suites that ask an endpoint which takes its time, ours and others', beside what its latency allows."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from endpoint import Manner, Seen, endpoint
from measure import BenchmarkFailed, Spread, run
from table import table
from workload import DEEPEVAL, OURS, PYDANTIC_EVALS, Subject, write

TARGET = 1.15
PATIENCE_S = 30.0
"""A way that took longer does not ask again."""

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
BY_HAND = Subject(name="bare pytest, openai client", project="live")
ORDINARY = Subject(name="ordinary code", project="ordinary", plugin=OURS.plugin)
# Of pytest 9 it makes an error of every test.
ASYNCIO_CONCURRENT = Subject(
    name="pytest-asyncio-concurrent",
    project="asyncio_concurrent",
    plugin="pytest_asyncio_concurrent.plugin",
    requirements=("pytest-asyncio-concurrent", "openai", "pydantic", "pytest<9"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to ask for all cases of a suite."""

    name: str
    subject: Subject
    #: How many requests it may have in flight; None: as many as there are cases.
    concurrency: int | None = 1
    arguments: tuple[str, ...] = ()
    #: What the interpreter is told before the arguments.
    runner: tuple[str, ...] = PYTEST

    def limit_s(self, latency_s: float, cases: int) -> float:
        """The time that so much latency takes, all requests together, if nothing but latency counts."""
        return latency_s / min(self.concurrency or cases, cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One process that asked for all cases."""

    wall_s: float
    cpu_s: float
    seen: Seen


@dataclass(frozen=True, slots=True)
class Found:
    """What was read of one way, and how long it took with a single case and no latency."""

    starts_s: list[float] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    @property
    def asking_s(self) -> list[float]:
        """Wall time less start-up, which is the same in every round, and over all of them better known."""
        start_s = statistics.median(self.starts_s)
        return [one.wall_s - start_s for one in self.readings]

    def median(self, figure: Callable[[Reading], float], digits: int = 2) -> str:
        """Of one figure over the rounds."""
        return f"{statistics.median(map(figure, self.readings)):.{digits}f}"

    @property
    def over(self) -> bool:
        """Whether it takes too long to be run again."""
        return sum(one.wall_s for one in self.readings) > PATIENCE_S


def ours(concurrency: int, *more: str, mode: str = "--llm-live", called: str = "") -> Way:
    """Our plugin with so many requests in flight."""
    return Way(
        name=f"{OURS.name}{called}",
        subject=OURS,
        concurrency=concurrency,
        arguments=(mode, f"--llm-concurrency={concurrency}", *more),
    )


def distributed(way: Way, workers: int) -> Way:
    """The same by so many processes of xdist, each of which asks for one case after the other."""
    return Way(
        name=f"{way.name}, xdist `-n {workers}`",
        subject=way.subject,
        concurrency=workers,
        arguments=(*way.arguments, "-p", "xdist.plugin", "-n", str(workers)),
    )


def evaluated(concurrency: int) -> Way:
    """pydantic-evals with so many requests in flight."""
    return Way(name=PYDANTIC_EVALS.name, subject=PYDANTIC_EVALS, concurrency=concurrency)


SEQUENTIAL = Way(name=BY_HAND.name, subject=BY_HAND)
OURS_WAYS = (
    ours(16),
    ours(64),
    ours(16, mode="--llm-record", called=", recording"),
    ours(1, called=", one by one"),
    SEQUENTIAL,
)
OTHERS = (
    distributed(ours(1), 8),
    distributed(SEQUENTIAL, 8),
    Way(
        name="deepeval, `deepeval test run -n 8`",
        subject=DEEPEVAL,
        concurrency=8,
        arguments=("test", "run", "test_orders.py", "-n", "8"),
        runner=("-c", "from deepeval.cli.main import app; app()"),
    ),
    evaluated(16),
    evaluated(64),
    Way(name="pytest-asyncio-concurrent, pytest 8", subject=ASYNCIO_CONCURRENT, concurrency=None),
)
UNEVEN = (ours(16), ours(64))
UNEVEN_OTHERS = (evaluated(16), evaluated(64))
SEQUENTIAL_ORDINARY = Way(name=ORDINARY.name, subject=ORDINARY, arguments=("--llm-live",))


def measure_live(suites: Mapping[int, float], rounds: int, *, others: bool) -> str:
    """The tables: every way at each size, whose latency in seconds the mapping has; and the first with uneven ones."""
    ways = (*OURS_WAYS, *(OTHERS if others else ()))
    tables = [_table(ways, cases, Manner(latency=latency), rounds) for cases, latency in suites.items()]
    cases, latency = next(iter(suites.items()))
    uneven = (*UNEVEN, *(UNEVEN_OTHERS if others else ()))
    tables.append(_table(uneven, cases, Manner(latency=latency, jitter=0.7), rounds))
    return "\n\n".join([*tables, f"Target: ours at 16 and 64 at most {TARGET} of the limit."])


def measure_ordinary(suites: Mapping[int, float], workers: Sequence[int], rounds: int) -> str:
    """The table, of the first size: a test of ordinary code, one case after the other and by several processes."""
    cases, latency_s = next(iter(suites.items()))
    ways = (SEQUENTIAL_ORDINARY, *(distributed(SEQUENTIAL_ORDINARY, many) for many in workers))
    return _table(ways, cases, Manner(latency=latency_s), rounds)


def _table(ways: Sequence[Way], cases: int, manner: Manner, rounds: int) -> str:
    found = readings([(way, manner) for way in ways], cases, rounds)
    rows = [_row(way, cases, found[way, manner]) for way in ways]
    uneven = ", lognormal" if manner.jitter else ""
    head = (
        f"{cases:,} cases × {manner.latency * 1000:g} ms{uneven}",
        "runs",
        "in flight, at most",
        "wall s",
        "less start-up",
        "limit, s",
        "of the limit",
        "CPU s",
        "at the endpoint: s",
        "peak in flight",
        "requests",
    )
    return table(head, rows)


def _row(way: Way, cases: int, found: Found) -> tuple[object, ...]:
    limit_s = way.limit_s(found.readings[0].seen.latency_s, cases)
    return (
        way.name,
        len(found.readings),
        way.concurrency or "all",
        found.median(lambda one: one.wall_s),
        spread(found.asking_s),
        f"{limit_s:.2f}",
        spread([one / limit_s for one in found.asking_s]),
        found.median(lambda one: one.cpu_s),
        found.median(lambda one: one.seen.span_s),
        max(one.seen.peak_in_flight for one in found.readings),
        max(one.seen.requests for one in found.readings),
    )


def spread(values: Sequence[float]) -> str:
    """Median (min–max); of a single run that alone."""
    return Spread(tuple(values)).range(2) if len(values) > 1 else f"{values[0]:.2f}"


def readings(
    ways: Sequence[tuple[Way, Manner]], cases: int, rounds: int, retries: int = 0
) -> dict[tuple[Way, Manner], Found]:
    """Rounds of all ways and manners of the endpoint, by turns; what takes long starts as often, and asks once."""
    found = {one: Found() for one in ways}
    for way in {way.subject: way for way, _ in ways}.values():
        _asked(way, 1, Manner(), retries)  # makes a virtualenv, and warms the file cache
    for _ in range(rounds):
        for (way, manner), before in found.items():
            before.starts_s.append(_asked(way, 1, Manner(), retries).wall_s)
            if not before.over:
                before.readings.append(_asked(way, cases, manner, retries))
    return found


def _asked(way: Way, cases: int, manner: Manner, retries: int) -> Reading:
    """One process, and an endpoint of its own."""
    # Where pytest is started by another, that one needs its plugins.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if way.runner == PYTEST else {}
    with tempfile.TemporaryDirectory() as scratch, endpoint(manner) as server:
        folder = Path(scratch, "orders")
        write(way.subject, cases, folder, texts=False)
        plugin = way.subject.arguments if way.runner == PYTEST else ()
        began = time.monotonic()
        cost, said = run(
            [way.subject.python, *way.runner, *plugin, *way.arguments],
            folder,
            OPENAI_BASE_URL=server.address,
            OPENAI_API_KEY="none",
            RETRIES=str(retries),
            CONCURRENCY=str(way.concurrency),
            DEEPEVAL_TELEMETRY_OPT_OUT="YES",
            **alone,
        )
        wall_s = time.monotonic() - began
        seen = server.seen()
    if seen.requests - seen.refused != cases:
        raise BenchmarkFailed(f"{way.name}: {cases} cases, and {seen}\n{said[-4000:]}")
    return Reading(wall_s=wall_s, cpu_s=cost.cpu_s, seen=seen)
