"""What is a schema, what can be sent to an endpoint, and what makes two schemas the same."""

import json
import re
import subprocess
import sys
import types
import typing
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypeAliasType

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import fingerprint, json_schema_of, reads_json, validator_for


class Order(BaseModel):
    quantity: int


class Checker:
    def __call__(self, _text):
        return None


UserId = typing.NewType("UserId", int)


@pytest.mark.parametrize(
    ("schema", "kind", "name"),
    [
        (str, "PlainTextValidator", "str"),
        (Order, "TypeValidator", "Order"),
        (int, "TypeValidator", "int"),
        (list[int], "TypeValidator", "list[int]"),
        (int | None, "TypeValidator", "int | None"),
        (Literal["a"], "TypeValidator", "typing.Literal['a']"),
        (Annotated[int, Field(ge=1)], "TypeValidator", "typing.Annotated[int, FieldInfo(annotation=NoneType, "),
        (UserId, "TypeValidator", ""),
        (TypeAliasType("Ids", list[int]), "TypeValidator", "Ids"),
        (Any, "TypeValidator", "Any"),
        ({}, "JsonSchemaValidator", "JSON Schema"),
        (types.MappingProxyType({"title": "T"}), "JsonSchemaValidator", "JSON Schema T"),
        (re.compile("a"), "RegexValidator", "regular expression a"),
        (len, "CallableValidator", "builtins.len"),
        (lambda _text: None, "CallableValidator", ""),
        (Checker(), "CallableValidator", ""),
    ],
)
def test_the_kind_of_schema_decides_about_the_validator(schema, kind, name):
    validator = validator_for(schema)
    assert type(validator).__name__ == kind
    assert validator.name.startswith(name)


ACCEPTED = [
    "  there is    a type: a pydantic model, a dataclass, list[int], ...",
    "  there is    a JSON Schema as a dict",
    '  there is    re.compile("...")',
    "  there is    a function that takes the text",
]


@pytest.mark.parametrize(
    ("thing", "shown", "fix"),
    [
        ("order", "'order'", ["  do          for a regular expression: re.compile(...); for JSON: json.loads(...)"]),
        (re.compile(b"a"), "re.compile(b'a')", ["  do          compile it from text: re.compile('a')"]),
        (3, "3", []),
        (None, "None", []),
        (True, "True", []),
        (["a"], "['a']", []),
        (Order(quantity=1), "Order(quantity=1)", []),
    ],
)
def test_what_is_no_schema_is_refused_with_what_is(thing, shown, fix):
    for ask in (validator_for, json_schema_of, fingerprint):
        with pytest.raises(SchemaError) as wrong:
            ask(thing)
        assert str(wrong.value).splitlines() == [f"{shown} is not a schema", *ACCEPTED, *fix]


def test_what_can_be_sent_as_response_format():
    assert json_schema_of(Order) == {
        "title": "Order",
        "type": "object",
        "properties": {"quantity": {"title": "Quantity", "type": "integer"}},
        "required": ["quantity"],
    }
    assert json_schema_of(list[int]) == {"type": "array", "items": {"type": "integer"}}
    schema = {"type": "object", "required": ("a",)}
    assert json_schema_of(schema) == {"type": "object", "required": ["a"]}
    assert json_schema_of(str) is None
    assert json_schema_of(re.compile("a")) is None
    assert json_schema_of(len) is None


def test_a_type_without_a_json_schema_is_a_schema_error_where_one_is_needed_only():
    with pytest.raises(SchemaError) as wrong:
        json_schema_of(typing.Callable)
    assert str(wrong.value).startswith("the type typing.Callable has no JSON Schema\n  there is    ")
    assert fingerprint(typing.Callable)["json_schema"] is None

    class Foreign:
        pass

    for ask in (json_schema_of, fingerprint):
        with pytest.raises(SchemaError, match="pydantic cannot validate the type"):
            ask(Foreign)


def positive(value):
    return value


def negative(value):
    return value


class Lax(BaseModel):
    a: int


class Strict(BaseModel, strict=True):
    a: int


Strict.__qualname__ = Lax.__qualname__
Strict.__name__ = Lax.__name__


SCHEMAS = [
    str,
    int,
    float,
    list[int],
    Lax,
    Annotated[int, Field(ge=1)],
    Annotated[int, Field(ge=2)],
    Annotated[int, Field(strict=True)],
    int | str,
    Annotated[int, Field(strict=True)] | str,
    Annotated[int, AfterValidator(positive)],
    Annotated[int, AfterValidator(negative)],
    Annotated[int, AfterValidator(lambda value: value)],
    {"type": "integer"},
    {"type": "number"},
    re.compile("a"),
    re.compile("a", re.IGNORECASE),
    re.compile("b"),
    len,
    positive,
    negative,
]


def test_schemas_that_demand_different_things_have_different_fingerprints():
    seen = [json.dumps(fingerprint(schema), sort_keys=True) for schema in SCHEMAS]
    assert len(set(seen)) == len(seen)


def test_a_fingerprint_is_json_and_has_no_addresses():
    for schema in SCHEMAS:
        assert " at 0x" not in json.dumps(fingerprint(schema))


def test_strictness_shows_though_the_json_schema_is_the_same():
    assert json_schema_of(Lax) == {**json_schema_of(Strict), "title": "Lax"}
    assert fingerprint(Lax)["beyond_json_schema"] == []
    assert fingerprint(Strict)["beyond_json_schema"] == ["strict"]


class First:
    class Order(BaseModel):
        quantity: int


def test_of_two_models_with_the_same_fields_the_name_tells_them_apart():
    assert fingerprint(First.Order) != fingerprint(Order)
    assert fingerprint(Order)["type"] == f"{__name__}.Order"


def test_the_order_of_a_json_schema_s_keywords_is_kept_and_does_not_matter():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_one_validator_judges_many_texts():
    validator = validator_for(list[int])
    assert [validator(text).valid for text in ("[1]", "[", '["a"]', "[2, 3]")] == [True, False, False, True]


@pytest.mark.parametrize("schema", [Order, list[int], {"type": "object"}, re.compile("x"), str])
def test_a_schema_is_compiled_once_however_often_it_is_asked_for(schema):
    assert validator_for(schema) is validator_for(schema)
    assert validator_for(schema) is not validator_for(schema, leniency="strict")


def test_what_cannot_be_a_key_is_compiled_each_time():
    schema = Annotated[int, ["a note of the project's own"]]
    assert validator_for(schema)("3").value == validator_for(schema)("3").value == 3


def test_a_json_schema_that_is_changed_after_it_was_compiled_is_another_one():
    schema = {"required": ["a"]}
    assert validator_for(schema)("{}").valid is False
    schema["required"] = []
    assert validator_for(schema)("{}").valid is True


@pytest.mark.parametrize(
    ("schema", "reads"), [(Order, True), ({}, True), (str, False), (re.compile("x"), False), (lambda text: True, False)]
)
def test_whether_an_output_has_to_be_json(schema, reads):
    assert reads_json(schema) is reads


def test_importing_the_room_loads_no_validator_library():
    """A project that uses no schema must not pay for pydantic. In a process of its own, as it is loaded here."""
    code = "import sys, pytest_llm.schemas; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "pytest_llm" in loaded
    assert not loaded & {"pydantic", "pydantic_core", "jsonschema", "referencing", "json_repair", "pytest", "openai"}
