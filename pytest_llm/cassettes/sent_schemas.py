"""The JSON Schemas in a request: compared without their spelling, and why two differ. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TypeAlias, TypeVar

from pytest_llm.cassettes.identity import RequestRecord
from pytest_llm.schemas import JSON
from pytest_llm.schemas.normal_form import (
    descriptions,
    normal_form,
    outline,
    without_descriptions,
)

_PLACES = (
    ("response_format", "json_schema", "schema"),
    ("response_format", "schema"),
    ("text", "format", "schema"),
    ("output_format", "schema"),
    ("output_config", "format", "schema"),
    ("format",),
    ("guided_json",),
    ("tools", "*", "function", "parameters"),
    ("tools", "*", "parameters"),
    ("tools", "*", "input_schema"),
    ("functions", "*", "parameters"),
)
"""Where the APIs take a JSON Schema in the body of a request."""

_KEYS = frozenset(place[0] for place in _PLACES)

T = TypeVar("T")
Rewrite: TypeAlias = Callable[[Mapping[str, JSON]], dict[str, JSON]]


def schema_form(record: RequestRecord) -> RequestRecord | None:
    """Return a request with its JSON Schemas in normal form; None where it holds none.

    >>> schema_form({"body": {"format": {"enum": ["a"]}}})
    {'body': {'format': {'const': 'a', 'type': 'string'}}}
    """
    body = record.get("body")
    if not isinstance(body, Mapping) or _KEYS.isdisjoint(body):
        return None
    try:
        return {**record, "body": _with_schemas(body, normal_form)}
    except RecursionError:  # nested deeper than any schema of a type
        return None


def explain_schemas(before: RequestRecord, after: RequestRecord) -> str:
    """Return what may have made the schemas of two requests differ without an edit of the types; "" for an edit.

    Both requests are in normal form. *before* is the recorded one, *after* the one that is sent now.
    """
    try:
        return _cause(_schemas(before), _schemas(after))
    except RecursionError:  # as in schema_form
        return ""


def _cause(was: Sequence[Mapping[str, JSON]], now: Sequence[Mapping[str, JSON]]) -> str:
    outlines = _each(was, outline), _each(now, outline)
    if was == now or _each(outlines[0], without_descriptions) != _each(outlines[1], without_descriptions):
        return ""
    by_optimizing = _why_descriptions(_each(outlines[0], descriptions), _each(outlines[1], descriptions))
    if by_optimizing is None:
        return ""
    if _each(was, without_descriptions) == _each(now, without_descriptions):
        return by_optimizing
    here = version("pydantic")
    by_pydantic = f"another version of pydantic may have written the recorded schema; this one is by pydantic {here}"
    return "\n".join(filter(None, [by_pydantic, by_optimizing]))


def _why_descriptions(was: Sequence[Counter[str]], now: Sequence[Counter[str]]) -> str | None:
    """Return why descriptions differ, "" where they do not; None where one was edited."""
    if was == now:
        return ""
    pairs = list(zip(was, now, strict=True))
    if sys.flags.optimize >= 2 and all(after <= before for before, after in pairs):
        return "descriptions are missing: this run is under python -OO, which drops docstrings"
    if sys.flags.optimize < 2 and all(before <= after for before, after in pairs):
        return "the recorded schema has fewer descriptions; it may be of python -OO, which drops docstrings"
    return None


def _schemas(record: RequestRecord) -> list[Mapping[str, JSON]]:
    """Return the JSON Schemas in a request."""
    found: list[Mapping[str, JSON]] = []

    def collect(schema: Mapping[str, JSON]) -> dict[str, JSON]:
        found.append(schema)
        return dict(schema)

    _with_schemas(record.get("body"), collect)
    return found


def _each(schemas: Sequence[Mapping[str, JSON]], change: Callable[[Mapping[str, JSON]], T]) -> list[T]:
    return [change(schema) for schema in schemas]


def _with_schemas(body: JSON, rewrite: Rewrite) -> JSON:
    """Return a body with every JSON Schema in it rewritten."""
    for place in _PLACES:
        body = _with_rewritten(body, place, rewrite)
    return body


def _with_rewritten(value: JSON, place: Sequence[str], rewrite: Rewrite) -> JSON:
    if not place:
        return rewrite(value) if isinstance(value, Mapping) else value
    step, *rest = place
    if step == "*":
        return [_with_rewritten(item, rest, rewrite) for item in value] if isinstance(value, list) else value
    if isinstance(value, Mapping) and step in value:
        return {**value, step: _with_rewritten(value[step], rest, rewrite)}
    return value
