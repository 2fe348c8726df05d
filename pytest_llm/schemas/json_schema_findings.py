"""From jsonschema's errors to findings. PYTEST_DONT_REWRITE

Its messages show Python (`None is not of type 'string'`) and the whole value; only its structure is used here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pytest_llm.schemas import wording
from pytest_llm.schemas.closest import closest
from pytest_llm.schemas.findings import deduplicated, in_document_order
from pytest_llm.schemas.issue import JSON, Issue, IssueCode, described, one_line, pointer, quoted
from pytest_llm.schemas.json_schema_engine import matcher

LONGEST_MESSAGE = 10_000
"""Characters of jsonschema's own message that are looked at: it repeats the value, which may be megabytes."""

_NAMED = ("properties", "patternProperties", "additionalProperties", "unevaluatedProperties")
_LISTED = ("prefixItems", "items")
"""Keywords under which schemas stand for fields, and for items."""


class Failure(Protocol):
    """What is used of a jsonschema ValidationError; there, everything may also be unset, until it has been raised."""

    @property
    def message(self) -> str:
        """The validator's own words."""

    @property
    def validator(self) -> str:
        """The keyword; "false" for the schema `false`."""

    @property
    def validator_value(self) -> JSON:
        """What the schema has under the keyword."""

    @property
    def instance(self) -> JSON:
        """The value that does not conform."""

    @property
    def schema(self) -> JSON:
        """The schema that has the keyword."""

    @property
    def context(self) -> Sequence[Failure]:
        """The failures in the branches of a union."""

    @property
    def parent(self) -> Failure | None:
        """The failure in whose context this one is."""

    @property
    def schema_path(self) -> Sequence[str | int]:
        """The steps through the schema, from that of the parent."""

    @property
    def absolute_path(self) -> Sequence[str | int]:
        """The steps through the document."""

    @property
    def absolute_schema_path(self) -> Sequence[str | int]:
        """The steps through the schema."""


def json_schema_issues(errors: Iterable[Failure], data: JSON) -> tuple[Issue, ...]:
    """The findings for the errors of one document, as `iter_errors` lists them."""
    return in_document_order([issue for error in errors for issue in _issues(error)], data)


def _issues(error: Failure) -> list[Issue]:
    """The findings for one error; below a union, those of the closest branch."""
    issues = _found(error)
    if _about_name(error) and not (error.parent and _about_name(error.parent)):
        return [_about(issue) for issue in issues]
    return issues


def _about(issue: Issue) -> Issue:
    """Return a finding as one about the name of a field."""
    former = None if issue.former is None else _about(issue.former)
    return replace(issue, expected=wording.name_that_is(issue.expected), former=former)


def _found(error: Failure) -> list[Issue]:
    keyword = error.validator
    if keyword in {"anyOf", "oneOf"} and error.context:
        branches: dict[str | int, list[Issue]] = {}
        # A branch that allows nothing is no alternative, as long as there is another one.
        for inner in [one for one in error.context if one.validator != "false"] or error.context:
            branches.setdefault(inner.schema_path[0], []).extend(_issues(inner))
        return closest(pointer(_steps(error)), [deduplicated(found) for found in branches.values()])
    if keyword in {"required", "dependentRequired", "dependencies"}:
        return [_issue(error, "missing", wording.REQUIRED, field=name) for name in _missing(error, keyword)]
    if keyword in {"additionalProperties", "unevaluatedProperties"}:
        return [_issue(error, "extra", wording.UNDECLARED, field=name) for name in _unwanted(error, keyword)]
    if keyword in {"enum", "const"}:
        values = [error.validator_value] if keyword == "const" else list(error.validator_value)
        if not values:
            return [_issue(error, "enum", wording.NOTHING)]
        return [_issue(error, "enum", wording.one_of(values), allowed=tuple(quoted(value) for value in values))]
    if keyword == "false" or (keyword == "not" and error.validator_value == {}):
        former = _issue(error, "extra", wording.UNDECLARED)
        found = _issue(error, *_forbidden(error))
        return [found if found == former else replace(found, former=former)]
    code, words = _WORDS.get(keyword, ("other", _unknown))
    issue = _issue(error, code, words(error.validator_value, error))
    if keyword == "format" and error.validator_value == "time":
        return [replace(issue, former=replace(issue, expected=wording.TIME))]
    return [issue]


def _issue(
    error: Failure, code: IssueCode, expected: str, *, field: str | None = None, allowed: tuple[str, ...] = ()
) -> Issue:
    """A finding about the value of the error, or about a field of it."""
    steps = _steps(error)
    got: str | None = described(error.instance)
    if field is not None:
        steps.append(field)
        got = described(error.instance[field]) if field in error.instance else None
    return Issue(
        path=pointer(steps),
        code=code,
        expected=expected,
        got=got,
        allowed=allowed,
        message=one_line(error.message[:LONGEST_MESSAGE]),
        source="jsonschema",
        source_code=error.validator,
    )


