"""What a test asks, as far as its marker and its text say it before it runs. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from pytest_llm.collection import Draw, is_our_fixture
from pytest_llm.errors import LlmError
from pytest_llm.retrying import Options, plan_of
from pytest_llm.settings import Settings

_ASKS: Mapping[str, Literal["corrections", "comparison"]] = {
    "": "corrections",
    "acall": "corrections",
    "compare": "comparison",
    "acompare": "comparison",
}


@dataclass(frozen=True, slots=True)
class Declared:
    """What each item of a test asks of its prompt."""

    #: reply: one response · corrections: of `llm_retry` · comparison: under several policies
    asks: Literal["reply", "corrections", "comparison"]
    #: Of the call of `llm_retry`.
    options: Mapping[str, Any] = field(default_factory=dict)


def declared_by(item: pytest.Function, draw: Draw, settings: Settings) -> Declared | None:
    """What a test asks; None where only running it would tell."""
    if draw.prompt is None or draw.suite.record_errors:
        return None
    if "llm_response" in item.fixturenames:
        return Declared("reply") if is_our_fixture(item, "llm_response") else None
    if "llm_retry" not in item.fixturenames or not is_our_fixture(item, "llm_retry"):
        return None
    if (call := _call_of("llm_retry", item.function)) is None:
        return None
    options = _literals(call.keywords)
    if call.args or (options is None and _changes_the_prompt(call)):
        return None
    try:
        # A deadline runs from when the test asks; all before the first correction is the same.
        if options is None or plan_of(item, settings.retry, options).budget.deadline is not None:
            return Declared("reply")
    except (LlmError, TypeError):
        return None
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return Declared(_ASKS[method], {**options, "score": None}) if method in _ASKS else None


def _call_of(name: str, function: Callable[..., Any]) -> ast.Call | None:
    """The one call of a fixture, or of a method of it, in the body of a test, where it is made in any case."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        return None
    if sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree)) != 1:
        return None
    body = tree.body[0].body if isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef) else []
    return next((call for one in body for call in _calls_in(one) if _callee(call) == name), None)


_MAYBE = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.Match,
    ast.With,
    ast.AsyncWith,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.IfExp,
    ast.BoolOp,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
"""What may run what is in it not at all, or more than once."""


def _calls_in(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, _MAYBE):
        return
    if isinstance(node, ast.Call):
        yield node
    for inner in ast.iter_child_nodes(node):
        yield from _calls_in(inner)


def _callee(call: ast.Call) -> str:
    """The name of what is called: `f` of `f()` and of `f.method()`."""
    function = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return function.id if isinstance(function, ast.Name) else ""


def _literals(keywords: list[ast.keyword]) -> dict[str, Any] | None:
    """The arguments of a call; None where one of them is known only when it runs, or is none that decides."""
    try:
        found = {str(one.arg): ast.literal_eval(one.value) for one in keywords if one.arg != "score"}
    except ValueError:
        return None
    return found if found.keys() <= Options.__annotations__.keys() else None


def _changes_the_prompt(call: ast.Call) -> bool:
    return any(one.arg not in Options.__annotations__ for one in call.keywords)
