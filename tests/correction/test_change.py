"""What one reply did to the one before it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.correction.change import change_between
from pytest_llm.schemas import Issue, Report, validator_for

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "qty": {"type": "integer"}, "tags": {"items": {"type": "string"}}},
    "additionalProperties": {"type": ["number", "boolean", "object", "null"]},
}


def change(before, after, schema=SCHEMA):
    judge = validator_for(schema)
    texts = (one if isinstance(one, str) else json.dumps(one) for one in (before, after))
    return change_between(*map(judge, texts))


def test_findings_go_stay_and_come():
    found = change({"qty": "x", "tags": [1]}, {"name": 3, "tags": [1]})
    assert set(found.fixed) == {("/name", "missing"), ("/qty", "type")}
    assert found.persisted == (("/tags/0", "type"),)
    assert found.introduced == (("/name", "type"),)


@pytest.mark.parametrize(
    ("before", "after", "regressed", "drifted"),
    [
        ({"name": "a", "qty": "x"}, {"name": "b", "qty": 3}, (), ("/name",)),
        ({"name": "a", "qty": "x"}, {"name": 5, "qty": 3}, ("/name",), ()),
        ({"name": "a", "qty": "x"}, {"qty": 3}, ("/name",), ()),
        ({"name": "a", "qty": "x"}, "Sure!", ("/name",), ()),
        ("Sure!", {"name": "a"}, (), ()),
        ({"name": "a", "x": 1}, {"name": "a", "x": True}, (), ("/x",)),
        ({"name": "a", "x": 1}, {"name": "a", "x": 1.0}, (), ("/x",)),
        ({"name": "a", "x": {}}, {"name": "a", "x": {"y": 1}}, ("/x",), ()),
        ({"name": "a", "tags": ["u", "v"]}, {"name": "a", "tags": ["u"]}, ("/tags/1",), ()),
        ({"name": "a", "a/b": 1, "c~d": 2}, {"name": "a", "a/b": 2}, ("/c~0d",), ("/a~1b",)),
        ({"name": "a", "x": None}, {"name": "a", "x": None}, (), ()),
    ],
)
def test_accepted_values_that_were_lost_or_changed(before, after, regressed, drifted):
    found = change(before, after)
    assert (found.regressed, found.drifted) == (regressed, drifted)


def test_a_value_under_a_finding_was_not_accepted():
    whole = Issue(path="", code="custom", expected="a sum")
    judged = Report(valid=False, data={"a": 1}, issues=(whole,))
    assert change_between(judged, Report(valid=True, data={"a": 2})).drifted == ()
    beside = Issue(path="/ab", code="type", expected="x")
    judged = Report(valid=False, data={"a": 1, "ab": {"c": 1}}, issues=(beside,))
    assert change_between(judged, Report(valid=True, data={})).regressed == ("/a",)


def test_what_was_not_validated_has_no_change():
    report = Report(valid=True, data={"a": 1})
    assert change_between(None, report) == change_between(report, None)
    assert change_between(None, report).fixed == ()


def test_deep_replies_are_followed():
    deep = json.loads('{"x": ' * 199 + "1" + "}" * 199)
    found = change_between(Report(valid=True, data=deep), Report(valid=True, data={}))
    assert found.regressed == ("/x" * 199,)


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("a/~", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_a_valid_reply_loses_or_changes_nothing_by_being_repeated(one, other):
    same = change_between(Report(valid=True, data=one), Report(valid=True, data=one))
    assert (same.regressed, same.drifted) == ((), ())
    found = change_between(Report(valid=True, data=one), Report(valid=True, data=other))
    assert not set(found.regressed) & set(found.drifted)
