"""Is an output well-formed? Values in, values out. PYTEST_DONT_REWRITE"""

from pytest_llm.schemas.issue import (
    JSON,
    Issue,
    IssueCode,
    Leniency,
    Report,
    Validator,
    described,
    one_line,
    pointer,
    quoted,
    visible,
)
from pytest_llm.schemas.json_in_prose import documents
from pytest_llm.schemas.json_text import fenced, load_json
from pytest_llm.schemas.validator import fingerprint, json_schema_of, reads_json, validator_for

__all__ = [
    "JSON",
    "Issue",
    "IssueCode",
    "Leniency",
    "Report",
    "Validator",
    "described",
    "documents",
    "fenced",
    "fingerprint",
    "json_schema_of",
    "load_json",
    "one_line",
    "pointer",
    "quoted",
    "reads_json",
    "validator_for",
    "visible",
]
