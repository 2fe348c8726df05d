"""Test prompts the way pytest tests code. PYTEST_DONT_REWRITE

Every public name is loaded on first use: importing the package, as pytest does for its plugin, costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_llm.calls import Message as Message
    from pytest_llm.calls import Request as Request
    from pytest_llm.calls import Response as Response
    from pytest_llm.calls import ToolCall as ToolCall
    from pytest_llm.calls import Usage as Usage
    from pytest_llm.correction.attempt import SelfCorrectionFailed as SelfCorrectionFailed
    from pytest_llm.correction.attempt import Trace as Trace
    from pytest_llm.correction.policies import FeedbackContext as FeedbackContext
    from pytest_llm.errors import CassetteMiss as CassetteMiss
    from pytest_llm.errors import LlmError as LlmError
    from pytest_llm.errors import SchemaMismatch as SchemaMismatch
    from pytest_llm.graders import Grade as Grade
    from pytest_llm.graders import Grader as Grader
    from pytest_llm.graders import grader as grader
    from pytest_llm.prompts import Case as Case
    from pytest_llm.prompts import Prompt as Prompt
    from pytest_llm.prompts import load_cases as load_cases
    from pytest_llm.schemas import Issue as Issue
    from pytest_llm.schemas import Report as Report

# From a name to its room; a test holds that this and the block above agree.
_ROOMS = {
    "Case": "prompts",
    "CassetteMiss": "errors",
    "FeedbackContext": "correction",
    "Grade": "graders",
    "Grader": "graders",
    "Issue": "schemas",
    "LlmError": "errors",
    "Message": "calls",
    "Prompt": "prompts",
    "Report": "schemas",
    "Request": "calls",
    "Response": "calls",
    "SchemaMismatch": "errors",
    "SelfCorrectionFailed": "correction",
    "ToolCall": "calls",
    "Trace": "correction",
    "Usage": "calls",
    "grader": "graders",
    "load_cases": "prompts",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
