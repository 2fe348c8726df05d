"""Values of expressions at points, and whether two expressions are the same. PYTEST_DONT_REWRITE

Equality is decided by values: at points drawn once for all, in fractions where both sides have only + − × ÷ and whole
powers, which is exact; else in 100 digits, by mpmath, where 40 that agree count as the same. Two different polynomials
of degree d agree at a drawn point with a probability of at most d / 1,000,000 (Schwartz 1980, Zippel 1979), and all
points have to agree. Nothing is expanded or simplified, so that time and memory are bounded by the size of the text.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from operator import add, mul
from typing import Any

from pytest_llm.graders.reading import CannotRead
from pytest_llm.graders.structure.expressions import Expression, Name, Number, Operation

#: Points at which both sides have a value, and points that are tried to find as many.
POINTS, MOST_POINTS = 12, 48
#: How far the points are from 0, in turn, so that |x − 5| is not taken for 5 − x.
SIZES = (1, 5, 100)
DIGITS, DIGITS_COMPARED = 100, 40
#: Bits of a fraction; larger ones are compared in digits.
MOST_BITS = 20_000
#: Binary places of a number before or behind the point, in digits.
LARGEST_SIZE = 20_000
LARGEST_FACTORIAL = 1000

#: By name.
Point = Mapping[str, Fraction]


class _TooLarge(CannotRead):
    """This expression has a value that is not computed."""


class _NotExact(Exception):
    """This expression has no value as a fraction of bounded size."""


def same_value(one: Expression, other: Expression, mpmath: Any) -> bool:
    """Return whether two expressions have the same value at all points. Raises CannotRead where that is not found out.

    The points are real and of either sign: the square root of x² is |x|, not x.
    """
    names = sorted(set(_names(one)) | set(_names(other)))
    context = mpmath.mp.clone()
    context.dps = DIGITS
    agreed, why = 0, "the expressions have no values that could be compared: a division by 0, for instance"
    for point in _points(names):
        try:
            same = _same_at(point, one, other, context)
        except _TooLarge as problem:
            same, why = None, str(problem)
        if same is False:
            return False
        agreed += same is True
        if agreed == (POINTS if names else 1):
            return True
    raise CannotRead(why)


def _points(names: list[str]) -> Iterator[Point]:
    """Yield points, the same ones each time: an expression has to get the same grade again."""
    draw = random.Random(20)  # noqa: S311  # nothing secret
    for turn in range(MOST_POINTS if names else 1):
        # All below 0, all above 0, then of either sign.
        signs = {0: (-1,), 1: (1,)}.get(turn % 4, (-1, 1))
        size = SIZES[turn % len(SIZES)]
        yield {name: draw.choice(signs) * size * Fraction(draw.randint(1, 1_000_000), 1_000_003) for name in names}


def _same_at(point: Point, one: Expression, other: Expression, context: Any) -> bool | None:
    """Return whether both have the same value; None where one of them has none here."""
    try:
        return _exact(one, point) == _exact(other, point)
    except ZeroDivisionError:
        return None
    except _NotExact:
        pass
    try:
        first, second = (_Digits(context, point).value(side) for side in (one, other))
    except (ZeroDivisionError, ValueError):  # 1/0, log 0, Γ at its poles
        return None
    difference = abs(first - second)
    largest = max(abs(first), abs(second))
    # What is left of sin π is not 0, and no answer is as small.
    return bool(difference <= largest * context.mpf(10) ** -DIGITS_COMPARED or difference < context.mpf(10) ** -80)


def _names(expression: Expression) -> Iterator[str]:
    left = [expression]
    while left:
        match left.pop():
            case Name(name) if name not in ("pi", "e", "i"):
                yield name
            case Operation(_, parts):
                left += parts


def _exact(expression: Expression, point: Point) -> Fraction:
    """Return the value as a fraction. Raises _NotExact, ZeroDivisionError."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Operation):
        return _exact_operation(expression.kind, [_exact(part, point) for part in expression.parts])
    if expression.name not in point:
        raise _NotExact
    return point[expression.name]


