"""What a grader is, and what it makes of whatever a function does."""

import asyncio
import inspect
import json
import re
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import Grade, Grader, contains, exact_match, grader
from pytest_llm.prompts import Case

CASE = Case(id="one", inputs={"q": "?"}, expected="yes")


def returning(value, **options):
    return grader(name="it", **options)(lambda output: value)


def raising(problem):
    @grader
    def it(output):
        raise problem

    return it


@pytest.mark.parametrize(
    ("told", "state", "score", "reason"),
    [
        (True, "passed", None, ""),
        (False, "failed", None, ""),
        ((True, "polite"), "passed", None, "polite"),
        ((False, "rude"), "failed", None, "rude"),
        (0.25, "scored", 0.25, ""),
        (0, "scored", 0.0, ""),
        (1, "scored", 1.0, ""),
        (Fraction(1, 4), "scored", 0.25, ""),
        ((0.25, "half of half"), "scored", 0.25, "half of half"),
        (Grade(name="other", passed=True, reason="r"), "passed", None, "r"),
        (Grade(name="other"), "ungraded", None, ""),
        (Grade(name="other", score=0.5, reason="r"), "scored", 0.5, "r"),
        (Grade(name="other", score=0.5, passed=False), "failed", 0.5, ""),
        (Grade(name="other", score=True, passed=True), "passed", 1.0, ""),
    ],
)
def test_what_a_function_returns_is_a_grade_under_the_graders_name(told, state, score, reason):
    grade = returning(told)("text", CASE)
    assert (grade.name, grade.state, grade.score, grade.reason) == ("it", state, score, reason)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            None,
            "it returned None; a grader returns bool, a score of 0..1, Grade, or one of the first two with a reason",
        ),
        ("yes", "it returned a str"),
        ([True], "it returned a list"),
        ((True, "a", "b"), "it returned a tuple"),
        ((True, None), "it returned a tuple"),
        ((None, "reason"), "it returned a tuple"),
        (1.01, "it returned the score 1.01, which is not in 0..1"),
        (-0.5, "it returned the score -0.5, which is not in 0..1"),
        (85, "it returned the score 85, which is not in 0..1"),
        (float("nan"), "it returned the score nan, which is not in 0..1"),
        pytest.param(10**5000, "it returned the score of very many digits, which is not in 0..1", id="5000 digits"),
        (Grade(name="it", score=7.0, passed=True), "it returned the score 7.0, which is not in 0..1"),
        (Grade(name="it", passed="yes"), "it returned a Grade whose `passed` is a str"),
    ],
)
def test_what_is_not_understood_is_ungraded_and_says_what_came(told, reason):
    grade = returning(told, threshold=0.5)("text")
    assert (grade.state, grade.score) == ("ungraded", None)
    assert grade.reason.startswith(reason)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (0.8, "passed"),
        (0.79, "failed"),
        (1, "passed"),
        ((0.5, "half"), "failed"),
        (Grade(name="it", score=0.9), "passed"),
        (Grade(name="it", score=0.9, passed=False), "failed"),
        (True, "passed"),
        (Grade(name="it"), "ungraded"),
    ],
)
def test_a_score_passes_from_the_threshold_on(told, state):
    assert returning(told, threshold=0.8)("text").state == state


def test_a_failed_assertion_is_failed_with_its_message():
    assert raising(AssertionError("no greeting"))("x") == Grade(name="it", passed=False, reason="no greeting")
    assert raising(AssertionError())("x") == Grade(name="it", passed=False, reason="an assertion failed")


def test_any_other_exception_is_ungraded_with_type_and_message():
    grade = raising(KeyError("total"))("x")
    assert (grade.state, grade.name) == ("ungraded", "it")
    assert re.fullmatch(r"it raised KeyError: 'total' \(test_grader\.py:\d+\)", grade.reason)


def test_an_exception_that_cannot_be_shown_is_still_ungraded():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    assert raising(Mute())("x").reason.startswith("it raised Mute: (no message)")


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), SystemExit(), GeneratorExit(), pytest.fail.Exception("no")])
def test_what_is_no_exception_passes_through(problem):
    with pytest.raises(type(problem)):
        raising(problem)("x")


