"""A grader, and the decorator that makes one of a function. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders.grade import Grade
from pytest_llm.graders.parameters import a_json, a_share, refused
from pytest_llm.graders.reading import CannotRead, kind_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted, visible

if TYPE_CHECKING:
    from pytest_llm.graders.judges.judging import Judging

LONGEST_REASON = 4000
LONGEST_SHOWN = 100
#: What definitions of scores lose by rounding: three of three words and three of five are an F1 of 0.7499999999999999.
ROUNDING = 1e-12
_RETURNS = "bool, a score of 0..1, Grade, or one of the first two with a reason: (score, reason)"

Told: TypeAlias = bool | float | Grade | tuple[float, str]
"""What a grader's function may return; a bool is a float to type checkers, so (bool, reason) is in it."""

OnEmpty: TypeAlias = Literal["ungraded", "graded", "members"]
"""What a pass becomes where the reply is empty and did not end by itself (see `nothing_to_grade`).

"ungraded"; "graded", where the grader looks at the end or the cost of a reply, not at its content, and the pass counts;
"members", in a composition, whose members have decided it.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Grader:
    """A named, parametrised function from an output and a case to a grade.

    Called, it never raises for an output, whatever that is (`BaseException`s that are no `Exception`, such as
    KeyboardInterrupt, pass through). It returns a Grade, or, where its function is a coroutine function, an awaitable
    of one: `result = g(output, case)`, then `if inspect.isawaitable(result): result = await result`. Who knows that a
    grader is synchronous may say `g.grade(output, case)`.
    """

    name: str
    #: `(output, case)`, or `(output)` where `takes_case` is False; returns `Told` or an awaitable of it.
    function: Callable[..., object] = field(repr=False)
    #: Names and JSON values; use `parameters`.
    params: tuple[tuple[str, JSON], ...] = ()
    #: A score of at least this passes; None: scores are only reported.
    threshold: float | None = None
    takes_case: bool = True
    #: Whether calling it is known to return an awaitable.
    is_async: bool = False
    #: Whether it asks a model, by a prompt's `ask`: a run that asks may call it ahead of its test, and so twice.
    asks: bool = False
    #: Whether it is known to give nothing but a score, which decides nothing.
    score_only: bool = False
    on_empty: OnEmpty = "ungraded"
    #: The judges whose verdicts are in its grade; they are looked at before it counts.
    judges: tuple[Judging, ...] = ()

    def __repr__(self) -> str:
        """As it was written, nearly."""
        told = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"<grader {self.name}: {told[:LONGEST_SHOWN]}>" if told else f"<grader {self.name}>"

    @property
    def parameters(self) -> dict[str, JSON]:
        """What it was built with, as JSON; what was left at its default is absent. Equal for equal graders."""
        found = copy.deepcopy(dict(self.params))
        return found if self.threshold is None else {**found, "threshold": self.threshold}

    def named(self, name: str) -> Grader:
        """The same grader by another name; its parameters then tell what it was: `{"grader": "contains", …}`."""
        kind = dict(self.params).get("grader", self.name)
        params = tuple(pair for pair in self.params if pair[0] != "grader")
        # A judge goes by its grader's name; those inside a composition keep theirs.
        judges = tuple(replace(one, name=name) if one.grader.function is self.function else one for one in self.judges)
        return replace(self, name=_checked_name(name), params=(("grader", kind), *params), judges=judges)

    def __call__(self, output: object, case: Case | None = None) -> Grade | Awaitable[Grade]:
        """The grade, or an awaitable of it."""
        begun = self._begun(output, case)
        return begun if isinstance(begun, Grade) else self._awaited(begun, output)

    def grade(self, output: object, case: Case | None = None) -> Grade:
        """The grade, at once. Raises GraderError where it has to be awaited."""
        begun = None if self.is_async else self._begun(output, case)
        if isinstance(begun, Grade):
            return begun
        if inspect.iscoroutine(begun):
            begun.close()  # otherwise Python warns that it was never awaited
        raise GraderError(f"grader {self.name!r} is asynchronous", fix={"write": "await g(output, case)"})

    def _begun(self, output: object, case: Case | None) -> Grade | Awaitable[object]:
        given: object = case  # of a user whose code nobody has checked
        if given is not None and not isinstance(given, Case):
            return self._raised(CannotRead(f"it takes a Case beside the output, and was given {kind_of(case)}"))
        try:
            told = self.function(output, case) if self.takes_case else self.function(output)
        except Exception as problem:  # what a user's function raises is a grade; see _raised
            return self._raised(problem)
        return told if inspect.isawaitable(told) else self._supported(self._graded(told), output)

    async def _awaited(self, told: Awaitable[object], output: object) -> Grade:
        try:
            return self._supported(self._graded(await told), output)
        except Exception as problem:  # as above
            return self._raised(problem)

    def _raised(self, problem: Exception) -> Grade:
        """Failed where something was asserted; else ungraded: a bug in a grader says nothing of the output."""
        try:
            message = str(problem)
        except Exception:  # an exception that cannot be shown is still one
            message = "(no message)"
        if isinstance(problem, AssertionError):
            return Grade(name=self.name, passed=False, reason=_inert(message or "an assertion failed"))
        if isinstance(problem, CannotRead):
            return Grade(name=self.name, reason=_inert(message))
        return Grade(name=self.name, reason=_inert(f"it raised {type(problem).__name__}: {message}{_place(problem)}"))

    def _supported(self, grade: Grade, output: object) -> Grade:
        """Return the grade; ungraded where it is a pass of a reply that holds nothing and did not end by itself."""
        if not grade.passed or self.on_empty != "ungraded" or not (reason := nothing_to_grade(output)):
            return grade
        return Grade(name=self.name, reason=reason)

    def _graded(self, told: object) -> Grade:
        """What a function returned, as a grade under this grader's name; ungraded where it is not understood."""
        verdict, reason = told, ""
        if isinstance(told, tuple) and len(told) == 2 and isinstance(told[1], str):
            verdict, reason = told
        if isinstance(verdict, Grade):
            return self._own(verdict)
        if isinstance(verdict, bool):
            return Grade(name=self.name, passed=verdict, reason=_inert(reason))
        if isinstance(verdict, Real):
            score = _score(verdict)
            if score is None:
                return Grade(name=self.name, reason=f"it returned the score {_number(verdict)}, which is not in 0..1")
            return Grade(name=self.name, score=score, passed=self._decides(score), reason=_inert(reason))
        return Grade(name=self.name, reason=f"it returned {kind_of(told)}; a grader returns {_RETURNS}")

    def _own(self, grade: Grade) -> Grade:
        told: object = grade.passed  # of an unchecked function it is anything
        if told is not None and not isinstance(told, bool):
            return Grade(name=self.name, reason=f"it returned a Grade whose `passed` is {kind_of(told)}")
        if grade.score is not None:
            scored = self._graded(float(grade.score) if isinstance(grade.score, bool) else grade.score)
            if scored.score is None:
                return scored
            passed = scored.passed if grade.passed is None else grade.passed
            return replace(scored, passed=passed, reason=_inert(grade.reason))
        return replace(grade, name=self.name, reason=_inert(grade.reason))

    def _decides(self, score: float) -> bool | None:
        return None if self.threshold is None else score >= self.threshold - ROUNDING


