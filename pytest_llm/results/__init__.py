"""What happened: results, and the run that holds them. PYTEST_DONT_REWRITE"""

from pytest_llm.results.result import FixtureCalls, GradeRecord, MissRecord, Outcome, Result, outcome_of
from pytest_llm.results.run import Run, Scope, SuiteSummary, json_report, read_run, write_run

__all__ = [
    "FixtureCalls",
    "GradeRecord",
    "MissRecord",
    "Outcome",
    "Result",
    "Run",
    "Scope",
    "SuiteSummary",
    "json_report",
    "outcome_of",
    "read_run",
    "write_run",
]
