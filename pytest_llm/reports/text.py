"""Text for a terminal. Model output is hostile: nothing of it may act on the reader's screen. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json

from pytest_llm.schemas import JSON, visible

LONGEST_LINE = 100

__all__ = ["compact", "one_line", "percent", "visible"]


def one_line(value: JSON, longest: int = LONGEST_LINE) -> str:
    """A text, or JSON, on one line, trimmed."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    # Cut first: ten megabytes need not be searched for blanks.
    text = " ".join(text[: longest * 20].split())
    return visible(text if len(text) <= longest else text[: longest - 1] + "…")


def percent(part: int, whole: int) -> str:
    """A share with one decimal; "–" of nothing.

    >>> percent(342, 360)
    '95.0 %'
    """
    return f"{100 * part / whole:.1f} %" if whole else "–"


def compact(number: int) -> str:
    """A count in short: 980, 41.2k, 1.3M.

    >>> compact(41234)
    '41.2k'
    """
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
