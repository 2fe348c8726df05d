"""What holds for each grader of the room, whatever the output."""

import ast
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
    answer_relevance,
    any_of,
    at_least,
    best_of,
    bleu,
    chrf,
    citation_valid,
    closed_qa,
    contains,
    contains_all,
    contains_any,
    contains_json,
    contains_sql,
    contains_xml,
    context_relevance,
    ends_with,
    equals,
    equals_expected,
    exact_match,
    f1,
    factuality,
    fields_match,
    finish_reason,
    follows,
    groundedness,
    hit,
    json_equals,
    json_schema,
    json_similarity,
    judge,
    length,
    levenshtein,
    list_contains,
    math_equal,
    max_cost,
    max_latency,
    max_tokens,
    mrr,
    ndcg,
    no_prompt_leak,
    no_tool_call,
    not_,
    number_close,
    one_of,
    pairwise,
    pii_free,
    precision_at_k,
    quotes_present,
    recall_at_k,
    refusal,
    regex,
    retrieves_nothing,
    rouge,
    scored_judge,
    secret_free,
    similar,
    starts_with,
    tool_call_f1,
    tool_calls,
    trajectory,
    valid_json,
    valid_python,
    valid_sql,
    valid_xml,
    valid_yaml,
    weighted,
    word_count,
)
from pytest_llm.prompts import Case

GOLDEN = {"passes": ["yes"], "fails": ["no"]}
PAIRS = {"examples": [("yes", "no")]}

#: Judges are asked by nobody here, and so are ungraded whatever the output; see test_judge.
JUDGES = [
    answer_relevance(model="big"),
    best_of("a", ["b"], model="big", **PAIRS),
    closed_qa("a", model="big", **GOLDEN),
    context_relevance(model="big", threshold=0.5),
    factuality(model="big"),
    groundedness(model="big"),
    judge("a", model="big", **GOLDEN),
    pairwise("a", model="big", **PAIRS),
    scored_judge({"a": "b"}, model="big", threshold=0.5, **GOLDEN),
    similar(model="vectors", threshold=0.5),
]
EVERY = [
    *JUDGES,
    all_of(contains("a"), json_equals({"a": 1})),
    any_of(contains("a"), json_equals({"a": 1})),
    at_least(1, contains("a"), json_equals({"a": 1})),
    bleu(threshold=0.5),
    chrf(["a", "ab"], threshold=0.5),
    citation_valid(["a"]),
    contains("a"),
    contains_all(["a", "b"], casefold=True),
    contains_any(["a", "b"]),
    contains_json({"type": "object"}),
    contains_sql(read_only=True, columns=["a"]),
    contains_xml("a", ["b/c"]),
    ends_with("a"),
    equals("a", casefold=True),
    equals_expected(),
    exact_match(),
    f1(threshold=0.5),
    fields_match(threshold=0.5),
    finish_reason("stop"),
    follows("punctuation:no_comma", {"keywords:existence": {"keywords": ["a+"]}}),
    hit(1),
    json_equals({"a": 1}, ignore=["/b"], unordered=True, abs_tol=1),
    json_schema({"type": "object", "required": ["a"]}),
    json_similarity({"a": 1}, threshold=0.5),
    length(1, 5),
    levenshtein(threshold=0.5),
    list_contains(["a"], threshold=0.5),
    math_equal("x + 1"),
    max_cost(0.5),
    max_latency(2),
    max_tokens(10),
    mrr(threshold=0.5),
    ndcg(5, threshold=0.5),
    no_prompt_leak("a b c d", words=3),
    no_tool_call(),
    not_(contains("a")),
    number_close(abs_tol=1, unit="kg", percent=True, fractions=True, pick="last"),
    one_of(["a", "b"]),
    pii_free(region="GB"),
    precision_at_k(5, threshold=0.2),
    quotes_present(from_input="q"),
    recall_at_k(5, threshold=0.5),
    refusal(),
    regex("[a-z]+"),
    retrieves_nothing(),
    rouge("a", threshold=0.5),
    secret_free(),
    starts_with("a"),
    tool_call_f1([{"name": "f"}], threshold=0.5),
    tool_calls([{"name": "f", "arguments": {"a": 1}}]),
    trajectory(max_steps=3),
    valid_json(),
    valid_python(),
    valid_sql(read_only=True, tables=["a"]),
    valid_xml("a", ["b/c"]),
    valid_yaml(),
    weighted({contains("a"): 1, json_equals({"a": 1}): 2}, threshold=0.5),
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
    others = {"Grade", "GradeState", "Grader", "Judging", "Told", "grader"}
    assert names == set(graders.__all__) - others
    assert graders.__all__ == sorted(graders.__all__)
    assert inspect.isfunction(graders.grader)


def test_what_is_loaded_on_first_use_is_typed_too_and_nothing_else_is_there():
    tree = ast.parse(inspect.getsource(graders))
    typed = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed - {None} == set(graders._FILES)
    assert all(getattr(graders, name) is not None for name in graders.__all__)
    with pytest.raises(AttributeError, match="'nothing'"):
        getattr(graders, "nothing")  # noqa: B009 - it is the looking up that is tested


@given(TEXTS, EXPECTED)
def test_no_grader_raises_on_any_text(text, expected):
    case = Case(id="one", expected=expected)
    call = ToolCall(name=text, arguments=None, arguments_text=text)
    response = Response(text=text, finish_reason=text, tool_calls=(call,), usage=Usage(completion_tokens=3))
    assert all(sound(grader(output, case)) for grader in EVERY for output in (text, response))


@pytest.mark.parametrize("grader", EVERY, ids=lambda grader: grader.name)
@pytest.mark.parametrize(
    "piece", ["a \ud800", "\x00{[\"'<", "[" * 8], ids=["half a character", "NUL and brackets", "deep"]
)
def test_no_grader_raises_on_five_megabytes(grader, piece):
    text = piece * (5_000_000 // len(piece))
    assert sound(grader(text, Case(id="one", expected=text)))


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
