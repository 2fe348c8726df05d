"""What `pytest-llm review` needs to its first screen, beside `git diff` of the same files. Wall time, by turns.

A reader waits for the clock, so here the clock is looked at; both commands run on the same machine in the same minute,
and only their ratio is of interest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from measure import BenchmarkFailed, Spread
from table import table
from workload import OURS, recorded

from pytest_llm.cassettes.document import apart, read, write
from pytest_llm.cassettes.entry import Entry
from pytest_llm.cassettes.identity import identity_of

SYSTEM = "system.txt"
WORSE = 5
"""Every fifth reply says something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Seconds of the clock."""

    diff: float
    first_screen: float
    first_sample: float
    whole: float


def measure_reviewing(sizes: Sequence[int], repeats: int) -> str:
    """The table, of one round of each size by turns."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {size: _edited(size, Path(scratch, str(size))) for size in sizes}
        rounds: dict[int, list[Round]] = {size: [] for size in sizes}
        for _ in range(repeats):
            for size, folder in folders.items():
                rounds[size].append(_round(folder, size))
    rows = []
    for size, found in rounds.items():
        parts = ("first_screen", "first_sample", "whole")
        ratios = [Spread(tuple(getattr(one, part) / one.diff for one in found)).range(1) for part in parts]
        each = [f"{Spread(tuple(getattr(one, part) for one in found)).median:.2f}" for part in ("diff", *parts)]
        rows.append((f"{size:,}", each[0], *(f"{s} s, {ratio} ×" for s, ratio in zip(each[1:], ratios, strict=True))))
    head = ("changed cases", "git diff, s", "review: what changed in the requests", "the first sample", "all of them")
    return table(head, rows)


def _round(folder: Path, size: int) -> Round:
    began = time.perf_counter()
    shown = subprocess.run(["git", "--no-pager", "diff"], cwd=folder, check=True, capture_output=True)
    diff = time.perf_counter() - began
    if shown.stdout.count(b"diff --git") != size + 1:  # and the prompt
        raise BenchmarkFailed("git diff did not show every case")
    began = time.perf_counter()
    command = [Path(sys.executable).with_name("pytest-llm"), "review"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, env=_environment()) as child:
        if child.stdout is None:
            raise BenchmarkFailed("no pipe")
        first_screen, first_sample = (
            _heard(child.stdout.fileno(), b"one change of request"),
            _heard(child.stdout.fileno(), b"1/"),
        )
        rest = child.stdout.read()
    whole = time.perf_counter() - began
    if child.returncode or f"{size - size // WORSE:,} same text and grade".encode() not in rest:
        raise BenchmarkFailed(f"the review did not show every case\n{rest[-500:].decode()}")
    return Round(diff=diff, first_screen=first_screen - began, first_sample=first_sample - began, whole=whole)


def _heard(pipe: int, text: bytes) -> float:
    """When a text came."""
    said = b""
    while chunk := os.read(pipe, 65_536):
        said += chunk
        if text in said:
            return time.perf_counter()
    raise BenchmarkFailed(f"{text!r} was never said")


def _edited(cases: int, folder: Path) -> Path:
    """A repository whose cassettes were recorded from the scripted endpoint, committed, and written again for another
    prompt: synthetic, since asking 2,000 times more would measure nothing else.
    """
    shutil.copytree(recorded(OURS, cases), folder)
    shutil.rmtree(folder / ".pytest_llm", ignore_errors=True)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "before"]):
        author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.invalid"]
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
    before = (folder / SYSTEM).read_text(encoding="utf-8")
    after = before.replace("never guess", "never, ever guess")
    (folder / SYSTEM).write_text(after, encoding="utf-8")
    for number, path in enumerate(sorted(folder.glob("cassettes/**/*.yaml")), 1):
        entries = read(path.read_text(encoding="utf-8"), path.name).values()
        changed = [_again(entry, before, after, number % WORSE == 0) for entry in entries]
        path.write_text(write(apart(changed, path.stem)[0]), encoding="utf-8")
    return folder


def _again(entry: Entry, before: str, after: str, other: bool) -> Entry:
    request = json.loads(json.dumps(entry.request).replace(json.dumps(before)[1:-1], json.dumps(after)[1:-1]))
    replies = entry.replies
    if other:
        replies = {
            place: replace(reply, body=json.loads(json.dumps(reply.body).replace("Reference", "Reference no.")))
            for place, reply in replies.items()
        }
    return Entry(identity_of(request), request, dict(replies))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_llm.plugin"}
