"""Feeding findings back, and knowing whether that helps. Every name is loaded on first use. PYTEST_DONT_REWRITE"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_llm.correction.application import acorrect as acorrect
    from pytest_llm.correction.application import correct as correct
    from pytest_llm.correction.attempt import Attempt as Attempt
    from pytest_llm.correction.attempt import SelfCorrectionFailed as SelfCorrectionFailed
    from pytest_llm.correction.attempt import Trace as Trace
    from pytest_llm.correction.budget import Budget as Budget
    from pytest_llm.correction.comparison import ValueOfFeedback as ValueOfFeedback
    from pytest_llm.correction.comparison import value_of_feedback as value_of_feedback
    from pytest_llm.correction.measures import Measures as Measures
    from pytest_llm.correction.measures import measures_of as measures_of
    from pytest_llm.correction.policies import FeedbackContext as FeedbackContext
    from pytest_llm.correction.policies import errors as errors
    from pytest_llm.correction.policies import generic as generic
    from pytest_llm.correction.policies import paths as paths
    from pytest_llm.correction.policies import placebo as placebo
    from pytest_llm.correction.policies import resample as resample
    from pytest_llm.correction.record import TraceRecord as TraceRecord

_FILES = {
    "Attempt": "attempt",
    "Budget": "budget",
    "FeedbackContext": "policies",
    "Measures": "measures",
    "SelfCorrectionFailed": "attempt",
    "Trace": "attempt",
    "TraceRecord": "record",
    "ValueOfFeedback": "comparison",
    "acorrect": "application",
    "correct": "application",
    "errors": "policies",
    "generic": "policies",
    "measures_of": "measures",
    "paths": "policies",
    "placebo": "policies",
    "resample": "policies",
    "value_of_feedback": "comparison",
}


def __getattr__(name: str) -> object:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
