"""`pytest-llm report`: a run, told again from its file. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_llm.cli.run_files import last_run, run_in
from pytest_llm.reports import summary_lines
from pytest_llm.results import json_report


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
    run = run_in(chosen.file or last_run())
    bad = [result for result in run.results if result.outcome != "passed"]
    if chosen.json:
        print(json_report(run), end="")
        return bool(bad)
    if chosen.failed:
        for result in bad:
            print(f"--- {result.nodeid} ({result.outcome})\n{result.failure}\n")
    print("\n".join(summary_lines(run)))
    return bool(bad)
