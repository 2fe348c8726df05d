"""Graders of structured outputs."""

from dataclasses import dataclass
from datetime import date

import pydantic
import pydantic.dataclasses
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import equals_expected, fields_match, json_equals
from pytest_llm.graders.structure.fields import compare, same
from pytest_llm.prompts import Case
from pytest_llm.schemas import Issue, Report

ORDER = {
    "currency": "GBP",
    "total": 20.5,
    "paid": True,
    "lines": [{"sku": "oak", "qty": 36}, {"sku": "ash", "qty": 2}],
}


def case(expected):
    return Case(id="one", expected=expected)


def valid(value, *, leniency="strict", text="{}"):
    return Response(text=text, report=Report(valid=True, value=value, data=value, leniency=leniency))


def invalid(count=1):
    issues = tuple(Issue(path=f"/{n}", code="type", expected="a number", got='string "x"') for n in range(count))
    return Response(text='{"a": "x"}', report=Report(valid=False, issues=issues))


def test_the_reason_lists_the_fields_that_differ_in_columns():
    got = {
        "currency": "$",
        "total": 20.5,
        "paid": 1,
        "lines": [{"sku": "oak", "qty": 36}, {"sku": "elm", "qty": 2, "a/b~": None}],
        "note": "thanks",
    }
    assert equals_expected()(got, case(ORDER)).reason == (
        "5 of 9 fields differ\n"
        '  /currency         expected "GBP"     got "$"\n'
        "  /paid             expected true      got 1\n"
        '  /lines/1/sku      expected "ash"     got "elm"\n'
        "  /lines/1/a~1b~0   expected nothing   got null\n"
        '  /note             expected nothing   got "thanks"'
    )


@pytest.mark.parametrize(
    ("expected", "got", "reason"),
    [
        ({"a": 1}, {"a": 2}, "1 of 1 field differs\n  /a   expected 1   got 2"),
        ({"a": 1, "b": 1}, {"a": 1}, "1 of 2 fields differs\n  /b   expected 1   got nothing"),
        (
            {"a": {"x": 1, "y": 2}, "b": 1},
            {"b": 1},
            '2 of 3 fields differ\n  /a   expected {"x": 1, "y": 2}   got nothing',
        ),
        ({"a": {"x": 1, "y": 2}}, {"a": 5}, '2 of 2 fields differ\n  /a   expected {"x": 1, "y": 2}   got 5'),
        ({"a": []}, {"a": {}}, "1 of 1 field differs\n  /a   expected []   got {}"),
        ({"a": []}, {"a": [1]}, "1 of 1 field differs\n  /a/0   expected nothing   got 1"),
        ([1, 2], 7, "2 of 2 fields differ\n  (whole reply)   expected [1, 2]   got 7"),
        ({"a": None}, {}, "1 of 1 field differs\n  /a   expected null   got nothing"),
    ],
)
def test_a_missing_an_extra_and_another_kind_of_field_are_told_apart(expected, got, reason):
    assert json_equals(expected)(got).reason == reason


def test_names_of_extra_fields_are_quoted_since_the_model_wrote_them():
    got = {"a": 1, "x   expected 1   got 1\n\x1b[2J": 2, "y" * 1000: 3}
    first, second = json_equals({"a": 1})(got).reason.split("\n")[1:]
    assert first.startswith(r'  "/x   expected 1   got 1\n\u001b[2J"')
    assert "(1003 characters)" in second
    assert len(second) < 150


def test_at_most_ten_differences_are_listed():
    lines = json_equals([0] * 25)([1] * 25).reason.split("\n")
    assert (lines[0], len(lines), lines[-1]) == ("25 of 25 fields differ", 12, "  and 15 more")


