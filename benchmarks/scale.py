"""A large suite in a git repository: its size, what git needs for it, what .gitattributes does; and memory in replay.

Both repositories are written, not recorded: the same synthetic requests and replies, by each library's own writer.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orders
from exchanges import Asked, asked, our_cassette, stock_cassette
from measure import BenchmarkFailed, Cost, Spread
from replay import replayed
from table import table
from workload import BARE_SAMPLED, OURS_SAMPLED

from pytest_llm.cassettes import store
from pytest_llm.errors import CassetteCorrupt

SAMPLES = 3
MIB = 2**20

Writer = Callable[[Path, Iterable[Asked]], Path]

ATTRIBUTES = {
    "none": "",
    "as the how-to says": "**/cassettes/**/*.yaml text eol=lf\n**/cassettes/**/files/* -text\n",
    "`linguist-generated`": "*.yaml linguist-generated\n",
    "`-diff`": "*.yaml -diff\n",
}
UNION = "*.yaml merge=union\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A suite whose replies were all recorded again after a change of the prompt, and what git said of it."""

    folder: Path
    files: int
    #: Bytes in the work tree before the change, and of `.git` after `git gc`: before it, and with both committed.
    tree: int
    packed: int
    packed_twice: int


def measure_scale(suites: tuple[int, int], repeats: int) -> str:
    """The tables: sizes and git's time beside stock vcrpy's files, attributes, merges, and memory of a replay."""
    cases = max(suites)
    writers: dict[str, Writer] = {"pytest-llm-evals": our_cassette, "stock vcrpy": stock_cassette}
    with tempfile.TemporaryDirectory() as scratch:
        found = {name: _repository(Path(scratch, name), cases, write) for name, write in writers.items()}
        tables = [_sizes(found, cases), _times(found, repeats), _attributes(found["pytest-llm-evals"].folder, repeats)]
        tables.append(_merges(Path(scratch)))
    return "\n\n".join([*tables, _memory(suites, repeats)])


def _repository(folder: Path, cases: int, write: Writer) -> Repository:
    _write_suite(folder, cases, write, orders.SYSTEM, first=1)
    files = list(folder.glob("cassettes/**/*.yaml"))
    tree = sum(path.stat().st_size for path in files)
    _git(folder, "init", "-q", "--template=")
    packed = _committed(folder)
    _write_suite(folder, cases, write, orders.SYSTEM.replace("never guess", "never, ever guess"), first=SAMPLES + 1)
    again = folder.with_name(f"{folder.name} again")
    shutil.copytree(folder, again)
    packed_twice = _committed(again)
    return Repository(folder=folder, files=len(files), tree=tree, packed=packed, packed_twice=packed_twice)


def _write_suite(folder: Path, cases: int, write: Writer, system: str, first: int) -> None:
    """A cassette for each case; every sample is another reply."""
    into = folder / "cassettes" / "test_orders" / "test_extracts_the_order"
    into.mkdir(parents=True, exist_ok=True)
    for number in range(cases):
        replies = [orders.sample(number, turn) for turn in range(first, first + SAMPLES)]
        write(into / f"order-{number:05}.yaml", [(asked(number, system), replies)])


def _committed(folder: Path) -> int:
    """The bytes of `.git` when the work tree is committed and packed."""
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "recorded")
    _git(folder, "gc", "-q", "--prune=now")
    return sum(path.stat().st_size for path in (folder / ".git").rglob("*") if path.is_file())


def _git(folder: Path, *arguments: str, status: Sequence[int] = (0,)) -> str:
    author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.invalid", "-c", "gc.auto=0")
    found = subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, check=False)
    if found.returncode not in status:
        raise BenchmarkFailed(f"git {' '.join(arguments)}\n{found.stderr.decode()}")
    return found.stdout.decode()


