"""Whether twice the work costs twice: by cases, samples and length of the reply, beside bare pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from letters import Size, measured
from measure import Cost, Spread, per_case
from replay import replayed
from table import table
from workload import BARE, OURS, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Suites that differ in one thing: the samples of each case, or the length of each reply."""

    cases: int
    samples: tuple[int, ...]
    reply_kib: tuple[int, ...]
    repeats: int


def measure_growth(repeats: Mapping[int, int], reference: int, letters: Letters) -> str:
    """The tables: by cases, by samples, and by the length of the reply.

    `repeats` says how often each number of cases is run, and has to name 1 and the one that is compared with.
    """
    by_samples = {f"{one}": Size(cases=letters.cases, samples=one) for one in letters.samples}
    by_length = {f"{one} KiB": Size(cases=letters.cases, reply_kib=one) for one in letters.reply_kib}
    return "\n\n".join(
        [
            _by_cases(repeats, reference),
            _by_size(f"samples of {letters.cases:,} cases", by_samples, letters.repeats),
            _by_size(f"reply to each of {letters.cases:,} cases", by_length, letters.repeats),
        ]
    )


def _by_size(what: str, sizes: Mapping[str, Size], repeats: int) -> str:
    """CPU per test after the first, less that of bare pytest, which reads the same texts from files."""
    one = Size(cases=1)
    rows = []
    with measured([one, *sizes.values()], repeats) as found:
        for name, size in sizes.items():
            rounds = list(zip(found[one], found[size], strict=True))
            ours = [per_case(first.ours, all_.ours, size.items) for first, all_ in rounds]
            bare = [per_case(first.bare, all_.bare, size.items) for first, all_ in rounds]
            more = tuple(mine - theirs for mine, theirs in zip(ours, bare, strict=True))
            rows.append((name, f"{size.items:,}", *(Spread(tuple(each)).range(2) for each in (ours, bare, more))))
    head = (f"{what}, {repeats} rounds", "tests", "CPU ms per test", "bare pytest", "ours less bare")
    return table(head, rows)


def _by_cases(repeats: Mapping[int, int], reference: int) -> str:
    ours, bare = _costs(OURS, repeats), _costs(BARE, repeats)
    rows = []
    for size in repeats:
        rss = [f"{Spread(tuple(one.peak_rss_mib for one in costs[size])).median:.0f}" for costs in (ours, bare)]
        relative = ["–", "–"] if size == 1 else [_relative(costs, size, reference) for costs in (ours, bare)]
        rows.append((f"{size:,}", repeats[size], *relative, *rss))
    head = ("cases", "runs", f"CPU per case, of that at {reference:,}", "bare pytest", "peak RSS, MiB", "bare pytest")
    return table(head, rows)


def _relative(costs: Mapping[int, Sequence[Cost]], size: int, reference: int) -> str:
    base = Spread(tuple(one.cpu_s for one in costs[1])).median
    first = Cost(cpu_s=base, peak_rss_mib=0)
    unit = Spread(tuple(per_case(first, one, reference) for one in costs[reference])).median
    return Spread(tuple(per_case(first, one, size) / unit for one in costs[size])).range(2)


def _costs(subject: Subject, repeats: Mapping[int, int]) -> dict[int, list[Cost]]:
    found: dict[int, list[Cost]] = {size: [] for size in repeats}
    for size in repeats:
        replayed(subject, min(size, 1000))
        subject.replay(size)
    for turn in range(max(repeats.values())):
        for size, times in repeats.items():
            if turn < times:
                found[size].append(replayed(subject, size))
    return found
