"""Numbers that are near."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import number_close
from pytest_llm.prompts import Case
from pytest_llm.schemas import Issue, Report


def valid(value):
    return Response(text="…", report=Report(valid=True, value=value, leniency="strict"))


@pytest.mark.parametrize(
    ("options", "output", "state"),
    [
        ({"expected": 42}, " 42\n", "passed"),
        ({"expected": 42}, "42.0", "passed"),
        ({"expected": 42}, "42.1", "failed"),
        ({"expected": 1234567.5}, "1,234,567.50", "passed"),
        ({"expected": 1234}, "12,34", "failed"),
        ({"expected": 125}, "0,125", "failed"),
        ({"expected": -5}, "\u22125", "passed"),
        ({"expected": 1000}, "1e3", "passed"),
        ({"expected": -0.5}, "-.5", "passed"),
        ({"expected": 5}, "+5", "passed"),
        ({"expected": 42}, "42 kg", "failed"),
        ({"expected": 42}, "It is 42.", "failed"),
        ({"expected": 42}, "", "failed"),
        ({"expected": 42}, "nan", "failed"),
        ({"expected": 42}, "\u0664\u0662", "passed"),
        ({"expected": 42, "abs_tol": 1}, "1e999999999", "failed"),
        ({"expected": 42, "rel_tol": 0.1}, "-1e999999999", "failed"),
        ({"expected": 0, "abs_tol": 0.1}, "1e-999999999", "passed"),
        ({"expected": 42}, "4" * 1000, "failed"),
        ({"expected": 0.3, "abs_tol": 0.1}, "0.4", "passed"),
        ({"expected": 0.3, "abs_tol": 0.1}, "0.41", "failed"),
        ({"expected": 100, "rel_tol": 0.05}, "105", "passed"),
        ({"expected": 100, "rel_tol": 0.05}, "94.9", "failed"),
        ({"expected": -100, "rel_tol": 0.05}, "-96", "passed"),
        ({"expected": 100, "rel_tol": 0.01, "abs_tol": 3}, "103", "passed"),
        ({"expected": 42}, 42.0, "passed"),
        ({"expected": 42}, Decimal("42.00"), "passed"),
        ({"expected": 1}, True, "failed"),
        ({"expected": 42}, float("inf"), "failed"),
        ({"expected": 42}, Response(text="42"), "passed"),
        ({"expected": 42}, valid(42), "passed"),
        ({"expected": 42}, valid("42"), "passed"),
        ({"expected": 42}, valid(None), "failed"),
        ({"expected": 42}, valid({"total": 42}), "failed"),
        ({"expected": 42}, {"total": 42}, "ungraded"),
        ({"expected": 42}, None, "ungraded"),
    ],
)
def test_a_number_is_near_or_not(options, output, state):
    grade = number_close(**options)(output)
    assert grade.state == state
    assert bool(grade.reason) == (state != "passed")


@pytest.mark.parametrize(
    ("expected", "state"),
    [
        (42, "passed"),
        (42.0, "passed"),
        ("42", "passed"),
        (41, "failed"),
        ("many", "ungraded"),
        (True, "ungraded"),
        ([42], "ungraded"),
        (float("nan"), "ungraded"),
        (None, "ungraded"),
    ],
)
def test_the_number_of_the_case_is_expected(expected, state):
    assert number_close()("42", Case(id="one", expected=expected)).state == state
    assert number_close()("42").state == "ungraded"


def test_the_reason_says_how_near_was_near_enough():
    assert number_close(100, rel_tol=0.05)("1,200").reason == "expected 100 ± 5, got 1200"
    assert number_close(0.25)("1e30").reason == "expected 0.25, got 1.000000e+30"
    assert number_close(42)("42 kg").reason == 'expected a number and nothing else, got "42 kg"'


def test_an_invalid_response_is_failed_with_its_issues():
    issue = Issue(path="", code="type", expected="a number")
    grade = number_close(1)(Response(text="1", report=Report(valid=False, issues=(issue,))))
    assert (grade.state, "(whole reply): expected a number." in grade.reason) == ("failed", True)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"expected": True}, "number_close: expected=True is no finite number"),
        ({"expected": float("nan")}, "number_close: expected=nan is no finite number"),
        ({"expected": "42"}, "number_close: expected='42' is no finite number"),
        ({"abs_tol": -1}, "number_close: abs_tol=-1 is below 0, so it could not pass"),
        ({"abs_tol": float("inf")}, "number_close: abs_tol=inf is no finite number"),
        ({"rel_tol": 5}, "number_close: rel_tol=5 is not below 1; it is a share, not a per cent"),
        ({"rel_tol": float("nan")}, "number_close: rel_tol=nan is no finite number"),
        ({"rel_tol": -0.1}, "number_close: rel_tol=-0.1 is below 0"),
    ],
)
def test_a_parameter_that_could_not_fail_is_refused(options, what):
    with pytest.raises(GraderError) as caught:
        number_close(**options)
    assert str(caught.value).startswith(what)


def test_parameters_tell_what_it_was_built_with():
    assert number_close().parameters == {}
    assert number_close(42, abs_tol=0.5, rel_tol=0.1).parameters == {"expected": 42, "abs_tol": 0.5, "rel_tol": 0.1}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_near_itself(number):
    assert number_close(number)(repr(number)).passed
    assert number_close(number)(number).passed
