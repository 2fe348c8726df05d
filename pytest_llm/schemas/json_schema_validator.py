"""Schemas in JSON Schema. PYTEST_DONT_REWRITE

A schema is looked through before the first reply: every keyword, every reference. Nothing is ever fetched.
jsonschema-rs decides, and jsonschema says what is wrong with what that refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import wording
from pytest_llm.schemas.issue import JSON, Issue, Leniency, Report, one_line, quoted
from pytest_llm.schemas.json_schema_engine import (
    DEFAULT_DRAFT,
    DRAFTS,
    accepts,
    engine_of,
    format_check,
    leads_nowhere,
    plain_failures,
)
from pytest_llm.schemas.json_schema_findings import Failure, json_schema_issues
from pytest_llm.schemas.json_schema_walk import MOST_FAILURES, failures, keywords_of, registry, walker_of
from pytest_llm.schemas.json_text import NotJson, json_issue, load_json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator as Walker
    from jsonschema_rs import Validator as Engine
    from referencing._core import Resolver

ANNOTATIONS = frozenset(
    {
        "$anchor",
        "$comment",
        "$defs",
        "$dynamicAnchor",
        "$id",
        "$recursiveAnchor",
        "$schema",
        "$vocabulary",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "id",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""Keys of a schema that demand nothing, and are no mistake."""

IDLE: Mapping[str, str] = {
    "contentEncoding": "says what a text is, and is not checked",
    "contentMediaType": "says what a text is, and is not checked",
    "contentSchema": "says what a text is, and is not checked",
    "else": "counts only beside if",
    "if": "counts only beside then or else",
    "maxContains": "counts only beside contains",
    "minContains": "counts only beside contains",
    "then": "counts only beside if",
}
"""Keywords that demand nothing by themselves."""

DISPUTED = frozenset({"$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"})
"""Keywords whose rules are so intricate that a schema with one of them has both libraries look at every reply."""

MOST_SHOWN = 20
"""Mistakes of a schema that its error lists."""

