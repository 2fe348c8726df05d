"""How far a run that asks has come, in one line. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_llm.reports.text import compact, visible

BAR = 24
_FULL, _PARTS = "█", "▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of a run while it asks."""

    done: int
    #: Items altogether; None where the workers of xdist have not told.
    total: int | None
    #: Requests that are under way; None where other processes send them.
    in_flight: int | None
    #: Items per second, of late; None before anything is known.
    rate: float | None
    #: Of what was asked so far; None where a reply did not tell.
    tokens: int | None
    cost_usd: float | None
    #: A host that has refused, and the seconds until it is asked again.
    paused: tuple[str, float] | None = None


def progress_line(now: Progress, *, bar: bool = True) -> str:
    """The line: bar, done of all, what is under way, rate, cost, time left; without what is not known.

    >>> progress_line(
    ...     Progress(done=214, total=360, in_flight=16, rate=31.0, tokens=9000, cost_usd=0.018), bar=False
    ... )
    'asking  214/360   16 in flight   31/s   $0.018   5 s left'
    """
    parts = [f"{now.done:,}/{now.total:,}" if now.total is not None else f"{now.done:,} done"]
    if bar and now.total:
        parts.insert(0, _bar(now.done / now.total))
    if now.in_flight is not None:
        parts.append(f"{now.in_flight} in flight")
    if now.paused is not None:
        host, seconds = now.paused
        parts.append(f"rate limited by {visible(host)}, next in {seconds:.1f} s")
    if now.rate:
        parts.append(f"{now.rate:.0f}/s" if now.rate >= 10 else f"{now.rate:.1f}/s")
    if now.cost_usd is not None:
        parts.append(f"${now.cost_usd:.3f}")
    elif now.tokens is not None:
        parts.append(f"{compact(now.tokens)} tokens")
    if now.rate and now.total is not None and now.total > now.done:
        parts.append(f"{_lasting((now.total - now.done) / now.rate)} left")
    return "asking  " + "   ".join(parts)


def _bar(share: float) -> str:
    eighths = round(min(1.0, share) * BAR * 8)
    part = _PARTS[eighths % 8 - 1] if eighths % 8 else ""
    return f"{_FULL * (eighths // 8)}{part}".ljust(BAR)


def _lasting(seconds: float) -> str:
    """A time to come, no more exact than it is known.

    >>> _lasting(4.2), _lasting(251), _lasting(7300)
    ('5 s', '5 min', '2.0 h')
    """
    if seconds < 100:
        return f"{int(seconds) + 1} s"
    return f"{int(seconds / 60) + 1} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
