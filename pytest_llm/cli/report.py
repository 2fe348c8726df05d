"""`pytest-llm report`: a run, told again from its file. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_llm.cli.place import nearest
from pytest_llm.errors import RunFileError
from pytest_llm.reports import summary_lines
from pytest_llm.results import Run, json_report, read_run
from pytest_llm.settings import LAST_RUN, STATE_FOLDER


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "report",
        help="tell a run again: the last one, or a run file",
        description="Tells a run again from its file, without running a test. Exit code 1 if an item did not pass.",
        epilog="example: pytest-llm report --failed",
    )
    parser.add_argument("file", nargs="?", type=Path, help="a run file (default: that of the last run)")
    parser.add_argument("--failed", action="store_true", help="the failures too, as pytest showed them")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=report)


def report(chosen: argparse.Namespace) -> int:
    """Print a run; 1 if an item of it did not pass."""
    run = _run(chosen.file)
    bad = [result for result in run.results if result.outcome != "passed"]
    if chosen.json:
        print(json_report(run), end="")
        return bool(bad)
    if chosen.failed:
        for result in bad:
            print(f"--- {result.nodeid} ({result.outcome})\n{result.failure}\n")
    print("\n".join(summary_lines(run)))
    return bool(bad)


def _run(path: Path | None) -> Run:
    path = path or _last()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunFileError(f"the run file cannot be read: {error}", where=str(path)) from error
    return read_run(text, str(path))


def _last() -> Path:
    """The last run's file, in this folder or one above it."""
    name = f"{STATE_FOLDER}/{LAST_RUN}"
    folder = nearest((name,), Path.cwd())
    if folder is None:
        raise RunFileError("there is no last run", where=str(Path.cwd()), fix={"run": "pytest"})
    return folder / name
