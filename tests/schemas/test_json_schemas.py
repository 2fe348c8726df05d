"""JSON Schemas as schemas: every keyword in our words, and schemas that are wrong themselves."""

import json
import socket
import types

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import Issue, json_schema_engine, json_schema_validator, json_schema_walk, validator_for
from pytest_llm.schemas.json_schema_findings import json_schema_issues

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def lines(schema, value):
    """The lines of what a validator finds in a value, or in a text."""
    text = value if isinstance(value, str) else json.dumps(value)
    return [issue.line for issue in validator_for(schema)(text).issues]


def test_what_conforms_is_the_value_and_the_data():
    report = validator_for({"type": "object"})('```\n{"a": 1.0}\n```')
    assert (report.valid, report.value, report.data, report.issues) == (True, {"a": 1.0}, {"a": 1.0}, ())
    assert report.leniency == "fence"


def test_what_is_not_json_is_said_as_for_types():
    assert lines({}, "No.") == ['(whole reply): expected a JSON document; got "No.".']


def test_an_issue_carries_the_machine_readable_side_too():
    (issue,) = validator_for({"properties": {"a": {"enum": ["x", 2]}}})('{"a": "y"}').issues
    assert issue == Issue(
        path="/a",
        code="enum",
        expected="one of 'x' or 2",
        got='string "y"',
        allowed=('"x"', "2"),
        message='"y" is not one of "x" or 2',
        source="jsonschema",
        source_code="enum",
    )


