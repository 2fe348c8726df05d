"""Which rules a first prompt leaves unsaid: feedback that names them discloses, no more. PYTEST_DONT_REWRITE

A lint, not a proof: it looks for words, numbers and examples of what the schema demands, and knows nothing of grammar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_llm.prompts import Prompt
from pytest_llm.schemas import JSON, json_schema_of

_PLACEHOLDERS = re.compile("[YMDHSNX#]")
_FORMATS: Mapping[str, str] = {
    "date": r"ISO.?8601|RFC.?3339|\b\d{4}-\d\d-\d\d\b",
    "date-time": r"ISO.?8601|RFC.?3339|\b\d{4}-\d\d-\d\dT\d\d",
    "time": r"ISO.?8601|RFC.?3339|\b\d\d:\d\d",
    "email": r"e-?mail address|\w@\w",
    "uri": r"\bUR[IL]s?\b|https?://",
    "uuid": r"\bUUIDs?\b",
}
_BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)


@dataclass(frozen=True, slots=True)
class _Rule:
    told: str
    #: Each of them has to be found.
    needles: tuple[str, ...]


def undisclosed(prompt: Prompt) -> tuple[str, ...] | None:
    """The rules of the schema that the prompt does not state, in words; None where they cannot be known.

    They are stated where the schema is sent, as `response_format` or as a tool's parameters; else where the prompt's
    own words or examples have a key, every allowed value, a format or bound. What a case brings does not count.
    """
    if prompt.schema is None or prompt.schema is str or prompt.send_schema:
        return ()
    if isinstance(prompt.schema, re.Pattern):
        rules = [_Rule("the regular expression", (_pattern(prompt.schema.pattern),))]
    elif (schema := json_schema_of(prompt.schema)) is None:
        return None
    else:
        rules = list(_rules(schema, schema, "", frozenset()))
    text = _text(prompt)
    filled = f"{text}\n{_PLACEHOLDERS.sub('0', text)}"
    unsaid = (rule.told for rule in rules if not all(_found(needle, filled) for needle in rule.needles))
    return tuple(dict.fromkeys(unsaid))


def _found(needle: str, text: str) -> bool:
    try:
        return re.search(needle, text, re.IGNORECASE) is not None
    except re.error:  # a pattern of ECMAScript's that Python does not read
        return needle in text


def _text(prompt: Prompt) -> str:
    """What a prompt says by itself, without what a case brings."""
    said = [one.content if isinstance(one.content, str) else json.dumps(one.content) for one in prompt.messages]
    shown = [json.dumps(output, default=str) for _, output in prompt.examples]
    other = {name: value for name, value in prompt.parameters.items() if name in ("response_format", "text")}
    return "\n".join([*said, *shown, json.dumps([list(prompt.tools), other], default=str)])


def _rules(node: JSON, root: JSON, path: str, seen: frozenset[str]) -> Iterator[_Rule]:
    """What a JSON Schema demands that a prompt could state; types go without saying."""
    if not isinstance(node, Mapping):
        return
    name = path or "the whole reply"
    if isinstance(reference := node.get("$ref"), str) and reference not in seen:
        yield from _rules(_target(root, reference), root, path, seen | {reference})
    values = node.get("enum", [node["const"]] if "const" in node else [])
    if values := [one for one in values if isinstance(one, str | int | float) and not isinstance(one, bool)]:
        yield _Rule(f"{name} values", tuple(_word(one) for one in values))
    if isinstance(pattern := node.get("pattern"), str):
        yield _Rule(f"{name} pattern", (_pattern(pattern),))
    elif isinstance(form := node.get("format"), str) and form in _FORMATS:
        yield _Rule(f"{name} format", (_FORMATS[form],))
    for bound in _BOUNDS:
        if isinstance(node.get(bound), int | float):
            yield _Rule(f"{name} {bound}", (_word(node[bound]),))
    properties = node.get("properties")
    for key, inner in properties.items() if isinstance(properties, Mapping) else ():
        yield _Rule(f"{path}/{key} key", (_word(key),))
        yield from _rules(inner, root, f"{path}/{key}", seen)
    for key in ("anyOf", "oneOf", "allOf"):
        for inner in node.get(key, ()) if isinstance(node.get(key), list) else ():
            yield from _rules(inner, root, path, seen)
    for key in ("items", "additionalProperties"):
        yield from _rules(node.get(key), root, f"{path}/*", seen)


def _target(root: JSON, reference: str) -> JSON:
    node = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) and step else node
    return node if node is not root else None


def _word(value: object) -> str:
    return rf"(?<![\w.]){re.escape(str(value))}(?![\w])"


def _pattern(pattern: str) -> str:
    """An example of what matches, or the expression itself."""
    inner = pattern.removeprefix("^").removesuffix("$")
    return f"(?:{inner})|{re.escape(pattern)}"
