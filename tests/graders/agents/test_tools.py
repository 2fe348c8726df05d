"""Tool calls."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response, ToolCall, Usage
from pytest_llm.cassettes import Call
from pytest_llm.errors import GraderError
from pytest_llm.graders import no_tool_call, tool_call_f1, tool_calls
from pytest_llm.prompts import Case


def call(name, /, **arguments):
    return ToolCall(name=name, arguments=arguments, arguments_text=json.dumps(arguments))


def want(name, /, **arguments):
    return {"name": name, "arguments": arguments}


def reply(*calls):
    return Response(text="", tool_calls=calls, finish_reason="tool_calls" if calls else "stop")


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
        (7, {"exact": True}, "tool_calls: expected=7 is no list"),
        (["f"], {}, "tool_calls: expected='f' is no object with name and arguments"),
        ([{"name": "f", "args": {}}], {}, "tool_calls: expected={'name': 'f', 'args': {}} has the unknown key 'args'"),
        ([{"arguments": {}}], {}, "tool_calls: name=None is no text"),
        ([{"name": ""}], {}, "tool_calls: name='' is empty"),
        ([{"name": "f", "arguments": [1]}], {}, "tool_calls: arguments=[1] is no object"),
        ([{"name": "f", "arguments": {"a": object()}}], {}, "tool_calls: arguments={'a': <object object"),
        ([{"name": "f", "one_of": ["C"]}], {}, "tool_calls: one_of=['C'] is no object"),
        (
            [{"name": "f", "one_of": {"unit": "C"}}],
            {},
            "tool_calls: one_of={'unit': 'C'} has no list of values for 'unit'",
        ),
        (
            [{"name": "f", "one_of": {"unit": []}}],
            {},
            "tool_calls: one_of={'unit': []} has no list of values for 'unit'",
        ),
        (
            [{"name": "f", "arguments": {"unit": "C"}, "one_of": {"unit": ["C"]}}],
            {},
            "tool_calls: one_of={'unit': ['C']} has 'unit', and so has arguments",
        ),
        ([{"name": "f", "optional": "unit"}], {}, "tool_calls: optional='unit' is no list of names of arguments"),
        ([{"name": "f", "optional": [1]}], {}, "tool_calls: optional=[1] is no list of names of arguments"),
        (
            [{"name": "f", "optional": ["unit"]}],
            {},
            "tool_calls: optional=['unit'] has 'unit', of which neither arguments nor one_of says what it may be",
        ),
        ([{"name": "f"}], {"defaults": ["f"]}, "tool_calls: defaults=['f'] is no object"),
        ([{"name": "f"}], {"defaults": {"f": 10}}, "tool_calls: defaults=10 is no object"),
        ([{"name": "f"}], {"ignore": []}, "tool_calls: ignore=[] is empty"),
        ([{"name": "f"}], {"ignore": "id"}, "tool_calls: ignore='id' is no list"),
        ([{"name": "f"}], {"ignore": [""]}, "tool_calls: ignore='' is empty"),
        ([{"name": "f"}], {"ignore": ["**"]}, "tool_calls: ignore='**' leaves out every argument"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(expected, options, what):
    with pytest.raises(GraderError) as caught:
        tool_calls(expected, **options)
    assert str(caught.value).startswith(what)


def test_exactly_these_calls_may_come_in_any_order():
    both = tool_calls([want("f", a=1), want("f", a=2)], exact=True, ordered=False)
    assert both(reply(call("f", a=2), call("f", a=1))).passed is True
    assert both(reply(call("f", a=2), call("f", a=1), call("g"))).passed is False
    grade = both(reply(call("f", a=2), call("f", a=1, b=1)))
    assert grade.passed is False
    assert grade.reason == (
        'no call of its own for "f" with {"a": 1}; got "f" with {"a": 2}, "f" with {"a": 1, "b": 1}'
    )


WEATHER = {"name": "weather", "arguments": {"city": "Paris", "days": 1}, "one_of": {"unit": ["C", "celsius"]}}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("optional", "arguments", "passed"),
    [
        ([], {"city": "Paris", "days": 1, "unit": "C"}, True),
        ([], {"city": "Paris", "days": 1, "unit": "celsius"}, True),
        ([], {"city": "Paris", "days": 1, "unit": "F"}, False),
        ([], {"city": "Paris", "days": 1}, False),
        ([], {"city": "Paris", "unit": "C"}, False),
        (["unit"], {"city": "Paris", "days": 1}, True),
        (["unit"], {"city": "Paris", "days": 1, "unit": "F"}, False),
        (["unit", "days"], {"city": "Paris"}, True),
        (["unit", "days"], {"city": "Paris", "days": 2}, False),
        (["unit", "days", "unit"], {"city": "Paris", "days": 1.0, "unit": "C"}, True),
    ],
)
def test_an_argument_may_have_one_of_several_values_or_be_absent(exact, optional, arguments, passed):
    grader = tool_calls([{**WEATHER, "optional": optional}], exact=exact)
    assert grader(reply(call("weather", **arguments))).passed is passed
    assert grader(reply(call("weather", **arguments, more=1))).passed is (passed and not exact)


def test_no_value_is_read_as_a_pattern():
    query = want("find", where={"$in": [1, 2]})
    assert tool_calls([query])(reply(call("find", where={"$in": [1, 2]}))).passed is True
    assert tool_calls([query])(reply(call("find", where=1))).passed is False


def test_a_value_that_is_allowed_includes_less_than_the_one_that_came():
    one_of = {"name": "f", "one_of": {"a": [{"b": 1}, {"c": 1}]}}
    assert tool_calls([one_of])(reply(call("f", a={"c": 1, "d": 2}))).passed is True
    assert tool_calls([one_of], exact=True)(reply(call("f", a={"c": 1, "d": 2}))).passed is False


@pytest.mark.parametrize(
    ("options", "expected", "arguments", "passed"),
    [
        ({}, {"q": "oak", "limit": 10}, {"q": "oak"}, False),
        ({"defaults": {"search": {"limit": 10}}}, {"q": "oak", "limit": 10}, {"q": "oak"}, True),
        ({"defaults": {"search": {"limit": 10}}}, {"q": "oak", "limit": 5}, {"q": "oak"}, False),
        ({"defaults": {"find": {"limit": 10}}}, {"q": "oak", "limit": 10}, {"q": "oak"}, False),
        ({"exact": True}, {"q": "oak"}, {"q": "oak", "limit": 10}, False),
        ({"exact": True, "defaults": {"search": {"limit": 10}}}, {"q": "oak"}, {"q": "oak", "limit": 10}, True),
        ({"exact": True, "defaults": {"search": {"limit": 10}}}, {"q": "oak"}, {"q": "oak", "limit": 5}, False),
        ({"exact": True, "defaults": {"search": {"limit": 10}}}, {"q": "oak", "limit": 10}, {"q": "oak"}, True),
        ({"defaults": {"search": {"limit": 10}}}, {"q": "oak"}, {"q": "oak", "limit": 5}, True),
        ({"exact": True, "ignore": ["trace_*"]}, {"q": "oak"}, {"q": "oak", "trace_id": "x", "trace_at": 1}, True),
        ({"exact": True, "ignore": ["trace_*"]}, {"q": "oak"}, {"q": "oak", "trac": 1}, False),
        ({"ignore": ["id"]}, {"q": "oak", "id": 1}, {"q": "oak", "id": 2}, True),
        ({"ignore": ["id"]}, {"q": "oak", "id": 1}, {"q": "ash", "id": 1}, False),
        ({"ignore": ["ID"]}, {"q": "oak", "id": 1}, {"q": "oak", "id": 2}, False),
    ],
)
def test_defaults_fill_in_and_what_is_ignored_does_not_count(options, expected, arguments, passed):
    grader = tool_calls([want("search", **expected)], **options)
    assert grader(reply(call("search", **arguments))).passed is passed


def test_the_reason_names_the_values_that_would_do():
    grader = tool_calls([{**WEATHER, "optional": ["days"]}], exact=True)
    assert grader(reply(call("weather", city="Paris", unit="F"))).reason == (
        'call 1, "weather": 1 of 2 fields differs\n'
        '  /unit   expected "C"   got "F"\n'
        '  "unit" may be one of ["C", "celsius"]'
    )
    assert grader(reply(replace(BROKEN, name="weather"))).reason == (
        'call 1: expected "weather" with {"city": "Paris", "days": 1}, "unit" one of ["C", "celsius"], '
        r'optional ["days"], got "weather" with "{\"q\": \u001b[31m"'
    )


def test_what_is_expected_may_come_from_the_case():
    case = Case(id="one", expected=[want("f", a=1)])
    for grader in (tool_calls(), tool_calls(exact=True), tool_call_f1(threshold=1)):
        assert grader(reply(call("f", a=1)), case).passed is True
        assert grader(reply(call("f", a=2)), case).passed is False
    nothing = Case(id="none", expected=[])
    assert tool_calls(exact=True)(reply(), nothing).passed is True
    assert tool_calls(exact=True)(reply(call("f")), nothing).passed is False
    assert tool_calls()(reply(), nothing).state == "ungraded"


@pytest.mark.parametrize("grader", [tool_calls(), tool_calls(exact=True), tool_call_f1()], ids=["some", "exact", "f1"])
@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (None, "it compares with `expected` of a case, and there is no case"),
        (Case(id="one"), 'it compares with `expected`, and case "one" tells none'),
        (Case(id="one", expected="f"), "`expected` of the case cannot be used: GRADER: expected='f' is no list"),
        (
            Case(id="one", expected=[{"name": "f", "args": {}}]),
            "`expected` of the case cannot be used: GRADER: expected={'name': 'f', 'args': {}} has the unknown key 'args'",
        ),
    ],
)
def test_a_case_that_does_not_tell_is_ungraded(grader, case, reason):
    grade = grader(reply(call("f")), case)
    assert (grade.state, grade.reason) == ("ungraded", reason.replace("GRADER", grader.name))


def test_no_tool_call_passes_where_no_tool_was_asked_for():
    assert no_tool_call()(reply()).passed is True
    grade = no_tool_call()(reply(call("f", a=1)))
    assert (grade.passed, grade.reason) == (False, 'expected no tool call, got 1: "f" with {"a": 1}')
    # A text about a tool is no call of it.
    assert no_tool_call()(Response(text="MCP Tool Result")).passed is True
    assert tool_calls([want("f")])(Response(text="MCP Tool Result")).passed is False


def f1_of(expected, calls, **options):
    return tool_call_f1(expected, **options)(reply(*calls)).score


def test_f1_counts_each_call_as_often_as_it_occurs():
    assert f1_of([want("f", a=1)], [call("f", a=1)]) == 1
    assert f1_of([want("f", a=1)], [call("f", a=2)]) == 0
    assert f1_of([want("f", a=1)], []) == 0
    assert f1_of([want("f", a=1)], [call("f", a=1), call("g")]) == 2 / 3
    # Sets would say 1: the same call five times is as good as once.
    assert f1_of([want("f", a=1)], [call("f", a=1)] * 5) == 2 / 6
    assert f1_of([want("f", a=1)] * 2, [call("f", a=1)]) == 2 / 3
    # Names alone.
    assert f1_of([want("f", a=1)], [call("f", a=2)], names_only=True) == 1
    assert f1_of([want("f", a=1)], [call("f"), call("f")], names_only=True) == 2 / 3
    assert f1_of([want("f")], [BROKEN]) == 0
    assert f1_of([want("search")], [BROKEN], names_only=True) == 1


def test_f1_is_1_where_no_call_is_expected_and_none_came():
    nothing = Case(id="none", expected=[])
    assert tool_call_f1()(reply(), nothing).score == 1
    assert tool_call_f1()(reply(call("f")), nothing).score == 0


def test_f1_says_what_is_missing_and_decides_by_its_threshold():
    grade = tool_call_f1([want("f", a=1), want("g")], threshold=0.5)(reply(call("g"), call("h")))
    assert (grade.state, grade.score) == ("passed", 0.5)
    assert grade.reason == (
        '1 of 2 expected calls are there, among 2; no call of its own for "f" with {"a": 1}; '
        'got "g" with {}, "h" with {}'
    )
    assert tool_call_f1([want("g")])(reply(call("g"), call("h"))).reason == (
        '1 of 1 expected calls are there, among 2; got "g" with {}, "h" with {}'
    )
    assert tool_call_f1([want("g")]).score_only
    with pytest.raises(GraderError, match=r"tool_call_f1: expected=\[\] is empty"):
        tool_call_f1([])
    with pytest.raises(GraderError, match="tool_call_f1: threshold=50 is above 1"):
        tool_call_f1([want("g")], threshold=50)


def by_sets(expected, calls):
    """The definition of ragas' ToolCallF1: precision and recall over sets of (name, arguments)."""
    expected, calls = (
        {(name, tuple(sorted(arguments.items()))) for name, arguments in one} for one in (expected, calls)
    )
    if not expected & calls:
        return 0.0
    precision, recall = len(expected & calls) / len(calls), len(expected & calls) / len(expected)
    return round(2 * precision * recall / (precision + recall), 4)


