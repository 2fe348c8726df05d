"""`pytest-llm report`: a run, told again from its file; or its outputs, graded anew. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_llm.cli.place import nearest, root, shown
from pytest_llm.cli.run_files import last_run, run_in
from pytest_llm.errors import OptionError, RunFileError
from pytest_llm.reports import summary_lines
from pytest_llm.results import Run, json_report
from pytest_llm.settings import LAST_RUN, STATE_FOLDER

LAST = "the last run"
RUN_FILE = ".jsonl"


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "report",
        help="tell a run again, or grade its recorded outputs anew",
        description="Tells a run again from its file, without running a test. With --re-grade the recorded outputs of "
        "the tests are graded by their graders as they are now, nobody is asked, and the grades are compared with "
        "those of the run. Exit code 1 if an item did not pass; with --re-grade, if a required grade fails or cannot "
        "be given, or an output cannot be looked at; 2 for a mistake of usage.",
        epilog="example: pytest-llm report --failed; pytest-llm report --re-grade tests/test_orders.py",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a run file (default: that of the last run); with --re-grade also test files, folders or node ids "
        "(default: what pytest would collect here)",
    )
    parser.add_argument("--failed", action="store_true", help="the failures too, as pytest showed them")
    parser.add_argument("--re-grade", action="store_true", help="grade the recorded outputs anew; asks nobody")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=report)


def report(chosen: argparse.Namespace) -> int:
    """Print a run, or its regrading; 1 if not all is well. Raises OptionError, RunFileError."""
    files = [path for path in chosen.paths if path.endswith(RUN_FILE)]
    tests = [path for path in chosen.paths if path not in files]
    if len(files) > 1:
        raise OptionError(
            f"report tells of one run, not of {len(files)}", fix={"write": f"pytest-llm gate {files[0]} …"}
        )
    if chosen.re_grade:
        if chosen.failed:
            raise OptionError(
                "--re-grade shows every grade that changed; --failed is of a run", fix={"leave out": "one"}
            )
        return _regrade(files, tests, as_json=chosen.json)
    if tests:
        raise OptionError(
            f"{tests[0]!r} is no run file; those end in {RUN_FILE}",
            fix={"write": f"pytest-llm report --re-grade {tests[0]}"},
        )
    return _tell(run_in(Path(files[0]) if files else last_run()), chosen)


def _tell(run: Run, chosen: argparse.Namespace) -> int:
    bad = [result for result in run.results if result.outcome != "passed"]
    if chosen.json:
        print(json_report(run), end="")
        return bool(bad)
    if chosen.failed:
        for result in bad:
            print(f"--- {result.nodeid} ({result.outcome})\n{result.failure}\n")
    print("\n".join(summary_lines(run)))
    return bool(bad)


def _regrade(files: Sequence[str], tests: Sequence[str], *, as_json: bool) -> int:
    from pytest_llm.cli.regraded import regrade
    from pytest_llm.cli.regraded_text import json_regrading, regrading_lines

    for test in tests:
        if not Path(test.partition("::")[0]).exists():
            raise OptionError(f"there is no {test}", fix={"give": "test files, folders or node ids"})
    run, against, folder, notes = _compared_with(files)
    found = regrade(tests, run, folder)
    if not (found.items or found.left or found.problems):
        raise OptionError("there is no test with the llm marker", fix={"give": "test files or folders"})
    tell = json_regrading if as_json else regrading_lines
    told = tell(found, against, notes)
    print(told if isinstance(told, str) else "\n".join(told), end="" if as_json else "\n")
    return found.is_red


def _compared_with(files: Sequence[str]) -> tuple[Run | None, str, Path, list[str]]:
    """The run, its name, the root that its paths are of, and what is to be said of it."""
    if files:
        return run_in(Path(files[0])), shown(Path(files[0])), root(), []
    folder = nearest((f"{STATE_FOLDER}/{LAST_RUN}",), Path.cwd())
    if folder is None:
        return None, "", root(), ["there is no last run to compare with"]
    try:
        return run_in(last_run()), LAST, folder, []
    except RunFileError as error:
        return (
            None,
            "",
            folder,
            [f"the last run cannot be read, and nothing is compared: {str(error).partition(chr(10))[0]}"],
        )
