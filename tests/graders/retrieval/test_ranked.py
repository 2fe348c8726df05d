"""Ranked lists of passages, by the definitions of trec_eval."""

from dataclasses import dataclass

import pytest
import pytrec_eval
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import hit, mrr, ndcg, precision_at_k, recall_at_k, retrieves_nothing
from pytest_llm.prompts import Case

MEASURES = [recall_at_k(5), precision_at_k(5), mrr(), ndcg(5)]
ALL = [*MEASURES, hit(5)]


def case(expected):
    return Case(id="one", expected=expected)


def scores(ranking, expected):
    return [grader(ranking, case(expected)).score for grader in MEASURES]


def rounded(numbers):
    return [round(number, 4) for number in numbers]


@pytest.mark.parametrize(
    ("ranking", "relevant", "right"),
    [
        ("d9 d1 d8 d2 d7", ["d1", "d2", "d3"], [0.6667, 0.4, 0.5, 0.4982]),
        # Linear gain; with 2**grade - 1 it would be .6289.
        ("d3 d2 d9 d1", {"d1": 3, "d2": 2, "d3": 1}, [1, 0.6, 1, 0.7463]),
        # P@5 over 5, though only two came.
        ("d1 d9", ["d1", "d2"], [0.5, 0.2, 1, 0.6131]),
        # The order is the truth: a backend that gives all of them the same score does not change that.
        ("d1 d2 d3", ["d1"], [1, 0.2, 1, 1]),
        ("d7 d8 d9", ["d1"], [0, 0, 0, 0]),
        ("", ["d1"], [0, 0, 0, 0]),
        # Of all relevant ones, not of min(k, relevant); the ideal ranking is cut at k.
        ("d0 d1 d2 d3 d4", [f"d{n}" for n in range(10)], [0.5, 1, 1, 1]),
    ],
)
def test_the_official_definitions_are_met(ranking, relevant, right):
    ranking = ranking.split()
    assert rounded(scores(ranking, relevant)) == right
    assert hit(5)(ranking, case(relevant)).passed is (right[0] > 0)


DOCUMENTS = [f"d{number}" for number in range(12)]
RANKINGS = st.lists(st.sampled_from(DOCUMENTS), unique=True, min_size=1)
QRELS = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-1, 5), min_size=1).filter(
    lambda grades: max(grades.values()) > 0
)


@given(RANKINGS, QRELS, st.integers(1, 10))
@example(["d3", "d2", "d9", "d1"], {"d1": 3, "d2": 2, "d3": 1}, 5)
def test_trec_eval_says_the_same_to_the_last_digit(ranking, grades, k):
    evaluator = pytrec_eval.RelevanceEvaluator(
        {"q": grades}, {f"recall.{k}", f"P.{k}", "recip_rank", f"ndcg_cut.{k}", f"success.{k}"}
    )
    # Scores without ties: the rank, from the end.
    theirs = evaluator.evaluate({"q": {one: float(len(ranking) - rank) for rank, one in enumerate(ranking)}})["q"]
    ours = {
        f"recall_{k}": recall_at_k(k),
        f"P_{k}": precision_at_k(k),
        "recip_rank": mrr(),
        f"ndcg_cut_{k}": ndcg(k),
    }
    assert {name: grader(ranking, case(grades)).score for name, grader in ours.items()} == {
        name: theirs[name] for name in ours
    }
    assert hit(k)(ranking, case(grades)).passed is bool(theirs[f"success_{k}"])


def test_where_trec_eval_is_silent_ours_says_why():
    # Nothing relevant: 0 there, which drags the mean down; not scored here.
    evaluator = pytrec_eval.RelevanceEvaluator({"q": {"d1": 0}, "r": {"d1": 1}}, {"recall.5", "recip_rank"})
    assert evaluator.evaluate({"q": {"d1": 1.0}})["q"] == {"recall_5": 0.0, "recip_rank": 0.0}
    # No result for r: left out there, so that the mean rises; ungraded here.
    assert "r" not in evaluator.evaluate({"q": {"d1": 1.0}})
    for grader in ALL:
        assert grader(["d1"], case({"d1": 0})).state == "ungraded"
        assert grader(None, case(["d1"])).state == "ungraded"