def _sizes(found: dict[str, Repository], cases: int) -> str:
    replies = cases * SAMPLES
    rows = [
        (
            name,
            f"{one.files:,}",
            f"{one.tree / MIB:.1f}",
            f"{one.tree / replies:,.0f}",
            f"{one.packed / MIB:.2f}",
            f"{(one.packed_twice - one.packed) / MIB:.2f}",
        )
        for name, one in found.items()
    ]
    head = (
        f"{cases:,} cases × {SAMPLES} samples",
        "files",
        "MiB",
        "bytes per reply",
        "MiB of .git",
        "more, all recorded again",
    )
    return table(head, rows)


def _times(found: dict[str, Repository], repeats: int) -> str:
    commands = (("git status", ("status", "--short")), ("git diff", ("--no-pager", "diff")))
    seconds: dict[tuple[str, str], list[float]] = {(name, label): [] for name in found for label, _ in commands}
    shown: dict[str, str] = {}
    for _ in range(repeats):
        for name, one in found.items():
            for label, command in commands:
                spent, said = _timed(one.folder, command)
                seconds[name, label].append(spent)
                shown[name] = said
    rows = []
    for name, one in found.items():
        if shown[name].count("diff --git") != one.files:
            raise BenchmarkFailed("git diff did not show every case")
        rows.append(
            (
                name,
                Spread(tuple(seconds[name, "git status"])).range(2),
                Spread(tuple(seconds[name, "git diff"])).range(2),
                f"{len(shown[name].encode()) / MIB:.1f}",
                f"{_changed_lines(shown[name]) / one.files / SAMPLES:.1f}",
            )
        )
    version = _git(next(iter(found.values())).folder, "--version").strip().replace(" version", "")
    head = (
        f"all recorded again, {version}, {repeats} rounds: median (min–max)",
        "git status, s",
        "git diff, s",
        "MiB of diff",
        "changed lines per reply",
    )
    return table(head, rows)


def _timed(folder: Path, command: Sequence[str]) -> tuple[float, str]:
    began = time.perf_counter()
    said = _git(folder, *command)
    return time.perf_counter() - began, said


def _changed_lines(diff: str) -> int:
    return sum(line[:1] in "+-" and line[:4] not in ("+++ ", "--- ") for line in diff.splitlines() if line)


def _attributes(folder: Path, repeats: int) -> str:
    """What attributes do to `git diff` of the changed suite, and to a checkout where Git makes CRLF of LF."""
    seconds: dict[str, list[float]] = {name: [] for name in ATTRIBUTES}
    shown: dict[str, str] = {}
    for _ in range(repeats):
        for name, text in ATTRIBUTES.items():
            (folder / ".gitattributes").write_text(text, encoding="utf-8")
            spent, shown[name] = _timed(folder, ("--no-pager", "diff"))
            seconds[name].append(spent)
    rows = []
    for name, text in ATTRIBUTES.items():
        (folder / ".gitattributes").write_text(text, encoding="utf-8")
        ratio = tuple(one / base for one, base in zip(seconds[name], seconds["none"], strict=True))
        rows.append((name, Spread(ratio).range(2), f"{len(shown[name].encode()) / MIB:.1f}", _with_crlf(folder)))
    (folder / ".gitattributes").unlink()
    head = (".gitattributes", "time of git diff, of none", "MiB of diff", "files with CRLF under core.autocrlf")
    return table(head, rows)


