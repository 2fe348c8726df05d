"""Edit distance, ROUGE, BLEU and chrF: each is its library's score."""

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from rouge_score.rouge_scorer import RougeScorer

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError, MissingExtra
from pytest_llm.graders import bleu, chrf, levenshtein, rouge
from pytest_llm.graders.text.similarity import LONGEST_TEXT, MOST_PAIRS_OF_WORDS
from pytest_llm.prompts import Case

EVERY = [levenshtein(threshold=0.5), rouge(), rouge(kind="rougeLsum"), bleu(), chrf(threshold=0.5)]
WORDS = st.lists(
    st.sampled_from(["the", "The", "quick", "fox", "foxes", "running", "ran", ".", "\u00e9", "\U0001f600", "2", "\n"])
).map(" ".join)
TEXT = WORDS | st.text(st.characters())
ANSWERS = st.lists(WORDS.map("a {}".format) | st.text(st.characters()).map("{}1".format), min_size=1, max_size=3)


def case(expected):
    return Case(id="one", expected=expected)


@given(TEXT, ANSWERS)
def test_levenshtein_is_that_of_rapidfuzz(text, answers):
    score = max(Levenshtein.normalized_similarity(text, answer) for answer in answers)
    assert levenshtein(threshold=0.5)(text, case(answers)).score == score
    assert levenshtein(answers, threshold=0.5)(Response(text=text)).score == score


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rouge9", "rougeL", "rougeLsum"])
@given(TEXT, ANSWERS)
def test_rouge_is_that_of_rouge_score(kind, stem, text, answers):
    scorer = RougeScorer([kind], use_stemmer=stem)
    score = max(scorer.score(answer, text)[kind].fmeasure for answer in answers)
    assert rouge(kind=kind, stem=stem)(text, case(answers)).score == score


@given(TEXT, ANSWERS)
def test_bleu_and_chrf_are_those_of_sacrebleu(text, answers):
    official = sacrebleu.sentence_bleu(text, answers, use_effective_order=True).score / 100
    assert bleu()(text, case(answers)).score == min(1.0, official)
    assert chrf()(text, case(answers)).score == min(1.0, sacrebleu.sentence_chrf(text, answers).score / 100)


@pytest.mark.parametrize(
    ("grader", "text", "score"),
    [
        # What peers get otherwise: a distance in UTF-16 units, and 5 edits that pass an empty output.
        (levenshtein("a\U0001f600", threshold=0.5), "ab", 0.5),
        (levenshtein("short", threshold=0.5), "", 0.0),
        (levenshtein("", threshold=0.5), "", 1.0),
        (levenshtein("kitten", threshold=0.5), "sitting", 1 - 3 / 7),
        # A ROUGE of 0.889, since "fox." was no "fox".
        (rouge("the quick brown fox", kind="rouge1"), "The quick brown fox.", 1.0),
        (rouge("the quick brown fox", kind="rouge1", stem=True), "brown foxes", pytest.approx(2 / 3)),
        (rouge("the quick brown fox", kind="rouge1"), "brown foxes", pytest.approx(1 / 3)),
        # A BLEU of 0.0106 and of 0.0126; of 0.316 for two words that are the same.
        (bleu("a b c x e f"), "a b c d e f", pytest.approx(0.3799, abs=5e-5)),
        (bleu("the quick brown fox"), "The quick brown fox.", pytest.approx(0.3976, abs=5e-5)),
        (bleu("hello world"), "hello world", 1.0),
        (bleu(["a b c d", "e f g h"]), "a b g h", pytest.approx(0.4518, abs=5e-5)),
        (chrf("hello world"), "hello world", 1.0),
        (chrf(["hello", "bye"]), "bye", 1.0),
        (chrf("\u65e5\u672c"), "\u65e5\u672c\u8a9e", pytest.approx(0.875)),
    ],
)
def test_literal_scores(grader, text, score):
    assert grader(text).score == score


