"""An endpoint that refuses what comes faster than it allows: how long a suite takes, and what it asks in vain."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from endpoint import Manner, RetryAfter
from live import Found, Way, evaluated, ours, readings, spread
from table import table
from workload import Subject

TARGET = 1.25
TARGET_WASTED = 0.05
RETRIES = 100
"""Of the SDK for those who leave retrying to it; with the two that it has unasked, cases fail."""

SAID: dict[RetryAfter, str] = {"whole": "whole seconds", "fraction": "the exact time", "none": "nothing"}
THREADS = Subject(name="bare pytest, threads, openai client", project="threads", one_item=True)


def pooled(concurrency: int) -> Way:
    """Bare pytest with so many threads."""
    return Way(name=THREADS.name, subject=THREADS, concurrency=concurrency)


def measure_limited(cases: int, manner: Manner, rounds: int, *, others: bool) -> str:
    """The table: every way against an endpoint that says in whole seconds, exactly, or not at all when to come back."""
    ways = [ours(16), ours(64)]
    if others:
        ways += [pooled(16), pooled(64), evaluated(16), evaluated(64)]
    # What the bucket has at first passes at once, and the last that passes has to be answered.
    limit_s = max(0, cases - manner.burst) / manner.rate + manner.latency
    manners = [replace(manner, retry_after=said) for said in get_args(RetryAfter)]
    found = readings([(way, each) for each in manners for way in ways], cases, rounds, retries=RETRIES)
    rows = [_row(way, SAID[each.retry_after], limit_s, found[way, each]) for each in manners for way in ways]
    head = (
        f"{cases:,} cases, {manner.rate:g} requests/s, {manner.latency * 1000:g} ms",
        "`Retry-After`",
        "runs",
        "in flight, at most",
        "wall s",
        "less start-up",
        "limit, s",
        "of the limit",
        "requests",
        "refused",
        "wasted",
    )
    targets = f"Target: ours at most {TARGET} of the limit, and less than {TARGET_WASTED:.0%} wasted."
    return f"{table(head, rows)}\n\n{targets}"


def _row(way: Way, said: str, limit_s: float, found: Found) -> tuple[object, ...]:
    return (
        way.name,
        said,
        len(found.readings),
        way.concurrency,
        found.median(lambda one: one.wall_s),
        spread(found.asking_s),
        f"{limit_s:.2f}",
        spread([one / limit_s for one in found.asking_s]),
        found.median(lambda one: one.seen.requests, 0),
        found.median(lambda one: one.seen.refused, 0),
        f"{found.median(lambda one: 100 * one.seen.refused / one.seen.requests, 1)} %",
    )
