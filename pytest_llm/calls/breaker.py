"""A model that fails again and again in the same way is not asked any more. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_llm.errors import CallFailed

MOST_EQUAL = 5
SLOW_S = 5.0
"""A call that took longer to fail says enough by itself, whatever failed beside it."""
_OF_ONE_REQUEST = (400, 413, 422)
_OF_THE_KEY = (401, 403, 404)


@dataclass(slots=True)
class Breaker:
    """How the last calls have failed, all their tries included.

    Calls that fail at once count once, unless it is the key or the model that is refused: a moment in which an endpoint
    is away fails all that are in flight, and is not the end of a run.
    """

    clock: Callable[[], float]
    _kind: object = None
    _count: int = 0
    _first: str = ""
    _counted_at: float = float("-inf")

    def check(self) -> None:
        """Raise CallFailed where there were too many."""
        if self._count >= MOST_EQUAL:
            raise CallFailed(f"not asked: {MOST_EQUAL} calls in a row failed in the same way: {self._first}")

    def succeed(self) -> None:
        """A call was answered."""
        self._kind, self._count = None, 0

    def fail(self, failed: CallFailed, started: float) -> None:
        """A call has failed that started then. What is wrong with one request says nothing of the next."""
        now = self.clock()
        if self._count >= MOST_EQUAL or failed.status in _OF_ONE_REQUEST:
            return
        is_beside = started < self._counted_at and now - started < SLOW_S and failed.status not in _OF_THE_KEY
        kind = (failed.status, failed.code) if (failed.status or 0) >= 400 else str(failed)
        if kind != self._kind:
            self._kind, self._count, self._first = kind, 0, str(failed)
        elif is_beside:
            return
        self._count, self._counted_at = self._count + 1, now