@pytest.mark.parametrize(
    ("expected", "output", "state"),
    [
        ("yes", " yes\n", "passed"),
        ("yes", "Yes", "failed"),
        ("yes", Response(text="yes"), "passed"),
        ("yes", valid("yes", text='"yes"'), "passed"),
        ("yes", valid("yes ", text='"yes "'), "failed"),
        ("yes", valid(("groups",), leniency=None, text="yes"), "passed"),
        ("yes", invalid(), "failed"),
        ("1", {"a": 1}, "failed"),
        ('{"a": 1}', '{"a": 1}', "passed"),
        (42, "42", "passed"),
        (1, "1.0", "passed"),
        (1, "true", "failed"),
        (True, "true", "passed"),
        (True, "1", "failed"),
        (0, "false", "failed"),
        (2**53 + 1, "9007199254740992.0", "failed"),
        ("1", 1, "failed"),
        ({"a": 1, "b": [2.0]}, '{"b": [2], "a": 1}', "passed"),
        ({"a": 1}, 'Here: {"a": 1}', "failed"),
        ({"a": 1}, "", "failed"),
        ({"a": 1}, '{"a": 2, "a": 1}', "failed"),
        ({"a": 1}, '{"a": NaN}', "failed"),
        ({"a": 1}, "[" * 200_000, "failed"),
        ({"a": 1}, valid({"a": 1}), "passed"),
        ({"a": None}, valid({"a": None}), "passed"),
        ({"a": 1}, None, "ungraded"),
        ({"a": 1}, object(), "ungraded"),
        ({"a": 1}, {(1, 2): 1}, "ungraded"),
        ({"a": 1}, {True: 1}, "ungraded"),
        ({"1": 1}, {1: 1}, "passed"),
        ([1, 2], (1, 2), "passed"),
        ({"a": float("nan")}, {"a": float("nan")}, "failed"),
    ],
)
def test_an_output_is_compared_as_what_it_is(expected, output, state):
    grade = equals_expected()(output, case(expected))
    assert grade.state == state
    assert bool(grade.reason) == (state != "passed")


def test_text_that_is_no_json_says_why():
    grade = json_equals({"a": 1})
    assert grade("Sure!").reason == 'the text is not JSON (nothing in it begins like JSON); got "Sure!"'
    assert grade('{"a":1,"b":2,"a":1}').reason.startswith('the text is not JSON (the key "a" is repeated)')
    assert grade("-Infinity").reason.startswith("the text is not JSON (-Infinity is not JSON)")
    assert grade("[" * 200_000).reason.startswith("the text is not JSON (nested more than 200 deep)")


def test_an_invalid_response_is_failed_with_its_issues():
    assert json_equals({"a": 1})(invalid()).reason == (
        'the output does not conform to the schema\n  /0: expected a number; got string "x".'
    )
    assert json_equals({"a": 1})(invalid(7)).reason.endswith("\n  and 2 more")


@pytest.mark.parametrize("grader", [equals_expected(), fields_match()], ids=lambda grader: grader.name)
def test_without_an_expected_answer_it_is_ungraded(grader):
    assert grader("{}").reason == "it compares with `expected` of a case, and there is no case"
    assert grader("{}", case(None)).reason == 'it compares with `expected`, and case "one" tells none'
    assert grader("{}").state == grader("{}", case(None)).state == "ungraded"


def test_models_and_dataclasses_are_compared_as_json():
    class Line(pydantic.BaseModel):
        sku: str = pydantic.Field(alias="SKU")
        due: date

    @pydantic.dataclasses.dataclass
    class Checked:
        due: date

    @dataclass
    class Order:
        lines: list[Line]
        checked: Checked

    line = Line(SKU="oak", due=date(2026, 1, 2))
    order = Order([line], Checked(date(2026, 1, 2)))
    as_json = {"lines": [{"sku": "oak", "due": "2026-01-02"}], "checked": {"due": "2026-01-02"}}
    assert json_equals(as_json)(order).passed
    assert json_equals(order)(as_json).passed
    assert json_equals(order).parameters == {"value": as_json}
    assert json_equals([as_json])(valid([order])).passed
    assert line.model_dump(mode="json") == as_json["lines"][0]


def test_a_value_without_a_json_form_says_so():
    class Odd(pydantic.BaseModel):
        a: str

        @pydantic.model_serializer
        def broken(self):
            raise RuntimeError

    assert json_equals(1)(Odd(a="x")).reason == "an Odd has no JSON form (PydanticSerializationError)"
    assert json_equals(1)(object()).reason == "an object has no JSON form (PydanticSerializationError)"


