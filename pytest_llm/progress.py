"""The line that says how far a run that asks has come, under pytest's own. PYTEST_DONT_REWRITE

Where there is no terminal, as in CI, it is a line of its own now and then.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import pytest

from pytest_llm.calls import add_known
from pytest_llm.reports import Progress, progress_line
from pytest_llm.results import Result
from pytest_llm.scope import COLLECTED
from pytest_llm.wire import POOL

if TYPE_CHECKING:
    from typing import TextIO

REDRAWN_S = 0.1
"""Between two looks at what the line says; it is drawn again as often as pytest writes."""
TOLD_S = 30.0
"""Between two lines where there is no terminal."""
WINDOW_S = 15.0
"""Over which the rate is taken."""


class ProgressLine:
    """Hears of results, and tells of them while the run goes on."""

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._ended: deque[float] = deque([clock()])
        self._done = 0
        self._tokens: int | None = 0
        self._cost: float | None = 0.0
        self._line = ""
        self._looked_at = self._told_at = clock()
        self._is_drawn = False
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        # Where tests write to the terminal themselves, nobody knows where the line would be.
        self._is_terminal = bool(reporter and reporter.isatty) and config.option.capture != "no"
        self._tells = reporter is not None

    def heard(self, result: Result) -> None:
        """One item has come to a result."""
        self._done += 1
        if result.recorded or result.asked:
            self._tokens = add_known([self._tokens, result.usage.get("total_tokens")])
            self._cost = add_known([self._cost, result.cost_usd])
        now = self._clock()
        self._ended.append(now)
        while self._ended[0] < now - WINDOW_S and len(self._ended) > 2:
            self._ended.popleft()

    # Whoever writes finds the screen as it was left: the line goes before, and comes back after.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None]:
        """Around the name of a test."""
        yield from self._around()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None]:
        """Around its outcome."""
        yield from self._around()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None]:
        """Around the share of the run that is done."""
        yield from self._around()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Make room for a debugger."""
        self._erase()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Leave nothing behind."""
        self._erase()
        self._tells = False

    def _around(self) -> Generator[None]:
        self._erase()
        try:
            yield
        finally:
            self._tell()

    def _tell(self) -> None:
        now = self._clock()
        if not self._tells or not self._done:
            return
        if self._is_terminal:
            if now - self._looked_at >= REDRAWN_S:
                self._line, self._looked_at = progress_line(self._progress(now), bar=_takes(sys.stdout, "█")), now
            self._draw()
        elif now - self._told_at >= TOLD_S:
            self._told_at = now
            self._config.get_terminal_writer().write(f"\n{progress_line(self._progress(now), bar=False)}\n")

    def _progress(self, now: float) -> Progress:
        collected, pool = self._config.stash.get(COLLECTED, None), self._config.stash.get(POOL, None)
        is_here = collected is not None and pool is not None and not getattr(self._config.option, "numprocesses", None)
        seconds = now - self._ended[0]
        return Progress(
            done=self._done,
            total=collected.selected if collected is not None and is_here else None,
            in_flight=pool.in_flight if pool is not None and is_here else None,
            rate=(len(self._ended) - 1) / seconds if seconds > 0 else None,
            tokens=self._tokens or None,
            cost_usd=self._cost or None,
            paused=pool.paused if pool is not None and is_here else None,
        )

    def _draw(self) -> None:
        writer = self._config.get_terminal_writer()
        column, line = writer.width_of_current_line, self._line[: writer.fullwidth - 1]
        if line:
            _write(f"\n\r{line}\x1b[K\x1b[1A\x1b[{column + 1}G")
            self._is_drawn = True

    def _erase(self) -> None:
        if self._is_drawn:
            column = self._config.get_terminal_writer().width_of_current_line
            _write(f"\n\r\x1b[K\x1b[1A\x1b[{column + 1}G")
            self._is_drawn = False


def _write(text: str) -> None:
    """To the terminal, past pytest's writer, which keeps count of its own line; between items nothing is captured."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _takes(file: TextIO, text: str) -> bool:
    """Whether a terminal's encoding has these characters."""
    try:
        text.encode(file.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
