"""Graders made of graders, on three values."""

import asyncio
import inspect
import warnings
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import GraderError
from pytest_llm.graders import Grade, all_of, any_of, contains, contains_all, f1, fields_match, grader, not_

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
    with pytest.raises(GraderError, match=r"graders=\[.* is no grader"):
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
