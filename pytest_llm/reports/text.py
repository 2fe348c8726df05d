"""Text for a terminal. Model output is hostile: nothing of it may act on the reader's screen. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json

from pytest_llm.schemas import JSON, visible

LONGEST_LINE = 100

__all__ = ["compact", "one_line", "percent", "signed", "visible"]


def one_line(value: JSON, longest: int = LONGEST_LINE) -> str:
    """A text, or JSON, on one line, trimmed."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    looked_at = text[: longest * 20]  # ten megabytes need not be searched for blanks
    line = " ".join(looked_at.split())
    if len(line) > longest or len(looked_at) < len(text):
        line = line[: longest - 1] + "…"
    return visible(line)


def percent(part: int, whole: int) -> str:
    """A share with one decimal, 100.0 only of all; "–" of nothing.

    >>> percent(342, 360)
    '95.0 %'
    """
    if not whole:
        return "–"
    shown = f"{100 * part / whole:.1f} %"
    return "99.9 %" if part < whole and shown == "100.0 %" else shown


def signed(share: float) -> str:
    """A difference of shares in points, with its sign.

    >>> signed(-0.146), signed(0.0)
    ('−14.6', '0.0')
    """
    text = f"{abs(share) * 100:.1f}"
    return text if text == "0.0" else f"{'−' if share < 0 else '+'}{text}"


def compact(number: int) -> str:
    """A count in short: 980, 41.2k, 1.3M.

    >>> compact(41234)
    '41.2k'
    """
    thousands = f"{number / 1_000:.1f}"
    if number < 1_000:
        return str(number)
    return f"{thousands}k" if float(thousands) < 1_000 else f"{number / 1_000_000:.1f}M"
