"""Graders that ask a model which of two outputs is better, in both orders. PYTEST_DONT_REWRITE

Judges prefer a place, mostly the first. So each pair is put to them twice, the other way round, and a preference counts
only where both agree (Zheng et al. 2023, "Judging LLM-as-a-judge with MT-Bench and Chatbot Arena", section 3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from pytest_llm.graders.grade import Grade
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.judges.judge import Asks, Put, judging, question_of, word_in
from pytest_llm.graders.judges.judging import Golden
from pytest_llm.graders.parameters import a_text, a_word, refused, some
from pytest_llm.graders.reading import CannotRead, expected_of, kind_of, text_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON

Preference = Literal["better", "worse", "tie", "unsure"]

_WINNER: Mapping[str, float] = {"A": 1.0, "TIE": 0.5, "B": 0.0}


def pairwise(
    criterion: str, *, model: str, examples: Iterable[tuple[str, str]], against: str | None = None, **call: JSON
) -> Grader:
    """The model prefers the output to `against`, or to the case's `expected`, whichever of them it is shown first.

    Passed where it does in both orders, failed where it prefers the other in both; a tie in both is a score of 0.5 and
    decides nothing; where the order decides, ungraded. `examples`: pairs (better, worse) that it has to tell apart
    before it counts.
    """
    wanted = a_word("pairwise", "criterion", criterion)
    other = None if against is None else a_text("pairwise", "against", against)
    golden = _golden("pairwise", examples)

    def grade(put: Put, output: object, case: Case | None) -> Told:
        # A golden output is compared with its own counterpart, whatever this one is compared with.
        rival = _text(expected_of(case)) if other is None or case in _cases(golden) else other
        found, reason = _compared(put, text_of(output), rival, _asked(output, case))
        return _GRADES[found](reason)

    params: dict[str, JSON] = {"criterion": wanted, **({} if other is None else {"against": other})}
    return judging("pairwise", _asks(wanted), grade, model=model, call=call, params=params, golden=golden)


def best_of(
    criterion: str, others: Iterable[str], *, model: str, examples: Iterable[tuple[str, str]], **call: JSON
) -> Grader:
    """The model prefers the output to each of `others`, in both orders; failed where one of them is preferred so.

    Where neither is known, because of ties or because the order decides, it is ungraded. `examples` as of `pairwise`.
    """
    wanted = a_word("best_of", "criterion", criterion)
    rivals = [a_text("best_of", "others", one) for one in some("best_of", "others", others)]
    golden = _golden("best_of", examples)

    def grade(put: Put, output: object, case: Case | None) -> Told:
        against = [_text(expected_of(case))] if case in _cases(golden) else rivals
        asked = _asked(output, case)
        open_ = ""
        for place, rival in enumerate(against, 1):
            found, reason = _compared(put, text_of(output), rival, asked)
            if found == "worse":
                return False, f"number {place} of the others is better: {reason}"
            if found != "better":
                open_ = open_ or f"number {place} of the others: {reason}"
        if open_:
            raise CannotRead(open_)
        return True

    params: dict[str, JSON] = {"criterion": wanted, "others": list(rivals)}
    return judging("best_of", _asks(wanted), grade, model=model, call=call, params=params, golden=golden)


_GRADES: Mapping[Preference, Callable[[str], Told]] = {
    "better": lambda reason: (True, reason),
    "worse": lambda reason: (False, reason),
    "tie": lambda reason: Grade(name="pairwise", score=0.5, reason=reason),
    "unsure": lambda reason: Grade(name="pairwise", reason=reason),
}


def _compared(put: Put, mine: str, rival: str, asked: Mapping[str, str]) -> tuple[Preference, str]:
    """Which is preferred, whatever the order, and what the judge says of it."""
    first, why = put({**asked, "output A": mine, "output B": rival}, _preferred)
    second, why_not = put({**asked, "output A": rival, "output B": mine}, _preferred)
    # As a share of the prize that each order gives to this output.
    match first, 1 - second:
        case (1.0, 1.0):
            return "better", why
        case (0.0, 0.0):
            return "worse", why
        case (0.5, 0.5):
            return "tie", why
    return "unsure", f"the order decides: as the first {why}; as the second {why_not}"


def _preferred(verdict: Mapping[str, JSON], reason: str) -> tuple[float, str]:
    return _WINNER[word_in(verdict, tuple(_WINNER))], reason


def _asks(criterion: str) -> Asks:
    task = f"Which of the two outputs, A or B, is better by this criterion? {criterion}\nTIE if neither is."
    return Asks(task, '"verdict": "A or B or TIE"')


def _asked(output: object, case: Case | None) -> dict[str, str]:
    try:
        return {"question": question_of(output, case)}
    except CannotRead:  # two texts can be compared without a question
        return {}


def _text(expected: JSON) -> str:
    if isinstance(expected, str):
        return expected
    raise CannotRead(f"it compares with a text as `expected`, which is {kind_of(expected)}")


def _golden(judge: str, examples: Iterable[tuple[str, str]]) -> tuple[Golden, ...]:
    found: list[Golden] = []
    for pair in some(judge, "examples", examples):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or pair[0] == pair[1]:
            raise refused(
                judge, "examples", pair, "is no pair (better, worse)", 'examples=[("Certainly.", "Shut up.")]'
            )
        better, worse = (a_text(judge, "examples", one) for one in pair)
        found += [
            Golden(output=better, case=Case(id="golden", expected=worse), passes=True),
            Golden(output=worse, case=Case(id="golden", expected=better), passes=False),
        ]
    return tuple(found)


def _cases(golden: tuple[Golden, ...]) -> tuple[Case, ...]:
    return tuple(one.case for one in golden)
