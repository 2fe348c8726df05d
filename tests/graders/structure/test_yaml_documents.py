"""Is it YAML."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import GraderError
from pytest_llm.graders import valid_yaml
from pytest_llm.graders.structure.yaml_documents import DEEPEST

NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def chain(count, brackets):
    """Aliases of aliases, each nine times in the next."""
    lines = [f"k0: &k0 {brackets[0]}{'k: ' if brackets[0] == '{' else ''}1{brackets[1]}"]
    for n in range(1, count):
        inner = ",".join([f"*k{n - 1}"] * 9)
        lines.append(f"k{n}: &k{n} " + (f"[{inner}]" if brackets == "[]" else f"{{<<: [{inner}]}}"))
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    ["a: 1", "- a\n- b", "{a: [1, 2]}", '{"a": null}', "a: &x [1]\nb: [*x, *x]", "---\na: 1\n...", "a: 2001-02-30",
     "1: a\ntrue: b\n'1': c", "a: &x {k: 1}\nb: {<<: *x, k: 2}", "- [{x: &a {<<: {k: 1}, k: 2}}]\n- {<<: *a, k: 3}",
     "a:\n  - b: c", chain(4, "[]"), "[" * DEEPEST + "]" * DEEPEST],
)  # fmt: skip
def test_a_document_is_valid(text):
    assert valid_yaml()(text).passed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Sure, here it is", 'expected a mapping or a sequence, got "Sure, here it is"'),
        ("", 'expected a mapping or a sequence, got ""'),
        ("a: 1\na: 2", r'the text is not YAML (line 2: the key "a" is repeated); got "a: 1\na: 2"'),
        ("{b: {a: 1, 'a': 2}}", '(line 1: the key "a" is repeated)'),
        ("a: [", "(line 1: while parsing a flow node expected the node content, but found '<stream end>')"),
        ("a: 1\n---\nb: 2", "(line 2: expected a single document in the stream but found another document)"),
        ("!!python/object:os.system x", "(line 1: could not determine a constructor for the tag"),
        ("a: &x [*x]", "(line 1: an alias is inside what it stands for)"),
        ("a: *x", "(line 1: found undefined alias 'x')"),
        (chain(12, "[]"), "with its aliases written out it has more than 1,000,000 values)"),
        (chain(12, "{}"), "with its aliases written out it has more than 1,000,000 values)"),
        ("[" * 100_000, "(line 1: nested more than 200 deep)"),
        ("- " * 300, "(line 1: nested more than 200 deep)"),
        ("\n".join(f"k{n}: &k{n} [{f'*k{n - 1}' if n else 1}]" for n in range(300)), "(line 200: nested more than 200"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: !!timestamp 2001-02-30", "(day is out of range for month)"),
        ("{[a]: 1}", "found unhashable key)"),
        ("a: \t- b: c: d", "the text is not YAML ("),
        ("!!set {a, b}", "expected a mapping or a sequence"),
        ("\x00", "(unacceptable character #x0000"),
        ("\ud800: 1", "(unacceptable character #xd800"),
    ],
)
def test_what_is_no_yaml_is_told_and_why(text, why):
    grade = valid_yaml()(text)
    assert grade.state == "failed"
    assert why in grade.reason


def test_a_document_is_held_against_a_schema_as_json():
    grader = valid_yaml(NAMED)
    assert grader("name: Ann").passed
    assert grader("```yaml\nname: Ann\n1: 2\n```").passed
    assert grader("name: no").reason == "it does not conform to the schema\n  /name: expected a string; got false."
    assert grader("Sure").reason.endswith('(whole reply): expected an object; got string "Sure".')
    assert grader("name: a\nb: .nan").reason == "it has no JSON form (Out of range float values are not JSON compliant)"
    assert (
        grader("name: a\nb: !!binary aGk=").reason
        == "it has no JSON form (Object of type bytes is not JSON serializable)"
    )
    assert 'the key "1" is repeated' in grader("1: a\n'1': b\nname: c").reason
    assert valid_yaml({"type": "string"})("Sure").passed


def test_a_text_nested_too_deep_for_what_is_left_of_the_stack_is_ungraded():
    def deep(levels):
        return deep(levels - 1) if levels else valid_yaml()("[" * 190 + "]" * 190)

    grade = deep(700)
    assert (grade.state, grade.reason) == ("ungraded", "it is nested too deep to be read here")


def test_parameters_tell_the_schema_and_text_schemas_are_refused():
    assert valid_yaml(NAMED).parameters == {"schema": NAMED}
    with pytest.raises(GraderError) as caught:
        valid_yaml(str)
    assert str(caught.value) == (
        "valid_yaml: schema=<class 'str'> is a schema of text, not of JSON\n"
        '  write       valid_yaml({"type": "object", "required": ["id"]})'
    )


@given(st.text(st.sampled_from("ab1 :-[]{},\n'\"#&*!?|>%")))
def test_what_is_valid_pyyaml_reads(text):
    if valid_yaml(leniency="strict")(text).passed:
        assert isinstance(yaml.safe_load(text), (dict, list))
