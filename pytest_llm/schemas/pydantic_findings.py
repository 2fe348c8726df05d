"""From pydantic's errors to findings. PYTEST_DONT_REWRITE

A `loc` of pydantic is not a path: it carries names of union branches, of validators and "[key]" between the steps into
the document. Which steps are which is found by walking the document, and where that is ambiguous (a branch `card` and a
field `card`) by the value that pydantic says it was looking at.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_llm.schemas import wording
from pytest_llm.schemas.closest import closest
from pytest_llm.schemas.findings import in_document_order
from pytest_llm.schemas.issue import JSON, Issue, IssueCode, described, one_line, pointer, quoted

Context = Mapping[str, Any]
Step = str | int


def pydantic_issues(errors: Sequence[Mapping[str, Any]], data: JSON) -> tuple[Issue, ...]:
    """The findings for the errors of one document, as `ValidationError.errors()` lists them."""
    return in_document_order(_settled([_placed(error, data) for error in errors]), data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A finding and the branches of unions that it is in."""

    issue: Issue
    #: The steps into the document.
    steps: tuple[Step, ...]
    #: The names that are not in the document, outermost first, each with the number of steps before it.
    branches: tuple[tuple[int, Step], ...]


def _settled(placed: Sequence[_Placed]) -> list[Issue]:
    """The findings, of each union only those of the closest branch."""
    unions: dict[tuple[Step, ...], dict[Step, list[_Placed]]] = {}
    order: list[Issue | tuple[Step, ...]] = []
    for one in placed:
        if not one.branches:
            order.append(one.issue)
            continue
        (depth, name), *inner = one.branches
        at = one.steps[:depth]
        if at not in unions:
            unions[at] = {}
            order.append(at)
        unions[at].setdefault(name, []).append(_Placed(issue=one.issue, steps=one.steps, branches=tuple(inner)))
    issues: list[Issue] = []
    for entry in order:
        if isinstance(entry, Issue):
            issues.append(entry)
        else:
            issues += closest(pointer(entry), [_settled(branch) for branch in unions[entry].values()])
    return issues


def _placed(error: Mapping[str, Any], data: JSON) -> _Placed:
    """One error with its place in the document and its words."""
    kind: str = error["type"]
    loc: tuple[Step, ...] = error["loc"]
    about_name = loc[-1:] == ("[key]",)
    missing = _WORDS.get(kind, _OTHER)[0] == "missing"
    walked = loc[:-1] if missing or about_name else loc
    inside = _inside(walked, data, lambda value: about_name or _same(value, error["input"]))
    steps, branches, value = _walked(walked, inside, data)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _Placed(issue=_tag_issue(error, steps, value), steps=steps, branches=branches)
    code, expected, allowed = _expected(error)
    got = None if missing else described(value)
    if about_name:
        expected, got = wording.name_that_is(expected), described(walked[-1])
    at = [*steps, *loc[-1:]] if missing else steps
    issue = _issue(error, at, code=code, expected=expected, got=got, allowed=allowed)
    return _Placed(issue=issue, steps=steps, branches=branches)


def _issue(
    error: Mapping[str, Any],
    steps: Sequence[Step],
    *,
    code: IssueCode,
    expected: str,
    got: str | None = None,
    allowed: tuple[str, ...] = (),
) -> Issue:
    return Issue(
        path=pointer(steps),
        code=code,
        expected=expected,
        got=got,
        allowed=allowed,
        message=one_line(error["msg"]),
        source="pydantic",
        source_code=error["type"],
    )


def _inside(loc: Sequence[Step], data: JSON, fits: Callable[[JSON], bool]) -> tuple[bool, ...]:
    """Which steps of a `loc` are steps into the document.

    As many as possible, from the left, such that the value at the end fits; if it never does (a validator changed the
    value before it was looked at), as many as possible.
    """
    first: tuple[bool, ...] | None = None
    tried: set[tuple[int, int]] = set()  # else a recursive document has more ways than can be tried
    waiting: list[tuple[JSON, tuple[bool, ...]]] = [(data, ())]
    while waiting:
        value, ways = waiting.pop()
        if len(ways) == len(loc):
            if fits(value):
                return ways
            first = first or ways
        elif (state := (len(ways), id(value))) not in tried:
            tried.add(state)
            step = loc[len(ways)]
            waiting.append((value, (*ways, False)))
            if _has(value, step):
                waiting.append((value[step], (*ways, True)))
    return first or ()


