"""jsonschema-rs, which decides whether a document conforms to a JSON Schema. PYTEST_DONT_REWRITE

Patterns are ECMA-262's, and one that backtracks without end is stopped: the document does not conform then. Formats are
checked. Nothing is fetched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
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
