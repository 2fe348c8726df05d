"""Places in a JSON tree, by JSON Pointer (RFC 6901). PYTEST_DONT_REWRITE"""

from __future__ import annotations

from typing import TypeAlias

from pytest_llm.schemas import JSON

Path: TypeAlias = tuple[str | int, ...]


def steps_of(pointer: str) -> Path:
    """The steps of a pointer; one into a list is a text of digits, too.

    >>> steps_of("/data/0/a~1b")
    ('data', '0', 'a/b')
    """
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def value_at(data: JSON, path: Path) -> JSON:
    """The value at a path. Raises LookupError, TypeError or ValueError where there is none."""
    for step in path:
        data = data[int(step)] if isinstance(data, list) else data[step]
    return data


def with_value(data: JSON, path: Path, value: JSON) -> JSON:
    """The data with another value at a path; what is not on the way to it is shared."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    changed = data.copy()
    place = int(step) if isinstance(data, list) else step
    changed[place] = with_value(data[place], rest, value)
    return changed
