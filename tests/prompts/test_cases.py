"""Case files: four formats, one meaning, and every mistake with its file and line."""

from __future__ import annotations

import json
import re

import pytest

from pytest_llm import Case, load_cases
from pytest_llm.errors import CaseError

WANTED = [
    Case(id="oak", inputs={"email": "36 oak bottles"}, expected="GBP", tags=("vip", "eu"), critical=True),
    Case(id="pens", inputs={"email": "two green pens"}, expected="USD"),
]
FILES = {
    "cases.jsonl": '{"id": "oak", "email": "36 oak bottles", "expected": "GBP", "tags": ["vip", "eu"], "critical": true}'
    '\n\n{"id": "pens", "inputs": {"email": "two green pens"}, "expected": "USD"}\n',
    "cases.json": '[{"id": "oak", "email": "36 oak bottles", "expected": "GBP", "tags": ["vip", "eu"], "critical": true},'
    '{"id": "pens", "email": "two green pens", "expected": "USD"}]',
    "cases.yaml": "- id: oak\n  email: 36 oak bottles\n  expected: GBP\n  tags: [vip, eu]\n  critical: true\n"
    "- id: pens\n  email: two green pens\n  expected: USD\n",
    "cases.csv": "id,email,expected,tags,critical\noak,36 oak bottles,GBP,vip eu,true\npens,two green pens,USD,,\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_cases(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    assert load_cases(tmp_path / name) == WANTED


def test_cases_know_their_line(tmp_path):
    for name, where in [("cases.jsonl", ":3"), ("cases.json", "[1]"), ("cases.yaml", ":6"), ("cases.csv", ":3")]:
        (tmp_path / name).write_text(FILES[name])
        assert load_cases(str(tmp_path / name))[1].where == f"{tmp_path / name}{where}"


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    (tmp_path / "cases.jsonl").write_bytes(b'\xef\xbb\xbf{"id": "a", "x": "1"}\r\n{"id": "b", "x": "2"}\r\n')
    assert [case.id for case in load_cases(tmp_path / "cases.jsonl")] == ["a", "b"]


def test_dates_in_yaml_stay_text(tmp_path):
    (tmp_path / "cases.yaml").write_text("- due: 2025-01-02\n")
    assert load_cases(tmp_path / "cases.yaml")[0].inputs == {"due": "2025-01-02"}


def test_an_id_does_not_depend_on_the_position():
    one, other = {"email": "36 oak bottles"}, {"email": "two green pens"}
    ids = [case.id for case in load_cases([one, other])]
    assert ids == [case.id for case in reversed(load_cases([other, one]))]
    assert re.fullmatch("36-oak-bottles-[0-9a-f]{4}", ids[0])
    assert re.fullmatch("[0-9a-f]{8}", Case(inputs={"x": "…"}).id)
    assert Case(inputs={"x": {"a": 1}}).id.startswith("a-1-")


def test_an_input_is_read_by_its_name():
    case = Case(id="a", inputs={"email": "x"})
    assert case["email"] == "x"
    with pytest.raises(KeyError, match="has no input 'mail'; it has email"):
        case["mail"]


def test_a_dataset_with_input_and_expected_is_read_as_it_is():
    assert load_cases([{"input": "2+2", "expected": "4"}])[0].inputs == {"input": "2+2"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("cases.jsonl", "", "there is no case"),
        ("cases.jsonl", '{"id": "a", "x": 1}\n{"id": "b"', "cases.jsonl:2"),
        ("cases.jsonl", '{"id": "a", "id": "b", "x": 1}', "cases.jsonl:1"),
        ("cases.jsonl", '{"id": "a", "x": NaN}', "cases.jsonl:1"),
        ("cases.jsonl", "[1]", "a case is an object with keys, not list"),
        ("cases.jsonl", '{"id": "a", "expeced": 1}', "key 'expeced' is nearly 'expected'"),
        ("cases.jsonl", '{"input": {"x": 1}}', "key 'input' is nearly 'inputs'"),
        ("cases.jsonl", '{"inputs": {"x": 1}, "email": 1}', "key 'email' beside inputs"),
        ("cases.jsonl", '{"inputs": [1]}', "inputs is an object, not list"),
        ("cases.jsonl", '{"x": 1, "tags": "vip"}', "tags is a list of texts"),
        ("cases.jsonl", '{"x": 1, "critical": "yes"}', "critical is true or false"),
        ("cases.jsonl", '{"x": 1, "id": " "}', "an id is a text"),
        ("cases.jsonl", '{"x": 1, "id": true}', "an id is a text"),
        ("cases.jsonl", '{"expected": 1}', "neither an id nor inputs"),
        ("cases.jsonl", '{"id": "A", "x": 1}\n{"id": "a", "x": 2}', "(ids are compared without case: 'A')"),
        ("cases.jsonl", '{"id": "a", "x": 1}\n{"id": "a", "x": 2}', "cases.jsonl:1 and"),
        ("cases.json", '{"a": 1}', "holds dict, not a list of cases"),
        ("cases.yaml", "- a: [", "cases.yaml:"),
        ("cases.yaml", "", "there is no case"),
        ("cases.csv", "id,ID\na,b\n", "a column occurs twice"),
        ("cases.csv", "id,x\na\n", "1 fields under 2 columns"),
        ("cases.csv", 'id,x\na,"b\n', "no CSV"),
        ("cases.csv", "x,critical\na,perhaps\n", "critical is true or false, not 'perhaps'"),
        ("cases.csv", "inputs\na\n", "cannot be named inputs"),
        ("cases.csv", "", "there is no case"),
        ("cases.txt", "", "'.txt' is no kind of case file"),
    ],
)
def test_a_mistake_in_a_case_file_is_said_with_its_place(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(CaseError) as caught:
        load_cases(tmp_path / name)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_a_case_file_that_is_not_there_or_no_text(tmp_path):
    (tmp_path / "cases.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CaseError, match="cannot be read"):
        load_cases(tmp_path / "cases.jsonl")
    with pytest.raises(CaseError, match="there is no such case file") as caught:
        load_cases(tmp_path / "case.jsonl")
    assert "there is    cases.jsonl" in str(caught.value)
    with pytest.raises(CaseError, match="there is no such case file"):
        load_cases(tmp_path / "none" / "case.jsonl")


def test_a_csv_line_may_be_blank(tmp_path):
    (tmp_path / "cases.csv").write_text("id,x\n\na,1\n")
    assert json.dumps([case.id for case in load_cases(tmp_path / "cases.csv")]) == '["a"]'


@pytest.mark.parametrize(
    "text",
    [
        "- id: a\n  id: b\n  x: 1\n",
        "- id: a\n  inputs:\n    x: 1\n    x: 2\n",
        "- x: 0b_\n",
        "- x: " + "9" * 5000,
        "- x: !!timestamp 2025-13-45\n",
        "- x: !!set {a, b}\n",
        "- x: .nan\n",
        "- x: .inf\n",
        "- x: {1: a, b: c}\n",
        "- &a\n  x: *a\n",
        "[" * 500,
    ],
    ids=["twice", "twice inside", "digits", "long", "date", "set", "nan", "inf", "keys", "circle", "deep"],
)
def test_yaml_that_jsonl_could_not_say_is_refused(tmp_path, text):
    (tmp_path / "cases.yaml").write_text(text)
    with pytest.raises(CaseError):
        load_cases(tmp_path / "cases.yaml")


def test_a_case_is_another_question_when_its_inputs_or_the_right_answer_change():
    case = Case(id="a", inputs={"email": "x"}, expected={"b": 1, "a": 2})
    same = Case(id="renamed", inputs={"email": "x"}, expected={"a": 2, "b": 1}, tags=("vip",), critical=True)
    assert same.digest == case.digest
    others = [
        Case(id="a", inputs={"email": "y"}, expected={"a": 2, "b": 1}),
        Case(id="a", inputs={"email": "x"}, expected={"a": 3, "b": 1}),
        Case(id="a", inputs={"email": "x"}, expected={"a": 2, "b": 1}, context="notes"),
    ]
    assert len({case.digest, *(other.digest for other in others)}) == 4


# -- group, split, relevant -------------------------------------------------------------------------------------

USED = Case(id="oak", inputs={"email": "36 bottles"}, group="gull", split="dev", relevant=("n1", "n2"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "cases.jsonl",
            '{"id": "oak", "email": "36 bottles", "group": "gull", "split": "dev", "relevant": ["n1", "n2"]}',
        ),
        (
            "cases.json",
            '[{"id": "oak", "inputs": {"email": "36 bottles"}, "group": "gull", "split": "dev", "relevant": ["n1", "n2"]}]',
        ),
        (
            "cases.yaml",
            "- id: oak\n  email: 36 bottles\n  group: gull\n  split: dev\n  relevant: [n1, n2]\n",
        ),
        ("cases.csv", "id,email,group,split,relevant\noak,36 bottles,gull,dev,n1 n2\n"),
    ],
)
def test_group_split_and_relevant_are_keys_of_a_case_in_every_format(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert load_cases(tmp_path / name) == [USED]


def test_a_case_without_the_keys_has_none_of_them(tmp_path):
    (tmp_path / "cases.csv").write_text("id,x,group,split,relevant\na,1,,,\n")
    for case in (*load_cases(tmp_path / "cases.csv"), *load_cases([{"x": 1, "group": None, "split": None}])):
        assert (case.group, case.split, case.relevant) == (None, None, ())
    assert load_cases([{"x": 1, "split": "train"}])[0].split == "train"


def test_the_keys_may_be_inputs_too():
    [case] = load_cases([{"group": "gull", "inputs": {"group": "a choir", "split": 3, "relevant": True}}])
    assert (case.group, case.inputs) == ("gull", {"group": "a choir", "split": 3, "relevant": True})
    assert case["group"] == "a choir"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("group", 3, "'group' is a reserved key of a case and is a text, not 3"),
        ("group", " ", "'group' is a reserved key of a case and is a text, not ' '"),
        ("split", "Monday", """'split' is a reserved key of a case and is "train", "dev" or "test", not 'Monday'"""),
        ("split", ["dev"], "not ['dev']"),
        ("relevant", "n1", "'relevant' is a reserved key of a case and is a list of ids, not 'n1'"),
        ("relevant", True, "a list of ids, not True"),
        ("relevant", [1], "a list of ids, not [1]"),
        ("relevant", None, "a list of ids, not None"),
    ],
)
def test_a_value_of_the_wrong_type_is_one_error_that_also_says_how_to_write_an_input(tmp_path, key, value, said):
    (tmp_path / "cases.jsonl").write_text(json.dumps({"id": "a", "x": 1, key: value}))
    with pytest.raises(CaseError) as caught:
        load_cases(tmp_path / "cases.jsonl")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith(said)
    assert lines[1] == f"  where       {tmp_path}/cases.jsonl:1"
    assert lines[3] == f'  as an input {{"inputs": {{"{key}": …}}}}      (CSV: rename the column)'


