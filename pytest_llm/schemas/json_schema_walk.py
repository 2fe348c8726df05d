"""jsonschema, which says where a document does not conform to a JSON Schema. PYTEST_DONT_REWRITE

Verdicts are those of the engine, jsonschema-rs. Where Python differs from the specification, in patterns, formats,
`multipleOf` and `uniqueItems`, the walk asks the engine too. It ends after a second, and after a thousand failures.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from pytest_llm.schemas.issue import JSON
from pytest_llm.schemas.json_schema_engine import are_unique, format_check, matcher
from pytest_llm.schemas.json_schema_findings import Failure, undeclared_names

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator as Walker
    from referencing.jsonschema import SchemaRegistry

LONGEST_S = 1.0
"""Seconds of CPU after which a walk ends, wherever it is."""
MOST_FAILURES = 1000
"""Failures after which a walk ends."""

Keyword = Callable[[Any, Any, JSON, Any], Iterable[Any] | None]

_END: ContextVar[float] = ContextVar("pytest_llm_end_of_walk")
"""When the running walk has to end, by the CPU clock of its thread."""


class _OutOfTime(Exception):
    """The walk has taken its time."""


def walker_of(document: Mapping[str, JSON], draft: str) -> Walker:
    """Return what walks documents by a schema."""
    walker: Walker = _class_of(draft)(document, registry=registry(), format_checker=_Formats(draft))
    return walker


def keywords_of(draft: str) -> frozenset[str]:
    """Return the keywords of a draft that a document can fail."""
    return frozenset(_class_of(draft).VALIDATORS)


def failures(walker: Walker, data: JSON) -> list[Failure]:
    """Return the failures of a document, as far as they are found in time; [] for a document that the walk accepts."""
    found: list[Failure] = []
    token = _END.set(time.thread_time() + LONGEST_S)
    try:
        # Unlike the types of jsonschema say, nothing is unset in the errors that a draft lists.
        for failure in itertools.islice(cast("Iterator[Failure]", walker.iter_errors(data)), MOST_FAILURES):
            found.append(failure)  # noqa: PERF402 - what was found before the end of the time is kept
    except (_OutOfTime, RecursionError, OverflowError):
        pass  # the engine has decided; what is missing is only the detail
    finally:
        _END.reset(token)
    return found


def registry() -> SchemaRegistry:
    """Return the drafts themselves, with no way to fetch anything else: jsonschema's own registry opens URLs."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # has annotations, but no py.typed

    found: SchemaRegistry = REGISTRY
    return found


@functools.lru_cache(maxsize=8)
def _class_of(draft: str) -> Any:
    """Return jsonschema's class of a draft, with our keywords."""
    from jsonschema.validators import extend, validator_for

    base = validator_for({"$schema": draft})
    ours: dict[str, Keyword] = {**base.VALIDATORS, **{name: _OWN[name] for name in _OWN if name in base.VALIDATORS}}
    found = extend(base, {name: _timed(function) for name, function in ours.items()})  # type: ignore[no-untyped-call]  # its stub has no types
    found.descend = _descending(found.descend)
    return found


def _timed(function: Keyword) -> Keyword:
    """Return a keyword that ends the walk when its time is over."""

    def keyword(walker: Any, value: Any, instance: JSON, schema: Any) -> Iterator[Any]:
        if time.thread_time() > _END.get():
            raise _OutOfTime
        yield from function(walker, value, instance, schema) or ()

    return keyword


def _descending(descend: Callable[..., Iterator[ValidationError]]) -> Callable[..., Iterator[ValidationError]]:
    """Return the method that goes into a part of a document, with the place where the schema is `false`.

    jsonschema's own leaves that place out.
    """

    def method(
        self: Any, instance: JSON, schema: Any, path: Any = None, schema_path: Any = None, **more: Any
    ) -> Iterator[ValidationError]:
        if schema is not False:
            yield from descend(self, instance, schema, path=path, schema_path=schema_path, **more)
            return
        error = _error("the schema allows no value here")
        error._set(validator="false", validator_value=False, instance=instance, schema=schema)  # noqa: SLF001 - as jsonschema's keywords do
        if path is not None:
            error.path.appendleft(path)
        if schema_path is not None:
            error.schema_path.appendleft(schema_path)
        yield error

    return method


def _error(message: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)


@dataclass(frozen=True, slots=True)
class _Formats:
    """What jsonschema asks about formats; it hands it to the classes of other drafts within a schema, too."""

    draft: str

    def check(self, instance: JSON, format: str) -> None:  # noqa: A002 - jsonschema's name
        from jsonschema.exceptions import FormatError

        conforms = format_check(self.draft, format)
        if conforms is not None and not conforms(instance):
            raise FormatError(f"this is not a {format!r}")


def _pattern(_: Any, pattern: str, instance: JSON, __: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not matcher(pattern)(instance):
        yield _error(f"this does not match {pattern!r}")


def _pattern_properties(walker: Any, patterns: Mapping[str, Any], instance: JSON, _: Any) -> Iterator[Any]:
    for pattern, schema in patterns.items() if isinstance(instance, dict) else ():
        matches = matcher(pattern)
        for name in filter(matches, instance):
            yield from walker.descend(instance[name], schema, path=name, schema_path=pattern)


def _additional_properties(walker: Any, value: Any, instance: JSON, schema: Any) -> Iterator[Any]:
    names = undeclared_names(instance, schema) if isinstance(instance, dict) else []
    if value is False:
        yield from [_error("there are undeclared fields")] if names else []
        return
    for name in names:
        yield from walker.descend(instance[name], value, path=name)


def _multiple_of(_: Any, factor: float, number: JSON, __: Any) -> Iterator[Any]:
    """Compare exactly: jsonschema divides floats, and finds that 1.13 is no multiple of 0.01."""
    if isinstance(number, int | float) and not isinstance(number, bool):
        times = Fraction(str(number)) / Fraction(str(factor))
        if times.denominator != 1:
            yield _error(f"{number} is not a multiple of {factor}")


def _unique_items(_: Any, value: Any, instance: JSON, __: Any) -> Iterator[Any]:
    if value is True and isinstance(instance, list) and not are_unique(instance):
        yield _error("there are equal items")


_OWN: Mapping[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
}
