"""What holds for each grader of the room, whatever the output."""

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm import graders
from pytest_llm.calls import Response, ToolCall, Usage
from pytest_llm.graders import (
    Grade,
    all_of,
    any_of,
    contains,
    contains_all,
    contains_any,
    equals,
    equals_expected,
    exact_match,
    f1,
    fields_match,
    finish_reason,
    json_equals,
    max_tokens,
    no_prompt_leak,
    not_,
    number_close,
    one_of,
    pii_free,
    refusal,
    regex,
    secret_free,
    starts_with,
    tool_calls,
    word_count,
)
from pytest_llm.prompts import Case

EVERY = [
    all_of(contains("a"), json_equals({"a": 1})),
    any_of(contains("a"), json_equals({"a": 1})),
    contains("a"),
    contains_all(["a", "b"], casefold=True),
    contains_any(["a", "b"]),
    equals("a", casefold=True),
    equals_expected(),
    exact_match(),
    f1(threshold=0.5),
    fields_match(threshold=0.5),
    finish_reason("stop"),
    json_equals({"a": 1}),
    max_tokens(10),
    no_prompt_leak("a b c d", words=3),
    not_(contains("a")),
    number_close(abs_tol=1),
    one_of(["a", "b"]),
    pii_free(region="GB"),
    refusal(),
    regex("[a-z]+"),
    secret_free(),
    starts_with("a"),
    tool_calls([{"name": "f", "arguments": {"a": 1}}]),
    word_count(1, 5),
]

# Lone surrogates, NUL and what looks like JSON included.
TEXTS = st.one_of(
    st.text(st.characters()),
    st.text(st.sampled_from('{}[]",:\\0123456789.eEuNatrufls \x00\ud800')),
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    ).map(json.dumps),
)
EXPECTED = st.one_of(
    st.none(), st.text(st.characters()), st.integers(), st.lists(st.text()), st.dictionaries(st.text(), st.integers())
)


def sound(grade):
    assert isinstance(grade, Grade)
    assert grade.score is None or 0 <= grade.score <= 1
    assert grade.state in {"passed", "failed", "ungraded", "scored"}
    assert len(grade.reason) < 5000
    grade.reason.encode()
    assert not set(grade.reason) & set("\x1b\x00\x7f\x9b\u202e\u2028")
    return True


def test_every_exported_grader_is_here():
    names = {one.name.partition("(")[0] for one in EVERY}
    others = {"Grade", "GradeState", "Grader", "Told", "grader"}
    assert names == set(graders.__all__) - others
    assert graders.__all__ == sorted(graders.__all__)
    assert inspect.isfunction(graders.grader)


@given(TEXTS, EXPECTED)
def test_no_grader_raises_on_any_text(text, expected):
    case = Case(id="one", expected=expected)
    call = ToolCall(name=text, arguments=None, arguments_text=text)
    response = Response(text=text, finish_reason=text, tool_calls=(call,), usage=Usage(completion_tokens=3))
    assert all(sound(grader(output, case)) for grader in EVERY for output in (text, response))


@pytest.mark.parametrize("grader", EVERY, ids=lambda grader: grader.name)
@pytest.mark.parametrize("output", [object(), object, {1.5: 1}, {"a": object()}, lambda: 1], ids=type)
def test_what_nobody_can_read_is_ungraded(grader, output):
    grade = grader(output, Case(id="one", expected={"a": 1}))
    assert sound(grade)
    assert grade.state == "ungraded"
    assert not_(grader)(output).state == "ungraded"


@pytest.mark.parametrize("grader", EVERY, ids=lambda grader: grader.name)
def test_names_and_parameters_are_json(grader):
    told = {"name": grader.name, **grader.parameters}
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert grader.named("x").parameters["grader"] == grader.name
