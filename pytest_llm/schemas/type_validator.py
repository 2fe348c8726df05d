"""Schemas that are Python types: pydantic models and all else that pydantic can read JSON into. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pytest_llm.errors import SchemaError
from pytest_llm.schemas.issue import Issue, Leniency, Report, one_line
from pytest_llm.schemas.json_text import NotJson, json_issue, load_json
from pytest_llm.schemas.nullable import with_null
from pytest_llm.schemas.pydantic_findings import Names, pydantic_issues

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTextValidator:
    """The type `str`: any text, as it is."""

    name: str = "str"

    def __call__(self, text: str) -> Report:
        """Validate an output."""
        return Report(valid=True, value=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeValidator:
    """A type that JSON is read into; the type's own strictness applies."""

    name: str
    leniency: Leniency
    adapter: TypeAdapter[Any]
    names: Names

    def __call__(self, text: str) -> Report:
        """Validate an output."""
        from pydantic import ValidationError

        try:
            data, needed = load_json(text, self.leniency)
        except NotJson as problem:
            return Report(valid=False, issues=(json_issue(problem, text),))
        # JSON again, not the parsed data: in strict mode pydantic takes "2025-05-03" for a date from JSON only.
        document = json.dumps(data)
        try:
            value = self.adapter.validate_json(document)
        except ValidationError as failed:
            errors = failed.errors(include_url=False)
            if errors[0]["type"] == "json_invalid" and errors[0]["input"] == document:
                issues: tuple[Issue, ...] = (_unreadable(str(errors[0]["msg"])),)
            else:
                found = pydantic_issues(errors, data, self.names)
                issues = with_null(self.adapter, found, data, self.names)
            return Report(valid=False, data=data, issues=issues, leniency=needed)
        except Exception as wrong:  # a validator of the user may raise anything
            raise _broken(self.name, wrong) from wrong
        return Report(valid=True, value=value, data=data, leniency=needed)


def type_validator(schema: Any, leniency: Leniency) -> TypeValidator:
    """The validator of a type; a SchemaError when pydantic cannot make one."""
    adapter = adapter_of(schema)
    names = Names.of(adapter.core_schema)
    return TypeValidator(name=type_name(schema), leniency=leniency, adapter=adapter, names=names)


def adapter_of(schema: Any) -> TypeAdapter[Any]:
    """The adapter of a type, complete: a type that refers to unknown names fails here, not at the first reply."""
    from pydantic import TypeAdapter

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(schema)
        adapter.core_schema["type"]
    except Exception as wrong:  # the user's own __get_pydantic_core_schema__ may raise anything
        reason = str(wrong).split("\n", 1)[0]
        fix = {"do": "from typing_extensions import TypedDict"} if "typing_extensions.TypedDict" in reason else None
        raise SchemaError(
            f"pydantic cannot validate the type {type_name(schema)}", instead=[one_line(reason)], fix=fix
        ) from wrong
    return adapter


def type_name(schema: Any) -> str:
    """A type as people know it, the same in every process."""
    name: str = schema.__qualname__ if isinstance(schema, type) else repr(schema)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", name)


def _unreadable(message: str) -> Issue:
    """The one thing that JSON allows, Python keeps and pydantic refuses: half of a surrogate pair."""
    return Issue(
        path="",
        code="syntax",
        expected="a JSON document of whole characters (half of a surrogate pair is escaped in it)",
        message=one_line(message),
        source="pydantic",
        source_code="json_invalid",
    )


def _broken(name: str, wrong: Exception) -> SchemaError:
    """A validator of the user failed instead of judging."""
    function, where = _culprit(wrong.__traceback__)
    return SchemaError(
        f"{function or 'a validator'} of the schema {name} raised {type(wrong).__name__}: {one_line(str(wrong))}",
        where=where,
        fix={"do": "raise ValueError or AssertionError for a value that is not valid"},
    )


def _culprit(traceback: TracebackType | None) -> tuple[str | None, str | None]:
    """The function where the user's code was entered, and its file and line."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        package = str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in {"pydantic", "pytest_llm"}:
            return f"{code.co_qualname}()", f"{code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return None, None
