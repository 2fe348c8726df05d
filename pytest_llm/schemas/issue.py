"""What a validator found, in one shape whatever the validator. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

JSON: TypeAlias = Any
"""A value as `json.loads` gives it; the one place where the type checker is told nothing."""

Leniency = Literal["strict", "fence", "extract", "repair"]
"""How much help a text may get before it counts as JSON, from none to guessing."""

IssueCode = Literal[
    "missing", "extra", "type", "enum", "range", "length", "pattern", "format", "union", "syntax", "custom", "other"
]

LONGEST_GOT = 80
#: How much of a path, of a regular expression or of a validator's own message a line may carry.
LONGEST_WORDS = 600
_KINDS: dict[type, str] = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One finding of a validator."""

    #: RFC 6901 JSON Pointer to the value; "" is the whole output.
    path: str
    code: IssueCode
    #: What would have passed, in words: "an integer".
    expected: str
    #: The offending value as trimmed JSON with its type; None where there is no value (a missing field).
    got: str | None = None
    #: The closed set of values, each as JSON, when there is one.
    allowed: tuple[str, ...] = ()
    #: The validator's own words, for people.
    message: str = ""
    #: Which validator: "json", "pydantic", "jsonschema", "regex" or "callable".
    source: str = ""
    #: The validator's own code: "literal_error", "additionalProperties".
    source_code: str = ""
    #: The finding in the words of version 1, in which older recordings of corrections feed it back; None where they are
    #: the same.
    former: Issue | None = field(default=None, compare=False, repr=False)

    def below(self, path: str) -> Issue:
        """Return the finding as one about a document that stands at a path of a larger one."""
        former = None if self.former is None else self.former.below(path)
        return replace(self, path=f"{path}{self.path}", former=former)

    @property
    def line(self) -> str:
        """The finding as one line: where, expected, got."""
        found = "" if self.got is None else f"; got {self.got}"
        return f"{one_line(self.path) or '(whole reply)'}: expected {one_line(self.expected)}{found}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of an output under a schema."""

    valid: bool
    #: The validated value; None when not valid.
    value: Any = None
    #: The parsed JSON before the validator turned it into `value`; None where the schema does not read JSON.
    data: JSON = None
    issues: tuple[Issue, ...] = ()
    #: The help that was needed to read JSON; None where the schema does not read JSON, or nothing could be read.
    leniency: Leniency | None = None


class Validator(Protocol):
    """One compiled schema."""

    @property
    def name(self) -> str:
        """What to call the schema in messages."""

    def __call__(self, text: str) -> Report:
        """Validate an output. Whatever the text, it returns; only a wrong schema raises, `SchemaError`."""


def pointer(steps: Iterable[str | int]) -> str:
    """The RFC 6901 JSON Pointer of these steps.

    >>> pointer(["lines", 2, "a/b"])
    '/lines/2/a~1b'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_BREAKS = re.compile(r"\s*[\t\n\r]\s*")


def visible(text: str) -> str:
    r"""A text whose control, direction and other acting characters are shown as escapes; line breaks and tabs stay.

    >>> visible("\x1b[2J")
    '\\x1b[2J'
    """
    if text.isascii() and text.isprintable():  # as nearly always, and several times as fast to see
        return text
    return _ACTIVE.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else f"\\u{ord(found[0]):04x}", text
    )


def one_line(text: str, longest: int = LONGEST_WORDS) -> str:
    r"""A text of others inside a line of ours: visible, unbroken, trimmed.

    >>> one_line("day is out of range\nfor month")
    'day is out of range for month'
    """
    text = visible(_BREAKS.sub(" ", text))
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def quoted(value: JSON, longest: int = LONGEST_GOT) -> str:
    """A value as JSON on one line, trimmed: quoted, so that model output cannot pose as text of ours."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    start = visible(text[: longest + 1])  # of megabytes, no more than is shown
    return start if len(start) <= longest else f"{start[: longest - 20]}… ({len(text)} characters)"


def described(value: JSON) -> str:
    """A value with its JSON type: `string "three"`; null, true and false speak for themselves.

    >>> described("three")
    'string "three"'
    """
    if value is None or isinstance(value, bool):
        return quoted(value)
    return f"{_KINDS.get(type(value), type(value).__name__)} {quoted(value)}"
