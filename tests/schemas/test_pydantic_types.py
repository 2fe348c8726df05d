"""Types as schemas: the order of the example model, and every kind of pydantic error."""

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import json
import typing
import uuid
from typing import Annotated, Literal

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    Json,
    Tag,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import Issue, validator_for


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    customer: str
    item: str
    quantity: int
    unit_price: float
    currency: Literal["USD", "EUR", "GBP", "JPY"]
    due: str | None = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    priority: Literal["low", "normal", "high"]

    @field_validator("due")
    @classmethod
    def real_date(cls, value: str | None) -> str | None:
        if value is not None:
            dt.date.fromisoformat(value)
        return value


GOOD = {
    "customer": "Milan Alves",
    "item": "round lamps",
    "quantity": 26,
    "unit_price": 5.14,
    "currency": "USD",
    "due": "2025-03-23",
    "priority": "high",
}


def lines(schema, value, **options):
    """The lines of what a validator finds in a value, or in a text."""
    text = value if isinstance(value, str) else json.dumps(value)
    return [issue.line for issue in validator_for(schema, **options)(text).issues]


def test_a_good_order_becomes_the_model_and_its_data_is_kept():
    report = validator_for(Order)(json.dumps(GOOD))
    assert report.valid
    assert report.value == Order(**GOOD)
    assert (report.data, report.issues, report.leniency) == (GOOD, (), "strict")


def test_the_findings_are_the_lines_that_the_example_model_was_trained_on():
    wrong = GOOD | {"quantity": "three", "due": "3 May 2025", "priority": "urgent", "price": 4.25}
    del wrong["unit_price"]
    assert lines(Order, wrong) == [
        '/quantity: expected an integer; got string "three".',
        r'/due: expected text matching the regular expression ^\d{4}-\d{2}-\d{2}$; got string "3 May 2025".',
        "/priority: expected one of 'low', 'normal' or 'high'; got string \"urgent\".",
        "/price: expected no such field; got number 4.25.",
        "/unit_price: expected a value (the field is required).",
    ]


def test_an_issue_carries_the_machine_readable_side_too():
    (issue,) = validator_for(Order)(json.dumps(GOOD | {"priority": "urgent"})).issues
    assert issue == Issue(
        path="/priority",
        code="enum",
        expected="one of 'low', 'normal' or 'high'",
        got='string "urgent"',
        allowed=('"low"', '"normal"', '"high"'),
        message="Input should be 'low', 'normal' or 'high'",
        source="pydantic",
        source_code="literal_error",
    )


BELL = "\\u0007"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'Here is the record: {"a": 1}',
            (
                "expected a JSON document (there is other text before the document at line 1 column 1); "
                'got "Here is the record: {\\"a\\": 1}".'
            ),
        ),
        ("x" * 80, 'expected a JSON document; got "' + "x" * 80 + '".'),
        ("x" * 81, 'expected a JSON document; got "' + "x" * 77 + '...".'),
        ("\x07" * 81, f'expected a JSON document; got "{BELL * 77}...".'),
        ("", 'expected a JSON document; got "".'),
        ('{"a": 1, "a": 1}', 'expected a JSON document (the key "a" is repeated); got "{\\"a\\": 1, \\"a\\": 1}".'),
        ("NaN", 'expected a JSON document (NaN is not a JSON value); got "NaN".'),
    ],
)
def test_a_reply_that_is_not_json_is_one_finding_about_the_whole_reply(text, line):
    report = validator_for(Order)(text)
    assert [issue.line for issue in report.issues] == [f"(whole reply): {line}"]
    assert (report.data, report.value, report.leniency) == (None, None, None)
    assert (report.issues[0].code, report.issues[0].source) == ("syntax", "json")


def test_the_leniency_that_was_needed_is_recorded_also_when_the_data_is_wrong():
    fenced = "```json\n[1]\n```"
    assert validator_for(list[int])(fenced).leniency == "fence"
    assert validator_for(list[str])(fenced).leniency == "fence"
    assert not validator_for(list[int], leniency="strict")(fenced).valid
    assert validator_for(list[int], leniency="extract")("It is [1].").value == [1]


def test_a_custom_check_speaks_in_its_own_words_on_one_line():
    assert lines(Order, GOOD | {"due": "2025-02-30"}) == [
        '/due: expected a value that passes the check Order.real_date; got string "2025-02-30".'
    ]

    def picky(_value):
        raise ValueError("first\n  second\x1b[2J")

    assert lines(Annotated[int, AfterValidator(picky)], 1) == [
        "(whole reply): expected a value for which this holds: first second\\x1b[2J; got integer 1."
    ]


