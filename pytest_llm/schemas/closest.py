"""Of a union's branches the findings of the one that the output came closest to. PYTEST_DONT_REWRITE

All branches at once contradict each other, and the deepest error, which jsonschema's `best_match` prefers, is often in
the wrong branch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from pytest_llm.schemas.issue import Issue
from pytest_llm.schemas.wording import KINDS, either, one_of


def closest(at: str, branches: Sequence[Sequence[Issue]]) -> list[Issue]:
    """The findings for a union at this pointer, from the findings of each of its branches.

    A branch that only wanted null is no branch to come close to; where the kind of the value is wrong, it is named.
    """
    others = [branch for branch in branches if not _wants_null(at, branch)] or list(branches)
    found = _closest(at, others)
    is_nullable = len(others) < len(branches) and len(found) == 1 and _another_kind(found[0], at)
    return [or_null(found[0])] if is_nullable else found


def _closest(at: str, branches: Sequence[Sequence[Issue]]) -> list[Issue]:
    if len(branches) == 1:
        return list(branches[0])
    if all(len(branch) == 1 and _another_kind(branch[0], at) for branch in branches):
        return [_merged(at, [branch[0] for branch in branches])]
    if (tag := _tag(branches)) is not None:
        return [_merged(at, tag)]
    distances = [_distance(at, branch) for branch in branches]
    return list(branches[distances.index(min(distances))])


def or_null(issue: Issue) -> Issue:
    """Return the finding about the kind of a value that may be null too.

    >>> or_null(Issue(path="", code="type", expected="an integer or a string")).expected
    'an integer, a string or null'
    """
    former = issue.former or issue
    allowed = (*issue.allowed, "null") if issue.allowed else ()
    kinds = re.split(", | or ", issue.expected)
    expected = either([*(kinds if set(kinds) <= _KINDS else [issue.expected]), KINDS["null"]])
    return replace(issue, expected=_one_of(allowed) or expected, allowed=allowed, former=former)


_KINDS = frozenset(KINDS.values())


def _one_of(allowed: Sequence[str]) -> str:
    """Return the words for choices; "" where there is none, or one is too long to be shown whole."""
    try:
        return one_of([json.loads(value) for value in allowed]) if allowed else ""
    except ValueError:
        return ""


def _wants_null(at: str, branch: Sequence[Issue]) -> bool:
    return [(issue.path, issue.expected) for issue in branch] == [(at, KINDS["null"])]


def _another_kind(issue: Issue, at: str) -> bool:
    """Whether the value at the union itself is of another kind, or not among the choices."""
    return issue.path == at and issue.code in {"type", "enum"}


def _tag(branches: Sequence[Sequence[Issue]]) -> list[Issue] | None:
    """One finding of each branch, when all of them want another value of the same field."""
    choices = [{issue.path: issue for issue in branch if issue.code == "enum"} for branch in branches]
    for path in choices[0]:
        if all(path in found for found in choices):
            return [found[path] for found in choices]
    return None


def _merged(at: str, issues: Sequence[Issue]) -> Issue:
    """One finding that names all alternatives."""
    first = issues[0]
    allowed = tuple(dict.fromkeys(value for issue in issues for value in issue.allowed))
    if all(issue.allowed for issue in issues) and (expected := _one_of(allowed)):
        return replace(first, code="enum" if first.path == at else "union", expected=expected, allowed=allowed)
    code = first.code if len({issue.code for issue in issues}) == 1 else "union"
    return replace(first, code=code, expected=either([issue.expected for issue in issues]), allowed=())


def _distance(at: str, branch: Sequence[Issue]) -> tuple[int, int, int]:
    """How far an output is from a branch: the wrong kind of thing, then wrong choices, then the number of findings."""
    return (
        sum(issue.code == "type" and issue.path == at for issue in branch),
        sum(issue.code == "enum" for issue in branch),
        len(branch),
    )
