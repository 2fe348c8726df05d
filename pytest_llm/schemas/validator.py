"""What can be a schema, and what is made of each kind. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import functools
import json
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, assert_never

from pytest_llm.errors import SchemaError
from pytest_llm.schemas.issue import JSON, Leniency, Validator, one_line
from pytest_llm.schemas.json_schema_validator import json_schema_validator, plain_schema
from pytest_llm.schemas.json_text import checked_leniency
from pytest_llm.schemas.normal_form import normal_form
from pytest_llm.schemas.text_validator import CallableValidator, RegexValidator, callable_name
from pytest_llm.schemas.type_validator import PlainTextValidator, adapter_of, type_name, type_validator

Kind = typing.Literal["text", "type", "json schema", "regex", "callable"]

KEPT = 128
"""Validators that are kept for the next who ask for the same."""


def validator_for(schema: Any, *, leniency: Leniency = "fence") -> Validator:
    """The validator of a schema, made once for many texts; a SchemaError when the schema cannot be used.

    A schema is a type (a pydantic model, a dataclass, `list[int]`, a Literal, whatever pydantic reads JSON into; `str`
    is any text, as it is), a JSON Schema as a dict, a compiled regular expression, or a function from the text to what
    is wrong with it. `leniency` says how much help a text may get before it counts as JSON.

    >>> validator_for(list[int])("[1, 2]").value
    [1, 2]
    >>> print(validator_for(list[int])('["one"]').issues[0].line)
    /0: expected an integer; got string "one".
    """
    checked_leniency(leniency)
    kind = _kind(schema)
    try:
        # Compiling is dear beside validating, and a prompt in a loop has one schema.
        if kind == "json schema":
            return _of_json(json.dumps(plain_schema(schema)), leniency)
        return _of_hashable(schema, kind, leniency)
    except TypeError:  # an Annotated with a list in it, for one, is not hashable
        return _compiled(schema, kind, leniency)


@functools.lru_cache(maxsize=KEPT)
def _of_json(schema: str, leniency: Leniency) -> Validator:
    return _compiled(json.loads(schema), "json schema", leniency)


@functools.lru_cache(maxsize=KEPT, typed=True)
def _of_hashable(schema: Any, kind: Kind, leniency: Leniency) -> Validator:
    return _compiled(schema, kind, leniency)


def _compiled(schema: Any, kind: Kind, leniency: Leniency) -> Validator:
    match kind:
        case "text":
            return PlainTextValidator()
        case "type":
            return type_validator(schema, leniency)
        case "json schema":
            return json_schema_validator(schema, leniency)
        case "regex":
            return RegexValidator(name=f"regular expression {one_line(schema.pattern, 80)}", pattern=schema)
        case "callable":
            return CallableValidator(name=callable_name(schema), check=schema)
        case _:  # pragma: no cover - the type checker proves that there is no other
            assert_never(kind)


def reads_json(schema: Any) -> bool:
    """Whether an output has to be JSON."""
    return _kind(schema) in ("type", "json schema")


def json_schema_of(schema: Any) -> dict[str, JSON] | None:
    """Return the JSON Schema that an endpoint can be sent as response_format; None where the output is not JSON.

    That of a type is the same by every version of pydantic, where those differ in spelling only. A JSON Schema that is
    given as a dict is sent as it is.

    >>> json_schema_of(typing.Literal["a"])
    {'const': 'a', 'type': 'string'}
    """
    kind = _kind(schema)
    if kind == "json schema":
        return plain_schema(schema)
    if kind != "type":
        return None
    try:
        return normal_form(adapter_of(schema).json_schema())
    except SchemaError:
        raise
    except Exception as wrong:  # the user's own __get_pydantic_json_schema__ may raise anything
        reason = one_line(str(wrong).split("\n", 1)[0])
        raise SchemaError(f"the type {type_name(schema)} has no JSON Schema", instead=[reason]) from wrong


def fingerprint(schema: Any) -> JSON:
    """A JSON value that is the same in every process, and another one when the schema demands something else.

    Of functions only the names count: what they do cannot be seen. Of a type its name counts too, and what its JSON
    Schema does not say: strictness, and the names of its validators.
    """
    kind = _kind(schema)
    match kind:
        case "text":
            return {"type": "str"}
        case "type":
            return _type_fingerprint(schema)
        case "json schema":
            return plain_schema(schema)
        case "regex":
            return {"regex": schema.pattern, "flags": schema.flags}
        case "callable":
            return {"callable": callable_name(schema)}
        case _:  # pragma: no cover - the type checker proves that there is no other
            assert_never(kind)


def _kind(schema: Any) -> Kind:
    """What kind of schema this is: classes are types, functions are callables."""
    if schema is str:
        return "text"
    if isinstance(schema, re.Pattern) and isinstance(schema.pattern, str):
        return "regex"
    if isinstance(schema, Mapping):
        return "json schema"
    if _is_type(schema):
        return "type"
    if callable(schema):
        return "callable"
    raise SchemaError(
        f"{one_line(repr(schema), 100)} is not a schema",
        instead=[
            "a type: a pydantic model, a dataclass, list[int], ...",
            "a JSON Schema as a dict",
            're.compile("...")',
            "a function that takes the text",
        ],
        fix=_fix(schema),
    )


def _is_type(schema: object) -> bool:
    return (
        isinstance(schema, type | types.UnionType)
        or typing.get_origin(schema) is not None
        or type(schema).__module__ in {"typing", "typing_extensions"}
    )


def _fix(schema: object) -> dict[str, str] | None:
    """The edit that is meant, where it can be guessed."""
    if isinstance(schema, str):
        return {"do": "for a regular expression: re.compile(...); for JSON: json.loads(...)"}
    if isinstance(schema, re.Pattern):
        return {"do": f"compile it from text: re.compile({schema.pattern.decode('latin-1')!r})"}
    return None


def _type_fingerprint(schema: Any) -> JSON:
    try:
        json_schema = json_schema_of(schema)
    except SchemaError:
        adapter_of(schema)
        json_schema = None
    module = f"{schema.__module__}." if isinstance(schema, type) else ""
    return {
        "type": module + type_name(schema),
        "json_schema": json_schema,
        "beyond_json_schema": sorted(_beyond_json_schema(adapter_of(schema).core_schema)),
    }


def _beyond_json_schema(node: object) -> typing.Iterator[str]:
    """What a pydantic core schema demands that JSON Schema cannot say."""
    if isinstance(node, Mapping):
        if node.get("strict") is True:
            yield f"strict {node.get('type', '')}".rstrip()
        if str(node.get("type", "")).startswith("function-"):
            function = node["function"]
            yield f"{node['type']} {callable_name(function['function'] if isinstance(function, Mapping) else function)}"
        for key, value in node.items():
            if key not in {"metadata", "serialization"}:
                yield from _beyond_json_schema(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _beyond_json_schema(value)
