"""Our own reader of cassettes and PyYAML never disagree."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llm.cassettes.document import _dump
from pytest_llm.cassettes.plain_yaml import read_plain

ODD = [
    "a: b",
    "- x",
    "null",
    "yes",
    "1e3",
    "1_000",
    "0x1f",
    "012",
    "1:30",
    "2026-01-01",
    "a\nb",
    "a\n\nb\n",
    " a\nb",
    "a #b",
]
ODD += [
    "'",
    "''",
    "it's",
    "~",
    "=",
    "<<",
    "a:",
    ": b",
    "?",
    "-",
    "---",
    "...",
    "a\n---\nb",
    "# x",
    "x ",
    "|",
    "a\n b\n  c",
]
ODD += ["\n a", "a\n\n", "end: 1\n---", "٣", "\ufeff", "-0", "-1", "1.0", "1e5", "[]", "{}", "\0", "\t", "é\nñ"]
texts = st.text(max_size=12) | st.sampled_from(ODD) | st.lists(st.sampled_from(ODD), max_size=4).map("\n".join)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts | st.sampled_from(["a", "b1", "on"]), inner, max_size=4)
    ),
    max_leaves=10,
)


def by_pyyaml(text):
    return list(yaml.load_all(text, Loader=yaml.SafeLoader))


@settings(max_examples=500)
@given(st.lists(st.dictionaries(st.sampled_from(["request", "json", "a"]), trees, min_size=1), min_size=1, max_size=3))
@example([{"a": {"b": [{"c": "x\ny"}, [1, [2]], "", None]}}])
def test_what_is_written_is_read_as_pyyaml_reads_it_or_not_at_all(documents):
    try:
        text = "---\n".join(map(_dump, documents))
    except UnicodeEncodeError:  # a lone surrogate: such values are not written as YAML
        return
    found = read_plain(text)
    assert found is None or repr(found) == repr(by_pyyaml(text)) == repr(documents)


LINES = [
    "a: 1",
    "b:",
    "- x",
    "- a: 1",
    "  c: 'it''s'",
    "  - y",
    "    d: |-",
    "      text",
    "---",
    "",
    "e: |",
    "  t",
    "f: [1]",
    " g: 1",
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*LINES, *ODD]), min_size=1, max_size=8).map(lambda lines: "\n".join(lines) + "\n"))
@example("a: 1\na: 2\n")
@example("a:\nb: 1\n")
@example("on: 1\n")
@example("a: |-\n  x\n\nb: 1\n")
def test_what_a_person_made_of_a_file_is_read_as_pyyaml_reads_it_or_not_at_all(text):
    found = read_plain(text)
    if found is not None:
        assert repr(found) == repr(by_pyyaml(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "a: 1", 'a: "x"\n', "a: &x 1\n", "a: *x\n", "a: b: c\n", "a: x #y\n", "a: x:\n", "a: -\n", "a: 'x\n",
        "a: 'x'y'\n", "a: 0x1f\n", "a: 1_000\n", "a: 2026-01-01\n", "a: yes\n", "a: |2\n   x\n", "a: |\n\n",
        "a: |\n   x\n", "a:\n", "a:\nb: 1\n", "a: 1\n  b: 2\n", "- a\nb: 1\n", "yes: 1\n", "a: 1\na: 2\n",
        "\t\n", "'a': 1\n",
        "a:\n  - x\n- y\n", "- a:\n    - x\n  - y\n",
        "a\x85: 1\n", "a: " + "\n", "- \n", "x\n",
    ],
)  # fmt: skip
def test_what_is_not_certain_is_left_to_pyyaml(text):
    assert read_plain(text) is None


def test_a_cassette_as_it_is_written_is_read_here():
    """Otherwise this reader would be there for nothing."""
    tree = {
        "identity": "3f",
        "request": {"body": {"messages": [{"role": "user", "content": "a\nb: c\n\n- d"}], "t": 0.7}},
    }
    tree["responses"] = [{"slot": "1", "json": {"choices": [{"n": [], "x": {}, "y": None, "z": True, "e": 1.5e-07}]}}]
    assert read_plain(_dump(tree)) == [tree]
