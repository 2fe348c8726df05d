"""What is wrong with a text that is no JSON, and where: in words that do not depend on the release of Python."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.schemas import validator_for
from pytest_llm.schemas.json_syntax import fault_in
from pytest_llm.schemas.json_text import load_json

QUOTE = "there is a single quote, where JSON has double quotes,"
FAULTS = [
    ('{"a": 1 "b": 2}', "expecting ',' or '}' at line 1 column 9"),
    ("[1 2]", "expecting ',' or ']' at line 1 column 4"),
    ('{"a" 1}', "expecting ':' at line 1 column 6"),
    ('{"a":}', "expecting a value at line 1 column 6"),
    ('{"a": 01}', "expecting ',' or '}' at line 1 column 8"),
    ('{"a": [1, ...]}', "expecting a value at line 1 column 11"),
    ('{"say": "the "right" word"}', "expecting ',' or '}' at line 1 column 15"),
    ("{,}", "expecting a key in double quotes or '}' at line 1 column 2"),
    ('{"a": 1,}', "there is a comma before a closing bracket at line 1 column 8"),
    ('{"a": [1,\n2,\n]}', "there is a comma before a closing bracket at line 2 column 2"),
    ('{"a": 1,,}', "expecting a key in double quotes at line 1 column 9"),
    ('{"a": [1, 2', "the text ends before the document is complete, expecting ',' or ']', at line 1 column 12"),
    ('{"a": 1,\n', "the text ends before the document is complete, expecting a key in double quotes, at line 2 column 1"),
    ('{"a": "b', "there is a string without its closing quote at line 1 column 7"),
    ('{"a": 1, "b', "there is a string without its closing quote at line 1 column 10"),
    ('"a', "there is a string without its closing quote at line 1 column 1"),
    ('{"a": "b\nc"}', "there is a control character (U+000A) within a string at line 1 column 9"),
    (r'{"a": "\x"}', "there is a backslash that begins no escape of JSON at line 1 column 8"),
    (r'{"a\'": 1}', "there is a backslash that begins no escape of JSON at line 1 column 4"),
    ('{"a": 1}\n{"a": 2}', "a second document begins at line 2 column 1"),
    ("1 2", "a second document begins at line 1 column 3"),
    ('{"a": 1} I hope it helps.', "there is other text after the document at line 1 column 10"),
    ('{"a": 1}}', "there is other text after the document at line 1 column 9"),
    ('\n Here it is: {"a": 1}', "there is other text before the document at line 2 column 2"),
    ('```json\n{"a": 1}\n```', "there is a code fence around the document at line 1 column 1"),
    ("'a'", f"{QUOTE} at line 1 column 1"),
    ("{'a': 1}", f"{QUOTE} at line 1 column 2"),
    ('{"a": \'b\'}', f"{QUOTE} at line 1 column 7"),
    ("{a: 1}", "there is a key without double quotes at line 1 column 2"),
    ('{"a": 1, b: 2}', "there is a key without double quotes at line 1 column 10"),
    ('{"a": True}', "there is True, which is true in JSON, at line 1 column 7"),
    ("[None]", "there is None, which is null in JSON, at line 1 column 2"),
    ('{"a": yes}', "expecting a value at line 1 column 7"),
    ('{"a": 1 // one\n}', "there is a comment, which JSON does not have, at line 1 column 9"),
    ('\ufeff{"a": 1}', "there is a byte order mark before the document at line 1 column 1"),
    ('\u00a0{"a": 1}', "there is a blank that JSON does not have (U+00A0) at line 1 column 1"),
    ('{"a": 1}\u2028', "there is a blank that JSON does not have (U+2028) at line 1 column 9"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), FAULTS)
def test_a_fault_is_named_with_its_line_and_column(text, told):
    with pytest.raises(ValueError):
        json.loads(text)
    assert fault_in(text).told(text) == told
    with pytest.raises(ValueError) as wrong:
        load_json(text, "strict")
    assert str(wrong.value) == told


@pytest.mark.parametrize("text", ["", "No.", "I cannot help with that.", "  \n", ' {"a": [1]}\n'])
def test_json_has_no_fault_nor_has_a_text_in_which_nothing_begins_like_it(text):
    assert fault_in(text) is None


def test_a_finding_says_what_and_where_and_shows_the_place():
    text = json.dumps({"items": [{"id": number, "name": f"item {number}"} for number in range(60)]})
    text = text[:1500] + text[1500:].replace(', "name"', ' "name"', 1)
    (issue,) = validator_for({"type": "object"})(text).issues
    assert issue.path == ""
    assert issue.expected == "a JSON document (expecting ',' or '}' at line 1 column 1521)"
    assert r"{\"id\": 49 \"name\"" in issue.got
    assert len(issue.got) < 150


def test_within_a_fence_the_lines_are_those_of_the_whole_reply():
    (issue,) = validator_for(list[int])("```json\n[1,\n2 3]\n```").issues
    assert issue.expected == "a JSON document (expecting ',' or ']' at line 3 column 3)"


@given(st.text() | st.text(alphabet="[]{}:,\"\\ \n0-1.eEtrufalsn'/`"))
def test_whatever_is_no_json_has_a_fault_within_it_or_nothing_like_json(text):
    try:
        load_json(text, "strict")
    except ValueError as wrong:
        fault = wrong.fault
        assert fault is None or 0 <= fault.position <= len(text)
        begins = text.lstrip(" \t\n\r")[:1]
        assert fault is not None or wrong.reason != "syntax" or begins == "" or begins not in '[{"-0123456789'


@pytest.mark.parametrize(
    "text", ['{"a":' * 300_000, "[1," * 500_000, '["' + "a" * 2_000_000, "[" + "1," * 500_000 + "x"]
)
def test_megabytes_are_looked_through_once(text):
    """Were it quadratic, this test would not end."""
    assert fault_in(text).position > 0
