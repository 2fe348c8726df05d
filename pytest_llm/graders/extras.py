"""Libraries that only some graders need. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pytest_llm.errors import MissingExtra


def library(grader: str, module: str, *, extra: str = "graders") -> Any:
    """A module that a grader works with, loaded when it is built. Raises MissingExtra where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        name = module.partition(".")[0]
        if (missing.name or "").partition(".")[0] != name:
            raise
        what = f"{grader} needs the library {name!r}"
        raise MissingExtra(what, fix={"install it": f"pip install 'pytest-llm-evals[{extra}]'"}) from None
