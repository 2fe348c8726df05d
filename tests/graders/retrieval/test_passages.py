"""What an answer takes from the passages it was given."""

import pytest

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import citation_valid, quotes_present
from pytest_llm.prompts import Case

PASSAGES = [
    {"id": "doc-1", "text": "Goods may be returned within 14 days of delivery."},
    {"id": "doc-2", "text": "The buyer pays for the way back;\nthe seller’s “quick return” label is free."},
    {"id": "faq", "text": "Gift cards cannot be returned."},
]


def with_context(context):
    return Case(id="one", context=context)


CASE = with_context(PASSAGES)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Within 14 days [doc-1].", True),
        ("Within 14 days [doc-1], free [doc-2][faq].", True),
        ("Within 14 days [doc-1, doc-2; faq].", True),
        ("Within 14 days [ doc-1 ].", True),
        ("Within 14 days [doc-3].", False),
        ("Within 14 days [doc-1, doc-3].", False),
        ("Within 14 days [1].", False),
        ("Within 14 days [DOC-1].", False),
        ("Within 14 days.", False),
        ("Within 14 days [doc-1", False),
        # What has no digit and was not given is no citation, nor is a link, nor what has blanks.
        ("As they say [sic], within 14 days [doc-1].", True),
        ("See [the 2 rules](https://example.invalid) [doc-1].", True),
        ("See [page 4](x) and [our 14 days] [doc-1].", True),
        ("See [rule-2](https://example.invalid) [doc-1].", True),
        ("See [doc-1](x).", False),
    ],
)
def test_a_citation_names_a_passage_that_was_given(text, passed):
    assert citation_valid()(text, CASE).passed is passed
    assert citation_valid()(Response(text=text), CASE).passed is passed


@pytest.mark.parametrize(
    ("context", "good", "bad"),
    [
        (["one", "two"], "[1] [2]", "[3]"),
        (["one", "two"], "[2]", "[0]"),
        ("the only one", "[1]", "[2]"),
        ({"a.1": "one", "b.2": "two"}, "[a.1, b.2]", "[c.3]"),
        ([{"text": "one"}, {"id": 7, "text": "two"}], "[1, 7]", "[2]"),
        ([{"id": "two words", "text": "one"}], "[two words]", "[2words]"),
        ([{"id": "a, b", "text": "one"}], "[a, b]", "[a, b2]"),
    ],
)
def test_passages_are_told_apart_by_id_or_number(context, good, bad):
    assert citation_valid()(good, with_context(context)).passed is True
    assert citation_valid()(bad, with_context(context)).passed is False
    case = Case(id="one", inputs={"sources": context}, context=["x"])
    assert citation_valid(from_input="sources")(good, case).passed is True
    assert citation_valid(from_input="sources")(bad, case).passed is False


def test_ids_may_be_given_and_citations_left_out():
    assert citation_valid(["doc-1"])("[doc-1]").passed is True
    assert citation_valid(["doc-1"])("[doc-2]").passed is False
    assert citation_valid(["doc-1"])("none").passed is False
    assert citation_valid(["doc-1"], required=False)("none").passed is True
    assert citation_valid(["doc-1"], required=False)("[doc-2]").passed is False


def test_a_citation_may_look_otherwise():
    caret = citation_valid(["1", "2"], pattern=r"\^(\d+)")
    assert caret("so it is^1, and so^2").passed is True
    assert caret("so it is^3").passed is False
    whole = citation_valid(["doc-1"], pattern="doc-[0-9]+")
    assert whole("see doc-1").passed is True
    assert whole("see doc-2").passed is False
    several = citation_valid(["1", "2", "a,b"], pattern=r"\(([^()]*)\)")
    assert several("(1; 2) (a,b)").passed is True
    assert several("(1; 3)").passed is False
    assert citation_valid(["1"], pattern=r"\[(\d+)?\]", required=False)("[]").passed is False


def test_the_reason_of_a_citation():
    grade = citation_valid()("[doc-9] and [doc-8, doc-9]", CASE)
    assert grade.reason == '"doc-9", "doc-8" was not given; the passages are "doc-1", "doc-2", "faq"'
    assert citation_valid()("none", CASE).reason == 'no citation in "none"'
    many = citation_valid([f"d{number}" for number in range(9)])(" ".join(f"[e{number}]" for number in range(7)))
    assert many.reason == (
        '"e0", "e1", "e2", "e3", "e4" and 2 more was not given; the passages are "d0", "d1", "d2", "d3", "d4" and 4 more'
    )


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ('It says "returned within 14 days of delivery".', True),
        ('It says "Goods may be returned within 14 days of delivery."', True),
        ('American "may be returned within 14 days," they say.', True),
        ("“returned   within\n14 days”", True),
        ("„returned within 14 days“", True),
        ("„returned within 14 days”", True),
        ("«returned within 14 days»", True),
        # Blanks, quotation marks and apostrophes are evened out; letter case is not.
        ("“the seller's 'quick return' label”", False),
        ('«the way back; the seller\'s "quick return" label»', True),
        ('"Returned within 14 days"', False),
        ('"returned within 30 days"', False),
        # Not in one passage.
        ('"of delivery. The buyer pays"', False),
        ('"returned within 14 days" and "the seller is always right"', False),
        # Too short to count, and then there is none.
        ('It is "very very good".', False),
        ('It is "very very good", "returned within 14 days".', True),
        ("No quote.", False),
        ('"…. …. …. …."', False),
        # Inches are no quotes, and a quote ends with its paragraph.
        ('A 5" pipe is returned in 14 days by a 6" rule', False),
        ('A lone " here.\n \n"returned within 14 days"', True),
    ],
)
def test_a_quote_stands_in_a_passage(text, passed):
    grade = quotes_present()(text, CASE)
    assert grade.passed is passed
    assert bool(grade.reason) is not passed


