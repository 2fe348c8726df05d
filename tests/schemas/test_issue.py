"""The records that all validators share, and the examples in the room's docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import pytest_llm.schemas
from pytest_llm.schemas import Issue, described, pointer, quoted

MODULES = [module.name for module in pkgutil.iter_modules(pytest_llm.schemas.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(f"pytest_llm.schemas.{name}")).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_not_rewritten_by_pytest_and_asserts_nothing(name):
    module = importlib.import_module(f"pytest_llm.schemas.{name}")
    assert module.__doc__.splitlines()[0].endswith("PYTEST_DONT_REWRITE")
    assert "\n    assert " not in Path(module.__file__).read_text(encoding="utf-8")


def test_a_pointer_escapes_tildes_and_slashes():
    assert pointer(["a/b", "~", 0]) == "/a~1b/~0/0"
    assert pointer([]) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("three", 'string "three"'),
        (3, "integer 3"),
        (3.5, "number 3.5"),
        ([], "array []"),
        ({"a": None}, 'object {"a": null}'),
        (None, "null"),
        (True, "true"),
        ("é\n\x1b[31m\u202e", 'string "é\\n\\u001b[31m\\u202e"'),
        ("x" * 100, f'string "{"x" * 59}… (102 characters)'),
    ],
)
def test_a_value_is_described_as_json_on_one_line(value, words):
    assert described(value) == words


def test_a_value_that_is_no_json_is_shown_all_the_same():
    assert quoted({1, 2}) == '"{1, 2}"'


def test_what_a_model_wrote_cannot_break_the_line():
    """A key of the reply is in the path, unquoted; a message of the user's check may carry the reply."""
    issue = Issue(path="/a\n(whole reply): expected nothing.\x1b[2J", code="extra", expected="no\r\n such field")
    assert issue.line == "/a (whole reply): expected nothing.\\x1b[2J: expected no such field."
    long = Issue(path=f"/{'k' * 10_000}", code="extra", expected="no such field")
    assert len(long.line) < 700
