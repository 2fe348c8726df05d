"""`pytest-llm cassettes prune`: remove what the last full run did not use. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_llm.cassettes import stored_exchanges
from pytest_llm.cassettes.store import Place, drop, files_beside, remove
from pytest_llm.cli.cassette_files import cassette_files
from pytest_llm.cli.place import root, shown
from pytest_llm.errors import CassetteCorrupt, OptionError
from pytest_llm.orphans import orphans, used_places
from pytest_llm.reports import visible
from pytest_llm.results import Run, read_run
from pytest_llm.schemas import JSON
from pytest_llm.settings import LAST_RUN, STATE_FOLDER

PRUNE_VERSION = 1


def add_to(verbs: Any) -> None:
    """Add the verb to `pytest-llm cassettes`."""
    parser = verbs.add_parser(
        "prune",
        help="remove recordings that no test uses",
        description="Shows the recordings that the last run did not use, and removes them when told to. Only after a "
        "run of all tests that came to its end; what has changed since is left alone. Exit code 1 if a cassette is "
        "damaged, 2 if the last run was partial.",
        epilog="example: pytest && pytest-llm cassettes prune",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="default: all that the last run covered")
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program; with --yes it removes")
    parser.set_defaults(run=prune)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """What is not used of a cassette."""

    path: Path
    #: (slot, number) with identity, in the order of the file.
    places: Sequence[Place]
    #: How many replies there are.
    replies: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the cassette is used."""
        return len(self.places) == self.replies


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is to remove, and what is left alone."""

    unused: Sequence[Unused]
    #: Cassettes that have changed since the run.
    changed: Sequence[Path]
    #: Why cassettes could not be read.
    damaged: Sequence[str]


def prune(chosen: argparse.Namespace) -> int:
    """Show what is unused, and remove it; 1 if a cassette is damaged. Raises OptionError after a partial run."""
    top = root()
    run, when = _full_run(top)
    found = _find(run, when, top, chosen.paths)
    if not chosen.json:
        print("\n".join(_lines(found, run)))
    removed = bool(found.unused) and (chosen.yes or (not chosen.json and _agreed()))
    if removed:
        for one in found.unused:
            if one.is_whole:
                remove(one.path, top / STATE_FOLDER)
            else:
                drop(one.path, frozenset(one.places).__contains__, top / STATE_FOLDER)
    if chosen.json:
        print(json.dumps(_json(found, removed=removed), indent=1))
    elif removed:
        print("removed")
    return int(bool(found.damaged))


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("nothing was removed\n  remove      pytest-llm cassettes prune --yes")
        return False
    try:
        answer = input("remove them? [y/N] ")
    except (EOFError, KeyboardInterrupt):
        print()
        return False
    return answer.strip().lower() in ("y", "yes")


def _full_run(top: Path) -> tuple[Run, int]:
    """The last run, and when it ended, in nanoseconds. Raises OptionError if that was no full one."""
    path = top / STATE_FOLDER / LAST_RUN
    again = {"run": "pytest                     (all tests, with nothing selected)"}
    try:
        run, when = read_run(path.read_text(encoding="utf-8"), shown(path)), path.stat().st_mtime_ns
    except (OSError, UnicodeDecodeError) as error:
        told = "there is no last run to tell what is used" if not path.exists() else f"it cannot be read: {error}"
        raise OptionError(told, where=shown(path), fix=again) from error
    if run.scope.partial:
        raise OptionError(
            f"the last run was partial, and cannot tell what is unused: {run.scope.partial}",
            where=shown(path),
            fix=again,
        )
    return run, when


def _find(run: Run, when: int, top: Path, paths: Sequence[Path]) -> Found:
    covered = [top / folder for folder in run.scope.folders]
    files = [file.path for file in cassette_files(paths or covered, top)]
    if outside := [path for path in files if not any(path.is_relative_to(folder) for folder in covered)]:
        folders = ", ".join(run.scope.folders)
        raise OptionError(f"the last run covered only {folders}", where=shown(outside[0]), fix={"run": "pytest"})
    names = {path.relative_to(top).as_posix(): path for path in files if path.stat().st_mtime_ns <= when}
    changed = [path for path in files if path.stat().st_mtime_ns > when]
    unused_wholly = set(orphans(run, names, lambda path: (top / path).exists()))
    used = used_places(run)
    unused, damaged = [], []
    for name, path in names.items():
        if name not in unused_wholly and name not in used:
            continue
        try:
            exchanges = stored_exchanges(path, shown(path))
        except CassetteCorrupt as error:
            damaged.append(str(error))
            continue
        ordinary = [(one.identity, one.reply.slot, one.reply.number) for one in exchanges if one.reply.mark is None]
        gone = [place for place in ordinary if name in unused_wholly or place not in used[name]]
        if gone or not exchanges:
            unused.append(Unused(path=path, places=gone, replies=len(exchanges)))
    return Found(unused=unused, changed=changed, damaged=damaged)


def _lines(found: Found, run: Run) -> Iterator[str]:
    items = f"{len(run.results)} item{'' if len(run.results) == 1 else 's'}"
    if not found.unused:
        yield f"the last run, of {items}, used every recording"
    else:
        yield f"the last run, of {items}, did not use:\n"
        names = [visible(shown(one.path)) for one in found.unused]
        for name, one in zip(names, found.unused, strict=True):
            yield f"  {name:<{max(map(len, names))}}   {_told(one)}"
        yield f"\n{_sum(found.unused)}"
    if found.changed:
        yield f"left alone: {_count(len(found.changed), 'cassette')} that changed after the run"
    if found.damaged:
        yield f"\n{len(found.damaged)} damaged, and left alone:"
        yield from map(visible, found.damaged)


def _told(one: Unused) -> str:
    if one.is_whole:
        return f"all of it, {_count(one.replies, 'reply', 'replies')}"
    samples = sorted({slot.partition("/")[0] for _, slot, _ in one.places}, key=lambda sample: (len(sample), sample))
    return f"{len(one.places)} of {one.replies} replies, sample {', '.join(samples)}"


def _sum(unused: Sequence[Unused]) -> str:
    wholly = [one for one in unused if one.is_whole]
    size = sum(file.stat().st_size for one in wholly for file in (one.path, *files_beside(one.path)))
    parts = [f"{_count(len(wholly), 'cassette')} of {size / 1000:.1f} kB"] if wholly else []
    single = sum(len(one.places) for one in unused if not one.is_whole)
    parts += [f"{_count(single, 'single reply', 'single replies')}"] if single else []
    return ", ".join(parts)


def _count(number: int, word: str, several: str = "") -> str:
    return f"{number} {word if number == 1 else several or word + 's'}"


def _json(found: Found, *, removed: bool) -> JSON:
    return {
        "version": PRUNE_VERSION,
        "removed": removed,
        "unused": [
            {
                "path": shown(one.path),
                "whole": one.is_whole,
                "replies": one.replies,
                "unused": [{"identity": identity, "slot": slot, "number": n} for identity, slot, n in one.places],
            }
            for one in found.unused
        ],
        "changed": [shown(path) for path in found.changed],
        "damaged": list(found.damaged),
    }