CONFORMING = "of its items conforming to"
CARD = {"properties": {"kind": {"const": "card"}, "number": {"type": "string"}}, "required": ["kind", "number"]}
BANK = {"properties": {"kind": {"const": "bank"}, "iban": {"type": "string"}}, "required": ["kind", "iban"]}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer"}, "true", ["(whole reply): expected an integer; got true."]),
        ({"type": ["string", "null"]}, "3", ["(whole reply): expected a string or null; got integer 3."]),
        ({"const": "a"}, '"b"', ["(whole reply): expected 'a'; got string \"b\"."]),
        (
            {"enum": list(range(40))},
            "-1",
            [f"(whole reply): expected one of {', '.join(str(n) for n in range(30))} or 10 others; got integer -1."],
        ),
        (
            {"required": ["a", "b", "c"]},
            {"b": 1},
            [
                "/a: expected a value (the field is required).",
                "/c: expected a value (the field is required).",
            ],
        ),
        (
            {"additionalProperties": False, "properties": {"a": {}}, "patternProperties": {"^x": {}}},
            {"b": 4.25, "a": 1, "xy": 2, "c": None},
            ["/b: expected no such field; got number 4.25.", "/c: expected no such field; got null."],
        ),
        ({"additionalProperties": {"type": "string"}}, {"b": 4}, ["/b: expected a string; got integer 4."]),
        ({"properties": {"a": False}}, {"a": 1}, ["/a: expected no such field; got integer 1."]),
        (
            {"properties": {"a": {}}, "unevaluatedProperties": False},
            {"b": 1, "a": 1},
            ["/b: expected no such field; got integer 1."],
        ),
        ({"dependentRequired": {"a": ["b"], "x": ["y"]}}, {"a": 1}, ["/b: expected a value (the field is required)."]),
        (
            {"$schema": DRAFT_7, "dependencies": {"a": ["b"], "c": {"required": ["d"]}}},
            {"a": 1, "c": 1},
            [
                "/b: expected a value (the field is required).",
                "/d: expected a value (the field is required).",
            ],
        ),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, ["/b: expected a value (the field is required)."]),
        (
            {"propertyNames": {"maxLength": 2}},
            {"abc": 1},
            ['/abc: expected another name for this field: at most 2 characters; got string "abc".'],
        ),
        (
            {"propertyNames": {"anyOf": [{"const": "a"}, {"const": "b"}]}},
            {"c": 1},
            ["/c: expected another name for this field: one of 'a' or 'b'; got string \"c\"."],
        ),
        (
            {"properties": {"propertyNames": {"type": "string"}}},
            {"propertyNames": 3},
            ["/propertyNames: expected a string; got integer 3."],
        ),
        ({"minimum": 1}, "0", ["(whole reply): expected a value of at least 1; got integer 0."]),
        ({"maximum": 1.0}, "2", ["(whole reply): expected a value of at most 1; got integer 2."]),
        ({"exclusiveMinimum": 0}, "0", ["(whole reply): expected a value of more than 0; got integer 0."]),
        ({"exclusiveMaximum": 0}, "0", ["(whole reply): expected a value of less than 0; got integer 0."]),
        (
            {"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": True},
            "1",
            ["(whole reply): expected a value of more than 1; got integer 1."],
        ),
        (
            {"$schema": DRAFT_4, "maximum": 1, "exclusiveMaximum": True},
            "1",
            ["(whole reply): expected a value of less than 1; got integer 1."],
        ),
        ({"multipleOf": 0.01}, "1.134", ["(whole reply): expected a multiple of 0.01; got number 1.134."]),
        ({"minLength": 1}, '""', ['(whole reply): expected at least 1 character; got string "".']),
        ({"maxLength": 2}, '"abc"', ['(whole reply): expected at most 2 characters; got string "abc".']),
        (
            {"pattern": r"^\d{4}-\d{2}-\d{2}$"},
            '"3 May"',
            [r'(whole reply): expected text matching the regular expression ^\d{4}-\d{2}-\d{2}$; got string "3 May".'],
        ),
        ({"format": "date"}, '"3 May 2025"', ['(whole reply): expected a date (YYYY-MM-DD); got string "3 May 2025".']),
        ({"format": "uri"}, '"x y"', ['(whole reply): expected a URL; got string "x y".']),
        ({"minItems": 1}, [], ["(whole reply): expected at least 1 item; got array []."]),
        ({"maxItems": 1}, [1, 2], ["(whole reply): expected at most 1 item; got array [1, 2]."]),
        ({"minProperties": 1}, {}, ["(whole reply): expected at least 1 field; got object {}."]),
        ({"maxProperties": 0}, {"a": 1}, ['(whole reply): expected at most 0 fields; got object {"a": 1}.']),
        ({"prefixItems": [{}], "items": False}, [1, 2], ["(whole reply): expected at most 1 item; got array [1, 2]."]),
        (
            {"$schema": DRAFT_7, "items": [{}, {}], "additionalItems": False},
            [1, 2, 3],
            ["(whole reply): expected at most 2 items; got array [1, 2, 3]."],
        ),
        (
            {"prefixItems": [{}], "unevaluatedItems": False},
            [1, 2],
            ["(whole reply): expected no further items; got array [1, 2]."],
        ),
        ({"uniqueItems": True}, [1, 1], ["(whole reply): expected items that are all different; got array [1, 1]."]),
        (
            {"contains": {"const": 1}},
            "[]",
            ['(whole reply): expected an array with at least 1 of its items conforming to {"const": 1}; got array [].'],
        ),
        (
            {"contains": True, "minContains": 2, "maxContains": 3},
            [1],
            [f"(whole reply): expected an array with at least 2 and at most 3 {CONFORMING} true; got array [1]."],
        ),
        (
            {"not": {"type": "string"}},
            '"x"',
            ['(whole reply): expected a value that does not conform to {"type": "string"}; got string "x".'],
        ),
        (
            {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
            {"a": 1},
            ["/b: expected a value (the field is required)."],
        ),
        ({"allOf": [{"required": ["a"]}, {"required": ["a"]}]}, {}, ["/a: expected a value (the field is required)."]),
        (
            {"oneOf": [{"minimum": 1}, {"maximum": 3}, {"type": "string"}]},
            "2",
            ["(whole reply): expected a value that conforms to one alternative of 3, not to several; got integer 2."],
        ),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}},
            "1",
            ["(whole reply): expected null; got integer 1."],
        ),
        ({"oneOf": [CARD, BANK]}, {"kind": "card"}, ["/number: expected a value (the field is required)."]),
        ({"oneOf": [CARD, BANK]}, {"kind": "cash"}, ["/kind: expected one of 'card' or 'bank'; got string \"cash\"."]),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "3",
            ["(whole reply): expected a string or null; got integer 3."],
        ),
        ({"anyOf": [{"type": "null"}, {"type": "null"}]}, "3", ["(whole reply): expected null; got integer 3."]),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            [],
            ["(whole reply): expected a string or an integer; got array []."],
        ),
        (
            {"anyOf": [{"anyOf": [{"const": 1}, {"const": 2}]}, {"const": 3}]},
            "4",
            ["(whole reply): expected one of 1, 2 or 3; got integer 4."],
        ),
        (
            {"anyOf": [{"const": 1}, {"format": "date"}]},
            '"x"',
            ['(whole reply): expected a date (YYYY-MM-DD); got string "x".'],
        ),
        ({"prefixItems": [{}, False]}, [1, 2], ["/1: expected no such item; got integer 2."]),
        ({"$schema": DRAFT_7, "items": [False]}, [1], ["/0: expected no such item; got integer 1."]),
        ({"items": {"type": "string"}}, [1], ["/0: expected a string; got integer 1."]),
        ({"$schema": DRAFT_7, "items": False}, [None], ["/0: expected no such item; got null."]),
        ({"properties": {"a": {"not": {}}}}, {"a": 1}, ["/a: expected no such field; got integer 1."]),
        *(
            (schema, value, [f"(whole reply): expected no value at all (the schema allows none here); got {got}."])
            for schema, value, got in [
                ({"allOf": [True, False]}, [1], "array [1]"),
                ({"if": True, "then": False}, 1, "integer 1"),
                ({"dependentSchemas": {"a": False}}, {"a": 1}, 'object {"a": 1}'),
                ({"not": {}}, '""', 'string ""'),
                ({"enum": []}, "1", "integer 1"),
            ]
        ),
        ({"anyOf": [False, {"type": "string"}]}, "1", ["(whole reply): expected a string; got integer 1."]),
        ({"oneOf": [{"minimum": 3}, False]}, "1", ["(whole reply): expected a value of at least 3; got integer 1."]),
        (
            {"format": "time"},
            '"08:30:06"',
            ['(whole reply): expected a time with an offset (hh:mm:ss, then Z or an offset); got string "08:30:06".'],
        ),
        ({"enum": ["a", "b"], "type": "string"}, "3", ["(whole reply): expected one of 'a' or 'b'; got integer 3."]),
        (
            {"anyOf": [{"type": "string", "const": "a"}, {"type": "string", "const": "b"}]},
            "3",
            ["(whole reply): expected one of 'a' or 'b'; got integer 3."],
        ),
    ],
)
def test_every_keyword_is_said_in_our_words(schema, value, expected):
    assert lines(schema, value) == expected


