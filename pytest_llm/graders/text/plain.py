"""Graders of text. PYTEST_DONT_REWRITE

Equality is exact: no Unicode normalisation, no case folding unless asked for. Where two texts differ only in such, the
reason says so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from itertools import combinations

from pytest_llm.graders.grade import Grade
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_needle, a_text, some
from pytest_llm.graders.reading import text_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted

#: Longer texts are compared without looking for the kind of the difference.
LONGEST_HINTED = 100_000
MOST_SHOWN = 5
#: Texts that differ only after this many characters are shown from shortly before the difference on.
LONGEST_START = 40

_KINDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("case", str.casefold),
    ("blanks", lambda text: " ".join(text.split())),
    ("Unicode normal form", lambda text: unicodedata.normalize("NFC", text)),
)


def equals(value: str, *, casefold: bool = False, strip: bool = True) -> Grader:
    """The text is `value`; by default blanks around either are left out of account."""
    wanted = a_text("equals", "value", value)

    def grade(output: object, _case: Case | None) -> Told:
        return same_text(text_of(output), wanted, casefold=casefold, strip=strip)

    return _text_grader("equals", grade, ("value", wanted), casefold=casefold, strip=strip)


def one_of(values: Iterable[str], *, casefold: bool = False) -> Grader:
    """The text, without blanks around it, is one of these."""
    wanted = [a_text("one_of", "values", value) for value in some("one_of", "values", values)]
    fold = _folding(casefold)
    folded = {fold(value.strip()) for value in wanted}

    def grade(output: object, _case: Case | None) -> Told:
        text = text_of(output).strip()
        if fold(text) in folded:
            return True
        hints = (only_in(_equal, text, value.strip()) for value in wanted)
        return False, f"expected one of {_listed(wanted)}, got {quoted(text)}{next(filter(None, hints), '')}"

    return _text_grader("one_of", grade, ("values", wanted), casefold=casefold)


def contains(text: str, *, casefold: bool = False) -> Grader:
    """The text has this in it."""
    needle = a_needle("contains", "text", text)
    fold = _folding(casefold)

    def grade(output: object, _case: Case | None) -> Told:
        found = text_of(output)
        if fold(needle) in fold(found):
            return True
        return False, f"{quoted(needle)} is not in {quoted(found)}{only_in(_within, found, needle)}"

    return _text_grader("contains", grade, ("text", needle), casefold=casefold)


def contains_any(texts: Iterable[str], *, casefold: bool = False) -> Grader:
    """The text has at least one of these in it."""
    needles = [a_needle("contains_any", "texts", text) for text in some("contains_any", "texts", texts)]
    fold = _folding(casefold)

    def grade(output: object, _case: Case | None) -> Told:
        found = text_of(output)
        folded = fold(found)
        if any(fold(needle) in folded for needle in needles):
            return True
        hints = (only_in(_within, found, needle) for needle in needles)
        return False, f"none of {_listed(needles)} is in {quoted(found)}{next(filter(None, hints), '')}"

    return _text_grader("contains_any", grade, ("texts", needles), casefold=casefold)


def contains_all(texts: Iterable[str], *, casefold: bool = False) -> Grader:
    """The text has all of these in it; the score is the share of those that are."""
    needles = [a_needle("contains_all", "texts", text) for text in some("contains_all", "texts", texts)]
    fold = _folding(casefold)

    def grade(output: object, _case: Case | None) -> Told:
        found = text_of(output)
        folded = fold(found)
        absent = [needle for needle in needles if fold(needle) not in folded]
        score = (len(needles) - len(absent)) / len(needles)
        if not absent:
            return Grade(name="contains_all", score=score, passed=True)
        hints = (only_in(_within, found, needle) for needle in absent)
        what = f"{len(absent)} of {len(needles)} are not in {quoted(found)}: {_listed(absent)}"
        return Grade(name="contains_all", score=score, passed=False, reason=what + next(filter(None, hints), ""))

    return _text_grader("contains_all", grade, ("texts", needles), casefold=casefold)


def starts_with(text: str, *, casefold: bool = False) -> Grader:
    """The text begins with this, at its very first character."""
    needle = a_needle("starts_with", "text", text)
    fold = _folding(casefold)

    def grade(output: object, _case: Case | None) -> Told:
        found = text_of(output)
        if fold(found).startswith(fold(needle)):
            return True
        hint = only_in(_begins, found, needle)
        return False, f"expected it to start with {quoted(needle)}, got {quoted(found)}{hint}"

    return _text_grader("starts_with", grade, ("text", needle), casefold=casefold)


def ends_with(text: str, *, casefold: bool = False) -> Grader:
    """The text ends with this, at its very last character."""
    needle = a_needle("ends_with", "text", text)
    fold = _folding(casefold)

    def grade(output: object, _case: Case | None) -> Told:
        found = text_of(output)
        if fold(found).endswith(fold(needle)):
            return True
        # The end is what matters, and a long text would be shown from its start.
        end = found if len(found) <= LONGEST_START else f"…{found[-LONGEST_START:]}"
        return False, f"expected it to end with {quoted(needle)}, got {quoted(end)}{only_in(_ends, found, needle)}"

    return _text_grader("ends_with", grade, ("text", needle), casefold=casefold)


def same_text(text: str, wanted: str, *, casefold: bool = False, strip: bool = True) -> tuple[bool, str]:
    """Whether two texts are the same, and if not, how they differ."""
    if strip:
        text, wanted = text.strip(), wanted.strip()
    fold = _folding(casefold)
    if fold(text) == fold(wanted):
        return True, ""
    hint = only_in(_equal, text, wanted)
    place = _first_difference(text, wanted)
    if place < LONGEST_START:
        return False, f"expected {quoted(wanted)}, got {quoted(text)}{hint}"
    wanted, text = (f"…{quoted(one[place - 20 : place + 40])}…" for one in (wanted, text))
    return False, f"expected {wanted}, got {text}{hint}; the first {place} characters are the same"


def only_in(test: Callable[[str, str], bool], text: str, wanted: str) -> str:
    """What alone keeps two texts from passing a test, as the end of a reason: `; they differ only in case`."""
    if len(text) > LONGEST_HINTED or len(wanted) > LONGEST_HINTED:
        return ""
    if not _passes_without(_KINDS, test, text, wanted):  # as nearly always: then none of them alone is it
        return ""
    every = (kinds for size in range(1, len(_KINDS) + 1) for kinds in combinations(_KINDS, size))
    found = next(kinds for kinds in every if _passes_without(kinds, test, text, wanted))
    return f"; they differ only in {' and '.join(kind for kind, _ in found)}"


def _passes_without(
    kinds: Iterable[tuple[str, Callable[[str], str]]], test: Callable[[str, str], bool], text: str, wanted: str
) -> bool:
    """Return whether two texts pass a test where what differs in these kinds is evened out."""
    for _, even in kinds:
        text, wanted = even(text), even(wanted)
    return test(text, wanted)


def _equal(text: str, wanted: str) -> bool:
    return text == wanted


# A needle of nothing but blanks is empty once blanks are evened out, and then in every text: no hint.
def _within(text: str, wanted: str) -> bool:
    return bool(wanted) and wanted in text


def _begins(text: str, wanted: str) -> bool:
    return bool(wanted) and text.startswith(wanted)


def _ends(text: str, wanted: str) -> bool:
    return bool(wanted) and text.endswith(wanted)


def _first_difference(text: str, wanted: str) -> int:
    """Where two texts begin to differ; 0 where that is too far to look for."""
    pairs = zip(text[:LONGEST_HINTED], wanted[:LONGEST_HINTED], strict=False)
    shortest = min(len(text), len(wanted))
    end = shortest if shortest < LONGEST_HINTED else 0
    return next((place for place, (one, other) in enumerate(pairs) if one != other), end)


def _folding(casefold: bool) -> Callable[[str], str]:
    return str.casefold if casefold else str


def _listed(texts: list[str]) -> str:
    shown = ", ".join(quoted(text) for text in texts[:MOST_SHOWN])
    return shown if len(texts) <= MOST_SHOWN else f"{shown} and {len(texts) - MOST_SHOWN} more"


def _text_grader(
    name: str,
    function: Callable[[object, Case | None], Told],
    param: tuple[str, object],
    *,
    casefold: bool,
    strip: bool = True,
) -> Grader:
    changed = (("casefold", True),) * casefold + (("strip", False),) * (not strip)
    return Grader(name=name, function=function, params=(param, *changed))
