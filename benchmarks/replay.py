"""What one replayed case costs, ours and others', beside bare pytest that reads and compares the same texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from measure import Cost, Spread, per_case, run_pytest
from table import table
from workload import BARE, OURS, Subject

TARGET_MS = 0.55


@dataclass(frozen=True, slots=True)
class Round:
    """One process of each size."""

    one: Cost
    many: Cost


def measure_replay(subjects: Sequence[Subject], cases: int, repeats: int) -> str:
    """The table: CPU per case of every subject, less that of bare pytest in the same round."""
    rounds = measured(subjects, cases, repeats)
    bare = [per_case(one.one, one.many, cases) for one in rounds[BARE]]
    nets = {
        subject: [per_case(each.one, each.many, cases) - base for each, base in zip(found, bare, strict=True)]
        for subject, found in rounds.items()
    }
    rows = []
    for subject, found in rounds.items():
        gross = Spread(tuple(per_case(each.one, each.many, cases) for each in found))
        first = Spread(tuple(each.one.cpu_s - base.one.cpu_s for each, base in zip(found, rounds[BARE], strict=True)))
        rss = Spread(tuple(each.many.peak_rss_mib for each in found))
        net = Spread(tuple(nets[subject]))
        ratio = Spread(tuple(theirs / ours for theirs, ours in zip(nets[subject], nets[OURS], strict=True)))
        compared = subject not in (OURS, BARE)
        rows.append(
            (
                subject.name,
                gross.range(2),
                "–" if subject is BARE else net.range(2),
                f"{ratio.range(1)} ×" if compared else "–" if subject is BARE else "1",
                "–" if subject is BARE else first.range(2),
                f"{rss.median:.0f}",
            )
        )
    head = (
        f"{cases:,} cases, {repeats} rounds: median (min–max)",
        "CPU ms per case",
        "less bare pytest",
        "of ours",
        "CPU s added once",
        "peak RSS, MiB",
    )
    return f"{table(head, rows)}\n\nTarget: ours less bare pytest at most {TARGET_MS} ms per case."


def measure_sizes(subjects: Sequence[Subject], sizes: Mapping[int, int]) -> str:
    """The table: CPU of whole processes at every size, and of bare pytest's; `sizes` says how often each is run."""
    costs = {size: _whole(subjects, size, repeats) for size, repeats in sizes.items()}
    rows = [(subject.name, *(_of_bare(subject, found) for found in costs.values())) for subject in subjects]
    head = ("cases: CPU s, of bare pytest's", *(f"{size:,}" for size in sizes))
    times = ", ".join(f"{repeats} of {size:,}" for size, repeats in sizes.items())
    return f"{table(head, rows)}\n\nRounds: {times}."


def _whole(subjects: Sequence[Subject], cases: int, repeats: int) -> dict[Subject, list[float]]:
    for subject in subjects:
        subject.replay(cases)  # records
    rounds = [{subject: replayed(subject, cases).cpu_s for subject in subjects} for _ in range(repeats)]
    return {subject: [each[subject] for each in rounds] for subject in subjects}


def _of_bare(subject: Subject, found: Mapping[Subject, Sequence[float]]) -> str:
    ratio = Spread(tuple(one / base for one, base in zip(found[subject], found[BARE], strict=True)))
    seconds = f"{Spread(tuple(found[subject])).median:.2f}"
    return seconds if subject is BARE else f"{seconds}, {ratio.range(1)} ×"


def measured(subjects: Sequence[Subject], cases: int, repeats: int) -> dict[Subject, list[Round]]:
    """Rounds of all subjects, by turns, so that a slow minute of the machine meets all of them."""
    for subject in subjects:
        for size in (1, cases):
            replayed(subject, size)  # records, compiles, and warms the file cache
    rounds: dict[Subject, list[Round]] = {subject: [] for subject in subjects}
    for _ in range(repeats):
        for subject in subjects:
            rounds[subject].append(Round(replayed(subject, 1), replayed(subject, cases)))
    return rounds


def replayed(subject: Subject, cases: int) -> Cost:
    """One process that replays so many cases. The endpoint is gone, so what passes comes from a recording."""
    folder, arguments = subject.replay(cases)
    return run_pytest(subject.python, folder, subject.items(cases), *arguments)