def test_findings_come_in_the_order_of_the_document():
    schema = {
        "required": ["z"],
        "additionalProperties": False,
        "properties": {"a": {"items": {"type": "string"}}, "b": {"type": "string"}, "z": {}},
    }
    assert [line.partition(":")[0] for line in lines(schema, {"x/y": 1, "b": 1, "a": ["", 1, 2]})] == [
        "/x~1y",
        "/b",
        "/a/1",
        "/a/2",
        "/z",
    ]


@pytest.mark.parametrize(("number", "factor"), [("1.13", 0.01), ("5.14", 0.01), ("1" + "0" * 400, 0.1), ("true", 5)])
def test_multiples_are_exact(number, factor):
    """jsonschema divides floats: 1.13 / 0.01 is 112.99999999999999, and of 10**400 it makes an OverflowError."""
    assert lines({"multipleOf": factor}, number) == []
    nested = {"$schema": DRAFT_2019, "properties": {"a": {"$ref": "#"}}, "multipleOf": factor}
    assert lines(nested, f'{{"a": {number}}}') == []


def test_a_number_that_python_cannot_compute_with_as_a_float_is_decided_all_the_same():
    schema = {"properties": {"a": {"$schema": DRAFT_2020, "multipleOf": 0.1}}}
    assert lines(schema, f'{{"a": 1{"0" * 400}}}') == []


