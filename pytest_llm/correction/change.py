"""What one attempt did to the one before it: findings that went and came, values that were lost. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llm.correction.attempt import Change, Finding
from pytest_llm.schemas import JSON, Issue, Report, pointer

_ABSENT = object()


def change_between(before: Report | None, after: Report | None) -> Change:
    """What a reply did to the one before it; nothing where either of them was not validated."""
    if before is None or after is None:
        return Change()
    then, now = _findings(before), _findings(after)
    accepted, values = _accepted(before), dict(_leaves(after.data)) if after.data is not None else {}
    paths = [issue.path for issue in after.issues]
    lost = [path for path in accepted if path not in values or _is_found(path, paths)]
    return Change(
        fixed=tuple(one for one in then if one not in now),
        persisted=tuple(one for one in then if one in now),
        introduced=tuple(one for one in now if one not in then),
        regressed=tuple(lost),
        drifted=tuple(
            path for path, value in accepted.items() if path not in lost and not _is_same(value, values[path])
        ),
    )


def _findings(report: Report) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(_key(issue) for issue in report.issues))


def _key(issue: Issue) -> Finding:
    return issue.path, issue.code


def _accepted(report: Report) -> dict[str, Any]:
    """The values without a finding on them, in them, or above them."""
    paths = [issue.path for issue in report.issues]
    return {} if report.data is None else {at: one for at, one in _leaves(report.data) if not _is_found(at, paths)}


def _is_found(path: str, findings: list[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in findings)


def _is_same(one: JSON, other: JSON) -> bool:
    """Equal, and of one type: to Python, 1 is true and 1.0."""
    return type(one) is type(other) and bool(one == other)


def _leaves(value: JSON, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str, JSON]]:
    """Every value that is no array or object, or an empty one, by its path."""
    inner: Iterator[tuple[str | int, JSON]]
    if isinstance(value, Mapping) and value:
        inner = iter(value.items())
    elif isinstance(value, list) and value:
        inner = iter(enumerate(value))
    else:
        yield pointer(steps), value
        return
    for step, one in inner:
        yield from _leaves(one, (*steps, step))
