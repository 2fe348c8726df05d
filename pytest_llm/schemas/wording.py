"""What was expected, in words that are the same whatever the validator. PYTEST_DONT_REWRITE

Models are corrected with these lines, and people read them: plain words, no Python, no class names, no links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_llm.schemas.issue import JSON, quoted

REQUIRED = "a value (the field is required)"
UNDECLARED = "no such field"
NO_ITEM = "no such item"
NOTHING = "no value at all (the schema allows none here)"
UNKNOWN = "a document that conforms (the schema refuses it; no detail available)"
DATE = "a date (YYYY-MM-DD)"
DATE_TIME = "a date and time (YYYY-MM-DDThh:mm:ss, then Z or an offset)"
TIME = "a time (hh:mm:ss)"

#: By the names of JSON Schema.
KINDS: Mapping[str, str] = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}

#: By the names of JSON Schema.
FORMATS: Mapping[str, str] = {
    "date": DATE,
    "date-time": DATE_TIME,
    "time": "a time with an offset (hh:mm:ss, then Z or an offset)",
    "duration": "a duration (ISO 8601, like P3DT12H)",
    "email": "an e-mail address",
    "idn-email": "an e-mail address",
    "hostname": "a host name",
    "idn-hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "uri": "a URL",
    "iri": "a URL",
    "uri-reference": "a URL or a relative reference",
    "iri-reference": "a URL or a relative reference",
    "uri-template": "a URI template",
    "uuid": "a UUID",
    "regex": "a regular expression",
    "json-pointer": "a JSON pointer",
    "relative-json-pointer": "a relative JSON pointer",
}

MOST_CHOICES = 30


def either(words: Sequence[str]) -> str:
    """These as alternatives.

    >>> either(["a string", "an integer", "null"])
    'a string, an integer or null'
    """
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last


def one_of(values: Sequence[JSON]) -> str:
    """A closed set of values.

    >>> one_of(["low", "normal", "high"])
    "one of 'low', 'normal' or 'high'"
    """
    shown = list(dict.fromkeys(_choice(value) for value in values))
    if len(shown) == 1:
        return shown[0]
    more = len(shown) - MOST_CHOICES
    return f"one of {either([*shown[:MOST_CHOICES], f'{more} others'] if more > 1 else shown)}"


def _choice(value: JSON) -> str:
    """A value in a list of choices: text in single quotes, everything else as JSON.

    Not JSON's double quotes: they stand around what the model wrote, after "got".
    """
    shown = quoted(value)
    plain = isinstance(value, str) and "'" not in value and shown == f'"{value}"'
    return f"'{value}'" if plain else shown


def counted(number: object, unit: str) -> str:
    """A number of things.

    >>> counted(1, "item"), counted(2, "item")
    ('1 item', '2 items')
    """
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def bounded(relation: str, bound: object) -> str:
    """A value in relation to a number, which is 0 whether the schema says 0 or 0.0.

    >>> bounded("at least", 0.0), bounded("a multiple of", 3)
    ('a value of at least 0', 'a multiple of 3')
    """
    if isinstance(bound, float) and bound.is_integer():
        bound = int(bound)
    return f"{'' if relation == 'a multiple of' else 'a value of '}{relation} {bound}"


def matching(pattern: str) -> str:
    """Text that conforms to a regular expression."""
    return f"text matching the regular expression {pattern}"


def holding(message: str) -> str:
    """A value that passes a check of the user's own, which says this about it."""
    return f"a value for which this holds: {message}" if message else "a value that passes the schema's own check"


def passing(check: str) -> str:
    """A value that passes a check of the user's own, which has no words of its own."""
    return f"a value that passes the check {check}"


def kind_of(tags: Sequence[JSON]) -> str:
    """A value of one of several kinds, which a function tells apart.

    >>> kind_of(["cat", "dog"])
    "a value of the kind 'cat' or 'dog'"
    """
    return f"a value of the kind {either([_choice(tag) for tag in tags])}"


def name_that_is(expected: str) -> str:
    """For a field whose name is what is wrong."""
    return f"another name for this field: {expected}"
