"""A grader of XML. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_llm.graders.extras import library
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_text, refused, some
from pytest_llm.graders.structure.fences import CodeLeniency, a_leniency, code_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import one_line, quoted

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
    name = None if root is None else _xml_name("root", root, _ELEMENT, 'root="order"')
    wanted = () if required is None else some("valid_xml", "required", required)
    paths = [_xml_name("required", path, _PATH, 'required=["customer/name"]') for path in wanted]
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
        absent = [path for path in paths if found.find(_anywhere(path)) is None]
        return not absent, f"no element {', '.join(map(quoted, absent))} in it" if absent else ""

    told = tuple((key, value) for key, value in (("root", name), ("required", paths)) if value)
    return Grader(name="valid_xml", function=grade, params=(*told, *params))


def _xml_name(parameter: str, value: object, pattern: re.Pattern[str], fix: str) -> str:
    text = a_text("valid_xml", parameter, value)
    if not pattern.fullmatch(text):
        raise refused("valid_xml", parameter, text, "is no name of an element", fix)
    return text


def _is_named(tag: str, name: str) -> bool:
    return tag == name or ("{" not in name and tag.rpartition("}")[2] == name)


def _anywhere(path: str) -> str:
    """A path as ElementTree reads it, where `{*}` is whatever namespace."""
    return re.sub(r"(?:\{[^{}]+\})?[^/{}]+", lambda step: step[0] if "{" in step[0] else "{*}" + step[0], path)