@overload
def grader(function: Callable[..., Any], /) -> Grader: ...
@overload
def grader(
    *,
    name: str | None = None,
    threshold: float | None = None,
    params: Mapping[str, JSON] | None = None,
    asks: bool = False,
    grades_empty: bool = False,
) -> Callable[[Callable[..., Any]], Grader]: ...
def grader(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    threshold: float | None = None,
    params: Mapping[str, JSON] | None = None,
    asks: bool = False,
    grades_empty: bool = False,
) -> Grader | Callable[[Callable[..., Any]], Grader]:
    """A grader of a function or coroutine function `(output)` or `(output, case)`; `@grader` or `@grader(name="x")`.

    It returns bool, a score of 0..1, Grade, or one of the first two with a reason; anything else is ungraded. A failed
    `assert` is failed, any other exception ungraded. `params` tells, as JSON, what the function was built with, so that
    a change of it is known as a change of the instrument. A judge asks a model by a prompt, `JUDGE.ask(answer=…)`,
    which is recorded and replayed; `asks=True` says so, and lets judges of many cases be asked at once: the function is
    then called with the same output twice, and has to ask the same.

    A pass of a reply that is empty and was cut or filtered is ungraded; `grades_empty=True` says that the function
    looks at something else than the content of the reply, and that its pass counts.
    """
    threshold = a_share("grader", "threshold", threshold)
    told = a_json("grader", "params", dict(params or {}))

    def decorate(function: Callable[..., Any]) -> Grader:
        takes_case, returns = _signature(function)
        return Grader(
            name=_checked_name(getattr(function, "__name__", "") if name is None else name),
            function=function,
            params=tuple(told.items()),
            threshold=threshold,
            takes_case=takes_case,
            is_async=any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None)))),  # noqa: B004  # an object whose __call__ is a coroutine function is asynchronous too
            asks=asks,
            on_empty="graded" if grades_empty else "ungraded",
            score_only=threshold is None and returns in (float, "float"),
        )

    return decorate if function is None else decorate(function)


