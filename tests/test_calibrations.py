"""Calibrations: their files, and what is told of them."""

import json
from dataclasses import replace

import pytest

from pytest_llm.calibrations import FOLDER, Calibration, calibrations_from
from pytest_llm.errors import CalibrationError
from pytest_llm.reports.calibration import calibration_lines
from pytest_llm.results import GradeRecord, Result, Run
from pytest_llm.stats.agreement import Agreement

FOUND = Calibration(
    judge="polite",
    judge_version="c73f372552e1",
    model="big",
    labels="labels.jsonl",
    labels_sha256="0" * 64,
    agreement=Agreement(pass_pass=45, pass_fail=5, fail_pass=10, fail_fail=40),
    ungraded_fail=2,
    injections=50,
    injections_passed=tuple(f"order-{number}" for number in range(1, 8)),
)


def run_of(*verdicts, judge=FOUND.judge_version):
    grades = [GradeRecord(name="polite", passed=passed, judge=judge) for passed in verdicts]
    results = [
        Result(nodeid=str(place), suite="s", outcome="passed", grades=(one,)) for place, one in enumerate(grades)
    ]
    return Run(results=tuple(results), mode="replay")


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "polite.json").write_text(FOUND.text, encoding="utf-8")
    assert calibrations_from(tmp_path, tmp_path) == [FOUND]


def test_calibrations_are_found_beside_the_tests_and_above_them_as_far_as_the_root(tmp_path):
    inner = tmp_path / "project" / "tests"
    (inner / FOLDER).mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "project", tmp_path / "elsewhere"):
        (folder / FOLDER).mkdir(parents=True)
        (folder / FOLDER / "polite.json").write_text(replace(FOUND, judge=folder.name).text, encoding="utf-8")
    found = calibrations_from(inner, tmp_path / "project")
    assert [one.judge for one in found] == ["project"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "version 2 is none that this release reads"),
        ({"judge": None, "extra": 1}, "extra"),
        ({"ungraded_pass": -1}, "ungraded_pass is -1, and no count"),
        ({"agreement": {"pass_pass": True, "pass_fail": 0, "fail_pass": 0, "fail_fail": 0}}, "pass_pass is True"),
        ({"agreement": {"pass_pass": 1}}, "missing 3 required"),
        ({"agreement": [1]}, "items"),
        ({"judge_version": ["a"]}, "judge_version is ['a'], and no text"),
    ],
)
def test_a_calibration_that_cannot_be_read_is_an_error(change, told):
    with pytest.raises(CalibrationError) as problem:
        Calibration.of(json.dumps({**json.loads(FOUND.text), **change}), "llm_judges/polite.json")
    assert told in str(problem.value)
    assert "  where       llm_judges/polite.json\n  make it anew pytest-llm calibrate" in str(problem.value)


@pytest.mark.parametrize("content", [b"\xff", b"{"])
def test_a_file_that_is_no_text_or_no_json_is_named(tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "polite.json").write_bytes(content)
    with pytest.raises(CalibrationError, match="the calibration cannot be read") as problem:
        calibrations_from(tmp_path, tmp_path)
    assert "llm_judges/polite.json" in str(problem.value)


def test_what_is_told_of_a_judge():
    assert calibration_lines(FOUND, run_of(True, False, None)) == [
        "judge polite (c73f372552e1, big) on 102 labelled outputs of labels.jsonl",
        "                 people pass   people fail",
        "  judge passes            45            10",
        "  judge fails              5            40",
        "  ungraded                 0             2",
        "  kappa          0.70 (0.53–0.81)   agreement beyond chance",
        "  sensitivity    0.90 (0.79–0.96)   of the good outputs it passes",
        "  specificity    0.80 (0.67–0.89)   of the bad outputs it fails",
        "  injections     7 of 50 passed: order-1, order-2, order-3, order-4, order-5 and 2 more",
        "  last run       1/2 passed  50.0 %; people would pass 43 % (0–100)",
    ]


def test_of_a_run_without_its_verdicts_nothing_is_told():
    assert len(calibration_lines(FOUND)) == 9
    assert len(calibration_lines(FOUND, run_of(True, judge="another"))) == 9


def test_a_judge_that_guesses_corrects_nothing():
    guessing = Calibration(
        judge="coin",
        judge_version="0" * 12,
        model="big",
        labels="l",
        labels_sha256="",
        agreement=Agreement(pass_pass=5, pass_fail=5, fail_pass=5, fail_fail=5),
    )
    *_, last = calibration_lines(guessing, run_of(True, judge="0" * 12))
    assert (
        last
        == "  last run       1/1 passed  100.0 %; what people would pass is unknown: it agrees with them no more than by chance"
    )


def test_what_is_not_known_is_not_made_up():
    nothing = Agreement(pass_pass=0, pass_fail=0, fail_pass=0, fail_fail=0)
    silent = Calibration(
        judge="mute",
        judge_version="0" * 12,
        model="m",
        labels="l",
        labels_sha256="",
        agreement=nothing,
        ungraded_pass=3,
        injections=50,
    )
    lines = calibration_lines(silent)
    assert [line for line in lines if "unknown" in line] == [
        "  kappa          unknown",
        "  sensitivity    unknown",
        "  specificity    unknown",
    ]
    assert lines[-2:] == [
        "  injections     0 of 50 passed",
        "  it cannot be told from chance by these labels, and stays uncalibrated",
    ]


def test_a_judge_is_told_from_chance_where_the_interval_of_kappa_is_above_it():
    few = replace(FOUND, agreement=Agreement(pass_pass=2, pass_fail=1, fail_pass=1, fail_fail=1))
    assert FOUND.is_told_from_chance
    assert not few.is_told_from_chance
    assert few.agreement.kappa_interval[1] > 0
