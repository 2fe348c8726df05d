"""Graders of how long a text is. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_count, refused
from pytest_llm.graders.reading import text_of
from pytest_llm.prompts import Case


def word_count(min: int | None = None, max: int | None = None) -> Grader:  # noqa: A002  # the words a user looks for
    """The number of words, by blanks, is at least `min` and at most `max`."""
    return _between("word_count", "words", lambda text: len(text.split()), min, max)


def length(min: int | None = None, max: int | None = None) -> Grader:  # noqa: A002  # as above
    """The number of characters, blanks at either end included, is at least `min` and at most `max`.

    A character is a code point, as in `len(text)`: an emoji is one or several, an accent of its own is one.
    """
    return _between("length", "characters", len, min, max)


def _between(name: str, unit: str, count_of: Callable[[str], int], least: object, most: object) -> Grader:
    low = None if least is None else a_count(name, "min", least, least=0)
    high = None if most is None else a_count(name, "max", most, least=0)
    if high is None and not low:
        raise refused(name, "min", least, "without max could not fail", f"{name}(min=1, max=100)")
    if low is not None and high is not None and low > high:
        raise refused(name, "min", least, f"is above max={high}, so it could not pass", f"{name}({high}, {low})")

    def grade(output: object, _case: Case | None) -> Told:
        count = count_of(text_of(output))
        if low is not None and count < low:
            return False, f"expected at least {low} {unit}, got {count}"
        if high is not None and count > high:
            return False, f"expected at most {high} {unit}, got {count}"
        return True

    params = tuple((key, value) for key, value in (("min", low), ("max", high)) if value is not None)
    return Grader(name=name, function=grade, params=params)
