"""Which rules a prompt leaves unsaid."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from pytest_llm import Prompt
from pytest_llm.correction.disclosure import undisclosed
from pytest_llm.errors import SchemaError


class Line(BaseModel):
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{3}$")]


class Order(BaseModel):
    item: str
    size: Literal["S", "M", "L"]
    due: dt.date | None
    count: Annotated[int, Field(ge=1, le=99)]
    lines: list[Line]


ALL = (
    "/item key",
    "/size key",
    "/size values",
    "/due key",
    "/due format",
    "/count key",
    "/count minimum",
    "/count maximum",
    "/lines key",
    "/lines/*/code key",
    "/lines/*/code pattern",
)


def unsaid(system, schema=Order, **more):
    return undisclosed(Prompt(name="p", model="m", system=system, user="{{ text }}", schema=schema, **more))


def test_all_rules_are_named_by_their_place():
    assert sorted(unsaid("You read orders.")) == sorted(ALL)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("The keys are item, size, due, count, lines and code.", [one for one in ALL if one.endswith("key")]),
        ("size is S, M or L", ["/size key", "/size values"]),
        ("size is S or M", ["/size key"]),
        ("Write due as YYYY-MM-DD", ["/due key", "/due format"]),
        ("due, for example 2025-03-01", ["/due key", "/due format"]),
        ("due in ISO 8601", ["/due key", "/due format"]),
        ("count from 1 to 99", ["/count key", "/count minimum", "/count maximum"]),
        ("count from 10 to 990", ["/count key"]),
        ("code like AB123", ["/lines/*/code key", "/lines/*/code pattern"]),
        ("outline items", []),
    ],
)
def test_what_the_prompt_s_words_state(words, said):
    assert sorted(unsaid(words)) == sorted(set(ALL) - set(said))


def test_examples_state_rules_and_what_a_case_brings_does_not():
    shown = {"item": "x", "size": "S", "due": "2025-01-01", "count": 1, "lines": [{"code": "AB123"}]}
    assert set(unsaid("Orders.", examples=[({"text": "a"}, shown)])) == {"/size values", "/count maximum"}
    assert "/item key" in unsaid("Orders. {{ item }}".replace("{{ item }}", "{{ text }}"))


def test_a_schema_that_is_sent_states_all():
    assert unsaid("Orders.", send_schema=True) == ()
    tool = {"type": "function", "function": {"name": "order", "parameters": {"properties": {"item": {}}}}}
    assert unsaid("x", schema={"properties": {"item": {}}}, tools=[tool]) == ()
    assert unsaid("x", schema={"properties": {"item": {}}}, response_format={"item": 1}) == ()


@pytest.mark.parametrize(
    ("schema", "words", "found"),
    [
        (None, "x", ()),
        (str, "x", ()),
        (re.compile(r"\d{4}"), "four digits", ("the regular expression",)),
        (re.compile(r"\d{4}"), "such as 2025", ()),
        (lambda text: True, "x", None),
        ({"const": "yes"}, "no", ("the whole reply values",)),
        ({"enum": [True, None, {"a": 1}]}, "x", ()),
        ({"type": "string", "format": "email"}, "x", ("the whole reply format",)),
        ({"type": "string", "format": "email"}, "an e-mail address", ()),
        ({"type": "string", "format": "colour"}, "x", ()),
        ({"type": "string", "pattern": "(?<n>a)"}, "x", ("the whole reply pattern",)),
        ({"type": "array", "minItems": 3, "items": {"maxLength": 7}}, "3", ("/* maxLength",)),
        ({"additionalProperties": {"enum": ["a"]}}, "x", ("/* values",)),
        ({"oneOf": [{"const": "up"}, {"const": "down"}]}, "up", ("the whole reply values",)),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"const": 5}}}, "a", ("/a values",)),
        ({"properties": {"a": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": {"const": 5}}}, "a 5", ()),
    ],
)
def test_any_kind_of_schema(schema, words, found):
    assert unsaid(words, schema=schema) == found


def test_a_part_of_the_messages_that_is_no_text_does_not_matter():
    picture = [{"type": "text", "text": "item"}, {"type": "image_url", "image_url": {"url": "x"}}]
    prompt = Prompt(
        name="p", model="m", messages=[{"role": "user", "content": picture}], schema={"properties": {"item": {}}}
    )
    assert undisclosed(prompt) == ()


class Node(BaseModel):
    name: str
    children: list[Node]


def test_a_schema_that_contains_itself_ends():
    assert unsaid("x", schema=Node) == ("/name key", "/children key")


words = st.text("ab", min_size=1, max_size=2)
nodes = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional={"const": words, "format": words, "minimum": st.integers(0, 3)}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(words, inner, max_size=2),
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "additionalProperties": inner,
            "$ref": st.sampled_from(["#", "#/properties/a", "#/nowhere"]),
        },
    ),
    max_leaves=6,
)


@given(nodes.filter(lambda one: isinstance(one, dict)))
def test_whatever_the_schema_something_is_said_and_the_whole_schema_says_all(schema):
    try:
        found = unsaid("nothing", schema=schema)
    except SchemaError:
        return
    assert all(isinstance(one, str) for one in found)
    assert len(set(found)) == len(found)
