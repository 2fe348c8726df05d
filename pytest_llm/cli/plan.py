"""`pytest-llm plan`: what can a suite see? PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from pytest_llm.cli.baselines import baselines
from pytest_llm.errors import OptionError
from pytest_llm.reports.plan import plan_lines

PLAN_VERSION = 1


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "plan",
        help="what can a suite see? asks nothing",
        description="Says from a suite's baseline how small a drop of its pass rate the gate sees, and what would make "
        "it see more. Asks nothing.",
        epilog="example: pytest-llm plan test_extracts_the_order --drop 3",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="a suite, or its baseline file (default: all)")
    parser.add_argument("--samples", default="1,3,5,10", metavar="N,N", help="samples a case (default: 1,3,5,10)")
    parser.add_argument("--drop", type=float, default=5.0, metavar="POINTS", help="the drop to be seen (default: 5)")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=run_plan)


def run_plan(chosen: argparse.Namespace) -> int:
    """Print what the suites can see. Raises OptionError, BaselineError."""
    from pytest_llm.gates.plan import plan

    samples = _numbers(chosen.samples)
    if not 0 < chosen.drop < 100:
        raise OptionError(f"--drop takes points between 0 and 100, not {chosen.drop:g}", fix={"write": "--drop 5"})
    suites = len(baselines([]))
    plans = [
        plan(one, samples=samples, drop=chosen.drop / 100, suites=suites) for one in baselines(chosen.suites).values()
    ]
    if chosen.json:
        print(json.dumps({"version": PLAN_VERSION, "plans": [asdict(one) for one in plans]}, indent=1))
    else:
        print("\n\n".join("\n".join(plan_lines(one)) for one in plans))
    return 0


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1 or max(numbers) > 1000:
        raise OptionError(
            f"--samples takes whole numbers from 1 to 1000, not {text!r}", fix={"write": "--samples 1,3,5"}
        )
    return numbers
