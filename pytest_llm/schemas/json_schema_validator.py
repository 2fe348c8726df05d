"""Schemas in JSON Schema. PYTEST_DONT_REWRITE

A schema is looked through before the first reply: every keyword, every reference. Nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from pytest_llm.errors import SchemaError
from pytest_llm.schemas.issue import JSON, Issue, Leniency, Report, one_line, quoted
from pytest_llm.schemas.json_schema_findings import Failure, json_schema_issues
from pytest_llm.schemas.json_text import NotJson, deeper_than, json_issue, load_json

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator as Draft
    from referencing._core import Resolver
    from referencing.jsonschema import SchemaRegistry

DEFAULT_DRAFT = "https://json-schema.org/draft/2020-12/schema"
DRAFTS = (
    DEFAULT_DRAFT,
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-04/schema#",
)
#: A document less deep than this cannot exhaust the stack by itself: the schema goes in circles.
DEEP = 20
ANNOTATIONS = frozenset(
    {
        "$schema",
        "$id",
        "id",
        "$anchor",
        "$defs",
        "definitions",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
    }
)
"""Keys of a schema that demand nothing, and are no mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchemaValidator:
    """A JSON Schema; the value is the JSON."""

    name: str
    leniency: Leniency
    draft: Draft
    #: Formats in the schema that nothing here can check; they pass.
    unchecked_formats: tuple[str, ...]

    def __call__(self, text: str) -> Report:
        """Validate an output."""
        from referencing.exceptions import Unresolvable

        try:
            data, needed = load_json(text, self.leniency)
        except NotJson as problem:
            return Report(valid=False, issues=(json_issue(problem, text),))
        try:
            # Unlike the types of jsonschema say, nothing is unset in the errors that a draft lists.
            issues = json_schema_issues(cast("Iterator[Failure]", self.draft.iter_errors(data)), data)
        except Unresolvable as wrong:
            raise _unresolvable(str(wrong), self.name) from wrong
        except RecursionError as wrong:
            if not deeper_than(DEEP, data):
                raise SchemaError(
                    f"{self.name} refers to itself without end",
                    fix={"do": "let a $ref to an outer schema stand below properties or items"},
                ) from wrong
            issues = (_beyond("a document that is nested less deep", wrong),)
        except OverflowError as wrong:  # a subschema with a "$schema" of its own has jsonschema's multipleOf
            issues = (_beyond("smaller numbers", wrong),)
        if issues:
            return Report(valid=False, data=data, issues=issues, leniency=needed)
        return Report(valid=True, value=data, data=data, leniency=needed)


def json_schema_validator(schema: Mapping[str, JSON], leniency: Leniency) -> JsonSchemaValidator:
    """The validator of a JSON Schema; a SchemaError when the schema is wrong."""
    document = plain_schema(schema)
    name = f"JSON Schema {one_line(str(document['title']), 80)}" if "title" in document else "JSON Schema"
    draft_class = _draft_class(document)
    checker: FormatChecker = draft_class.FORMAT_CHECKER
    _check_schema(document, name, draft_class(draft_class.META_SCHEMA, registry=_registry(), format_checker=checker))
    # Those of the newest draft too: one of them under an older draft is not misspelt.
    keywords = draft_class.VALIDATORS.keys() | _draft_class({}).VALIDATORS.keys()
    strange = document.keys() - keywords - ANNOTATIONS
    if strange and not document.keys() & keywords:
        raise SchemaError(
            f"{name} demands nothing: none of its keys is a keyword of JSON Schema",
            instead=[quoted(key) for key in document if key in strange],
            fix={"write": '{"type": "object", "properties": {…}, "required": […]}'},
        )
    formats = _checked_references(document, name)
    _spell_out_false(document)
    # Without "$schema", at which jsonschema would go back to its own class of the draft when "#" is referred to.
    body = {keyword: value for keyword, value in document.items() if keyword != "$schema"}
    return JsonSchemaValidator(
        name=name,
        leniency=leniency,
        draft=draft_class(body, registry=_registry(), format_checker=_Formats(checker=checker)),
        unchecked_formats=tuple(sorted(formats - set(checker.checkers))),
    )


def _check_schema(document: dict[str, JSON], name: str, drafts_own: Draft) -> None:
    """A SchemaError, in the words that we have for replies, when the schema does not conform to its draft."""
    issues = json_schema_issues(cast("Iterator[Failure]", drafts_own.iter_errors(document)), document)
    if issues:
        raise SchemaError(f"{name} is wrong", where=issues[0].path, instead=[issue.line for issue in issues])


