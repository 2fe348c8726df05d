"""The YAML that cassettes are written in, read line by line. PYTEST_DONT_REWRITE

Because half of a replay's time went into PyYAML.

A subset: block mappings and lists, literal blocks, plain and single-quoted scalars on one line, `[]` and `{}`. Whatever
is not certainly in it makes `read_plain` return None, and PyYAML reads the file; a property test holds that where both
read, both read the same.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pytest_llm.schemas import JSON

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)*\Z")
_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]+(?:e[+-][0-9]+)?\Z")
_WORDS: Mapping[str, bool | None] = {"null": None, "true": True, "false": False}
_EMPTY: Mapping[str, Callable[[], JSON]] = {"[]": list, "{}": dict}
_Scalar: TypeAlias = str | int | float | bool | None
LONGEST_SHORT = 48
# Line breaks of other alphabets, tabs, control characters: YAML has rules of its own for them.
_PLAIN_ASCII = bytes([*b"\n", *range(0x20, 0x7F)])
_FOREIGN = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
LONGEST_WORD = len("false")
_INDICATORS = frozenset('"&*!|>%@`#{[?,]}')


DEEPEST = 300
"""Levels of lists and mappings in a file; JSON of more than 200 is kept as text."""


class _Unusual(ValueError):
    """Something that is not certainly in the subset."""


def read_plain(text: str) -> list[JSON] | None:
    """The documents of a text; None where it is not certain that YAML would read the same."""
    if _has_foreign(text) or not text.endswith("\n"):
        return None
    documents = []
    try:
        for part in text[:-1].split("\n---\n"):
            lines = part.split("\n")
            document, end = _node(lines, 0, 0)
            if end != len(lines):
                return None
            documents.append(document)
    except (ValueError, IndexError, RecursionError):  # ValueError: also of a number with thousands of digits
        return None
    return documents


def _has_foreign(text: str) -> bool:
    if text.isascii():  # as nearly all are; then this is several times as fast
        return bool(text.encode().translate(None, _PLAIN_ASCII))
    return _FOREIGN.search(text) is not None


def _node(lines: list[str], at: int, indent: int) -> tuple[JSON, int]:
    """The list or mapping that begins at a line, and the line after it."""
    if indent > DEEPEST:
        raise _Unusual
    if lines[at].startswith("- ", indent):
        return _list(lines, at, indent)
    return _mapping(lines, at, indent)


def _list(lines: list[str], at: int, indent: int) -> tuple[JSON, int]:
    dash, inner, items = f"{' ' * indent}- ", " " * (indent + 2), []
    while at < len(lines) and lines[at].startswith(dash):
        rest = lines[at][indent + 2 :]
        if rest.startswith("- ") or _entry(rest) is not None:
            lines[at] = inner + rest  # the item's first line, as if it stood on a line of its own
            item, at = _node(lines, at, indent + 2)
        else:
            item, at = _value(lines, at, indent, rest)
        items.append(item)
    return items, at


def _mapping(lines: list[str], at: int, indent: int) -> tuple[JSON, int]:
    pad, count = " " * indent, len(lines)
    found: dict[str, JSON] = {}
    while at < count:
        line = lines[at]
        if not line.startswith(pad):
            break
        text = line[indent:] if indent else line
        entry = _short_entry(text) if len(text) <= LONGEST_SHORT else _entry(text)
        if entry is None:
            if found and line.startswith("- ", indent):  # the next item of the list around this mapping
                break
            raise _Unusual
        key, rest, scalar = entry
        if key in found:
            raise _Unusual
        if rest == "":
            found[key], at = scalar, at + 1
        elif rest is not None:
            found[key], at = _value(lines, at, indent, rest)
        elif lines[at + 1].startswith(f"{pad}- "):
            found[key], at = _list(lines, at + 1, indent)
        elif lines[at + 1].startswith(f"{pad}  "):
            found[key], at = _node(lines, at + 1, indent + 2)
        else:
            raise _Unusual
    return found, at


def _entry(text: str) -> tuple[str, str | None, _Scalar] | None:
    """A key; what is left to read of its line, None where its value begins on the next one; else the value.

    None for what does not begin with a key.
    """
    key, colon, rest = text.partition(":")
    if not colon or rest[:1] not in ("", " ") or not _KEY.match(key) or _is_not_text(key):
        return None
    if not rest:
        return key, None, None
    value = rest[1:]
    return (key, value, None) if value[0] == "|" or value in _EMPTY else (key, "", _scalar(value))


@functools.lru_cache(maxsize=4096)  # in a suite they recur: method: POST, refusal: null
def _short_entry(text: str) -> tuple[str, str | None, _Scalar] | None:
    return _entry(text)


def _value(lines: list[str], at: int, indent: int, text: str) -> tuple[JSON, int]:
    if text[0] == "|":
        return _block(lines, at, indent + 2, text)
    return _EMPTY[text]() if text in _EMPTY else _scalar(text), at + 1


def _block(lines: list[str], at: int, indent: int, head: str) -> tuple[str, int]:
    """A literal block without blank lines at its ends, and without an indentation of its own."""
    pad, text = " " * indent, []
    at += 1
    while at < len(lines) and (lines[at].startswith(pad) or not lines[at]):
        text.append(lines[at][indent:])
        at += 1
    if head not in ("|", "|-") or not text[0] or text[0][0] == " " or not text[-1]:
        raise _Unusual
    return "\n".join(text) + ("\n" if head == "|" else ""), at


def _scalar(text: str) -> _Scalar:
    first = text[0]
    if first == "'":
        body = text[1:-1].replace("''", "\0")
        if len(text) < 2 or text[-1] != "'" or "'" in body:
            raise _Unusual
        return body.replace("\0", "'")
    if first in _INDICATORS or (first in "-?:" and text[1:2] in ("", " ")):
        raise _Unusual
    if ": " in text or " #" in text or text[-1] in ": ":
        raise _Unusual
    return plain_scalar(text)


def plain_scalar(text: str) -> _Scalar:
    """The value of a scalar without quotes. Raises ValueError where YAML sees what JSON lacks or spells otherwise."""
    if text in _WORDS:
        return _WORDS[text]
    # The words that are no text, as in true, are short.
    if (len(text) > LONGEST_WORD and text[0].isalpha()) or not _is_not_text(text):
        return text
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number
    raise _Unusual(text)


@functools.lru_cache(maxsize=4096)  # keys and numbers recur
def _is_not_text(plain: str) -> bool:
    """Whether YAML would read a plain scalar as a number, a date, a boolean or the like, by PyYAML's own table."""
    return any(pattern.match(plain) for _, pattern in _resolvers().get(plain[0], ()))


@functools.lru_cache(maxsize=1)
def _resolvers() -> Mapping[str, list[tuple[str, Any]]]:
    from yaml.resolver import Resolver

    table: Mapping[str, list[tuple[str, Any]]] = Resolver.yaml_implicit_resolvers
    return table