def test_an_assertion_without_a_message_still_says_something():
    def picky(value):
        if value:
            raise AssertionError
        return value

    (issue,) = validator_for(Annotated[int, AfterValidator(picky)])("1").issues
    assert issue.line == "(whole reply): expected a value that passes the schema's own check; got integer 1."
    assert (issue.code, issue.source_code) == ("custom", "assertion_error")


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: dt.date
    numbers: set[int]


def test_json_is_validated_as_json_so_that_strict_models_take_dates_and_sets():
    report = validator_for(Strict)('{"day": "2025-05-03", "numbers": [1]}')
    assert report.value == Strict(day=dt.date(2025, 5, 3), numbers={1})
    assert lines(Strict, {"day": "2025-05-03", "numbers": ["1"]}) == [
        '/numbers/0: expected an integer; got string "1".'
    ]


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Named(TypedDict):
    name: str


class Pair(typing.NamedTuple):
    left: int
    right: str


class Color(enum.Enum):
    RED = "r"
    TWO = 2


class Level(enum.StrEnum):
    LOW = "low"


HOLDS = "(whole reply): expected a value for which this holds"


def failing(error):
    def check(value):
        raise error

    return AfterValidator(check)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (Point, {}, ["/x: expected a value (the field is required)."]),
        (Point, 3, ["(whole reply): expected an object; got integer 3."]),
        (Named, [], ["(whole reply): expected an object; got array []."]),
        (Named, {"name": None}, ["/name: expected a string; got null."]),
        (Pair, [1], ["/1: expected a value (the field is required)."]),
        (
            Pair,
            {"left": 1, "middle": 2},
            ["/middle: expected no such field; got integer 2.", "/right: expected a value (the field is required)."],
        ),
        (Order, [], ["(whole reply): expected an object; got array []."]),
        (int, "1.5", ["(whole reply): expected an integer; got number 1.5."]),
        (float, '"q"', ['(whole reply): expected a number; got string "q".']),
        (decimal.Decimal, '"q"', ['(whole reply): expected a number; got string "q".']),
        (bool, '"q"', ['(whole reply): expected true or false; got string "q".']),
        (bytes, "3", ["(whole reply): expected a string; got integer 3."]),
        (type(None), "3", ["(whole reply): expected null; got integer 3."]),
        (Literal["a"], '"b"', ["(whole reply): expected 'a'; got string \"b\"."]),
        (
            Literal["it's", 1, True, -2],
            '"b"',
            ['(whole reply): expected one of "it\'s", 1, true or -2; got string "b".'],
        ),
        (
            Literal["a\\b", "or", 'say "x"'],
            '"b"',
            ['(whole reply): expected one of "a\\\\b", \'or\' or "say \\"x\\""; got string "b".'],
        ),
        (Literal[Color.RED, Color.TWO], '"q"', ["(whole reply): expected one of 'r' or 2; got string \"q\"."]),
        (Color, '"q"', ["(whole reply): expected one of 'r' or 2; got string \"q\"."]),
        (Level, '"q"', ["(whole reply): expected 'low'; got string \"q\"."]),
        (Literal[b"x"], '"q"', ["(whole reply): expected one of b'x'; got string \"q\"."]),
        (Annotated[int, Field(ge=1)], 0, ["(whole reply): expected a value of at least 1; got integer 0."]),
        (Annotated[float, Field(gt=0)], 0, ["(whole reply): expected a value of more than 0; got integer 0."]),
        (Annotated[float, Field(le=1.5)], 2, ["(whole reply): expected a value of at most 1.5; got integer 2."]),
        (Annotated[int, Field(lt=1)], 2, ["(whole reply): expected a value of less than 1; got integer 2."]),
        (Annotated[int, Field(multiple_of=3)], 2, ["(whole reply): expected a multiple of 3; got integer 2."]),
        (
            Annotated[dt.date, Field(ge=dt.date(2024, 1, 1))],
            '"2020-01-01"',
            ['(whole reply): expected a value of at least 2024-01-01; got string "2020-01-01".'],
        ),
        (
            Annotated[str, Field(min_length=2)],
            '"a"',
            ['(whole reply): expected at least 2 characters; got string "a".'],
        ),
        (
            Annotated[str, Field(max_length=1)],
            '"ab"',
            ['(whole reply): expected at most 1 character; got string "ab".'],
        ),
        (Annotated[list[int], Field(min_length=1)], [], ["(whole reply): expected at least 1 item; got array []."]),
        (
            Annotated[dict[str, int], Field(max_length=0)],
            {"a": 1},
            ['(whole reply): expected at most 0 fields; got object {"a": 1}.'],
        ),
        (dict[int, int], {"1": "q"}, ['/1: expected an integer; got string "q".']),
        (dict[int, int], {"a/b": 1}, ['/a~1b: expected another name for this field: an integer; got string "a/b".']),
        (dt.date, '"3 May 2025"', ['(whole reply): expected a date (YYYY-MM-DD); got string "3 May 2025".']),
        (
            dt.datetime,
            '"x"',
            ['(whole reply): expected a date and time (YYYY-MM-DDThh:mm:ss, then Z or an offset); got string "x".'],
        ),
        (dt.time, '"x"', ['(whole reply): expected a time (hh:mm:ss); got string "x".']),
        (dt.timedelta, '"x"', ['(whole reply): expected a duration (ISO 8601, like P3DT12H); got string "x".']),
        (uuid.UUID, '"x"', ['(whole reply): expected a UUID; got string "x".']),
        (AnyUrl, '"x"', ['(whole reply): expected a URL; got string "x".']),
        (
            HttpUrl,
            '"ftp://x"',
            ["(whole reply): expected a URL that begins with 'http' or 'https'; got string \"ftp://x\"."],
        ),
        (Json[list[int]], "3", ["(whole reply): expected a string that holds JSON; got integer 3."]),
        (Json[list[int]], '"x"', ['(whole reply): expected a string that holds JSON; got string "x".']),
        (typing.Callable, "3", ["(whole reply): expected a value that passes the schema's own check; got integer 3."]),
        (
            AwareDatetime,
            '"2025-01-01T00:00"',
            [
                '(whole reply): expected a date and time (YYYY-MM-DDThh:mm:ss and then Z or an offset); got string "2025-01-01T00:00".'
            ],
        ),
        (
            Annotated[int, failing(PydanticCustomError("odd", "be {what}", {"what": "odd"}))],
            "2",
            ["(whole reply): expected a value for which this holds: be odd; got integer 2."],
        ),
    ],
)
def test_every_kind_of_error_is_said_in_plain_words(schema, value, expected):
    assert lines(schema, value) == expected


