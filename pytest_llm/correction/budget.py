"""What a correction may spend. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from pytest_llm.correction.attempt import Attempt, Stop
from pytest_llm.errors import CorrectionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one run of a correction may spend at most, its first attempt included; None where it is not limited.

    Raises CorrectionError for an amount that no run could keep to.
    """

    #: From 1, which corrects nothing.
    attempts: int = 3
    #: Of all attempts together, prompt and completion.
    tokens: int | None = None
    #: US dollars.
    cost: float | None = None
    #: Seconds from the first request on.
    deadline: float | None = None
    #: So many identical replies in a row end the run; None for never. Asking again without feedback is exempt.
    stall: int | None = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            amount = getattr(self, field.name)
            least = {"attempts": 1, "stall": 2}.get(field.name, 0)
            whole = field.name in ("attempts", "tokens", "stall")
            if amount is None and field.name != "attempts":
                continue
            if not isinstance(amount, int if whole else int | float) or isinstance(amount, bool):
                raise _wrong(field.name, amount, "a whole number" if whole else "a number")
            if not least <= amount < math.inf or amount == 0:
                raise _wrong(field.name, amount, f"at least {least}" if least else "more than 0")

    def stop(self, attempts: Sequence[Attempt], *, may_stall: bool) -> Stop | None:
        """Why there is no further attempt after these; None where one can be paid for. The deadline is not looked at.

        A further attempt costs what the last one did, at least.
        """
        if len(attempts) >= self.attempts:
            return "max_attempts"
        if may_stall and self.stall is not None and _identical(attempts) >= self.stall:
            return "stalled"
        if (tokens := _left(self.tokens, [one.usage.total_tokens for one in attempts])) != "enough":
            return "usage_unknown" if tokens == "unknown" else "max_tokens"
        if (cost := _left(self.cost, [one.cost for one in attempts])) != "enough":
            return "cost_unknown" if cost == "unknown" else "max_cost"
        return None


def _left(limit: float | None, spent: Sequence[float | None]) -> Literal["enough", "unknown", "too little"]:
    if limit is None:
        return "enough"
    known = [amount for amount in spent if amount is not None]
    if len(known) < len(spent):
        return "unknown"
    return "enough" if sum(known) + known[-1] <= limit else "too little"


def _identical(attempts: Sequence[Attempt]) -> int:
    """How many attempts at the end replied the same."""
    count = 1
    for earlier in reversed(attempts[:-1]):
        if earlier.said != attempts[-1].said:
            break
        count += 1
    return count


def _wrong(name: str, amount: object, told: str) -> CorrectionError:
    return CorrectionError(f"{name}= of a correction is {told}, not {amount!r}", fix={"write": f"{name}={_GOOD[name]}"})


_GOOD = {"attempts": "3", "tokens": "20_000", "cost": "0.05", "deadline": "30", "stall": "2"}
