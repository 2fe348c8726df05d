"""Is an output well-formed? Values in, values out. PYTEST_DONT_REWRITE"""

from pytest_llm.schemas.issue import JSON, Issue, IssueCode, Leniency, Report, Validator, described, pointer, quoted, visible

__all__ = ["JSON", "Issue", "IssueCode", "Leniency", "Report", "Validator", "described", "pointer", "quoted", "visible"]