def _forbidden(error: Failure) -> tuple[IssueCode, str]:
    """Return the code and the words for the schema `false`, by what it forbids."""
    steps = [step for step in error.absolute_schema_path if step != "not"][-2:]
    if steps and steps[0] in _NAMED:
        return "extra", wording.UNDECLARED
    if "items" in steps[-1:] or (steps and steps[0] in _LISTED):
        return "length", wording.NO_ITEM
    return "other", wording.NOTHING


def _steps(error: Failure) -> list[str | int]:
    """The way to the value; jsonschema leaves the name out where a field's name is the value."""
    return [*error.absolute_path, error.instance] if _about_name(error) else list(error.absolute_path)


def _about_name(error: Failure) -> bool:
    """Whether the value is a field's name: below `propertyNames`, the keyword, not a field that is called so."""
    steps = list(error.absolute_schema_path)
    return any(
        step == "propertyNames" and steps[n - 1 : n] not in (["properties"], ["$defs"], ["definitions"])
        for n, step in enumerate(steps)
    )


def _missing(error: Failure, keyword: str) -> list[str]:
    """The names that ought to be there; jsonschema has one error for each, which does not say which."""
    there: Mapping[str, JSON] = error.instance
    if keyword == "required":
        return [name for name in error.validator_value if name not in there]
    wanted = [names for name, names in error.validator_value.items() if name in there and isinstance(names, list)]
    return [name for names in wanted for name in names if name not in there]


def _unwanted(error: Failure, keyword: str) -> list[str]:
    """The names that ought not to be there."""
    there: Mapping[str, JSON] = error.instance
    if keyword == "unevaluatedProperties":  # which ones they are is only in the message
        return [name for name in there if repr(name) in error.message]
    return undeclared_names(there, error.schema)


def undeclared_names(instance: Mapping[str, JSON], schema: Mapping[str, JSON]) -> list[str]:
    """Return the names of fields that neither `properties` nor `patternProperties` have."""
    declared = schema.get("properties", {})
    patterns = [matcher(pattern) for pattern in schema.get("patternProperties", {})]
    return [name for name in instance if name not in declared and not any(matches(name) for matches in patterns)]


Words = Callable[[Any, Failure], str]


def _type(value: Any, _: Failure) -> str:
    return wording.either([wording.KINDS[kind] for kind in ([value] if isinstance(value, str) else value)])


def _bound(relation: str, exclusive: str = "", instead: str = "") -> Words:
    """In draft 4 `exclusiveMinimum` is true or false, and makes `minimum` exclusive."""

    def words(value: Any, error: Failure) -> str:
        return wording.bounded(instead if error.schema.get(exclusive) is True else relation, value)

    return words


def _count(word: str, unit: str) -> Words:
    return lambda value, _: f"{word} {wording.counted(value, unit)}"


def _no_more_items(_: Any, error: Failure) -> str:
    """For `items: false` and `additionalItems: false`, after as many items as have a schema of their own."""
    described_ones = error.schema.get("items" if error.validator == "additionalItems" else "prefixItems", [])
    return f"at most {wording.counted(len(described_ones), 'item')}"


def _several(_: Any, error: Failure) -> str:
    """`oneOf` without the findings of its branches: more than one branch took the value."""
    return f"a value that conforms to one alternative of {len(error.validator_value)}, not to several"


def _containing(_: Any, error: Failure) -> str:
    schema = error.schema
    least, most = schema.get("minContains", 1), schema.get("maxContains")
    bounds = f"at least {least}" if most is None else f"at least {least} and at most {most}"
    return f"an array with {bounds} of its items conforming to {quoted(schema['contains'])}"


def _unknown(value: Any, error: Failure) -> str:
    return f"a value that conforms to {quoted({str(error.validator): value})}"


#: By keyword: the code, and the words for the keyword's value.
_WORDS: Mapping[str, tuple[IssueCode, Words]] = {
    "type": ("type", _type),
    "minimum": ("range", _bound("at least", "exclusiveMinimum", "more than")),
    "maximum": ("range", _bound("at most", "exclusiveMaximum", "less than")),
    "exclusiveMinimum": ("range", _bound("more than")),
    "exclusiveMaximum": ("range", _bound("less than")),
    "multipleOf": ("range", _bound("a multiple of")),
    "minLength": ("length", _count("at least", "character")),
    "maxLength": ("length", _count("at most", "character")),
    "minItems": ("length", _count("at least", "item")),
    "maxItems": ("length", _count("at most", "item")),
    "minProperties": ("length", _count("at least", "field")),
    "maxProperties": ("length", _count("at most", "field")),
    "items": ("length", _no_more_items),
    "additionalItems": ("length", _no_more_items),
    "unevaluatedItems": ("length", lambda _value, _error: "no further items"),
    "uniqueItems": ("other", lambda _value, _error: "items that are all different"),
    "contains": ("other", _containing),
    "minContains": ("other", _containing),
    "maxContains": ("other", _containing),
    "oneOf": ("union", _several),
    "not": ("other", lambda value, _: f"a value that does not conform to {quoted(value)}"),
    "pattern": ("pattern", lambda value, _: wording.matching(value)),
    "format": ("format", lambda value, _: wording.FORMATS.get(value, f"text in the format {quoted(value)}")),
}
