"""Is an output good? Graders: an output and a case in, a grade out. PYTEST_DONT_REWRITE

A grader that nothing could fail is refused when it is built; an output that a grader cannot read is ungraded. Text
graders read a str or `Response.text`; structured ones read validated values, JSON text and the objects they are given.
"""

from pytest_llm.graders.answers import exact_match, f1
from pytest_llm.graders.composition import all_of, any_of, not_
from pytest_llm.graders.grade import Grade, GradeState
from pytest_llm.graders.grader import Grader, Told, grader
from pytest_llm.graders.leaks import no_prompt_leak, secret_free
from pytest_llm.graders.numeric import number_close
from pytest_llm.graders.personal import pii_free
from pytest_llm.graders.refusal import refusal
from pytest_llm.graders.reply import finish_reason, max_tokens
from pytest_llm.graders.structured import equals_expected, fields_match, json_equals
from pytest_llm.graders.text import (
    contains,
    contains_all,
    contains_any,
    equals,
    one_of,
    regex,
    starts_with,
    word_count,
)
from pytest_llm.graders.tools import tool_calls

__all__ = [
    "Grade",
    "GradeState",
    "Grader",
    "Told",
    "all_of",
    "any_of",
    "contains",
    "contains_all",
    "contains_any",
    "equals",
    "equals_expected",
    "exact_match",
    "f1",
    "fields_match",
    "finish_reason",
    "grader",
    "json_equals",
    "max_tokens",
    "no_prompt_leak",
    "not_",
    "number_close",
    "one_of",
    "pii_free",
    "refusal",
    "regex",
    "secret_free",
    "starts_with",
    "tool_calls",
    "word_count",
]
