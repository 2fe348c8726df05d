"""Checks of graders' parameters: what could never fail, or means a per cent, is refused. PYTEST_DONT_REWRITE

Each check takes the grader's and the parameter's name and returns the value, or raises GraderError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from pytest_llm.errors import GraderError
from pytest_llm.graders.reading import CannotRead, plain
from pytest_llm.schemas import JSON

LONGEST_VALUE = 60


def refused(grader: str, parameter: str, value: object, why: str, fix: str) -> GraderError:
    """The error for one parameter: its value, why it cannot be, what to write."""
    try:
        shown = repr(value)
    except Exception:  # a broken repr of a user's object must not hide our message
        shown = f"<{type(value).__name__}>"
    if len(shown) > LONGEST_VALUE:
        shown = f"{shown[:LONGEST_VALUE]}…"
    return GraderError(f"{grader}: {parameter}={shown} {why}", fix={"write": fix})


def a_text(grader: str, parameter: str, value: object) -> str:
    """Any str."""
    if not isinstance(value, str):
        raise refused(grader, parameter, value, "is no text", f'{parameter}="…"')
    return value


def a_needle(grader: str, parameter: str, value: object) -> str:
    """A str that is not in every text."""
    text = a_text(grader, parameter, value)
    if not text:
        raise refused(grader, parameter, value, "is in every text, so it could not fail", f'{parameter}="…"')
    return text


def a_word(grader: str, parameter: str, value: object) -> str:
    """A str that is not empty."""
    text = a_text(grader, parameter, value)
    if not text:
        raise refused(grader, parameter, value, "is empty", f'{parameter}="…"')
    return text


def some(grader: str, parameter: str, values: Iterable[object]) -> tuple[object, ...]:
    """A list with something in it; a bare str is refused, since it would be taken letter by letter."""
    fix = f'{parameter}=["…", "…"]'
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise refused(grader, parameter, values, "is no list", fix)
    found = tuple(values)
    if not found:
        raise refused(grader, parameter, values, "is empty, so it would decide nothing", fix)
    return found


def a_share(grader: str, parameter: str, value: object) -> float | None:
    """A threshold above 0 and at most 1, or None."""
    if value is None:
        return None
    fix = f"{parameter}=0.8"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refused(grader, parameter, value, "is no number", fix)
    if not value > 0:  # NaN too
        raise refused(grader, parameter, value, "is not above 0, so it could not fail", fix)
    if value > 1:
        fix = f"{parameter}={value / 100:g}" if value <= 100 else fix
        raise refused(grader, parameter, value, "is above 1; it is a share, not a per cent", fix)
    return float(value)


def a_count(grader: str, parameter: str, value: object, *, least: int) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(grader, parameter, value, "is no whole number", f"{parameter}={least or 100}")
    if value < least:
        raise refused(grader, parameter, value, f"is below {least}", f"{parameter}={least or 100}")
    return value


def a_number(grader: str, parameter: str, value: object) -> int | float:
    """A finite number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise refused(grader, parameter, value, "is no finite number", f"{parameter}=42")


def a_json(grader: str, parameter: str, value: object) -> JSON:
    """A value as JSON, copied, so that nobody changes it later."""
    try:
        copy = plain(value)
        json.dumps(copy, allow_nan=False)
    except (CannotRead, ValueError, RecursionError) as problem:
        raise refused(grader, parameter, value, f"is no JSON ({problem})", f'{parameter}={{"…": 1}}') from None
    return copy
