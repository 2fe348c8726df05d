"""YAML that holds JSON and nothing else, from PyYAML's events: what the plain reader leaves. PYTEST_DONT_REWRITE

PyYAML's own composer is not used: it makes dates and sets, of two equal keys it takes the last, aliases blow a small
file up without end, and some hundred thousand brackets crash the interpreter.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pytest_llm.cassettes.plain_yaml import DEEPEST, plain_scalar
from pytest_llm.schemas import JSON


def read_strict(text: str) -> list[JSON]:
    """The documents of a text. Raises yaml.YAMLError or ValueError for anything but JSON's values."""
    import yaml

    # The C loader is three times as fast; a wheel without it has the other.
    events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    documents: list[JSON] = []
    #: The lists and mappings that are open, each with the key that waits for its value.
    open_: list[tuple[Any, list[str]]] = [(documents, [])]
    for event in events:
        match event:
            case yaml.ScalarEvent():
                _add(open_[-1], _scalar(event), event)
            case yaml.CollectionStartEvent():
                if event.tag is not None or len(open_) > DEEPEST:
                    _refuse(f"the tag {event.tag}" if event.tag else f"more than {DEEPEST} levels of nesting", event)
                made: JSON = {} if isinstance(event, yaml.MappingStartEvent) else []
                _add(open_[-1], made, event)
                open_.append((made, []))
            case yaml.CollectionEndEvent():
                open_.pop()
            case yaml.AliasEvent():
                _refuse(f"the alias *{event.anchor}", event)
    return documents


def _add(parent: tuple[Any, list[str]], value: JSON, event: Any) -> None:
    """Put a value into the list or mapping that is open; in a mapping, it is a key at first."""
    container, key = parent
    if isinstance(container, list):
        container.append(value)
    elif key:
        container[key.pop()] = value
    elif not isinstance(value, str):
        _refuse("a key that is no text", event)
    elif value in container:
        _refuse(f"the key {value!r} twice", event)
    else:
        key.append(value)


def _scalar(event: Any) -> JSON:
    """The value of a scalar: a text, unless it is plain and looks like something else."""
    if event.tag is not None:
        _refuse(f"the tag {event.tag}", event)
    if not event.implicit[0]:  # in quotes, or a block
        return event.value
    try:
        return plain_scalar(event.value) if event.value else None
    except ValueError:
        _refuse(f"{event.value[:40]!r} without quotes, which YAML takes for something else than a text", event)


def _refuse(problem: str, event: Any) -> NoReturn:
    """Raise yaml.YAMLError, with the line, for what no cassette holds."""
    from yaml.constructor import ConstructorError

    raise ConstructorError(None, None, problem, event.start_mark)
