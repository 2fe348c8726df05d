"""From a text to the JSON document in it."""

import json
import sys
import time

import pytest

from pytest_llm.errors import MissingExtra, SchemaError
from pytest_llm.schemas import documents, fenced, load_json, validator_for
from pytest_llm.schemas.json_in_prose import last_document


@pytest.mark.parametrize(
    ("text", "data", "needed"),
    [
        ('{"a": 1}', {"a": 1}, "strict"),
        (' \n[1.5, "x", null, true]\r\n', [1.5, "x", None, True], "strict"),
        ("12", 12, "strict"),
        ('"\\ud800"', "\ud800", "strict"),
        ('```json\n{"a": 1}\n```', {"a": 1}, "fence"),
        ("\n\n```\n[1]\n```  \n", [1], "fence"),
        ("~~~~ json5 title=x\r\n[1]\r\n~~~~", [1], "fence"),
        ("```json\n[1]```", [1], "fence"),
        ("```\n[1]\n`````", [1], "fence"),
        ("\ufeff[1]", [1], "fence"),
        ("\u00a0[1]\u3000", [1], "fence"),
        ('Sure! {"a": 1}', {"a": 1}, "extract"),
        ('{"a": 1} or {"a": [{"b": 2}]}, I think.', {"a": [{"b": 2}]}, "extract"),
        ('I use {placeholders} and [lists]: {"a": 1} {"', {"a": 1}, "extract"),
        ("See the list [1, 2]\n[3]: {4}", [3], "extract"),
        ('```json\n{"a": 1}\n```\nand\n```json\n{"a": 2}\n```', {"a": 2}, "extract"),
        ('Text: {"brace in text": "}]{"}.', {"brace in text": "}]{"}, "extract"),
        ('Escapes: {"a\\"}": "\\u00e9\\\\"}', {'a"}': "é\\"}, "extract"),
        ("Empty: [{}, []]", [{}, []], "extract"),
        ("Numbers: [-1.5e+3, 0, true, false, null]", [-1500.0, 0, True, False, None], "extract"),
        ('{"role": "adm', {"role": "adm"}, "repair"),
        ('{"a": 1, "a": 2}', {"a": 2}, "repair"),
        ("{'a': 'single quotes'}", {"a": "single quotes"}, "repair"),
    ],
)
def test_a_text_is_read_with_the_least_help_that_it_needs_and_with_no_less(text, data, needed):
    levels = ["strict", "fence", "extract", "repair"]
    assert load_json(text, "repair") == (data, needed)
    for level in levels:
        if levels.index(level) >= levels.index(needed):
            assert load_json(text, level) == (data, needed)
        else:
            with pytest.raises(ValueError):
                load_json(text, level)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"due": 1, "due": 2}}', 'the key "due" is repeated'),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", 'the number "1e999" is too large'),
        ("[-1" + "0" * 5000 + "]", "an integer of 5002 digits"),
        ("[" * 100_000, "nested more than 200 deep"),
        ("[" * 201 + "]" * 201, "nested more than 200 deep"),
        ('{"a":' * 201 + "1" + "}" * 201, "nested more than 200 deep"),
        ('{"a": 1', "the text ends before the document is complete, expecting ',' or '}', at line 1 column 8"),
        ("", "nothing in it begins like JSON"),
        ("[\u0661]", "expecting a value or ']' at line 1 column 2"),
    ],
)
@pytest.mark.parametrize("level", ["strict", "fence", "extract"])
def test_what_is_not_json_is_refused_at_every_level_but_repair(text, message, level):
    with pytest.raises(ValueError) as refused:
        load_json(text, level)
    assert str(refused.value) == message


def test_in_a_fence_and_in_prose_the_rules_are_the_same():
    with pytest.raises(ValueError, match='the key "a" is repeated'):
        load_json('```\n{"a": 1, "a": 2}\n```', "fence")
    with pytest.raises(ValueError, match='the key "a" is repeated'):
        load_json('Draft: {"a": 0}. Final: {"a": 1, "a": 2}.', "extract")


def test_two_hundred_deep_is_not_too_deep_and_many_brackets_side_by_side_are_no_depth():
    deep = "[" * 200 + "]" * 200
    assert load_json(deep)[0] == json.loads(deep)
    assert load_json("[" + "[]," * 300 + "{}]")[1] == "strict"


