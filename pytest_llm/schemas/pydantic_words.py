"""The words for pydantic's errors. PYTEST_DONT_REWRITE

Its own messages change from release to release, and name classes of Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pytest_llm.schemas import wording
from pytest_llm.schemas.culprit import check_that_failed
from pytest_llm.schemas.issue import JSON, IssueCode, quoted

Context = Mapping[str, Any]
Words: TypeAlias = tuple[IssueCode, str | Callable[[Context], str]]
"""A code, and what was expected; with a context where a bound is named."""

_LITERAL = r"""b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|[^\s,<>|]+"""
_ENUM_MEMBER = re.compile(rf"<[\w.]+: ({_LITERAL})>")


def literals(shown: str) -> list[JSON] | None:
    """The values that pydantic shows as Python: `'x', <Color.RED: 'r'> or 2`; None if they are no JSON values."""
    values: list[JSON] = []
    for token in re.findall(_LITERAL, _ENUM_MEMBER.sub(r"\1", shown)):
        if token == "or":  # noqa: S105 - not a password, a word
            continue
        try:
            value = ast.literal_eval(token)
        except (ValueError, SyntaxError):
            return None
        if isinstance(value, bytes):
            return None
        values.append(value)
    return values


def _choices(context: Context) -> tuple[IssueCode, str, tuple[str, ...]]:
    values = literals(context["expected"])
    if not values:
        return "enum", f"one of {context['expected']}", ()
    return "enum", wording.one_of(values), tuple(quoted(value) for value in values)


def _length(context: Context, word: str, key: str) -> str:
    unit = "field" if context["field_type"] == "Dictionary" else "item"
    return f"{word} {wording.counted(context[key], unit)}"


def _counted(words: str, key: str, unit: str) -> Callable[[Context], str]:
    return lambda context: f"{words} {wording.counted(context[key], unit)}"


#: The words for each of pydantic's error types; with a context where they name a bound.
_WORDS: Mapping[str, Words] = {
    "missing": ("missing", wording.REQUIRED),
    "missing_argument": ("missing", wording.REQUIRED),
    "missing_keyword_only_argument": ("missing", wording.REQUIRED),
    "missing_positional_only_argument": ("missing", wording.REQUIRED),
    "extra_forbidden": ("extra", wording.UNDECLARED),
    "unexpected_keyword_argument": ("extra", wording.UNDECLARED),
    "unexpected_positional_argument": ("extra", wording.UNDECLARED),
    "model_type": ("type", wording.KINDS["object"]),
    "model_attributes_type": ("type", wording.KINDS["object"]),
    "dataclass_type": ("type", wording.KINDS["object"]),
    "dict_type": ("type", wording.KINDS["object"]),
    "mapping_type": ("type", wording.KINDS["object"]),
    "list_type": ("type", wording.KINDS["array"]),
    "tuple_type": ("type", wording.KINDS["array"]),
    "set_type": ("type", wording.KINDS["array"]),
    "frozen_set_type": ("type", wording.KINDS["array"]),
    "iterable_type": ("type", wording.KINDS["array"]),
    "string_type": ("type", wording.KINDS["string"]),
    "bytes_type": ("type", wording.KINDS["string"]),
    "int_type": ("type", wording.KINDS["integer"]),
    "int_parsing": ("type", wording.KINDS["integer"]),
    "int_from_float": ("type", wording.KINDS["integer"]),
    "float_type": ("type", wording.KINDS["number"]),
    "float_parsing": ("type", wording.KINDS["number"]),
    "decimal_type": ("type", wording.KINDS["number"]),
    "decimal_parsing": ("type", wording.KINDS["number"]),
    "bool_type": ("type", wording.KINDS["boolean"]),
    "bool_parsing": ("type", wording.KINDS["boolean"]),
    "none_required": ("type", wording.KINDS["null"]),
    "date_type": ("format", wording.DATE),
    "date_parsing": ("format", wording.DATE),
    "date_from_datetime_parsing": ("format", wording.DATE),
    "date_from_datetime_inexact": ("format", wording.DATE),
    "datetime_type": ("format", wording.DATE_TIME),
    "datetime_parsing": ("format", wording.DATE_TIME),
    "datetime_from_date_parsing": ("format", wording.DATE_TIME),
    "time_type": ("format", wording.TIME),
    "time_parsing": ("format", wording.TIME),
    "time_delta_type": ("format", wording.FORMATS["duration"]),
    "time_delta_parsing": ("format", wording.FORMATS["duration"]),
    "uuid_type": ("format", wording.FORMATS["uuid"]),
    "uuid_parsing": ("format", wording.FORMATS["uuid"]),
    "url_type": ("format", wording.FORMATS["uri"]),
    "url_parsing": ("format", wording.FORMATS["uri"]),
    "url_syntax_violation": ("format", wording.FORMATS["uri"]),
    "url_scheme": ("format", lambda context: f"a URL that begins with {context['expected_schemes']}"),
    "json_type": ("type", "a string that holds JSON"),
    "json_invalid": ("format", "a string that holds JSON"),
    "greater_than_equal": ("range", lambda context: wording.bounded("at least", context["ge"])),
    "greater_than": ("range", lambda context: wording.bounded("more than", context["gt"])),
    "less_than_equal": ("range", lambda context: wording.bounded("at most", context["le"])),
    "less_than": ("range", lambda context: wording.bounded("less than", context["lt"])),
    "multiple_of": ("range", lambda context: wording.bounded("a multiple of", context["multiple_of"])),
    "string_too_short": ("length", lambda context: f"at least {wording.counted(context['min_length'], 'character')}"),
    "string_too_long": ("length", lambda context: f"at most {wording.counted(context['max_length'], 'character')}"),
    "too_short": ("length", lambda context: _length(context, "at least", "min_length")),
    "too_long": ("length", lambda context: _length(context, "at most", "max_length")),
    "string_pattern_mismatch": ("pattern", lambda context: wording.matching(context["pattern"])),
}

#: The words for error types that version 1 left to pydantic.
_ADDED: Mapping[str, Words] = {
    "finite_number": ("other", "a finite number"),
    "string_unicode": ("format", "text of whole characters"),
    "string_not_ascii": ("format", "ASCII text"),
    "frozen_dict_type": ("type", wording.KINDS["object"]),
    "ordered_dict_type": ("type", wording.KINDS["object"]),
    "counter_type": ("type", wording.KINDS["object"]),
    "named_tuple_type": ("type", wording.KINDS["array"]),
    "deque_type": ("type", wording.KINDS["array"]),
    "set_item_not_hashable": ("type", "items that are no arrays or objects"),
    "int_parsing_size": ("other", "an integer of fewer digits"),
    "bytes_too_short": ("length", _counted("at least", "min_length", "byte")),
    "bytes_too_long": ("length", _counted("at most", "max_length", "byte")),
    "bytes_invalid_encoding": ("format", lambda context: f"text that encodes bytes as {context['encoding']}"),
    "date_past": ("range", "a date in the past"),
    "date_future": ("range", "a date in the future"),
    "datetime_past": ("range", "a date and time in the past"),
    "datetime_future": ("range", "a date and time in the future"),
    "datetime_object_invalid": ("format", wording.DATE_TIME),
    "timezone_naive": ("format", "a date and time without Z and without an offset"),
    "timezone_aware": ("format", wording.DATE_TIME.replace(", then Z or an offset", " and then Z or an offset")),
    "timezone_offset": ("format", "a date and time with the offset that the schema demands"),
    "url_too_long": (
        "length",
        _counted("a URL of at most", "max_length", "character"),
    ),
    "uuid_version": ("format", lambda context: f"a UUID of version {context['expected_version']}"),
    "decimal_max_digits": ("range", _counted("at most", "max_digits", "digit")),
    "decimal_max_places": (
        "range",
        _counted("at most", "decimal_places", "decimal place"),
    ),
    "decimal_whole_digits": ("range", _counted("before the point at most", "whole_digits", "digit")),
    "fraction_type": ("type", "a fraction"),
    "fraction_parsing": ("type", "a fraction"),
    "complex_type": ("type", "a complex number"),
    "complex_str_parsing": ("type", "a complex number"),
    "path_type": ("type", "a path"),
    "ip_v4_address": ("format", wording.FORMATS["ipv4"]),
    "ip_v6_address": ("format", wording.FORMATS["ipv6"]),
    "ip_any_address": ("format", "an IPv4 or IPv6 address"),
    "ip_v4_network": ("format", "an IPv4 network"),
    "ip_v6_network": ("format", "an IPv6 network"),
    "ip_any_network": ("format", "an IPv4 or IPv6 network"),
    "ip_v4_interface": ("format", "an IPv4 interface"),
    "ip_v6_interface": ("format", "an IPv6 interface"),
    "ip_any_interface": ("format", "an IPv4 or IPv6 interface"),
    "pattern_type": ("format", wording.FORMATS["regex"]),
    "pattern_str_type": ("format", wording.FORMATS["regex"]),
    "pattern_bytes_type": ("format", wording.FORMATS["regex"]),
    "pattern_regex": ("format", wording.FORMATS["regex"]),
    "base64_decode": ("format", "text in base64"),
    "byte_size": ("format", "a number of bytes"),
    "byte_size_unit": ("format", "a number of bytes"),
    "import_error": ("format", "a name that can be imported"),
}


_CLASS_NAMES = frozenset(
    {"is_instance_of", "is_subclass_of", "dataclass_exact_type", "callable_type", "arguments_type"}
)
"""Error types whose messages name Python's classes; no reply can do anything about them."""