def test_a_threshold_decides():
    near = levenshtein("colour", threshold=5 / 6)
    assert near("color").state == "passed"
    assert near("colr").state == "failed"
    assert near.parameters == {"expected": "colour", "threshold": 5 / 6}
    for make in (rouge, bleu, chrf):
        assert make("a b").score_only
        assert make("a b")("a c").state == "scored"
        assert make("a b", threshold=0.5)("x").state == "failed"


def test_the_reason_says_what_was_expected_and_what_came():
    assert levenshtein("a", threshold=1)("b").reason == '0.000; expected "a", got "b"'
    assert rouge(["a", "b"])("c").reason == '0.000; expected "a" or one of 1 more, got "c"'
    assert chrf("a")("a").reason == ""


def test_parameters_tell_what_it_was_built_with():
    assert rouge().parameters == {}
    assert bleu(["a", "b"], threshold=0.5).parameters == {"expected": ["a", "b"], "threshold": 0.5}
    assert rouge("a", kind="rouge2", stem=True).parameters == {"expected": "a", "kind": "rouge2", "stem": True}


@pytest.mark.parametrize("grader", EVERY, ids=lambda grader: grader.name)
@pytest.mark.parametrize(
    ("output", "given", "reason"),
    [
        ({"a": 1}, case("a"), "it reads text, and was given a dict"),
        ("a", None, "it compares with `expected` of a case, and there is no case"),
        ("a", case(None), 'it compares with `expected`, and case "one" tells none'),
        ("a", case({"a": 1}), "`expected` is to be a text or a list of texts, and is a dict"),
        ("a", case(["a", 1]), "`expected` is to be a text or a list of texts, and is a list"),
        ("a", case([]), "`expected` is an empty list, so there is nothing to compare with"),
        ("a" * 200_001, case("a"), "it compares texts of up to 200000 characters, and one is of 200001"),
        ("a", case(["a", "a" * 200_001]), "it compares texts of up to 200000 characters, and one is of 200001"),
    ],
)
def test_what_cannot_be_compared_is_ungraded(grader, output, given, reason):
    grade = grader(output, given)
    assert (grade.state, grade.reason) == ("ungraded", reason)


@pytest.mark.parametrize(
    ("grader", "expected", "reason"),
    [
        (rouge(), "\u65e5\u672c", "has no word that ROUGE counts (a-z, 0-9), so nothing could be near it"),
        (bleu(), " ", "has no word, so nothing could be near it"),
        (chrf(), "", "has no character but blanks, so nothing could be near it"),
    ],
)
def test_an_answer_that_nothing_scores_against_is_ungraded(grader, expected, reason):
    assert grader("\u65e5\u672c", case(expected)).reason == f'`expected`, "{expected}", {reason}'


@pytest.mark.parametrize("kind", ["rougeL", "rougeLsum"])
def test_what_fills_too_large_a_table_is_ungraded(kind):
    words = int(MOST_PAIRS_OF_WORDS**0.5)
    grade = rouge(kind=kind)("a " * (words + 1), case(["a", "a " * words]))
    assert grade.state == "ungraded"
    assert grade.reason == f"2001 words against 2000 are more than {kind} can compare in time: 4000000 pairs"
    assert rouge(kind=kind)("a " * 90_000, case("a b")).state == "scored"
    assert rouge(kind="rouge2")("a " * (words + 1), case("a " * words)).state == "scored"