@pytest.mark.parametrize(
    ("options", "output", "score"),
    [
        ({}, ORDER, 1.0),
        ({}, {**ORDER, "currency": "$"}, 6 / 7),
        ({}, {**ORDER, "note": "x"}, 7 / 8),
        ({}, {}, 0.0),
        ({}, "no JSON", 0.0),
        ({}, invalid(), 0.0),
        ({"fields": ["currency", "total"]}, {"currency": "GBP", "total": 1, "note": "x"}, 0.5),
        ({"fields": ["/lines/0/sku", "/lines/1"]}, {"lines": [{"sku": "oak"}]}, 1 / 3),
        ({"fields": ["/lines/1/qty"]}, {"lines": [1, {"qty": 2.0}]}, 1.0),
        ({"fields": ["currency"]}, [1], 0.0),
        ({"expected": {"a": 1, "b": 2}}, {"a": 1}, 0.5),
        ({"expected": {"a/b": 1, "c~": 2}, "fields": ["/a~1b", "c~"]}, {"a/b": 1}, 0.5),
    ],
)
def test_fields_match_scores_the_share_of_right_fields(options, output, score):
    grade = fields_match(**options)(output, case(ORDER))
    assert (grade.state, grade.score) == ("scored", score)
    assert bool(grade.reason) == (score < 1)


def test_chosen_fields_are_told_by_their_place():
    grade = fields_match(["/lines/0", "total"])({"lines": [{"sku": "elm", "qty": 36}]}, case(ORDER))
    assert grade.reason == (
        "2 of 3 fields differ\n"
        '  /lines/0/sku   expected "oak"   got "elm"\n'
        "  /total         expected 20.5    got nothing"
    )


def test_fields_match_decides_with_a_threshold():
    seven = {**ORDER, "currency": "$"}
    assert fields_match(threshold=0.8)(seven, case(ORDER)).state == "passed"
    assert fields_match(threshold=0.9)(seven, case(ORDER)).state == "failed"
    assert fields_match(threshold=0.1)("no JSON", case(ORDER)).state == "failed"
    assert fields_match(threshold=0.1)(object(), case(ORDER)).state == "ungraded"


def test_a_field_that_is_not_expected_is_a_mistake_of_the_test():
    grade = fields_match(["curency"], threshold=1)(ORDER, case(ORDER))
    assert (grade.state, grade.reason) == ("ungraded", '`expected` has no field "/curency"')
    for path in ("/lines/7", "/lines/x", "/currency/x"):
        assert fields_match([path])(ORDER, case(ORDER)).state == "ungraded"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: fields_match([]), "fields_match: fields=[] is empty"),
        (lambda: fields_match("currency"), "fields_match: fields='currency' is no list"),
        (lambda: fields_match([""]), "fields_match: fields='' names no field"),
        (lambda: fields_match([1]), "fields_match: fields=1 is no text"),
        (lambda: fields_match(threshold=0), "fields_match: threshold=0 is not above 0"),
        (lambda: fields_match(threshold=80), "fields_match: threshold=80 is above 1"),
        (lambda: fields_match(expected={"a": float("inf")}), "fields_match: expected={'a': inf} is no JSON"),
        (lambda: json_equals(object), "json_equals: value=<class 'object'> is no JSON"),
    ],
)
def test_a_parameter_that_could_not_fail_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    assert str(caught.value).startswith(what)


def test_parameters_tell_what_it_was_built_with_and_are_copies():
    value = {"a": [1]}
    grader = json_equals(value)
    value["a"].append(2)
    assert grader.parameters == {"value": {"a": [1]}}
    assert json_equals(None).parameters == {"value": None}
    assert equals_expected().parameters == {}
    assert fields_match().parameters == {}
    assert fields_match(["a"], expected={"a": 1}, threshold=0.5).parameters == {
        "fields": ["/a"],
        "expected": {"a": 1},
        "threshold": 0.5,
    }
    assert fields_match().score_only
    assert not fields_match(threshold=0.5).score_only


def test_values_nested_deeper_than_python_calls_are_compared():
    deep = wide = 1
    for _ in range(5000):
        deep, wide = [deep], [wide]
    assert compare(deep, wide).differences == ()


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSONS, JSONS)
def test_the_share_of_right_fields_is_in_0_to_1_and_1_only_for_the_same(one, other):
    found = compare(one, other)
    assert 0 <= found.share <= 1
    assert (found.share == 1) == (not found.differences) == (found.text == "")
    assert compare(one, one).share == 1
    assert fields_match(expected=[one])([other]).score == compare([one], [other]).share


@given(st.booleans(), st.integers(min_value=0, max_value=1))
def test_true_is_never_one(flag, number):
    assert not same(flag, number)
    assert not same(number, flag)
    assert same(number, float(number))