class Card(BaseModel):
    kind: Literal["card"]
    number: str


class Bank(BaseModel):
    kind: Literal["bank"]
    iban: str


class Payment(BaseModel):
    how: Card | Bank


Tagged = Annotated[Card | Bank, Field(discriminator="kind")]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (Payment, {"how": {"kind": "card"}}, ["/how/number: expected a value (the field is required)."]),
        (Payment, {"how": {"kind": "card", "iban": "x"}}, ["/how/number: expected a value (the field is required)."]),
        (
            Payment,
            {"how": {"kind": "cash", "iban": "x"}},
            ["/how/kind: expected one of 'card' or 'bank'; got string \"cash\"."],
        ),
        (Payment, {"how": 3}, ["/how: expected an object; got integer 3."]),
        (int | str, [], ["(whole reply): expected an integer or a string; got array []."]),
        (int | str | None, [], ["(whole reply): expected an integer, a string or null; got array []."]),
        (bool | None, [], ["(whole reply): expected true or false or null; got array []."]),
        (Literal["a", 1] | None, [], ["(whole reply): expected one of 'a', 1 or null; got array []."]),
        (list[int | None], ["a", None], ['/0: expected an integer or null; got string "a".']),
        (list[int], ["a"], ['/0: expected an integer; got string "a".']),
        (Literal["a"] | int, '"b"', ["(whole reply): expected 'a' or an integer; got string \"b\"."]),
        (Literal["a"] | Card, '"b"', ["(whole reply): expected 'a' or an object; got string \"b\"."]),
        (dt.date | Literal["unknown"], '"3 May"', ['(whole reply): expected a date (YYYY-MM-DD); got string "3 May".']),
        (
            list[int] | dict[str, int],
            ["x", "y"],
            [
                '/0: expected an integer; got string "x".',
                '/1: expected an integer; got string "y".',
            ],
        ),
        (
            list[Card | Bank],
            [{"kind": "bank", "iban": "x"}, {"kind": "bank"}],
            ["/1/iban: expected a value (the field is required)."],
        ),
        (Tagged, {"kind": "cash"}, ["/kind: expected one of 'card' or 'bank'; got string \"cash\"."]),
        (Tagged, {"kind": [1]}, ["/kind: expected one of 'card' or 'bank'; got array [1]."]),
        (Tagged, {}, ["/kind: expected a value (the field is required)."]),
        (Tagged, {"kind": "card"}, ["/number: expected a value (the field is required)."]),
        (Tagged, 3, ["(whole reply): expected an object; got integer 3."]),
        (
            Annotated[
                Annotated[Card, Tag("a")] | Annotated[Bank, Tag("b")], Discriminator(lambda value: value.get("t", "z"))
            ],
            {},
            ["(whole reply): expected a value of the kind 'a' or 'b'; got object {}."],
        ),
        (
            Annotated[
                Annotated[Card, Tag("a")] | Annotated[Bank, Tag("b")], Discriminator(lambda value: value.get("t"))
            ],
            {},
            ["(whole reply): expected a value of the kind 'a' or 'b'; got object {}."],
        ),
        (
            Annotated[int | str, WrapValidator(lambda value, handler: handler(value))],
            [],
            ["(whole reply): expected an integer or a string; got array []."],
        ),
        (
            Annotated[int, AfterValidator(abs)] | Annotated[bool, BeforeValidator(lambda value: value)],
            '"x"',
            ['(whole reply): expected an integer or true or false; got string "x".'],
        ),
    ],
)
def test_of_a_union_only_the_closest_branch_is_reported(schema, value, expected):
    assert lines(schema, value) == expected


