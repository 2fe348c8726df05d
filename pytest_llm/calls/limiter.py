"""How fast one host is asked: it halves on 429, waits as it is told, and grows back. PYTEST_DONT_REWRITE

Without I/O and without a clock. Additive increase, multiplicative decrease (Chiu and Jain 1989) of the number of
requests in flight. Near the level that was refused last it grows slowly at first and then ever faster, as CUBIC does
(RFC 9438), so that refusals stay rare. Once a host has refused, starts are spaced as well: a window of 5 that is
emptied at once would be a burst, and one below 1 could not be said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_PAUSE_S = 60.0
SMALLEST_WINDOW = 0.05
FIRST_SPACING_S = 0.001
"""Between two starts, so that a refusal is heard of before all of a large window has been sent."""
NEAR = 0.85
"""Of the level that was refused last: up to here the window comes back in a few rounds."""
RECOVERY = 0.1
"""Of that level, by which the window grows in a round until then."""
PROBING, ACCELERATION, RELUCTANCE = 0.02, 0.05, 10.0
"""Beyond: the share by which it grows per second, and how that grows per second; less so by the pause (in seconds) that
the last refusal cost."""
WEIGHT = 0.1
"""Of the newest latency in their running mean."""


@dataclass(slots=True)
class Limiter:
    """What one host may be asked, at times in seconds that the caller tells."""

    #: Requests in flight at most, whatever happens.
    most: int
    in_flight: int = 0
    #: Requests that may be in flight; below 1, the share of the time in which one may be.
    window: float = 0.0
    #: No request starts before.
    not_before: float = float("-inf")
    #: As the host has asked, after a refusal.
    paused_until: float = float("-inf")
    #: The window when the host refused last; None while it never has.
    refused_at: float | None = None
    _latency: float | None = None
    _pause: float = 0.0
    _last_refusal: float = float("-inf")
    _last_growth: float = float("-inf")

    def __post_init__(self) -> None:
        self.window = float(self.most)

    def wait(self, now: float) -> float | None:
        """Seconds until a request may start; None where one of those in flight has to come back first."""
        if self.in_flight >= max(1, int(self.window)):
            return None
        return max(0.0, self.not_before - now)

    def start(self, now: float) -> None:
        """A request starts at that time, which may be to come: its place is taken."""
        self.in_flight += 1
        is_spaced = self.refused_at is not None and self._latency is not None
        spacing = (self._latency or 0.0) / self.window if is_spaced else FIRST_SPACING_S
        self.not_before = max(self.not_before, now + spacing)

    def succeed(self, now: float, started: float) -> None:
        """A reply has come, whatever it says."""
        self.in_flight -= 1
        latency = now - started
        self._latency = latency if self._latency is None else self._latency + WEIGHT * (latency - self._latency)
        if self.refused_at is None or started <= self._last_refusal:
            return
        if self.window < NEAR * self.refused_at:
            self.window += RECOVERY * self.refused_at / max(1.0, self.window)
        else:
            since, passed = now - self._last_refusal, now - max(self._last_growth, self._last_refusal)
            share = PROBING + ACCELERATION * since / (1 + RELUCTANCE * self._pause)
            self.window *= 1 + share * passed
        self.window, self._last_growth = min(self.window, float(self.most)), now

    def fail(self) -> None:
        """A request came to nothing that says anything of the host's pace."""
        self.in_flight -= 1

    def refuse(self, now: float, started: float, retry_after: float | None) -> None:
        """The host has refused a request for there being too many (429), and perhaps said for how many seconds."""
        self.in_flight -= 1
        if started > self._last_refusal:
            self.refused_at = min(self.window, self.in_flight + 1.0)
            self.window, self._last_refusal = self.refused_at / 2, now
        else:  # of the same storm, which tells how many were let through
            self.window = min(self.window, max(1.0, self.in_flight))
        self.window = max(self.window, SMALLEST_WINDOW)
        pause = (self._latency or FIRST_SPACING_S) if retry_after is None else retry_after
        self._pause = min(pause, LONGEST_PAUSE_S)
        self.paused_until = max(self.paused_until, now + self._pause)
        self.not_before = max(self.not_before, self.paused_until)
