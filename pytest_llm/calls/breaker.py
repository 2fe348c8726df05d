"""A host that fails again and again in the same way is not asked any more. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_llm.errors import CallFailed

MOST_EQUAL = 5


@dataclass(slots=True)
class Breaker:
    """Of one host: how its last calls have failed, all their tries included."""

    _kind: object = None
    _count: int = 0
    _first: str = ""

    def check(self) -> None:
        """Raise CallFailed where the host has failed too often."""
        if self._count >= MOST_EQUAL:
            raise CallFailed(f"not asked: {MOST_EQUAL} calls in a row failed in the same way: {self._first}")

    def succeed(self) -> None:
        """The host has answered a call."""
        self._kind, self._count = None, 0

    def fail(self, failed: CallFailed) -> None:
        """A call has failed. What is wrong with one request says nothing of the next, and is not counted."""
        if self._count >= MOST_EQUAL or failed.status in _OF_ONE_REQUEST:
            return
        kind = (failed.status, failed.code) if failed.status else str(failed)
        if kind != self._kind:
            self._kind, self._count, self._first = kind, 0, str(failed)
        self._count += 1


_OF_ONE_REQUEST = (400, 413, 422)