def test_a_keyword_that_jsonschema_learns_after_us_is_shown_as_it_is():
    failure = types.SimpleNamespace(
        validator="maxDepth",
        validator_value=3,
        context=[],
        instance=[1],
        message="too deep",
        absolute_path=[],
        absolute_schema_path=["maxDepth"],
    )
    (issue,) = json_schema_issues([failure], [1])
    assert issue.code == "other"
    assert issue.line == '(whole reply): expected a value that conforms to {"maxDepth": 3}; got array [1].'


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("date-time", "2025-01-01"),
        ("hostname", "-"),
        ("duration", "3 days"),
        ("relative-json-pointer", "²1"),
        ("time", "08:30:06"),
        ("email", "@"),
        ("email", "a b@c"),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa73b441d16380"),
        ("uri-template", "a/{b"),
        ("regex", "^(?<y>"),
    ],
)
def test_formats_are_checked(format_, text):
    (issue,) = validator_for({"format": format_})(json.dumps(text)).issues
    assert issue.code == "format"


def test_formats_that_nothing_checks_are_listed_and_pass():
    schema = {
        "properties": {"a": {"format": "phone"}, "format": {"type": "string"}},
        "$defs": {"b": {"format": "date"}},
    }
    validator = validator_for(schema)
    assert validator.unchecked_formats == ("phone",)
    assert validator('{"a": "x"}').valid


VERDICTS = [
    # What jsonschema alone gets wrong, as the specification has it. Each is (schema, reply, conforms).
    ({"type": "array", "items": {"const": False}}, "[false]", True),
    ({"type": "array", "items": {"const": False}}, '[{"not": {}}]', False),
    ({"type": "array", "items": {"type": "array", "uniqueItems": False}}, "[[1, 1]]", True),
    ({"not": {"items": {"uniqueItems": False}}}, "[[1, 1]]", False),
    ({"$schema": DRAFT_4, "items": {"maximum": 5, "exclusiveMaximum": False}}, "[5]", True),
    ({"anyOf": [False, {"type": "string"}]}, "1", False),
    ({"enum": []}, "1", False),
    ({"pattern": "^abc$"}, r'"abc\n"', False),
    ({"pattern": r"^\d{4}$"}, '"٢٠٢٤"', False),
    ({"pattern": r"^\p{L}+$"}, '"é"', True),
    ({"pattern": r"^(?<y>\d)$"}, '"1"', True),
    ({"patternProperties": {r"^\p{Lu}": {"type": "integer"}}}, '{"É": "x"}', False),
    ({"patternProperties": {r"^\p{Lu}": {}}, "additionalProperties": False}, '{"É": "x"}', True),
    ({"multipleOf": 0.01}, "1.13", True),
    ({"multipleOf": 0.01}, "1.135", False),
    ({"multipleOf": 2}, '"2"', True),
    ({"additionalProperties": {"type": "string"}}, '{"a": 1}', False),
    ({"uniqueItems": True}, "[1, 1.0]", False),
    ({"format": "ipv4"}, '"1.2.3"', False),
    ({"const": "é"}, r'"\ud800"', False),
    ({"type": "string", "maxLength": 1}, r'"\ud800"', True),
    ({"enum": ["\ud800", 1]}, "1", True),
]


@pytest.mark.parametrize(("schema", "reply", "conforms"), VERDICTS)
def test_a_verdict_is_that_of_the_specification_and_a_refusal_has_its_reason(schema, reply, conforms):
    report = validator_for(schema)(reply)
    assert report.valid == conforms
    assert bool(report.issues) != conforms
    assert all("no detail" not in issue.line for issue in report.issues)


@pytest.mark.parametrize(("schema", "reply", "conforms"), VERDICTS)
def test_the_walk_comes_to_the_same_verdict(schema, reply, conforms):
    walker = json_schema_walk.walker_of({"$defs": {}, **schema}, schema.get("$schema", DRAFT_2020))
    assert bool(json_schema_walk.failures(walker, json.loads(reply))) != conforms


ENDLESS = [
    ({"pattern": r"^(\w+\s?)+$"}, json.dumps("aaaaaaaaaa " * 3 + "!")),
    ({"patternProperties": {"^(a+)+$": False}}, json.dumps({"a" * 40 + "!": 1})),
    ({"additionalProperties": False, "patternProperties": {"^(a+)+$": {}}}, json.dumps({"a" * 40 + "!": 1})),
    ({"propertyNames": {"pattern": "^(a+)+$"}}, json.dumps({"a" * 40 + "!": 1})),
    ({"pattern": r"(x+x+)+y\1"}, json.dumps("x" * 35)),
]


