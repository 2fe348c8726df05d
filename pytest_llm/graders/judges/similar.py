"""A grader of meaning, by embeddings. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_share, a_text, a_word, refused
from pytest_llm.graders.reading import CannotRead, answers_of, text_of
from pytest_llm.prompts import Case, Embedding
from pytest_llm.schemas import quoted


def similar(
    expected: str | None = None,
    *,
    model: str,
    threshold: float,
    base_url: str | None = None,
    api_key_env: str | None = None,
) -> Grader:
    """The text means what `expected` says: the cosine of their vectors reaches the threshold.

    The vectors are those of an embedding model at any OpenAI-compatible endpoint, recorded and replayed like every
    call. Compared with `expected` of the case unless it is given; of a list the nearest counts. The score is the
    cosine, x·y / (|x| |y|), and 0 where that is below 0. What counts as near differs from model to model: look at
    pairs of your own before you choose a threshold.
    """
    limit = a_share("similar", "threshold", threshold)
    if limit is None:
        raise refused("similar", "threshold", threshold, "is no threshold", "threshold=0.8")
    wanted = None if expected is None else a_text("similar", "expected", expected)
    embedding = Embedding(model=a_word("similar", "model", model), base_url=base_url, api_key_env=api_key_env)

    def grade(output: object, case: Case | None) -> Told:
        text = text_of(output)
        answers = answers_of(case) if wanted is None else [wanted]
        if not text.strip() or not all(answer.strip() for answer in answers):
            raise CannotRead("an empty text has no meaning to compare")
        vector, *others = embedding.ask([text, *answers])
        cosines = [cosine(vector, other) for other in others]
        score = max(cosines)
        nearest = answers[cosines.index(score)]
        return max(0.0, min(1.0, score)), f"cosine {score:.3f} with {quoted(nearest)}, got {quoted(text)}"

    given = (("expected", wanted), ("model", embedding.model))
    params = tuple(pair for pair in given if pair[1] is not None)
    return Grader(name="similar", function=grade, params=params, threshold=limit, asks=True)


def cosine(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between two vectors. Raises CannotRead where one has no direction.

    >>> round(cosine([1.0, 0.0], [1.0, 1.0]), 4)
    0.7071
    """
    # hypot scales, so that neither large nor small numbers overflow or vanish.
    length = math.hypot(*one) * math.hypot(*other)
    if not 0 < length < math.inf:
        raise CannotRead("the model gave a vector without a direction")
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / length