def test_an_input_that_became_a_reserved_key_is_named_where_it_is_read():
    with pytest.raises(KeyError) as caught:
        USED["group"]
    assert str(caught.value) == (
        """'case "oak" has no input "group": it is a reserved key; read llm_case.group, or as an input: """
        """{"inputs": {"group": …}}      (CSV: rename the column)'"""
    )
    with pytest.raises(KeyError, match=r"has no input 'group'; it has none\"$"):
        Case(id="a")["group"]
    with pytest.raises(CaseError, match=r'as an input \{"inputs": \{"split": …\}\}'):
        load_cases([{"split": "dev"}])


@pytest.mark.parametrize(
    "name", ["groups", "Group", "grouped", "subgroup", "splits", "Split", "relevance", "relevancy", "irrelevant"]
)
def test_common_names_of_inputs_that_resemble_the_keys_stay_inputs(name):
    assert load_cases([{name: "x"}])[0].inputs == {name: "x"}


@pytest.mark.parametrize(("slip", "key"), [("grup", "group"), ("relevent", "relevant"), ("splt", "split")])
def test_a_slip_of_a_key_is_an_error(slip, key):
    with pytest.raises(CaseError, match=f"key '{slip}' is nearly '{key}'"):
        load_cases([{"x": 1, slip: "x"}])


def test_how_a_case_is_used_does_not_change_what_it_asks():
    """Lines of existing baselines stay comparable: only `relevant`, which graders compare with, counts, where it is."""
    plain = Case(id="oak", inputs={"email": "36 bottles"})
    assert plain.digest == "64836a11dd249d7e"
    assert Case(id="oak", inputs={"email": "36 bottles"}, group="gull", split="dev").digest == plain.digest
    assert USED.digest not in (plain.digest, Case(id="oak", inputs={"email": "36 bottles"}, relevant=("n1",)).digest)