@pytest.mark.parametrize(("schema", "reply"), ENDLESS)
def test_a_pattern_that_backtracks_without_end_is_stopped(schema, reply):
    """With Python's own `re` this test would not end."""
    assert validator_for(schema)(reply).valid == (
        "patternProperties" in schema and "additionalProperties" not in schema
    )


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"minContains": 1}, '"minContains" counts only beside contains'),
        ({"if": {"type": "string"}}, '"if" counts only beside then or else'),
        ({"then": {"type": "string"}}, '"then" counts only beside if'),
        ({"contentMediaType": "application/json"}, '"contentMediaType" says what a text is, and is not checked'),
        ({"title": "x", "typ": "string"}, '"typ" is no keyword of JSON Schema'),
    ],
)
def test_a_schema_that_demands_nothing_says_why(schema, reason):
    with pytest.raises(SchemaError, match=r"^JSON Schema (x )?demands nothing\n") as wrong:
        validator_for(schema)
    assert reason in str(wrong.value)


def test_two_libraries_that_disagree_about_an_intricate_schema_are_no_verdict(monkeypatch):
    schema = {"properties": {"a": {}}, "unevaluatedProperties": False}
    monkeypatch.setattr(json_schema_validator, "accepts", lambda engine, data: True)
    validator = json_schema_validator.json_schema_validator(schema, "fence")
    assert validator('{"a": 1}').valid
    with pytest.raises(SchemaError, match="two validators disagree about a reply under JSON Schema") as wrong:
        validator('{"b": 1}')
    assert "/b: expected no such field" in str(wrong.value)
    plain = json_schema_validator.json_schema_validator({"type": "string"}, "fence")
    assert plain("1").valid  # not walked: nothing in it is intricate