PAIRS = st.tuples(st.sampled_from("fgh"), st.dictionaries(st.sampled_from("ab"), st.integers(0, 2)))


@given(st.lists(PAIRS, min_size=1, max_size=8), st.lists(PAIRS, max_size=8))
def test_f1_is_that_of_ragas_where_no_call_occurs_twice(expected, calls):
    ours = f1_of(
        [want(name, **arguments) for name, arguments in expected], [call(name, **some) for name, some in calls]
    )
    common = sum((Counter(map(repr, map(plain, expected))) & Counter(map(repr, map(plain, calls)))).values())
    assert ours == 2 * common / (len(expected) + len(calls))
    if all(len(set(map(repr, map(plain, one)))) == len(one) for one in (expected, calls)):
        assert round(ours, 4) == by_sets(expected, calls)


def plain(pair):
    return pair[0], sorted(pair[1].items())


def step(*calls, role="subject", response=True):
    answer = reply(*calls) if response else None
    return Call(model="m", messages=(), response=answer, role=role, usage=Usage(), cost=None, latency=None)


def test_all_that_an_agent_did_may_be_graded():
    way = [step(call("a")), step(call("judged"), role="judge"), step(), step(call("b", x=1), call("b", x=2))]
    assert tool_calls([want("a"), want("b", x=2)], ordered=True)(way).passed is True
    assert tool_calls([want("judged")])(way).passed is False
    assert tool_call_f1([want("a"), want("b", x=1), want("b", x=2)])(way).score == 1
    assert no_tool_call()(way).passed is False
    assert no_tool_call()([step(), step(call("judged"), role="judge")]).passed is True
    assert no_tool_call()([reply(), reply(call("a"))]).passed is False


