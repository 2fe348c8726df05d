"""Graders of text."""

import pytest

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import (
    contains,
    contains_all,
    contains_any,
    ends_with,
    equals,
    one_of,
    starts_with,
)

NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("grader", "good", "bad"),
    [
        (equals("yes"), " yes\n", "Yes"),
        (equals("yes", strip=False), "yes", "yes "),
        (equals("straße", casefold=True), "STRASSE", "STRAS"),
        (equals(""), "  ", "x"),
        (equals(NFC), NFC, NFD),
        (one_of(["yes", "no"]), " no ", "No"),
        (one_of(["yes", "no"], casefold=True), "NO", "maybe"),
        (contains("14 days"), "within 14 days.", "within 14\ndays."),
        (contains("straße", casefold=True), "IN DER STRASSE", "in der Gasse"),
        (contains_any(["a", "b"]), "cab", "dog"),
        (contains_any(["A"], casefold=True), "cab", "dog"),
        (contains_all(["a", "b"]), "cab", "ca"),
        (contains_all(["A", "B"], casefold=True), "cab", "ca"),
        (starts_with("Yes"), "Yes, we do", " Yes"),
        (starts_with("yes", casefold=True), "YES", "no yes"),
        (ends_with("days."), "within 14 days.", "within 14 days. "),
        (ends_with("STRASSE", casefold=True), "in der Straße", "Strasse 4"),
    ],
)
def test_a_text_grader_tells_good_from_bad(grader, good, bad):
    assert grader(good).state == "passed"
    assert grader(Response(text=good, finish_reason="stop")).state == "passed"
    assert grader(bad).state == "failed"
    assert grader(bad).reason


@pytest.mark.parametrize(
    ("grader", "text", "reason"),
    [
        (equals("GBP"), "$", 'expected "GBP", got "$"'),
        (equals("GBP"), "gbp", 'expected "GBP", got "gbp"; they differ only in case'),
        (equals("a b"), "a  b", 'expected "a b", got "a  b"; they differ only in blanks'),
        (equals(NFC), NFD, f'expected "{NFC}", got "{NFD}"; they differ only in Unicode normal form'),
        (equals("A b"), "a  b", 'expected "A b", got "a  b"; they differ only in case and blanks'),
        (equals("a"), "a" * 500, f'expected "a", got "{"a" * 59}… (502 characters)'),
        (
            equals("x" * 50 + "A" + "y" * 50),
            "x" * 50 + "B" + "y" * 50,
            f'expected …"{"x" * 20}A{"y" * 39}"…, got …"{"x" * 20}B{"y" * 39}"…; the first 50 characters are the same',
        ),
        (one_of(["a", "b"]), "A", 'expected one of "a", "b", got "A"; they differ only in case'),
        (one_of(list("abcdefg")), "x", 'expected one of "a", "b", "c", "d", "e" and 2 more, got "x"'),
        (contains("14 days"), "14\ndays", '"14 days" is not in "14\\ndays"; they differ only in blanks'),
        (contains(" "), "ab", '" " is not in "ab"'),
        (contains_any(["A", "b"]), "xa", 'none of "A", "b" is in "xa"; they differ only in case'),
        (contains_all(["a", "b", "c"]), "c", '2 of 3 are not in "c": "a", "b"'),
        (starts_with("Yes"), "yes.", 'expected it to start with "Yes", got "yes."; they differ only in case'),
        (ends_with("Bye."), "bye.", 'expected it to end with "Bye.", got "bye."; they differ only in case'),
        (ends_with("."), "x" * 50, f'expected it to end with ".", got "…{"x" * 40}"'),
        (ends_with(" "), "x", 'expected it to end with " ", got "x"'),
        (starts_with("\n"), "x", 'expected it to start with "\\n", got "x"'),
    ],
)
def test_the_reason_says_what_was_expected_and_what_came(grader, text, reason):
    assert grader(text).reason == reason


def test_the_score_of_contains_all_is_the_share_of_what_is_there():
    assert contains_all(["a", "b", "c", "d"])("abc").score == 0.75
    assert contains_all(["a", "b"])("ab").score == 1.0
    assert contains_all(["a", "b"])("").score == 0.0


ALL = [
    equals("a"),
    one_of(["a"]),
    contains("a"),
    contains_any(["a"]),
    contains_all(["a"]),
    starts_with("a"),
    ends_with("a"),
]


@pytest.mark.parametrize("grader", ALL, ids=lambda grader: grader.name)
@pytest.mark.parametrize("output", [{"a": 1}, None, 3, b"a", ["a"]], ids=repr)
def test_what_is_no_text_is_ungraded(grader, output):
    grade = grader(output)
    assert (grade.state, grade.score) == ("ungraded", None)
    assert grade.reason.startswith("it reads text, and was given ")


@pytest.mark.parametrize("grader", ALL, ids=lambda grader: grader.name)
def test_ten_megabytes_make_a_short_reason(grader):
    assert len(grader("\U0001f600 " * 3_000_000).reason) < 500


def test_long_texts_that_are_the_same_at_first_are_told_apart_without_looking_far():
    near, far = "x" * 99_000, "x" * 200_000
    assert "; the first 99000 characters are the same" in equals(near)(near + "y").reason
    assert "the first" not in equals(far)(far + "y").reason


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: equals(3), "equals: value=3 is no text"),
        (lambda: one_of([]), "one_of: values=[] is empty, so it would decide nothing"),
        (lambda: one_of("yes"), "one_of: values='yes' is no list"),
        (lambda: one_of([1]), "one_of: values=1 is no text"),
        (lambda: contains(""), "contains: text='' is in every text, so it could not fail"),
        (lambda: contains(None), "contains: text=None is no text"),
        (lambda: contains_any([]), "contains_any: texts=[] is empty"),
        (lambda: contains_any(["a", ""]), "contains_any: texts='' is in every text"),
        (lambda: contains_any("abc"), "contains_any: texts='abc' is no list"),
        (lambda: contains_any(7), "contains_any: texts=7 is no list"),
        (lambda: contains_all([]), "contains_all: texts=[] is empty"),
        (lambda: contains_all([""]), "contains_all: texts='' is in every text"),
        (lambda: ends_with(""), "ends_with: text='' is in every text, so it could not fail"),
        (lambda: starts_with(""), "starts_with: text='' is in every text"),
    ],
)
def test_a_parameter_that_could_not_fail_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    first, fix = str(caught.value).split("\n")
    assert first.startswith(what)
    assert fix.startswith("  write       ")


def test_a_long_or_unprintable_parameter_does_not_hide_the_message():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(GraderError, match="equals: value=<Broken> is no text"):
        equals(Broken())
    with pytest.raises(GraderError, match="… is no text"):
        equals(list(range(1000)))


@pytest.mark.parametrize(
    ("grader", "parameters"),
    [
        (equals("a"), {"value": "a"}),
        (equals("a", casefold=True, strip=False), {"value": "a", "casefold": True, "strip": False}),
        (one_of(x for x in "ab"), {"values": ["a", "b"]}),
        (contains("a"), {"text": "a"}),
        (contains_any(("a", "b"), casefold=True), {"texts": ["a", "b"], "casefold": True}),
        (contains_all(["a"]), {"texts": ["a"]}),
        (starts_with("a"), {"text": "a"}),
        (ends_with("a", casefold=True), {"text": "a", "casefold": True}),
    ],
)
def test_parameters_tell_what_it_was_built_with(grader, parameters):
    assert grader.parameters == parameters
