"""Records out of JSON, each value of the type that its field declares. PYTEST_DONT_REWRITE

Not by pydantic: it takes no text with half a surrogate pair, which a model's output may well hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pytest_llm.schemas import JSON

Reader = Callable[[JSON], Any]
"""Makes a value of one type. Raises ValueError with the place of what is of another."""


@cache
def reader(kind: Any) -> Reader:
    """What reads a type: a dataclass, a tuple, a mapping of texts, a Literal, a plain type, or any of them and None.

    Keys that a dataclass does not have are passed over: later versions add some.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record(kind)
    if origin is Literal:
        return _one_of(inner)
    if origin in (UnionType, Union):  # the latter of a Literal and None
        return _optional(reader(inner[0]))
    if origin is tuple:
        return _many(reader(inner[0])) if inner[1:] == (...,) else _several([reader(one) for one in inner])
    if origin is Mapping:
        return _mapping(reader(inner[1]))
    return _PLAIN[kind]


def _of_type(told: str, *types: type) -> Reader:
    def read(value: JSON) -> JSON:
        if type(value) not in types:  # to isinstance, true is a number
            raise ValueError(f"{str(value)[:40]!r} is {told}")
        return value

    return read


def _one_of(words: Sequence[str]) -> Reader:
    def read(value: JSON) -> JSON:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{str(value)[:40]!r} is none of {', '.join(words)}")
        return value

    return read


_list = _of_type("no list", list, tuple)
_object = _of_type("no object", dict)
_PLAIN: dict[Any, Reader] = {
    Any: lambda value: value,
    str: _of_type("no text", str),
    bool: _of_type("neither true nor false", bool),
    int: _of_type("no whole number", int),
    float: _of_type("no number", int, float),
}


def _at(place: object, read: Reader, value: JSON) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _many(read: Reader) -> Reader:
    return lambda value: tuple(_at(place, read, one) for place, one in enumerate(_list(value)))


def _several(reads: Sequence[Reader]) -> Reader:
    def read(value: JSON) -> tuple[Any, ...]:
        if len(_list(value)) != len(reads):
            raise ValueError(f"{len(value)} values instead of {len(reads)}")
        return tuple(_at(place, *both) for place, both in enumerate(zip(reads, value, strict=True)))

    return read


def _mapping(read: Reader) -> Reader:
    return lambda value: {key: _at(key, read, one) for key, one in _object(value).items()}


def _optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _record(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    reads = {field.name: reader(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]

    def read(value: JSON) -> Any:
        given = _object(value)
        if missing := [name for name in needed if name not in given]:
            raise ValueError(f"{missing[0]} is missing")
        made, name = {}, ""
        try:
            for name, one in reads.items():
                if name in given:
                    made[name] = one(given[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return kind(**made)

    return read