def _with_crlf(folder: Path) -> str:
    """How many files have CRLF in a checkout by Git for Windows as it is installed, whose core.autocrlf is true."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "clone")
        _git(folder, "clone", "-q", "--no-checkout", "-c", "core.autocrlf=true", str(folder), str(copy))
        shutil.copy(folder / ".gitattributes", copy / ".git" / "info" / "attributes")
        _git(copy, "checkout", "-q", "HEAD")
        paths = list(copy.glob("cassettes/**/*.yaml"))
        changed = sum(b"\r" in path.read_bytes() for path in paths)
        return f"{changed:,} of {len(paths):,}"


def _merges(scratch: Path) -> str:
    """What a merge makes of two branches that recorded different things, and what a replay then reads."""
    base = [(asked(1), [orders.sample(1, 1)])]
    two, three = ([(asked(number), [orders.sample(number, 1)])] for number in (2, 3))
    sampled = [(asked(1), [orders.sample(1, turn) for turn in (1, first)]) for first in (2, 3)]
    situations: dict[str, tuple[Sequence[Asked], Sequence[Asked], str]] = {
        "another case each": (two, three, "{}.yaml"),
        "another request each, in one cassette": ([*base, *two], [*base, *three], "same.yaml"),
        "the same new sample of one case": ([sampled[0]], [sampled[1]], "same.yaml"),
    }
    rows = []
    for situation, (left, right, name) in situations.items():
        outcomes = []
        for attribute in ("", UNION):
            folder = scratch / f"merge {len(rows)} {bool(attribute)}"
            outcomes.append(_merged(folder, attribute, base, {"left": left, "right": right}, name))
        rows.append((situation, *outcomes))
    return table(("two branches recorded", "merged without attributes", "with `merge=union`"), rows)


def _merged(folder: Path, attribute: str, base: Sequence[Asked], sides: dict[str, Sequence[Asked]], name: str) -> str:
    folder.mkdir()
    _git(folder, "init", "-q", "--template=", "-b", "left")
    (folder / ".gitattributes").write_text(attribute, encoding="utf-8")
    our_cassette(folder / "same.yaml", base)
    _committed(folder)
    _git(folder, "branch", "right")
    for side, exchanges in sides.items():
        _git(folder, "checkout", "-q", side)
        our_cassette(folder / name.format(side), exchanges)
        _committed(folder)
    _git(folder, "merge", "-q", "--no-edit", "left", status=(0, 1))
    clean = not _git(folder, "ls-files", "--unmerged")
    try:
        replies = sum(len(one.replies) for path in folder.glob("*.yaml") for one in (store.load(path) or {}).values())
    except CassetteCorrupt as error:
        return f"{'clean' if clean else 'conflict'}; refused: {str(error).splitlines()[0]}"
    return f"{'clean' if clean else 'conflict'}; {replies} replies"


def _memory(sizes: Sequence[int], repeats: int) -> str:
    """Peak memory of a replay, by the number of cases, beside bare pytest with as many tests."""
    subjects = (OURS_SAMPLED, BARE_SAMPLED)
    costs: dict[tuple[str, int], list[Cost]] = {(one.name, size): [] for size in sizes for one in subjects}
    for subject in subjects:
        for size in sizes:
            subject.replay(size)  # is recorded
    for _ in range(repeats):
        for size in sizes:
            for subject in subjects:
                costs[subject.name, size].append(replayed(subject, size))
    rss = {key: Spread(tuple(one.peak_rss_mib for one in found)) for key, found in costs.items()}
    ours, bare = (subject.name for subject in subjects)
    small, large = min(sizes), max(sizes)
    rows = [
        (f"{size:,}", f"{size * SAMPLES:,}", rss[ours, size].range(0), rss[bare, size].range(0), _added(rss, size))
        for size in sizes
    ]
    steps = {name: rss[name, large].median - rss[name, small].median for name in (ours, bare)}
    each = [f"{steps[name] * 1024 / (large - small) / SAMPLES:.1f}" for name in (ours, bare)]
    more = (steps[ours] - steps[bare]) * 1024 / (large - small) / SAMPLES
    rows.append(("each further test, KiB", "", *each, f"{more:.1f}"))
    head = ("cases", "tests", "peak RSS, MiB", "bare pytest", "ours less bare")
    return table(head, rows)


def _added(rss: dict[tuple[str, int], Spread], size: int) -> str:
    pairs = zip(rss[OURS_SAMPLED.name, size].values, rss[BARE_SAMPLED.name, size].values, strict=True)
    return Spread(tuple(one - bare for one, bare in pairs)).range(0)
