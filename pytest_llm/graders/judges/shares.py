"""Graders that ask a model for several verdicts at once; the score is a share of them. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pytest_llm.graders.grade import Grade
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.judges.judge import (
    Asks,
    Put,
    context_of,
    golden_answer,
    judging,
    question_of,
    told,
)
from pytest_llm.graders.judges.judging import Golden, Goldens, golden_of
from pytest_llm.graders.parameters import a_share, a_word, refused
from pytest_llm.graders.reading import CannotRead, text_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

HIGHEST = 5
"""Scores are 1 to 5."""


def scored_judge(
    criteria: Mapping[str, str], *, model: str, threshold: float, passes: Goldens, fails: Goldens, **call: JSON
) -> Grader:
    """The model gives each criterion a score of 1 to 5, and none is below the threshold.

    `criteria` tells by name what is scored, `{"tone": "friendly, not servile"}`. 1 counts as 0 and 5 as 1; the grade's
    score is the mean, but each criterion has to reach the threshold by itself: a good one hides no bad one. Golden
    outputs and further keywords as of `judge`.
    """
    limit = a_share("scored_judge", "threshold", threshold)
    if limit is None:
        raise refused("scored_judge", "threshold", threshold, "is no threshold", "threshold=0.75")
    given: object = criteria
    if not isinstance(given, Mapping) or not given:
        fix = 'scored_judge({"tone": "friendly, not servile"}, …)'
        raise refused("scored_judge", "criteria", criteria, "names no criterion", fix)
    wanted = {
        a_word("scored_judge", "criteria", name): a_word("scored_judge", name, text) for name, text in criteria.items()
    }
    if "check" in wanted:
        raise refused("scored_judge", "criteria", criteria, "has a criterion named 'check'", 'criteria={"checks": "…"}')
    described = "\n".join(f"{name}: {text}" for name, text in wanted.items())
    task = (
        f"Score the output by each criterion, from 1 (not at all) to {HIGHEST} (wholly), in whole numbers.\n{described}"
    )

    def read(verdict: Mapping[str, JSON], reason: str) -> Told:
        scores = {name: _scored(name, verdict.get(name)) for name in wanted}
        mean = sum(scores.values()) / len(scores)
        low = [name for name, score in scores.items() if score < limit]
        points = ", ".join(f"{name} {verdict[name]}" for name in scores)
        return Grade(name="scored_judge", score=mean, passed=not low, reason=f"{points}: {reason}")

    def grade(put: Put, output: object, _case: Case | None) -> Told:
        return put({"output": text_of(output)}, read)

    params: dict[str, JSON] = {"criteria": dict(wanted)}
    golden = golden_of("scored_judge", passes, fails)
    asks = Asks(task, ", ".join(f'{quoted(name)}: "1 to {HIGHEST}"' for name in wanted))
    return judging("scored_judge", asks, grade, model=model, call=call, params=params, golden=golden, threshold=limit)


def groundedness(*, model: str, threshold: float = 1.0, **call: JSON) -> Grader:
    """The share of the output's claims that the case's `context` supports reaches the threshold.

    As faithfulness of ragas: claims that can be inferred from the context, of all claims. By default all have to be.
    An output without claims is ungraded.
    """
    task = (
        "List the claims that the output makes, numbered, one a line, each with what the context says of it. Then say "
        "for each, in their order, whether the context supports it; what you know from elsewhere does not count."
    )

    def read(verdict: Mapping[str, JSON], reason: str) -> Told:
        supported = _flags("supported", verdict)
        if not supported:
            raise CannotRead("the judge finds no claim in the output")
        return sum(supported) / len(supported), f"{sum(supported)} of {len(supported)} claims supported: {reason}"

    def grade(put: Put, output: object, case: Case | None) -> Told:
        material = {"context": context_of(output, case), "output": text_of(output)}
        return put(material, read)

    return _share(
        "groundedness", Asks(task, '"supported": [true, false, …]'), grade, model, threshold, call, _GOLDEN_GROUNDED
    )


def context_relevance(*, model: str, threshold: float | None = None, **call: JSON) -> Grader:
    """The share of the passages in the case's `context` (a list) that bear on what its inputs ask.

    As context relevance of the TruLens triad, judged passage by passage and averaged, with verdicts of yes and no.
    """
    task = "Say of each passage, in their order, whether it helps to answer the question."

    def read_of(count: int) -> Callable[[Mapping[str, JSON], str], Told]:
        def read(verdict: Mapping[str, JSON], reason: str) -> Told:
            relevant = _flags("relevant", verdict)
            if len(relevant) != count:
                raise CannotRead(f"the judge speaks of {len(relevant)} passages, and there are {count}")
            return sum(relevant) / count, f"{sum(relevant)} of {count} passages relevant: {reason}"

        return read

    def grade(put: Put, output: object, case: Case | None) -> Told:
        passages = _passages(case)
        numbered = {f"passage {number}": told(passage) for number, passage in enumerate(passages, 1)}
        material = {"question": question_of(output, case), **numbered}
        return put(material, read_of(len(passages)))

    return _share(
        "context_relevance", Asks(task, '"relevant": [true, false, …]'), grade, model, threshold, call, _GOLDEN_CONTEXT
    )


def _share(  # noqa: PLR0917  # each is of another type
    kind: str,
    asks: Asks,
    grade: Callable[[Put, object, Case | None], Told],
    model: str,
    threshold: float | None,
    call: Mapping[str, JSON],
    golden: tuple[Golden, ...],
) -> Grader:
    limit = a_share(kind, "threshold", threshold)
    grader = judging(kind, asks, grade, model=model, call=call, params={}, golden=golden, threshold=limit)
    if limit is not None:
        return grader
    # Golden outputs pass or fail, also where what is asked for is only a score.
    decisive = tuple(replace(one, grader=replace(one.grader, threshold=1.0)) for one in grader.judges)
    return replace(grader, score_only=True, judges=decisive)


def _scored(name: str, value: JSON) -> float:
    is_written = isinstance(value, str) and len(value) < 10 and value.strip().isdecimal()
    number = int(str(value)) if is_written else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 1 <= number <= HIGHEST:
        raise CannotRead(f"the judge's score of {quoted(name)} is {quoted(value)}, not 1 to {HIGHEST}")
    return (number - 1) / (HIGHEST - 1)


def _flags(name: str, verdict: Mapping[str, JSON]) -> Sequence[bool]:
    found = verdict.get(name)
    if not isinstance(found, list) or not all(isinstance(one, bool) for one in found):
        raise CannotRead(f"the judge's verdict has no list of true and false as {name!r}, but {quoted(found)}")
    return found


def _passages(case: Case | None) -> Sequence[JSON]:
    context = None if case is None else case.context
    if not isinstance(context, list) or not context:
        raise CannotRead("it reads the `context` of a case as a list of passages, and there is none")
    return context


_QUESTION = "When does the library open?"
_OPENS = "The library opens at nine on weekdays."
_GOLDEN_GROUNDED = (
    golden_answer("It opens at nine on weekdays.", passes=True, question=_QUESTION, context=_OPENS),
    golden_answer("It opens at seven on weekdays.", passes=False, question=_QUESTION, context=_OPENS),
    golden_answer("It opens at ten on Sundays.", passes=False, question=_QUESTION, context=_OPENS),
)
_GOLDEN_CONTEXT = (
    golden_answer("", passes=True, question=_QUESTION, context=[_OPENS]),
    golden_answer("", passes=False, question=_QUESTION, context=["Kangaroos can hop at 60 km/h."]),
)
