"""Regular expressions and functions as schemas."""

import functools
import re

import pytest

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import Issue, validator_for


def test_a_regular_expression_must_match_the_whole_text_and_its_groups_are_the_value():
    validator = validator_for(re.compile(r"(?P<answer>yes|no)( indeed)?"))
    report = validator("no")
    assert (report.valid, report.value, report.data, report.leniency) == (True, {"answer": "no"}, None, None)
    assert not validator("no, thanks").valid
    assert not validator("oh no").valid


def test_without_named_groups_the_value_is_the_text():
    assert validator_for(re.compile("(yes)|(no)"))("yes").value == "yes"


@pytest.mark.parametrize(
    ("text", "got", "message"),
    [
        ("yes, certainly", 'string ", certainly"', "does not match from character 4 of 14 on"),
        ("perhaps", 'string "perhaps"', "does not match from character 1 of 7 on"),
        ("yes" + "x" * 41, f'string "{"x" * 40}"', "does not match from character 4 of 44 on"),
        ("", 'string ""', "does not match from character 1 of 0 on"),
    ],
)
def test_a_mismatch_shows_where_it_begins(text, got, message):
    (issue,) = validator_for(re.compile("yes"))(text).issues
    assert issue == Issue(
        path="",
        code="pattern",
        expected="text matching the regular expression yes",
        got=got,
        message=message,
        source="regex",
        source_code="fullmatch",
    )


def short(text):
    """None, a message or an exception, by the text."""
    if text == "raise":
        raise ValueError("at most\n3 words")
    if text == "assert":
        raise AssertionError("at most 3 words")
    return "at most 3 words" if len(text.split()) > 3 else None


FINDING = "(whole reply): expected a value for which this holds: at most 3 words; got string "


@pytest.mark.parametrize("text", ["raise", "assert", "one two three four"])
def test_a_function_says_what_is_wrong_by_returning_or_raising(text):
    report = validator_for(short)(text)
    assert [issue.line for issue in report.issues] == [f'{FINDING}"{text}".']
    assert (report.issues[0].code, report.issues[0].source) == ("custom", "callable")
    assert (report.valid, report.value) == (False, None)


ISSUE = Issue(path="/a", code="other", expected="more")


@pytest.mark.parametrize(
    ("verdict", "issues"),
    [
        (None, ()),
        (True, ()),
        ([], ()),
        ((), ()),
        (ISSUE, (ISSUE,)),
        ([ISSUE, ISSUE], (ISSUE, ISSUE)),
        ((ISSUE,), (ISSUE,)),
    ],
)
def test_a_function_may_return_issues(verdict, issues):
    report = validator_for(lambda _text: verdict)("text")
    assert (report.issues, report.valid, report.value) == (issues, not issues, None if issues else "text")


def is_polite(_text):
    return False


def test_false_is_a_finding_with_the_name_of_the_function():
    (issue,) = validator_for(is_polite)("Go away").issues
    assert issue.expected.endswith("is_polite(output)")


@pytest.mark.parametrize("verdict", ["", " \n", 1, 0, 0.5, ["a"], [ISSUE, "a"], {}, object])
def test_any_other_verdict_is_a_schema_error_so_that_nothing_passes_unnoticed(verdict):
    def check(_text):
        return verdict

    with pytest.raises(SchemaError, match=r"check returned "):
        validator_for(check)("text")


def test_a_coroutine_function_is_told_apart():
    async def check(_text):
        raise NotImplementedError

    with pytest.raises(SchemaError, match=r"check is a coroutine function\n  do  "):
        validator_for(check)("text")


def test_any_other_exception_is_a_schema_error_that_names_the_function():
    def check(_text):
        return {}["x"]

    with pytest.raises(SchemaError, match=r"the schema .*check raised KeyError: 'x'") as wrong:
        validator_for(check)("text")
    assert isinstance(wrong.value.__cause__, KeyError)


class Checker:
    def __call__(self, _text):
        return None

    def method(self, _text):
        return None


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (short, "short"),
        (functools.partial(short), "short"),
        (Checker(), "Checker"),
        (Checker().method, "Checker.method"),
        (functools.partial(Checker().method), "Checker.method"),
        (functools.partial(functools.partial(len)), "builtins.len"),
    ],
)
def test_a_function_is_called_by_module_and_name(check, name):
    assert validator_for(check).name.endswith(name)
    assert " at 0x" not in validator_for(check).name
