"""Graders made of graders, on three values."""

import asyncio
import inspect
import warnings
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import GraderError
from pytest_llm.graders import (
    Grade,
    all_of,
    any_of,
    at_least,
    contains,
    contains_all,
    f1,
    fields_match,
    grader,
    not_,
    weighted,
)
from pytest_llm.prompts import Case

PASSED, FAILED, UNGRADED, SCORED = "passed", "failed", "ungraded", "scored"
GRADES = {
    PASSED: Grade(name="", passed=True),
    FAILED: Grade(name="", passed=False, reason="no"),
    UNGRADED: Grade(name="", reason="unreadable"),
    SCORED: Grade(name="", score=1.0),
}


def of(state):
    return grader(name=state)(lambda output: GRADES[state])


def later(state):
    @grader(name=state)
    async def it(output):
        return GRADES[state]

    return it


def kleene_all(states):
    if FAILED in states:
        return FAILED
    return PASSED if set(states) == {PASSED} else UNGRADED


def kleene_any(states):
    if PASSED in states:
        return PASSED
    return FAILED if set(states) == {FAILED} else UNGRADED


@pytest.mark.parametrize("states", list(product(GRADES, repeat=2)) + [(state,) for state in GRADES], ids="-".join)
def test_all_and_any_follow_kleene(states):
    members = [of(state) for state in states]
    assert all_of(*members)("x").state == kleene_all(states)
    assert any_of(*members)("x").state == kleene_any(states)


@pytest.mark.parametrize(
    ("state", "negated"), [(PASSED, FAILED), (FAILED, PASSED), (UNGRADED, UNGRADED), (SCORED, UNGRADED)]
)
def test_not_turns_passed_and_failed_and_leaves_ungraded(state, negated):
    assert not_(of(state))("x").state == negated
    assert not_(of(state))("x").score is None
    if state != SCORED:
        assert not_(not_(of(state)))("x").state == state


@given(st.lists(st.sampled_from([PASSED, FAILED, UNGRADED]), min_size=1, max_size=5))
def test_de_morgan_holds_on_three_values(states):
    members = [of(state) for state in states]
    negated = [not_(member) for member in members]
    assert not_(all_of(*members))("x").state == any_of(*negated)("x").state


@pytest.mark.parametrize("make", [all_of, any_of, not_])
def test_ungraded_never_becomes_passed(make):
    assert make(contains("a"))({"a": 1}).state == UNGRADED
    assert make(make(contains("a")))({"a": 1}).state == UNGRADED
    assert not_(make(contains("a")))({"a": 1}).state == UNGRADED


def test_names_and_parameters_tell_the_members():
    it = all_of(contains("a"), not_(contains_all(["b"])))
    assert it.name == "all_of(contains, not_(contains_all))"
    assert it.parameters == {
        "graders": [
            {"name": "contains", "parameters": {"text": "a"}},
            {
                "name": "not_(contains_all)",
                "parameters": {"graders": [{"name": "contains_all", "parameters": {"texts": ["b"]}}]},
            },
        ]
    }
    assert it("ab").name == it.name
    assert any_of(contains("a").named("x")).named("y").name == "y"


def test_the_reason_says_who_said_what():
    assert all_of(contains("a"), contains("b"), of(UNGRADED))("a").reason == 'contains failed: "b" is not in "a"'
    assert all_of(contains("a"), of(UNGRADED))("a").reason == "ungraded ungraded: unreadable"
    assert all_of(contains("a"))("a").reason == ""
    assert any_of(of(FAILED), of(FAILED))("a").reason == "failed failed: no\nfailed failed: no"
    assert any_of(of(FAILED), of(PASSED))("a").reason == "passed passed"
    assert not_(contains("a"))("a").reason == "contains passed"
    assert not_(of(SCORED))("a").reason == "scored scored, without a threshold"


@pytest.mark.parametrize("make", [all_of, any_of, not_])
@pytest.mark.parametrize("member", [f1(), fields_match()], ids=lambda grader: grader.name)
def test_a_grader_of_nothing_but_scores_is_refused(make, member):
    with pytest.raises(GraderError, match=f"'{member.name}' gives a score without a threshold"):
        make(member)
    assert make(f1(threshold=0.5)).name