def test_a_tag_finding_lists_the_tags():
    (issue,) = validator_for(Tagged)('{"kind": "cash"}').issues
    assert (issue.code, issue.allowed) == ("union", ('"card"', '"bank"'))


class Weird(enum.Enum):
    A = (1, "x")


def test_choices_that_are_no_json_values_are_shown_as_they_are():
    (issue,) = validator_for(Literal[Weird.A])('"q"').issues
    assert (issue.code, issue.allowed) == ("enum", ())
    assert issue.line.startswith("(whole reply): expected one of <Weird.A")


class Image(BaseModel):
    kind: Literal["image"]
    image: dict[str, int]
    alt: str


class Sound(BaseModel):
    kind: Literal["sound"]


def test_a_branch_that_is_called_like_a_field_is_not_taken_for_it():
    """pydantic's loc is ("image", "alt"); the first is the tag, though there is a field of that name."""
    schema = Annotated[Image | Sound, Field(discriminator="kind")]
    assert lines(schema, {"kind": "image", "image": {"width": 1}}) == [
        "/alt: expected a value (the field is required)."
    ]
    assert lines(schema, {"kind": "image", "image": {"width": "x"}, "alt": "a"}) == [
        '/image/width: expected an integer; got string "x".'
    ]


def test_a_value_that_a_validator_replaced_is_still_found():
    schema = dict[str, Annotated[int, BeforeValidator(lambda _value: "changed")]]
    assert lines(schema, {"a": 1}) == ["/a: expected an integer; got integer 1."]


class Tree(BaseModel):
    kids: "list[Tree]" = []
    size: int = 0


def test_a_finding_deep_in_a_recursive_document_is_found_quickly():
    data = {"size": "x"}
    for _ in range(80):
        data = {"kids": [data]}
    assert lines(Tree, data) == [f'{"/kids/0" * 80}/size: expected an integer; got string "x".']

    class Changed(BaseModel):
        kids: "list[Changed]" = []
        size: Annotated[int, BeforeValidator(lambda value: [value])] = 0

    assert lines(Changed, data) == [f'{"/kids/0" * 80}/size: expected an integer; got string "x".']


class Aliased(BaseModel):
    first: int = Field(validation_alias=AliasPath("deep", "one"))
    second: int = Field(validation_alias=AliasChoices("two", "zwei"))


def test_a_field_is_called_as_the_document_calls_it():
    assert lines(Aliased, {"deep": {"one": "x"}, "zwei": "y"}) == [
        '/deep/one: expected an integer; got string "x".',
        '/zwei: expected an integer; got string "y".',
    ]


class Envelope(BaseModel):
    payload: Json[Card]
    items: Annotated[Card, BeforeValidator(lambda value: {"kind": "card"} if isinstance(value, list) else value)]


