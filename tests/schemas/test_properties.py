"""What holds for every text."""

import json
import re
import typing
from typing import Literal

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from pytest_llm.schemas import json_schema_of, load_json, validator_for
from pytest_llm.schemas.json_in_prose import last_document

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)
documents = st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4)
#: What a model could write, and what would break a careless reader.
texts = (
    st.text(st.characters())
    | st.text('[]{}",:\\ \n`~0123eE+-.truefalsnNaIiy\ud800\u0007\ufeff', max_size=60)
    | values.map(json.dumps)
    | values.map(lambda value: f"```json\n{json.dumps(value)}\n```")
    | st.tuples(st.text(), documents.map(json.dumps), st.text()).map("".join)
)


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    customer: str
    quantity: int = Field(ge=1)
    unit_price: float
    currency: Literal["USD", "EUR"]
    due: str | None = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    tags: list[str] = Field(max_length=2)


def no_x(text):
    return "no x" if "x" in text else None


SCHEMAS = [
    Order,
    json_schema_of(Order),
    list[int | dict[str, float] | None],
    dict[str, Literal["a", 1] | None],
    {"format": "date-time", "anyOf": [{"type": "string"}, {"uniqueItems": True, "items": {"multipleOf": 0.1}}]},
    {"propertyNames": {"format": "hostname"}, "unevaluatedProperties": False, "contains": {"const": 1}},
    typing.Any,
    str,
    re.compile(r"(?P<a>\w+)( .*)?"),
    no_x,
]
VALIDATORS = [validator_for(schema, leniency=level) for schema in SCHEMAS for level in ("fence", "repair")]


@given(texts)
@example("[" * 100_000)
@example('{"a": ' * 199 + "1" + "}" * 199)
@example("1" * 5000)
@example("1" * 4000)
@example('{"a": 1e999}')
@example('"\\ud800"')
@example("\ud800")
@settings(deadline=None, max_examples=100)
def test_no_text_makes_a_validator_raise(text):
    for validator in VALIDATORS:
        report = validator(text)
        assert report.valid == (not report.issues)
        for issue in report.issues:
            assert len(issue.line.splitlines()) == 1
            issue.line.encode()  # half a surrogate pair would make any terminal or file fail


@given(st.text(), documents, st.text(st.characters(exclude_characters="[{")))
@settings(deadline=None)
def test_a_document_in_prose_is_read_as_json_reads_it(before, document, after):
    """Before it anything, but no bracket or quotation mark that could swallow it; after it no other document."""
    before = re.sub(r'["\[{]', "", before)
    text = json.dumps(document)
    assert last_document(f"{before} {text} {after}") == text
    assert load_json(f"{before}\n: {text} {after}.", "extract") == (document, "extract")


@given(values)
def test_what_json_writes_is_read_strictly(value):
    assert load_json(json.dumps(value), "strict") == (value, "strict")
    assert load_json(json.dumps(value, indent=1, ensure_ascii=False), "strict") == (value, "strict")


@given(texts)
def test_more_leniency_never_changes_what_less_could_read(text):
    read = []
    for level in ("strict", "fence", "extract", "repair"):
        try:
            read.append(load_json(text, level))
        except ValueError:
            assert not read
    assert all(one == read[0] for one in read) or read[0] != read[-1]
    for value, needed in read:
        again, same = load_json(text, needed)
        assert (repr(again), same) == (repr(value), needed)


fields = st.fixed_dictionaries(
    {},
    optional={
        "customer": st.text(max_size=5) | st.none() | st.integers(),
        "quantity": st.integers(-2, 3) | st.text(max_size=2) | st.booleans() | st.just(1.5),
        "unit_price": st.integers(0, 3) | st.just(5.25) | st.none() | st.text(max_size=2),
        "currency": st.sampled_from(["USD", "EUR", "$", 3, None]),
        "due": st.sampled_from([None, "2025-05-03", "3 May 2025", 3, ""]),
        "tags": st.lists(st.text(max_size=2) | st.integers(0, 2), max_size=3) | st.text(max_size=2),
        "price": st.just(4.25),
    },
)
by_pydantic = validator_for(Order)
by_json_schema = validator_for(json_schema_of(Order))


@given(fields)
@settings(max_examples=400)
def test_a_model_and_its_json_schema_find_the_same_faults_in_the_same_words(record):
    text = json.dumps(record)
    first, second = by_pydantic(text), by_json_schema(text)
    assert first.valid == second.valid
    # Of a list that is too long pydantic says no more than that.
    cut = {issue.path for issue in first.issues if issue.code == "length"}
    comparable = [issue for issue in second.issues if not any(issue.path.startswith(f"{path}/") for path in cut)]
    assert [issue.line for issue in first.issues] == [issue.line for issue in comparable]
    assert [issue.code for issue in first.issues] == [issue.code for issue in comparable]