def test_how_long_a_quote_is_and_whether_there_is_one():
    assert quotes_present(2)('"14 days"', CASE).passed is True
    assert quotes_present(2)('"15 days"', CASE).passed is False
    assert quotes_present(1)('"…"', CASE).passed is False
    assert quotes_present(required=False)("No quote.", CASE).passed is True
    assert quotes_present(required=False)('"this is not in there"', CASE).passed is False
    case = Case(id="one", inputs={"sources": "a b c d"}, context=["x"])
    assert quotes_present(from_input="sources")('"a b c d"', case).passed is True


def test_the_reason_of_a_quote():
    assert quotes_present()("none", CASE).reason == "no quote of 4 words or more"
    grade = quotes_present()('"one two three four" "may be returned within" "one two three four"', CASE)
    assert grade.reason == '1 of 2 quotes are in no passage: "one two three four"'


@pytest.mark.parametrize("grader", [citation_valid(), quotes_present()], ids=lambda grader: grader.name)
@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (None, "it compares with the passages of a case, and there is no case"),
        (with_context(None), 'it compares with `context`, and case "one" has none'),
        (with_context([]), 'it compares with `context`, in which case "one" has no passage'),
        (with_context(3), "`context` is to hold passages, and is an int"),
        (with_context([3]), "`context` has a passage that is an int and no text"),
        (with_context([{"id": "a"}]), "`context` has a passage that is None and no text"),
        (with_context({"a": ["b"]}), "`context` has a passage that is a list and no text"),
    ],
)
def test_where_no_passages_are_known_it_is_ungraded(grader, case, reason):
    grade = grader('[doc-1] "may be returned within"', case)
    assert (grade.state, grade.reason) == ("ungraded", reason)


def test_an_input_that_became_a_reserved_key_of_a_case_is_ungraded_with_the_fix():
    case = Case(id="one", inputs={"q": "x"}, relevant=("n1",))
    assert citation_valid(from_input="relevant")("[1]", case).reason == (
        'it compares with the input "relevant", and case "one" has none; "relevant" is a reserved key of a case; '
        'as an input: {"inputs": {"relevant": …}}      (CSV: rename the column)'
    )


def test_an_input_that_is_not_there_is_ungraded():
    for grader in (citation_valid(from_input="sources"), quotes_present(from_input="sources")):
        assert grader("[1]", CASE).reason == 'it compares with the input "sources", and case "one" has none'


@pytest.mark.parametrize(
    "text",
    ["[" * 5_000_000, "[1" * 2_500_000, '"' * 5_000_001, "“a " * 1_500_000, "„" * 5_000_000, "\n " * 2_500_000],
    ids=["brackets", "open", "straight", "curly", "low", "paragraphs"],
)
def test_five_megabytes_of_marks_come_back(text):
    assert citation_valid()(text, CASE).state == "failed"
    assert quotes_present()(text, CASE).state == "failed"


def test_very_many_quotes_are_not_looked_for():
    text = " ".join(f'"one two three {number}"' for number in range(1001))
    assert quotes_present()(text, CASE).reason == "the text has more than 1000 quotes"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: citation_valid([]), "citation_valid: ids=[] is empty, so it would decide nothing"),
        (lambda: citation_valid("doc-1"), "citation_valid: ids='doc-1' is no list"),
        (lambda: citation_valid([1]), "citation_valid: ids=1 is no text"),
        (lambda: citation_valid(from_input=""), "citation_valid: from_input='' is empty"),
        (
            lambda: citation_valid(["a"], from_input="x"),
            "citation_valid: from_input='x' and ids both say what was given",
        ),
        (lambda: citation_valid(pattern=""), "citation_valid: pattern='' is empty"),
        (
            lambda: citation_valid(pattern="("),
            "citation_valid: pattern='(' is no pattern (missing ), unterminated subpattern at position 0)",
        ),
        (
            lambda: citation_valid(pattern="(a)(b)"),
            "citation_valid: pattern='(a)(b)' has more than one group, which would be the id",
        ),
        (lambda: citation_valid(pattern="a*"), "citation_valid: pattern='a*' is found in every text"),
        (lambda: quotes_present(0), "quotes_present: min_words=0 is below 1"),
        (lambda: quotes_present(from_input=3), "quotes_present: from_input=3 is no text"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    assert str(caught.value).partition("\n")[0] == what


def test_parameters_tell_what_it_was_built_with():
    assert citation_valid().parameters == {}
    assert citation_valid(["a"], pattern="a", required=False).parameters == {
        "ids": ["a"],
        "pattern": "a",
        "required": False,
    }
    assert citation_valid(from_input="x").parameters == {"from_input": "x"}
    assert quotes_present().parameters == {}
    assert quotes_present(2, from_input="x", required=False).parameters == {
        "min_words": 2,
        "from_input": "x",
        "required": False,
    }