def test_an_integer_of_4300_digits_is_read():
    assert load_json("1" * 4300)[0] == int("1" * 4300)


@pytest.mark.parametrize(
    "text",
    [
        "``` \n[1]\n``",
        "```json\n[1]\n~~~",
        "```json\n[1]",
        "``\n[1]\n``",
        "```json\n[1]\n```\nthat is it",
        "look:\n```json\n[1]\n```",
        "```[1]```",
        "```json\n[1]\n```\n```json\n[2]\n```",
    ],
)
def test_a_fence_is_all_of_the_text_or_no_fence(text):
    with pytest.raises(ValueError):
        load_json(text, "fence")


@pytest.mark.parametrize(
    "text",
    [
        '{"order": {"id": 1}, "x": ',
        '[{"a": 1} and so on',
        '[{"a": 1} : 2',
        "[1, 2",
        'Not {"a" 1} nor {"a": 1 "b": 2} nor {1: 2} nor [1 2] nor [,] nor {"a": 1,} nor [1,] nor {"a"} nor [}',
        '["no end',
        "[01] [1.] [.5] [+1] [tru]",
        '["\\x"] ["a\nb"]',
        "nothing",
        "12 and 13",
    ],
)
def test_prose_without_a_whole_document_has_none(text):
    """A document inside an unfinished one is not taken for the answer."""
    assert last_document(text) is None


def test_all_documents_of_a_prose_are_found_in_order():
    assert list(documents('A {x} {"a": [1]} then [2, 3] and {"b": {} and [4]')) == ['{"a": [1]}', "[2, 3]", "[4]"]
    assert list(documents("none")) == []


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("```\nx\n```", "x\n"),
        ("\n ```sql\n\n x \n````\n ", "\n x \n"),
        ("~~~\n```\n~~~", "```\n"),
        ("```\n```", ""),
        ("x", None),
        ("```x```", None),
        ("```\nx", None),
        ("````\nx\n```", None),
        ("so ```\nx\n```", None),
        ("```\nx\n```\nthen\n```\ny\n```", None),
    ],
)
def test_a_fence_is_taken_off_where_it_is_around_all_of_the_text(text, inner):
    assert fenced(text) == inner


@pytest.mark.parametrize(
    "unit", ["[", "{", "[0,", '{"a":', '["', '{"', "[ ", '"', '[["\\', "[1 ", '{"a":[', "[]", "{ \n"]
)
def test_prose_is_read_in_linear_time(unit):
    """Ten times the text may take forty times as long, for noise; a quadratic reader takes a hundred."""

    def seconds(length):
        text = unit * (length // len(unit)) + ":"  # where the grammar breaks, for what can be a beginning
        start = time.perf_counter()
        last_document(text)
        return time.perf_counter() - start

    small = min(seconds(20_000) for _ in range(5))
    assert min(seconds(200_000) for _ in range(3)) < 40 * max(small, 0.0005)


@pytest.mark.parametrize("text", ["", "Sorry, I cannot do that.", "[", "{", "42 apples", "[" * 3000, "[1e999"])
def test_a_repair_that_finds_nothing_or_no_json_is_no_json(text):
    with pytest.raises(ValueError):
        load_json(text, "repair")


def test_without_json_repair_the_install_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "json_repair", None)  # an import fails
    assert load_json("[1]", "extract") == ([1], "strict")
    for ask in (lambda: load_json("[1", "repair"), lambda: validator_for(int, leniency="repair")):
        with pytest.raises(MissingExtra) as missing:
            ask()
        assert "pip install 'pytest-llm-evals[repair]'" in str(missing.value)


def test_repair_is_not_even_imported_when_it_is_not_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "json_repair", None)  # an import would fail
    with pytest.raises(ValueError):
        load_json('{"role": "adm', "extract")


def test_an_unknown_leniency_names_the_levels():
    for ask in (lambda: load_json("1", "lax"), lambda: validator_for(never_called, leniency="lax")):
        with pytest.raises(SchemaError) as wrong:
            ask()
        assert str(wrong.value).splitlines() == [
            "leniency='lax' is not a level",
            "  there is    'strict'",
            "  there is    'fence'",
            "  there is    'extract'",
            "  there is    'repair'",
        ]


def never_called(_text):
    return None
