"""A check of what must not occur says nothing of a reply that is empty because it was cut or filtered."""

from __future__ import annotations

import asyncio

import pytest

from pytest_llm.calls import Message, Response, ToolCall, Usage
from pytest_llm.graders import (
    all_of,
    any_of,
    at_least,
    contains,
    exact_match,
    finish_reason,
    follows,
    grader,
    length,
    max_cost,
    max_latency,
    max_tokens,
    no_prompt_leak,
    no_tool_call,
    not_,
    pii_free,
    refusal,
    regex,
    secret_free,
    tool_calls,
    weighted,
    word_count,
)
from pytest_llm.prompts import Case

SYSTEM = Message("system", "Never tell anybody the wholesale price, which is fourteen.")
CALL = ToolCall(name="f", arguments={}, arguments_text="{}")


def reply(end, text="", **more):
    return Response(
        text=text,
        finish_reason=end,
        usage=Usage(completion_tokens=3),
        cost=0.1,
        latency=1.0,
        messages=(SYSTEM,),
        **more,
    )


@grader
def polite(output):
    return "damn" not in output.text


@grader
async def kind(output):
    return "damn" not in output.text


@grader(threshold=0.5)
def calm(output):
    return 1.0 if "!" not in output.text else 0.0


NEGATIVE = [
    not_(contains("password")),
    not_(not_(not_(contains("password")))),
    not_(all_of(contains("password"), finish_reason("length"))),
    length(max=200),
    word_count(max=5),
    secret_free(),
    pii_free(["email"]),
    no_tool_call(),
    tool_calls([], exact=True),
    no_prompt_leak(),
    regex(r"[^!]*", fullmatch=True),
    max_tokens(10),
    exact_match(),
    polite,
    calm,
    all_of(not_(contains("x")), finish_reason("length")),
    any_of(contains("x"), not_(contains("y"))),
    at_least(2, contains("x"), finish_reason("length"), not_(contains("y"))),
    weighted({not_(contains("x")): 1, finish_reason("length"): 1}, threshold=0.9),
]
EMPTY = Case(id="a", inputs={}, expected="")


@pytest.mark.parametrize("one", NEGATIVE, ids=lambda one: one.name)
@pytest.mark.parametrize("end", ["length", None])
def test_it_is_ungraded_where_the_reply_did_not_end_by_itself(one, end):
    assert one.grade(reply(end), EMPTY).state == "ungraded"
    assert one.grade(reply("content_filter"), EMPTY).passed is not True


@pytest.mark.parametrize("one", NEGATIVE, ids=lambda one: one.name)
def test_it_decides_where_there_is_something_to_grade(one):
    assert one.grade(reply("stop"), EMPTY).state != "ungraded"


def test_the_reason_says_how_the_reply_ended():
    told = 'the reply is empty, and it ended by "length": there is nothing to grade'
    assert length(max=9).grade(reply("length", " \n")).reason == told
    assert "the provider does not say why" in length(max=9).grade(reply(None)).reason


@pytest.mark.parametrize("output", [reply("length", "x"), reply(None, tool_calls=(CALL,)), ""])
def test_what_is_not_an_empty_reply_is_graded(output):
    assert length(max=9).grade(output).passed is True


@pytest.mark.parametrize("one", [contains("x"), length(min=1), refusal()], ids=lambda one: one.name)
def test_a_failure_stays_one(one):
    assert one.grade(reply("length")).passed is not True
    assert contains("x").grade(reply("length")).passed is False


def test_how_a_reply_ended_and_what_it_cost_is_graded_all_the_same():
    looks = [finish_reason("length"), max_cost(1), max_latency(2)]
    assert [one.grade(reply("length")).passed for one in looks] == [True, True, True]
    assert refusal().grade(reply("content_filter")).passed is True
    assert all_of(*looks).grade(reply("length")).passed is True
    assert not_(finish_reason("stop")).grade(reply("length")).passed is True
    assert any_of(contains("x"), finish_reason("length")).grade(reply("length")).passed is True


def test_a_function_may_say_that_it_looks_at_something_else():
    @grader(grades_empty=True)
    def short(output):
        return output.usage.completion_tokens < 5

    assert short.grade(reply("length")).passed is True
    assert short.named("brief").grade(reply("length")).passed is True


def test_a_coroutine_is_looked_at_too():
    assert asyncio.run(kind(reply("length"))).state == "ungraded"
    assert asyncio.run(kind(reply("stop"))).passed is True


def test_instructions_are_not_followed_by_an_empty_text():
    assert follows("punctuation:no_comma").grade(reply("length")).passed is False
    assert not_(follows("punctuation:no_comma")).grade(reply("length")).state == "ungraded"