def _same(value: JSON, seen: object) -> bool:
    """Whether pydantic was looking at this value; of the same type, as 1 == True, and 1 == array([1]) is no answer."""
    return type(value) is type(seen) and value == seen


def _has(value: JSON, step: Step) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


def _walked(
    loc: Sequence[Step], inside: Sequence[bool], data: JSON
) -> tuple[tuple[Step, ...], tuple[tuple[int, Step], ...], JSON]:
    """The steps into the document, the branch names between them, and the value at the end."""
    steps: list[Step] = []
    branches: list[tuple[int, Step]] = []
    for step, is_inside in zip(loc, inside, strict=True):
        if is_inside:
            steps.append(step)
            data = data[step]
        else:
            branches.append((len(steps), step))
    return tuple(steps), tuple(branches), data


def _tag_issue(error: Mapping[str, Any], steps: tuple[Step, ...], value: JSON) -> Issue:
    """The finding for a tagged union: at the tag's field where the tag is a field."""
    context: Context = error["ctx"]
    names = [name for name in _literals(context["discriminator"]) or () if isinstance(name, str)]
    if error["type"] == "union_tag_not_found":
        return _issue(error, [*steps, *names[:1]], code="missing", expected=wording.REQUIRED)
    tags = _literals(context["expected_tags"])
    expected = wording.one_of(tags) if tags else f"one of {context['expected_tags']}"
    allowed = tuple(quoted(tag) for tag in tags or ())
    found = next(((name,) for name in names if _has(value, name)), ())
    got = value[found[0]] if found else value
    return _issue(error, [*steps, *found], code="union", expected=expected, got=described(got), allowed=allowed)


_LITERAL = r"""b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|[^\s,<>|]+"""
_ENUM_MEMBER = re.compile(rf"<[\w.]+: ({_LITERAL})>")


def _literals(shown: str) -> list[JSON] | None:
    """The values that pydantic shows as Python: `'x', <Color.RED: 'r'> or 2`; None if they are no JSON values."""
    values: list[JSON] = []
    for token in re.findall(_LITERAL, _ENUM_MEMBER.sub(r"\1", shown)):
        if token == "or":  # noqa: S105 - not a password, a word
            continue
        try:
            value = ast.literal_eval(token)
        except (ValueError, SyntaxError):
            return None
        if isinstance(value, bytes):
            return None
        values.append(value)
    return values


def _choices(context: Context) -> tuple[IssueCode, str, tuple[str, ...]]:
    values = _literals(context["expected"])
    if not values:
        return "enum", f"one of {context['expected']}", ()
    return "enum", wording.one_of(values), tuple(quoted(value) for value in values)


def _length(context: Context, word: str, key: str) -> str:
    unit = "field" if context["field_type"] == "Dictionary" else "item"
    return f"{word} {wording.counted(context[key], unit)}"


_OTHER: tuple[IssueCode, str] = ("other", "")

