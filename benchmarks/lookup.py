"""What a replayed request costs in a cassette of many exchanges, and what it costs to load it, beside stock vcrpy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx2
import vcr
from exchanges import JSON_TYPE, MATCHED_ON, URL, answered, one_each, our_cassette, record, sent, stock_cassette
from measure import BenchmarkFailed, Spread, cpu_s
from table import table
from vcr.cassette import Cassette

from pytest_llm.cassettes import Desk, Hosts, Recorder, Router, Secrets, Shelf, store
from pytest_llm.cassettes.interception import Interception

TARGET_GROWTH = 1.5

ASKED = 100
"""Requests in each opening: all of the smallest cassette, and so many of a larger one, evenly over it."""

OPENINGS = 5

ASKED_OF_STOCK = 20
"""Stock vcrpy takes a tenth of a second for each where there are 1,000."""

OURS, ALONE, STOCK = "pytest-llm-evals", "pytest-llm-evals, the look-up alone", "stock vcrpy"

Found: TypeAlias = dict[tuple[str, int], list[float]]
"""By subject and number of exchanges: seconds of CPU per request, or per exchange; one of each round."""


def measure_lookup(sizes: Sequence[int], stock_up_to: int, rounds: int) -> str:
    """The tables: CPU per request and CPU to load the file, each by the number of exchanges in it; by turns."""
    asking: Found = {(name, size): [] for name in (OURS, ALONE) for size in sizes}
    asking |= {(STOCK, size): [] for size in sizes if size <= stock_up_to}
    loading: Found = {(name, size): [] for name, size in asking if name != ALONE}
    with tempfile.TemporaryDirectory() as scratch:
        ours = {size: our_cassette(Path(scratch, f"{size}.yaml"), one_each(range(size))) for size in sizes}
        stock = {
            size: stock_cassette(Path(scratch, f"{size}.stock.yaml"), one_each(range(size)))
            for size in sizes
            if size <= stock_up_to
        }
        for _ in range(rounds):
            for size in sizes:
                asking[OURS, size].append(_ours(ours[size], size))
                asking[ALONE, size].append(_alone(ours[size], size))
                loading[OURS, size].append(cpu_s(lambda path=ours[size]: store.load(path)) / size)
            for size, path in stock.items():
                asking[STOCK, size].append(_stock(path, size))
                loading[STOCK, size].append(cpu_s(lambda path=path: Cassette.load(path=path)) / size)
    growth = Spread(_growth(asking, OURS, max(sizes))).range(2)
    target = (
        f"Target: a request of ours at {max(sizes):,} below {TARGET_GROWTH} of one at {min(sizes):,}; it is {growth}."
    )
    asked, loaded = _table("CPU ms per replayed request", asking), _table("CPU ms per exchange to load it", loading)
    return f"{asked}\n\n{loaded}\n\n{target}"


def _table(what: str, found: Found) -> str:
    rows = []
    for (name, size), seconds in found.items():
        each = Spread(tuple(one * 1000 for one in seconds))
        ratio = tuple(theirs / own for theirs, own in zip(seconds, found[OURS, size], strict=True))
        growth = Spread(_growth(found, name, size)).range(2)
        rows.append((name, f"{size:,}", each.range(3), growth, f"{Spread(ratio).range(1)} ×" if name == STOCK else "–"))
    rounds = len(next(iter(found.values())))
    least = min(size for _, size in found)
    head = (f"{rounds} rounds: median (min–max)", "exchanges in the file", what, f"of that at {least:,}", "of ours")
    return table(head, rows)


def _growth(found: Found, name: str, size: int) -> tuple[float, ...]:
    least = min(size for _, size in found)
    return tuple(one / base for one, base in zip(found[name, size], found[name, least], strict=True))


def _ours(path: Path, size: int) -> float:
    """Seconds per request of one client, by the patch that a marked test runs under."""
    router = Router(Hosts(), refuse=True)
    interception = Interception(router, guarded=True)
    spent = 0.0
    numbers = _evenly(size, ASKED)
    with _desk() as desk, httpx2.Client(trust_env=False) as client:
        for _ in range(OPENINGS):
            recorder = _opened(desk, path)
            router.enter(recorder, "subject")
            interception.enter()
            spent += _asked(client, numbers)
            interception.leave()
            router.leave(recorder)
            recorder.close()
    return spent / len(numbers) / OPENINGS


def _alone(path: Path, size: int) -> float:
    """Seconds from a canonical request to its reply, without HTTP client and patch, which would hide a growth."""
    spent = 0.0
    requests = [record(number) for number in _evenly(size, ASKED)]
    with _desk() as desk:
        for _ in range(OPENINGS):
            recorder = _opened(desk, path)
            spent += cpu_s(lambda opened=recorder: [opened.take(opened.canonical(request)) for request in requests])
            recorder.close()
    return spent / len(requests) / OPENINGS


def _stock(path: Path, size: int) -> float:
    """Seconds per request of one client, by stock vcrpy, which compares each with the stored ones in their order."""
    numbers = _evenly(size, ASKED_OF_STOCK)
    recorder = vcr.VCR(record_mode="none", match_on=MATCHED_ON)
    with httpx2.Client(trust_env=False) as client, recorder.use_cassette(str(path)):
        return _asked(client, numbers) / len(numbers)


def _asked(client: httpx2.Client, numbers: Sequence[int]) -> float:
    """Seconds of CPU to ask all of them."""
    bodies = [sent(number) for number in numbers]
    replies: list[httpx2.Response] = []

    headers = {"content-type": JSON_TYPE}
    spent = cpu_s(lambda: replies.extend(client.post(URL, content=body, headers=headers) for body in bodies))
    for number, reply in zip(numbers, replies, strict=True):
        if reply.json() != answered(number):
            raise BenchmarkFailed(f"request {number} was answered with another's reply")
    return spent


def _evenly(size: int, most: int) -> list[int]:
    """Numbers from all over a cassette, the first and the last among them."""
    count = min(size, most)
    return [number * (size - 1) // (count - 1) for number in range(count)]


@contextmanager
def _desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as state:
        none = Secrets.of({})
        yield Desk(mode="replay", state=Path(state), secrets=lambda: none, journal=_no_journal, shelf=Shelf())


def _opened(desk: Desk, path: Path) -> Recorder:
    """A recorder that has loaded its cassette, which the shelf keeps from one to the next."""
    recorder = Recorder(desk, path, shown=path.name, owner="test_it.py::test_it")
    if not recorder.knows(record(0)):
        raise BenchmarkFailed(f"{path.name} does not hold what was put into it")
    return recorder


def _no_journal() -> None:
    raise RuntimeError("a replay writes no journal")