def test_a_walk_that_takes_too_long_ends_with_what_it_has_found(monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(json_schema_walk.time, "thread_time", lambda: next(ticks) / 10)
    items = validator_for({"items": {"not": {"type": "integer"}}})(json.dumps(list(range(100))))
    assert 0 < len(items.issues) < 100
    nothing = validator_for({"allOf": [{"allOf": [{"not": {"anyOf": [{"type": "integer"}] * 30}}]}]})("1")
    assert not nothing.valid


def test_ten_thousand_failures_are_a_thousand_findings():
    report = validator_for({"items": {"type": "string"}})(json.dumps(list(range(10_000))))
    assert len(report.issues) == 1000
    assert report.issues[-1].path == "/999"


def test_a_schema_of_a_megabyte_and_a_reply_of_five():
    fields = {
        f"field {number}": {"type": "string", "maxLength": 9, "description": "x" * 20} for number in range(12_000)
    }
    validator = validator_for({"properties": fields})
    assert len(json.dumps({"properties": fields})) > 1_000_000
    reply = json.dumps({f"field {number}": "y" * 400 for number in range(12_000)})
    assert len(reply) > 5_000_000 - 200_000
    assert len(validator(reply).issues) == 1000
    assert validator(json.dumps(dict.fromkeys(fields, ""))).valid


def test_the_title_is_the_name():
    assert validator_for({"title": "Order"}).name == "JSON Schema Order"
    assert validator_for({}).name == "JSON Schema"


@pytest.mark.parametrize(
    "draft", [DRAFT_4, DRAFT_4[:-1], DRAFT_7, "http://json-schema.org/draft-06/schema#", DRAFT_2019]
)
def test_the_draft_is_the_one_that_the_schema_names(draft):
    """`const` came with draft 6, `dependentRequired` with 2019-09."""
    assert bool(lines({"$schema": draft, "const": 1}, "2")) == ("draft-04" not in draft)
    assert bool(lines({"$schema": draft, "dependentRequired": {"a": ["b"]}}, {"a": 1})) == ("2019" in draft)


def test_without_a_named_draft_it_is_2020_12():
    assert lines({"prefixItems": [{"type": "string"}]}, [1]) == ["/0: expected a string; got integer 1."]


@pytest.mark.parametrize("named", ["http://json-schema.org/draft-03/schema#", "https://example.com/mine", 7, ["x"]])
def test_an_unknown_draft_is_a_schema_error(named):
    with pytest.raises(SchemaError) as wrong:
        validator_for({"$schema": named})
    assert str(wrong.value).splitlines()[:2] == [
        f'"$schema": {json.dumps(named)} is not a draft that can be used',
        f"  there is    {DRAFT_2020}",
    ]


@pytest.mark.parametrize(
    ("schema", "where", "line"),
    [
        ({"properties": {"a": {"type": "strin"}}}, "/properties/a/type", "expected one of 'array', 'boolean', "),
        ({"pattern": "("}, "/pattern", 'expected a regular expression; got string "(".'),
        ({"required": "a"}, "/required", 'expected an array; got string "a".'),
        (
            {"$defs": {"a/b": {"minLength": -1}}},
            "/$defs/a~1b/minLength",
            "expected a value of at least 0; got integer -1.",
        ),
    ],
)
def test_a_schema_that_does_not_conform_to_its_draft_says_where(schema, where, line):
    with pytest.raises(SchemaError) as wrong:
        validator_for(schema | {"title": "Order"})
    first, second, third = str(wrong.value).splitlines()
    assert (first, second) == ("JSON Schema Order is wrong", f"  where       {where}")
    assert third.startswith(f"  there is    {where}: {line}")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/order.json"},
        {"$ref": "#/$defs/nowhere"},
        {"properties": {"a": {"items": {"$ref": "#nowhere"}}}},
        {"$id": "https://example.com/a", "$ref": "b"},
        {"$dynamicRef": "#nowhere"},
        {"$schema": DRAFT_7, "definitions": {"a": {"$ref": "#/definitions/b"}}},
    ],
)
def test_a_reference_that_leads_nowhere_is_found_before_the_first_reply_and_nothing_is_fetched(schema, monkeypatch):
    def no_network(*_arguments, **_options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(SchemaError) as wrong:
        validator_for(schema)
    assert str(wrong.value).startswith("a reference in JSON Schema leads nowhere: ")
    assert '{"$ref": "#/$defs/name"}' in str(wrong.value)


def test_a_reference_behind_a_keyword_that_holds_no_schemas_is_found_before_the_first_reply_too():
    with pytest.raises(SchemaError, match="leads nowhere: Pointer '/nowhere' does not exist"):
        validator_for({"properties": {"a": {"$ref": "#/x"}}, "x": {"$ref": "#/nowhere"}})


def test_references_within_the_schema_and_to_the_drafts_are_followed():
    schema = {
        "$id": "https://example.com/root",
        "properties": {"a": {"$ref": "other"}, "b": {"$ref": "#mark"}, "c": {"$ref": DRAFT_2020}},
        "$defs": {"x": {"$id": "other", "type": "string"}, "y": {"$anchor": "mark", "type": "null"}},
    }
    assert lines(schema, {"a": 1, "b": 1, "c": {"type": 1}})[:2] == [
        "/a: expected a string; got integer 1.",
        "/b: expected null; got integer 1.",
    ]
    assert len(lines(schema, {"a": 1, "b": 1, "c": {"type": 1}})) == 3


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"anyOf": [{"type": "string"}, {"$ref": "#"}]}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}},
        {"properties": {"a": {"if": {"$ref": "#/properties/a"}, "then": True}}},
        {"dependentSchemas": {"a": {"$ref": "#"}}},
        {"$schema": DRAFT_2019, "oneOf": [{"$recursiveRef": "#"}]},
    ],
)
def test_a_schema_that_refers_to_itself_without_end_is_a_schema_error(schema):
    with pytest.raises(SchemaError, match=r"^JSON Schema refers to itself without end\n  do          let a \$ref"):
        validator_for(schema)


