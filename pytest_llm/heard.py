"""The results of a run as they come in. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from tempfile import SpooledTemporaryFile

import pytest

from pytest_llm.results import Result

MOST_IN_MEMORY = 1_000_000
"""Bytes of lines; with more, they are on disk."""

AT_HAND: pytest.StashKey[tuple[str, Result]] = pytest.StashKey()
"""The line that this process has put on a report last, with its result, which then need not be read out of it."""


class Heard:
    """The results of a run, by item; their lines, which hold the inputs and what the model said, are in a file.

    So that a run of ten thousand items needs no more memory for long replies than for short ones.
    """

    def __init__(self) -> None:
        #: By item, the number of its line too.
        self._results: dict[str, tuple[int, Result]] = {}
        self._lines = SpooledTemporaryFile(MOST_IN_MEMORY)  # noqa: SIM115 - closed by `close`, at the end of the run
        self._count = 0

    def add(self, line: str, result: Result) -> None:
        """Take a line of a run file and the result that it holds; a rerun of an item replaces it."""
        self._results.pop(result.nodeid, None)  # so that the order stays that of the lines
        self._results[result.nodeid] = self._count, replace(result, output=None, question=None)
        self._lines.write(line.encode())
        self._count += 1

    @property
    def results(self) -> tuple[Result, ...]:
        """The results, without their outputs and questions."""
        return tuple(result for _, result in self._results.values())

    def lines(self) -> Iterator[bytes]:
        """The lines of the results, in their order."""
        wanted = {number for number, _ in self._results.values()}
        self._lines.seek(0)
        try:
            yield from (line for number, line in enumerate(self._lines) if number in wanted)
        finally:
            self._lines.seek(0, io.SEEK_END)

    def close(self) -> None:
        """Remove the file."""
        self._lines.close()