def nothing_to_grade(output: object) -> str:
    """Return why a pass of this output would say nothing; "" where it says something.

    It is so for a Response without text and tool calls that did not end by itself: a check of what must not occur
    passes there, whatever the model would have written.
    """
    if not isinstance(output, Response) or output.text.strip() or output.tool_calls or output.finish_reason == "stop":
        return ""
    end = output.finish_reason
    ended = "the provider does not say why" if end is None else f"it ended by {quoted(end)}"
    return f"the reply is empty, and {ended}: there is nothing to grade"


def _place(problem: Exception) -> str:
    """Where an exception was raised, for the author of the grader."""
    place = problem.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else f" ({PurePath(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno})"


def _signature(function: object) -> tuple[bool, object]:
    """Whether a function takes the case, and its annotation of what it returns."""
    if isinstance(function, Grader):
        raise GraderError(f"{function.name!r} is a grader already", fix={"write": 'that.named("…")'})
    if getattr(function, "__module__", "").startswith("pytest_llm.graders."):
        name = getattr(function, "__name__", "it")
        raise GraderError(f"{name} is not called, and makes a grader", fix={"write": f"{name}(…)"})
    if not callable(function):
        raise refused("grader", "function", function, "is no function", "@grader above a def")
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C tell none
        return False, None
    given = [
        one for one in signature.parameters.values() if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    star = any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values())
    # A second parameter with a default is an option of the function's own, unless it is called `case`.
    takes_case = star or (len(given) > 1 and (given[1].default is given[1].empty or given[1].name == "case"))
    try:
        signature.bind(*(None, None)[: 2 if takes_case else 1])
    except TypeError:
        what = f"the grader takes {signature}, not (output) or (output, case)"
        raise GraderError(what, fix={"write": f"def {getattr(function, '__name__', 'grade')}(output, case):"}) from None
    return takes_case, signature.return_annotation


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or name == "<lambda>":
        raise refused("grader", "name", name, "is no name", 'name="polite"')
    return name


def _score(value: Real) -> float | None:
    try:
        number = float(value)
    except (OverflowError, ValueError):  # an int of 400 digits
        return None
    return number if 0 <= number <= 1 else None


def _number(value: object) -> str:
    try:
        return repr(value)[:40]
    except ValueError:  # an int of more digits than Python likes to print
        return "of very many digits"


def _inert(reason: str) -> str:
    r"""A reason that nobody's terminal obeys, no encoder refuses, and that is not long, whatever a model wrote into it.

    >>> print(_inert("red: \x1b[31m"))
    red: \x1b[31m
    """
    if len(reason) > LONGEST_REASON:
        reason = f"{reason[:LONGEST_REASON]}… ({len(reason)} characters)"
    return visible(reason)
