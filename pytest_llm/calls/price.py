"""What a call costs: as the reply tells, by the project's table, by a price library; else unknown. PYTEST_DONT_REWRITE

Never guessed: what neither the table nor the library prices costs None, not the standard price and not 0.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pytest_llm.calls.charge import Charge
from pytest_llm.calls.endpoint import is_loopback
from pytest_llm.calls.response import told_cost
from pytest_llm.errors import OptionError
from pytest_llm.schemas import JSON

_PER = 1_000_000
LIBRARY = "genai_prices"
EXTRA = 'pip install "pytest-llm-evals[prices]"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table: US dollars per million tokens; None of what goes into the cache: not priced."""

    #: A pattern of the model's name.
    model: str
    prompt: float
    completion: float
    cached: float
    written: float | None = None
    #: As the provider calls it; "" for the standard one.
    tier: str = ""

    def cost(self, charge: Charge) -> float | None:
        """US dollars."""
        fresh = charge.prompt - charge.cached - charge.written
        if fresh < 0 or (charge.written and self.written is None):
            return None
        written = charge.written * (self.written or 0)
        return (
            fresh * self.prompt + charge.cached * self.cached + written + charge.completion * self.completion
        ) / _PER


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by pattern of a model's name, in US dollars per million tokens; the first line that matches counts.

    A model that no line matches is priced by the library genai-prices, where that is installed.
    """

    lines: tuple[Line, ...] = ()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Prices:
        """Prices from lines "MODEL [TIER] = PROMPT COMPLETION [CACHED [WRITTEN]]". Raises OptionError.

        >>> Prices.of(["gpt-x* = 0.10 0.40"]).lines[0].cached
        0.1
        """
        return cls(tuple(map(_read, lines)))

    def cost_of(self, data: JSON, at: str | None = None) -> float | None:
        """US dollars of a reply: as it tells itself, else by its model, tokens and terms.

        `at` is the address that was asked, from which the library knows who sells; None where that is not known.
        """
        if not isinstance(data, Mapping):
            return None
        if (told := told_cost(data)) is not None:
            return told
        if not self.lines and not has_library():  # as for nearly everybody: nothing is read for nothing
            return None
        charge = Charge.of(data)
        return None if charge is None else self.cost(charge, at)

    def cost(self, charge: Charge, at: str | None = None) -> float | None:
        """US dollars; None where the model, its provider or its terms have no price."""
        lines = [line for line in self.lines if fnmatchcase(charge.model, line.model)]
        if lines:  # the project knows better than a library, also what it leaves open
            tier = " ".join(charge.terms.values())
            line = next((one for one in lines if one.tier == tier), None)
            return None if line is None else line.cost(charge)
        if not charge.model or not has_library() or _is_local(at or ""):
            return None
        from pytest_llm.calls.library_prices import cost

        return cost(charge, at)


@functools.cache
def has_library() -> bool:
    """Whether the price library is installed."""
    return importlib.util.find_spec(LIBRARY) is not None


@functools.lru_cache(maxsize=64)
def _is_local(address: str) -> bool:
    return is_loopback(urlsplit(address).hostname or "")


def _read(line: str) -> Line:
    name, _, numbers = line.rpartition("=")
    try:
        model, *tier = name.split()
        prompt, completion, *more = map(float, numbers.split())
        if len(more) > 2 or len(tier) > 1 or not all(0 <= usd < math.inf for usd in (prompt, completion, *more)):
            raise ValueError
    except ValueError:
        raise OptionError(
            f"llm_prices has a line that is no price: {line!r}",
            fix={"write": "gpt-x = 0.10 0.40      (US dollars per million prompt and completion tokens)"},
        ) from None
    return Line(
        model=model,
        tier=" ".join(tier),
        prompt=prompt,
        completion=completion,
        cached=more[0] if more else prompt,
        written=more[1] if len(more) > 1 else None,
    )
