"""Graders of retrieval: a ranked list of passages and which are relevant. PYTEST_DONT_REWRITE

Rank order is the truth: no scores are read, so there are no ties. The definitions are those of trec_eval (NIST,
`m_recall.c`, `m_P.c`, `m_recip_rank.c`, `m_ndcg_cut.c`, `m_success.c`), with which they agree to the last digit. What
it leaves out or counts as 0 without a word is ungraded here: a query without a result list, a case without relevant
passages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from pytest_llm.calls import Response
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_count, a_share, refused, some
from pytest_llm.graders.reading import CannotRead, NotConforming, expected_of, json_of, kind_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted

MOST_SHOWN = 10
HIGHEST_GRADE = 1e9

Relevance: TypeAlias = Mapping[str, float]
"""From the id of a relevant passage to its grade, which is above 0."""

_Relevant: TypeAlias = Mapping[str, float] | Iterable[str]

_Measure: TypeAlias = Callable[[Sequence[str], Relevance], float]


def recall_at_k(k: int, *, relevant: _Relevant | None = None, threshold: float | None = None) -> Grader:
    """The share of the relevant passages that are among the first k: of all of them, not of min(k, relevant).

    Compared with `expected` of the case, a list of ids or a mapping from ids to grades, unless `relevant` is given.
    """
    most = a_count("recall_at_k", "k", k, least=1)

    def measure(ranking: Sequence[str], grades: Relevance) -> float:
        return _found(ranking[:most], grades) / len(grades)

    return _ranked("recall_at_k", measure, most, relevant, threshold)


def precision_at_k(k: int, *, relevant: _Relevant | None = None, threshold: float | None = None) -> Grader:
    """The share of relevant passages among the first k: of k, even where fewer came. `relevant` as of `recall_at_k`."""
    most = a_count("precision_at_k", "k", k, least=1)

    def measure(ranking: Sequence[str], grades: Relevance) -> float:
        return _found(ranking[:most], grades) / most

    return _ranked("precision_at_k", measure, most, relevant, threshold)


def mrr(k: int | None = None, *, relevant: _Relevant | None = None, threshold: float | None = None) -> Grader:
    """One by the rank of the first relevant passage, 0 where there is none (among the first k): the reciprocal rank.

    The mean over the cases of a suite is the MRR. `relevant` as of `recall_at_k`.
    """
    most = None if k is None else a_count("mrr", "k", k, least=1)

    def measure(ranking: Sequence[str], grades: Relevance) -> float:
        return next((1 / rank for rank, one in enumerate(ranking[:most], start=1) if one in grades), 0.0)

    return _ranked("mrr", measure, most, relevant, threshold)


def ndcg(k: int, *, relevant: _Relevant | None = None, threshold: float | None = None) -> Grader:
    """Normalised discounted cumulative gain of the first k: grade / log2(rank + 1), summed, by the best sum there is.

    The gain is the grade itself (Järvelin and Kekäläinen 2002), as in trec_eval and BEIR, not 2**grade - 1; the ideal
    ranking is cut at k too. `relevant` as of `recall_at_k`.
    """
    most = a_count("ndcg", "k", k, least=1)

    def measure(ranking: Sequence[str], grades: Relevance) -> float:
        ideal = sorted(grades.values(), reverse=True)
        gained = _gain([grades.get(one, 0) for one in ranking[:most]]) / _gain(ideal[:most])
        return min(gained, 1.0)  # grades that nearly are the same add up to a last digit more in another order

    return _ranked("ndcg", measure, most, relevant, threshold)


def hit(k: int, *, relevant: _Relevant | None = None) -> Grader:
    """A relevant passage is among the first k; trec_eval calls it success. `relevant` as of `recall_at_k`."""
    most = a_count("hit", "k", k, least=1)
    given = _given("hit", relevant)

    def grade(output: object, case: Case | None) -> Told:
        ranking = _ranking(output)
        grades = _relevance(case) if given is None else given
        return True if _found(ranking[:most], grades) else (False, _reason(ranking, grades))

    params = (("k", most), ("relevant", given))
    told = tuple(pair for pair in params if pair[1] is not None)
    return Grader(name=f"hit({most})", function=grade, params=told)


def retrieves_nothing() -> Grader:
    """The list of passages is empty, as it has to be where nothing is relevant."""

    def grade(output: object, _case: Case | None) -> Told:
        ranking = _ranking(output)
        return (False, f"expected no passage, got {_listed(ranking)}") if ranking else True

    return Grader(name="retrieves_nothing", function=grade)


def _ranked(
    name: str, measure: _Measure, most: int | None, relevant: _Relevant | None, threshold: float | None
) -> Grader:
    limit = a_share(name, "threshold", threshold)
    given = _given(name, relevant)
    if given is not None and limit is not None:
        best = measure(sorted(given, key=lambda one: -given[one]), given)
        if best < limit:
            why = f"is above {best:.4g}, the best that there is with {len(given)} relevant, so it could not pass"
            raise refused(name, "threshold", threshold, why, f"threshold={math.floor(best * 100) / 100:g}")

    def grade(output: object, case: Case | None) -> Told:
        ranking = _ranking(output)
        grades = _relevance(case) if given is None else given
        score = measure(ranking, grades)
        return score, "" if score == 1 else _reason(ranking, grades)

    params = (("k", most), ("relevant", given))
    return Grader(
        name=name if most is None else f"{name}({most})",
        function=grade,
        params=tuple(pair for pair in params if pair[1] is not None),
        threshold=limit,
        score_only=limit is None,
    )


def _found(ranking: Sequence[str], grades: Relevance) -> int:
    return sum(one in grades for one in ranking)


def _gain(gains: Sequence[float]) -> float:
    # One after the other, as trec_eval adds them, so that the last digit is the same.
    total = 0.0
    for rank, gain in enumerate(gains, start=1):
        total += gain / math.log2(rank + 1)
    return total


def _ranking(output: object) -> list[str]:
    """The ids of a ranked list, best first. Raises CannotRead, or NotConforming where a model wrote the list."""
    if output is None:
        raise CannotRead("it was given no list of passages: the query has no result at all")
    written = isinstance(output, (str, Response))
    passages = json_of(output) if written else output
    try:
        return _ids(passages)
    except CannotRead as problem:
        raise NotConforming(str(problem)) if written else problem from None


def _ids(passages: object) -> list[str]:
    if not isinstance(passages, (list, tuple)):
        raise CannotRead(f"it reads a ranked list of passages, and was given {kind_of(passages)}")
    ranks: dict[str, int] = {}
    for rank, passage in enumerate(passages, start=1):
        found = passage
        if isinstance(passage, Mapping):
            found = passage.get("id")
        elif not isinstance(passage, (str, int)):
            found = getattr(passage, "id", None)
        if not _is_id(found):
            raise CannotRead(f"the passage of rank {rank} is {kind_of(passage)}, neither an id nor with one")
        if ranks.setdefault(str(found), rank) != rank:
            raise CannotRead(f"the passage of rank {rank}, {quoted(str(found))}, is in the list twice")
    return list(ranks)


def _given(name: str, relevant: _Relevant | None) -> dict[str, float] | None:
    """What is relevant, as a parameter; None where the case tells. Raises GraderError."""
    if relevant is None:
        return None
    fix = 'relevant=["doc-1"] or relevant={"doc-1": 3}'
    try:
        found = _grades(relevant if isinstance(relevant, Mapping) else some(name, "relevant", relevant))
    except CannotRead as problem:
        raise refused(name, "relevant", relevant, str(problem), fix) from None
    if not found:
        raise refused(name, "relevant", relevant, "has nothing relevant in it, so it would decide nothing", fix)
    return found


def _relevance(case: Case | None) -> dict[str, float]:
    """What is relevant in a case, not empty. Raises CannotRead."""
    expected = expected_of(case)
    try:
        found = _grades(expected)
    except CannotRead as problem:
        raise CannotRead(f"`expected` {problem}") from None
    if not found:
        raise CannotRead("`expected` has no relevant passage: not scored; retrieves_nothing() is the check for that")
    return found


def _grades(relevant: object) -> dict[str, float]:
    """The grades above 0, by id. Raises CannotRead, whose message is the end of a sentence."""
    if isinstance(relevant, Mapping):
        pairs = list(relevant.items())
    elif isinstance(relevant, (list, tuple)):
        pairs = [(one, 1) for one in relevant]
    else:
        raise CannotRead(f"is to be a list of ids or a mapping from ids to grades, and is {kind_of(relevant)}")
    for one, grade in pairs:
        if not _is_id(one):
            raise CannotRead(f"has {quoted(one)} in it, which is no id")
        # NaN too is no grade.
        if isinstance(grade, bool) or not isinstance(grade, (int, float)) or not abs(grade) < HIGHEST_GRADE:
            raise CannotRead(f"has the grade {quoted(grade)}, which is none")
    return {str(one): grade for one, grade in pairs if grade > 0}


def _is_id(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _reason(ranking: Sequence[str], grades: Relevance) -> str:
    ranks = {one: rank for rank, one in enumerate(ranking, start=1)}
    best = sorted(grades, key=lambda one: -grades[one])
    told = [f"{quoted(one)} {f'at rank {ranks[one]}' if one in ranks else 'absent'}" for one in best[:MOST_SHOWN]]
    rest = f" and {len(best) - MOST_SHOWN} more" if len(best) > MOST_SHOWN else ""
    return f"relevant: {', '.join(told)}{rest}; got {_listed(ranking)}"


def _listed(ranking: Sequence[str]) -> str:
    rest = f" and {len(ranking) - MOST_SHOWN} more" if len(ranking) > MOST_SHOWN else ""
    return (", ".join(quoted(one) for one in ranking[:MOST_SHOWN]) or "no passage") + rest
