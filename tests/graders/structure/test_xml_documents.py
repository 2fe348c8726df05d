"""Is it XML."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import contains_xml, valid_xml
from pytest_llm.graders.structure.xml_documents import _elements

ORDER = "<order><customer><name>Ann</name></customer><line sku='oak'/></order>"
IN_NAMESPACE = ORDER.replace("<order>", "<order xmlns='urn:x/y'>")


@pytest.mark.parametrize(
    "text",
    [ORDER, IN_NAMESPACE, f'<?xml version="1.0"?>{ORDER}', f"\n{ORDER}\n", f"\ufeff{ORDER}",
     f'<?xml version="1.0" encoding="utf-16"?>{ORDER}', f"<!-- c -->{ORDER}", "<order>&lt;&#228;<![CDATA[<]]></order>"],
)  # fmt: skip
def test_a_well_formed_document_is_valid(text):
    assert valid_xml()(text).passed
    assert valid_xml("order")(text).passed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a><br></a>", 'the text is not XML (mismatched tag: line 1, column 9); got "<a><br></a>"'),
        ("", 'the text is not XML (no element found: line 1, column 0); got ""'),
        ("<a/><a/>", 'the text is not XML (junk after document element: line 1, column 4); got "<a/><a/>"'),
        ("<a>&nbsp;</a>", 'the text is not XML (undefined entity: line 1, column 3); got "<a>&nbsp;</a>"'),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "it has a document type declaration, which is not read"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "it has a document type declaration, which is not read"),
        ("<!DOCTYPE html><html/>", "it has a document type declaration, which is not read"),
    ],
)
def test_what_is_no_xml_is_told_and_why(text, reason):
    grade = valid_xml()(text)
    assert (grade.state, grade.reason) == ("failed", reason)


@pytest.mark.parametrize(
    "text", ["\ud800", "<a>\x00</a>", "<a", "Sure!", ' <?xml version="1.0"?><a/>', "<a>" * 300_000]
)
def test_no_text_is_too_odd_to_fail(text):
    assert valid_xml("a", ["b"])(text).state == "failed"


def test_a_bomb_is_not_lit():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    assert valid_xml()(f'<!DOCTYPE a [<!ENTITY l0 "ha">{levels}]><a>&l29;</a>').state == "failed"


def test_root_and_elements_are_asked_for_by_name():
    grader = valid_xml("order", ["customer/name", "line"])
    assert grader(ORDER).passed
    assert grader(IN_NAMESPACE).passed
    assert grader("<orders/>").reason == 'expected the root element "order", got "orders"'
    assert grader("<order><name/><line/></order>").reason == 'no element "customer/name" in it'
    assert grader("<order/>").reason == 'no element "customer/name", "line" in it'


def test_a_namespace_may_be_asked_for():
    grader = valid_xml("{urn:x/y}order", ["{urn:x/y}customer/name"])
    assert grader(IN_NAMESPACE).passed
    assert grader(ORDER).reason == 'expected the root element "{urn:x/y}order", got "order"'
    assert valid_xml(required=["{urn:z}line"])(IN_NAMESPACE).state == "failed"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"root": ""}, "valid_xml: root='' is no name of an element\n  write       root=\"order\""),
        ({"root": "a/b"}, "valid_xml: root='a/b' is no name of an element"),
        ({"root": 1}, "valid_xml: root=1 is no text"),
        ({"required": []}, "valid_xml: required=[] is empty"),
        ({"required": "name"}, "valid_xml: required='name' is no list"),
        ({"required": ["/a"]}, "valid_xml: required='/a' is no name of an element"),
        ({"required": ["*"]}, "valid_xml: required='*' is no name of an element"),
    ],
)
def test_a_parameter_that_names_nothing_is_refused(options, what):
    with pytest.raises(GraderError) as caught:
        valid_xml(**options)
    assert str(caught.value).startswith(what)


def test_parameters_tell_what_it_was_built_with():
    assert valid_xml("order", ["line"]).parameters == {"root": "order", "required": ["line"]}


@given(st.text(st.sampled_from("<>/ab&;'\"= ")))
def test_it_is_what_expat_reads(text):
    try:
        ET.fromstring(text)
        found = True
    except ET.ParseError:
        found = False
    assert valid_xml(leniency="strict")(text).passed is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Here it is:\n```xml\n{ORDER}\n```\nEnjoy!", True),
        (f"<answer>{ORDER}</answer>", True),
        (f"<p>unclosed {IN_NAMESPACE} and </b>", True),
        (f"List<String> x; {ORDER}", True),
        ("<order><customer><name/></customer></order><order><line/></order>", False),
        ("<order customer='name' line=''/>", False),
        (ORDER[:-1], False),
        ("a < b and c > d", False),
        ("\ud800", False),
        ("", False),
    ],
)
def test_an_element_is_found_in_a_text(text, found):
    assert contains_xml("order", ["customer/name", "line"])(text).passed is found
    assert contains_xml("order", ["customer/name", "line"])(Response(text=text)).passed is found


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("x <a/></b>", ["<a/>"]),
        ("<a>/></a>", ["<a>/></a>"]),
        ("<a b='/>'></a >z", ["<a b='/>'></a >"]),
        ("<a b='/'\n/>z", ["<a b='/'\n/>"]),
        ("<a><b/></a>", ["<a><b/></a>"]),
        ("<é>ü</é>x<b/>", ["<é>ü</é>", "<b/>"]),
        ("<p>no <o><l/></o>", ["<o><l/></o>"]),
        ("<a>\ud800</a><b/>", ["<b/>"]),
        ("<x:a/>", []),
        ("<a><!-- /></a>", []),
        ("<a>&nbsp;</a>", []),
        ("<a>" + "ü" * 3000 + "</a>.", ["<a>" + "ü" * 3000 + "</a>"]),
        ("<a>" * 3 + "</a>", ["<a></a>"]),
        ("<a" + " " * 300, []),
    ],
)
def test_each_element_begins_and_ends_where_it_does(text, elements):
    assert list(_elements(text)) == elements


def test_an_element_that_a_document_type_would_have_to_explain_is_none():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    grade = contains_xml()(f'<!DOCTYPE a [<!ENTITY l0 "ha">{levels}]><a>&l29;</a>')
    assert (grade.state, grade.reason.startswith("no well-formed XML element is in ")) == ("failed", True)


def test_what_is_missing_is_told():
    grader = contains_xml("order", ["name", "line"])
    assert grader("Sorry.").reason == 'no well-formed XML element is in "Sorry."'
    assert grader("<a/>").reason == 'no XML element "order" that has "name", "line" in it is in "<a/>"'
    nearer = grader("<order/><order><name/></order>")
    assert nearer.reason == 'no XML element "order" that has "line" in it is in "<order/><order><name/></order>"'
    assert contains_xml("b")("<a/>").reason == 'no XML element "b" is in "<a/>"'
    assert contains_xml(required=["b"])("<a/>").reason == 'no XML element that has "b" in it is in "<a/>"'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a/>" * 1_000_000, "none of the first 1,000 XML elements will do, and there are more"),
        ("<a>" * 1_600_000, "it has too many unfinished XML elements: 10,000,000 characters were parsed"),
        ("<a " * 1_600_000, "it has too many unfinished XML elements: 10,000,000 characters were parsed"),
    ],
)
def test_a_text_of_too_many_elements_is_ungraded(text, reason):
    grade = contains_xml("b")(text)
    assert (grade.state, grade.reason) == ("ungraded", reason)


def test_a_search_that_names_nothing_is_refused():
    with pytest.raises(GraderError, match="contains_xml: root='a b' is no name of an element"):
        contains_xml("a b")
    with pytest.raises(GraderError, match=r"contains_xml: required=\[\] is empty"):
        contains_xml(required=[])
    assert contains_xml("order", ["line"]).parameters == {"root": "order", "required": ["line"]}
    assert contains_xml().parameters == {}


@given(st.text(st.sampled_from("<>/ab&;'\"= !-")), st.sampled_from(["", "b", "<a", "</a>", "&"]))
def test_what_is_xml_as_a_whole_is_found_with_text_around_it(text, around):
    inner = f"<z>{text}</z>"
    whole = valid_xml(leniency="strict")(inner).passed
    assert contains_xml("z")(f"{around} {inner} {around}").passed is whole
