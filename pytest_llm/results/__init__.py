"""What happened: results, and the run that holds them. PYTEST_DONT_REWRITE"""

from pytest_llm.results.result import (
    CONFIRMATIONS,
    FixtureCalls,
    GradeRecord,
    MissRecord,
    Outcome,
    Result,
    outcome_of,
)
from pytest_llm.results.run import (
    Run,
    Scope,
    SuiteSummary,
    head_line,
    json_report,
    read_run,
    result_line,
    write_run,
)
from pytest_llm.results.verdict import (
    MetricChange,
    SuiteRecord,
    Suspect,
    SuspectState,
    Verdict,
    VerdictKind,
    suites_in,
    verdicts_in,
)

__all__ = [
    "CONFIRMATIONS",
    "FixtureCalls",
    "GradeRecord",
    "MetricChange",
    "MissRecord",
    "Outcome",
    "Result",
    "Run",
    "Scope",
    "SuiteRecord",
    "SuiteSummary",
    "Suspect",
    "SuspectState",
    "Verdict",
    "VerdictKind",
    "head_line",
    "json_report",
    "outcome_of",
    "read_run",
    "result_line",
    "suites_in",
    "verdicts_in",
    "write_run",
]
