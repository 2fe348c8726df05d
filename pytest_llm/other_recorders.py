"""Decide whose test an item is where other recorders and mocks of HTTP are in use. PYTEST_DONT_REWRITE

pytest-recording, pytest-vcr, respx and pytest-httpx may be installed: what counts is a mark, or a fixture that the test
has by its own wish.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import Mark
    from _pytest.nodes import Node

_VCR = "vcr"
_MARKS = {_VCR: None, "respx": "respx_mock", "httpx_mock": "httpx_mock"}
"""Marks of others. The last two only configure a fixture, and say nothing of a test that does not use it."""

_MOCKS = {"respx_mock": "respx", "httpx_mock": "pytest-httpx"}
"""Fixtures that replace the transports by which SDKs send, and the library of each. They are never autouse."""

_CASSETTES = ("vcr", "vcr_cassette")
"""Fixtures that open a cassette; the first one of pytest-recording is autouse, and idle without its mark."""


def is_marked(node: Node, fixturenames: Collection[str]) -> bool:
    """Return whether a test is marked `llm`, and no mark of another recorder is nearer to it."""
    ours = _depth(node, "llm")
    return ours is not None and all(depth <= ours for _, depth in _others(node, fixturenames))


def claim(item: pytest.Function, *, sends: bool) -> None:
    """Keep other recorders out of a test that is ours. Raises pytest.UsageError where one of them is in use on it.

    `sends`: whether this run may send requests.
    """
    ours = _depth(item, "llm")
    for name, depth in _others(item, item.fixturenames):
        if depth == ours:
            raise pytest.UsageError(
                f"{item.nodeid}\nthe marks llm and {name} are at the same place, and each of the two would record or "
                f"answer the HTTP of the test\n  remove one  the mark llm, or {name}\n"
                "  or          put one of them nearer to the test, on its function or class: the nearer one counts"
            )
    if used := next(_used(item), None):
        fixture, library = used
        raise pytest.UsageError(
            f"{item.nodeid}\nthe test is marked llm, and its fixture {fixture} ({library}) records or answers its HTTP "
            f"too\n  remove one  the mark llm, or the fixture {fixture}"
        )
    if _depth(item, _VCR) is not None:
        _hide(item, _VCR)
    if sends and _is_of_pytest_recording(item, "block_network"):
        # As in pytest-recording itself, a run that records is let through; in a replay nothing has to be.
        item.fixturenames = [name for name in item.fixturenames if name != "block_network"]


def _others(node: Node, fixturenames: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield the marks of other recorders on a test, with the depth of the nearest."""
    marked = {mark.name for mark in node.iter_markers()}
    for name, fixture in _MARKS.items() if not marked.isdisjoint(_MARKS) else ():
        depth = _depth(node, name)
        if depth is not None and (fixture is None or fixture in fixturenames):
            yield name, depth


def _depth(node: Node, name: str) -> int | None:
    """Return how far below the root the nearest mark of a name is; None where there is none."""
    found = next(node.iter_markers_with_node(name), None)
    return None if found is None else len(found[0].listchain())


def _used(item: pytest.Function) -> Iterator[tuple[str, str]]:
    yield from ((name, library) for name, library in _MOCKS.items() if name in item.fixturenames)
    arguments = item._fixtureinfo.argnames  # noqa: SLF001 - pytest has no public way
    asked_for = {*arguments, *(name for mark in item.iter_markers("usefixtures") for name in mark.args)}
    for name in _CASSETTES:
        if name in asked_for:
            yield name, "pytest-recording" if _is_of_pytest_recording(item, name) else "vcrpy"


def _is_of_pytest_recording(item: pytest.Function, fixture: str) -> bool:
    found = item._fixtureinfo.name2fixturedefs.get(fixture, ())  # noqa: SLF001 - as above
    return any(one.func.__module__.startswith("pytest_recording") for one in found[-1:])


def _hide(item: pytest.Function, hidden: str) -> None:
    """Hide a mark of a module or class from who looks for it on this item.

    pytest-recording and pytest-vcr open a cassette for every item on which they find it, whichever fixture of theirs a
    test uses.
    """
    every = item.iter_markers_with_node

    def visible(name: str | None = None) -> Iterator[tuple[Node, Mark]]:
        return ((node, mark) for node, mark in every(name) if mark.name != hidden)

    item.iter_markers_with_node = visible  # type: ignore[method-assign] # pytest has no way to take a mark out for one item