def test_what_is_missing_in_a_value_that_a_validator_made_is_still_a_finding():
    assert lines(Envelope, {"items": [1], "payload": '{"kind": "card"}'}) == [
        "/items/number: expected a value (the field is required).",
        "/payload/number: expected a value (the field is required).",
    ]


class Twice(BaseModel):
    value: int

    @model_validator(mode="after")
    def never(self):
        raise ValueError("the parts must agree")


def test_a_check_of_the_whole_is_about_the_whole():
    assert lines(Twice, {"value": 1}) == [
        '(whole reply): expected a value for which this holds: the parts must agree; got object {"value": 1}.'
    ]


def test_the_same_finding_is_said_once():
    def check(value):
        raise ValueError("no")

    both = Annotated[int, AfterValidator(check)] | Annotated[float, AfterValidator(check)]
    assert len(lines(both, 1)) == 1


def test_half_a_surrogate_pair_is_a_finding_and_no_crash():
    assert lines(list[str], '["\\ud800"]') == [
        "(whole reply): expected a JSON document of whole characters (half of a surrogate pair is escaped in it)."
    ]
    assert validator_for(list[str])('["\\ud83d\\ude00"]').value == ["😀"]


def test_str_takes_any_text_as_it_is():
    report = validator_for(str)('{"not": "read"')
    assert (report.valid, report.value, report.data, report.leniency) == (True, '{"not": "read"', None, None)
    assert validator_for(Annotated[str, Field(max_length=9)])('"json"').value == "json"


def boom(_value):
    raise KeyError("the table has no such row")


def test_a_validator_that_fails_instead_of_judging_is_named():
    with pytest.raises(SchemaError) as broken:
        validator_for(Annotated[int, AfterValidator(boom)])("1")
    first, where, fix = str(broken.value).splitlines()
    assert first.startswith("boom() of the schema typing.Annotated[int, AfterValidator(func=<function boom>)] raised")
    assert first.endswith("raised KeyError: 'the table has no such row'")
    assert where.partition("test_pydantic_types.py:")[2] == str(boom.__code__.co_firstlineno + 1)
    assert fix == "  do          raise ValueError or AssertionError for a value that is not valid"


def test_a_validator_without_a_frame_of_its_own_is_reported_too():
    with pytest.raises(SchemaError, match=r"^a validator of the schema .* raised TypeError"):
        validator_for(Annotated[str, AfterValidator(functools.partial(int.from_bytes))])('"x"')


class Unfinished(BaseModel):
    part: "Nowhere"  # noqa: F821 - that it is nowhere is the point


class Foreign:
    pass


class Hostile:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise ZeroDivisionError("by accident")


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        (Unfinished, "the type Unfinished"),
        (Foreign, "the type Foreign"),
        (Hostile, "the type Hostile"),
        (list["Nowhere"], "the type list['Nowhere']"),  # noqa: F821 - as above
    ],
)
def test_a_type_that_pydantic_cannot_validate_fails_before_the_first_reply(schema, what):
    with pytest.raises(SchemaError) as wrong:
        validator_for(schema)
    assert str(wrong.value).startswith(f"pydantic cannot validate {what}\n  there is    ")
    assert "http" not in str(wrong.value)


@pytest.mark.skipif("sys.version_info >= (3, 12)", reason="from Python 3.12 on pydantic takes it")
def test_a_typed_dict_of_typing_gets_the_import_that_works():
    with pytest.raises(SchemaError) as wrong:
        validator_for(typing.TypedDict("Old", {"a": int}))
    assert str(wrong.value).splitlines()[-1] == "  do          from typing_extensions import TypedDict"


class Deep(BaseModel):
    width: int = Field(validation_alias=AliasPath("deep", "w/h", 0))
    name: str = Field(validation_alias=AliasChoices(AliasPath("a", "b"), "name"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"name": "x"}, ["/deep/w~1h/0: expected a value (the field is required)."]),
        ({"name": "x", "deep": {"w/h": []}}, ["/deep/w~1h/0: expected a value (the field is required)."]),
        ({"name": "x", "deep": {"w/h": ["y"]}}, ['/deep/w~1h/0: expected an integer; got string "y".']),
        ({"deep": {"w/h": [1]}}, ["/a/b: expected a value (the field is required)."]),
    ],
)
def test_an_alias_that_is_a_path_is_shown_whole(value, expected):
    assert lines(Deep, value) == expected


