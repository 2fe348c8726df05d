"""What a call costs, by a table that the project keeps: prices change, and cannot be guessed. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytest_llm.calls.response import Usage, told_cost
from pytest_llm.errors import OptionError
from pytest_llm.schemas import JSON

_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by pattern of a model's name, in US dollars per million tokens; the first pattern that matches counts."""

    lines: tuple[tuple[str, float, float, float], ...] = ()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Prices:
        """Prices from lines "MODEL = PROMPT COMPLETION [CACHED PROMPT]". Raises OptionError.

        >>> Prices.of(["gpt-x* = 0.10 0.40"]).lines
        (('gpt-x*', 0.1, 0.4, 0.1),)
        """
        return cls(tuple(_read(line) for line in lines))

    def cost_of(self, data: JSON) -> float | None:
        """US dollars of a reply: as it tells itself, else by its model and tokens."""
        if not isinstance(data, Mapping):
            return None
        told, model = told_cost(data), data.get("model")
        return told if told is not None else self.cost(str(model), Usage.of(data.get("usage")))

    def cost(self, model: str | None, usage: Usage) -> float | None:
        """US dollars of one call; None where the model has no price or the provider did not tell its tokens."""
        line = next((one for one in self.lines if fnmatchcase(model or "", one[0])), None)
        completed = usage.completion_tokens
        if completed is None and usage.total_tokens is not None and usage.total_tokens == usage.prompt_tokens:
            completed = 0  # embeddings
        if line is None or usage.prompt_tokens is None or completed is None:
            return None
        _, prompt, completion, cached = line
        from_cache = usage.cached_tokens or 0
        fresh = usage.prompt_tokens - from_cache
        return (fresh * prompt + from_cache * cached + completed * completion) / _PER


def _read(line: str) -> tuple[str, float, float, float]:
    model, _, numbers = line.rpartition("=")
    try:
        prompt, completion, *cached = map(float, numbers.split())
        if (
            not model.strip()
            or len(cached) > 1
            or not all(0 <= usd < math.inf for usd in (prompt, completion, *cached))
        ):
            raise ValueError
    except ValueError:
        raise OptionError(
            f"llm_prices has a line that is no price: {line!r}",
            fix={"write": "gpt-x = 0.10 0.40      (US dollars per million prompt and completion tokens)"},
        ) from None
    return model.strip(), prompt, completion, cached[0] if cached else prompt
