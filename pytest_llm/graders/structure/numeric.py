"""A grader of numbers. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction

from pytest_llm.calls import Response
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_number, some
from pytest_llm.graders.reading import CannotRead, NotConforming, expected_of, json_of, kind_of
from pytest_llm.graders.structure.number_reading import Pick, Reading, a_reading
from pytest_llm.graders.structure.tolerance import a_tolerance, exact
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted

#: For showing only: what is compared is exact.
_SHOWN = Context(prec=60, traps=[])


def number_close(
    expected: float | None = None,
    *,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    unit: str | Iterable[str] | None = None,
    decimal: str = ".",
    thousands: str | None = None,
    percent: bool = False,
    fractions: bool = False,
    pick: Pick | None = None,
) -> Grader:
    """The output is a number within `abs_tol`, or within the share `rel_tol` of the expected number, or equal to it.

    Compared with `expected` of the case unless it is given; a text there is read as the output is. A text is a number
    only as a whole, `1,000.5` as well as `1000.5`; more is read where it is asked for:

    * `unit`: spellings of a unit or currency that may stand before or after; "EUR" brings "€". Nothing is converted.
    * `decimal=","`: `1.234,5`. `thousands`: what parts thousands, "," (with a decimal comma "."), " " or "'".
    * `percent`: `12.5 %` is 0.125. To have it as 12.5, write unit="%".
    * `fractions`: `3/4`, `1 1/2`, `½`.
    * `pick`: the "only" or the "last" number in a sentence, markdown emphasis aside; with `unit`, of those with it.
    """
    wanted = None if expected is None else exact(a_number("number_close", "expected", expected))
    tolerance = a_tolerance("number_close", abs_tol, rel_tol)
    spellings = unit if unit is None or isinstance(unit, str) else list(some("number_close", "unit", unit))
    reading = a_reading(
        "number_close",
        unit=spellings,
        decimal=decimal,
        thousands=thousands,
        percent=percent,
        fractions=fractions,
        pick=pick,
    )

    def grade(output: object, case: Case | None) -> Told:
        right = _expected(case, reading) if wanted is None else wanted
        got = _number(output, reading)
        if tolerance.near(got, right):
            return True
        allowed = tolerance.allowed(right)
        return False, f"expected {_shown(right)}{f' ± {_shown(allowed)}' if allowed else ''}, got {_shown(got)}"

    params = (
        ("expected", expected),
        ("abs_tol", abs_tol),
        ("rel_tol", rel_tol),
        ("unit", spellings),
        ("decimal", None if decimal == "." else decimal),
        ("thousands", thousands),
        ("percent", percent or None),
        ("fractions", fractions or None),
        ("pick", pick),
    )
    told = tuple((name, value) for name, value in params if value is not None)
    return Grader(name="number_close", function=grade, params=told)


def _expected(case: Case | None, reading: Reading) -> Fraction:
    expected = expected_of(case)
    # A text, as every value from a CSV file is.
    found = reading.whole(expected) if isinstance(expected, str) else _finite(expected)
    if found is None:
        raise CannotRead(f"`expected` is to be a number, and is {quoted(expected)}")
    return found


def _number(output: object, reading: Reading) -> Fraction:
    """The number that an output is. Raises NotConforming where text is none, CannotRead where it could be none."""
    if isinstance(output, Response):
        value: object = output.text if output.report is None else json_of(output)
    elif isinstance(output, (str, int, float, Decimal)):
        value = output
    else:
        raise CannotRead(f"it reads a number or text, and was given {kind_of(output)}")
    if isinstance(value, str):
        return reading.picked(value)
    found = _finite(value)
    if found is None:
        raise NotConforming(f"expected a number and nothing else, got {quoted(value)}")
    return found


def _finite(value: object) -> Fraction | None:
    """A number as a fraction; None where it is none, or infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    return exact(value) if isinstance(value, int) or math.isfinite(value) else None


def _shown(number: Fraction) -> str:
    """As a decimal number where it is one of few digits, else as a fraction."""
    decimal = _SHOWN.divide(Decimal(number.numerator), Decimal(number.denominator))
    if -6 < decimal.adjusted() < 16:
        return f"{decimal.normalize(_SHOWN):f}" if Fraction(decimal) == number else f"{number}"
    return f"{decimal:.6e}"