def odd(text):
    """The checks of a user: what Python's own functions say of a value is not repeated."""
    if text == "raised":
        raise ValueError("it is not odd")
    if text == "nested":
        json.loads("x")
    if text == "asserted":
        raise AssertionError("it is asserted")
    return int(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raised", "a value for which this holds: it is not odd"),
        ("asserted", "a value for which this holds: it is asserted"),
        ("nested", "a value that passes the check odd"),
        ("seven", "a value that passes the check odd"),
    ],
)
def test_words_of_pythons_library_are_not_repeated(text, expected):
    (of_a_type,) = validator_for(Annotated[str, AfterValidator(odd)])(json.dumps(text)).issues
    (of_a_text,) = validator_for(odd)(text).issues
    assert of_a_type.expected == of_a_text.expected == expected


def test_a_custom_error_of_the_type_value_error_is_shown_in_its_own_words():
    """As the one of pydantic's EmailStr."""
    kind = Annotated[str, failing(PydanticCustomError("value_error", "it is no address: {reason}", {"reason": "no @"}))]
    assert lines(kind, '"x"') == [f'{HOLDS}: it is no address: no @; got string "x".']


WORDS_OF_VERSION_1 = [
    (Deep, {"name": "x"}, "/0: expected a value (the field is required)."),
    (int | None, "x", '(whole reply): expected an integer; got string "x".'),
    (
        Order,
        GOOD | {"due": "2025-02-30"},
        '/due: expected a value for which this holds: day is out of range for month; got string "2025-02-30".',
    ),
    (
        Annotated[Annotated[Card, Tag("a")] | Annotated[Bank, Tag("b")], Discriminator(lambda value: value.get("t"))],
        {},
        "(whole reply): expected a value (the field is required).",
    ),
    (AwareDatetime, "2025-01-01T00:00", f'{HOLDS}: Input should have timezone info; got string "2025-01-01T00:00".'),
    ({"format": "time"}, "x", '(whole reply): expected a time (hh:mm:ss); got string "x".'),
    (
        {"propertyNames": {"format": "time"}},
        {"x": 1},
        '/x: expected another name for this field: a time (hh:mm:ss); got string "x".',
    ),
    ({"allOf": [False]}, 1, "(whole reply): expected no such field; got integer 1."),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3, "(whole reply): expected a string; got integer 3."),
]


@pytest.mark.parametrize(("schema", "value", "line"), WORDS_OF_VERSION_1)
def test_a_finding_knows_the_words_that_recordings_of_version_1_have(schema, value, line):
    (issue,) = validator_for(schema)(json.dumps(value)).issues
    assert issue.line != line
    assert issue.former.line == line
    assert issue.below("/0").former.path == f"/0{issue.former.path}"


def test_a_finding_about_syntax_knows_them_too():
    text = json.dumps(list(range(100)))[:-1]
    (issue,) = validator_for(list[int])(text).issues
    assert issue.former.line == f'(whole reply): expected a JSON document; got "{text[:77]}...".'
    (plain,) = validator_for(list[int])("No.").issues
    assert plain.former is None


def never_null(value):
    """A check of a user that does not expect null."""
    return len(value) > 0 and value


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (Annotated[Literal["a", "b"] | None, BeforeValidator(never_null)], "c", "one of 'a' or 'b'"),
        (Literal["x" * 90, "y" * 90] | None, "c", "or null"),
        (Literal["x" * 90, "y" * 90] | None, "c", "or null"),
        (dict[Literal["a"], int], {"b": "c"}, ": 'a'"),
        (list[list[int] | None], [["x"]], "an integer"),
        (list[int | None] | None, "x", "an array or null"),
    ],
)
def test_null_is_named_where_the_type_takes_it_and_nowhere_else(schema, value, expected):
    found = validator_for(schema)(json.dumps(value)).issues
    assert any(issue.expected.endswith(expected) for issue in found)


def test_two_findings_of_which_one_is_below_the_other_are_tried_together():
    class Pair(BaseModel):
        left: int
        right: list[int]

    kind = Annotated[dict[str, Pair | list[int]], Field(min_length=1)]
    assert lines(kind, {"a": {"left": "x", "right": ["y"]}}) == [
        '/a/left: expected an integer; got string "x".',
        '/a/right/0: expected an integer; got string "y".',
    ]