def _exact_operation(kind: str, values: list[Fraction]) -> Fraction:
    match kind, values:
        case "+", _:
            return _folded(add, values)
        case "*", _:
            return _folded(mul, values)
        case "/", [one, other]:
            return one / other
        case "abs", [one]:
            return abs(one)
        case "^", [base, power] if power.denominator == 1:
            bits = base.numerator.bit_length() + base.denominator.bit_length()
            if bits * abs(power) <= MOST_BITS:
                return base**power.numerator
    raise _NotExact


def _folded(operation: Callable[[Fraction, Fraction], Fraction], values: list[Fraction]) -> Fraction:
    found = values[0]
    for value in values[1:]:
        found = operation(found, value)
        if found.numerator.bit_length() + found.denominator.bit_length() > MOST_BITS:
            raise _NotExact
    return found


class _Digits:
    """Values in many digits, real or complex."""

    def __init__(self, context: Any, point: Point) -> None:
        self._context = context
        self._point = point

    def value(self, expression: Expression) -> Any:
        """Return the value. Raises CannotRead where it is too large, ZeroDivisionError and ValueError for none."""
        if isinstance(expression, Number):
            found = self._of(expression.value)
        elif isinstance(expression, Name):
            name = expression.name
            found = self._of(self._point[name]) if name in self._point else self._constant(name)
        elif expression.kind == "^":
            found = self._power_of(self.value(expression.parts[0]), expression.parts[1])
        else:
            found = self._operation(expression.kind, [self.value(part) for part in expression.parts])
        if not self._context.isfinite(found):
            raise ValueError("no finite value")
        if found and abs(self._context.mag(found)) > LARGEST_SIZE:
            raise _TooLarge("the expression has a value that is too large or too small to compare")
        return found

    def _of(self, value: Fraction) -> Any:
        return self._context.mpf(value.numerator) / value.denominator

    def _constant(self, name: str) -> Any:
        return {"pi": +self._context.pi, "e": +self._context.e, "i": self._context.mpc(0, 1)}[name]

    def _operation(self, kind: str, values: list[Any]) -> Any:
        context = self._context
        match kind, values:
            case "+", _:
                return context.fsum(values)
            case "*", _:
                return context.fprod(values)
            case "/", [one, other]:
                return one / other
            case "root", [of, degree]:
                return self._root(of, degree)
            case "!", [of]:
                if not (context.isint(of) and 0 <= context.re(of) <= LARGEST_FACTORIAL):
                    raise CannotRead(f"a factorial is read only of a whole number up to {LARGEST_FACTORIAL}")
                return context.factorial(of)
            case "log", [of, base]:
                return context.log(of) / context.log(base)
            case "exp", [of]:
                return self._power(+context.e, of)
            case "abs", [of]:
                return abs(of)
        return self._function(kind)(values[0])

    def _power_of(self, base: Any, power: Expression) -> Any:
        """Return a power; one of a negative number by 2/3 is the square of its real root, as people mean it."""
        try:
            exact = _exact(power, {})
        except (_NotExact, ZeroDivisionError):
            return self._power(base, self.value(power))
        if exact.denominator % 2 and exact.denominator > 1:
            root = self._root(base, self._of(Fraction(exact.denominator)))
            return self._power(root, self._of(Fraction(exact.numerator)))
        return self._power(base, self._of(exact))

    def _power(self, base: Any, power: Any) -> Any:
        if not base:
            return base**power
        # |base^power| = 2^(power · log2 base), looked at before it is computed.
        if abs(power) * (abs(self._context.mag(base)) + 8) > LARGEST_SIZE:
            raise _TooLarge("the expression has a power that is too large to compare")
        return base**power

    def _root(self, of: Any, degree: Any) -> Any:
        """Return a root; of a negative number, the real one where the degree is odd."""
        context = self._context
        if not context.im(of) and context.re(of) < 0 and context.isint(degree) and int(context.re(degree)) % 2:
            return -self._power(-of, 1 / degree)
        return self._power(of, 1 / degree)

    def _function(self, kind: str) -> Callable[[Any], Any]:
        context = self._context
        names = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}
        found: Callable[[Any], Any] = getattr(context, names.get(kind, kind))
        if kind not in ("sinh", "cosh", "tanh"):
            return found

        def bounded(of: Any) -> Any:
            if abs(of) > LARGEST_SIZE:
                raise _TooLarge("the expression has a power that is too large to compare")
            return found(of)

        return bounded
