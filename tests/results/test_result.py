"""Results: an item's outcome from its grades, and one JSON form that reads back as it was."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date

import pytest

from pytest_llm.errors import RunFileError
from pytest_llm.prompts import Case
from pytest_llm.results import GradeRecord, MissRecord, QuestionRecord, Result, outcome_of
from pytest_llm.results.result import LONGEST_QUESTION

PASSED = GradeRecord(name="a", passed=True)
FAILED = GradeRecord(name="a", passed=False)
SCORED = GradeRecord(name="a", score=0.2)
UNGRADED = GradeRecord(name="a", reason="no context")


def optional(grade):
    return GradeRecord(name=grade.name, score=grade.score, passed=grade.passed, required=False)


@pytest.mark.parametrize(
    ("grades", "body_failed", "outcome"),
    [
        ([], False, "passed"),
        ([], True, "failed"),
        ([PASSED, SCORED], False, "passed"),
        ([PASSED, FAILED], False, "failed"),
        ([PASSED, UNGRADED], False, "ungraded"),
        ([UNGRADED, FAILED], False, "failed"),
        ([UNGRADED], True, "failed"),
        ([PASSED], True, "failed"),
        ([GradeRecord(name="a", score=0.2, passed=False)], False, "failed"),
        ([optional(FAILED), optional(UNGRADED)], False, "passed"),
        ([optional(FAILED), UNGRADED], False, "ungraded"),
    ],
)
def test_an_item_passes_if_its_body_and_every_required_grade_pass(grades, body_failed, outcome):
    assert outcome_of(iter(grades), body_failed=body_failed) == outcome


@pytest.mark.parametrize(
    ("grade", "ungraded"),
    [
        (UNGRADED, True),
        (SCORED, False),
        (FAILED, False),
        (PASSED, False),
        (GradeRecord(name="a", score=0.0), False),
    ],
)
def test_ungraded_is_neither_decided_nor_measured(grade, ungraded):
    assert grade.is_ungraded == ungraded


FULL = Result(
    nodeid="test_x.py::test_x[oak]",
    suite="orders",
    outcome="failed",
    case="oak",
    tags=("vip",),
    grades=(GradeRecord(name="exact", score=0.5, passed=False, reason="no", required=False),),
    usage={"total_tokens": 18},
    used=(("3f", "1", 1),),
    miss=MissRecord(kind="stale", heading="h", change="c"),
)


def test_the_json_form_names_every_field_and_nothing_else():
    found = json.loads(json.dumps(FULL.json))
    assert list(found) == [field.name for field in fields(Result)]
    assert found["grades"] == [
        {
            "name": "exact",
            "score": 0.5,
            "passed": False,
            "reason": "no",
            "required": False,
            "judge": "",
            "calibrated": False,
        }
    ]
    assert found["miss"] == {"kind": "stale", "heading": "h", "change": "c"}
    assert (found["used"], found["tags"], found["usage"]) == ([["3f", "1", 1]], ["vip"], {"total_tokens": 18})
    assert Result.of(found) == FULL


def test_what_a_line_does_not_say_has_its_default():
    small = {"nodeid": "test_x.py::test_x", "suite": "test_x", "outcome": "passed"}
    assert Result.of(small) == Result(nodeid="test_x.py::test_x", suite="test_x", outcome="passed")


def test_keys_of_later_versions_are_passed_over():
    assert Result.of({**FULL.json, "colour": "red"}) == FULL


@pytest.mark.parametrize("key", ["grades", "miss"])
def test_keys_of_later_versions_are_passed_over_inside_too(key):
    data = json.loads(json.dumps(FULL.json))
    (data["grades"][0] if key == "grades" else data["miss"])["colour"] = "red"
    assert Result.of(data) == FULL


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"grades": 3}, "grades: '3' is no list"),
        ({"grades": [{"score": 1}]}, "grades: 0: name is missing"),
        ({"grades": ["exact"]}, "grades: 0: 'exact' is no object"),
        ({"used": [["3f", "1"]]}, "used: 0: 2 values instead of 3"),
        ({"used": [3]}, "used: 0: '3' is no list"),
        ({"tags": 3}, "tags: '3' is no list"),
        ({"miss": {}}, "miss: kind is missing"),
        ({"usage": {"total": 1.5}}, "usage: total: '1.5' is no whole number"),
        ({"ended": 1}, "ended: '1' is neither true nor false"),
        ({"outcome": "fine"}, "outcome: 'fine' is none of passed, failed, ungraded, error"),
    ],
)
def test_a_damaged_result_is_refused_with_its_place(change, said):
    with pytest.raises(RunFileError, match=f"^a result cannot be read: {said}") as caught:
        Result.of({**FULL.json, **change}, "last-run.jsonl:7")
    assert str(caught.value).endswith("\n  where       last-run.jsonl:7")


@pytest.mark.parametrize("data", [None, 3, "nodeid", [], {}, {"nodeid": "a", "suite": "b"}])
def test_what_is_no_result_at_all_is_refused(data):
    with pytest.raises(RunFileError, match=r"^a result cannot be read: .*\Z"):
        Result.of(data)


@pytest.mark.parametrize(
    "change",
    [
        {"suite": 3},
        {"sample": [1]},
        {"sample": 0},
        {"usage": None},
        {"usage": {"total_tokens": "x"}},
        {"grades": [{"name": "a", "score": ""}]},
        {"replayed": "x"},
        {"grades": [{"name": "a", "score": "x"}]},
        {"miss": {"kind": "stale", "change": 3}},
    ],
)
def test_a_value_of_another_type_is_refused(change):
    with pytest.raises(RunFileError):
        Result.of({**FULL.json, **change})


# -- what version 2 of the run file adds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"draws": 0}, "0 draws"),
        ({"roles": ["subject"]}, "1 roles and 0 sources of 1 exchanges"),
        ({"roles": [], "sources": ["replayed"]}, "0 roles and 1 sources of 1 exchanges"),
        ({"roles": ["subject"], "sources": ["replayed"]}, "0 exchanges replayed, and 1 of them listed"),
        ({"roles": ["judge"], "sources": ["recorded"], "recorded": 2}, "2 exchanges recorded, and 1 of them listed"),
        ({"roles": ["other"]}, "roles: 0: 'other' is none of subject, judge, retrieval, fixture"),
        ({"split": "Monday"}, "split: 'Monday' is none of train, dev, test"),
        ({"passages": [{"text": "x"}]}, "passages: 0: id is missing"),
    ],
)
def test_counts_that_were_edited_are_refused(change, said):
    with pytest.raises(RunFileError, match=f"^a result cannot be read: {said}"):
        Result.of({**FULL.json, **change})


def test_roles_and_sources_belong_to_the_exchanges():
    data = {**FULL.json, "roles": ["judge"], "sources": ["asked"], "asked": 1}
    assert (Result.of(data).roles, Result.of(data).sources) == (("judge",), ("asked",))


def test_the_question_of_a_case_is_what_json_can_say_of_it():
    case = Case(id="a", inputs={"day": date(2026, 1, 2), "n": (1, 2)}, expected={"x": 0.5})
    assert QuestionRecord.about(case, "cases.jsonl:3") == QuestionRecord(
        where="cases.jsonl:3", inputs={"day": "2026-01-02", "n": [1, 2]}, expected={"x": 0.5}
    )


def test_what_is_long_is_left_out_by_name_and_the_rest_stays():
    at_most = "x" * (LONGEST_QUESTION - 2)
    case = Case(id="a", inputs={"page": at_most}, expected=at_most, context=at_most + "x")
    assert QuestionRecord.about(case, "") == QuestionRecord(expected=at_most, left_out=("inputs", "context"))
