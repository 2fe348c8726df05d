"""A grader of numbers. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import re
from decimal import Context, Decimal

from pytest_llm.calls import Response
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_number, refused
from pytest_llm.graders.reading import CannotRead, NotConforming, expected_of, json_of, kind_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted

LONGEST_NUMBER = 400
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?"
)
#: Decimals, since 0.4 is within 0.1 of 0.3, which binary fractions deny; without traps, since models write 1e999999.
_ARITHMETIC = Context(prec=60, traps=[])


def number_close(
    expected: float | None = None, *, abs_tol: float | None = None, rel_tol: float | None = None
) -> Grader:
    """The output is a number within `abs_tol`, or within the share `rel_tol` of the expected number, or equal to it.

    Compared with `expected` of the case unless it is given. A text is a number only as a whole, `1,000.5` as well as
    `1000.5`; one with a unit, or in a sentence, fails.
    """
    wanted = None if expected is None else _decimal(a_number("number_close", "expected", expected))
    nearness = _tolerance("abs_tol", abs_tol)
    share = _tolerance("rel_tol", rel_tol)
    if share >= 1:
        why = "is not below 1; it is a share, not a per cent"
        raise refused("number_close", "rel_tol", rel_tol, why, "rel_tol=0.05")

    def grade(output: object, case: Case | None) -> Told:
        right = _expected(case) if wanted is None else wanted
        got = _number(output)
        off = abs(_ARITHMETIC.subtract(got, right))
        allowed = max(nearness, _ARITHMETIC.multiply(share, abs(right)))
        if off <= allowed:
            return True
        return False, f"expected {_shown(right)}{f' ± {_shown(allowed)}' if allowed else ''}, got {_shown(got)}"

    params = (("expected", expected), ("abs_tol", abs_tol), ("rel_tol", rel_tol))
    told = tuple((name, value) for name, value in params if value is not None)
    return Grader(name="number_close", function=grade, params=told)


def _tolerance(parameter: str, value: float | None) -> Decimal:
    if value is None:
        return Decimal(0)
    number = a_number("number_close", parameter, value)
    if number < 0:
        raise refused("number_close", parameter, value, "is below 0, so it could not pass", f"{parameter}=0.01")
    return _decimal(number)


def _expected(case: Case | None) -> Decimal:
    expected = expected_of(case)
    if isinstance(expected, str):  # as every value from a CSV file is
        found = _read(expected)
    else:
        found = _decimal(expected) if isinstance(expected, (int, float)) and not isinstance(expected, bool) else None
    if found is None or not found.is_finite():
        raise CannotRead(f"`expected` is to be a number, and is {quoted(expected)}")
    return found


def _number(output: object) -> Decimal:
    """The number that an output is. Raises NotConforming where text is none, CannotRead where it could be none."""
    if isinstance(output, str):
        value: object = output
    elif isinstance(output, Response):
        value = output.text if output.report is None else json_of(output)
    elif isinstance(output, (int, float, Decimal)):
        value = output
    else:
        raise CannotRead(f"it reads a number or text, and was given {kind_of(output)}")
    found = None
    if isinstance(value, str):
        found = _read(value)
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        found = _decimal(value)
    if found is None or not found.is_finite():
        raise NotConforming(f"expected a number and nothing else, got {quoted(value)}")
    return found


def _read(text: str) -> Decimal | None:
    text = text.strip()
    fits = len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text)
    return Decimal(text.replace(",", "")) if fits else None


def _decimal(number: float | Decimal) -> Decimal:
    # repr() of a float is the decimal number that was written.
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _shown(number: Decimal) -> str:
    return f"{number.normalize(_ARITHMETIC):f}" if -6 < number.adjusted() < 16 else f"{number:.6e}"
