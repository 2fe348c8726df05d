"""What a recording run would ask, suite by suite. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from pytest_llm.reports.text import compact, visible


@dataclass(slots=True, kw_only=True)
class Forecast:
    """What a recording run would ask for one suite."""

    suite: str
    items: int = 0
    #: Requests of declared prompts that have no recording, or would be asked again.
    requests: int = 0
    #: Items whose code asks by itself, which nobody knows before it runs.
    unknown: int = 0
    #: Tokens of the suite's recorded replies, those that are known.
    tokens: list[int] = field(default_factory=list)
    #: US dollars of each of them; None where not known.
    usd: list[float | None] = field(default_factory=list)
    #: Items that cannot be recorded as they are, with the reason.
    problems: list[str] = field(default_factory=list)


def forecast_lines(forecasts: Sequence[Forecast]) -> list[str]:
    """The forecast, line by line. Tokens and money are the mean of what is recorded, times the requests."""
    width = max((len(one.suite) for one in forecasts), default=0)
    lines = [f"{visible(one.suite):<{width}}   {_line(one)}" for one in forecasts]
    for one in forecasts:
        lines += [visible(problem) for problem in one.problems]
    return [*lines, "nothing was asked; leave out --llm-dry-run to ask"]


def _line(one: Forecast) -> str:
    parts = [f"{_counted(one.requests, 'request')} for {_counted(one.items - one.unknown, 'item')}"]
    if one.items == one.unknown:
        parts = []
    if one.requests and one.tokens:
        parts.append(f"about {compact(round(mean(one.tokens) * one.requests))} tokens")
        parts.append(_money(one))
    elif one.requests:
        parts.append("tokens not known: nothing is recorded yet")
    if one.unknown:
        parts.append(f"{_counted(one.unknown, 'item')} whose code asks by itself: not known before it runs")
    return "   ".join(parts)


def _money(one: Forecast) -> str:
    known = [usd for usd in one.usd if usd is not None]
    if not known:
        return "cost not known"
    partly = "" if len(known) == len(one.usd) else f" (known for {len(known)} of {len(one.usd)} recorded replies)"
    return f"about ${mean(known) * one.requests:.4f}{partly}"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
