"""Requests whose schemas are only written differently are one request; why others differ, where no edit did it."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_llm.cassettes import sent_schemas
from pytest_llm.cassettes.entry import Entry, StoredReply
from pytest_llm.cassettes.identity import CanonicalRequest, identity_of, model_record
from pytest_llm.cassettes.sent_schemas import explain_schemas, schema_form
from pytest_llm.cassettes.staleness import explain_miss

DATA = Path(__file__).parents[1] / "data/schemas_of_pydantic"
WRITTEN = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DATA.glob("*.json")}
NOW = WRITTEN["2.14.4"]
PYDANTIC = f"another version of pydantic may have written the recorded schema; this one is by pydantic {version('pydantic')}"  # fmt: skip
OPTIMIZED = "descriptions are missing: this run is under python -OO, which drops docstrings"
RECORDED_OPTIMIZED = "the recorded schema has fewer descriptions; it may be of python -OO, which drops docstrings"


def request(schema, words="Which kind?"):
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema, "strict": True}}
    body = {"model": "tiny", "messages": [{"role": "user", "content": words}], "response_format": form}
    return model_record("chat/completions", body)


def entry(record, *slots):
    replies = {
        (slot, 1): StoredReply(slot=slot, number=1, status=200, latency_ms=None, headers={}, body={}) for slot in slots
    }
    return Entry(identity_of(record), record, replies)


def miss(asked, *entries, slot="1"):
    return explain_miss({one.identity: one for one in entries}, CanonicalRequest.of(asked), slot, file_exists=True)


def cause(before, after):
    return explain_schemas(schema_form(request(before)), schema_form(request(after)))


@pytest.fixture
def optimized(monkeypatch):
    """As under python -OO."""
    monkeypatch.setattr(sent_schemas, "sys", SimpleNamespace(flags=SimpleNamespace(optimize=2)))


OLD, NEW = {"const": "a", "enum": ["a"], "type": "string"}, {"const": "a", "type": "string"}


@pytest.mark.parametrize(
    "place",
    [
        lambda schema: {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
        lambda schema: {"response_format": {"type": "json_object", "schema": schema}},
        lambda schema: {"text": {"format": {"type": "json_schema", "schema": schema}}},
        lambda schema: {"output_config": {"format": {"schema": schema}}},
        lambda schema: {"output_format": {"schema": schema}},
        lambda schema: {"format": schema},
        lambda schema: {"guided_json": schema},
        lambda schema: {"tools": [{"type": "function", "function": {"parameters": schema}}, {"type": "x"}, 3]},
        lambda schema: {"tools": [{"name": "f", "parameters": schema}]},
        lambda schema: {"tools": [{"name": "f", "input_schema": schema}]},
        lambda schema: {"functions": [{"parameters": schema}]},
    ],
)
def test_schemas_are_found_where_the_apis_take_them(place):
    one, other = ({"body": {"model": "m", **place(schema)}} for schema in (OLD, NEW))
    assert schema_form(one) == schema_form(other) == other
    assert schema_form({"body": {"model": "m", **place({"const": "b"})}}) != schema_form(other)


@pytest.mark.parametrize(
    "record",
    [{}, {"text": "x"}, {"body": [1]}, {"body": {"model": "m", "messages": [OLD]}}],
)
def test_a_request_without_a_schema_has_no_other_form(record):
    assert schema_form(record) is None


@pytest.mark.parametrize("value", [None, "json", [], {"type": "json_object"}, {"json_schema": {"schema": "x"}}])
def test_what_is_no_schema_stays(value):
    for key in ("response_format", "text", "tools", "format"):
        assert schema_form({"body": {key: value}}) == {"body": {key: value}}


def test_a_schema_that_is_nested_too_deep_has_no_other_form():
    schema = {}
    for _ in range(5000):
        schema = {"items": schema}
    record = {"body": {"format": schema}}
    assert schema_form(record) is None
    assert explain_schemas(record, {"body": {"format": {}}}) == ""


# -- why there is no recording --------------------------------------------------------------------------------------------


def test_more_replies_than_recorded_is_no_change_of_the_request():
    recorded = entry(request(WRITTEN["2.7.4"]["Literals"]), "1")
    assert miss(request(NOW["Literals"]), recorded).kind == "exhausted"
    assert miss(request(NOW["Literals"]), recorded, slot="2").kind == "missing"


def test_of_several_recorded_requests_the_one_in_another_spelling_is_compared():
    others = [entry(request(NOW["Literals"], words=f"Which kind {number}?"), "1") for number in range(3)]
    assert (
        miss(request(NOW["Literals"]), *others, entry(request(WRITTEN["2.7.4"]["Literals"]), "1")).kind == "exhausted"
    )


def test_a_changed_schema_is_stale_and_only_the_change_is_shown():
    changed = json.loads(json.dumps(NOW["Literals"]).replace('"v"', '"w"'))
    found = miss(request(changed), entry(request(WRITTEN["2.7.4"]["Literals"]), "1"))
    assert found.kind == "stale"
    place = "response_format/json_schema/schema/properties/default"
    assert found.change.split("\n") == [f'{place}/const "v" → "w"', f'{place}/default "v" → "w"']


@pytest.mark.parametrize(("name", "key"), [("Money", "pattern"), ("Keyed", "propertyNames")])
@pytest.mark.parametrize("recorded", ["2.7.4", "2.12.5"])
def test_where_versions_of_pydantic_accept_other_values_the_message_names_pydantic(name, key, recorded):
    before, after = (WRITTEN[one][name] for one in (recorded, "2.12.5" if recorded == "2.7.4" else "2.7.4"))
    found = miss(request(after), entry(request(before), "1"))
    assert found.kind == "stale"
    assert found.change.split("\n")[0] == PYDANTIC
    assert key in found.change


def test_of_missing_descriptions_the_message_names_the_option_that_drops_docstrings(optimized):
    found = miss(request(WRITTEN["2.14.4-OO"]["Enums"]), entry(request(NOW["Enums"]), "1"))
    assert found.change.split("\n") == [
        OPTIMIZED,
        'response_format/json_schema/schema/$defs/Colour/description "A colour." → nothing',
        'response_format/json_schema/schema/description "Enumerations, with docstrings." → nothing',
    ]


def test_a_recording_without_docstrings_may_be_of_that_option():
    assert cause(WRITTEN["2.14.4-OO"]["Enums"], NOW["Enums"]) == RECORDED_OPTIMIZED


def test_both_causes_at_once_are_both_named(optimized):
    after = WRITTEN["2.14.4-OO"]["Keyed"]
    assert cause(WRITTEN["2.7.4"]["Keyed"], after) == PYDANTIC  # it had no docstring in the schema either
    before = json.loads(json.dumps(WRITTEN["2.12.5"]["Money"])) | {"description": "A price."}
    assert cause(before, WRITTEN["2.14.4-OO"]["Money"]) == f"{PYDANTIC}\n{OPTIMIZED}"


def edited(**more):
    return {"type": "object", "properties": {"a": {"type": "string", "description": "D", **more}}, "description": "E"}


def test_an_edit_has_no_other_cause():
    assert cause(edited(), edited()) == ""
    assert cause(edited(), edited(description="other")) == ""
    assert cause(edited(), edited(type="integer")) == ""
    assert cause(edited(), edited(description="other", maxLength=3)) == ""
    assert cause(NOW["Enums"], WRITTEN["2.14.4-OO"]["Enums"]) == "", "docstrings are there in this run"


def test_an_edited_description_is_no_matter_of_docstrings(optimized):
    assert cause(edited(), edited(description="other")) == ""
    assert cause(WRITTEN["2.14.4-OO"]["Enums"], NOW["Enums"]) == "", "that this run has more is an edit"


def test_a_tool_more_is_an_edit():
    tool = {"name": "f", "parameters": NOW["Keyed"]}
    one, other = {"body": {"tools": [tool]}}, {"body": {"tools": [tool, tool]}}
    assert explain_schemas(one, other) == ""
