"""Graders of JSON as text: is it JSON, does it conform to a schema. PYTEST_DONT_REWRITE

Source: RFC 8259, with what it leaves to a reader decided strictly: a key twice in one object, a number too large for a
float, more than 200 arrays and objects inside each other are mistakes of the text. Schemas: JSON Schema in the draft
that `$schema` names, 2020-12 without it, by the library jsonschema-rs, and worded by jsonschema; types by pydantic.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from pytest_llm.calls import Response
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import refused
from pytest_llm.graders.reading import CannotRead, NotConforming, listed, plain, text_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import (
    Leniency,
    Report,
    Validator,
    documents,
    fingerprint,
    load_json,
    quoted,
    reads_json,
    validator_for,
)

#: Documents in one text that are looked at; a text of megabytes can have a million.
MOST_DOCUMENTS = 1000


def valid_json() -> Grader:
    """The text is one JSON document and nothing else: no NaN, no key twice, no code fence, no byte order mark.

    Source: RFC 8259; blanks around the document are part of its grammar.
    """

    def grade(output: object, _case: Case | None) -> Told:
        text = text_of(output)
        try:
            load_json(text, "strict")
        except ValueError as problem:
            return False, f"the text is not JSON ({problem}); got {quoted(text)}"
        return True

    return Grader(name="valid_json", function=grade)


def contains_json(schema: Any = None) -> Grader:
    """Somewhere in the text is a JSON array or object, and, with a schema, one that conforms to it.

    Looked at are those that are not inside another one. `{x}` and `{'a': 1}` are no JSON; a citation `[1]` is an array,
    which a schema keeps out. A schema is whatever `json_schema` takes.
    """
    validator = None if schema is None else a_schema("contains_json", schema)

    def grade(output: object, _case: Case | None) -> Told:
        text = text_of(output)
        problem = ""
        found = list(islice(documents(text), MOST_DOCUMENTS + 1))
        for document in found[:MOST_DOCUMENTS]:
            problem = _problem(document) if validator is None else _issues(validator(document))
            if not problem:
                return True
        if len(found) > MOST_DOCUMENTS:
            raise CannotRead(f"none of the first {MOST_DOCUMENTS:,} JSON documents will do, and there are more")
        if not found:
            return False, f"no JSON array or object is in {quoted(text)}"
        which = "the only JSON document in it" if len(found) == 1 else f"the last of {len(found)} JSON documents in it"
        return False, f"{which} will not do: {problem}"

    params = () if schema is None else (("schema", fingerprint(schema)),)
    return Grader(name="contains_json", function=grade, params=params)


def json_schema(schema: Any, *, leniency: Leniency = "fence") -> Grader:
    r"""The output, as JSON, conforms to this JSON Schema, or to this type, as a prompt's schema would find.

    A JSON Schema is a dict; a type is a pydantic model, a dataclass, `list[int]`, whatever pydantic reads JSON into.
    `leniency`: how much help a text may get before it counts as JSON, as for a prompt: "strict", "fence", "extract" or
    "repair".

    >>> json_schema({"type": "array"}, leniency="strict").grade("```json\n[1]\n```").passed
    False
    """
    validator = a_schema("json_schema", schema, leniency)

    def grade(output: object, _case: Case | None) -> Told:
        found = _issues(validator(_json_text(output)))
        return not found, found

    params: tuple[tuple[str, Any], ...] = () if leniency == "fence" else (("leniency", leniency),)
    return Grader(name="json_schema", function=grade, params=(("schema", fingerprint(schema)), *params))


def conforms(validator: Validator, value: object) -> tuple[bool, str]:
    """Whether a value that is no text conforms, and what is wrong with it."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise NotConforming(f"it has no JSON form ({problem})") from None
    found = _issues(validator(text))
    return not found, found


def a_schema(grader: str, schema: Any, leniency: Leniency = "fence") -> Validator:
    """The validator of a schema that reads JSON, made once."""
    validator = validator_for(schema, leniency=leniency)  # what is no schema at all, it says
    if not reads_json(schema):
        fix = f'{grader}({{"type": "object", "required": ["id"]}})'
        raise refused(grader, "schema", schema, "is a schema of text, not of JSON", fix)
    return validator


def _json_text(output: object) -> str:
    if isinstance(output, (str, Response)):
        return text_of(output)
    if output is None:
        raise CannotRead("it was given no output")
    try:
        return json.dumps(plain(output), allow_nan=False)
    except ValueError as problem:
        raise NotConforming(f"the output has no JSON form ({problem})") from None


def _issues(report: Report) -> str:
    """What a schema finds; "" where it finds nothing."""
    return "" if report.valid else f"it does not conform to the schema\n{listed(report.issues)}"


def _problem(document: str) -> str:
    try:
        load_json(document, "strict")
    except ValueError as problem:
        return str(problem)
    return ""
