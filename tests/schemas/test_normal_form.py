"""A JSON Schema is the same by every version of pydantic, and says what it said."""

from __future__ import annotations

import json
from pathlib import Path

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic_samples import REAL_DIFFERENCES, TYPES, schemas

from pytest_llm import Prompt
from pytest_llm.schemas import fingerprint, json_schema_of
from pytest_llm.schemas.normal_form import descriptions, normal_form, outline, without_descriptions

DATA = Path(__file__).parents[1] / "data/schemas_of_pydantic"
WRITTEN = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.json"))}
NEWEST = WRITTEN["2.14.4"]
VERSIONS = ["2.7.4", "2.9.2", "2.10.6", "2.12.5"]
SPELLED = [name for name in NEWEST if name not in REAL_DIFFERENCES]


def text(value):
    """A value as text, so that 1 is not true; as in the identity of a request, 1.0 is 1."""
    return json.dumps(value, sort_keys=True).replace(".0,", ",").replace(".0}", "}")


def prompt_of(schema):
    return Prompt(name="p", model="tiny", user="x", schema=schema, send_schema=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_type_has_one_schema_by_every_version_of_pydantic(version):
    for name in SPELLED:
        assert text(normal_form(WRITTEN[version][name])) == text(normal_form(NEWEST[name])), name


def test_the_versions_do_differ():
    assert {
        version: sum(text(WRITTEN[version][name]) != text(NEWEST[name]) for name in NEWEST) for version in VERSIONS
    } == {"2.7.4": 11, "2.9.2": 9, "2.10.6": 1, "2.12.5": 1}


def test_what_the_newest_version_writes_stays_as_it_is():
    """So that prompts and baselines of now keep their versions."""
    for name, schema in NEWEST.items():
        assert text(normal_form(schema)) == text(schema), name


def test_the_installed_version_is_sent_and_fingerprinted_in_normal_form():
    for name, schema in schemas().items():
        if name in SPELLED:
            assert text(json_schema_of(TYPES[name])) == text(NEWEST[name])
            assert fingerprint(TYPES[name])["json_schema"] == normal_form(schema)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_prompt_has_the_same_version_and_request_by_every_version_of_pydantic(monkeypatch, version):
    names = [
        name for name in SPELLED if name != "Bounds"
    ]  # 1.0 of old versions is 1 in a request, and not in a version
    now = {name: (prompt_of(TYPES[name]).version, prompt_of(TYPES[name]).render().body) for name in names}
    for name in names:
        monkeypatch.setattr(pydantic.TypeAdapter, "json_schema", lambda _, name=name: WRITTEN[version][name])
        assert (prompt_of(TYPES[name]).version, prompt_of(TYPES[name]).render().body) == now[name], name


def test_a_dict_is_sent_as_it_was_given():
    given_schema = {"properties": {"a": {"const": "x", "enum": ["x"]}}}
    assert json_schema_of(given_schema) == fingerprint(given_schema) == given_schema


@pytest.mark.parametrize(
    ("schema", "normal"),
    [
        ({"const": 1, "enum": [1]}, {"const": 1, "type": "integer"}),
        ({"const": 1, "enum": [True]}, {"const": 1, "enum": [True], "type": "integer"}),
        ({"const": "a", "enum": ["a", "b"]}, {"const": "a", "enum": ["a", "b"], "type": "string"}),
        ({"enum": ["a"]}, {"const": "a", "type": "string"}),
        ({"enum": ["a"], "title": "T"}, {"enum": ["a"], "title": "T", "type": "string"}),
        ({"properties": {"a": {"enum": ["a"], "title": "A"}}}, {"properties": {"a": {"const": "a", "title": "A", "type": "string"}}}),
        ({"$defs": {"K": {"const": None, "title": "K"}}}, {"$defs": {"K": {"enum": [None], "title": "K", "type": "null"}}}),
        ({"enum": [0.5, 1.0], "type": "numeric"}, {"enum": [0.5, 1.0], "type": "number"}),
        ({"enum": [1, 2], "type": "number"}, {"enum": [1, 2], "type": "number"}),
        ({"enum": [1, "a"]}, {"enum": [1, "a"]}),
        ({"const": []}, {"const": []}),
        ({"enum": "ab"}, {"enum": "ab"}),
        ({"enum": ["a"], "type": ["string", "null"]}, {"const": "a", "type": ["string", "null"]}),
        ({"propertyNames": {"enum": ["a", "b"], "type": "string"}}, {"propertyNames": {"enum": ["a", "b"]}}),
        ({"propertyNames": {"enum": [1, 2]}}, {"propertyNames": {"enum": [1, 2]}}),
        ({"propertyNames": False}, {"propertyNames": False}),
        ({"allOf": [{"$ref": "#/$defs/A"}], "default": 1}, {"$ref": "#/$defs/A", "default": 1}),
        ({"allOf": [{"$ref": "#/$defs/A", "title": "A"}]}, {"allOf": [{"$ref": "#/$defs/A", "title": "A"}]}),
        ({"allOf": [{"$ref": "#"}], "type": "object"}, {"$ref": "#", "type": "object", "additionalProperties": True}),
        ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
        ({"default": {"enum": ["a"]}, "examples": [{"enum": ["a"]}]}, {"default": {"enum": ["a"]}, "examples": [{"enum": ["a"]}]}),
        ({"properties": {"enum": {"enum": [1]}}}, {"properties": {"enum": {"const": 1, "type": "integer"}}}),
        ({"properties": 3, "anyOf": {}, "items": [{"enum": [1]}]}, {"properties": 3, "anyOf": {}, "items": [{"enum": [1]}]}),
        ({"anyOf": [True, {"enum": [1]}]}, {"anyOf": [True, {"const": 1, "type": "integer"}]}),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "enum": [1]},) * 2,
        ({"type": "object", "unevaluatedProperties": False},) * 2,
        ({"$ref": "#/properties/a/allOf/0", "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}]}}},) * 2,
    ],
)  # fmt: skip
def test_the_rules_one_by_one(schema, normal):
    before = json.dumps(schema)
    assert text(normal_form(schema)) == text(normal)
    assert json.dumps(schema) == before, "the schema that was given is not changed"


# -- what holds for every schema ----------------------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b", 0.5, 1.0])
instances = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
TYPE_NAMES = ("string", "integer", "number", "boolean", "null", "array", "object")


def keywords(inner):
    """Subschemas of all that pydantic writes, and then some."""
    names = st.sampled_from("abc")
    values = {
        "type": st.sampled_from(TYPE_NAMES) | st.lists(st.sampled_from(TYPE_NAMES), min_size=1, unique=True),
        "const": scalars | st.just([1]),
        "enum": st.lists(scalars | st.just({"a": 1}), min_size=1, max_size=2),
        "title": st.just("T"),
        "description": st.just("D"),
        "default": scalars,
        "properties": st.dictionaries(names, inner, max_size=2),
        "patternProperties": st.dictionaries(names, inner, max_size=1),
        "required": st.lists(names, max_size=1),
        "additionalProperties": inner | st.booleans(),
        "propertyNames": inner | st.fixed_dictionaries({"enum": st.lists(names, min_size=1, max_size=2)}),
        "items": inner,
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "allOf": st.lists(inner, min_size=1, max_size=2) | st.just([{"$ref": "#/$defs/A"}]),
        "$ref": st.sampled_from(["#/$defs/A", "#/$defs/B"]),
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "contains": inner,
        "minimum": st.integers(0, 2),
        "minProperties": st.integers(0, 2),
    }
    one_of_them = st.one_of([value.map(lambda it, key=key: (key, it)) for key, value in values.items()])
    return st.lists(one_of_them, max_size=3).map(dict)  # of more, nearly all would accept nothing


leaves = st.sampled_from(
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": False},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
        {"const": 1, "enum": [True]},
        {"propertyNames": {"enum": ["a", "b"], "type": "integer"}},
        {"enum": ["a"]},
        {"const": 1, "enum": [1]},
        {"enum": [1, 0.5], "type": "number"},
        {"enum": ["a"], "type": "integer"},
        {"allOf": [{"$ref": "#/$defs/A", "enum": ["a"]}]},
        {"allOf": [{"$ref": "#/$defs/A"}], "$ref": "#/$defs/B"},
        {"enum": ["a", "b"], "type": "string"},
        {"enum": [1], "title": "T"},
        {"allOf": [{"$ref": "#/$defs/A"}], "default": 1},
    ]
)
subschemas = st.recursive(leaves, keywords, max_leaves=5)
whole_schemas = st.tuples(subschemas, leaves, leaves).map(
    # A definition refers to no other, so that no reference goes round in a circle.
    lambda three: three[0] | {"$defs": {"A": _plain(three[1]), "B": _plain(three[2])}}
)