def plain_schema(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """The schema as JSON would carry it: lists for tuples, dicts for mappings; a copy."""
    try:
        plain: dict[str, JSON] = json.loads(json.dumps(schema, default=_plain, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as wrong:
        raise SchemaError(
            f"the JSON Schema cannot be written as JSON: {one_line(str(wrong))}",
            fix={"do": "use only dicts with text as keys, lists, text, finite numbers, True, False and None"},
        ) from wrong
    return plain


def _plain(value: object) -> dict[Any, JSON]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} is no JSON value")


def _draft_class(document: Mapping[str, JSON]) -> Any:
    """The class of the draft that `$schema` names."""
    from jsonschema.validators import extend, validator_for

    named = document.get("$schema", DEFAULT_DRAFT)
    for draft in DRAFTS:
        if isinstance(named, str) and named.rstrip("#") == draft.rstrip("#"):
            return extend(validator_for({"$schema": draft}), {"multipleOf": _multiple_of})  # type: ignore[no-untyped-call]  # its stub has no types
    raise SchemaError(f'"$schema": {quoted(named)} is not a draft that can be used', instead=DRAFTS)


def _multiple_of(_: object, factor: float, number: object, __: object) -> Iterator[ValidationError]:
    """The keyword `multipleOf`, exactly: jsonschema divides floats, and finds that 1.13 is no multiple of 0.01."""
    from jsonschema.exceptions import ValidationError

    if isinstance(number, int | float) and not isinstance(number, bool):
        times = Fraction(str(number)) / Fraction(str(factor))
        if times.denominator != 1:
            yield ValidationError(f"{number} is not a multiple of {factor}")


def _checked_references(document: dict[str, JSON], name: str) -> set[str]:
    """The formats in the schema; a SchemaError when a reference in it leads nowhere."""
    formats: set[str] = set()
    for place, resolver in _subschemas(document):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(reference := place.get(keyword), str):
                try:
                    resolver.lookup(reference)
                except Exception as wrong:  # Unresolvable; of a mangled URI whatever urllib says
                    raise _unresolvable(reference, name) from wrong
        if isinstance(place.get("format"), str):
            formats.add(place["format"])
    return formats


def _spell_out_false(document: dict[str, JSON]) -> None:
    """Write `false`, where it forbids a field or an item, as `{"not": {}}`: jsonschema loses the path of `false`."""
    for place, _ in _subschemas(document):
        for keyword in ("properties", "patternProperties", "prefixItems", "items"):
            schemas: JSON = place.get(keyword)
            names = schemas if isinstance(schemas, dict) else range(len(schemas)) if isinstance(schemas, list) else ()
            for name in names:
                if schemas[name] is False:
                    schemas[name] = {"not": {}}


def _subschemas(document: dict[str, JSON]) -> Iterator[tuple[Mapping[str, JSON], Resolver[JSON]]]:
    """Every schema in the schema, with what resolves its references."""
    from referencing import Resource

    root: Resource[JSON] = Resource.from_contents({"$schema": DEFAULT_DRAFT, **document})
    waiting: list[tuple[Resource[JSON], Resolver[JSON]]] = [(root, _registry().resolver_with_root(root))]
    while waiting:
        resource, resolver = waiting.pop()
        if isinstance(resource.contents, Mapping):
            yield resource.contents, resolver
        waiting += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


def _unresolvable(reference: str, name: str) -> SchemaError:
    return SchemaError(
        f"a reference in {name} leads nowhere: {one_line(reference)}",
        instead=["nothing is fetched: only what is in the schema, and the drafts of JSON Schema, can be referred to"],
        fix={"do": 'put the schema under "$defs" and refer to it with {"$ref": "#/$defs/name"}'},
    )


def _registry() -> SchemaRegistry:
    """The drafts themselves, and no way to fetch anything else: jsonschema's own registry opens URLs."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # has annotations, but no py.typed

    registry: SchemaRegistry = REGISTRY
    return registry


def _beyond(expected: str, wrong: Exception) -> Issue:
    """A document that is JSON, but more than jsonschema can compute with."""
    return Issue(
        path="",
        code="other",
        expected=expected,
        message=one_line(str(wrong)),
        source="jsonschema",
        source_code=type(wrong).__name__,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Formats:
    """jsonschema's format checker, except that a text which trips a check up does not conform.

    `relative-json-pointer` of jsonschema 4.26 raises a ValueError for "²".
    """

    checker: FormatChecker

    def check(self, instance: object, format: str) -> None:  # noqa: A002 - jsonschema's name
        from jsonschema.exceptions import FormatError

        try:
            self.checker.check(instance, format)
        except FormatError:
            raise
        except Exception as wrong:  # see above; which exceptions there are depends on eight libraries
            raise FormatError(f"{instance!r} is not a {format!r}", cause=wrong) from wrong
