"""The way that an agent took."""

import json

import pytest

from pytest_llm.calls import Response, ToolCall, Usage
from pytest_llm.cassettes import Call
from pytest_llm.errors import GraderError
from pytest_llm.graders import trajectory


def step(*tools, role="subject", readable=True):
    calls = tuple(ToolCall(name=name, arguments={}, arguments_text=json.dumps({})) for name in tools)
    response = Response(text="", tool_calls=calls) if readable else None
    return Call(model="m", messages=(), response=response, role=role, usage=Usage(), cost=None, latency=None)


SEARCHED = [step("search"), step("open", "open"), step("answer"), step()]


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ({"max_steps": 4}, True),
        ({"max_steps": 3}, False),
        ({"min_steps": 4}, True),
        ({"min_steps": 5}, False),
        ({"min_steps": 1, "max_steps": 4}, True),
        ({"min_steps": 4, "max_steps": 4}, True),
        ({"sequence": ["search", "answer"]}, True),
        ({"sequence": ["open", "open"]}, True),
        ({"sequence": ["open", "open", "open"]}, False),
        ({"sequence": ["answer", "search"]}, False),
        ({"sequence": ["search", "open", "open", "answer"], "exact": True}, True),
        ({"sequence": ["search", "open", "answer"], "exact": True}, False),
        ({"sequence": ["search", "open", "open", "answer", "more"], "exact": True}, False),
        ({"required": ["answer", "search"]}, True),
        ({"required": ["answer", "delete"]}, False),
        ({"forbidden": ["delete"]}, True),
        ({"forbidden": ["delete", "open"]}, False),
    ],
)
def test_a_way_is_as_it_should_be_or_not(options, passed):
    grade = trajectory(**options)(SEARCHED)
    assert grade.passed is passed
    assert bool(grade.reason) is not passed
    assert trajectory(**options)([one.response for one in SEARCHED]).passed is passed


def test_the_reason_says_all_that_is_wrong():
    grader = trajectory(min_steps=2, sequence=["search", "pay"], required=["pay"], forbidden=["delete", "search"][:1])
    assert grader([step("search", "delete")]).reason == (
        "expected at least 2 steps, got 1\n"
        'expected the tools "search", "pay" in this order; there is no "pay" in its place\n'
        'the tool "pay" was not asked for\n'
        'the forbidden tool "delete" was asked for\n'
        'the tools were "search", "delete"'
    )
    assert trajectory(sequence=["a"], exact=True, max_steps=1)([step(), step()]).reason == (
        'expected at most 1 steps, got 2\nexpected exactly the tools "a"\nthe tools were none'
    )
    assert trajectory(forbidden=["a"])([step(*"a" * 30)]).reason.endswith(', "a" and 10 more')


def test_only_what_the_subject_asked_is_a_step():
    way = [step("search"), step("delete", role="judge"), step(role="retrieval", readable=False), step(role="fixture")]
    assert trajectory(min_steps=1, max_steps=1, forbidden=["delete"])(way).passed is True


def test_one_response_is_a_way_of_one_step():
    assert trajectory(sequence=["search"], max_steps=1)(SEARCHED[0].response).passed is True


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ([], "there is no call of the subject among 0: nothing was asked"),
        ([step(role="judge")], "there is no call of the subject among 1: nothing was asked"),
        ([step(readable=False)], "step 1 is no reply of an API whose tool calls are known"),
        ("search", "it reads a Response, a list of them or llm_calls, and was given a str"),
        (None, "it reads a Response, a list of them or llm_calls, and was given None"),
        (["search"], "it reads a Response, a list of them or llm_calls, and was given a list"),
        ([SEARCHED[0], "search"], "it reads a Response, a list of them or llm_calls, and was given a list"),
    ],
)
def test_a_way_without_steps_is_ungraded_and_never_passes(output, reason):
    grade = trajectory(max_steps=5, forbidden=["delete"])(output)
    assert (grade.state, grade.reason) == ("ungraded", reason)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "trajectory: min_steps=None without anything else could not fail: every way has a step"),
        ({"min_steps": 1}, "trajectory: min_steps=1 without anything else could not fail: every way has a step"),
        ({"min_steps": 0}, "trajectory: min_steps=0 is below 1"),
        ({"max_steps": 0}, "trajectory: max_steps=0 is below 1"),
        ({"max_steps": 2.5}, "trajectory: max_steps=2.5 is no whole number"),
        ({"min_steps": 3, "max_steps": 2}, "trajectory: min_steps=3 is above max_steps=2, so it could not pass"),
        ({"sequence": []}, "trajectory: sequence=[] is empty, so it would decide nothing"),
        ({"sequence": "search"}, "trajectory: sequence='search' is no list"),
        ({"required": [""]}, "trajectory: required='' is empty"),
        ({"forbidden": [3]}, "trajectory: forbidden=3 is no text"),
        ({"max_steps": 3, "exact": True}, "trajectory: exact=True without a sequence says nothing"),
        (
            {"required": ["a"], "forbidden": ["a"]},
            "trajectory: forbidden='a' is wanted too, so it could not pass",
        ),
        (
            {"sequence": ["a"], "exact": True, "required": ["b"]},
            "trajectory: required='b' is not in the exact sequence, so it could not pass",
        ),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(options, what):
    with pytest.raises(GraderError) as caught:
        trajectory(**options)
    assert str(caught.value).partition("\n")[0] == what


def test_parameters_tell_what_it_was_built_with():
    assert trajectory(max_steps=3).parameters == {"max_steps": 3}
    options = {"min_steps": 2, "max_steps": 3, "sequence": ["a"], "exact": True, "required": ["a"], "forbidden": ["b"]}
    assert trajectory(**options).parameters == options