def test_the_signature_decides_once_whether_the_case_is_given():
    @grader
    def only_output(output):
        return output == "yes"

    @grader
    def both(output, case):
        return output == case.expected

    @grader
    def case_if_any(output, case=None):
        return case is CASE

    @grader
    def own_option(output, strict=False):
        return strict is False

    @grader
    def all_of_it(*given):
        return given == ("yes", CASE)

    class Callable:
        def method(self, output, case):
            return case is CASE

    for it in (only_output, both, case_if_any, own_option, all_of_it, grader(Callable().method)):
        assert it("yes", CASE).passed is True
    assert grader(name="any")(max)("yes").state == "ungraded"


@pytest.mark.parametrize(
    "function",
    [lambda: True, lambda a, b, c: True, lambda output, *, strict: True, lambda output, strict, mode: True],
)
def test_a_function_of_other_parameters_is_refused(function):
    with pytest.raises(GraderError, match=r"the grader takes \(.*\), not \(output\) or \(output, case\)"):
        grader(name="it")(function)


def test_what_is_no_function_or_is_a_grader_is_refused():
    with pytest.raises(GraderError, match="grader: function='contains' is no function"):
        grader("contains")
    with pytest.raises(GraderError, match="'contains' is a grader already"):
        grader(contains("a"))


def test_a_builtin_without_a_signature_takes_the_output():
    class Odd:
        __name__ = "odd"
        __signature__ = "none"

        def __call__(self, output):
            return True

    odd = Odd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "signature", lambda _: (_ for _ in ()).throw(ValueError))
        assert grader(odd)("x").passed is True


def test_the_name_is_the_functions_unless_given():
    @grader
    def polite(output):
        return True

    @grader()
    def kind(output):
        return True

    assert (polite.name, kind.name, grader(name="x")(lambda output: True).name) == ("polite", "kind", "x")


@pytest.mark.parametrize(
    "make",
    [
        lambda: grader(lambda output: True),
        lambda: grader(partial(max, 1)),
        lambda: grader(name="")(len),
        lambda: grader(name=" ")(len),
        lambda: grader(name=3)(len),
        lambda: contains("a").named(""),
    ],
)
def test_a_grader_without_a_name_is_refused(make):
    with pytest.raises(GraderError, match='is no name\n  write       name="polite"'):
        make()


@pytest.mark.parametrize(
    ("threshold", "why"),
    [
        (0, "is not above 0, so it could not fail"),
        (-0.5, "is not above 0"),
        (float("nan"), "is not above 0"),
        (50, "is above 1; it is a share, not a per cent"),
        (True, "is no number"),
        ("0.8", "is no number"),
    ],
)
def test_a_threshold_that_could_not_fail_or_means_a_per_cent_is_refused(threshold, why):
    with pytest.raises(GraderError, match=f"grader: threshold=.* {why}") as caught:
        grader(threshold=threshold)
    assert isinstance(caught.value, ValueError)
    assert f"write       threshold={0.5 if threshold == 50 else 0.8}" in str(caught.value)


def test_parameters_are_json_and_nobody_changes_them():
    it = grader(name="it", threshold=0.8, params={"words": ["a"]})(lambda output: 1.0)
    it.parameters["words"].append("b")
    assert it.parameters == {"words": ["a"], "threshold": 0.8}
    assert json.loads(json.dumps(it.parameters)) == it.parameters
    with pytest.raises(GraderError, match=r"grader: params=.* is no JSON"):
        grader(params={"x": float("nan")})


def test_a_renamed_grader_tells_what_it_was():
    it = contains("a").named("mentions a")
    assert (it.name, it.parameters) == ("mentions a", {"grader": "contains", "text": "a"})
    assert it.named("again").parameters == it.parameters
    assert it("b").name == "mentions a"


def test_a_grader_is_frozen_and_shows_its_parameters():
    it = contains("a")
    with pytest.raises(AttributeError):
        it.name = "b"
    assert repr(it) == "<grader contains: text='a'>"


