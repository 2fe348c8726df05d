"""JSON as text, and under a schema."""

import json
import re

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError, SchemaError
from pytest_llm.graders import contains_json, json_schema, valid_json
from pytest_llm.schemas import Issue, Report, fingerprint, validator_for

ORDER = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["id"],
    "additionalProperties": False,
}


class Order(pydantic.BaseModel):
    id: int


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "[1, 2, 3]", "1", '"x"', "null", ' \t\r\n{"a": [{}]}\n', '{"a": {"a": 1}}', "1e3", '"\\ud800"']
)
def test_one_json_document_is_valid(text):
    assert valid_json()(text).passed
    assert valid_json()(Response(text=text)).passed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "(nothing in it begins like JSON); got"),
        ("NaN", "(NaN is not JSON); got"),
        ("[-Infinity]", "(-Infinity is not JSON); got"),
        ('{"a": 1, "a": 1}', '(the key "a" is repeated); got'),
        ("[1, 2,]", "; got"),
        ("{'a': 1}", "; got"),
        ('{"a": 1} {"b": 2}', "(a second document begins at line 1 column 10); got"),
        ('Here: {"a": 1}', "(there is other text before the document at line 1 column 1); got"),
        ('```json\n{"a": 1}\n```', "(there is a code fence around the document at line 1 column 1); got"),
        ('\ufeff{"a": 1}', "(there is a byte order mark before the document at line 1 column 1); got"),
        ('\u00a0{"a": 1}', "(there is a blank that JSON does not have (U+00A0) at line 1 column 1); got"),
        ("01", "; got"),
        ("\x00", "; got"),
        ("[" * 200_000, "(nested more than 200 deep); got"),
        ("[1e999]", '(the number "1e999" is too large); got'),
    ],
)
def test_what_is_no_json_is_told_and_why(text, why):
    grade = valid_json()(text)
    assert grade.state == "failed"
    assert grade.reason.startswith("the text is not JSON (")
    assert why in grade.reason


def test_a_text_is_shown_as_it_came():
    assert valid_json()("Sure!").reason == ('the text is not JSON (nothing in it begins like JSON); got "Sure!"')


@given(st.text(st.sampled_from('{}[]",:01.e-+NaIntrufls \n')) | st.text())
def test_what_is_valid_is_what_python_reads_without_its_leniencies(text):
    """Python's reader takes NaN, Infinity, a key twice and 1e999 beside RFC 8259."""
    grade = valid_json()(text)
    try:
        json.loads(text, parse_constant=int)
    except ValueError:
        assert grade.state == "failed"
    else:
        assert grade.passed or "repeated" in grade.reason or "too large" in grade.reason


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("[1, 2, 3]", "passed"),
        ("The list is [1, 2, 3].", "passed"),
        ('First {x}, then {"a": 1}.', "passed"),
        ('```json\n{"a": 1}\n```', "passed"),
        ('{"a": 1} and {"a": NaN}', "passed"),
        ("use {x} here", "failed"),
        ("{'a': 1}", "failed"),
        ('{"a": 1,}', "failed"),
        ('{"a": NaN}', "failed"),
        ('{"a": 1, "a": 2}', "failed"),
        ("42", "failed"),
        ('"text"', "failed"),
        ("", "failed"),
        ("[" * 300 + "]" * 300, "failed"),
    ],
)
def test_somewhere_is_real_json_or_not(text, state):
    grade = contains_json()(text)
    assert grade.state == state
    assert bool(grade.reason) == (state == "failed")


def test_any_document_that_conforms_will_do():
    grader = contains_json(ORDER)
    assert grader('{"id": "x"} or {"id": 7}').passed
    assert grader('{"id": 7} or {"id": "x"}').passed
    assert grader("as in [1]").reason == (
        "the only JSON document in it will not do: it does not conform to the schema\n"
        "  (whole reply): expected an object; got array [1]."
    )
    assert grader("{} [1]").reason.startswith("the last of 2 JSON documents in it will not do: ")
    assert grader("use {x}").reason == 'no JSON array or object is in "use {x}"'
    assert contains_json()('{"a": NaN}').reason == "the only JSON document in it will not do: NaN is not JSON"


def test_among_very_many_documents_the_first_thousand_are_looked_at():
    grade = contains_json(ORDER)("[]" * 2_500_000)
    assert grade.state == "ungraded"
    assert grade.reason == "none of the first 1,000 JSON documents will do, and there are more"
    assert contains_json(ORDER)("[]" * 1000).state == "failed"
    assert contains_json(ORDER)('{"id": 1}' + "[]" * 2000).passed


