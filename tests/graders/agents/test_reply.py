"""How a reply came about."""

import pytest

from pytest_llm.calls import Response, Usage
from pytest_llm.cassettes import Call
from pytest_llm.errors import GraderError
from pytest_llm.graders import finish_reason, max_cost, max_latency, max_tokens


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


def call(role="subject", cost=None, latency=None):
    return Call(model="m", messages=(), response=None, role=role, usage=Usage(), cost=cost, latency=latency)


def test_what_a_reply_cost_is_known_or_ungraded():
    assert max_cost(0.5)(Response(text="", cost=0.5)).passed is True
    assert max_cost(0.5)(Response(text="", cost=0.0)).passed is True
    grade = max_cost(0.5)(Response(text="", cost=0.50001))
    assert (grade.passed, grade.reason) == (False, "expected at most 0.5 US dollars, got 0.50001")
    assert max_cost(0.5)(Response(text="")).reason == "what it cost is not known"


def test_a_model_of_ones_own_may_cost_nothing():
    assert max_cost(0)(Response(text="", cost=0.0)).passed is True
    assert max_cost(0)(Response(text="", cost=0.0001)).reason == "expected at most 0 US dollars, got 0.0001"
    assert max_cost(0)(Response(text="")).state == "ungraded"
    assert max_cost(0).parameters == {"usd": 0}


def test_how_long_a_reply_took_is_as_recorded_and_said_so():
    assert max_latency(2)(Response(text="", latency=2)).passed is True
    grade = max_latency(2)(Response(text="", latency=2.5))
    assert grade.passed is False
    assert grade.reason == "expected at most 2 seconds on the wire, got 2.5 (in a replay: as recorded)"
    assert max_latency(3)(Response(text="", latency=2.5)).reason.endswith("(in a replay: as recorded)")
    assert max_latency(2)(Response(text="")).reason == "how long it took is not known"


def test_of_an_agent_it_is_all_that_the_subject_asked():
    way = [call(cost=0.1, latency=0.1), call("judge", cost=9, latency=9), call(cost=0.2, latency=0.2)]
    # In binary fractions 0.1 + 0.2 is above 0.3.
    assert max_cost(0.3)(way).passed is True
    assert max_latency(0.3)(way).passed is True
    assert max_cost(0.29)(way).passed is False
    assert max_latency(0.29)(way).passed is False
    assert max_cost(0.29)([Response(text="", cost=0.1), Response(text="", cost=0.2)]).passed is False


def test_one_call_that_is_not_known_makes_the_sum_unknown():
    way = [call(cost=0.1, latency=0.1), call()]
    assert max_cost(1)(way).reason == "what it cost is not known of 1 of 2 calls"
    assert max_latency(1)(way).state == "ungraded"
    # Nor is what no clock and no price list could tell.
    for number in (float("nan"), float("inf"), -1.0):
        assert max_cost(1)(Response(text="", cost=number)).state == "ungraded"
    assert max_cost(1)([call("judge", cost=0.1)]).state == "ungraded"


EVERY = [max_tokens(10), finish_reason("stop"), max_cost(1), max_latency(1)]


@pytest.mark.parametrize("grader", EVERY, ids=lambda grader: grader.name)
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
        (lambda: max_cost(-1), "max_cost: usd=-1 is below 0, so it could not pass"),
        (lambda: max_cost(float("nan")), "max_cost: usd=nan is no finite number"),
        (lambda: max_cost("1"), "max_cost: usd='1' is no finite number"),
        (lambda: max_latency(0.0), "max_latency: seconds=0.0 is not above 0, so it could not pass"),
        (lambda: max_latency(None), "max_latency: seconds=None is no finite number"),
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
    assert max_cost(0.01).parameters == {"usd": 0.01}
    assert max_latency(2).parameters == {"seconds": 2}