@pytest.mark.parametrize("grader", ALL, ids=lambda grader: grader.name)
@pytest.mark.parametrize(
    ("output", "expected", "reason"),
    [
        (None, ["d1"], "it was given no list of passages: the query has no result at all"),
        ({"d1": 0.9}, ["d1"], "it reads a ranked list of passages, and was given a dict"),
        ({"d1", "d2"}, ["d1"], "it reads a ranked list of passages, and was given a set"),
        (["d1", "d2", "d1"], ["d1"], 'the passage of rank 3, "d1", is in the list twice'),
        (["d1", 2.5], ["d1"], "the passage of rank 2 is a float, neither an id nor with one"),
        ([True], ["d1"], "the passage of rank 1 is a bool, neither an id nor with one"),
        ([{"text": "…"}], ["d1"], "the passage of rank 1 is a dict, neither an id nor with one"),
        (["d1"], None, 'it compares with `expected`, and case "one" tells none'),
        (
            ["d1"],
            [],
            "`expected` has no relevant passage: not scored; retrieves_nothing() is the check for that",
        ),
        (
            ["d1"],
            {"d1": 0, "d2": -1},
            "`expected` has no relevant passage: not scored; retrieves_nothing() is the check for that",
        ),
        (
            ["d1"],
            "d1",
            "`expected` is to be a list of ids or a mapping from ids to grades, and is a str",
        ),
        (["d1"], ["d1", None], "`expected` has null in it, which is no id"),
        (["d1"], {"d1": "high"}, '`expected` has the grade "high", which is none'),
        (["d1"], {"d1": True}, "`expected` has the grade true, which is none"),
        (["d1"], {"d1": 10**400}, f"`expected` has the grade {str(10**400)[:60]}… (401 characters), which is none"),
    ],
)
def test_what_cannot_be_scored_is_ungraded_and_said(grader, output, expected, reason):
    grade = grader(output, case(expected))
    assert (grade.state, grade.score, grade.reason) == ("ungraded", None, reason)


def test_a_list_that_a_model_wrote_and_that_is_none_is_failed():
    for output in ('{"d1": 1}', '["d1", "d1"]', "d1, d2", "[null]", Response(text="d1, d2")):
        assert recall_at_k(5)(output, case(["d1"])).state == "failed"
    assert recall_at_k(5)('["d2", "d1"]', case(["d1"])).score == 1
    assert recall_at_k(5)(Response(text='[{"id": "d1"}]'), case(["d1"])).score == 1


@dataclass
class Passage:
    id: str
    text: str = ""


def test_passages_are_ids_or_have_one():
    for ranking in (
        ["d9", "d1"],
        ("d9", "d1"),
        [{"id": "d9"}, {"id": "d1", "score": 1}],
        [Passage("d9"), Passage("d1")],
    ):
        assert mrr()(ranking, case(["d1"])).score == 0.5
    assert mrr()([9, 1], case({"1": 1})).score == 0.5
    assert mrr()([9, "1"], case([1])).score == 0.5


def test_the_reciprocal_rank_may_be_cut():
    assert mrr()(["a", "b", "c"], case(["c"])).score == 1 / 3
    assert mrr(3)(["a", "b", "c"], case(["c"])).score == 1 / 3
    assert mrr(2)(["a", "b", "c"], case(["c"])).score == 0


def test_what_is_relevant_may_be_given():
    assert recall_at_k(2, relevant=["a", "b"])(["a", "c", "b"]).score == 0.5
    assert ndcg(2, relevant={"a": 2, "b": 0})(["b", "a"], case(["c"])).score < 1
    assert hit(1, relevant=("a" for _ in range(1)))(["a"]).passed is True


def test_grades_that_are_nearly_the_same_score_no_more_than_1():
    # In this order they add up to a last digit more than in the ideal one.
    grades = [0.09999999999999998, 0.09999999999999999, 0.09999999999999995, 0.1, 0.09999999999999996]
    assert ndcg(5)(list("abcde"), case(dict(zip("abcde", grades, strict=True)))).score == 1


