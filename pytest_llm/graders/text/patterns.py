r"""A grader by a regular expression, with a limit to the time that it takes. PYTEST_DONT_REWRITE

The pattern is checked by Python's own `re` and matched by the library `regex` in its version 0, which can stop. Where
the two read a pattern differently it is rewritten, so that it means what it means to `re`: `\w`, `\W`, `\b` and `\B`
go by letters and digits (`regex` counts accents as part of a word, and not `²`), `\s` and `\S` count U+001C to U+001F
as blanks, `x{e}` and `[[:alpha:]]` are literal. What is left: without regard to case, the Turkish `ı` and `İ` are no
`i`, and the combining U+0345 is a letter; characters that are younger than the running Python's edition of Unicode may
be letters or digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import refused
from pytest_llm.graders.reading import CannotRead, text_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted

#: CPU seconds after which a pattern is given up.
LONGEST_MATCH_S = 1.0

# Without any of these a pattern is tried once at each place.
_BACKTRACKS = re.compile(r"[*+?{|]")
_ASSERTS = re.compile(r"[\^$]|\\[bBAZ1-9]|\(\?(?:[=!<(]|P=)")

# What `re` takes for a character of a word and for a blank, as members of a set of `regex`.
_WORD, _BLANK = r"\p{L}\p{N}_", r"\s\x1c-\x1f"
_EDGE = f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
# Until Python 3.14 `re` found no \B in an empty text.
_NOT_EMPTY = "" if re.search(r"\B", "") else r"(?!\A\Z)"
_NO_EDGE = f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]){_NOT_EMPTY})"
_CLASSES = {
    r"\w": f"[{_WORD}]",
    r"\W": f"[^{_WORD}]",
    r"\s": f"[{_BLANK}]",
    r"\S": f"[^{_BLANK}]",
    r"\b": _EDGE,
    r"\B": _NO_EDGE,
}

_SET = r"\[(?P<not>\^?)(?P<members>\]?(?:\\.|[^\]\\])*)\]"
_TOKEN = re.compile(
    rf"(?P<kept>\\N\{{[^}}]*\}}|\(\?\#[^)]*\)|\{{(?:[0-9]+(?:,[0-9]*)?|,[0-9]*)\}})|(?P<escape>\\.)|(?P<set>{_SET})|\{{",
    re.DOTALL,
)
_VERBOSE_TOKEN = re.compile(rf"(?P<comment>\#[^\n]*)|{_TOKEN.pattern}", re.DOTALL)
_MEMBER = re.compile(r"\\.|\[", re.DOTALL)


def regex(pattern: str | re.Pattern[str], *, flags: int = 0, fullmatch: bool = False) -> Grader:
    """The pattern is found somewhere in the text, or, with `fullmatch`, describes all of it.

    The syntax and its meaning are those of Python's `re`. A text on which the pattern backtracks for more than a second
    is ungraded.
    """
    compiled = _compiled(pattern, flags)
    if not fullmatch and _matches_all(compiled):
        why = "matches every text, so it could not fail"
        raise refused("regex", "pattern", compiled.pattern, why, 'regex("[0-9]+")')
    look = finder(compiled, "fullmatch" if fullmatch else "search")

    def grade(output: object, _case: Case | None) -> Told:
        found = text_of(output)
        if look(found):
            return True
        what = "all of it" if fullmatch else "it"
        return False, f"{what} should match {quoted(compiled.pattern)}, got {quoted(found)}"

    # UNICODE is set in every compiled pattern of str.
    options = (("flags", compiled.flags & ~re.UNICODE), ("fullmatch", fullmatch))
    params = (("pattern", compiled.pattern), *((name, value) for name, value in options if value))
    return Grader(name="regex", function=grade, params=params)


def finder(pattern: re.Pattern[str], method: str) -> Callable[[str], Any]:
    """A method of a pattern, of a text alone. Called, it raises CannotRead where it takes too long."""
    if not _BACKTRACKS.search(pattern.pattern):
        return getattr(pattern, method)  # type: ignore[no-any-return]  # any of the methods
    look = getattr(stoppable(pattern), method)

    def find(text: str) -> Any:
        try:
            return look(text, timeout=LONGEST_MATCH_S)
        except TimeoutError:
            what = f"the pattern {quoted(pattern.pattern)} was given up after {LONGEST_MATCH_S:g} s"
            raise CannotRead(f"{what}, on {len(text)} characters: it tries too many ways to match") from None

    return find


def stoppable(pattern: re.Pattern[str]) -> Any:
    """A pattern of `re` as one of `regex` that means the same."""
    import regex as engine

    # DEBUG of `re` has the number that is ASCII in `regex`: flags go by their names.
    names = ("IGNORECASE", "MULTILINE", "DOTALL", "VERBOSE", "ASCII")
    flags = sum(getattr(engine, name) for name in names if pattern.flags & getattr(re, name))
    return engine.compile(_rewritten(pattern), flags | engine.VERSION0)


def _rewritten(pattern: re.Pattern[str]) -> str:
    """The pattern as `regex` has to be told it; a set with `(?a:…)` in it keeps its classes as `regex` has them."""
    classes = not pattern.flags & re.ASCII and "(?a" not in pattern.pattern

    def told(found: re.Match[str]) -> str:
        if found["set"]:
            return _rewritten_set(found["members"], negated=bool(found["not"]), classes=classes)
        if found[0] == "{":
            return r"\{"
        if classes:
            return _CLASSES.get(found[0], found[0])
        return found[0] + _NOT_EMPTY if found[0] == r"\B" else found[0]

    token = _VERBOSE_TOKEN if pattern.flags & re.VERBOSE else _TOKEN
    return token.sub(told, pattern.pattern)


def _rewritten_set(members: str, *, negated: bool, classes: bool) -> str:
    """A set of `re`. What is not in several properties can be no member of a set, and becomes another alternative."""
    escapes = set(_MEMBER.findall(members))
    if any({f"\\{kind}", f"\\{kind.upper()}"} <= escapes for kind in "dsw"):
        # [\s\S] is how many write "any character", and [^\d\D], which is none, is a digit to `regex`.
        return "(?!)" if negated else "(?s:.)"
    wide: list[str] = []

    def told(found: re.Match[str]) -> str:
        if found[0] == "[":
            return r"\["
        if classes and found[0] in (r"\W", r"\S"):
            wide.append(_CLASSES[found[0]])
            return ""
        return {r"\w": _WORD, r"\s": _BLANK}.get(found[0], found[0]) if classes else found[0]

    rest = _MEMBER.sub(told, members)
    if not wide:
        return f"[{'^' * negated}{rest}]"
    if rest:
        wide.append(f"[{rest.replace('^', chr(92) + '^', 1) if rest.startswith('^') else rest}]")
    options = "|".join(wide)
    return f"(?:(?!{options})(?s:.))" if negated else f"(?:{options})"


def _compiled(pattern: object, flags: int) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern, flags)  # type: ignore[call-overload]  # whatever it is: what it is no use for, it says
    except (re.error, TypeError, ValueError, OverflowError, RecursionError) as problem:
        raise refused("regex", "pattern", pattern, f"is no pattern ({problem})", 'regex(r"[0-9]+")') from None
    if not isinstance(compiled.pattern, str):
        raise refused("regex", "pattern", pattern, "is a pattern of bytes", 'regex(r"[0-9]+")')
    return compiled  # type: ignore[no-any-return]  # a pattern of str, as was just found


def _matches_all(pattern: re.Pattern[str]) -> bool:
    """Whether a search for it always succeeds: what matches "" and asserts nothing does so at the start of any text."""
    return bool(pattern.match("")) and not _ASSERTS.search(pattern.pattern)
