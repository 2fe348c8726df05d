"""Lists and JSON values that are nearly right."""

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError, MissingExtra
from pytest_llm.graders import json_similarity, list_contains
from pytest_llm.prompts import Case
from pytest_llm.schemas import Report

#: What ListContains of autoevals 0.4.1 gives: expected, output, allow_extra_entities, score.
LISTS = [
    (["oak", "ash"], ["ash", "oaks"], False, 0.875),
    (["oak", "ash"], ["ash", "oaks", "elm"], False, 0.5833333333333334),
    (["oak", "ash"], ["ash", "oaks", "elm"], True, 0.875),
    (["oak", "ash", "elm"], ["elm"], True, 0.3333333333333333),
    (["oak"], [], False, 0.0),
    ([], [], False, 1.0),
    (["kitten", "sitting", "mitten"], ["sitting", "bitten", "kit"], False, 0.7777777777777778),
    (["abc", "abd", "xyz"], ["abd", "abd", "zyx"], True, 0.6666666666666666),
    (["a b c"], ["c b a", "a c"], False, 0.3),
    (["Straße", "naïve"], ["naive", "Strasse"], False, 0.7571428571428571),
]
#: What JSONDiff of autoevals 0.4.1 gives, with preserve_strings: expected, output, score.
VALUES = [
    ({"name": "Ann", "age": 30}, {"name": "Ana", "age": 30}, 0.8333333333333334),
    ({"a": [1, 2, 3]}, {"a": [1, 2]}, 0.6666666666666666),
    ([1, 2], [2, 2, 2], 0.5555555555555556),
    ({"a": {"b": "xyz", "c": 10}}, {"a": {"b": "xyw", "c": -10}}, 0.33333333333333337),
    ({"a": 1}, {"b": 1}, 0.0),
    ("kitten", "sitting", 0.5714285714285714),
    (100, 105, 0.975609756097561),
    (0, 0, 1.0),
    ([], [], 1.0),
    ({}, {}, 1.0),
    ({"a": None}, {"a": None}, 1.0),
    ({"a": [{"b": "x"}, {"b": "yy"}], "t": 2.5}, {"a": [{"b": "x"}, {"b": "yz"}], "t": 2.0}, 0.8194444444444444),
]
#: Where we differ from it: it has 1, 1, 0.5, 1 and 0.4 there.
UNLIKE = [
    ({"n": True}, {"n": 1}, 0.0),
    ({"n": None}, {}, 0.0),
    ({"n": 69}, {"n": "69"}, 0.0),
    ({"n": "[1]"}, {"n": "[1 ]"}, 0.75),
    ({"n": []}, {"n": {}}, 0.0),
]
ITEMS = st.lists(st.sampled_from(["oak", "oaks", "ash", "a", ""]), max_size=4)


def case(expected):
    return Case(id="one", expected=expected)


@pytest.mark.parametrize(("expected", "output", "extra", "score"), LISTS)
def test_a_list_has_the_score_of_autoevals(expected, output, extra, score):
    text = json.dumps(output)
    assert list_contains(allow_extra=extra)(text, case(expected)).score == pytest.approx(score)
    assert list_contains(expected, allow_extra=extra)(output).score == pytest.approx(score)


@given(ITEMS, ITEMS)
def test_no_other_pairing_scores_more(expected, output):
    shorter, longer = sorted((expected, output), key=len)
    alike = Levenshtein.normalized_similarity
    best = max(sum(map(alike, shorter, some)) for some in permutations(longer, len(shorter)))
    score = list_contains(expected).grade(output).score
    assert score == pytest.approx(best / len(longer) if longer else 1)
    assert (score == 1) is (sorted(expected) == sorted(output))


def test_the_reason_names_what_is_missing_and_what_is_too_many():
    assert list_contains(["oak", "ash"])('["ash", "oaks"]').reason == '0.875; the list is without "oak" and with "oaks"'
    assert list_contains(["oak", "oak"])('["oak"]').reason == '0.500; the list is without "oak"'
    assert list_contains(["oak"])('["oak", "oak"]').reason == '0.500; the list is with "oak"'
    assert list_contains(["oak"])('["oak"]').reason == ""
    many = list_contains(list("abcdefg"))("[]").reason
    assert many == '0.000; the list is without "a", "b", "c", "d", "e" and 2 more'


def test_items_that_are_no_texts_are_compared_as_json():
    assert list_contains([1, {"b": 2, "a": "ü"}])('[{"a": "ü", "b": 2}, 1]').score == 1
    assert list_contains([12])("[13]").score == 0.5
    assert list_contains([True])("[1]").score == 0


def test_a_threshold_decides():
    assert list_contains(["oak", "ash"], threshold=0.8)('["oak", "as"]').state == "passed"
    assert list_contains(["oak", "ash"], threshold=0.9)('["oak", "as"]').state == "failed"
    assert json_similarity({"n": 10}, threshold=0.9)('{"n": 11}').state == "passed"
    assert json_similarity({"n": 10}, threshold=0.9)('{"n": 13}').state == "failed"
    assert json_similarity({"n": 10})('{"n": 13}').state == "scored"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("Sorry.", "the text is not JSON"),
        ('{"a": 1}', 'expected a list, got {"a": 1}'),
        (Response(text="x", report=Report(valid=False)), "the output does not conform to the schema"),
    ],
)
def test_an_output_that_is_no_list_scores_nothing(output, reason):
    grade = list_contains(["oak"], threshold=0.5)(output)
    assert (grade.state, grade.score) == ("failed", 0)
    assert grade.reason.startswith(reason)


