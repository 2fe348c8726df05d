"""Short answers, by the definitions of SQuAD 2.0."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import exact_match, f1
from pytest_llm.graders.text.answers import normalized, token_f1
from pytest_llm.prompts import Case

OFFICIAL = json.loads(Path(__file__).with_name("squad_scores.json").read_text(encoding="utf-8"))["scores"]


def case(expected):
    return Case(id="one", expected=expected)


# Worked out by hand from evaluate-v2.0.py: compute_exact and compute_f1 of (prediction, gold).
VECTORS = [
    ("the the the", "the", 1, 1.0),
    ("", "", 1, 1.0),
    ("x", "", 0, 0.0),
    ("", "x", 0, 0.0),
    ("3.14", "3.140", 0, 0.0),
    ("state-of-the-art", "state of the art", 0, 0.0),
    ("Paris Paris", "Paris", 0, 2 / 3),
    ("1,000", "1000", 1, 1.0),
    ("U.S.", "us", 1, 1.0),
    ("The Cat sat!", "a cat sat", 1, 1.0),
    ("in the city of Paris", "Paris", 0, 2 * (1 / 4) * 1 / (1 / 4 + 1)),
    ("Denver Broncos", "The Broncos of Denver", 0, 0.8),
    ("b a b c", "b b d", 0, 2 / 3),
    ("caf\u00e9", "cafe\u0301", 0, 0.0),
    ("x\u2014the\u2014y", "x\u2014 \u2014y", 1, 1.0),
    ("theatre an\u00a0answer", "theatre answer", 1, 1.0),
]


@pytest.mark.parametrize(("answer", "gold", "exact", "score"), VECTORS)
def test_the_official_definitions_are_met(answer, gold, exact, score):
    assert exact_match()(answer, case(gold)).passed is bool(exact)
    assert f1()(answer, case(gold)).score == pytest.approx(score, abs=1e-12)
    assert f1()(Response(text=answer), case([gold])).state == "scored"


def test_scores_are_those_of_the_official_script_to_the_last_digit():
    """400 random questions, some without an answer, as the script itself scored them."""
    for prediction, answers, exact, score in OFFICIAL:
        assert exact_match()(prediction, case(answers)).passed is bool(exact), prediction
        assert f1()(prediction, case(answers)).score == score, prediction


def test_a_share_that_the_script_rounds_down_still_meets_its_threshold():
    """Three words, all of them right, of five: F1 is 3/4, which the script's arithmetic makes 0.7499999999999999."""
    assert f1(threshold=0.75)("b c d", case("b c d e f")).state == "passed"
    assert f1(threshold=0.76)("b c d", case("b c d e f")).state == "failed"


def test_the_best_of_several_answers_counts():
    golds = case(["Santa Clara", "Santa Clara, California", "Levi's Stadium"])
    assert exact_match()("santa clara california", golds).passed
    assert f1()("Clara", golds).score == pytest.approx(2 / 3)


def test_answers_that_are_empty_once_normalised_do_not_count_beside_others():
    assert not exact_match()("", case(["the", "Paris"])).passed
    assert f1()("", case(["the", "Paris"])).score == 0.0


def test_a_question_without_answers_is_answered_by_nothing():
    assert exact_match()("", case([])).passed
    assert not exact_match()("Paris", case([])).passed
    assert f1(threshold=0.5)("Paris", case([])).state == "failed"


def test_a_threshold_decides():
    assert f1(threshold=0.6)("Paris Paris", case("Paris")).state == "passed"
    assert f1(threshold=0.7)("Paris Paris", case("Paris")).state == "failed"
    assert f1().score_only
    assert f1(threshold=0.7).parameters == {"threshold": 0.7}
    with pytest.raises(GraderError, match="f1: threshold=70 is above 1"):
        f1(70)


def test_the_reason_says_what_was_expected_and_what_came():
    assert exact_match()("Lyon", case("Paris")).reason == 'expected "Paris", got "Lyon"'
    assert f1()("Lyon", case(["Paris", "Rome"])).reason == 'expected "Paris" or one of 1 more, got "Lyon"'
    assert f1()("Paris", case("Paris")).reason == ""


@pytest.mark.parametrize("grader", [exact_match(), f1(), f1(0.5)])
@pytest.mark.parametrize(
    ("output", "given"),
    [("x", None), ("x", case(None)), ("x", case(3)), ("x", case(["a", 3])), ({"a": 1}, case("x"))],
)
def test_what_cannot_be_compared_is_ungraded(grader, output, given):
    grade = grader(output, given)
    assert grade.state == "ungraded"
    assert grade.reason


def test_normalised_is_lower_without_punctuation_articles_and_blanks():
    assert normalized("  The quick,\tbrown-fox (a) \u2014 An  end. ") == "quick brownfox \u2014 end"


@given(st.text(), st.text())
def test_f1_is_symmetric_and_in_0_to_1(one, other):
    assert token_f1(one, other) == token_f1(other, one)
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, one) == 1
