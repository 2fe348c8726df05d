"""What each further test keeps in memory, ours beside bare pytest, by the length of the reply."""

from __future__ import annotations

from collections.abc import Sequence

from letters import Pair, Size, measured
from measure import Cost, Spread
from table import table

TARGET_KIB = 5


def measure_memory(items: tuple[int, int], kib: Sequence[int], repeats: int) -> str:
    """The table: peak memory of a process with few tests and one with many, and what each test between them adds."""
    few, many = items
    sizes = [Size(cases=count, reply_kib=length) for length in kib for count in items]
    with measured(sizes, repeats) as found:
        rows = []
        for length in kib:
            pairs = list(zip(*(found[Size(cases=count, reply_kib=length)] for count in items), strict=True))
            ours, bare = ([_each(one, two, who, many - few) for one, two in pairs] for who in ("ours", "bare"))
            more = tuple(one - other for one, other in zip(ours, bare, strict=True))
            peak = tuple(two.ours.peak_rss_mib for _, two in pairs)
            each = (Spread(tuple(one)).range(1) for one in (ours, bare, more))
            rows.append((f"{length} KiB", Spread(peak).range(0), *each))
    head = (
        f"reply; {few:,} and {many:,} tests, {repeats} rounds: median (min–max)",
        f"peak RSS with {many:,}, MiB",
        "each further test, KiB",
        "bare pytest",
        "ours less bare",
    )
    return f"{table(head, rows)}\n\nTarget: ours less bare at most {TARGET_KIB} KiB, whatever the length of the reply."


def _each(small: Pair, large: Pair, who: str, tests: int) -> float:
    """KiB for each further test."""
    costs: tuple[Cost, Cost] = (getattr(small, who), getattr(large, who))
    return (costs[1].peak_rss_mib - costs[0].peak_rss_mib) * 1024 / tests
