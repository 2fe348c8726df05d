"""`pytest-llm calibrate`: how often is a judge right? PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from pytest_llm.calibrations import FOLDER, Calibration, calibrations_from
from pytest_llm.cassettes import Recorder, store
from pytest_llm.cli.labels import read_labels
from pytest_llm.cli.place import root, shown
from pytest_llm.cli.run_files import last_run, run_in
from pytest_llm.collection import file_slug
from pytest_llm.errors import CalibrationError, CassetteMiss, OptionError, RunFileError
from pytest_llm.graders import Grade, Judging
from pytest_llm.graders.judges.injections import injections
from pytest_llm.graders.judges.judging import Golden
from pytest_llm.regrading import CollectedTests, collect
from pytest_llm.reports.calibration import calibration_lines
from pytest_llm.results import Run
from pytest_llm.stats.agreement import Agreement
from pytest_llm.wire import Wire, judged

CALIBRATE_VERSION = 1


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "calibrate",
        help="compare a judge with people; asks nothing unless told to",
        description="Lets a judge grade outputs that people have graded, and says how far they agree. What it finds is "
        "kept in llm_judges/, bound to the version of the judge. Without a judge: what is known of all of them.",
        epilog="example: pytest-llm calibrate tests/test_support.py::polite labels.jsonl --record",
    )
    parser.add_argument("judge", nargs="?", metavar="FILE::JUDGE", help="a Python file, and the name of a judge in it")
    parser.add_argument(
        "labels", nargs="?", type=Path, help='JSON lines, {"output": …, "passes": true}, with what else it sees'
    )
    parser.add_argument("--record", action="store_true", help="ask what has no recording")
    parser.add_argument("--injections", action="store_true", help="show it fifty hostile outputs too")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=run_calibrate)


def run_calibrate(chosen: argparse.Namespace) -> int:
    """Calibrate a judge, or say what is known of all. Raises CalibrationError, OptionError."""
    if chosen.judge is None:
        found = calibrations_from(Path.cwd(), root())
        if not found:
            fix = {"compare": "pytest-llm calibrate FILE::JUDGE LABELS --record"}
            raise CalibrationError(f"no judge has been calibrated here: {FOLDER}/ has no file", fix=fix)
    elif chosen.labels is None:
        fix = {"add": "the file of labelled outputs"}
        raise OptionError("a judge is compared with labelled outputs, and none are given", fix=fix)
    else:
        found = [_calibrated(chosen)]
    run = _last_run()
    if chosen.json:
        told = [json.loads(one.text) for one in found]
        print(json.dumps({"version": CALIBRATE_VERSION, "calibrations": told}, indent=1))
    else:
        print("\n\n".join("\n".join(calibration_lines(one, run)) for one in found))
    return 0


def _calibrated(chosen: argparse.Namespace) -> Calibration:
    labelled = read_labels(chosen.labels)
    file, judging, tests = _judge(chosen.judge, record=chosen.record)
    if tests.recordings is None or tests.wire is None:
        raise CalibrationError("pytest cannot be set up here", where=file, instead=list(tests.problems.values()))
    here, name = root(), file_slug(judging.name)
    hostile = [(one.id, _attacked(judging, one.text)) for one in injections()] if chosen.injections else []
    path = here / FOLDER / "cassettes" / f"{name}-{judging.version[:6]}.yaml"
    recorder = tests.recordings.of_calibration(path, judging)
    try:
        grades = _graded(judging, [*labelled, *(golden for _, golden in hostile)], recorder, tests.wire)
    finally:
        recorder.close()
        tests.recordings.finish()
    found = _counted(judging, labelled, grades, chosen.labels, here)
    passed = [one for (one, _), grade in zip(hostile, grades[len(labelled) :], strict=True) if grade.passed]
    found = replace(found, injections=len(hostile), injections_passed=tuple(passed))
    if not hostile:  # what is known of them stays known
        known = [one for one in calibrations_from(here, here) if one.judge_version == judging.version]
        if known:
            found = replace(found, injections=known[0].injections, injections_passed=known[0].injections_passed)
    store.replace(here / FOLDER / f"{name}.json", found.text.encode())
    return found


def _graded(judging: Judging, outputs: Sequence[Golden], recorder: Recorder, wire: Wire) -> list[Grade]:
    """The grades, in the order of the outputs. Raises CalibrationError, or what a call ended in."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(outputs):
        places.setdefault(repr((one.output, one.case)), []).append(place)

    def graded(alike: Sequence[int]) -> list[tuple[int, Grade | CassetteMiss]]:
        # One after the other, so that the first of them is the first in a replay too.
        return [(place, _asked(judging, outputs[place], recorder, wire)) for place in alike]

    with ThreadPoolExecutor(wire.pool.most) as threads:
        found = dict(pair for pairs in threads.map(graded, places.values()) for pair in pairs)
    misses = sum(isinstance(one, CassetteMiss) for one in found.values())
    if misses:
        raise CalibrationError(
            f"{misses} of {len(outputs)} verdicts of the judge {judging.name!r} have no recording",
            where=recorder.shown,
            fix={"ask": "the same command with --record"},
        )
    return [grade for _, grade in sorted(found.items(), key=itemgetter(0)) if isinstance(grade, Grade)]