@given(RANKINGS, st.dictionaries(st.sampled_from(DOCUMENTS), st.floats(1e-9, 1e9 - 1), min_size=1), st.integers(1, 10))
def test_a_score_is_in_0_to_1_whatever_the_grades(ranking, grades, k):
    for grader in (recall_at_k(k), precision_at_k(k), mrr(k), ndcg(k)):
        assert 0 <= grader(ranking, case(grades)).score <= 1


def test_a_threshold_decides_and_the_reason_shows_the_ranks():
    assert recall_at_k(1, threshold=0.5)(["a"], case(["a", "b"])).state == "passed"
    grade = recall_at_k(1, threshold=0.6)(["a", "c"], case({"b": 3, "a": 1}))
    assert (grade.state, grade.score) == ("failed", 0.5)
    assert grade.reason == 'relevant: "b" absent, "a" at rank 1; got "a", "c"'
    assert recall_at_k(1)(["a"], case(["a"])).reason == ""
    many = [f"d{number}" for number in range(30)]
    reason = hit(1)(many, case([f"e{number}" for number in range(12)])).reason
    assert reason.count(" absent") == 10
    assert reason.endswith('"d9" and 20 more')
    assert hit(1)([], case(["a"])).reason == 'relevant: "a" absent; got no passage'


def test_that_nothing_is_retrieved_is_a_check_of_its_own():
    assert retrieves_nothing()([]).passed is True
    assert retrieves_nothing()([], case([])).passed is True
    grade = retrieves_nothing()(["d1", Passage("d2")])
    assert (grade.passed, grade.reason) == (False, 'expected no passage, got "d1", "d2"')
    assert retrieves_nothing()(None).state == "ungraded"


def test_the_name_tells_the_cut():
    names = [grader.name for grader in (*ALL, mrr(10))]
    assert names == ["recall_at_k(5)", "precision_at_k(5)", "mrr", "ndcg(5)", "hit(5)", "mrr(10)"]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: recall_at_k(0), "recall_at_k: k=0 is below 1"),
        (lambda: precision_at_k(1.5), "precision_at_k: k=1.5 is no whole number"),
        (lambda: mrr(0), "mrr: k=0 is below 1"),
        (lambda: ndcg(None), "ndcg: k=None is no whole number"),
        (lambda: hit(True), "hit: k=True is no whole number"),
        (lambda: recall_at_k(5, threshold=80), "recall_at_k: threshold=80 is above 1; it is a share, not a per cent"),
        (lambda: ndcg(5, threshold=0), "ndcg: threshold=0 is not above 0, so it could not fail"),
        (lambda: hit(5, relevant=[]), "hit: relevant=[] is empty, so it would decide nothing"),
        (lambda: hit(5, relevant="d1"), "hit: relevant='d1' is no list"),
        (
            lambda: mrr(relevant={"d1": 0}),
            "mrr: relevant={'d1': 0} has nothing relevant in it, so it would decide nothing",
        ),
        (lambda: mrr(relevant={"d1": "3"}), "mrr: relevant={'d1': '3'} has the grade \"3\", which is none"),
        (lambda: mrr(relevant=[["d1"]]), "mrr: relevant=[['d1']] has [\"d1\"] in it, which is no id"),
        (
            lambda: recall_at_k(1, relevant=["a", "b", "c"], threshold=0.5),
            "recall_at_k: threshold=0.5 is above 0.3333, the best that there is with 3 relevant, so it could not pass",
        ),
        (
            lambda: precision_at_k(5, relevant=["a"], threshold=0.8),
            "precision_at_k: threshold=0.8 is above 0.2, the best that there is with 1 relevant, so it could not pass",
        ),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    assert str(caught.value).partition("\n")[0] == what


def test_parameters_tell_what_it_was_built_with():
    assert recall_at_k(5).parameters == {"k": 5}
    assert mrr().parameters == {}
    assert ndcg(5, relevant={"a": 2, "b": 0}, threshold=0.5).parameters == {
        "k": 5,
        "relevant": {"a": 2},
        "threshold": 0.5,
    }
    assert hit(3, relevant=["a"]).parameters == {"k": 3, "relevant": {"a": 1}}
    assert recall_at_k(5).score_only
    assert not recall_at_k(5, threshold=0.5).score_only