@pytest.mark.parametrize("make", [all_of, any_of])
def test_no_grader_at_all_is_refused(make):
    with pytest.raises(GraderError, match=r"graders=\(\) is empty, so it would decide nothing"):
        make()


@pytest.mark.parametrize("make", [all_of, any_of, not_])
def test_what_is_no_grader_is_refused(make):
    with pytest.raises(GraderError, match="graders='a' is no grader"):
        make("a")
    with pytest.raises(GraderError, match=r"graders=\[.* is a list; graders are given one by one"):
        make([contains("a")])


@pytest.mark.parametrize("states", list(product([PASSED, FAILED, UNGRADED], repeat=2)), ids="-".join)
@pytest.mark.parametrize("kinds", [(later, later), (of, later), (later, of)], ids=["both", "second", "first"])
def test_asynchronous_members_are_awaited(states, kinds):
    members = [kind(state) for kind, state in zip(kinds, states, strict=True)]
    for make, right in ((all_of, kleene_all), (any_of, kleene_any)):
        it = make(*members)
        result = it("x")
        assert it.is_async
        assert inspect.isawaitable(result)
        assert asyncio.run(result).state == right(states)
    assert asyncio.run(not_(not_(members[0]))("x")).state == states[0] if kinds[0] is later else True


def test_none_is_begun_that_an_interrupt_would_leave_without_an_await():
    @grader
    async def interrupted(output):
        raise KeyboardInterrupt

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(all_of(interrupted, later(PASSED), interrupted)("x"))
    assert caught == []


# -- at least so many, and the weighted mean --------------------------------------------------------------------------

THREE = st.sampled_from([PASSED, FAILED, UNGRADED])


def completions(states):
    """What may come of grades where the ungraded ones turn out either way."""
    return product(*([state == PASSED] if state != UNGRADED else [True, False] for state in states))


def agreed(verdicts):
    """The verdict that all completions give, or that there is none."""
    found = set(verdicts)
    return UNGRADED if len(found) > 1 else PASSED if found == {True} else FAILED


@given(st.lists(THREE, min_size=1, max_size=6), st.data())
def test_at_least_is_decided_where_all_completions_agree(states, data):
    k = data.draw(st.integers(1, len(states)))
    right = agreed(sum(one) >= k for one in completions(states))
    assert at_least(k, *map(of, states))("x").state == right


@given(st.lists(THREE, min_size=1, max_size=5))
def test_at_least_all_is_all_of_and_at_least_one_is_any_of(states):
    members = [of(state) for state in states]
    assert at_least(len(members), *members)("x").state == all_of(*members)("x").state
    assert at_least(1, *members)("x").state == any_of(*members)("x").state


@given(st.lists(THREE, min_size=1, max_size=4), st.data())
def test_not_is_an_involution_on_graded_values(states, data):
    make = data.draw(st.sampled_from([all_of, any_of, lambda *members: at_least(1, *members)]))
    it = make(*map(of, states))
    once, twice = not_(it)("x"), not_(not_(it))("x")
    assert twice.state == it("x").state
    assert (once.state == UNGRADED) is (it("x").state == UNGRADED)
    assert once.state == UNGRADED or once.state != it("x").state


def scoring(score, passed=None):
    return grader(name="scoring")(lambda output: Grade(name="", score=score, passed=passed))


GRADED = st.one_of(
    st.sampled_from([(None, True), (None, False), (None, None)]),
    st.tuples(st.integers(0, 10).map(lambda tenths: tenths / 10), st.sampled_from([True, False, None])),
)
WEIGHTS = st.integers(1, 30).map(lambda tenths: tenths / 10)