#: The words for each of pydantic's error types; with a context where they name a bound.
_WORDS: Mapping[str, tuple[IssueCode, str | Callable[[Context], str]]] = {
    "missing": ("missing", wording.REQUIRED),
    "missing_argument": ("missing", wording.REQUIRED),
    "missing_keyword_only_argument": ("missing", wording.REQUIRED),
    "missing_positional_only_argument": ("missing", wording.REQUIRED),
    "extra_forbidden": ("extra", wording.UNDECLARED),
    "unexpected_keyword_argument": ("extra", wording.UNDECLARED),
    "unexpected_positional_argument": ("extra", wording.UNDECLARED),
    "model_type": ("type", wording.KINDS["object"]),
    "model_attributes_type": ("type", wording.KINDS["object"]),
    "dataclass_type": ("type", wording.KINDS["object"]),
    "dict_type": ("type", wording.KINDS["object"]),
    "mapping_type": ("type", wording.KINDS["object"]),
    "list_type": ("type", wording.KINDS["array"]),
    "tuple_type": ("type", wording.KINDS["array"]),
    "set_type": ("type", wording.KINDS["array"]),
    "frozen_set_type": ("type", wording.KINDS["array"]),
    "iterable_type": ("type", wording.KINDS["array"]),
    "string_type": ("type", wording.KINDS["string"]),
    "bytes_type": ("type", wording.KINDS["string"]),
    "int_type": ("type", wording.KINDS["integer"]),
    "int_parsing": ("type", wording.KINDS["integer"]),
    "int_from_float": ("type", wording.KINDS["integer"]),
    "float_type": ("type", wording.KINDS["number"]),
    "float_parsing": ("type", wording.KINDS["number"]),
    "decimal_type": ("type", wording.KINDS["number"]),
    "decimal_parsing": ("type", wording.KINDS["number"]),
    "bool_type": ("type", wording.KINDS["boolean"]),
    "bool_parsing": ("type", wording.KINDS["boolean"]),
    "none_required": ("type", wording.KINDS["null"]),
    "date_type": ("format", wording.DATE),
    "date_parsing": ("format", wording.DATE),
    "date_from_datetime_parsing": ("format", wording.DATE),
    "date_from_datetime_inexact": ("format", wording.DATE),
    "datetime_type": ("format", wording.DATE_TIME),
    "datetime_parsing": ("format", wording.DATE_TIME),
    "datetime_from_date_parsing": ("format", wording.DATE_TIME),
    "time_type": ("format", wording.TIME),
    "time_parsing": ("format", wording.TIME),
    "time_delta_type": ("format", wording.FORMATS["duration"]),
    "time_delta_parsing": ("format", wording.FORMATS["duration"]),
    "uuid_type": ("format", wording.FORMATS["uuid"]),
    "uuid_parsing": ("format", wording.FORMATS["uuid"]),
    "url_type": ("format", wording.FORMATS["uri"]),
    "url_parsing": ("format", wording.FORMATS["uri"]),
    "url_syntax_violation": ("format", wording.FORMATS["uri"]),
    "url_scheme": ("format", lambda context: f"a URL that begins with {context['expected_schemes']}"),
    "json_type": ("type", "a string that holds JSON"),
    "json_invalid": ("format", "a string that holds JSON"),
    "greater_than_equal": ("range", lambda context: wording.bounded("at least", context["ge"])),
    "greater_than": ("range", lambda context: wording.bounded("more than", context["gt"])),
    "less_than_equal": ("range", lambda context: wording.bounded("at most", context["le"])),
    "less_than": ("range", lambda context: wording.bounded("less than", context["lt"])),
    "multiple_of": ("range", lambda context: wording.bounded("a multiple of", context["multiple_of"])),
    "string_too_short": ("length", lambda context: f"at least {wording.counted(context['min_length'], 'character')}"),
    "string_too_long": ("length", lambda context: f"at most {wording.counted(context['max_length'], 'character')}"),
    "too_short": ("length", lambda context: _length(context, "at least", "min_length")),
    "too_long": ("length", lambda context: _length(context, "at most", "max_length")),
    "string_pattern_mismatch": ("pattern", lambda context: wording.matching(context["pattern"])),
}


def _expected(error: Mapping[str, Any]) -> tuple[IssueCode, str, tuple[str, ...]]:
    """The code of an error, what was expected in words, and the closed set of values if there is one."""
    kind: str = error["type"]
    context: Context = error.get("ctx") or {}
    message: str = error["msg"]
    if kind in {"literal_error", "enum"}:
        return _choices(context)
    if kind in {"value_error", "assertion_error"}:
        return "custom", wording.holding(str(context["error"])), ()
    if kind in _WORDS:
        code, words = _WORDS[kind]
        return code, words if isinstance(words, str) else words(context), ()
    return "other", _plain(message), ()


def _plain(message: str) -> str:
    """What pydantic, or a PydanticCustomError, says of the input, turned into what was expected."""
    said, be, what = message.partition("Input should be ")
    return what if be and not said else wording.holding(message)
