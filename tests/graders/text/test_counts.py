"""Graders of how long a text is."""

import pytest

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import length, word_count


@pytest.mark.parametrize(
    ("grader", "good", "bad"),
    [
        (word_count(min=2), "two words", "one"),
        (word_count(max=2), " two \n words ", "three small words"),
        (word_count(1, 2), "one", ""),
        (word_count(max=0), "", "one"),
        (length(min=2), "ab", "a"),
        (length(max=2), "ab", "ab\n"),
        (length(3, 3), "\U0001f600 a", "\U0001f600a"),
        (length(5, 5), "cafe\u0301", "caf\u00e9"),
        (length(max=0), "", " "),
    ],
)
def test_a_count_tells_good_from_bad(grader, good, bad):
    assert grader(good).state == "passed"
    assert grader(Response(text=good, finish_reason="stop")).state == "passed"
    assert grader(bad).state == "failed"


@pytest.mark.parametrize(
    ("grader", "text", "reason"),
    [
        (word_count(min=3), "one", "expected at least 3 words, got 1"),
        (word_count(max=1), "one two", "expected at most 1 words, got 2"),
        (length(min=3), "ab", "expected at least 3 characters, got 2"),
        (length(max=280), "x" * 281, "expected at most 280 characters, got 281"),
        (length(1), {"a": 1}, "it reads text, and was given a dict"),
        (word_count(1), None, "it reads text, and was given None"),
    ],
)
def test_the_reason_says_what_was_expected_and_what_came(grader, text, reason):
    assert grader(text).reason == reason


@pytest.mark.parametrize("make", [word_count, length])
@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        ({}, "min=None without max could not fail", "{}(min=1, max=100)"),
        ({"min": 0}, "min=0 without max could not fail", "{}(min=1, max=100)"),
        ({"min": -1}, "min=-1 is below 0", "min=100"),
        ({"max": -1}, "max=-1 is below 0", "max=100"),
        ({"min": 1.5}, "min=1.5 is no whole number", "min=100"),
        ({"max": True}, "max=True is no whole number", "max=100"),
        ({"min": 5, "max": 2}, "min=5 is above max=2, so it could not pass", "{}(2, 5)"),
    ],
)
def test_bounds_that_decide_nothing_are_refused(make, arguments, what, fix):
    with pytest.raises(GraderError) as caught:
        make(**arguments)
    assert str(caught.value) == f"{make.__name__}: {what}\n  write       {fix.format(make.__name__)}"


def test_parameters_tell_what_it_was_built_with():
    assert word_count(1, 2).parameters == {"min": 1, "max": 2}
    assert length(max=0).parameters == {"max": 0}
