"""Which plugin owns an option; loaded only when two want the same one. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest


def owner_of(option: str, pluginmanager: pytest.PytestPluginManager) -> str:
    """The name of the plugin that adds an option, found by letting every plugin add its options to a listener."""
    for name, plugin in pluginmanager.list_name_plugin():
        add = getattr(plugin, "pytest_addoption", None)
        if add is None or getattr(plugin, "__name__", "").startswith("pytest_llm."):
            continue
        listener = _Listener()
        with contextlib.suppress(Exception):  # a plugin that needs more than a listener is not named
            arguments = {"parser": listener, "pluginmanager": pluginmanager}
            names = add.__code__.co_varnames[: add.__code__.co_argcount]
            add(**{key: arguments[key] for key in names if key in arguments})
        if option in listener.options:
            return name
    return "one that could not be found"


class _Listener:
    """Looks like a parser and like a group, and hears the names of options."""

    def __init__(self) -> None:
        self.options: list[str] = []

    def getgroup(self, *_: Any, **__: Any) -> _Listener:
        return self

    def addoption(self, *names: Any, **_: Any) -> None:
        self.options += names

    _addoption = addoption

    def addini(self, *_: Any, **__: Any) -> None:
        """Ini keys do not clash."""