@given(st.lists(st.tuples(GRADED, WEIGHTS, st.booleans()), min_size=1, max_size=5), st.integers(1, 10))
def test_weighted_is_decided_where_all_completions_agree(members, tenths):
    graders = [(scoring(*graded), weight) for graded, weight, _ in members]
    required = [one for (one, _), (_, _, needed) in zip(graders, members, strict=True) if needed]
    threshold = tenths / 10

    def verdict(choice):
        values = [
            Fraction(str(score)) if score is not None else Fraction(one)
            for ((score, _), _, _), one in zip(members, choice, strict=True)
        ]
        weights = [Fraction(str(weight)) for _, weight, _ in members]
        mean = sum(map(Fraction.__mul__, values, weights)) / sum(weights)
        required_pass = all(one for one, (_, _, needed) in zip(choice, members, strict=True) if needed)
        return mean >= Fraction(str(threshold)) and required_pass

    # A score says nothing of whether its grader passes, so that is open even where the score is known.
    possible = [[passed] if passed is not None else [True, False] for (_, passed), _, _ in members]
    grade = weighted(graders, threshold=threshold, required=required)("x")
    assert grade.state == agreed(map(verdict, product(*possible)))
    assert grade.score is None or grade.passed is not None


@pytest.mark.parametrize(
    ("states", "weights", "threshold", "state", "score"),
    [
        ([PASSED, FAILED], [3, 1], 0.75, PASSED, 0.75),
        ([PASSED, FAILED], [3, 1], 0.76, FAILED, 0.75),
        ([PASSED, SCORED], [1, 1], 1, PASSED, 1.0),
        # 0.7 + 0.1 in binary fractions is below 0.8.
        ([PASSED, PASSED, FAILED], [0.7, 0.1, 0.2], 0.8, PASSED, 0.8),
        # An ungraded one decides nothing where neither way would matter.
        ([PASSED, UNGRADED], [4, 1], 0.8, PASSED, None),
        ([FAILED, UNGRADED], [4, 1], 0.8, FAILED, None),
        ([PASSED, UNGRADED], [4, 1], 0.9, UNGRADED, None),
        ([UNGRADED], [1], 1, UNGRADED, None),
    ],
)
def test_the_weighted_mean_reaches_the_threshold_or_not(states, weights, threshold, state, score):
    it = weighted(list(zip(map(of, states), weights, strict=True)), threshold=threshold)
    assert (it("x").state, it("x").score) == (state, score)


@pytest.mark.parametrize(
    ("required", "other", "state"),
    [
        (FAILED, PASSED, FAILED),
        (UNGRADED, PASSED, UNGRADED),
        (SCORED, PASSED, UNGRADED),
        (PASSED, PASSED, PASSED),
        (PASSED, FAILED, FAILED),
        (UNGRADED, FAILED, FAILED),
    ],
)
def test_a_threshold_never_hides_a_required_grade_that_did_not_pass(required, other, state):
    must, may = of(required), of(other)
    it = weighted({must: 1, may: 9}, threshold=0.5, required=[must])
    assert it("x").state == state
    # Without the requirement the mean would do.
    assert weighted({must: 1, may: 9}, threshold=0.5)("x").state == (PASSED if other == PASSED else FAILED)


def test_a_score_counts_whatever_its_own_threshold_says():
    it = weighted([(f1(threshold=0.9), 1), (contains("Paris"), 1)], threshold=0.8)
    grade = it("Paris Paris", Case(id="one", expected="Paris"))
    assert (grade.state, grade.score) == (PASSED, pytest.approx((2 / 3 + 1) / 2))
    assert weighted({f1(): 1}, threshold=0.5)("Paris Paris", Case(id="one", expected="Paris")).passed is True


def test_the_reasons_say_who_said_what():
    assert at_least(2, contains("a"), contains("b"))("a").reason == (
        '1 of 2 passed, expected at least 2\ncontains passed\ncontains failed: "b" is not in "a"'
    )
    must = contains("b")
    it = weighted([(contains_all(["a", "c"]), 3), (must, 1), (of(UNGRADED), 0.5)], threshold=0.8, required=[must])
    assert it("a").reason == (
        "the weighted mean is between 0.3333 and 0.4444, expected at least 0.8; contains is required and failed\n"
        'weight 3, score 0.5: contains_all failed: 1 of 2 are not in "a": "c"\n'
        'weight 1, required: contains failed: "b" is not in "a"\n'
        "weight 0.5: ungraded ungraded: unreadable"
    )
    assert weighted({contains("a"): 1}, threshold=1)("a").reason == (
        "the weighted mean is 1, expected at least 1\nweight 1: contains passed"
    )