def _plain(schema):
    return {key: value for key, value in schema.items() if key not in ("allOf", "$ref")}


@given(whole_schemas, st.lists(instances, min_size=1, max_size=8))
@settings(max_examples=500)
def test_the_normal_form_accepts_what_the_schema_accepts_and_is_its_own(schema, values):
    normal = normal_form(schema)
    assert text(normal_form(normal)) == text(normal)
    before, after = Draft202012Validator(schema), Draft202012Validator(normal)
    for value in values:
        assert before.is_valid(value) == after.is_valid(value), value


# -- what two schemas have in common --------------------------------------------------------------------------------------


def test_descriptions_are_counted_and_left_out():
    schema = NEWEST["Nested"]
    assert descriptions(schema) == {"An inner model.": 1, "an x": 1, "one of them": 1}
    assert descriptions(without_descriptions(schema)) == {}
    assert "description" in without_descriptions({"properties": {"description": {}}})["properties"]


@pytest.mark.parametrize("version", [*VERSIONS, "2.14.4-OO"])
def test_versions_of_pydantic_write_one_outline(version):
    for name, schema in NEWEST.items():
        one, other = (without_descriptions(outline(normal_form(each))) for each in (WRITTEN[version][name], schema))
        assert one == other, name


def test_another_type_has_another_outline():
    seen = {text(outline(schema)) for schema in NEWEST.values()}
    assert len(seen) == len(NEWEST)
    assert outline({"$defs": 3, "pattern": "a"}) == {"$defs": 3}
    assert outline({"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"})["$defs"]
