"""Say that a value may be null too: pydantic's errors do not. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_llm.schemas.closest import or_null
from pytest_llm.schemas.issue import JSON, Issue
from pytest_llm.schemas.pydantic_findings import Names, path_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def with_null(adapter: TypeAdapter[Any], issues: Sequence[Issue], data: JSON, names: Names) -> tuple[Issue, ...]:
    """Return the findings; those about the kind of a value name null where the type takes it in that place.

    Whether it does is tried: with null in the place of each such value, nothing is found there.
    """
    paths = {issue.path for issue in issues if issue.code in ("type", "enum") and issue.got not in (None, "null")}
    if not paths:
        return tuple(issues)
    found = _wrong_paths(adapter, _nulled(data, paths), names)
    nullable = {path for path in paths if not any(_is_below(one, path) for one in found)}
    return tuple(or_null(issue) if issue.path in nullable else issue for issue in issues)


def _wrong_paths(adapter: TypeAdapter[Any], data: JSON, names: Names) -> set[str]:
    """Return the places where a document is wrong."""
    from pydantic import ValidationError

    try:
        adapter.validate_json(json.dumps(data))
    except ValidationError as failed:
        return {path_of(error, data, names) for error in failed.errors(include_url=False)}
    except Exception:
        return {""}
    return set()


def _nulled(data: JSON, paths: Iterable[str]) -> JSON:
    """Return a document with null at these pointers; only what they lead through is copied."""
    root = {"": data}
    own: set[int] = set()
    for path in sorted(paths, key=len, reverse=True):  # what lies below another one first
        holder: JSON = root
        step: str | int = ""
        for name in path.split("/")[1:]:
            if id(holder[step]) not in own:
                holder[step] = copy.copy(holder[step])
                own.add(id(holder[step]))
            holder = holder[step]
            step = int(name) if isinstance(holder, list) else name.replace("~1", "/").replace("~0", "~")
        holder[step] = None
    return root[""]


def _is_below(path: str, above: str) -> bool:
    return path in ("", above) or path.startswith(f"{above}/")
