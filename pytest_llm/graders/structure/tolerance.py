"""How far a number may be off, in exact arithmetic. PYTEST_DONT_REWRITE

Fractions, since 0.4 is within 0.1 of 0.3, which binary floats deny.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pytest_llm.graders.parameters import a_number, refused

#: Models write 1e999999999, whose digits would fill the memory; beyond this size, numbers count as of this size.
LARGEST_EXPONENT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A number may be off by `nearness`, or by the share `share` of the right one, whichever is more."""

    nearness: Fraction = Fraction(0)
    share: Fraction = Fraction(0)

    def allowed(self, right: Fraction) -> Fraction:
        """How far a number may be from the right one."""
        return max(self.nearness, self.share * abs(right))

    def near(self, got: Fraction, right: Fraction) -> bool:
        """Whether it is not further."""
        return abs(got - right) <= self.allowed(right)


def a_tolerance(grader: str, abs_tol: float | None, rel_tol: float | None) -> Tolerance:
    """The tolerance of a grader's two parameters."""
    nearness = _not_negative(grader, "abs_tol", abs_tol)
    share = _not_negative(grader, "rel_tol", rel_tol)
    if share >= 1:
        raise refused(grader, "rel_tol", rel_tol, "is not below 1; it is a share, not a per cent", "rel_tol=0.05")
    return Tolerance(nearness=nearness, share=share)


def exact(number: float | Decimal) -> Fraction:
    """A finite number as it was written: repr() of a float is that.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    if isinstance(number, int):
        return Fraction(number)
    written = Decimal(repr(number)) if isinstance(number, float) else number
    size = written.adjusted()
    if abs(size) > LARGEST_EXPONENT:
        sign, digits, exponent = written.as_tuple()
        over = abs(size) - LARGEST_EXPONENT
        written = Decimal((sign, digits, int(exponent) + (over if size < 0 else -over)))
    return Fraction(written)


def _not_negative(grader: str, parameter: str, value: float | None) -> Fraction:
    if value is None:
        return Fraction(0)
    number = a_number(grader, parameter, value)
    if number < 0:
        raise refused(grader, parameter, value, "is below 0, so it could not pass", f"{parameter}=0.01")
    return exact(number)