@pytest.mark.parametrize(
    ("output", "state"),
    [
        ('{"id": 1}', "passed"),
        ('```json\n{"id": 1}\n```', "passed"),
        (Response(text='{"id": 1}'), "passed"),
        ({"id": 1}, "passed"),
        (Order(id=1), "passed"),
        ('{"id": "1"}', "failed"),
        ('{"id": 1, "more": 2}', "failed"),
        ('Here: {"id": 1}', "failed"),
        ("null", "failed"),
        ("", "failed"),
        ({"id": float("nan")}, "failed"),
        (None, "ungraded"),
        (object(), "ungraded"),
        ([], "failed"),
    ],
)
def test_an_output_conforms_or_not(output, state):
    grade = json_schema(ORDER)(output)
    assert grade.state == state
    assert bool(grade.reason) == (state != "passed")


def test_findings_read_as_those_of_the_prompts_schema():
    text = '{"id": "7", "tags": [1]}'
    assert json_schema(ORDER)(text).reason == (
        "it does not conform to the schema\n"
        '  /id: expected an integer; got string "7".\n'
        "  /tags/0: expected a string; got integer 1."
    )
    lines = [f"  {issue.line}" for issue in validator_for(ORDER)(text).issues]
    assert json_schema(ORDER)(text).reason.split("\n")[1:] == lines


def test_the_output_itself_is_looked_at_whatever_another_schema_found():
    invalid = Report(valid=False, issues=(Issue(path="", code="type", expected="a number"),))
    assert json_schema(ORDER)(Response(text='{"id": 1}', report=invalid)).passed


def test_the_draft_of_2020_is_read_which_peers_refuse():
    pair = {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}
    assert json_schema(pair)('[1, "a"]').passed
    assert json_schema(pair)('[1, "a", 2]').state == "failed"
    draft4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    assert json_schema(draft4)("1").state == "failed"
    assert json_schema(draft4)("2").passed


def test_a_type_is_a_schema_too():
    assert json_schema(Order)('{"id": 1}').passed
    assert json_schema(list[int])("[1, 2]").passed
    assert json_schema(Order)("{}").reason.endswith("  /id: expected a value (the field is required).")
    assert contains_json(Order)('so: {"id": 1}').passed


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "tags", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSONS)
def test_what_conforms_is_what_jsonschema_says(value):
    conforms = Draft202012Validator(ORDER).is_valid(value)
    assert json_schema(ORDER)(json.dumps(value)).passed is conforms


@pytest.mark.parametrize("make", [contains_json, json_schema])
def test_a_schema_of_text_is_refused(make):
    for schema in (str, re.compile("x"), lambda text: text):
        with pytest.raises(GraderError, match="is a schema of text, not of JSON"):
            make(schema)
    with pytest.raises(SchemaError, match="is not a schema"):
        make("order.json")
    with pytest.raises(SchemaError, match="demands nothing"):
        make({"requierd": ["id"]})


def test_parameters_tell_the_schema():
    assert valid_json().parameters == {}
    assert contains_json().parameters == {}
    assert contains_json(ORDER).parameters == json_schema(ORDER).parameters == {"schema": ORDER}
    assert json_schema(Order).parameters == {"schema": fingerprint(Order)}


def test_a_schema_is_compiled_once(monkeypatch):
    grader = json_schema(ORDER)
    monkeypatch.setattr("pytest_llm.schemas.validator._compiled", None)
    monkeypatch.setattr("pytest_llm.schemas.json_schema_validator.json_schema_validator", None)
    assert grader('{"id": 1}').passed
    assert grader('{"id": 2}').passed


@pytest.mark.parametrize(
    ("leniency", "passes"), [("strict", [True, False, False]), ("fence", [True, True, False]), ("extract", [True] * 3)]
)
def test_a_schema_reads_as_much_as_its_leniency_says(leniency, passes):
    schema = json_schema({"type": "object"}, leniency=leniency)
    texts = ('{"a": 1}', '```json\n{"a": 1}\n```', 'Here it is: {"a": 1}')
    assert [schema(text).passed for text in texts] == passes
    assert ("leniency" in schema.parameters) == (leniency != "fence")


def test_a_leniency_that_there_is_not_is_refused():
    with pytest.raises(SchemaError, match="leniency='loose' is not a level"):
        json_schema({"type": "object"}, leniency="loose")
