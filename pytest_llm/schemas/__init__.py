"""Is an output well-formed? Values in, values out. PYTEST_DONT_REWRITE"""

from pytest_llm.schemas.issue import (
    JSON,
    Issue,
    IssueCode,
    Leniency,
    Report,
    Validator,
    described,
    pointer,
    quoted,
    visible,
)
from pytest_llm.schemas.json_text import load_json
from pytest_llm.schemas.validator import fingerprint, json_schema_of, reads_json, validator_for

__all__ = [
    "JSON",
    "Issue",
    "IssueCode",
    "Leniency",
    "Report",
    "Validator",
    "described",
    "fingerprint",
    "json_schema_of",
    "load_json",
    "pointer",
    "quoted",
    "reads_json",
    "validator_for",
    "visible",
]
