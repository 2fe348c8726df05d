"""A grader of mathematical expressions. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math

from pytest_llm.errors import GraderError
from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_text, refused
from pytest_llm.graders.reading import CannotRead, NotConforming, expected_of, text_of
from pytest_llm.graders.structure.expression_values import same_value
from pytest_llm.graders.structure.expressions import Expression, Number, expression_of
from pytest_llm.graders.structure.tolerance import exact
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted


def math_equal(expected: str | None = None) -> Grader:
    r"""Pass a text that is an expression of the same value as the expected one: `\frac{x^2-1}{x-1}` for `x + 1`.

    Plain and LaTeX notation are read; of a text with `\boxed{…}` only what is in the last one. Of `x = 2` the right
    side counts. Compared with `expected` of the case, a text or a number, unless it is given. Two expressions are the
    same where they have the same values at drawn points, exact for + − × ÷ and whole powers, else to 40 digits. Nothing
    of a text is run, and no time is spent on simplifying; what is not read, or has two readings, is ungraded.

    Source: values of functions by mpmath, which sympy computes with too.

    >>> math_equal("1/2").grade(r"So it is \boxed{\frac{2}{4}}.").state
    'passed'
    """
    given = None if expected is None else _given(expected)
    mpmath = library("math_equal", "mpmath", extra="math")

    def grade(output: object, case: Case | None) -> Told:
        name, right = _of_case(case) if given is None else given
        text = text_of(output)
        got_name, got = expression_of(text)
        if name and got_name and name != got_name:
            return False, f"expected {quoted(name)} alone on the left, got {quoted(got_name)}"
        if same_value(right, got, mpmath):
            return True
        shown = expected if expected is not None or case is None else case.expected
        return False, f"expected a value equal to {quoted(shown)}, got {quoted(text)}"

    params = () if expected is None else (("expected", expected),)
    return Grader(name="math_equal", function=grade, params=params)


def _given(expected: object) -> tuple[str, Expression]:
    text = a_text("math_equal", "expected", expected)
    try:
        return expression_of(text)
    except (CannotRead, NotConforming) as problem:
        error: GraderError = refused("math_equal", "expected", text, f"cannot be read ({problem})", 'expected="2x + 1"')
        raise error from None


def _of_case(case: Case | None) -> tuple[str, Expression]:
    expected = expected_of(case)
    if isinstance(expected, (int, float)) and not isinstance(expected, bool) and math.isfinite(expected):
        return "", Number(exact(expected))
    if not isinstance(expected, str):
        raise CannotRead(f"`expected` is to be a text or a number, and is {quoted(expected)}")
    try:
        return expression_of(expected)
    except NotConforming:
        raise CannotRead(f"`expected` is to be an expression, and is {quoted(expected)}") from None
