"""Whether twice the cases cost twice: CPU per case and memory at several sizes, beside bare pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from measure import Cost, Spread, per_case
from replay import replayed
from table import table
from workload import BARE, OURS, Subject


def measure_growth(repeats: Mapping[int, int], reference: int) -> str:
    """The table; `repeats` says how often each size is run, and has to name 1 and the size that is compared with."""
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
