"""Find the methods of HTTP libraries that a mock or another recorder has replaced. PYTEST_DONT_REWRITE

A mocked reply must not be recorded as the model's, and a recording must not win over a mock that the test set up.
Replaced methods are found by two signs: the function comes from a library that is known to mock or to record, or the
attribute has changed since the interception was entered. A wrapper that keeps `__wrapped__`, as tracing libraries do,
is no replacement.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pytest_llm.errors import explain

Place: TypeAlias = tuple[Any, str]
"""A class, and the name of its attribute."""
Patch: TypeAlias = tuple[str, str]
"""The name of a mock or recorder, or of the function that somebody wrote, and the method that it has replaced."""

KNOWN_MOCKS = {
    "aioresponses": "aioresponses",
    "betamax": "betamax",
    "mocket": "mocket",
    "pook": "pook",
    "pytest_httpx": "pytest-httpx",
    "requests_mock": "requests-mock",
    "responses": "responses",
    "respx": "respx",
    "unittest": "unittest.mock",
    "vcr": "vcrpy",
}
"""Packages that answer HTTP requests in the place of the server, with the names that users know."""

_LONGEST_CHAIN = 20
"""Of wrappers around a method; an object may pretend to wrap another one without end."""

_CLIENTS = (("Client", "send"), ("AsyncClient", "send"))
_HTTPX = (
    ("Client", "_transport_for_url"),
    ("AsyncClient", "_transport_for_url"),
    ("HTTPTransport", "handle_request"),
    ("AsyncHTTPTransport", "handle_async_request"),
)
_HTTPCORE = (("ConnectionPool", "handle_request"), ("AsyncConnectionPool", "handle_async_request"))
_URLLIB3 = ("urllib3.connectionpool", "HTTPConnectionPool", "urlopen")
_OPENAI = tuple(("openai", cls, method) for cls in ("OpenAI", "AsyncOpenAI") for method in ("post", "request"))

ENTRIES = (
    *((module, cls, name) for module in ("httpx", "httpx2") for cls, name in _CLIENTS),
    ("requests", "Session", "send"),
)
"""Where a request enters an HTTP library, above what mocks replace."""

GROUPS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    # One group: the same mock may stand in either, whichever of the two an SDK sends with.
    "httpx": (
        *((module, cls, name) for module in ("httpx", "httpx2") for cls, name in (*_CLIENTS, *_HTTPX)),
        *((module, cls, name) for module in ("httpcore", "httpcore2") for cls, name in _HTTPCORE),
        *_OPENAI,
    ),
    "requests": (
        ("requests", "Session", "send"),
        ("requests", "Session", "get_adapter"),
        ("requests.adapters", "HTTPAdapter", "send"),
        _URLLIB3,
        ("urllib3.connectionpool", "HTTPConnectionPool", "ConnectionCls"),
        ("urllib3.connectionpool", "HTTPSConnectionPool", "ConnectionCls"),
    ),
}


MODULES = tuple(dict.fromkeys(module for found in GROUPS.values() for module, _, _ in found))


def group_of(module: str) -> str:
    """Return the group of places that a request sent by a library passes."""
    return "requests" if module == "requests" else "httpx"


def loaded() -> int:
    """Return how many of the modules with places are loaded."""
    return sum(module in sys.modules for module in MODULES)


def snapshot() -> dict[Place, Any]:
    """Return what stands at every place now."""
    return {place: getattr(*place) for group in GROUPS.values() for place, _ in _places(group)}


def is_untouched(own: Mapping[Place, Any]) -> bool:
    """Return whether the same stands at every place as in a snapshot; a cheap look, for every request."""
    for (target, name), value in own.items():  # noqa: SIM110 - `all` takes twice as long, for every request
        if getattr(target, name) is not value:
            return False
    return True


def foreign_patch(group: str, own: Mapping[Place, Any]) -> Patch | None:
    """Return what has replaced a method of a group; None where nothing has.

    `own` is what stood at the places when the interception was entered; empty while it is not.
    """
    return next(_replacements(GROUPS[group], own), None)


def replaced_entry(own: Mapping[Place, Any]) -> Patch | None:
    """Return what has replaced a method by which requests enter an HTTP library or the SDK; None where nothing has."""
    return next(_replacements((*ENTRIES, *_OPENAI, _URLLIB3), own), None)


def explain_patch(what: str, found: Patch, *, host: str | None = None) -> str:
    """Return the message about a request, or a test, that a mock or another recorder answers."""
    name, place = found
    fix = {"remove one": f"the mark llm, or {name}"}
    if host:
        fix["or pass by"] = f"ini llm_ignore_hosts = {host}      (its exchanges are not recorded)"
    problem = f"{what}: the test is marked llm, and {name} answers its HTTP too"
    return explain(problem, where=f"{place}, which has been replaced", fix=fix)


def _places(named: Iterable[tuple[str, str, str]]) -> Iterator[tuple[Place, str]]:
    """Yield the places whose modules are loaded, with their names; what is not loaded cannot have been replaced."""
    for module, cls, name in named:
        target = getattr(sys.modules.get(module), cls, None)
        if hasattr(target, name):
            yield (target, name), f"{module.partition('.')[0]}.{cls}.{name}"


def _replacements(named: Iterable[tuple[str, str, str]], own: Mapping[Place, Any]) -> Iterator[Patch]:
    for place, shown in _places(named):
        if replacement := _replacement(getattr(*place), own.get(place)):
            yield replacement, shown


def _replacement(value: Any, own: Any) -> str:
    """Return the name of what stands in the place of a method, "" for the method itself and for a wrapper of it."""
    first, is_known = value, own is None  # without `own` nobody knows what stood there; only the known names count
    for _ in range(_LONGEST_CHAIN):
        package = _module_of(value).partition(".")[0]
        # vcrpy's own class stands there for the interception itself.
        if package in KNOWN_MOCKS and not (value is own and package == "vcr"):
            return KNOWN_MOCKS[package]
        is_known = is_known or value is own
        value = getattr(value, "__wrapped__", None)
        if value is None:
            break
    return "" if is_known else f"{_module_of(first)}.{getattr(first, '__qualname__', type(first).__name__)}"


def _module_of(value: Any) -> str:
    """Return the module in which a function was written; `functools.wraps` copies the name of another one."""
    names = getattr(value, "__globals__", None)
    if isinstance(names, dict) and "__name__" in names:
        return str(names["__name__"])
    return str(getattr(value if isinstance(value, type) else type(value), "__module__", ""))
