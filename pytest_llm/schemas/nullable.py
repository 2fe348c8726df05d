"""Say that a value may be null too: pydantic's errors do not. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_llm.schemas.closest import or_null
from pytest_llm.schemas.issue import JSON, Issue
from pytest_llm.schemas.pydantic_findings import Names, pydantic_issues

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def with_null(adapter: TypeAdapter[Any], issues: Sequence[Issue], data: JSON, names: Names) -> tuple[Issue, ...]:
    """Return the findings; those about the kind of a value name null where the type takes it in that place.

    Whether it does is tried: with null in the place of each such value, nothing is found there.
    """
    paths = {issue.path for issue in issues if issue.code in ("type", "enum") and issue.got not in (None, "null")}
    if not paths:
        return tuple(issues)
    found = _paths_with_findings(adapter, _nulled(data, paths), names)
    nullable = paths if found is None else {path for path in paths if not any(_is_below(one, path) for one in found)}
    return tuple(or_null(issue) if issue.path in nullable else issue for issue in issues)


def _paths_with_findings(adapter: TypeAdapter[Any], data: JSON, names: Names) -> set[str] | None:
    """Return the places where a document is wrong; None where it is not."""
    from pydantic import ValidationError

    try:
        adapter.validate_json(json.dumps(data))
    except ValidationError as failed:
        return {issue.path for issue in pydantic_issues(failed.errors(include_url=False), data, names)}
    except Exception:
        return {""}
    return None


def _nulled(data: JSON, paths: Iterable[str]) -> JSON:
    """Return a document with null at these pointers."""
    data = json.loads(json.dumps(data))
    for path in sorted(paths, key=len, reverse=True):  # what lies below another one first
        *before, last = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
        if not before:
            return None
        holder = data
        for step in before[1:]:
            holder = holder[int(step) if isinstance(holder, list) else step]
        holder[int(last) if isinstance(holder, list) else last] = None
    return data


def _is_below(path: str, above: str) -> bool:
    return path in ("", above) or path.startswith(f"{above}/")
