"""The progress of a run that asks, on a real (pseudo-)terminal with a screen, and where there is none."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from types import SimpleNamespace

import pyte
import pytest
from slow_endpoint import TEST, Endpoint

from pytest_llm.progress import ProgressLine


@pytest.fixture
def slow(project, serve):
    endpoint = Endpoint(hold=1, seconds=0.1)
    project.use(serve(endpoint))
    for name in ("test_it.py", "test_more.py"):
        project.write(name, TEST)
    return project


def screens(folder, *arguments, rows=12, columns=90):
    """What the screen of a terminal shows after each piece that a run writes; each as its lines."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm"},
    )
    os.close(theirs)
    seen = []
    with contextlib.suppress(OSError):  # on Linux, when the other side has ended
        while piece := os.read(ours, 65_536):
            stream.feed(piece)
            lines = [line.rstrip() for line in screen.display]
            if not seen or seen[-1] != lines:
                seen.append(lines)
    os.close(ours)
    assert process.wait() == 0
    return seen


def told(line):
    return "asking  " in line


@pytest.mark.parametrize("more", [(), ("-v",), ("-q",)])
def test_one_line_under_pytests_own_tells_how_far_it_is_and_leaves_nothing_behind(slow, more):
    seen = screens(slow.path, "--llm-live", "--llm-concurrency=2", *more)
    drawn = [lines for lines in seen if any(map(told, lines))]
    assert len(drawn) > 5
    assert all(sum(map(told, lines)) == 1 for lines in drawn)
    for lines in drawn:
        place = next(number for number, line in enumerate(lines) if told(line))
        assert not any(lines[place + 1 :])
    assert any(re.search(r"█.*/48   [12] in flight", line) for lines in drawn for line in lines)
    assert any("tokens" in line and "left" in line for lines in drawn for line in lines)
    assert not any(map(told, seen[-1]))
    assert any("48 passed" in line for line in seen[-1])


def test_a_price_turns_tokens_into_money(slow):
    seen = screens(slow.path, "--llm-live", "--llm-concurrency=2", "-o", "llm_prices=tiny* = 1000 2000")
    assert any("$0." in line for lines in seen for line in lines if told(line))


def test_a_replay_and_a_test_that_writes_to_the_terminal_have_no_line(slow):
    slow.record().assert_outcomes(passed=48)
    assert not any(told(line) for lines in screens(slow.path) for line in lines)
    assert not any(told(line) for lines in screens(slow.path, "-s", "--llm-live") for line in lines)


def test_workers_of_xdist_are_told_of_too(slow):
    seen = screens(slow.path, "--llm-live", "-n2")
    lines = [line for lines in seen for line in lines if told(line)]
    assert any(re.search(r"\d+ done", line) for line in lines)
    assert not any("in flight" in line for line in lines)


def test_without_a_terminal_a_line_of_its_own_comes_now_and_then(slow, monkeypatch):
    slow.write(
        "conftest.py",
        "import pytest_llm.progress as progress\nprogress.TOLD_S = 0.2\n",
    )
    result = slow.run("--llm-live", "--llm-concurrency=2")
    lines = [line for line in result.outlines if told(line)]
    assert 2 <= len(lines) < 40
    assert all("\x1b" not in line and "█" not in line and "/48" in line for line in lines)


def test_a_short_run_without_a_terminal_says_nothing_of_its_progress(slow):
    assert not any(map(told, slow.run("--llm-live").outlines))


def test_a_result_whose_tokens_are_not_told_leaves_the_sum_unknown():
    """Unknown is not zero."""

    config = SimpleNamespace(
        option=SimpleNamespace(capture="fd", numprocesses=None),
        pluginmanager=SimpleNamespace(get_plugin=lambda name: None),
        stash={},
    )
    line = ProgressLine(config, clock=lambda: 1.0)
    for tokens in ({"total_tokens": 4}, {}):
        line.heard(SimpleNamespace(recorded=1, asked=0, usage=tokens, cost_usd=None))
    now = line._progress(2.0)
    assert (now.done, now.tokens, now.cost_usd, now.rate) == (2, None, None, 2.0)