@pytest.mark.parametrize(
    ("grader", "output", "expected", "reason"),
    [
        (list_contains(), "[]", None, "it compares with `expected`, and case"),
        (list_contains(), "[]", "oak", "`expected` is to be a list, and is a str"),
        (list_contains(allow_extra=True), "[]", [], "`expected` is an empty list, which every list has all of"),
        (list_contains(), None, ["oak"], "it was given no output"),
        (list_contains(), ["a"] * 142, ["b"] * 141, "142 items against 141 are more than 20,000 pairs"),
        (list_contains(), ["a" * 200_000], ["b"], "it compares JSON of up to 200000 characters, and one is of 200004"),
        (list_contains(), [float("nan")], ["b"], "it has no JSON form"),
        (json_similarity(), "1", None, "it compares with `expected`, and case"),
        (json_similarity(), '"a"', "a" * 200_000, "it compares JSON of up to 200000 characters"),
        (json_similarity(ignore=["/a"]), '{"a": 1}', {"a": 2}, "no field is left to compare: `ignore` has them all"),
    ],
)
def test_what_cannot_be_compared_is_ungraded(grader, output, expected, reason):
    grade = grader(output, case(expected))
    assert grade.state == "ungraded"
    assert grade.reason.startswith(reason)


def test_lists_of_the_most_pairs_are_compared_in_time():
    assert list_contains(["ab" * 10] * 141)(["ba" * 10] * 141).score == pytest.approx(0.9)


@pytest.mark.parametrize(("expected", "output", "score"), VALUES + UNLIKE)
def test_a_value_has_the_score_of_autoevals_and_where_it_does_not(expected, output, score):
    text = json.dumps(output)
    assert json_similarity()(text, case(expected)).score == pytest.approx(score)
    assert json_similarity(expected)(text).score == pytest.approx(score)


def test_the_reason_names_the_fields_that_differ():
    assert json_similarity({"a": [1, 2], "b": "x"})('{"a": [1, 4], "c": 1}').reason == (
        "0.278; 3 of 4 fields differ\n"
        "  /a/1   expected 2         got 4\n"
        '  /b     expected "x"       got nothing\n'
        "  /c     expected nothing   got 1"
    )
    assert json_similarity({"a": 1})('{"a": 1.0}').reason == ""
    assert json_similarity({"a": 1})("Sorry.").reason.startswith("the text is not JSON")
    assert json_similarity({"a": 1})("Sorry.").score == 0


def test_what_is_ignored_does_not_count():
    grader = json_similarity({"id": 7, "lines": [{"at": 1, "sku": "oak"}]}, ignore=["/id", "/lines/*/at"])
    assert grader('{"id": 8, "lines": [{"sku": "oak"}]}').score == 1
    assert grader('{"lines": [{"at": 1, "sku": "oaks"}]}').score == 0.75
    assert json_similarity({"a": {"b": 1}, "c": 2}, ignore=["/a/b"])('{"a": {"b": 5}, "c": 2}').score == 1


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda: list_contains("oak"), "list_contains: expected='oak' is no list"),
        (lambda: list_contains({"a": 1}), "list_contains: expected={'a': 1} is no list"),
        (
            lambda: list_contains([], allow_extra=True),
            "list_contains: expected=[] is empty, and every list has all of it",
        ),
        (lambda: list_contains([object]), "list_contains: expected=<class 'object'> is no JSON"),
        (lambda: list_contains(["a"], threshold=0), "list_contains: threshold=0 is not above 0"),
        (lambda: json_similarity({"a": 1}, threshold=80), "json_similarity: threshold=80 is above 1"),
        (lambda: json_similarity({"a": object()}), "json_similarity: expected={'a': <object"),
        (lambda: json_similarity(ignore=[""]), "json_similarity: ignore=[''] ignores the whole value"),
    ],
)
def test_a_parameter_that_could_not_fail_is_refused(build, what):
    with pytest.raises(GraderError) as caught:
        build()
    assert str(caught.value).startswith(what)


def test_parameters_tell_what_they_were_built_with():
    assert list_contains(["a"], threshold=0.5, allow_extra=True).parameters == {
        "expected": ["a"],
        "allow_extra": True,
        "threshold": 0.5,
    }
    assert list_contains().parameters == json_similarity().parameters == {}
    assert json_similarity({"a": 1}, ignore=["/b"]).parameters == {"expected": {"a": 1}, "ignore": ["/b"]}


def test_the_library_is_needed_when_a_grader_is_built(absent):
    absent("rapidfuzz")
    for build in (list_contains, json_similarity):
        with pytest.raises(MissingExtra, match=rf"{build.__name__} needs the library 'rapidfuzz'"):
            build()
