"""Who raised an error in a check of the user's own: its author, or a function of Python. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import TracebackType

_OURS = ("pydantic", "pytest_llm")


def check_that_failed(error: BaseException) -> str | None:
    """Return the name of the user's function in which Python itself raised an error; None where its author did.

    `date.fromisoformat` is such a function of Python: its words differ between releases.
    """
    frames = list(_frames(error.__traceback__))
    users = [frame for frame in frames if _package(frame) not in (*_OURS, *sys.stdlib_module_names)]
    if not users or (users[-1] is frames[-1] and _raises(frames[-1])):
        return None
    return users[0].tb_frame.f_code.co_qualname


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _package(traceback: TracebackType) -> str:
    return str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]


def _raises(traceback: TracebackType) -> bool:
    """Return whether it was a `raise` or an `assert` that raised, and not a call."""
    code = traceback.tb_frame.f_code.co_code
    return dis.opname[code[traceback.tb_lasti]] in ("RAISE_VARARGS", "RERAISE")
