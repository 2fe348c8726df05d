"""Expressions of the same value."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError, MissingExtra
from pytest_llm.graders import math_equal
from pytest_llm.prompts import Case

SAME = [
    ("0.5", [r"The answer is \boxed{\frac{1}{2}}.", r"\frac12", r"\dfrac 1 2", "1/2", "50%", r"50\%", ".5", "2^-1", "$0.50$"]),
    ("1000", ["1,000", "1{,}000", "1000.", "10^3", "10³", "10**3", "x = 1000", "**1000**", "`1000`", r"\(1000\)", "$$1000$$"]),
    ("x+1", [r"\frac{x^2-1}{x-1}", "1 + x", "y = x + 1", r"\left(x+1\right)", "-(-x-1)", "{x}+1", "x - - 1".replace("- -", "+")]),
    ("(x+1)^20", ["(x+1)^{19}(1+x)", "(x²+2x+1)^{10}", "(1+x)^4*(x+1)^16"]),
    ("(x+1)^{300}(x+1)^{300}", ["(x+1)^{600}"]),
    ("(x+1)^{1200}", ["(x+1)^{600}(x+1)^{600}", "(x+1)^{1200} + (x+1)^{1100} - (1+x)^{1100}"]),
    ("sqrt(8)", [r"2\sqrt{2}", "2√(2)", r"2 \cdot \sqrt 2", "8^{1/2}", r"\sqrt[2]{8}", "sqrt(2)·2", "2×2^0.5", r"\sqrt[4]{64}"]),
    ("-2", [r"\sqrt[3]{-8}", "(-8)^{1/3}", "−2", "–2", "-4÷2", r"-4\div 2", "-(2)"]),
    ("1", ["sin(x)^2+cos(x)^2", r"\sin^2 x + \cos^2 x", r"\tan x \cot x", "sec x cos x", r"\csc{x}\sin{x}", "e^0", "0!", "|-1|", "-e^{i pi}", "abs(-1)", r"\lvert -1 \rvert", "0^0"]),
    ("3", [r"\log_2 8", "log_{2}(8)", r"\ln e^3", "log(exp(3))", "6/2", "3!/2"]),
    ("1/6", ["1/2/3", "(1/2)/3", r"\frac{1}{2\cdot 3}", "1/(2*3)", "1/2*1/3"]),
    ("512", ["2^3^2", "2^{3^2}", "(2^3)^3"]),
    ("sin(2x)", ["2 sin x cos x", r"2\sin x\cos x", "sin 2x"]),
    ("(e^x-e^(-x))/2", ["sinh(x)", "cosh x tanh x", "exp(x)/2 - exp(-x)/2"]),
    ("x", ["sin(arcsin(x))", "tan(arctan x)", "cos(arccos(x))", "sin(asin(x))", "x^{1/3}x^{2/3}", "ln(e^x)+0"]),
    ("|x|", [r"\sqrt{x^2}", "sqrt(x*x)", "|-x|", "|x||1|"]),
    (r"\alpha\beta_1", [r"\beta_{1}α", "αβ_1"]),
    ("2 pi r", [r"2\pi r", "2πr", "r*2π"]),
    ("3+2i", ["2i+3", "3 - 2/i", "3+2e^{i pi/2}"]),
    ("x_a y", ["y*x_{a}"]),
    ("170", ["170!/169!"]),
    ("1/3", [r"\frac{1}{3}", "2/6"]),
]  # fmt: skip
DIFFERENT = [
    ("0.5", ["0.50001", "1/3", "-0.5", "x"]),
    ("x", [r"\sqrt{x^2}", "|x|", "-x", "y", "X", "x_1", "x + 10^{-60}"]),
    ("5-x", ["|x-5|", "|5-x|"]),
    ("pi", ["3.141592653589793", "22/7"]),
    ("2 ln x", ["ln(x^2)"]),
    ("1/3", ["0.333333333333333333333333333333333"]),
    ("y = 5", ["x = 5"]),
    ("1", ["sin(10^6)", "(10^10)^10^2", "arcsin(2)", "log_3 2"]),
    ("-4", ["(-2)^2"]),
]
NO_EXPRESSION = [
    "", " ", "The answer is x.", "Sorry, I cannot.", "2*(5", "2+", "*2", "5)", "()", "|x", "x = y = 2", "x^", "2^^3", "sin", "- - 1",
    r"\frac{1}", r"\frac.5 1", r"1+\log_6. + 1", r"\frac..", r"\sqrt", "x⁻", r"\boxed{2", "__import__('os').system('true')", "()" * 200,
]  # fmt: skip
UNREAD = [
    ("1/2x", "what the line of the fraction is over"),
    (r"1/2\pi", "what the line of the fraction is over"),
    ("2 1/2", "a number after another one"),
    ("5 % 3", "a number after another one"),
    (r"2\frac{1}{2}", "a number before a fraction"),
    ("x2", "a number right after a letter"),
    (r"\sin^{-1} x", "an inverse or a reciprocal"),
    ("sin^n x", "an inverse or a reciprocal"),
    ("5!!", "two signs behind a number"),
    ("2e3", "e, or a power of ten"),
    ("(1, 2)", '"," is not read'),
    ("x < 2", '"<" is not read'),
    (r"\int_0^1 x", r'"\\int" is not read'),
    (r"\{1\}", r'"\\{" is not read'),
    (r"5\text{ cm}", r'"\\text" is not read'),
    ("2x = 4", "only with a variable alone on its left"),
    ("x_{a+b}", "an index is read only as a number or a letter"),
    ("n!", "a factorial is read only of a whole number up to 1000"),
    ("2000!", "a factorial is read only of a whole number up to 1000"),
    ("1/0", "no values that could be compared"),
    ("ln 0", "no values that could be compared"),
    ("(0!-1)^{-1}", "no values that could be compared"),
    ("9^9^9^9", "a power that is too large"),
    ("exp(10^6)", "a power that is too large"),
    ("cosh(10^100)", "a power that is too large"),
    ("2^{1900.5}*" * 11 + "2", "a value that is too large or too small"),
    ("10^10^10/10^10^10", "a power that is too large"),
    ("sin(10^9000)", "a power that is too large"),
    ("(" * 50 + "x" + ")" * 50, "more than 40 levels"),
    ("x^" * 50 + "x", "more than 40 levels"),
    ("x" * 1001, "up to 1000 characters"),
]


@pytest.mark.parametrize(("expected", "text"), [(one, text) for one, texts in SAME for text in texts])
def test_an_expression_of_the_same_value_passes(expected, text):
    assert math_equal(expected)(text).state == "passed"
    assert math_equal()(Response(text=text), Case(id="one", expected=expected)).state == "passed"


@pytest.mark.parametrize(("expected", "text"), [(one, text) for one, texts in DIFFERENT for text in texts])
def test_an_expression_of_another_value_fails(expected, text):
    assert math_equal(expected)(text).state == "failed"
    assert math_equal(text)(expected).state == "failed"


@pytest.mark.parametrize("text", NO_EXPRESSION)
def test_what_is_no_expression_fails(text):
    grade = math_equal("2")(text)
    assert grade.state == "failed"
    assert grade.reason.startswith("expected an expression and nothing else, got ")


@pytest.mark.parametrize(("text", "why"), UNREAD)
def test_what_is_not_read_or_has_two_readings_is_ungraded(text, why):
    grade = math_equal("2")(text)
    assert grade.state == "ungraded"
    assert why in grade.reason


def test_the_last_box_counts():
    assert math_equal("2")(r"First \boxed{1}, then \fbox {\frac{4}{2}}, so we are done with x.").passed
    assert math_equal("1")(r"First \boxed{1}, then \boxed{2}").state == "failed"


def test_the_reason_says_what_was_expected():
    assert math_equal("2x")("3x").reason == 'expected a value equal to "2x", got "3x"'
    assert math_equal()("3", Case(id="one", expected=2)).reason == 'expected a value equal to 2, got "3"'
    assert math_equal("y = 5")("x = 5").reason == 'expected "y" alone on the left, got "x"'


@pytest.mark.parametrize(
    ("expected", "state"),
    [(2, "passed"), (2.0, "passed"), ("2", "passed"), (3, "failed"), (None, "ungraded"), (True, "ungraded"),
     ([2], "ungraded"), (float("inf"), "ungraded"), ("two or three", "ungraded"), ("1/2x", "ungraded")],
)  # fmt: skip
def test_the_case_may_have_the_expression(expected, state):
    assert math_equal()("1+1", Case(id="one", expected=expected)).state == state


def test_a_small_number_of_a_case_is_that_number():
    assert math_equal()("10^{-60}", Case(id="one", expected=1e-60)).state == "passed"
    assert math_equal()("0", Case(id="one", expected=1e-60)).state == "failed"


@pytest.mark.parametrize("expected", ["", "The answer is", "1/2x", "(1, 2)", "x = y = 2"])
def test_an_expression_that_is_not_read_is_refused(expected):
    with pytest.raises(GraderError, match=r"math_equal: expected='.*' cannot be read"):
        math_equal(expected)


def test_what_is_no_text_is_refused():
    with pytest.raises(GraderError, match="math_equal: expected=2 is no text"):
        math_equal(2)
    assert math_equal("2").parameters == {"expected": "2"}
    assert math_equal().parameters == {}


@pytest.mark.parametrize(
    "text",
    ["sin(x^y)+" * 110 + "x", "x+" * 499 + "x", "x*" * 499 + "x", "2^" * 30 + "2", "(x+1)^{999}" * 50, "((5!)!)!", "1" * 999,
     "|" * 999, r"\boxed{" * 700_000, "(" * 5_000_000, "a" * 5_000_000, "-" * 999, "\\frac" * 190, "e^" * 30 + "x"],
)  # fmt: skip
def test_no_text_takes_long(text):
    began = time.process_time()
    assert math_equal("x")(text).state != "passed"
    assert time.process_time() - began < 3


def test_a_grade_is_the_same_each_time():
    assert len({math_equal("sin(x+y)")("sin x cos y + cos x sin y").state for _ in range(20)}) == 1


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6), st.integers(-9, 9))
def test_a_polynomial_is_its_horner_form(coefficients, other):
    plain = "+".join(f"({value})x^{power}" for power, value in enumerate(coefficients))
    horner = "0"
    for value in reversed(coefficients):
        horner = f"({horner})*x+({value})"
    assert math_equal(plain)(horner).passed
    assert math_equal(plain)(f"{horner}+({other})").passed is (other == 0)


@given(st.fractions(), st.fractions())
def test_fractions_are_equal_where_they_are(one, other):
    text = rf"\frac{{{other.numerator}}}{{{other.denominator}}}"
    assert math_equal(f"({one.numerator})/({one.denominator})")(text).passed is (one == other)
    assert math_equal()(text, Case(id="one", expected=str(Fraction(other)))).passed


PIECES = [*"0123456789xe+-*/^()[]{}|!%=_., \\πα", "\\frac", "\\sqrt", "sin", "\\log"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_text_is_odd_enough_to_raise(text):
    grade = math_equal("x")(text)
    assert grade.state in {"passed", "failed", "ungraded"}
    assert "it raised" not in grade.reason


def test_the_library_is_needed_when_the_grader_is_built(absent):
    absent("mpmath")
    with pytest.raises(MissingExtra, match=r"math_equal needs the library 'mpmath'\n.*pytest-llm-evals\[math\]"):
        math_equal("1")
