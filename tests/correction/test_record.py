"""Traces as run files keep them: plain JSON, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm import Prompt
from pytest_llm.calls import read_reply
from pytest_llm.calls.transport import Reply
from pytest_llm.correction.application import target_of
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.drive import drive
from pytest_llm.correction.policies import errors
from pytest_llm.correction.record import LONGEST_TEXT, TraceRecord, record_of
from pytest_llm.correction.run import Run, Task
from pytest_llm.errors import CallFailed
from pytest_llm.results.typed import reader

PROMPT = Prompt(name="sum", model="tiny", user="1+1", schema={"type": "integer"})


def traced(*replies, prompt=PROMPT):
    left = iter(replies)

    def send(_request, _slot):
        one = next(left)
        if isinstance(one, CallFailed):
            raise one
        return Reply(data=one, latency=0.5, retries=1, waited=0.25), False

    task = Task(prompt=prompt, inputs={}, target=target_of(prompt), budget=Budget(stall=None))
    return drive(Run(task, errors(), is_overdue=lambda _: False), send)


def reply(text, **more):
    message = {"role": "assistant", "content": text, **more}
    return {
        "id": "r1",
        "model": "tiny-1",
        "system_fingerprint": "fp",
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


def test_a_record_has_what_a_report_needs():
    found = record_of(traced(reply('"two"'), reply("```\n2\n```")), run=2, undisclosed=["a rule"])
    assert (found.run, found.arm, found.stop, found.ok, found.first_try) == (2, "errors", "valid", True, False)
    assert (found.schema, found.undisclosed, found.compared) == ("JSON Schema", ("a rule",), False)
    assert found.budget == {"attempts": 3, "tokens": None, "cost": None, "deadline": None, "stall": None}
    first, second = found.attempts
    assert first.findings == (("", "type", '(whole reply): expected an integer; got string "two".'),)
    assert (first.outcome, first.text, first.leniency, first.finish_reason) == ("invalid", '"two"', "strict", "stop")
    assert (first.usage, first.tokens, first.cost_usd) == (
        {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        7,
        None,
    )
    assert (first.latency_s, first.waited_s, first.transport_retries) == (0.5, 0.25, 1)
    assert (first.response_id, first.model, first.fingerprint) == ("r1", "tiny-1", "fp")
    assert (second.leniency, second.fixed, second.feedback.startswith("Your previous")) == (
        "fence",
        (("", "type"),),
        True,
    )
    assert len(first.request) == 16
    assert first.request != second.request
    assert first.request_chars < second.request_chars
    assert found.corrections == (second,)


def test_a_call_of_a_tool_and_a_call_that_failed():
    tool = {"type": "function", "function": {"name": "add", "parameters": {"required": ["a"]}}}
    prompt = PROMPT.replace(schema=None, tools=[tool], tool_choice="required")
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    found = record_of(traced(reply(None, tool_calls=[call]), CallFailed("gone"), prompt=prompt))
    assert found.attempts[0].tool_calls == (("add", "{}"),)
    assert (found.attempts[1].outcome, found.attempts[1].error, found.stop) == (
        "transport_error",
        "gone",
        "transport_error",
    )
    assert (found.attempts[1].usage, found.attempts[1].tokens, found.attempts[1].model) == ({}, None, None)


def test_long_texts_are_cut():
    found = record_of(traced(reply("x" * 30_000), reply("2")))
    assert len(found.attempts[0].text) == LONGEST_TEXT


@given(st.text(max_size=20) | st.sampled_from(["\ud800", "\x00", '{"a": 1}', "2"]), st.booleans())
def test_a_record_comes_back_from_json(text, compared):
    trace = traced(reply(text), reply(text), reply(text))
    found = record_of(trace, undisclosed=("x",) if compared else None)
    assert reader(TraceRecord)(json.loads(json.dumps(found.json))) == found


@pytest.mark.parametrize("wrong", [{"stop": "bored"}, {"attempts": [{"outcome": "nice"}]}, {"arm": 3}, {"run": "1"}])
def test_what_is_no_record_is_refused(wrong):
    good = record_of(traced(reply("2"))).json
    with pytest.raises(ValueError, match=r"is no|is none of|missing"):
        reader(TraceRecord)(json.loads(json.dumps(good)) | wrong)


def test_the_shape_of_a_reply_is_that_of_the_calls():
    assert read_reply("chat", reply("2")).usage.total_tokens == 7
