"""Users' mistakes, told by their message and the user's line, without a traceback through us. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_llm.errors import CassetteMiss, LlmError
from pytest_llm.reports import visible


def our_error(error: BaseException | None) -> LlmError | CassetteMiss | None:
    """A mistake or a miss that we have to say, also out of an exception group."""
    if isinstance(error, LlmError | CassetteMiss):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for found in map(our_error, error.exceptions) if isinstance(found, CassetteMiss)), None)
    return None


def user_line(excinfo: pytest.ExceptionInfo[BaseException], path: Path) -> str:
    """The last line of a file on the way to where something of ours was raised; "" where it was not on the way."""
    return next((_line(entry) for entry in reversed(excinfo.traceback) if Path(entry.path) == path), "")


def tell(report: pytest.CollectReport, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Put a mistake that was made while a test module was imported into its report, with the line that called us."""
    said = our_error(excinfo.value)
    if said is not None:
        ours = Path(__file__).parent
        callers = (entry for entry in reversed(excinfo.traceback) if ours not in Path(entry.path).parents)
        report.longrepr = visible(str(said)) + next(map(_line, callers), "")


def _line(entry: Any) -> str:
    return f"\n\n{Path(entry.path).name}:{entry.lineno + 1}: {str(entry.statement).strip()}"
