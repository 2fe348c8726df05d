"""`pytest-llm review`: old and new outputs side by side, with their grades. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm.cli.place import nearest
from pytest_llm.errors import LlmError, RunFileError
from pytest_llm.results import Run, read_run
from pytest_llm.settings import LAST_RUN, STATE_FOLDER

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pytest_llm.cli.reviewing.repository import ChangedFile
    from pytest_llm.cli.reviewing.review import Differences, Review

PLAIN_WIDTH = 100
INTERRUPTED = 130


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "review",
        help="old and new outputs side by side, with their grades, after recording",
        description="Compares the cassettes of the working tree with git: what changed in the requests, then old and "
        "new output of every sample that differs, changed grades first. Runs no test and asks no model. Exit code 1 "
        "if a cassette cannot be read, 2 for a mistake of usage.",
        epilog="example: pytest-llm review --against origin/main tests/test_orders.py",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="test files, folders or cassettes")
    parser.add_argument("--against", default="HEAD", metavar="REF", help="the commit to compare with (default: HEAD)")
    parser.add_argument("--all", action="store_true", help="also what has the same text and grade")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.add_argument("--no-pager", action="store_true", help="no keys: print everything, as into a pipe")
    parser.set_defaults(run=review)


def review(chosen: argparse.Namespace) -> int:
    """Print what differs; 1 if a cassette cannot be read."""
    from pytest_llm.cli.reviewing.repository import open_repository
    from pytest_llm.cli.reviewing.review import differences, graded

    repository = open_repository(Path.cwd(), chosen.against)
    wanted = _Wanted(chosen.paths, repository.top)
    run, root, problem = _last_run()
    try:
        found = differences(repository, wanted, run, root)
        wanted.check()
        if chosen.json:
            shown = _with(graded(found), problem)
            from pytest_llm.cli.reviewing.document import json_review

            print(json_review(shown), end="")
        else:
            _show(found, lambda: _with(graded(found), problem), chosen)
    except KeyboardInterrupt:
        return INTERRUPTED
    return bool(found.damaged)


def _with(found: Review, problem: str) -> Review:
    from dataclasses import replace

    return replace(found, notes=[*found.notes, problem]) if problem else found


class _Wanted:
    """Which files were asked for: all, or those of some paths."""

    def __init__(self, paths: Sequence[Path], top: Path) -> None:
        self._top = os.path.realpath(top)
        self._given = {path: _prefixes(path) for path in paths}
        self._met: set[Path] = set()

    def __call__(self, file: ChangedFile) -> bool:
        place = f"{self._top}{os.sep}{file.path.replace('/', os.sep)}"
        met = [path for path, prefixes in self._given.items() if place.startswith(prefixes) or place in prefixes]
        self._met.update(met)
        return bool(met) or not self._given

    def check(self) -> None:
        """Raise LlmError for a path that neither is there nor was."""
        for path in self._given:
            if path not in self._met and not path.exists():
                raise LlmError(
                    f"there is no such file or folder: {path}",
                    where=str(Path.cwd()),
                    fix={"give": "a test file, a folder or a cassette"},
                )


def _prefixes(path: Path) -> tuple[str, ...]:
    """How the paths of the cassettes begin that belong to a path: a folder, a cassette, or a test file."""
    real = Path(os.path.realpath(path))
    if real.suffix == ".py":
        return (f"{real.parent / 'cassettes' / real.stem}{os.sep}",)
    return (str(real), f"{real}{os.sep}") if real.suffix == ".yaml" else (f"{real}{os.sep}",)


def _last_run() -> tuple[Run | None, Path, str]:
    """The last run, its root, and why it cannot be used; found in this folder or one above it."""
    name = f"{STATE_FOLDER}/{LAST_RUN}"
    root = nearest((name,), Path.cwd())
    if root is None:
        return None, Path.cwd(), ""
    try:
        return read_run((root / name).read_text(encoding="utf-8"), name), root, ""
    except (RunFileError, OSError, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        return None, root, f"the last run cannot be read, and grades are made anew: {first}"


def _show(found: Differences, grade: Callable[[], Review], chosen: argparse.Namespace) -> None:
    from rich.console import Console, ConsoleDimensions

    console = Console(highlight=False, markup=False, emoji=False)
    screen = console.is_terminal and not console.is_dumb_terminal
    if not screen:
        console.size = ConsoleDimensions(*shutil.get_terminal_size((PLAIN_WIDTH, 40)))
    if found.samples and screen and sys.stdin.isatty() and not chosen.no_pager:
        from pytest_llm.cli.reviewing.keys import walk

        walk(console, found, grade, everything=chosen.all)
        console.print()
    else:
        _print(console, found, grade, everything=chosen.all)


def _print(console: Console, found: Differences, grade: Callable[[], Review], *, everything: bool) -> None:
    from rich.text import Text as Line

    from pytest_llm.cli.reviewing.screen import closing, overview, sample_lines

    def put(lines: Sequence[Text]) -> None:
        for line in lines:
            if console.is_terminal:
                console.print(line, soft_wrap=True)
            else:
                print(line.plain.rstrip())

    put(overview(found))
    sys.stdout.flush()  # grading takes a while
    made = grade()
    shown = [one for one in made.samples if everything or not one.is_folded]
    for number, one in enumerate(shown, 1):
        put([Line(), *sample_lines(one, f"{number:,}/{len(shown):,}", made, console)])
    if end := closing(made, everything=everything):
        put([Line(), *end])
