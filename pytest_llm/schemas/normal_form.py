"""Write a JSON Schema in one form, whichever version of pydantic wrote it. PYTEST_DONT_REWRITE

What versions 2.7 to 2.14 write for the same type differs in these:

* a Literal of one value is `const` and `enum` up to 2.9, `const` from 2.10 on;
* so is an Enum of one value up to 2.9, which is `enum` from 2.10 on;
* an Enum of floats has the type "numeric" up to 2.8, which is no type;
* a `$ref` with a default or description beside it is inside `allOf` up to 2.8;
* `additionalProperties: true` of a dict of anything is left out up to 2.10;
* a dict whose keys are an Enum or a Literal has `propertyNames` from 2.10 on, later by `$ref`;
* a Decimal has a `pattern` in 2.12 and 2.13.

The last two change what a schema accepts, and stay as they are. The others are written as 2.14 writes them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from pytest_llm.schemas.issue import JSON

Place: TypeAlias = Literal["class", "names", "inside"]
"""Where a subschema stands: as the schema of a class (the root, or a definition), in `propertyNames`, or elsewhere."""

_DEFINITIONS = ("$defs", "definitions")
_MAPS = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "contains", "contentSchema", "not", "if", "then", "else")

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}

_BEYOND_PYDANTIC = re.compile(r'"\$schema"|"\$dynamicRef"|"unevaluated|/allOf/')
"""In a schema with any of these, another spelling could have another meaning; pydantic writes none of them."""

_VARYING = frozenset({"propertyNames", "pattern", "format"})
"""What versions of pydantic write differently for one type, so that the schema accepts other values."""


def normal_form(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return an equal JSON Schema that does not depend on the version of pydantic that wrote *schema*.

    It accepts what *schema* accepts. A schema that pydantic cannot have written may come back as it is.

    >>> normal_form({"const": "a", "enum": ["a"], "title": "Kind"})["enum"]
    ['a']
    >>> normal_form({"items": {"enum": ["a"]}})
    {'items': {'const': 'a', 'type': 'string'}}
    """
    if _BEYOND_PYDANTIC.search(json.dumps(schema, default=str)):
        return dict(schema)
    return _rewritten(schema, _normal, "class")


def without_descriptions(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a JSON Schema without the descriptions in it.

    >>> without_descriptions({"description": "An order.", "properties": {"description": {"type": "string"}}})
    {'properties': {'description': {'type': 'string'}}}
    """
    return _rewritten(schema, lambda node, _: _without(node, "description"), "class")


def descriptions(schema: Mapping[str, JSON]) -> Counter[str]:
    """Return the descriptions in a JSON Schema, with how often each is there.

    >>> descriptions({"items": {"description": "An order."}})
    Counter({'An order.': 1})
    """
    found: Counter[str] = Counter()

    def count(node: dict[str, JSON], _: Place) -> dict[str, JSON]:
        if "description" in node:
            found[str(node["description"])] += 1
        return node

    _rewritten(schema, count, "class")
    return found


def outline(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a JSON Schema without patterns, formats and names of keys, which depend on the version of pydantic.

    Two schemas with one outline may come from one type.

    >>> outline({"type": "object", "title": "Order", "propertyNames": {"enum": ["a"]}})
    {'type': 'object', 'title': 'Order'}
    """
    return _without_unused_definitions(_rewritten(schema, lambda node, _: _without(node, *_VARYING), "class"))


def _rewritten(
    schema: Mapping[str, JSON], change: Callable[[dict[str, JSON], Place], dict[str, JSON]], place: Place
) -> dict[str, JSON]:
    """Return a schema with every subschema changed, the innermost first; values and annotations stay."""

    def inner(value: JSON, where: Place = "inside") -> JSON:
        return _rewritten(value, change, where) if isinstance(value, Mapping) else value

    node: dict[str, JSON] = dict(schema)
    for key, value in schema.items():
        if key in _DEFINITIONS and isinstance(value, Mapping):
            node[key] = {name: inner(item, "class") for name, item in value.items()}
        elif key in _MAPS and isinstance(value, Mapping):
            node[key] = {name: inner(item) for name, item in value.items()}
        elif key in _LISTS and isinstance(value, list):
            node[key] = [inner(item) for item in value]
        elif key == "propertyNames":
            node[key] = inner(value, "names")
        elif key in _SINGLE:
            node[key] = inner(value)
    return change(node, place)


def _normal(node: dict[str, JSON], place: Place) -> dict[str, JSON]:
    """Return a subschema, whose own subschemas are in normal form, in normal form."""
    allowed = node.get("enum")
    if "const" in node and isinstance(allowed, list) and _is_same(allowed, [node["const"]]):
        node = _without(node, "enum")
    elif "const" not in node and isinstance(allowed, list) and len(allowed) == 1:
        node = {("const" if key == "enum" else key): value for key, value in node.items()} | {"const": allowed[0]}
    node = _typed(node, place)
    if place == "class" and "title" in node and "const" in node and "enum" not in node:
        # The schema of a class with one value: an Enum, nearly always.
        node = {key: value for key, value in node.items() if key != "const"} | {"enum": [node["const"]]}
    match node.get("allOf"):
        case [{"$ref": reference, **more}] if not more and "$ref" not in node:
            node = _without(node, "allOf") | {"$ref": reference}
    if node.get("type") == "object" and not node.keys() & {"properties", "patternProperties", "additionalProperties"}:
        node = node | {"additionalProperties": True}
    return node


def _typed(node: dict[str, JSON], place: Place) -> dict[str, JSON]:
    """Return a subschema with the type that its values have; a key of an object is a text without saying so."""
    values = [node["const"]] if "const" in node else node.get("enum")
    kinds = {_TYPES.get(type(value)) for value in values} if isinstance(values, list) else set()
    if len(kinds) != 1 or (kind := kinds.pop()) is None:
        return node
    if place == "names":
        return _without(node, "type") if node.get("type") == kind == "string" else node
    return node | {"type": kind} if node.get("type", "numeric") == "numeric" else node


def _without_unused_definitions(schema: dict[str, JSON]) -> dict[str, JSON]:
    """Return a schema without definitions that nothing refers to, and without `$defs` where none is left."""
    known = schema.get("$defs")
    if not isinstance(known, Mapping):
        return schema
    used = {name: value for name, value in known.items() if f'"#/$defs/{name}"' in json.dumps(schema)}
    if len(used) < len(known):
        return _without_unused_definitions(schema | {"$defs": used})
    return schema if used else _without(schema, "$defs")


def _without(node: dict[str, JSON], *keys: str) -> dict[str, JSON]:
    return {name: value for name, value in node.items() if name not in keys}


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON, where 1 and true are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
