"""What may be different in a JSON value that still counts as the same. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_llm.graders.parameters import a_text, refused, some
from pytest_llm.graders.structure.tolerance import Tolerance, a_tolerance, exact
from pytest_llm.schemas import JSON, pointer

Steps = tuple[str | int, ...]
#: Steps of a JSON Pointer, "*" for any.
Places = tuple[tuple[str, ...], ...]

_FIX = '{}=["/id", "/lines/*/at"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Leeway:
    """What does not count when two values are compared."""

    #: Places that are not compared.
    ignore: Places = ()
    #: Places of arrays whose order does not count; True: of all.
    unordered: Places | bool = False
    tolerance: Tolerance | None = None

    def ignores(self, steps: Steps) -> bool:
        """Whether what is here, or is not here, does not count."""
        return bool(self.ignore) and _among(steps, self.ignore)

    def shuffles(self, steps: Steps) -> bool:
        """Whether the order of the array here does not count."""
        return self.unordered if isinstance(self.unordered, bool) else _among(steps, self.unordered)

    def near(self, one: JSON, other: JSON) -> bool:
        """Whether two values are numbers that are near enough; the first is the right one."""
        return (
            self.tolerance is not None
            and _finite(one)
            and _finite(other)
            and self.tolerance.near(exact(other), exact(one))
        )


#: Nothing may be different.
NONE = Leeway()


def a_leeway(
    grader: str,
    *,
    ignore: Iterable[str] | None,
    unordered: Iterable[str] | bool,
    abs_tol: float | None,
    rel_tol: float | None,
) -> tuple[Leeway, tuple[tuple[str, JSON], ...]]:
    """The leeway that a grader's parameters ask for, and these parameters as JSON."""
    ignored = () if ignore is None else _places(grader, "ignore", ignore)
    if () in ignored:
        raise refused(grader, "ignore", ignore, "ignores the whole value, so it could not fail", _FIX.format("ignore"))
    shuffled = unordered if isinstance(unordered, bool) else _places(grader, "unordered", unordered)
    tolerance = a_tolerance(grader, abs_tol, rel_tol)
    leeway = Leeway(ignore=ignored, unordered=shuffled, tolerance=None if tolerance == Tolerance() else tolerance)
    params: tuple[tuple[str, JSON], ...] = (
        ("ignore", [pointer(steps) for steps in ignored] or None),
        ("unordered", shuffled if isinstance(shuffled, bool) else [pointer(steps) for steps in shuffled]),
        ("abs_tol", abs_tol),
        ("rel_tol", rel_tol),
    )
    return leeway, tuple(pair for pair in params if pair[1] is not None and pair[1] is not False)


def steps_of(text: str) -> tuple[str, ...]:
    """The steps of a JSON Pointer (RFC 6901).

    >>> steps_of("/lines/0/a~1b")
    ('lines', '0', 'a/b')
    """
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def _places(grader: str, parameter: str, pointers: Iterable[str]) -> Places:
    found = []
    for one in some(grader, parameter, pointers):
        text = a_text(grader, parameter, one)
        if text and not text.startswith("/"):
            raise refused(grader, parameter, text, "is no JSON Pointer", f'{parameter}=["/{text}"]')
        found.append(steps_of(text))
    return tuple(found)


def _among(steps: Steps, places: Places) -> bool:
    return any(
        len(place) == len(steps) and all(wanted in ("*", str(step)) for step, wanted in zip(steps, place, strict=True))
        for place in places
    )


def _finite(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