def test_asynchronous_members_are_weighed_and_counted():
    assert asyncio.run(weighted({later(PASSED): 1, of(FAILED): 1}, threshold=0.5)("x")).state == PASSED
    assert asyncio.run(at_least(1, of(FAILED), later(PASSED))("x")).state == PASSED


def test_names_and_parameters_tell_numbers_and_members():
    it = at_least(1, contains("a"), f1(threshold=0.5))
    assert it.name == "at_least(1, contains, f1)"
    assert it.parameters == {
        "k": 1,
        "graders": [
            {"name": "contains", "parameters": {"text": "a"}},
            {"name": "f1", "parameters": {"threshold": 0.5}},
        ],
    }
    must = contains("a")
    it = weighted({must: 2, f1(): 0.5}, threshold=0.8, required=[must])
    assert it.name == "weighted(contains, f1)"
    assert it.parameters == {
        "graders": [
            {"name": "contains", "parameters": {"text": "a"}, "weight": 2, "required": True},
            {"name": "f1", "parameters": {}, "weight": 0.5},
        ],
        "threshold": 0.8,
    }


MEMBER = contains("a")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: at_least(0, MEMBER), "at_least: k=0 is below 1"),
        (lambda: at_least(1.5, MEMBER), "at_least: k=1.5 is no whole number"),
        (lambda: at_least(2, MEMBER), "at_least: k=2 is above the number of graders, 1, so it could not pass"),
        (lambda: at_least(1), "at_least: graders=() is empty, so it would decide nothing"),
        (lambda: at_least(1, "a"), "at_least: graders='a' is no grader"),
        (lambda: at_least(MEMBER, MEMBER), "at_least: k=<grader "),
        (lambda: at_least(1, f1()), "at_least: 'f1' gives a score without a threshold, which neither passes nor fails"),
        (lambda: weighted({}, threshold=1), "weighted: graders=() is empty, so it would decide nothing"),
        (
            lambda: weighted(MEMBER, threshold=1),
            "weighted: graders=<grader contains: ",
        ),
        (
            lambda: weighted(3, threshold=1),
            "weighted: graders=3 is neither a mapping from graders to weights nor pairs",
        ),
        (lambda: weighted([MEMBER], threshold=1), "weighted: graders=<grader "),
        (lambda: weighted([("a", 1)], threshold=1), "weighted: graders='a' is no grader"),
        (
            lambda: weighted({MEMBER: 0}, threshold=1),
            "weighted: weight=0 is not above 0, so its grader would decide nothing",
        ),
        (
            lambda: weighted({MEMBER: -1}, threshold=1),
            "weighted: weight=-1 is not above 0, so its grader would decide nothing",
        ),
        (lambda: weighted({MEMBER: True}, threshold=1), "weighted: weight=True is no finite number"),
        (
            lambda: weighted({MEMBER: 1}, threshold=80),
            "weighted: threshold=80 is above 1; it is a share, not a per cent",
        ),
        (lambda: weighted({MEMBER: 1}, threshold=0), "weighted: threshold=0 is not above 0, so it could not fail"),
        (lambda: weighted({MEMBER: 1}, threshold=None), "weighted: threshold=None would decide nothing"),
        (lambda: weighted({MEMBER: 1}, threshold=1, required=[contains("a")]), "weighted: required=<grader "),
        (lambda: weighted({MEMBER: 1}, threshold=1, required=MEMBER), "weighted: required=<grader "),
        (lambda: weighted({MEMBER: 1}, threshold=1, required=3), "weighted: required=3 is no list of graders"),
    ],
)
def test_a_composition_that_makes_no_sense_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    assert str(caught.value).startswith(what)


def test_a_required_grader_of_nothing_but_a_score_is_refused():
    score = f1()
    with pytest.raises(GraderError, match="weighted: 'f1' gives a score without a threshold"):
        weighted({score: 1, MEMBER: 1}, threshold=0.5, required=[score])
