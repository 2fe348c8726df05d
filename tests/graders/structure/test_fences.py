"""One rule about fences, for all graders of code."""

import pytest

from pytest_llm.errors import GraderError
from pytest_llm.graders import valid_python, valid_sql, valid_xml, valid_yaml

CODE = [
    (valid_python, "x = 1"),
    (valid_sql, "SELECT 1"),
    (valid_xml, "<a/>"),
    (valid_yaml, "a: 1"),
]


@pytest.mark.parametrize(("make", "code"), CODE)
def test_a_text_may_be_one_fenced_block_unless_it_is_strict(make, code):
    for text in (f"```\n{code}\n```", f"\n```code\n{code}\n```  \n", f"~~~~\n{code}\n~~~~"):
        assert make()(text).passed
        assert make(leniency="strict")(text).state == "failed"
    assert make()(code).passed
    assert make(leniency="strict")(code).passed


@pytest.mark.parametrize(("make", "code"), CODE)
def test_prose_or_a_second_block_around_it_fails(make, code):
    for text in (
        f"Here it is, at last:\n```\n{code}\n```",
        f"```\n{code}\n```\nThat is: it.",
        f"```\n{code}\n```\n\n```\n{code}\n```",
    ):
        assert make()(text).state == "failed"


@pytest.mark.parametrize(("make", "code"), CODE)
def test_leniency_is_a_parameter(make, code):
    name = make().name
    assert make().parameters == {}
    assert make(leniency="strict").parameters == {"leniency": "strict"}
    with pytest.raises(GraderError) as caught:
        make(leniency="extract")
    assert str(caught.value) == (
        f'{name}: leniency=\'extract\' is neither "fence" nor "strict"\n  write       leniency="strict"'
    )


@pytest.mark.parametrize("make", [valid_python, valid_sql, valid_yaml])
def test_what_would_take_long_to_parse_is_ungraded(make):
    grade = make()("x" * 5_000_000)
    assert grade.state == "ungraded"
    assert grade.reason == "it is longer than 200,000 characters, which would take long to parse"
