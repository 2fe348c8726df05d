"""Schemas that look at the text itself: regular expressions and functions. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import wording
from pytest_llm.schemas.culprit import check_that_failed
from pytest_llm.schemas.issue import Issue, Report, described, one_line

#: How much of the text is shown from where it stops matching.
LONGEST_MISMATCH = 40

Check = Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexValidator:
    """A compiled regular expression that the whole text must match.

    The value is the named groups, if there are any, else the text.
    """

    name: str
    pattern: re.Pattern[str]

    def __call__(self, text: str) -> Report:
        """Validate an output."""
        found = self.pattern.fullmatch(text)
        if found is not None:
            return Report(valid=True, value=found.groupdict() or found[0])
        # Python cannot say how far a partial match came; a match of the beginning at least says where it ended.
        beginning = self.pattern.match(text)
        mismatch = beginning.end() if beginning else 0
        issue = Issue(
            path="",
            code="pattern",
            expected=wording.matching(self.pattern.pattern),
            got=described(text[mismatch : mismatch + LONGEST_MISMATCH]),
            message=f"does not match from character {mismatch + 1} of {len(text)} on",
            source="regex",
            source_code="fullmatch",
        )
        return Report(valid=False, issues=(issue,))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableValidator:
    """A function from the text to what is wrong with it; the value is the text.

    It returns None or True when all is well; False, a message, an Issue or a list of Issues when not; or it raises
    ValueError or AssertionError.
    """

    name: str
    check: Check

    def __call__(self, text: str) -> Report:
        """Validate an output."""
        try:
            verdict = self.check(text)
        except (ValueError, AssertionError) as failed:
            return self._invalid(self._of_error(text, failed))
        except Exception as wrong:  # it judges texts of a model: any other error is its own
            raise SchemaError(
                f"the schema {self.name} raised {type(wrong).__name__}: {one_line(str(wrong))}",
                fix={"do": "return a message, or raise ValueError or AssertionError, for an output that is not valid"},
            ) from wrong
        match verdict:
            case None | True:
                return Report(valid=True, value=text)
            case False:
                return self._invalid(self._issue(text, f"{self.name}(output)", "returned"))
            case str() if verdict.strip():
                return self._invalid(self._issue(text, verdict, "returned"))
            case Issue():
                return self._invalid(verdict)
            case list() | tuple() if all(isinstance(one, Issue) for one in verdict):
                return self._invalid(*verdict) if verdict else Report(valid=True, value=text)
        raise self._unknown(verdict)

    def _of_error(self, text: str, failed: Exception) -> Issue:
        """The finding for what the function raised: its author's words, not those of Python's library."""
        former = self._issue(text, str(failed), type(failed).__name__)
        if (name := check_that_failed(failed)) is None:
            return former
        return replace(former, expected=wording.passing(name), former=former)

    def _issue(self, text: str, message: str, source_code: str) -> Issue:
        return Issue(
            path="",
            code="custom",
            expected=wording.holding(message),
            got=described(text),
            message=one_line(message),
            source="callable",
            source_code=source_code,
        )

    def _invalid(self, *issues: Issue) -> Report:
        return Report(valid=False, issues=issues)

    def _unknown(self, verdict: object) -> SchemaError:
        if inspect.iscoroutine(verdict):
            verdict.close()  # else Python warns that it was never awaited, on top
            return SchemaError(
                f"the schema {self.name} is a coroutine function",
                fix={"do": "make it a plain function: it judges a text"},
            )
        return SchemaError(
            f"the schema {self.name} returned {one_line(repr(verdict), 100)}",
            instead=["None or True: valid", "False, a message, an Issue or a list of them: not valid"],
        )


def callable_name(check: Check) -> str:
    """Module and name of a function, the same in every process; of a partial, those of what it calls."""
    while inspect.ismethod(check) or hasattr(check, "func"):
        check = check.__func__ if inspect.ismethod(check) else check.func
    named = check if hasattr(check, "__qualname__") else type(check)
    return f"{named.__module__}.{named.__qualname__}"
