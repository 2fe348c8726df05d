"""Which reply takes the place of which. Values in, values out. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_llm.cassettes import Exchange
from pytest_llm.cassettes.entry import Entry
from pytest_llm.cassettes.staleness import difference, likeness
from pytest_llm.cli.cassette_files import cassette_file
from pytest_llm.cli.reviewing.outputs import Block, said
from pytest_llm.cli.reviewing.repository import ChangedFile

MOST_COMPARED = 2_500
"""Of more combinations, exchanges are paired in their order: comparing each with each takes too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCassette:
    """A cassette that differs, as it was and as it is; None where there was, or is, none."""

    file: ChangedFile
    before: Mapping[str, Entry] | None
    now: Mapping[str, Entry] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An exchange as it was and as it is; None where it was not made, or is not any more."""

    before: Exchange | None
    now: Exchange | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """One sample of a cassette that differs."""

    file: ChangedFile
    sample: int
    pairs: tuple[Pair, ...]
    #: What each pair says, before and now; None for an exchange that is not there.
    outputs: tuple[tuple[tuple[Block, ...] | None, tuple[Block, ...] | None], ...] = field(init=False)

    def __post_init__(self) -> None:
        outputs = tuple((pair.before and said(pair.before), pair.now and said(pair.now)) for pair in self.pairs)
        object.__setattr__(self, "outputs", outputs)

    @property
    def says_the_same(self) -> bool:
        """Whether every reply says what it said."""
        return all(before == now for before, now in self.outputs)

    @property
    def change(self) -> tuple[str, str] | None:
        """What changed first in the requests, as heading and lines; None where nothing did.

        What follows may be its consequence: the next request of a dialogue holds the reply before it.
        """
        for pair, (before, now) in zip(self.pairs, self.outputs, strict=True):
            if pair.before is not None and pair.now is not None and pair.before.identity != pair.now.identity:
                return difference(pair.before.request, pair.now.request)
            if before != now:
                return None
        return None

    @property
    def differs(self) -> bool:
        """Whether anything does."""
        return any(_differs(pair) for pair in self.pairs)

    def using(self, exchanges: Sequence[Exchange]) -> Drawn:
        """The same sample, where the test is known to make these exchanges now, and no others of the cassette."""
        if [_place(one) for one in exchanges] == [_place(pair.now) for pair in self.pairs if pair.now is not None]:
            return self
        before = [pair.before for pair in self.pairs if pair.before is not None]
        return Drawn(self.file, self.sample, tuple(paired(before, exchanges)))


def follow_renames(cassettes: Iterable[ChangedCassette]) -> list[ChangedCassette]:
    """A new file that holds a request of a removed one is that case under another name; git looks at texts alone."""
    cassettes = list(cassettes)
    removed = {one.file.path: one for one in cassettes if one.file.status == "removed"}
    owners = {identity: path for path, one in removed.items() for identity in one.before or ()}
    out, taken = [], set()
    for one in cassettes:
        paths = [owners[identity] for identity in one.now or () if identity in owners]
        path = next((path for path in paths if path not in taken), None) if one.file.status == "new" else None
        if path is None:
            out.append(one)
            continue
        taken.add(path)
        old = removed[path]
        file = ChangedFile(status="renamed", path=one.file.path, before=path, blob=old.file.blob)
        out.append(ChangedCassette(file=file, before=old.before, now=one.now))
    return [one for one in out if one.file.status != "removed" or one.file.path not in taken]


Used = Mapping[tuple[str, int], Sequence[Exchange]]
"""By path and sample, the exchanges that a test is known to make now."""


def drawn(cassette: ChangedCassette, used: Used) -> list[Drawn]:
    """The samples of a cassette that differ."""
    before, now = by_sample(cassette.before or {}), by_sample(cassette.now or {})
    out = []
    for sample in sorted({*before, *now}):
        live = used.get((cassette.file.path, sample), now.get(sample, ()))
        pairs = tuple(paired(before.get(sample, ()), live))
        one = Drawn(cassette.file, sample, pairs)
        if one.differs:
            out.append(one)
    return out


def _differs(pair: Pair) -> bool:
    if pair.before is None or pair.now is None:
        return True
    one, other = pair.before, pair.now
    return (one.identity, one.reply.status, one.reply.body) != (other.identity, other.reply.status, other.reply.body)


def by_sample(entries: Mapping[str, Entry]) -> dict[int, list[Exchange]]:
    """The exchanges of a cassette, sample by sample."""
    out: dict[int, list[Exchange]] = {}
    for entry in entries.values():
        for reply in sorted(entry.replies.values(), key=lambda one: one.order):
            sample = reply.slot.partition("/")[0]
            one = Exchange(identity=entry.identity, request=entry.request, reply=reply, source="replayed")
            out.setdefault(int(sample) if sample.isdigit() else 1, []).append(one)
    return out


def paired(before: Sequence[Exchange], now: Sequence[Exchange]) -> list[Pair]:
    """Each exchange with the one whose place it takes: the same request, else the most alike to the same address."""
    left = {_place(one): one for one in before}
    same = {_place(one): left.pop(_place(one)) for one in now if _place(one) in left}
    fresh = [one for one in now if _place(one) not in same]
    many = len(left) * len(fresh) > MOST_COMPARED
    partners = dict(same)
    for one in fresh:
        chosen = _most_alike(one, list(left.values())[:1] if many else list(left.values()))
        if chosen is not None:
            partners[_place(one)] = left.pop(_place(chosen))
    pairs = [Pair(before=partners.get(_place(one)), now=one) for one in now]
    return pairs + [Pair(before=one, now=None) for one in left.values()]


def _most_alike(one: Exchange, others: Sequence[Exchange]) -> Exchange | None:
    others = [other for other in others if _address(other) == _address(one)]
    if len(others) < 2:
        return others[0] if others else None
    return max(others, key=lambda other: likeness(one.request, other.request))


def _place(one: Exchange) -> tuple[str, str, int]:
    return one.identity, one.reply.slot, one.reply.number


def _address(one: Exchange) -> tuple[object, object]:
    return one.request["method"], one.request["url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestChange:
    """One change of requests, and what it changed."""

    heading: str
    lines: str
    #: By test, as `test_orders.py::test_extracts_the_order`, how many samples.
    tests: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many samples it changed."""
        return sum(self.tests.values())


def request_changes(samples: Iterable[Drawn]) -> list[RequestChange]:
    """What changed in the requests, once per distinct change, the most frequent first."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for one in samples:
        if (change := one.change) is not None:
            tests = groups.setdefault(change, {})
            tests[test_of(one.file.path)] = tests.get(test_of(one.file.path), 0) + 1
    found = [RequestChange(heading=heading, lines=lines, tests=tests) for (heading, lines), tests in groups.items()]
    return sorted(found, key=lambda one: -one.total)


def test_of(path: str) -> str:
    """The test whose cassette a file is, as pytest writes it."""
    return cassette_file(Path(path), Path()).test_id


def case_of(path: str) -> str:
    """The case whose cassette a file is, with its variant."""
    return path.rpartition("/")[2].removesuffix(".yaml")