@pytest.mark.parametrize("grader", [tool_calls([want("a")]), no_tool_call(), tool_call_f1([want("a")])])
def test_an_agent_that_asked_nothing_or_cannot_be_read_is_ungraded(grader):
    assert grader([step(role="judge")]).reason == "there is no call of the subject among 1: nothing was asked"
    grade = grader([step(), step(response=False)])
    assert (grade.state, grade.reason) == ("ungraded", "step 2 is no reply of an API whose tool calls are known")


def test_parameters_tell_what_it_was_built_with():
    full = {"name": "f", "arguments": {"a": 1}, "one_of": {"b": [1, 2]}, "optional": ["b"]}
    options = {"defaults": {"f": {"c": 1}}, "ignore": ["id"]}
    assert tool_calls([full], **options).parameters == {"expected": [full], **options}
    assert tool_calls([want("f")], exact=True, ordered=False).parameters["ordered"] is False
    assert "ordered" not in tool_calls([want("f")], exact=True, ordered=True).parameters
    assert "ordered" not in tool_calls([want("f")], ordered=False).parameters
    assert tool_calls().parameters == {}
    assert tool_call_f1([want("f")], names_only=True, threshold=0.5).parameters == {
        "expected": [want("f")],
        "names_only": True,
        "threshold": 0.5,
    }
    assert tool_calls([{"name": "f"}]).parameters == {"expected": [{"name": "f", "arguments": {}}]}
    assert tool_calls([], exact=True).parameters == {"expected": [], "exact": True}
    assert tool_calls([want("f")], ordered=True).parameters["ordered"] is True
