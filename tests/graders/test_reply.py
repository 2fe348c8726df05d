"""How a reply came about."""

import pytest

from pytest_llm.calls import Response, Usage
from pytest_llm.errors import GraderError
from pytest_llm.graders import finish_reason, max_tokens


def of_tokens(count):
    return Response(text="x", usage=Usage(completion_tokens=count))


def test_completion_tokens_are_counted():
    assert max_tokens(10)(of_tokens(10)).passed is True
    assert max_tokens(10)(of_tokens(11)).passed is False
    assert max_tokens(10)(of_tokens(11)).reason == "expected at most 10 completion tokens, got 11"
    assert max_tokens(10)(of_tokens(0)).passed is True


def test_the_finish_reason_is_one_of_those_allowed():
    assert finish_reason("stop", "tool_calls")(Response(text="", finish_reason="stop")).passed is True
    grade = finish_reason("stop", "tool_calls")(Response(text="", finish_reason="length"))
    assert (grade.passed, grade.reason) == (
        False,
        'expected the finish reason "stop" or "tool_calls", got "length"',
    )


@pytest.mark.parametrize("grader", [max_tokens(10), finish_reason("stop")], ids=lambda grader: grader.name)
@pytest.mark.parametrize("output", [Response(text="x"), "x", None, {"usage": 1}], ids=["untold", "str", "None", "dict"])
def test_what_is_not_told_is_ungraded(grader, output):
    assert grader(output).state == "ungraded"
    assert grader(output).reason


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: max_tokens(0), "max_tokens: n=0 is below 1"),
        (lambda: max_tokens(-5), "max_tokens: n=-5 is below 1"),
        (lambda: max_tokens(1.5), "max_tokens: n=1.5 is no whole number"),
        (finish_reason, "finish_reason: allowed=() is empty"),
        (lambda: finish_reason(""), "finish_reason: allowed='' is empty"),
        (lambda: finish_reason(None), "finish_reason: allowed=None is no text"),
        (lambda: finish_reason(["stop"]), "finish_reason: allowed=['stop'] is no text"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    assert str(caught.value).startswith(what)


def test_parameters_tell_what_it_was_built_with():
    assert max_tokens(5).parameters == {"n": 5}
    assert finish_reason("stop", "length").parameters == {"allowed": ["stop", "length"]}
