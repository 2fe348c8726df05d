"""The line of a run that asks: what is known, and nothing else."""

from __future__ import annotations

import pytest

from pytest_llm.reports import Progress, progress_line

ALL = {"done": 214, "total": 360, "in_flight": 16, "rate": 31.2, "tokens": 9000, "cost_usd": 0.018}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "asking  214/360   16 in flight   31/s   $0.018   5 s left"),
        ({"cost_usd": None}, "asking  214/360   16 in flight   31/s   9.0k tokens   5 s left"),
        ({"cost_usd": None, "tokens": None}, "asking  214/360   16 in flight   31/s   5 s left"),
        ({"total": None, "in_flight": None}, "asking  214 done   31/s   $0.018"),
        ({"rate": None}, "asking  214/360   16 in flight   $0.018"),
        ({"rate": 0.5}, "asking  214/360   16 in flight   0.5/s   $0.018   5 min left"),
        ({"rate": 0.01}, "asking  214/360   16 in flight   0.0/s   $0.018   4.1 h left"),
        ({"done": 360}, "asking  360/360   16 in flight   31/s   $0.018"),
        (
            {"paused": ("a\x1b[31m.invalid", 1.23)},
            r"asking  214/360   16 in flight   rate limited by a\x1b[31m.invalid, next in 1.2 s   31/s   $0.018   5 s left",
        ),
    ],
)
def test_the_line_says_what_is_known(changed, said):
    assert progress_line(Progress(**{**ALL, **changed}), bar=False) == said


@pytest.mark.parametrize(
    ("done", "bar"), [(0, " " * 24), (1, "▌" + " " * 23), (24, "█" * 12 + " " * 12), (48, "█" * 24), (60, "█" * 24)]
)
def test_the_bar_is_as_long_as_what_is_done(done, bar):
    line = progress_line(Progress(**{**ALL, "done": done, "total": 48}))
    assert line.startswith(f"asking  {bar}   {done}/48")


def test_nothing_to_do_has_no_bar():
    assert progress_line(Progress(**{**ALL, "done": 0, "total": 0})).startswith("asking  0/0   16")
