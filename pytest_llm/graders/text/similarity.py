"""How near a text is to a right one, by edits, words and characters. PYTEST_DONT_REWRITE

Each is the score of one library, 0..1, to the last digit. The right answer, or a list of several, is `expected` of the
grader, else of the case. Texts longer than LONGEST_TEXT are ungraded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_share, a_text, refused, some
from pytest_llm.graders.reading import CannotRead, answers_of, text_of, unlike
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

#: Characters of a text or an answer; what compares all with all takes a second or two for two such texts.
LONGEST_TEXT = 200_000
#: rougeL and rougeLsum fill a table, in Python, of the text's words by the answer's: 2,000 by 2,000 take a second.
MOST_PAIRS_OF_WORDS = 4_000_000

#: Of kinds that count pairs of words: how many words may be between the two, and whether single words count too.
_SKIPS: dict[str, tuple[int | None, bool]] = {
    "rougeS": (None, False),
    "rougeS4": (4, False),
    "rougeSU": (None, True),
    "rougeSU4": (4, True),
}
_KINDS = (*(f"rouge{n}" for n in range(1, 10)), "rougeL", "rougeLsum", *_SKIPS)
_ROUGE_WORD = re.compile("[a-z0-9]+")
#: What one of the right answers needs for any text to score against it, by grader.
_NEEDED = {
    "rouge": (_ROUGE_WORD, "word that ROUGE counts (a-z, 0-9)"),
    "rougeS": (re.compile("[a-z0-9]+[^a-z0-9]+[a-z0-9]"), "pair of words that ROUGE counts (a-z, 0-9)"),
    "bleu": (re.compile(r"\S"), "word"),
    "chrf": (re.compile(r"\S"), "character but blanks"),
}


def levenshtein(expected: str | Iterable[str] | None = None, *, threshold: float) -> Grader:
    """How few edits make the text the nearest right answer: 1 − edits / characters of the longer of the two.

    An edit inserts, deletes or replaces one code point. Nothing is folded or stripped. Source: rapidfuzz,
    `Levenshtein.normalized_similarity`.
    """
    limit = a_share("levenshtein", "threshold", threshold)
    if limit is None:
        raise refused("levenshtein", "threshold", threshold, "is no number", "threshold=0.8")
    given = _given("levenshtein", expected)
    similarity = library("levenshtein", "rapidfuzz.distance").Levenshtein.normalized_similarity

    def score(text: str, answers: list[str]) -> float:
        return max(float(similarity(text, answer)) for answer in answers)

    return _grader("levenshtein", score, given, limit)


def rouge(
    expected: str | Iterable[str] | None = None,
    *,
    kind: str = "rougeL",
    threshold: float | None = None,
    stem: bool = False,
) -> Grader:
    """How many words, or runs of words, the text and the nearest right answer share: ROUGE's F-measure (Lin 2004).

    `kind`: "rouge1" to "rouge9" count runs of that many words, "rougeL" the longest common subsequence, "rougeLsum"
    that of each line, "rougeS" pairs of words in their order with any words between, "rougeS4" with at most four
    between; "rougeSU" and "rougeSU4" count single words too. Words are runs of the letters a-z and digits, in lower
    case; `stem` cuts their English endings. Of several answers the best counts.

    Source: rouge-score, Google's own, and its `score_multi`; pairs of words, which it lacks, by section 5 of Lin 2004
    (https://aclanthology.org/W04-1013/) with beta 1, over its words.

    >>> round(rouge("police killed the gunman", kind="rougeS").grade("the gunman police killed").score, 3)
    0.333
    """
    limit = a_share("rouge", "threshold", threshold)
    if kind not in _KINDS:
        raise refused("rouge", "kind", kind, "is no kind of ROUGE", 'kind="rouge1" to "rouge9", "rougeL", "rougeS"')
    needed = "rougeS" if kind in ("rougeS", "rougeS4") else "rouge"
    given = _given("rouge", expected, needed)
    options = (("kind", kind),) * (kind != "rougeL") + (("stem", True),) * bool(stem)
    if kind in _SKIPS:
        return _grader("rouge", _skip_score(kind, stem=bool(stem)), given, limit, options, needed=needed)
    scorer = library("rouge", "rouge_score.rouge_scorer").RougeScorer([kind], use_stemmer=bool(stem))

    def score(text: str, answers: list[str]) -> float:
        if kind in ("rougeL", "rougeLsum"):
            words = [len(_ROUGE_WORD.findall(one.lower())) for one in (text, *answers)]
            if words[0] * max(words[1:]) > MOST_PAIRS_OF_WORDS:
                what = f"{words[0]} words against {max(words[1:])} are more than {kind} can compare in time"
                raise CannotRead(f"{what}: {MOST_PAIRS_OF_WORDS} pairs")
        return float(scorer.score_multi(answers, text)[kind].fmeasure)

    return _grader("rouge", score, given, limit, options)


def bleu(expected: str | Iterable[str] | None = None, *, threshold: float | None = None) -> Grader:
    """How many of the text's runs of up to four words are in the right answers: sentence BLEU (Papineni 2002), 0..1.

    Source: sacrebleu, `sentence_bleu` as it comes: tokens of 13a, case kept, exponential smoothing, effective order; a
    hundredth of its score. Several answers are several references of one BLEU.
    """
    limit = a_share("bleu", "threshold", threshold)
    given = _given("bleu", expected)
    metric = library("bleu", "sacrebleu.metrics").BLEU(effective_order=True)
    return _grader("bleu", _hundredth(metric.sentence_score), given, limit)


def chrf(expected: str | Iterable[str] | None = None, *, threshold: float | None = None) -> Grader:
    """How many runs of up to six characters the text and the right answer share: sentence chrF2 (Popović 2015), 0..1.

    Source: sacrebleu, `sentence_chrf` as it comes: blanks left out, case kept, recall counted twice as much; a
    hundredth of its score. Of several answers the best counts, as it does there.
    """
    limit = a_share("chrf", "threshold", threshold)
    given = _given("chrf", expected)
    metric = library("chrf", "sacrebleu.metrics").CHRF()
    return _grader("chrf", _hundredth(metric.sentence_score), given, limit)


def _skip_score(kind: str, *, stem: bool) -> Callable[[str, list[str]], float]:
    """Return the function that scores pairs of words in their order: clipped counts, and their F-measure."""
    most_between, alone = _SKIPS[kind]
    tokenize = library("rouge", "rouge_score.tokenizers").DefaultTokenizer(use_stemmer=stem).tokenize

    def units(text: str) -> Counter[tuple[str, ...]]:
        words = tokenize(text)
        if len(words) * min(len(words), most_between or len(words)) > MOST_PAIRS_OF_WORDS:
            raise CannotRead(f"{len(words)} words have more pairs than {kind} can count in time: {MOST_PAIRS_OF_WORDS}")
        return Counter(_pairs(words, most_between)) + Counter((word,) for word in words if alone)

    def score(text: str, answers: list[str]) -> float:
        found = units(text)
        right = [units(answer) for answer in answers]
        return max(2 * (found & one).total() / ((found.total() + one.total()) or 1) for one in right)

    return score


def _pairs(words: list[str], most_between: int | None) -> Iterator[tuple[str, str]]:
    for place, word in enumerate(words):
        end = None if most_between is None else place + most_between + 2
        yield from ((word, other) for other in words[place + 1 : end])


def _given(grader: str, expected: str | Iterable[str] | None, needed: str = "") -> list[str] | None:
    if expected is None:
        return None
    found = [expected] if isinstance(expected, str) else some(grader, "expected", expected)
    answers = [a_text(grader, "expected", one) for one in found]
    if lacks := _lacks(needed or grader, answers):
        raise refused(grader, "expected", expected, f"{lacks}, so nothing could be near it", f'{grader}("…")')
    return answers


def _lacks(grader: str, answers: list[str]) -> str:
    """What every answer lacks that the grader counts by; "" where one has it."""
    pattern, what = _NEEDED.get(grader, (None, ""))
    return "" if pattern is None or any(pattern.search(one.lower()) for one in answers) else f"has no {what}"


def _hundredth(sentence_score: Callable[..., object]) -> Callable[[str, list[str]], float]:
    def score(text: str, answers: list[str]) -> float:
        # The same text scores 100.00000000000004.
        return min(1.0, float(sentence_score(text, answers).score) / 100)  # type: ignore[attr-defined]  # sacrebleu's Score

    return score


def _grader(
    name: str,
    score: Callable[[str, list[str]], float],
    given: list[str] | None,
    threshold: float | None,
    options: tuple[tuple[str, JSON], ...] = (),
    *,
    needed: str = "",
) -> Grader:
    def grade(output: object, case: Case | None) -> Told:
        text = text_of(output)
        answers = answers_of(case) if given is None else given
        if lacks := _lacks(needed or name, answers):
            raise CannotRead(f"`expected`, {quoted(answers[0])}, {lacks}, so nothing could be near it")
        longest = max(map(len, (text, *answers)))
        if longest > LONGEST_TEXT:
            raise CannotRead(f"it compares texts of up to {LONGEST_TEXT} characters, and one is of {longest}")
        found = score(text, answers)
        return found, "" if found == 1 else f"{found:.3f}; {unlike(text, answers)}"

    expected: JSON = given[0] if given is not None and len(given) == 1 else given
    params = (("expected", expected),) * (given is not None) + options
    return Grader(name=name, function=grade, params=params, threshold=threshold, score_only=threshold is None)
