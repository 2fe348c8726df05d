"""jsonschema-rs, which decides whether a document conforms to a JSON Schema. PYTEST_DONT_REWRITE

Patterns are ECMA-262's, and one that backtracks without end is stopped: the document does not conform then. Formats are
checked. Nothing is fetched.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Never

from pytest_llm.schemas.issue import JSON

if TYPE_CHECKING:
    from jsonschema_rs import Validator as Engine

DRAFTS: Mapping[str, str] = {
    "https://json-schema.org/draft/2020-12/schema": "Draft202012Validator",
    "https://json-schema.org/draft/2019-09/schema": "Draft201909Validator",
    "http://json-schema.org/draft-07/schema#": "Draft7Validator",
    "http://json-schema.org/draft-06/schema#": "Draft6Validator",
    "http://json-schema.org/draft-04/schema#": "Draft4Validator",
}
"""By the address that `$schema` names, the class of jsonschema-rs."""
DEFAULT_DRAFT = next(iter(DRAFTS))


def engine_of(document: JSON, draft: str = DEFAULT_DRAFT, *, knows_formats: bool = False) -> Engine:
    """Compile a schema. Raises ValueError where it is wrong, or refers to what is neither in it nor a draft.

    `knows_formats`: a format that is not checked is wrong too.
    """
    import jsonschema_rs

    make = functools.partial(
        getattr(jsonschema_rs, DRAFTS[draft]),
        validate_formats=True,
        ignore_unknown_formats=not knows_formats,
        retriever=_refuse,
    )
    try:
        engine: Engine = make(document)
    except ValueError:
        if (whole := _whole(document)) == document:
            raise
        engine = make(whole)
    return engine


def leads_nowhere(wrong: ValueError) -> bool:
    """Return whether a schema is wrong because a reference in it leads nowhere."""
    import jsonschema_rs

    kind = getattr(wrong, "kind", None)
    return isinstance(kind, jsonschema_rs.ValidationErrorKind.Referencing)


def accepts(engine: Engine, data: JSON) -> bool:
    """Return whether a document conforms. Half of a surrogate pair counts as the replacement character."""
    try:
        return engine.is_valid(data)
    except ValueError:  # a UnicodeEncodeError, for one
        return engine.is_valid(_whole(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFailure:
    """A failure of one keyword, as jsonschema would describe it."""

    message: str
    validator: str
    validator_value: JSON
    instance: JSON
    schema: JSON
    absolute_path: Sequence[str | int]
    absolute_schema_path: Sequence[str | int]
    #: It has no failures in its context, and is in no other one's.
    context: Sequence[Never] = ()
    parent: None = None
    schema_path: Sequence[str | int] = ()


def plain_failures(engine: Engine, document: JSON, data: JSON, most: int) -> list[PlainFailure] | None:
    """Return the failures of a document, so many at most; None where one of them takes more than a look at its keyword.

    For what most schemas have, it is ten times as fast as jsonschema.
    """
    found: list[PlainFailure] = []
    try:
        for error in itertools.islice(engine.iter_errors(data), most):
            path, way = error.instance_path, error.schema_path
            if way != error.evaluation_path or (schema := _schema_at(document, way[:-1])) is None:
                return None
            keyword = str(way[-1])
            value = schema.get(keyword)
            is_plain = keyword in _PLAIN and not isinstance(value, bool)  # as draft 4 has exclusive bounds
            if not is_plain and (keyword, value) not in _PLAIN_WITH:
                return None
            found.append(
                PlainFailure(
                    message=error.message,
                    validator=keyword,
                    validator_value=value,
                    instance=functools.reduce(operator.getitem, path, data),
                    schema=schema,
                    absolute_path=path,
                    absolute_schema_path=way,
                )
            )
    except ValueError:  # half of a surrogate pair
        return None
    # In the order of the schema, as jsonschema has them; the engine has an order of its own.
    return sorted(found, key=lambda one: _order(document, one.absolute_schema_path))


def _order(document: JSON, way: Sequence[str | int]) -> list[int]:
    """Return a way through a schema as numbers that sort by its order."""
    places = []
    for step in way:
        places.append(step if isinstance(step, int) else list(document).index(step))
        document = document[step]
    return places


_PLAIN = frozenset(
    {
        *("type", "enum", "const", "required", "pattern", "format", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
        *("minItems", "maxItems", "minProperties", "maxProperties"),
    }
)


_PLAIN_WITH = (("additionalProperties", False), ("uniqueItems", True))


def _schema_at(document: JSON, way: Sequence[str | int]) -> Mapping[str, JSON] | None:
    """Return the schema to which a way through parts of the document leads; None where it goes another way."""
    found, steps = document, iter(way)
    for step in steps:
        if step in ("properties", "patternProperties", "prefixItems"):
            name = next(steps, None)
            found = None if name is None else found[step][name]
        elif step in ("items", "additionalProperties"):
            found = found.get(step)
        else:
            return None
        if not isinstance(found, Mapping):
            return None
    return found if isinstance(found, Mapping) else None


@functools.lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the function that tells whether a pattern is found in a text."""
    engine = engine_of({"pattern": pattern})
    return lambda text: accepts(engine, text)


@functools.lru_cache(maxsize=256)
def format_check(draft: str, name: str) -> Callable[[JSON], bool] | None:
    """Return the function that tells whether a value has a format; None for one that this draft does not check."""
    try:
        engine = engine_of({"format": name}, draft, knows_formats=True)
    except ValueError:
        return None
    return lambda value: accepts(engine, value)


@functools.lru_cache(maxsize=1)
def _unique() -> Engine:
    return engine_of({"uniqueItems": True})


def are_unique(items: JSON) -> bool:
    """Return whether no two items of an array are equal."""
    return accepts(_unique(), items)


def _refuse(address: str) -> Never:
    raise ValueError(f"nothing is fetched: {address}")


def _whole(value: JSON) -> JSON:
    """Return a value with the replacement character for each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(name): _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value
