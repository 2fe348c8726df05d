"""Is it Python."""

import ast
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.graders import valid_python


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        "def f():\n    return 1",
        "async def f(): await g()",
        "Sure",
        "# c\npass",
        "match x:\n case _: 0",
        "'\\d'",
        "1 is 1",
    ],
)
def test_python_is_valid_and_warns_nobody(code):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert valid_python()(code).passed


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("Sure! Here it is", 'the text is not Python (line 1: invalid syntax); got "Sure! Here it is"'),
        ("x = 1\n  y = 2", r'the text is not Python (line 2: unexpected indent); got "x = 1\n  y = 2"'),
        ("", 'no statement is in ""'),
        ("# only\n", r'no statement is in "# only\n"'),
    ],
)
def test_what_is_no_python_is_told_and_why(code, reason):
    grade = valid_python()(code)
    assert (grade.state, grade.reason) == ("failed", reason)


@pytest.mark.parametrize("code", ["\x00", "\ud800", "9" * 5000, "(" * 1000, "if 1:\n", "# -*- coding: none -*-\n("])
def test_no_text_is_too_odd_to_fail(code):
    assert valid_python()(code).state == "failed"


@pytest.mark.parametrize(
    "code",
    ["-" * 100_000 + "1", "1+" * 60_000 + "1", "a" + ".b" * 90_000, "not " * 40_000 + "x", "lambda:" * 20_000 + "1"],
)
def test_what_is_too_deep_for_the_parser_is_ungraded(code):
    grade = valid_python()(code)
    assert (grade.state, grade.reason) == ("ungraded", "it is nested too deep for Python's parser")


def test_nothing_is_run(tmp_path):
    assert valid_python()(f"open({str(tmp_path / 'x')!r}, 'w')").passed
    assert not list(tmp_path.iterdir())


@given(st.text(st.sampled_from("ab1 =()[]:\n'\"#+.,")))
def test_it_is_what_ast_parses(code):
    try:
        found = bool(ast.parse(code).body)
    except SyntaxError:
        found = False
    assert valid_python(leniency="strict")(code).passed is found