_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
"""Keywords whose schemas look at the same value again."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchemaValidator:
    """A JSON Schema; the value is the JSON."""

    name: str
    leniency: Leniency
    engine: Engine
    walker: Walker
    #: Formats in the schema that nothing here can check; they pass.
    unchecked_formats: tuple[str, ...]
    #: Whether what the engine accepts is walked too.
    is_disputed: bool = False

    def __call__(self, text: str) -> Report:
        """Validate an output. Raises SchemaError where the two libraries disagree about it."""
        try:
            data, needed = load_json(text, self.leniency)
        except NotJson as problem:
            return Report(valid=False, issues=(json_issue(problem, text),))
        if not accepts(self.engine, data):
            return Report(valid=False, data=data, issues=self._issues(data), leniency=needed)
        if self.is_disputed and (found := failures(self.walker, data)):
            raise _disagreement(self.name, json_schema_issues(found, data))
        return Report(valid=True, value=data, data=data, leniency=needed)

    def _issues(self, data: JSON) -> tuple[Issue, ...]:
        """Return what is wrong with a document that the engine refuses."""
        found: Sequence[Failure] | None = plain_failures(self.engine, self.walker.schema, data, MOST_FAILURES)
        if not found:
            found = failures(self.walker, data)
        return json_schema_issues(found, data) or (_UNKNOWN,)


_UNKNOWN = Issue(path="", code="other", expected=wording.UNKNOWN, source="jsonschema-rs", source_code="unknown")


def json_schema_validator(schema: Mapping[str, JSON], leniency: Leniency) -> JsonSchemaValidator:
    """The validator of a JSON Schema; a SchemaError when the schema is wrong."""
    document = plain_schema(schema)
    name = f"JSON Schema {one_line(str(document['title']), 80)}" if "title" in document else "JSON Schema"
    draft = _draft_of(document)
    _check_demands(document, name, keywords_of(draft))
    engine = _engine(document, draft, name)
    places = list(_subschemas(document))
    _check_references(places, name)
    # Without "$schema", at which jsonschema would go back to its own class of the draft when "#" is referred to.
    body = {keyword: value for keyword, value in document.items() if keyword != "$schema"}
    named = {place["format"] for place, _ in places if isinstance(place.get("format"), str)}
    return JsonSchemaValidator(
        name=name,
        leniency=leniency,
        engine=engine,
        walker=walker_of(body, draft),
        unchecked_formats=tuple(sorted(one for one in named if format_check(draft, one) is None)),
        is_disputed=any(DISPUTED & place.keys() for place, _ in places),
    )


def _draft_of(document: Mapping[str, JSON]) -> str:
    """Return the address of the draft that `$schema` names."""
    named = document.get("$schema", DEFAULT_DRAFT)
    for draft in DRAFTS:
        if isinstance(named, str) and named.rstrip("#") == draft.rstrip("#"):
            return draft
    raise SchemaError(f'"$schema": {quoted(named)} is not a draft that can be used', instead=list(DRAFTS))


def _check_demands(document: Mapping[str, JSON], name: str, keywords: frozenset[str]) -> None:
    """Raise SchemaError for a schema that every reply conforms to, though it has keys."""
    demanding = (keywords | keywords_of(DEFAULT_DRAFT)) - IDLE.keys()  # of the newest draft too: that is not misspelt
    if {"then", "else"} & document.keys():
        demanding |= {"if"}
    if document.keys() & demanding or document.keys() <= ANNOTATIONS:
        return
    reasons = [
        f"{quoted(key)} {IDLE.get(key, 'is no keyword of JSON Schema')}" for key in document.keys() - ANNOTATIONS
    ]
    raise SchemaError(
        f"{name} demands nothing",
        instead=sorted(reasons),
        fix={"write": '{"type": "object", "properties": {…}, "required": […]}'},
    )


def _engine(document: dict[str, JSON], draft: str, name: str) -> Engine:
    """Compile a schema; a SchemaError, in the words for replies, where it does not conform to its draft."""
    try:
        return engine_of(document, draft)
    except ValueError as wrong:
        reason = one_line(str(wrong).partition("\n")[0])
        if leads_nowhere(wrong):
            raise _unresolvable(reason, name) from wrong
        issues = json_schema_issues(failures(walker_of({"$ref": draft}, draft), document), document)
        lines = [issue.line for issue in issues[:MOST_SHOWN]] or [reason]
        raise SchemaError(f"{name} is wrong", where=issues[0].path if issues else None, instead=lines) from wrong


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


def _check_references(places: list[tuple[Mapping[str, JSON], Resolver[JSON]]], name: str) -> None:
    """Raise SchemaError where a reference leads nowhere, or a schema refers to itself without end."""
    follows: dict[int, list[int]] = {}
    for place, resolver in places:
        targets = [_target(resolver, place[key], name) for key in _REFERENCES if isinstance(place.get(key), str)]
        follows[id(place)] = [id(target) for target in (*targets, *_in_place(place))]
    if _has_circle(follows):
        raise SchemaError(
            f"{name} refers to itself without end",
            fix={"do": "let a $ref to an outer schema stand below properties or items"},
        )


def _target(resolver: Resolver[JSON], reference: str, name: str) -> JSON:
    try:
        return resolver.lookup(reference).contents
    except Exception as wrong:  # Unresolvable; of a mangled URI whatever urllib says
        raise _unresolvable(reference, name) from wrong


def _unresolvable(reference: str, name: str) -> SchemaError:
    return SchemaError(
        f"a reference in {name} leads nowhere: {one_line(reference)}",
        instead=["nothing is fetched: only what is in the schema, and the drafts of JSON Schema, can be referred to"],
        fix={"do": 'put the schema under "$defs" and refer to it with {"$ref": "#/$defs/name"}'},
    )


def _in_place(place: Mapping[str, JSON]) -> Iterator[JSON]:
    """Yield the schemas in a schema that look at the same value as it does."""
    for keyword in _IN_PLACE:
        value: JSON = place.get(keyword)
        yield from value if isinstance(value, list) else [value]
        if keyword.startswith("dependen") and isinstance(value, dict):
            yield from value.values()


def _has_circle(follows: Mapping[int, list[int]]) -> bool:
    """Return whether a way leads from a place back to it."""
    done: set[int] = set()
    for start in follows:
        way: dict[int, Iterator[int]] = {start: iter(follows[start])} if start not in done else {}
        while way:
            here = next(reversed(way))
            following = next(way[here], None)
            if following is None:
                done.add(here)
                del way[here]
            elif following in way:
                return True
            elif following in follows and following not in done:
                way[following] = iter(follows[following])
    return False


def _subschemas(document: dict[str, JSON]) -> Iterator[tuple[Mapping[str, JSON], Resolver[JSON]]]:
    """Every schema in the schema, with what resolves its references."""
    from referencing import Resource

    root: Resource[JSON] = Resource.from_contents({"$schema": DEFAULT_DRAFT, **document})
    waiting: list[tuple[Resource[JSON], Resolver[JSON]]] = [(root, registry().resolver_with_root(root))]
    while waiting:
        resource, resolver = waiting.pop()
        if isinstance(resource.contents, Mapping):
            yield resource.contents, resolver
        waiting += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


def _disagreement(name: str, issues: tuple[Issue, ...]) -> SchemaError:
    return SchemaError(
        f"two validators disagree about a reply under {name}: jsonschema-rs accepts it, and jsonschema does not",
        instead=[issue.line for issue in issues[:MOST_SHOWN]],
        fix={"do": "write the schema without " + ", ".join(sorted(DISPUTED))},
    )
