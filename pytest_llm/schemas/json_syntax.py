"""Say what is wrong with a text that is no JSON, and where. PYTEST_DONT_REWRITE

In words of our own: those of Python's reader change from release to release, and a correction repeats them to a model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_llm.schemas.json_in_prose import TOKEN, follow, last_document

_BLANKS = re.compile(r"[ \t\n\r]*+")
_FENCE = re.compile(r"(?:`{3}|~{3})")
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_DOCUMENT = re.compile(r'[\[{"0-9-]|true\b|false\b|null\b')

_EXPECTED = {
    "{": "a key in double quotes or '}'",
    "key": "':'",
    ":": "a value",
    "member": "',' or '}'",
    "member,": "a key in double quotes",
    "[": "a value or ']'",
    "item": "',' or ']'",
    "item,": "a value",
}
"""By the state of the walk through the grammar, what may come next."""
_TRAILING = ("member,", "item,")
_KEYS = ("{", "member,")
_AS_JSON = {"True": "true", "False": "false", "None": "null", "undefined": "null", "nil": "null"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the syntax of a text."""

    what: str
    #: Characters before it.
    position: int

    def told(self, text: str) -> str:
        """Return what is wrong, with the line and the column, both from 1."""
        line = text.count("\n", 0, self.position) + 1
        column = self.position - text.rfind("\n", 0, self.position)
        return f"{self.what} at line {line} column {column}"


def fault_in(text: str) -> Fault | None:
    """Return the first fault in a text that is no JSON; None for JSON, and where nothing begins like it.

    >>> text = '{"a": 1 "b": 2}'
    >>> fault_in(text).told(text)
    "expecting ',' or '}' at line 1 column 9"
    """
    start = _end_of_blanks(text, 0)
    if not _DOCUMENT.match(text, start):
        return _fault_at_start(text, start)
    state, end = _walked(text, start)
    position = _end_of_blanks(text, end)
    if state != "end":
        return _fault_within(text, position, state)
    if position == len(text):
        return None
    if text[position].isspace() or text[position] == "\ufeff":
        return Fault(_foreign(text[position]), position)
    if _DOCUMENT.match(text, position):
        return Fault("a second document begins", position)
    return Fault("there is other text after the document", position)


def _walked(text: str, start: int) -> tuple[str, int]:
    """Follow the grammar of a document; return the state in which it breaks, or "end", and where."""
    if text[start] in "[{":
        return follow(text, start)
    token = TOKEN.match(text, start)
    return ("item,", start) if token is None else ("end", token.end())


def _fault_at_start(text: str, start: int) -> Fault | None:
    """Name what stands before a document, where there is one."""
    if text.startswith("\ufeff"):
        return Fault("there is a byte order mark before the document", 0)
    if text[start : start + 1].isspace():
        return Fault(_foreign(text[start]), start)
    if _FENCE.match(text, start):
        return Fault("there is a code fence around the document", start)
    if text.startswith("'", start):
        return Fault("there is a single quote, where JSON has double quotes,", start)
    return Fault("there is other text before the document", start) if last_document(text) is not None else None


def _foreign(blank: str) -> str:
    return f"there is a blank that JSON does not have (U+{ord(blank):04X})"


def _fault_within(text: str, position: int, state: str) -> Fault:
    """Name the fault at which the grammar breaks."""
    expected = _EXPECTED[state]
    if position == len(text):
        return Fault(f"the text ends before the document is complete, expecting {expected},", position)
    if text[position] in "]}" and state in _TRAILING:
        return Fault("there is a comma before a closing bracket", text.rindex(",", 0, position))
    if text[position] == '"' and (state in _KEYS or ":" in state or "a value" in expected):
        return _fault_in_string(text, position)
    if text[position] == "'":
        return Fault("there is a single quote, where JSON has double quotes,", position)
    if text.startswith(("//", "/*", "#"), position):
        return Fault("there is a comment, which JSON does not have,", position)
    if (word := _WORD.match(text, position)) and state in _KEYS:
        return Fault("there is a key without double quotes", position)
    if word and word[0] in _AS_JSON:
        return Fault(f"there is {word[0]}, which is {_AS_JSON[word[0]]} in JSON,", position)
    return Fault(f"expecting {expected}", position)


def _fault_in_string(text: str, opening: int) -> Fault:
    """Name the fault of a string that does not end as JSON's do."""
    good = _STRING.match(text, opening)
    end = good.end() if good else opening
    if end == len(text):
        return Fault("there is a string without its closing quote", opening)
    if text[end] == "\\":
        return Fault("there is a backslash that begins no escape of JSON", end)
    return Fault(f"there is a control character (U+{ord(text[end]):04X}) within a string", end)


def _end_of_blanks(text: str, start: int) -> int:
    found = _BLANKS.match(text, start)
    return found.end() if found else start
