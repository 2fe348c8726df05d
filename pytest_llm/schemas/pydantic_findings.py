"""From pydantic's errors to findings. PYTEST_DONT_REWRITE

A `loc` of pydantic is not a path: it carries names of union branches, of validators and "[key]" between the steps into
the document. Which steps are which is found by walking the document, and where that is ambiguous (a branch `card` and a
field `card`) by the value that pydantic says it was looking at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_llm.schemas import wording
from pytest_llm.schemas.closest import closest
from pytest_llm.schemas.findings import in_document_order
from pytest_llm.schemas.issue import JSON, Issue, IssueCode, described, one_line, pointer, quoted
from pytest_llm.schemas.pydantic_words import Context, expected_by, former_words, is_missing, literals

Step = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What pydantic's errors do not say, and its core schema does."""

    #: The aliases that are paths of several steps.
    alias_paths: frozenset[tuple[Step, ...]] = frozenset()
    #: Of unions that a function discriminates, the tags, by the function's name as errors have it: `kind_of()`.
    tags: Mapping[str, tuple[JSON, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, core_schema: object) -> Names:
        """Collect them."""
        paths: set[tuple[Step, ...]] = set()
        tags: dict[str, tuple[JSON, ...]] = {}
        waiting = [core_schema]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Mapping):
                paths.update(_paths_of(node.get("validation_alias")))
                if node.get("type") == "tagged-union" and callable(function := node["discriminator"]):
                    name = f"{getattr(function, '__name__', '')}()"
                    tags[name] = (*tags.get(name, ()), *node["choices"])
                waiting += [value for key, value in node.items() if key not in {"metadata", "serialization"}]
            elif isinstance(node, list | tuple):
                waiting += node
        return cls(alias_paths=frozenset(paths), tags=tags)


def _paths_of(alias: object) -> list[tuple[Step, ...]]:
    """Return the paths of more than one step in an alias: a text, a path, or a list of paths."""
    if not isinstance(alias, list):
        return []
    paths = alias if alias and isinstance(alias[0], list) else [alias]
    return [tuple(path) for path in paths if len(path) > 1]


_NO_NAMES = Names()


def pydantic_issues(errors: Sequence[Mapping[str, Any]], data: JSON, names: Names = _NO_NAMES) -> tuple[Issue, ...]:
    """The findings for the errors of one document, as `ValidationError.errors()` lists them."""
    return in_document_order(_settled([_placed(error, data, names) for error in errors]), data)


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


def path_of(error: Mapping[str, Any], data: JSON, names: Names) -> str:
    """Return the place in the document that an error is about, without its words."""
    _, absent, inside, walked = _located(error, data, names)
    steps, _, _ = _walked(walked, inside, data)
    return pointer([*steps, *absent])


def _located(
    error: Mapping[str, Any], data: JSON, names: Names
) -> tuple[bool, tuple[Step, ...], tuple[bool, ...], tuple[Step, ...]]:
    """Return whether an error is about the name of a field, the steps that lead to what is absent, and the others.

    Of the others, which ones lead into the document.
    """
    loc: tuple[Step, ...] = error["loc"]
    about_name = loc[-1:] == ("[key]",)
    absent = _absent(loc, names) if is_missing(error["type"]) else ()
    walked = loc[:-1] if about_name and not absent else loc[: len(loc) - len(absent)]
    inside = _inside(walked, data, lambda value: about_name or _same(value, error["input"]))
    return about_name, absent, inside, walked


def _placed(error: Mapping[str, Any], data: JSON, names: Names) -> _Placed:
    """One error with its place in the document and its words."""
    kind: str = error["type"]
    loc: tuple[Step, ...] = error["loc"]
    about_name, absent, inside, walked = _located(error, data, names)
    steps, branches, value = _walked(walked, inside, data)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _Placed(issue=_tag_issue(error, steps, value, names), steps=steps, branches=branches)
    code, expected, allowed = expected_by(error)
    got = None if absent else described(value)
    if about_name:
        expected, got = wording.name_that_is(expected), described(walked[-1])
    issue = _issue(error, [*steps, *absent], code=code, expected=expected, got=got, allowed=allowed)
    former = replace(issue, path=pointer([*steps, *loc[-1:]])) if len(absent) > 1 else issue
    if (words := former_words(error)) is not None:
        former = replace(former, expected=wording.name_that_is(words) if about_name else words)
    if former != issue:
        issue = replace(issue, former=former)
    return _Placed(issue=issue, steps=steps, branches=branches)


def _absent(loc: tuple[Step, ...], names: Names) -> tuple[Step, ...]:
    """Return the steps to a missing value that are not in the document: one, or those of an alias that is a path."""
    lengths = range(len(loc), 1, -1)
    return next((loc[-length:] for length in lengths if loc[-length:] in names.alias_paths), loc[-1:])


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


def _tag_issue(error: Mapping[str, Any], steps: tuple[Step, ...], value: JSON, names: Names) -> Issue:
    """The finding for a tagged union: at the tag's field where the tag is a field."""
    context: Context = error["ctx"]
    if (tags := names.tags.get(context["discriminator"])) is not None:
        return _kind_issue(error, steps, value, tags)
    fields = [name for name in literals(context["discriminator"]) or () if isinstance(name, str)]
    if error["type"] == "union_tag_not_found":
        return _issue(error, [*steps, *fields[:1]], code="missing", expected=wording.REQUIRED)
    return _invalid_tag(error, steps, value, fields)


def _invalid_tag(error: Mapping[str, Any], steps: tuple[Step, ...], value: JSON, fields: Sequence[str]) -> Issue:
    context: Context = error["ctx"]
    tags = literals(context["expected_tags"])
    expected = wording.one_of(tags) if tags else f"one of {context['expected_tags']}"
    allowed = tuple(quoted(tag) for tag in tags or ())
    found = next(((name,) for name in fields if _has(value, name)), ())
    got = value[found[0]] if found else value
    return _issue(error, [*steps, *found], code="union", expected=expected, got=described(got), allowed=allowed)


def _kind_issue(error: Mapping[str, Any], steps: tuple[Step, ...], value: JSON, tags: tuple[JSON, ...]) -> Issue:
    """The finding where a function tells the kinds apart: their tags are names, and no values of the reply."""
    if error["type"] == "union_tag_not_found":
        former = _issue(error, steps, code="missing", expected=wording.REQUIRED)
    else:
        former = _invalid_tag(error, steps, value, ())
    issue = _issue(error, steps, code="union", expected=wording.kind_of(tags), got=described(value))
    return replace(issue, former=former)