@pytest.mark.parametrize("grader", EVERY, ids=lambda grader: grader.name)
def test_texts_at_the_limit_are_graded(grader):
    assert grader("x" * LONGEST_TEXT, case("y" * LONGEST_TEXT)).score == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: levenshtein("a", threshold=5), "levenshtein: threshold=5 is above 1; it is a share, not a per cent"),
        (lambda: levenshtein("a", threshold=0), "levenshtein: threshold=0 is not above 0, so it could not fail"),
        (lambda: levenshtein("a", threshold=None), "levenshtein: threshold=None is no number"),
        (lambda: levenshtein(3, threshold=1), "levenshtein: expected=3 is no list"),
        (lambda: rouge(["a", None]), "rouge: expected=None is no text"),
        (lambda: rouge(kind="rouge"), "rouge: kind='rouge' is no kind of ROUGE"),
        (lambda: rouge(kind="rouge10"), "rouge: kind='rouge10' is no kind of ROUGE"),
        (
            lambda: rouge("\u65e5\u672c"),
            "rouge: expected='\u65e5\u672c' has no word that ROUGE counts (a-z, 0-9), so nothing could be near it",
        ),
        (lambda: bleu([]), "bleu: expected=[] is empty, so it would decide nothing"),
        (lambda: bleu(" "), "bleu: expected=' ' has no word, so nothing could be near it"),
        (
            lambda: chrf(["", "\n"]),
            "chrf: expected=['', '\\n'] has no character but blanks, so nothing could be near it",
        ),
        (lambda: chrf("a", threshold=50), "chrf: threshold=50 is above 1; it is a share, not a per cent"),
    ],
)
def test_a_mistake_is_told_before_a_library_is_missed(make, message, absent):
    for package in ("rapidfuzz", "rouge_score", "sacrebleu"):
        absent(package)
    with pytest.raises(GraderError) as caught:
        make()
    first, fix = str(caught.value).split("\n")
    assert first == message
    assert fix.startswith("  write       ")


@pytest.mark.parametrize(
    ("make", "package"),
    [
        (lambda: levenshtein("a", threshold=1), "rapidfuzz"),
        (rouge, "rouge_score"),
        (bleu, "sacrebleu"),
        (chrf, "sacrebleu"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(make, package, absent):
    absent(package)
    with pytest.raises(MissingExtra, match=rf"needs the library '{package}'\n.*pytest-llm-evals\[graders\]"):
        make()


#: Lin 2004, section 5: S1 is the reference, S2 to S4 have 3, 1 and 2 of its 6 pairs; S5 has none, and all of its words.
LIN = ["police kill the gunman", "the gunman kill police", "the gunman police killed", "gunman the killed police"]


@pytest.mark.parametrize(
    ("kind", "scores"),
    [
        ("rougeS", [3 / 6, 1 / 6, 2 / 6, 0]),
        ("rougeS4", [3 / 6, 1 / 6, 2 / 6, 0]),
        ("rougeSU", [6 / 10, 4 / 10, 6 / 10, 4 / 10]),
        ("rougeSU4", [6 / 10, 4 / 10, 6 / 10, 4 / 10]),
    ],
)
def test_pairs_of_words_are_those_of_the_paper(kind, scores):
    found = [rouge("police killed the gunman", kind=kind)(text).score for text in LIN]
    assert found == pytest.approx(scores)


def test_words_too_far_apart_are_no_pair():
    far = "a 1 2 3 4 b"
    assert rouge("a b", kind="rougeS4")(far).score == pytest.approx(2 * 1 / (15 + 1))
    assert rouge("a b", kind="rougeS4")("a 1 2 3 4 5 b").score == 0
    assert rouge("a b", kind="rougeS")("a 1 2 3 4 5 b").score == pytest.approx(2 * 1 / (21 + 1))


def test_a_pair_counts_as_often_as_both_have_it():
    assert rouge("a b a b", kind="rougeS")("a b").score == pytest.approx(2 * 1 / (6 + 1))
    assert rouge("a b", kind="rougeS")("a b a b").score == pytest.approx(2 * 1 / (6 + 1))
    assert rouge("running dogs", kind="rougeS", stem=True)("runs dog").score == 1
    assert rouge(["x y", "a b"], kind="rougeS")("a b").score == 1


def test_pairs_need_two_words():
    with pytest.raises(GraderError, match="has no pair of words that ROUGE counts"):
        rouge("word", kind="rougeS4")
    assert rouge("word", kind="rougeSU")("word").score == 1
    assert rouge(kind="rougeS")("a b", case("word")).state == "ungraded"
    assert rouge("a b", kind="rougeS")("word").score == rouge("word", kind="rougeSU")("").score == 0


def test_a_text_of_too_many_pairs_is_ungraded():
    grade = rouge("a b", kind="rougeS")("a " * 2001)
    assert grade.state == "ungraded"
    assert grade.reason == "2001 words have more pairs than rougeS can count in time: 4000000"
    assert rouge("a b", kind="rougeSU4")("a b " * 20_000).state == "scored"
