"""Graders of XML. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.parsers import expat  # it is given no document type, so no entities

from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_text, refused, some
from pytest_llm.graders.reading import CannotRead, text_of
from pytest_llm.graders.structure.fences import CodeLeniency, a_leniency, code_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, one_line, quoted

#: Elements of one text that are looked at, and characters that are parsed to find where they end.
MOST_ELEMENTS = 1000
MOST_PARSED = 10_000_000
_SLICE = 256

_BEGIN = re.compile(r"<[^\W\d][\w.:-]*[\s/>]")
_HALF = re.compile("[\ud800-\udfff]")
_STEP = r"(?:\{[^{}]+\})?[^\W\d][\w.-]*"
_ELEMENT, _PATH = re.compile(_STEP), re.compile(f"{_STEP}(?:/{_STEP})*")


def valid_xml(
    root: str | None = None, required: Iterable[str] | None = None, *, leniency: CodeLeniency = "fence"
) -> Grader:
    """The text is one well-formed XML document, with this root element, and with these elements in it.

    Names are compared in whatever namespace; `{urn:x}order` is the one in that namespace. `required` are paths from the
    root, `"customer/name"`.

    Source: XML 1.0 as expat reads it, through defusedxml: a document type declaration, and with it any entity of the
    document's own, fails.
    """
    params = a_leniency("valid_xml", leniency)
    name, paths = _wanted("valid_xml", root, required)
    defused = library("valid_xml", "defusedxml.ElementTree")

    def grade(output: object, _case: Case | None) -> Told:
        text = code_of(output, leniency, longest=None)
        try:
            found = defused.fromstring(text, forbid_dtd=True)
        except defused.DTDForbidden:
            return False, "it has a document type declaration, which is not read"
        except (defused.ParseError, ValueError) as problem:  # ValueError: a lone surrogate
            return False, f"the text is not XML ({one_line(str(problem))}); got {quoted(text)}"
        if name is not None and not _is_named(found.tag, name):
            return False, f"expected the root element {quoted(name)}, got {quoted(found.tag)}"
        absent = _absent(found, paths)
        return not absent, f"no element {', '.join(map(quoted, absent))} in it" if absent else ""

    return Grader(name="valid_xml", function=grade, params=(*_given(name, paths), *params))


def contains_xml(root: str | None = None, required: Iterable[str] | None = None) -> Grader:
    """Pass a text that has a well-formed XML element somewhere: with this name, and with these elements in it.

    Prose, fences and other tags may stand around it. `root` may be inside of another element; names are compared as
    `valid_xml` does. `<b>this</b>` is an element, which a name keeps out. Entities of a document type are not read.

    >>> contains_xml("order", ["line"]).grade("Here it is: <order><line/></order>. Enjoy!").state
    'passed'
    """
    name, paths = _wanted("contains_xml", root, required)
    defused = library("contains_xml", "defusedxml.ElementTree")

    def grade(output: object, _case: Case | None) -> Told:
        text = text_of(output)
        count, absent = 0, paths
        for element in _elements(text):
            count += 1
            if count > MOST_ELEMENTS:
                raise CannotRead(f"none of the first {MOST_ELEMENTS:,} XML elements will do, and there are more")
            for one in defused.fromstring(element, forbid_dtd=True).iter():
                if name is None or _is_named(one.tag, name):
                    lacking = _absent(one, paths)
                    if not lacking:
                        return True
                    absent = min(absent, lacking, key=len)
        if not count:
            return False, f"no well-formed XML element is in {quoted(text)}"
        what = f"no XML element {quoted(name)}" if name else "no XML element"
        inside = f" that has {', '.join(map(quoted, absent))} in it" if absent else ""
        return False, f"{what}{inside} is in {quoted(text)}"

    return Grader(name="contains_xml", function=grade, params=_given(name, paths))


def _elements(text: str) -> Iterator[str]:
    """Yield the elements of a text that are not inside another one, each as text. Raises CannotRead."""
    # Half a character is no text, and NUL is what no element may hold; the places stay the same.
    text = _HALF.sub("\0", text)
    left, place = MOST_PARSED, 0
    while found := _BEGIN.search(text, place):
        ending = _Ending()
        length = ending.length(text, found.start(), left)
        left -= ending.parsed
        if length:
            yield text[found.start() : found.start() + length]
        elif left <= 0:
            raise CannotRead(f"it has too many unfinished XML elements: {MOST_PARSED:,} characters were parsed")
        # An element that is not well-formed may have others in it.
        place = found.start() + (length or 1)


class _Ending:
    """Where an element ends."""

    def __init__(self) -> None:
        self.parsed = 0
        self._depth = 0
        self._end = 0
        #: Whether nothing has come after a start tag, which is `<a/>` where the element ends then.
        self._just_opened = False

    def length(self, text: str, start: int, most: int) -> int:
        """Return the characters of the element that begins at `start`; 0 where it is not well-formed."""
        parser = expat.ParserCreate(encoding="utf-8", namespace_separator="}")
        parser.StartElementHandler, parser.CharacterDataHandler = self._opened, self._text
        parser.EndElementHandler = lambda _name: self._closed(parser.CurrentByteIndex)
        while not self._end and start + self.parsed < len(text) and self.parsed < most:
            piece = text[start + self.parsed : start + 2 * self.parsed + _SLICE]
            self.parsed += len(piece)
            try:
                parser.Parse(piece.encode(), start + self.parsed == len(text))
            except expat.ExpatError:  # what follows the element may well be no XML
                break
        if not self._end:
            return 0
        end = len(text[start : start + self.parsed].encode()[: self._end].decode())
        before = text[start + end - 2 : start + end]
        return end if self._just_opened and before == "/>" else text.index(">", start + end) + 1 - start

    def _opened(self, _name: str, _attributes: object) -> None:
        self._depth += 1
        self._just_opened = True

    def _text(self, _data: str) -> None:
        self._just_opened = False

    def _closed(self, byte: int) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._end = byte
        else:
            self._just_opened = False


def _wanted(grader: str, root: str | None, required: Iterable[str] | None) -> tuple[str | None, list[str]]:
    """Return the name and the paths that a grader's parameters ask for. Raises GraderError."""
    name = None if root is None else _xml_name(grader, "root", root, _ELEMENT, 'root="order"')
    wanted = () if required is None else some(grader, "required", required)
    return name, [_xml_name(grader, "required", path, _PATH, 'required=["customer/name"]') for path in wanted]


def _given(name: str | None, paths: list[str]) -> tuple[tuple[str, JSON], ...]:
    return tuple((key, value) for key, value in (("root", name), ("required", paths)) if value)


def _absent(element: Any, paths: list[str]) -> list[str]:
    return [path for path in paths if element.find(_anywhere(path)) is None]


def _xml_name(grader: str, parameter: str, value: object, pattern: re.Pattern[str], fix: str) -> str:
    text = a_text(grader, parameter, value)
    if not pattern.fullmatch(text):
        raise refused(grader, parameter, text, "is no name of an element", fix)
    return text


def _is_named(tag: str, name: str) -> bool:
    return tag == name or ("{" not in name and tag.rpartition("}")[2] == name)


def _anywhere(path: str) -> str:
    """A path as ElementTree reads it, where `{*}` is whatever namespace."""
    return re.sub(r"(?:\{[^{}]+\})?[^/{}]+", lambda step: step[0] if "{" in step[0] else "{*}" + step[0], path)
