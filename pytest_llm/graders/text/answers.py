"""Graders of short answers, by the definitions of SQuAD. PYTEST_DONT_REWRITE

Source: the official evaluation script of SQuAD 2.0 (`evaluate-v2.0.py`, Rajpurkar, Jia, Liang 2018). Of it
`normalize_answer`, `compute_exact`, `compute_f1`, and from `get_raw_scores`: answers that are empty once normalised are
left out, a question without answers is answered by "", and of several answers the best counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_share
from pytest_llm.graders.reading import answers_of, text_of, unlike
from pytest_llm.prompts import Case

# A pattern does in 0.2 s for 10 MB what str.translate does in 1 s.
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def exact_match() -> Grader:
    """The text is an answer in `expected` (a text or a list of them), both normalised as SQuAD does."""

    def grade(output: object, case: Case | None) -> Told:
        text, answers = text_of(output), _answers(case)
        if normalized(text) in map(normalized, answers):
            return True
        return False, unlike(text, answers)

    return Grader(name="exact_match", function=grade)


def f1(threshold: float | None = None) -> Grader:
    """How far the words of the text and of the nearest answer in `expected` are the same, as SQuAD measures it."""
    limit = a_share("f1", "threshold", threshold)

    def grade(output: object, case: Case | None) -> Told:
        text, answers = text_of(output), _answers(case)
        score = max(token_f1(text, answer) for answer in answers)
        return score, "" if score == 1 else unlike(text, answers)

    return Grader(name="f1", function=grade, threshold=limit, score_only=limit is None)


def normalized(answer: str) -> str:
    """Lower case, without ASCII punctuation, without the articles a, an, the, words parted by single blanks.

    >>> normalized("The U.S. — a   country!")
    'us — country'
    """
    return " ".join(_ARTICLES.sub(" ", _PUNCTUATION.sub("", answer.lower())).split())


def token_f1(answer: str, gold: str) -> float:
    """F1 over the words of two answers, each counted as often as it occurs.

    >>> token_f1("Paris, in France", "Paris")
    0.5
    """
    said, right = normalized(answer).split(), normalized(gold).split()
    if not said or not right:
        return float(said == right)
    common = (Counter(said) & Counter(right)).total()
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(right)
    # 2·common / (len(said) + len(right)) would round once only, and so differ from the script in the last digit.
    return (2 * precision * recall) / (precision + recall)


def _answers(case: Case | None) -> list[str]:
    answers = [] if case is not None and case.expected == [] else answers_of(case)
    return [answer for answer in answers if normalized(answer)] or [""]
