"""`pytest-llm cassettes upgrade` and `merge`: rewrite cassette files without a request. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_llm.cassettes import document, merging, store
from pytest_llm.cassettes.entry import Entry
from pytest_llm.cli.cassette_files import cassette_files
from pytest_llm.cli.place import absolute, root, shown
from pytest_llm.errors import CassetteCorrupt, LlmError, OptionError
from pytest_llm.git import checked, git
from pytest_llm.reports import visible
from pytest_llm.settings import STATE_FOLDER

UPGRADE_VERSION = 1


def add_to(verbs: Any) -> None:
    """Add the verbs to `pytest-llm cassettes`."""
    upgrading = verbs.add_parser(
        "upgrade",
        help="rewrite cassettes of an older version",
        description="Rewrites cassettes of version 1 as version 2, without any request. Nothing needs it: a cassette "
        "of version 1 is read, and rewritten when something is recorded into it. Exit code 1 if a cassette is damaged.",
        epilog="example: pytest-llm cassettes upgrade tests/cassettes",
    )
    upgrading.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="default: the whole project")
    upgrading.add_argument("--dry-run", action="store_true", help="write nothing")
    upgrading.add_argument("--json", action="store_true", help="one JSON document, for a program")
    upgrading.set_defaults(run=upgrade)
    joining = verbs.add_parser(
        "merge",
        help="unite two branches' recordings of one cassette",
        description="Settles a merge conflict in cassettes: what either branch has recorded is kept; where both have "
        "recorded another reply in the same place, the later one stays, and the grades of the other are kept beside "
        "it. Also where git has joined the lines of two recordings without a conflict, in a merge that is under way or "
        "was the last commit. With --driver it is a merge driver of git.",
        epilog="example: pytest-llm cassettes merge tests/cassettes/test_orders/test_order/order-7.yaml",
    )
    joining.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="a cassette that git left in conflict")
    joining.add_argument(
        "--driver",
        action="store_true",
        help="the files are those of git's %%O %%A %%B: base, ours, theirs; the union is written into ours",
    )
    joining.set_defaults(run=merge)


# -- upgrade ----------------------------------------------------------------------------------------------------------


def upgrade(chosen: argparse.Namespace) -> int:
    """Rewrite the cassettes of an older version; 1 if one is damaged."""
    top = root()
    files = [file.path for file in cassette_files(chosen.paths or [top], top)]
    rewritten, damaged = [], []
    for path in files:
        try:
            if store.upgrade(path, top / STATE_FOLDER, is_written=not chosen.dry_run):
                rewritten.append(path)
        except CassetteCorrupt as error:
            damaged.append(str(error))
    if chosen.json:
        print(
            json.dumps(
                {
                    "version": UPGRADE_VERSION,
                    "dry_run": chosen.dry_run,
                    "upgraded": [shown(path) for path in rewritten],
                    "current": len(files) - len(rewritten) - len(damaged),
                    "damaged": damaged,
                },
                indent=1,
            )
        )
    else:
        print("\n".join(_upgrade_lines(rewritten, damaged, len(files), is_dry=chosen.dry_run)))
    return int(bool(damaged))


def _upgrade_lines(rewritten: list[Path], damaged: list[str], count: int, *, is_dry: bool) -> Iterator[str]:
    yield from (f"  {visible(shown(path))}" for path in rewritten)
    verb = "would be rewritten" if is_dry else "rewritten"
    current = count - len(rewritten) - len(damaged)
    yield f"{len(rewritten)} {verb} as version {document.VERSION}, {current} of that version already"
    if damaged:
        yield f"\n{len(damaged)} damaged, and left as they are:"
        yield from map(visible, damaged)


# -- merge ------------------------------------------------------------------------------------------------------------


def merge(chosen: argparse.Namespace) -> int:
    """Write the union of two branches' recordings. Raises LlmError, having written nothing to that file."""
    if chosen.driver:
        _drive(chosen.paths)
        return 0
    for path in chosen.paths:
        ours, theirs, base = _sides(path)
        if ours is None or theirs is None:
            side = "our" if ours is None else "their"
            raise OptionError(
                f"{side} branch has removed this cassette, and the other one has changed it",
                where=shown(path),
                fix={"keep it": f"git add {shown(path)}", "or remove it": f"git rm {shown(path)}"},
            )
        _write(absolute(path), ours, theirs, base, shown(path))
        print(visible(f"merged {shown(path)}\n  then        git add {shown(path)}"))
    return 0


def _sides(path: Path) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return what our branch, theirs and their common commit have of a file; None where one has nothing.

    That of a conflict; else that of the merge under way or just made: git may have joined the lines of two recordings
    without a conflict. Raises OptionError where nothing was merged.
    """
    folder = path.parent if path.parent.is_dir() else Path.cwd()
    checked(git(folder, "rev-parse", "--is-inside-work-tree"))
    staged = [_content(folder, f":{number}:./{path.name}") for number in (2, 3, 1)]
    if staged[0] is not None or staged[1] is not None:
        return staged[0], staged[1], staged[2]
    for ours, theirs in (("HEAD", "MERGE_HEAD"), ("HEAD^1", "HEAD^2")):
        base = git(folder, "merge-base", ours, theirs)
        if base.returncode == 0:
            commits = (ours, theirs, base.stdout.decode().strip())
            sides = [_content(folder, f"{commit}:./{path.name}") for commit in commits]
            return sides[0], sides[1], sides[2]
    raise OptionError(
        "this file was not merged: git has no conflict in it, and the last commit joins no branches",
        where=shown(path),
        fix={"list conflicts": "git status"},
    )


def _content(folder: Path, name: str) -> bytes | None:
    found = git(folder, "show", name)
    return None if found.returncode else found.stdout


def _drive(paths: list[Path]) -> None:
    if len(paths) != 3:
        raise OptionError(
            f"--driver takes three files, and {len(paths)} were given",
            fix={"configure": "git config merge.pytest-llm.driver 'pytest-llm cassettes merge --driver %O %A %B'"},
        )
    try:
        base, ours, theirs = (path.read_bytes() for path in paths)
    except OSError as error:
        raise OptionError(f"a file cannot be read: {error}") from error
    _write(absolute(paths[1]), ours, theirs, base or None, shown(paths[1]))


def _write(path: Path, ours: bytes, theirs: bytes, base: bytes | None, name: str) -> None:
    entries = merging.merged(
        _entries(ours, f"{name}, ours"),
        _entries(theirs, f"{name}, theirs"),
        None if base is None else _entries(base, f"{name}, base"),
    )
    store.replace(path, document.write(entries.values()).encode())


def _entries(content: bytes, where: str) -> dict[str, Entry]:
    """Return the entries of one side; what lies beside the cassette is left there."""
    try:
        entries = document.read(content.decode(), where, None)
    except UnicodeDecodeError as error:
        raise LlmError(f"the cassette cannot be read: {error}", where=where) from error
    document.check_unedited(entries.values(), where)
    return entries
