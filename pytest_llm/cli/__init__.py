"""The command `pytest-llm`: one file a verb. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from pytest_llm.errors import LlmError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: 0 well, 1 something failed, 2 a mistake of usage."""
    from pytest_llm.cli import baseline, calibrate, cassettes, gate, init, plan, report, review, tutorial_server

    parser = argparse.ArgumentParser(
        prog="pytest-llm",
        description="Looks at what pytest runs of prompts left behind. The tests themselves are run by pytest.",
    )
    parser.add_argument("--version", action="version", version=f"pytest-llm-evals {version('pytest-llm-evals')}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    baseline.add_to(verbs)
    calibrate.add_to(verbs)
    cassettes.add_to(verbs)
    gate.add_to(verbs)
    init.add_to(verbs)
    plan.add_to(verbs)
    report.add_to(verbs)
    review.add_to(verbs)
    tutorial_server.add_to(verbs)
    chosen = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a model may write what a terminal cannot
    try:
        code = int(chosen.run(chosen))
        sys.stdout.flush()
        return code
    except LlmError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # `pytest-llm report | head` is no mistake
        # What is still in the buffer goes nowhere; at the end of the process it would be an error once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