def test_a_schema_that_refers_to_itself_further_down_is_none():
    tree = {
        "properties": {"left": {"$ref": "#"}, "right": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["n"],
    }
    assert lines(tree, {"n": 1, "left": {"n": 2, "right": {"n": 3}}}) == []
    assert lines(tree, {"n": 1, "left": {"right": {"n": 3}}}) == ["/left/n: expected a value (the field is required)."]


def test_a_document_that_is_too_deep_for_the_walk_is_decided_all_the_same():
    def deep(value):
        return "[" * 199 + value + "]" * 199

    schema = {"items": {"allOf": [{"allOf": [{"allOf": [{"$ref": "#"}]}]}]}, "type": ["array", "integer"]}
    assert lines(schema, deep("1")) == []
    assert lines(schema, deep('"a"')) == [
        "(whole reply): expected a document that conforms (the schema refuses it; no detail available)."
    ]


def test_mappings_and_tuples_are_taken_and_what_is_no_json_is_not():
    assert lines(types.MappingProxyType({"required": ("a",)}), {}) == ["/a: expected a value (the field is required)."]
    loop = {}
    loop["not"] = loop
    for schema in ({"type": {"string"}}, {"minimum": float("nan")}, loop, {"properties": {("a", "b"): {}}}):
        with pytest.raises(SchemaError, match="the JSON Schema cannot be written as JSON"):
            validator_for(schema)


def test_the_schema_is_copied():
    schema = {"type": "string"}
    validator = validator_for(schema)
    schema["type"] = "integer"
    assert validator('"x"').valid


def test_a_schema_of_nothing_but_unknown_keys_demands_nothing_and_is_refused():
    with pytest.raises(SchemaError, match="demands nothing"):
        validator_for({"title": "Order", "customer": "string"})


KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["string", "integer", "number", "boolean", "null", "array", "object", ["string", "null"]]
        ),
        "enum": st.lists(st.sampled_from([1, "a", None, True, 2.5]), min_size=1, max_size=3),
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.sampled_from([0, 1.5, 2.0]),
        "multipleOf": st.sampled_from([2, 0.5]),
        "minLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$"]),
        "format": st.sampled_from(["date", "time", "phone"]),
        "maxItems": st.integers(0, 1),
        "uniqueItems": st.booleans(),
        "minProperties": st.integers(0, 2),
    },
)
SCHEMAS = st.recursive(
    KEYWORDS | st.just(False),
    lambda inner: st.tuples(
        KEYWORDS,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
                "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
                "additionalProperties": inner,
                "patternProperties": st.dictionaries(st.sampled_from(["^b", "c"]), inner, max_size=1),
                "items": inner,
                "prefixItems": st.lists(inner, min_size=1, max_size=2),
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "propertyNames": st.just({"maxLength": 1}),
            },
        ),
    ).map(lambda parts: parts[0] | parts[1]),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, 2.5, "", "a", "ab", "2025-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "bc"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@example({"maxItems": 0, "minLength": 0, "multipleOf": 2, "type": "string"}, 1)
@given(SCHEMAS.filter(lambda schema: schema is not False), VALUES)
def test_a_look_at_keywords_finds_the_same_as_a_walk(schema, value):
    engine, walker = json_schema_engine.engine_of(schema), json_schema_walk.walker_of(schema, DRAFT_2020)
    by_walk = json_schema_issues(json_schema_walk.failures(walker, value), value)
    assert json_schema_engine.accepts(engine, value) == (not by_walk)
    plain = json_schema_engine.plain_failures(engine, schema, value, 1000)
    if plain is not None:
        assert [issue.line for issue in json_schema_issues(plain, value)] == [issue.line for issue in by_walk]


def test_a_look_at_keywords_leaves_what_takes_more_to_a_walk():
    for schema, value in [
        ({"anyOf": [{"type": "string"}]}, 1),
        ({"properties": {"a": False}}, {"a": 1}),
        ({"not": {}}, 1),
    ]:
        assert json_schema_engine.plain_failures(json_schema_engine.engine_of(schema), schema, value, 10) is None
    draft_4 = {"minimum": 1, "exclusiveMinimum": True}
    engine = json_schema_engine.engine_of({"$schema": DRAFT_4, **draft_4}, DRAFT_4)
    assert json_schema_engine.plain_failures(engine, draft_4, 1, 10) is None
    assert (
        json_schema_engine.plain_failures(json_schema_engine.engine_of({"type": "null"}), {"type": "null"}, "\ud800", 1)
        is None
    )
