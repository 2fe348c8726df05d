"""Tool calls."""

import json

import pytest

from pytest_llm.calls import Response, ToolCall
from pytest_llm.errors import GraderError
from pytest_llm.graders import tool_calls


def call(name, /, **arguments):
    return ToolCall(name=name, arguments=arguments, arguments_text=json.dumps(arguments))


def want(name, /, **arguments):
    return {"name": name, "arguments": arguments}


def reply(*calls):
    return Response(text="", tool_calls=calls)


BROKEN = ToolCall(name="search", arguments=None, arguments_text='{"q": \x1b[31m')


@pytest.mark.parametrize(
    ("expected", "options", "calls", "passed"),
    [
        ([want("search", q="oak")], {}, [call("search", q="oak", limit=5)], True),
        ([want("search", q="oak")], {}, [call("search", q="ash")], False),
        ([want("search", q="oak")], {}, [call("find", q="oak")], False),
        ([{"name": "search"}], {}, [call("search", q="ash")], True),
        ([{"name": "search"}], {}, [], False),
        ([{"name": "search"}], {}, [BROKEN], False),
        ([want("f", a={"b": {"c": 1}})], {}, [call("f", a={"b": {"c": 1.0, "d": 2}, "e": 3})], True),
        ([want("f", a={"b": 1})], {}, [call("f", a=1)], False),
        ([want("f", a=1)], {}, [call("f", a=True)], False),
        ([want("f", a=[{"b": 1}])], {}, [call("f", a=[{"b": 1, "c": 2}])], True),
        ([want("f", a=[1])], {}, [call("f", a=[1, 2])], False),
        ([want("f", a=[])], {}, [call("f", a={})], False),
        ([want("f", a=None)], {}, [call("f")], False),
        # Each expected call has a call of its own.
        ([want("f"), want("f")], {}, [call("f", a=1)], False),
        ([want("f"), want("f", a=1)], {}, [call("f", a=1), call("f", a=2)], True),
        ([want("f"), want("f", a=1)], {}, [call("f", a=2), call("f", a=1)], True),
        ([want("f", a=1), want("f"), want("f", b=1)], {}, [call("f", a=1, b=1), call("f", a=1), call("f")], True),
        ([want("f", a=1), want("f", b=1)], {}, [call("f", a=1, b=1), call("f")], False),
        # In another order, in this order, with others between.
        ([want("a"), want("b")], {}, [call("b"), call("a")], True),
        ([want("a"), want("b")], {"ordered": True}, [call("b"), call("a")], False),
        ([want("a"), want("b")], {"ordered": True}, [call("c"), call("a"), call("c"), call("b"), call("d")], True),
        # Exactly these.
        ([want("a", x=1)], {"exact": True}, [call("a", x=1.0)], True),
        ([want("a", x=1)], {"exact": True}, [call("a", x=1, y=2)], False),
        ([want("a")], {"exact": True}, [call("b")], False),
        ([want("a")], {"exact": True}, [call("a"), call("a")], False),
        ([want("a"), want("b")], {"exact": True}, [call("b"), call("a")], False),
        ([], {"exact": True}, [], True),
        ([], {"exact": True}, [call("a")], False),
    ],
)
def test_calls_are_met_or_not(expected, options, calls, passed):
    grade = tool_calls(expected, **options)(reply(*calls))
    assert grade.passed is passed
    assert bool(grade.reason) is not passed
    assert tool_calls(expected, **options)(calls).passed is passed


@pytest.mark.parametrize(
    ("grader", "calls", "reason"),
    [
        (tool_calls([want("f", a=1)]), [], 'no call of its own for "f" with {"a": 1}; got no tool call'),
        (
            tool_calls([want("f"), want("f"), want("f")]),
            [call("f")],
            'no call of its own for "f" with {} and 1 more; got "f" with {}',
        ),
        (
            tool_calls([want("f")], ordered=True),
            [call(name) for name in "abcde"] + [BROKEN, BROKEN],
            'no call of its own in this order for "f" with {}; got '
            + ", ".join(f'"{name}" with {{}}' for name in "abcde")
            + " and 2 more",
        ),
        (
            tool_calls([want("f")]),
            [BROKEN],
            r'no call of its own for "f" with {}; got "search" with "{\"q\": \u001b[31m"',
        ),
        (tool_calls([want("f")], exact=True), [], "expected 1 tool calls, got 0: no tool call"),
        (tool_calls([want("f")], exact=True), [call("g")], 'call 1: expected the tool "f", got "g"'),
        (
            tool_calls([want("f", a=1, b=2)], exact=True),
            [call("f", a=1, b=3)],
            'call 1, "f": 1 of 2 fields differs\n  /b   expected 2   got 3',
        ),
    ],
)
def test_the_reason_says_what_was_expected_and_what_came(grader, calls, reason):
    assert grader(reply(*calls)).reason == reason


@pytest.mark.parametrize("output", ["f()", {"name": "f"}, None, [{"name": "f"}]], ids=repr)
def test_what_has_no_tool_calls_is_ungraded(output):
    assert tool_calls([want("f")])(output).state == "ungraded"


@pytest.mark.parametrize(
    ("expected", "options", "what"),
    [
        ([], {}, "tool_calls: expected=[] is empty"),
        ([], {"ordered": True}, "tool_calls: expected=[] is empty"),
        ("", {"exact": True}, "tool_calls: expected='' is no list"),
        (None, {"exact": True}, "tool_calls: expected=None is no list"),
        (["f"], {}, "tool_calls: expected='f' is no object with name and arguments"),
        ([{"name": "f", "args": {}}], {}, "tool_calls: expected={'name': 'f', 'args': {}} has the unknown key 'args'"),
        ([{"arguments": {}}], {}, "tool_calls: name=None is no text"),
        ([{"name": ""}], {}, "tool_calls: name='' is empty"),
        ([{"name": "f", "arguments": [1]}], {}, "tool_calls: arguments=[1] is no object"),
        ([{"name": "f", "arguments": {"a": object()}}], {}, "tool_calls: arguments={'a': <object object"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(expected, options, what):
    with pytest.raises(GraderError) as caught:
        tool_calls(expected, **options)
    assert str(caught.value).startswith(what)


def test_parameters_tell_what_it_was_built_with():
    assert tool_calls([{"name": "f"}]).parameters == {"expected": [{"name": "f", "arguments": {}}]}
    assert tool_calls([], exact=True).parameters == {"expected": [], "exact": True}
    assert tool_calls([want("f")], ordered=True).parameters["ordered"] is True
