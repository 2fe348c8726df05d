"""`pytest-llm gate`: the verdict on run files, those of shards too, and on the gate itself. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pytest_llm.baselines import BaselineFiles
from pytest_llm.cli.baselines import baselines
from pytest_llm.cli.place import root
from pytest_llm.cli.run_files import last_run, run_in
from pytest_llm.errors import OptionError
from pytest_llm.gates.verdict import NO_BASELINE
from pytest_llm.reports import summary_lines, verdict_text, visible
from pytest_llm.reports.plan import MOST_ALARMS, self_check_lines
from pytest_llm.results import Run, Scope, SuiteRecord
from pytest_llm.settings import Settings
from pytest_llm.verdicts import verdicts_of

GATE_VERSION = 1


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "gate",
        help="judge runs by their files: shards together, or the last run",
        description="Says what pytest says at the end of a run, of several runs together: each shard keeps its run "
        "file (.pytest_llm/last-run.jsonl), and one job judges them. Runs no test. Exit code 1 for FAIL and INVALID.",
        epilog="example: pytest-llm gate shard-1.jsonl shard-2.jsonl --ref origin/main",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="RUN", help="run files (default: that of the last run)")
    parser.add_argument("--ref", default="", help="compare with the baseline where the change left REF")
    parser.add_argument("--strict", action="store_true", help="exit code 1 for INCONCLUSIVE too")
    parser.add_argument(
        "--aa",
        type=int,
        metavar="N",
        help="instead: split the draws of each baseline's prompt N times in two, and count the alarms",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=gate)


def gate(chosen: argparse.Namespace) -> int:
    """Print the verdicts; 1 if one is red. Raises RunFileError, BaselineError, OptionError."""
    if chosen.aa is not None:
        return _self_check(chosen)
    run = merged([run_in(path) for path in chosen.files or [last_run()]])
    settings = Settings(root=root(), baseline="check", baseline_ref=chosen.ref, gate_strict=chosen.strict)
    found = verdicts_of(run, BaselineFiles(settings.root, settings.baseline_ref), settings)
    # A suite without a baseline is not gated; pytest says nothing of it either.
    verdicts = [one for one in found if one.reason != NO_BASELINE]
    red = [one for one in verdicts if one.is_red or (chosen.strict and one.kind == "INCONCLUSIVE")]
    if chosen.json:
        print(json.dumps({"version": GATE_VERSION, "verdicts": [one.json for one in verdicts]}, indent=1))
        return bool(red)
    for verdict in red:
        print(f"--- {visible(verdict.nodeid)}\n{verdict_text(verdict)}\n")
    print("\n".join(summary_lines(replace(run, verdicts=tuple(verdicts)))))
    return bool(red)


def merged(runs: Sequence[Run]) -> Run:
    """Several runs as one: of an item that ran twice, the later; a suite is selected where it was in any of them."""
    results = {result.nodeid: result for run in runs for result in run.results}
    records: dict[str, SuiteRecord] = {}
    ran: dict[str, int] = {}
    for result in results.values():
        ran[result.baseline] = ran.get(result.baseline, 0) + (not result.confirms)
    for record in (record for run in runs for record in run.records):
        known = records.get(record.baseline, record)
        skipped = record.skipped if known is record else (*known.skipped, *record.skipped)
        records[record.baseline] = replace(record, items=max(record.items, known.items), skipped=skipped)
    whole = tuple(replace(one, selected=ran.get(path, 0) + len(one.skipped)) for path, one in records.items())
    is_whole = all(one.selected >= one.items for one in whole)
    folders = tuple(sorted({folder for run in runs for folder in run.scope.folders}))
    together = Scope(partial="" if is_whole else "a part of it is missing", folders=folders)
    scope = runs[0].scope if len(runs) == 1 else together
    return replace(
        runs[0],
        results=tuple(results.values()),
        fixtures=tuple(one for run in runs for one in run.fixtures),
        scope=scope,
        records=whole,
        commit=runs[0].commit if len({run.commit for run in runs}) == 1 else None,
    )


def _self_check(chosen: argparse.Namespace) -> int:
    """Print how often the gate cries wolf; 1 if that is too often."""
    from pytest_llm.gates.plan import self_check

    if chosen.files or chosen.aa < 1:
        raise OptionError("--aa takes how often to split, and no run file", fix={"write": "pytest-llm gate --aa 200"})
    known = baselines([])
    checks = [self_check(one, chosen.aa, suites=len(known)) for one in known.values()]
    if chosen.json:
        print(json.dumps({"version": GATE_VERSION, "self_checks": [asdict(one) for one in checks]}, indent=1))
    else:
        print("\n".join(line for one in checks for line in self_check_lines(one)))
    return any(one.splits and one.alarms > MOST_ALARMS * one.splits for one in checks)
