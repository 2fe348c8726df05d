"""Measure, print the tables, and with --write put them into README.md.

python benchmarks/run.py                    everything
python benchmarks/run.py replay --quick     one benchmark, small
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from breakdown import measure_breakdown
from correction import measure_correction
from endpoint import Manner
from entering import measure_entering
from gating import measure_gating
from graders import measure_graders
from growth import Letters, measure_growth
from limited import measure_limited
from live import measure_live, measure_ordinary
from loading import measure_loading
from lookup import measure_lookup
from memory import measure_memory
from peers import measure_peers
from recording import measure_recording
from replay import measure_replay, measure_sizes
from reviewing import measure_reviewing
from scale import measure_scale
from table import machine, put, versions
from unused import measure_unused
from workload import (
    BARE,
    CACHE,
    CASSETTER,
    DEEPEVAL,
    OURS,
    OURS_BY_CLIENT,
    PYDANTIC_EVALS,
    PYTEST_RECORDING,
    Subject,
    package_edition,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    #: Pairs of processes with the plugin blocked and not.
    processes: int
    #: Processes that look at the plugin from inside, and pairs of runs in each.
    probes: int
    pairs: int
    cases: int
    repeats: int
    subjects: tuple[Subject, ...]
    #: How often each size is replayed, and by whom beside the subjects.
    replayed: Mapping[int, int]
    evaluating: tuple[Subject, ...]
    #: Pairs of processes for each plugin of others.
    peer_pairs: int
    #: How often a cassette is opened in each round.
    openings: int
    #: How often each size is run.
    growth: Mapping[int, int]
    #: By what else a suite grows.
    letters: Letters
    #: Tests, few and many, whose memory is looked at, with replies of so many KiB, and how often.
    remembered: tuple[int, int]
    reply_kib: tuple[int, ...]
    memory_rounds: int
    #: How many changed cases are reviewed, and how often.
    reviewed: tuple[int, ...]
    reviews: int
    #: Exchanges in one file, and up to how many stock vcrpy is asked.
    exchanges: tuple[int, ...]
    stock_up_to: int
    #: Files of one exchange that are loaded.
    files: int
    #: Calls that are recorded, few and many, how often, and whether by others too.
    calls: tuple[int, int]
    recordings: int
    others: bool
    #: Cases with three samples each, few and many, and how often git and pytest run over them.
    suites: tuple[int, int]
    suite_rounds: int
    #: Cases of five samples each that a verdict is about.
    judged: tuple[int, ...]
    #: Outputs that each grader grades, and how often.
    graded: int
    gradings: int
    #: Cases that are asked for live, each with the seconds that a reply takes; and how often, where that is quick.
    suites_live: Mapping[int, float]
    rounds_live: int
    #: By how many processes of xdist the first of them is run as ordinary code.
    workers: tuple[int, ...]
    #: Cases that are asked for under a rate limit, the limit, and how often.
    cases_limited: int
    limit: Manner
    rounds_limited: int


FULL = Sizes(
    processes=24,
    probes=9,
    pairs=30,
    cases=1000,
    repeats=9,
    subjects=(BARE, OURS, OURS_BY_CLIENT, PYTEST_RECORDING, CASSETTER),
    replayed={1: 2, 200: 2, 1000: 2, 10_000: 1},
    evaluating=(DEEPEVAL, PYDANTIC_EVALS),
    peer_pairs=3,
    openings=2000,
    growth={1: 3, 100: 3, 1000: 3, 10_000: 1},
    letters=Letters(cases=400, samples=(1, 5, 25), reply_kib=(1, 10, 100), repeats=3),
    remembered=(200, 2000),
    reply_kib=(1, 10, 100),
    memory_rounds=3,
    reviewed=(20, 200, 2000),
    reviews=7,
    exchanges=(100, 1000, 10_000),
    stock_up_to=1000,
    files=1000,
    calls=(100, 1000),
    recordings=3,
    others=True,
    suites=(200, 2000),
    suite_rounds=5,
    judged=(100, 1000, 10_000),
    graded=10_000,
    gradings=3,
    suites_live={200: 0.2, 1000: 0.05},
    rounds_live=2,
    workers=(2, 8),
    cases_limited=600,
    limit=Manner(rate=100, burst=10, latency=0.05),
    rounds_limited=1,
)
# Others are left out: their virtualenvs take longer than all of it.
QUICK = Sizes(
    processes=4,
    probes=2,
    pairs=5,
    cases=100,
    repeats=2,
    subjects=(BARE, OURS, OURS_BY_CLIENT),
    replayed={1: 1, 50: 1},
    evaluating=(),
    peer_pairs=2,
    openings=200,
    growth={1: 2, 20: 2, 100: 2, 200: 1},
    letters=Letters(cases=20, samples=(1, 5), reply_kib=(1, 10), repeats=2),
    remembered=(20, 100),
    reply_kib=(1, 10),
    memory_rounds=2,
    reviewed=(20,),
    reviews=2,
    exchanges=(100, 500),
    stock_up_to=100,
    files=100,
    calls=(5, 40),
    recordings=1,
    others=False,
    suites=(10, 40),
    suite_rounds=2,
    judged=(20, 100),
    graded=200,
    gradings=2,
    suites_live={40: 0.05},
    rounds_live=1,
    workers=(2,),
    cases_limited=60,
    limit=Manner(rate=50, burst=10, latency=0.02),
    rounds_limited=1,
)

BENCHMARKS: dict[str, Callable[[Sizes], str]] = {
    "unused": lambda sizes: measure_unused(sizes.processes, sizes.probes, sizes.pairs),
    "peers": lambda sizes: measure_peers(sizes.peer_pairs, others=sizes.others),
    "replay": lambda sizes: measure_replay(sizes.subjects, sizes.cases, sizes.repeats),
    "sizes": lambda sizes: measure_sizes((*sizes.subjects, *sizes.evaluating), sizes.replayed),
    "entering": lambda sizes: measure_entering(sizes.repeats, sizes.openings),
    "lookup": lambda sizes: measure_lookup(sizes.exchanges, sizes.stock_up_to, sizes.repeats),
    "loading": lambda sizes: measure_loading(sizes.files, sizes.repeats),
    "recording": lambda sizes: measure_recording(sizes.calls, sizes.recordings, others=sizes.others),
    "scale": lambda sizes: measure_scale(sizes.suites, sizes.suite_rounds),
    "growth": lambda sizes: measure_growth(sizes.growth, sizes.cases, sizes.letters),
    "memory": lambda sizes: measure_memory(sizes.remembered, sizes.reply_kib, sizes.memory_rounds),
    "review": lambda sizes: measure_reviewing(sizes.reviewed, sizes.reviews),
    "gating": lambda sizes: measure_gating(sizes.judged, sizes.repeats),
    "graders": lambda sizes: measure_graders(sizes.graded, sizes.gradings, others=sizes.others),
    "correction": lambda sizes: measure_correction(sizes.repeats, others=sizes.others),
    "breakdown": lambda sizes: measure_breakdown(sizes.cases),
    "live": lambda sizes: measure_live(sizes.suites_live, sizes.rounds_live, others=sizes.others),
    "ordinary": lambda sizes: measure_ordinary(sizes.suites_live, sizes.workers, sizes.rounds_live),
    "limited": lambda sizes: measure_limited(
        sizes.cases_limited, sizes.limit, sizes.rounds_limited, others=sizes.others
    ),
}
LIBRARIES = (
    "pytest",
    "pytest-xdist",
    "pydantic",
    "PyYAML",
    "pytest-recording",
    "cassetter",
    "deepeval",
    "pydantic-evals",
    "vcrpy",
    "openai",
    "httpx2",
)


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", metavar="benchmark", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, no other libraries: two to three minutes")
    parser.add_argument("--cases", type=int, metavar="N", help="cases in replay and breakdown, instead of 1,000")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds of replay, entering, lookup and loading")
    parser.add_argument("--fresh", action="store_true", help="make projects, recordings and virtualenvs anew")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    said = parser.parse_args()
    if unknown := [name for name in said.benchmarks if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if said.quick and said.write:
        parser.error("--quick is too small for README.md")
    if said.fresh:
        shutil.rmtree(CACHE, ignore_errors=True)
    sizes = _sizes(said)
    tables = {}
    edition = package_edition()
    for name in said.benchmarks or BENCHMARKS:
        tables[name] = BENCHMARKS[name](sizes)
        print(f"\n{name}\n\n{tables[name]}", flush=True)
    about = _about(sizes)
    print(f"\n{about}")
    if package_edition() != edition:  # the figures are of no version at all
        raise SystemExit("the package changed while it was measured; nothing is written\n  run   the same again")
    if said.write:
        for name, text in {**tables, "machine": about}.items():
            put(name, text)


def _sizes(said: argparse.Namespace) -> Sizes:
    chosen = {name: getattr(said, name) for name in ("cases", "repeats") if getattr(said, name) is not None}
    sizes = replace(QUICK if said.quick else FULL, **chosen)
    growth = {**sizes.growth, sizes.cases: sizes.growth.get(sizes.cases, 3)}
    return replace(sizes, growth=dict(sorted(growth.items())))


def _about(sizes: Sizes) -> str:
    lines = [f"{machine()}."]
    lines += [
        f"{subject.name}: {versions(subject.python, LIBRARIES)}."
        for subject in (*sizes.subjects, *sizes.evaluating)
        if subject is not BARE
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