def expected_by(error: Mapping[str, Any]) -> tuple[IssueCode, str, tuple[str, ...]]:
    """The code of an error, what was expected in words, and the closed set of values if there is one."""
    kind: str = error["type"]
    context: Context = error.get("ctx") or {}
    if kind in {"literal_error", "enum"}:
        return _choices(context)
    if kind in {"value_error", "assertion_error"}:
        return "custom", _of_check(error), ()
    if (known := _WORDS.get(kind) or _ADDED.get(kind)) is not None:
        code, words = known
        return code, words if isinstance(words, str) else words(context), ()
    if kind in _CLASS_NAMES:
        return "other", wording.holding(""), ()
    return "other", _plain(error["msg"]), ()


def former_words(error: Mapping[str, Any]) -> str | None:
    """Return what words of version 1 expected; None where it is the same."""
    kind: str = error["type"]
    if kind in _ADDED or kind in _CLASS_NAMES:
        return _plain(error["msg"])
    if kind in {"value_error", "assertion_error"}:
        return wording.holding(_said(error))
    return None


def _of_check(error: Mapping[str, Any]) -> str:
    """Return the words for a check of the user's own.

    What its author wrote is quoted; what a function of Python says is not: that changes from release to release.
    """
    raised = (error.get("ctx") or {}).get("error")
    if isinstance(raised, Exception) and (name := check_that_failed(raised)):
        return wording.passing(name)
    return wording.holding(_said(error))


def _said(error: Mapping[str, Any]) -> str:
    """Return the message of a check; a PydanticCustomError has it in another place."""
    context: Context = error.get("ctx") or {}
    return str(context["error"]) if "error" in context else str(error["msg"])


def _plain(message: str) -> str:
    """What pydantic, or a PydanticCustomError, says of the input, turned into what was expected."""
    said, be, what = message.partition("Input should be ")
    return what if be and not said else wording.holding(message)


def is_missing(kind: str) -> bool:
    """Return whether an error type is about a value that is not there."""
    return _WORDS.get(kind, ("other", ""))[0] == "missing"
