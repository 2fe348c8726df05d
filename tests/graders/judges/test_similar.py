"""Similarity of meaning: the cosine of vectors that an endpoint gives."""

import math

import pytest

from pytest_llm.calls.transport import Reply
from pytest_llm.errors import GraderError
from pytest_llm.graders import similar
from pytest_llm.graders.judges.similar import cosine
from pytest_llm.graders.reading import CannotRead
from pytest_llm.prompts import Case, sending

VECTORS = {"king": [1.0, 0.0], "queen": [0.8, 0.6], "stone": [0.0, 1.0], "anti": [-1.0, 0.0], "nothing": [0.0, 0.0]}


def embedded(asker, request):
    assert request.endpoint == "embeddings"
    assert request.body["encoding_format"] == "float"
    data = [{"index": place, "embedding": VECTORS[text]} for place, text in enumerate(request.body["input"])]
    return Reply(data={"data": data[::-1]}, latency=None)


def graded(output, expected, threshold=0.75):
    with sending(embedded):
        return similar(model="vectors", threshold=threshold)(output, Case(id="one", expected=expected))


@pytest.mark.parametrize(
    ("output", "expected", "score", "passed"),
    [
        ("king", "king", 1.0, True),
        ("queen", "king", 0.8, True),
        ("stone", "king", 0.0, False),
        ("anti", "king", 0.0, False),
    ],
)
def test_the_score_is_the_cosine(output, expected, score, passed):
    grade = graded(output, expected)
    assert grade.score == pytest.approx(score, abs=1e-15)
    assert grade.passed is passed


def test_of_several_right_answers_the_nearest_counts():
    grade = graded("queen", ["stone", "king"])
    assert grade.score == pytest.approx(0.8)
    assert grade.reason == 'cosine 0.800 with "king", got "queen"'


def test_the_right_answer_can_be_given():
    with sending(embedded):
        assert similar("king", model="vectors", threshold=0.9)("king").passed is True


@pytest.mark.parametrize(
    ("output", "expected"),
    [("", "king"), ("king", " "), ("nothing", "king"), ("king", 3), ("king", []), ("king", None)],
)
def test_what_has_no_meaning_is_ungraded(output, expected):
    assert graded(output, expected).state == "ungraded"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": "abc"}, {"index": 1, "embedding": [1.0]}]},
        None,
    ],
)
def test_an_endpoint_that_gives_no_vectors_leaves_it_ungraded(data):
    with sending(lambda asker, request: Reply(data=data, latency=None)):
        grade = similar("king", model="vectors", threshold=0.9)("king")
    assert grade.state == "ungraded"
    assert "the endpoint did not answer with 2 vectors" in grade.reason


def test_large_and_small_vectors_have_a_cosine():
    assert cosine([1e200, 0.0], [1e100, 0.0]) == pytest.approx(1.0)
    assert cosine([1e-200, 0.0], [1e-100, 0.0]) == pytest.approx(1.0)
    for broken in ([math.inf, 1.0], [math.nan, 1.0], [0.0, 0.0]):
        with pytest.raises(CannotRead):
            cosine(broken, [1.0, 1.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": None}, "is no threshold"),
        ({"threshold": 80}, "is a share"),
        ({"threshold": 0.5, "expected": 3}, "is no text"),
    ],
)
def test_what_could_not_fail_is_refused(options, message):
    with pytest.raises(GraderError, match=message):
        similar(model="vectors", **options)
    with pytest.raises(GraderError, match="model='' is empty"):
        similar(model="", threshold=0.5)
