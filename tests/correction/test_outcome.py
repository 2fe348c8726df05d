"""What a reply has to be, and what became of one, from values: no server, no client."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from pytest_llm import Prompt
from pytest_llm.calls import Response, ToolCall
from pytest_llm.correction.outcome import outcome_of_failure, target_of
from pytest_llm.errors import CallFailed, CorrectionError, SchemaError


class Order(BaseModel):
    qty: int


PLAIN = Prompt(name="order", model="tiny", user="three cups")
PARAMETERS = {"type": "object", "properties": {"qty": {"type": "integer"}}, "required": ["qty"]}


def function(name, parameters=PARAMETERS):
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def named(name):
    return {"type": "function", "function": {"name": name}}


JSON = target_of(PLAIN.replace(schema=Order))
MAY = target_of(PLAIN.replace(tools=[function("book")]))
MUST = target_of(PLAIN.replace(tools=[function("book"), function("cancel")], tool_choice="required"))
ONE = target_of(PLAIN.replace(tools=[function("book"), function("cancel")], tool_choice=named("book")))


def call(arguments, name="book"):
    return ToolCall(name=name, arguments=None, arguments_text=arguments)


def becomes(target, **reply):
    return target.judge(Response(**{"text": "", **reply}))[0]


@pytest.mark.parametrize("target", [JSON, MAY, MUST, ONE])
@pytest.mark.parametrize("content", [{}, {"text": '{"qty": 3}'}, {"tool_calls": (call('{"qty": 3}'),)}])
def test_what_ended_a_reply_comes_before_what_is_in_it(target, content):
    assert becomes(target, refusal="no", finish_reason="content_filter", **content) == "refusal"
    assert becomes(target, finish_reason="content_filter", **content) == "content_filter"
    assert becomes(target, finish_reason="length", **content) == "truncated"


@pytest.mark.parametrize(
    ("target", "reply", "outcome"),
    [
        (JSON, {"text": '{"qty": 3}'}, "valid"),
        (JSON, {"text": '{"qty": "x"}'}, "invalid"),
        (JSON, {"text": "\n \t"}, "empty"),
        (JSON, {"tool_calls": (call('{"qty": 3}'),)}, "wrong_tool"),
        (MAY, {"text": "I would rather talk."}, "valid"),
        (MAY, {}, "empty"),
        (MAY, {"tool_calls": (call('{"qty": 3}'),)}, "valid"),
        (MAY, {"tool_calls": (call("{}"),)}, "invalid"),
        (MAY, {"tool_calls": (call('{"qty": 3}', "cancel"),)}, "wrong_tool"),
        (MUST, {"text": "I would rather talk."}, "no_tool_call"),
        (MUST, {}, "empty"),
        (MUST, {"tool_calls": (call('{"qty": 3}', "cancel"),)}, "valid"),
        (MUST, {"text": "Of course.", "tool_calls": (call('{"qty": 3}'),)}, "valid"),
        (MUST, {"tool_calls": (call('{"qty": 3}'), call("{}", "cancel"))}, "invalid"),
        (MUST, {"tool_calls": (call('{"qty": 3}'), call('{"qty": 3}', "sing"))}, "wrong_tool"),
        (ONE, {"tool_calls": (call('{"qty": 3}', "cancel"),)}, "wrong_tool"),
        (ONE, {"tool_calls": (call('{"qty": 3}'),)}, "valid"),
    ],
)
def test_what_becomes_of_a_reply(target, reply, outcome):
    became, judged = target.judge(Response(**{"text": "", **reply}))
    assert became == outcome
    assert judged.valid == (outcome == "valid")
    assert bool(judged.issues) == (outcome != "valid")


def test_findings_of_several_calls_are_told_apart_by_their_number():
    _, judged = MUST.judge(Response(text="", tool_calls=(call("{}"), call('{"qty": 1}'), call('{"qty": "x"}'))))
    assert [issue.path for issue in judged.issues] == ["/0/qty", "/2/qty"]
    assert (judged.report.value, judged.report.data) == (None, [{}, {"qty": 1}, {"qty": "x"}])
    _, judged = MUST.judge(Response(text="", tool_calls=(call('{"qty": 1}'), call('{"qty": 2}'))))
    assert judged.value == ({"qty": 1}, {"qty": 2})


def test_the_tools_that_might_be_called_are_named():
    _, judged = MUST.judge(Response(text="no"))
    assert judged.issues[0].line == '(whole reply): expected a call of one of the tools "book", "cancel".'
    _, judged = ONE.judge(Response(text="", tool_calls=(call("{}", "a\x1b\n" + "b" * 999),)))
    assert judged.issues[0].line.startswith(
        '(whole reply): expected a call of the tool "book"; got string "a\\u001b\\nbbb'
    )
    assert len(judged.issues[0].line) < 200
    assert judged.issues[0].allowed == ("book",)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "context_length_exceeded", "context_overflow"),
        (400, "exceed_context_size_error", "context_overflow"),
        (400, "invalid_request_error", "transport_error"),
        (429, "context_length_exceeded", "transport_error"),
        (400, None, "transport_error"),
        (None, None, "transport_error"),
    ],
)
def test_what_becomes_of_an_attempt_without_a_reply(status, code, outcome):
    failed = CallFailed("no")
    failed.status, failed.code = status, code
    assert outcome_of_failure(failed) == outcome


@pytest.mark.parametrize(
    ("prompt", "form", "name"),
    [
        (PLAIN.replace(schema=Order), "json", "Order"),
        (PLAIN.replace(schema=Order, tools=[function("book")]), "json", "Order"),
        (PLAIN.replace(schema=Order, tools=[function("book")], tool_choice="required"), "tool", "Order"),
        (PLAIN.replace(tools=[function("book")]), "text", 'the parameters of the tool "book"'),
        (PLAIN.replace(tools=[function("book")], tool_choice="auto"), "text", 'the parameters of the tool "book"'),
        (PLAIN.replace(tools=[function("book")], tool_choice="any"), "tool", 'the parameters of the tool "book"'),
        (
            PLAIN.replace(tools=[function("book")], tool_choice=named("book")),
            "tool",
            'the parameters of the tool "book"',
        ),
        (
            PLAIN.replace(
                tools=[{"type": "function", "name": "book"}], tool_choice={"type": "function", "name": "book"}
            ),
            "tool",
            'the parameters of the tool "book"',
        ),
    ],
)
def test_how_a_prompt_s_replies_are_to_come(prompt, form, name):
    target = target_of(prompt)
    assert (target.form, target.name) == (form, name)


def test_a_model_that_chose_to_call_is_to_call_again():
    called = Response(text="", tool_calls=(call("{}"),))
    assert [target.form_of(called) for target in (JSON, MAY, MUST)] == ["json", "tool", "tool"]
    assert [target.form_of(Response(text="hm")) for target in (JSON, MAY, MUST)] == ["json", "text", "tool"]
    assert MAY.form_of(None) == "text"


def test_a_tool_without_parameters_takes_any_object():
    bare = target_of(PLAIN.replace(tools=[{"type": "function", "function": {"name": "book"}}]))
    assert becomes(bare, tool_calls=(call('{"a": 1}'),)) == "valid"
    assert becomes(bare, tool_calls=(call("[]"),)) == "invalid"


def test_tools_of_the_endpoint_s_own_are_its_own_affair():
    searching = PLAIN.replace(schema=Order, api="responses", tools=[{"type": "web_search"}])
    assert target_of(searching).tools == {}
    assert becomes(target_of(searching), text='{"qty": 3}') == "valid"
    both = searching.replace(
        tools=[{"type": "web_search"}, {"type": "function", "name": "book"}], tool_choice="required"
    )
    assert target_of(both).required == ("book",)


def test_a_tool_that_is_given_twice_is_named_once():
    twice = target_of(PLAIN.replace(tools=[function("book"), function("book")], tool_choice="required"))
    assert twice.required == ("book",)


def test_parameters_that_are_no_schema_are_refused():
    with pytest.raises(SchemaError, match="'x' is not a schema"):
        target_of(PLAIN.replace(tools=[function("book", "x")]))


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (PLAIN, "Prompt 'order' has neither a schema nor a tool"),
        (PLAIN.replace(tools=[{"type": "web_search"}]), "has neither a schema nor a tool"),
        (PLAIN.replace(tools=[function("")]), "a tool of Prompt 'order' has no name"),
        (PLAIN.replace(tools=[{"type": "function", "function": "book"}]), "a tool of Prompt 'order' has no name"),
        (PLAIN.replace(tools=[function("book")], tool_choice=named("sing")), "has to call the tool 'sing', which it"),
        (PLAIN.replace(schema=Order, tool_choice=named("sing")), "has to call the tool 'sing', which it"),
    ],
)
def test_a_prompt_of_which_nothing_could_be_wrong_is_refused(prompt, told):
    with pytest.raises(CorrectionError, match=told):
        target_of(prompt)