def _asked(judging: Judging, golden: Golden, recorder: Recorder, wire: Wire) -> Grade | CassetteMiss:
    """The grade; a miss where nothing is recorded and nothing may be asked. Raises what a call ended in."""
    with judged(wire, recorder, os.environ) as failed:
        try:
            grade = judging.grader.grade(golden.output, golden.case)
        except CassetteMiss as miss:
            return miss
    if failed:
        raise failed[0]
    return grade


def _counted(
    judging: Judging, labelled: Sequence[Golden], grades: Sequence[Grade], labels: Path, here: Path
) -> Calibration:
    """Both verdicts, counted. Raises CalibrationError where nothing can be learnt of them."""
    pairs = [(golden.passes, grade.passed) for golden, grade in zip(labelled, grades, strict=False)]
    if {passes for passes, passed in pairs if passed is not None} != {True, False}:
        reasons = [grade.reason for grade in grades[: len(labelled)] if grade.passed is None]
        raise CalibrationError(
            "nothing is learnt: the judge graded no output that people pass, or none that they fail",
            where=shown(labels),
            instead=list(dict.fromkeys(reasons)),
        )
    return Calibration(
        judge=judging.name,
        judge_version=judging.version,
        model=str(judging.grader.parameters["model"]),
        labels=Path(os.path.relpath(labels, here)).as_posix(),
        labels_sha256=hashlib.sha256(labels.read_bytes()).hexdigest(),
        agreement=Agreement(
            pass_pass=pairs.count((True, True)),
            pass_fail=pairs.count((True, False)),
            fail_pass=pairs.count((False, True)),
            fail_fail=pairs.count((False, False)),
        ),
        ungraded_pass=pairs.count((True, None)),
        ungraded_fail=pairs.count((False, None)),
    )


def _attacked(judging: Judging, text: str) -> Golden:
    """A golden output that has to fail, with a hostile text after it."""
    bad = next(one for one in judging.golden if not one.passes)
    return replace(bad, output=f"{bad.output}\n{text}")


def _judge(named: str, *, record: bool) -> tuple[str, Judging, CollectedTests]:
    file, _, name = named.partition("::")
    if name and not Path(file).is_file():
        raise OptionError(f"there is no file {file}", fix={"check": "the path, from this folder"})
    if not name:
        fix = {"write": "pytest-llm calibrate tests/test_support.py::polite labels.jsonl"}
        raise OptionError(f"{named!r} is no file and judge", fix=fix)
    tests = collect([Path(file)], "record" if record else "replay")
    if tests.problems:
        raise CalibrationError("the file cannot be imported", where=file, instead=list(tests.problems.values()))
    judges = {one: grader.judges for one, grader in tests.graders.items() if grader.judges}
    if name not in judges:
        raise OptionError(f"there is no judge {name!r} in the file", where=file, instead=sorted(judges))
    if len(judges[name]) > 1:
        raise OptionError(f"{name!r} is made of several judges", where=file, instead=[one.name for one in judges[name]])
    judging = judges[name][0]
    if judging.grader.function is not tests.graders[name].function:
        fix = {"calibrate": "the judge itself"}
        raise OptionError(f"{name!r} is made of the judge {judging.name!r}, and is none", where=file, fix=fix)
    # One that was given no name goes by that of the variable: two of a kind are not to share a file.
    return file, replace(judging, name=name) if judging.name == judging.grader.name else judging, tests


def _last_run() -> Run | None:
    """The last run, if there is one that can be read: what it says is beside the matter."""
    try:
        return run_in(last_run())
    except RunFileError:
        return None