def test_a_coroutine_function_makes_an_awaitable_grade():
    @grader(threshold=0.5)
    async def slow(output, case):
        await asyncio.sleep(0)
        if output == "raise":
            raise OSError("gone")
        return 0.75

    async def session(output):
        result = slow(output, CASE)
        return await result if inspect.isawaitable(result) else result

    assert slow.is_async
    assert asyncio.run(session("x")) == Grade(name="slow", score=0.75, passed=True)
    assert asyncio.run(session("raise")).reason.startswith("it raised OSError: gone (test_grader.py:")


def test_an_object_with_an_asynchronous_call_is_asynchronous():
    class Judge:
        async def __call__(self, output):
            return True

    it = grader(name="judge")(Judge())
    assert it.is_async
    assert asyncio.run(it("x")).passed is True


def test_asking_an_asynchronous_grader_for_its_grade_at_once_is_refused():
    async def later(output):
        return True

    declared, hidden = grader(later), grader(name="hidden")(lambda output, *_: later(output))
    future = grader(name="future")(lambda output: Awaitable())

    class Awaitable:
        def __await__(self):
            yield

    for it in (declared, hidden, future):
        with pytest.raises(GraderError, match="is asynchronous\n  write       await g"):
            it.grade("x")
    assert asyncio.run(hidden("x")).passed is True
    assert contains("a").grade("a").passed is True


def test_a_reason_is_printable_and_short_whatever_a_model_wrote():
    hostile = "\x1b[31m\x9b\u202e\ud800\x00 ok\n\tnext 👩\u200d💻 é"
    reason = returning((False, hostile))("x").reason
    assert reason == r"\x1b[31m\x9b\u202e\ud800\x00 ok" "\n\tnext 👩\u200d💻 é"
    reason.encode()
    assert len(returning((False, "x" * 10_000_000))("x").reason) < 4100
    assert len(raising(AssertionError("x" * 10_000_000))("x").reason) < 4100
    assert len(raising(ValueError("x" * 10_000_000))("x").reason) < 4100
    assert returning(Grade(name="it", passed=False, reason="\x1b"))("x").reason == r"\x1b"
    assert returning(Grade(name="it", score=0.5, reason="\x1b"))("x").reason == r"\x1b"
    assert returning((0.5, "\x1b"))("x").reason == r"\x1b"


def test_an_invalid_response_whose_value_is_asked_for_is_failed():
    from pytest_llm.schemas import Issue, Report

    @grader
    def total(output):
        return output.value["total"] > 0

    issue = Issue(path="/total", code="type", expected="a number")
    grade = total(Response(text="{}", report=Report(valid=False, issues=(issue,))))
    assert grade.state == "failed"
    assert "/total: expected a number." in grade.reason


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.tuples(st.floats(), st.text())),
    st.one_of(st.none(), st.floats(min_value=0.01, max_value=1)),
)
def test_a_score_is_in_0_to_1_or_none(told, threshold):
    grade = returning(told, threshold=threshold)("x")
    assert grade.score is None or 0 <= grade.score <= 1
    assert grade.score is not None or grade.passed is None or isinstance(told, bool)


def test_a_score_only_grader_is_known_by_its_annotation():
    def share(output) -> float:
        return 0.5

    assert grader(share).score_only
    assert not grader(threshold=0.5)(share).score_only
    assert isinstance(grader(share), Grader)


def test_a_grade_is_not_taken_for_true_or_false():
    for passed in (True, False, None):
        with pytest.raises(TypeError, match=r"a Grade has three values, this one is \w+; write `grade.passed`"):
            bool(Grade(name="it", passed=passed))


def test_a_grader_of_ours_that_was_not_called_is_told_apart():
    with pytest.raises(GraderError, match=r"contains is not called, and makes a grader\n  write       contains\(…\)"):
        grader(contains)


def test_what_is_no_case_is_named():
    grade = contains("a")("a", "Paris")
    assert (grade.state, grade.reason) == ("ungraded", "it takes a Case beside the output, and was given a str")


def test_a_grader_without_parameters_shows_its_name():
    assert repr(exact_match()) == "<grader exact_match>"
