"""What may be different in JSON that still counts as the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import GraderError
from pytest_llm.graders import equals_expected, fields_match, json_equals
from pytest_llm.graders.structure.fields import MOST_PAIRS, compare
from pytest_llm.graders.structure.leeway import Leeway, steps_of
from pytest_llm.prompts import Case

ORDER = {
    "id": "a1",
    "tags": ["new", "vip"],
    "lines": [{"sku": "oak", "qty": 2, "at": "10:00"}, {"sku": "ash", "qty": 1, "at": "10:01"}],
}


def changed(**fields):
    return {**ORDER, **fields}


@pytest.mark.parametrize(
    ("options", "output", "state"),
    [
        ({"ignore": ["/id"]}, changed(id="b2"), "passed"),
        ({"ignore": ["/id"]}, {name: ORDER[name] for name in ("tags", "lines")}, "passed"),
        ({"ignore": ["/id"]}, changed(tags=[]), "failed"),
        ({"ignore": ["/note"]}, changed(note="hello"), "passed"),
        ({"ignore": ["/note"]}, changed(notes="hello"), "failed"),
        ({"ignore": ["/lines/*/at"]}, changed(lines=[{**line, "at": "?"} for line in ORDER["lines"]]), "passed"),
        ({"ignore": ["/lines/0/at"]}, changed(lines=[{**line, "at": "?"} for line in ORDER["lines"]]), "failed"),
        ({"ignore": ["/*"]}, {"anything": 1}, "passed"),
        ({"ignore": ["/*"]}, [1], "failed"),
        ({"ignore": ["/lines/*"]}, changed(lines=[]), "passed"),
        ({"ignore": ["/at"]}, changed(lines=[]), "failed"),
        ({"unordered": ["/tags"]}, changed(tags=["vip", "new"]), "passed"),
        ({"unordered": True}, changed(tags=["vip", "new"], lines=ORDER["lines"][::-1]), "passed"),
        ({"unordered": ["/tags"]}, changed(lines=ORDER["lines"][::-1]), "failed"),
        ({"unordered": ["/tags"]}, changed(tags=["vip", "new", "new"]), "failed"),
        ({"unordered": ["/tags"]}, changed(tags=["vip"]), "failed"),
        ({"unordered": ["/tags"]}, changed(tags="new"), "failed"),
        ({"unordered": ["/tags"]}, changed(tags=["vip", True]), "failed"),
        ({}, changed(tags=["vip", "new"]), "failed"),
    ],
)
def test_an_order_is_the_same_with_some_leeway_or_not(options, output, state):
    for grader in (json_equals(ORDER, **options), equals_expected(**options)):
        grade = grader(output, Case(id="one", expected=ORDER))
        assert (grade.state, bool(grade.reason)) == (state, state == "failed")


def test_an_array_whose_items_are_all_ignored_has_to_be_an_array():
    assert json_equals([1, 2], ignore=["/*"])("[3]").passed
    assert json_equals([1, 2], ignore=["/*"])("3").state == "failed"


@pytest.mark.parametrize(
    ("options", "expected", "output", "state"),
    [
        ({"abs_tol": 0.1}, {"a": 0.3}, '{"a": 0.4}', "passed"),
        ({"abs_tol": 0.1}, {"a": 0.3}, '{"a": 0.41}', "failed"),
        ({"rel_tol": 0.05}, {"a": 100}, '{"a": 105}', "passed"),
        ({"rel_tol": 0.05}, {"a": 100}, '{"a": 105.1}', "failed"),
        ({"abs_tol": 1}, {"a": 1}, '{"a": true}', "failed"),
        ({"abs_tol": 1}, {"a": 1}, '{"a": "1"}', "failed"),
        ({"abs_tol": 1}, {"a": 1}, {"a": float("inf")}, "failed"),
        ({"abs_tol": 1}, {"a": 1}, "{}", "failed"),
        ({"abs_tol": 0.0}, {"a": 1}, '{"a": 1.0}', "passed"),
        # 1.0 would take 1.0 away, and 0.95 is not within 0.05 of 1.05.
        ({"abs_tol": 0.05, "unordered": True}, [1.0, 0.95], [1.05, 1.0], "passed"),
        ({"abs_tol": 0.05, "unordered": True}, [1.0, 0.95], [1.05, 1.05], "failed"),
        ({"unordered": True}, [1, 2], [2.0, 1], "passed"),
        ({"unordered": True}, [1, 0], [True, 0], "failed"),
        ({"unordered": True}, [1, 0], [False, 1], "failed"),
        ({"unordered": True}, [1, True], [True, 1], "passed"),
        ({"unordered": True}, ["1", None, [], {}], [{}, [], None, "1"], "passed"),
        ({"unordered": True}, [[], {}], [[], []], "failed"),
        ({"unordered": True}, [], [], "passed"),
        ({"unordered": True}, [], [1], "failed"),
        ({"unordered": True}, [1], [], "failed"),
        ({"unordered": True}, [[1, 2], [3, 4]], [[4, 3], [2, 1]], "passed"),
        ({"unordered": [""]}, [[1, 2], [3, 4]], [[3, 4], [1, 2]], "passed"),
        ({"unordered": [""]}, [[1, 2], [3, 4]], [[4, 3], [2, 1]], "failed"),
        ({"unordered": ["/*"]}, [[1, 2], [3, 4]], [[2, 1], [4, 3]], "passed"),
        (
            {"unordered": True, "ignore": ["/*/id"]},
            [{"id": 1, "a": 1}, {"id": 2, "a": 2}],
            [{"a": 2}, {"a": 1}],
            "passed",
        ),
        ({"unordered": True, "ignore": ["/2"]}, [{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}, {"a": 3}], "passed"),
        ({"unordered": True}, [float("1e300")], [1e300], "passed"),
    ],
)
def test_values_are_the_same_with_some_leeway_or_not(options, expected, output, state):
    assert json_equals(expected, **options)(output).state == state


def test_items_without_order_stand_beside_those_they_differ_from_least():
    got = [
        {"sku": "elm", "qty": 9, "at": "?"},
        {"sku": "ash", "qty": 1, "at": "10:01"},
        {"sku": "oak", "qty": 3, "at": "10:00"},
    ]
    grade = json_equals(ORDER, unordered=["/lines"])(changed(lines=got))
    assert grade.reason == (
        "4 of 12 fields differ\n"
        "  /lines/0/qty   expected 2         got 3\n"
        '  /lines/0       expected nothing   got {"sku": "elm", "qty": 9, "at": "?"}'
    )
    grade = json_equals(changed(lines=got), unordered=True)(ORDER)
    assert grade.reason == (
        "4 of 12 fields differ\n"
        '  /lines/0       expected {"sku": "elm", "qty": 9, "at": "?"}   got nothing\n'
        "  /lines/2/qty   expected 3                                     got 2"
    )
    assert json_equals(["a", "b", "c"], unordered=True)(["c", "x", "a", "y"]).reason == (
        '2 of 4 fields differ\n  /1   expected "b"       got "x"\n  /3   expected nothing   got "y"'
    )


def test_what_is_left_alone_counts_too():
    """The smaller of two wrong items differs in fewer fields, but the other one alone is three fields too many."""
    grade = json_equals([{"a": 1, "b": 2}], unordered=True)([{"a": 9}, {"a": 9, "b": 9, "c": 9}])
    assert grade.reason.startswith("4 of 4 fields differ\n  /0/a ")


def test_fields_match_counts_what_is_left():
    case = Case(id="one", expected=ORDER)
    got = changed(id="?", lines=[{**line, "at": "?"} for line in ORDER["lines"][::-1]])
    grade = fields_match(ignore=["/lines/*/at", "/id"], unordered=["/lines"])(got, case)
    assert (grade.score, grade.reason) == (1.0, "")
    assert fields_match(["lines"], unordered=True, ignore=["/lines/*/at"])(changed(lines=[]), case).score == 0
    assert fields_match(["id"], ignore=["/id"])(got, case).reason == (
        "no field is left to compare: `ignore` has them all"
    )


def test_long_arrays_of_plain_values_are_compared_as_multisets():
    expected, got = list(range(50_000)), [*range(49_999, 0, -1), "x"]
    grade = json_equals(expected, unordered=True)(got)
    assert grade.reason == '1 of 50000 fields differs\n  /0   expected 0   got "x"'


def test_arrays_too_long_to_pair_are_ungraded_and_those_in_order_are_not():
    lines = [{"n": n, "m": 1} for n in range(150)]
    assert json_equals(lines, unordered=True)(lines).passed
    grade = json_equals({"a": lines}, unordered=True)({"a": lines[::-1]})
    assert grade.state == "ungraded"
    assert grade.reason == '"/a" has too many items to find out which belong together'
    assert len(lines) ** 2 > MOST_PAIRS > 100**2
    assert json_equals(lines[:100], unordered=True)(lines[:100][::-1]).passed


def test_arrays_inside_each_other_do_not_take_exponential_time():
    one, other = 1, 2
    for _ in range(60):
        one, other = [one], [other]
    assert json_equals(one, unordered=True)(other).state == "failed"
    hostile = [[[[n] for n in range(20)] for _ in range(20)] for _ in range(20)]
    assert json_equals(hostile, unordered=True, abs_tol=0.1)(hostile[::-1]).passed
    worse = [[[[n + 1] for n in range(20)] for _ in range(20)] for _ in range(20)]
    assert json_equals(hostile, unordered=True, abs_tol=0.1)(worse).state == "ungraded"


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=10,
)


def canonical(value):
    if isinstance(value, list):
        return sorted((canonical(one) for one in value), key=json.dumps)
    return {name: canonical(value[name]) for name in sorted(value)} if isinstance(value, dict) else value


@given(JSONS, JSONS)
def test_without_order_the_same_is_what_sorts_to_the_same(one, other):
    same = json.dumps(canonical(one)) == json.dumps(canonical(other))
    assert json_equals(one, unordered=True)(json.dumps(other)).passed is same


@given(JSONS, st.randoms(use_true_random=False))
def test_a_shuffled_value_is_the_same(value, random):
    def shuffled(one):
        if isinstance(one, list):
            return random.sample([shuffled(inner) for inner in one], len(one))
        return {name: shuffled(inner) for name, inner in one.items()} if isinstance(one, dict) else one

    assert json_equals(value, unordered=True)(json.dumps(shuffled(value))).passed


@given(st.lists(JSONS, max_size=4), st.lists(JSONS, max_size=4))
def test_no_order_has_more_fields_wrong_than_theirs(one, other):
    assert compare(one, other, leeway=Leeway(unordered=True)).different <= compare(one, other).different


@pytest.mark.parametrize("make", [lambda **o: json_equals({}, **o), equals_expected, fields_match])
def test_what_would_decide_nothing_is_refused(make):
    name = make().name
    for options, what in [
        ({"ignore": []}, "ignore=[] is empty, so it would decide nothing"),
        ({"ignore": "/id"}, "ignore='/id' is no list"),
        ({"ignore": ["id"]}, "ignore='id' is no JSON Pointer\n  write       ignore=[\"/id\"]"),
        ({"ignore": [""]}, "ignore=[''] ignores the whole value, so it could not fail"),
        ({"ignore": [1]}, "ignore=1 is no text"),
        ({"unordered": []}, "unordered=[] is empty"),
        ({"unordered": ["tags"]}, "unordered='tags' is no JSON Pointer"),
        ({"abs_tol": -1}, "abs_tol=-1 is below 0, so it could not pass"),
        ({"rel_tol": 5}, "rel_tol=5 is not below 1; it is a share, not a per cent"),
    ]:
        with pytest.raises(GraderError) as caught:
            make(**options)
        assert str(caught.value).startswith(f"{name}: {what}")


def test_parameters_tell_the_leeway():
    options = {"ignore": ["/a~1b", "/*/at"], "unordered": ["/tags", ""], "abs_tol": 0.5, "rel_tol": 0.1}
    assert json_equals(1, **options).parameters == {"value": 1, **options}
    assert equals_expected(unordered=True).parameters == {"unordered": True}
    assert fields_match(["a"], ignore=["/b"], threshold=0.5).parameters == {
        "fields": ["/a"], "ignore": ["/b"], "threshold": 0.5,
    }  # fmt: skip
    assert steps_of("/a~1b/~01") == ("a/b", "~1")
