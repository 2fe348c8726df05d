"""Patterns: what `re` means by them, and not for ever."""

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls import Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import regex
from pytest_llm.graders.text.patterns import finder, stoppable


@pytest.mark.parametrize(
    ("grader", "good", "bad"),
    [
        (regex("[0-9]+ days"), "in 14 days", "in x days"),
        (regex("^b", flags=re.MULTILINE), "a\nb", "ab"),
        (regex("[0-9]+", fullmatch=True), "14", "14 days"),
        (regex(re.compile("YES", re.IGNORECASE)), "yes", "no"),
        (regex("(?i)yes+"), "YESS", "no"),
        (regex("a.+c", flags=re.DOTALL), "a\nc", "a"),
        (regex("a+ # a's\n b", flags=re.VERBOSE), "aab", "aa b"),
        (regex(r"\w+", flags=re.ASCII, fullmatch=True), "abc", "\u00e9"),
        (regex("a+", flags=re.DEBUG | re.IGNORECASE), "A", "b"),
        (regex("^$"), "", "x"),
        (regex("", fullmatch=True), "", "x"),
        (regex("(?!a)b*", fullmatch=True), "bb", "a"),
    ],
)
def test_a_pattern_tells_good_from_bad(grader, good, bad):
    assert grader(good).state == "passed"
    assert grader(Response(text=good, finish_reason="stop")).state == "passed"
    assert grader(bad).state == "failed"


@pytest.mark.parametrize(
    ("grader", "text", "reason"),
    [
        (regex("[0-9]+"), "none", 'it should match "[0-9]+", got "none"'),
        (regex("[0-9]+", fullmatch=True), "1 day", 'all of it should match "[0-9]+", got "1 day"'),
        (regex("a"), ["a"], "it reads text, and was given a list"),
    ],
)
def test_the_reason_says_what_was_expected_and_what_came(grader, text, reason):
    assert grader(text).reason == reason


@pytest.mark.parametrize("fullmatch", [False, True])
def test_a_pattern_that_backtracks_without_end_is_ungraded(fullmatch):
    grader = regex("(a|aa)+$", fullmatch=fullmatch)
    grade = grader("a" * 60 + "b")
    assert grade.state == "ungraded"
    assert grade.reason == (
        'the pattern "(a|aa)+$" was given up after 1 s, on 61 characters: it tries too many ways to match'
    )
    assert grader("a" * 60).state == "passed"


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        # What `regex` would read otherwise: accents and fractions, blanks, fuzzy matches, POSIX classes.
        (r"\w+", "cafe\u0301", "cafe"),
        (r"\w+", "\u00b2", "\u00b2"),
        (r"[\w]+", "e\u0301", "e"),
        (r"\W+", "\u0301", "\u0301"),
        (r"[\W_]+", "a\u0301_b", "\u0301_"),
        (r"[^\W_]+", "_\u00b2\u0301", "\u00b2"),
        (r"[\W]+", "a\u0301", "\u0301"),
        (r"[\W^]+", "a^b", "^"),
        (r"[^\W^a]+", "a^b", "b"),
        (r"e\b.?", "e\u0301", "e\u0301"),
        (r"e\B.?", "e\u00b2", "e\u00b2"),
        (r"a\s+", "a\x1c", "a\x1c"),
        (r"a[\s]+", "a\x1c", "a\x1c"),
        (r"\S+", "\x1ca", "a"),
        (r"[\S]+", "\x1ca", "a"),
        (r"[\s\S]+", "a\x1c", "a\x1c"),
        (r"[^\w\W]+", "a", None),
        (r"[^\d\D]+", "1", None),
        (r"(?a)[^\s\S]+", " ", None),
        (r"(?:a{e})+", "b", None),
        (r"(?:a{e})+", "a{e}", "a{e}"),
        (r"a{1}\{b}+", "a{b}", "a{b}"),
        (r"a{,2}b", "aab", "aab"),
        (r"[[:alpha:]+", "z", None),
        (r"[][]+", "][", "]["),
        (r"\N{LATIN SMALL LETTER A}+", "aa", "aa"),
        (r"(?#a [ comment)a+", "aa", "aa"),
        (r"(?x)a+ # a [ comment" + "\n[b]", "aab", "aab"),
        (r"\B|x", "", None if re.search(r"\B", "") is None else ""),
        (r"(?a)\B|x", "", None if re.search(r"\B", "") is None else ""),
        (r"(?a)[\w\W]+\w", "\u00e9a", "\u00e9a"),
    ],
)
def test_a_pattern_means_what_it_means_to_re(pattern, text, found):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # [[:
        compiled = re.compile(pattern)
    for one in (compiled.search(text), stoppable(compiled).search(text)):
        assert (one[0] if one else None) == found


CHARACTERS = "aAbBkKsSz\u00df\u017fIi\u03c3\u03a3\u00e9\u0301\u00b2\u0663_- \n\x1c\x85\u200d.{}e1,[]^|&~\\#"
LITERAL = st.sampled_from([*"aAbBkKsSIi\u00df\u017f\u03c3\u03a3e1_- {}\u00e9\u0301\u00b2#", r"\{", r"\[", r"\]", r"\#"])
CLASS = st.sampled_from([r"\w", r"\W", r"\s", r"\S", r"\d", r"\D"])
MEMBER = LITERAL | CLASS | st.sampled_from(["a-z", "A-Z", "0-9", "[", ":", "^", "-", "&&", "||", "~~", r"\n", r"\b"])
SET = st.builds(
    "[{}{}]".format, st.sampled_from(["", "^"]), st.lists(MEMBER, min_size=1, max_size=4).map("".join)
)  # fmt: skip
PLACE = st.sampled_from([r"\b", ".", "^", "$", r"\A", r"\Z", "{e}", "{1", "{,}", "{e<=1}", "{}", "{ 1}"])
TIMES = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "*?", "+?", "??", "{e}", "{i}", "*+", "?+"])
PATTERN = st.recursive(
    LITERAL | CLASS | SET | PLACE,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, TIMES),
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, TIMES),
        st.builds(r"({})\1{}".format, inner, inner),
        st.builds("(?{}{})".format, st.sampled_from(["=", "!", "<=", "<!", ">"]), inner),
    ),
    max_leaves=6,
)
FLAGS = st.sets(st.sampled_from([re.IGNORECASE, re.MULTILINE, re.DOTALL, re.VERBOSE, re.ASCII]), max_size=2).map(sum)


@given(PATTERN, FLAGS, st.lists(st.text(st.sampled_from(CHARACTERS), max_size=6), min_size=2, max_size=4))
@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")
def test_any_pattern_finds_what_re_finds(pattern, flags, texts):
    """Spans of searches and full matches; the leftovers that the module's docstring names are left out of the letters."""
    try:
        compiled = re.compile(pattern, flags)
    except re.error:
        return
    for method in ("search", "fullmatch"):
        for text in texts:
            expected, got = getattr(compiled, method)(text), getattr(stoppable(compiled), method)(text)
            assert (expected and expected.span()) == (got and got.span())


def test_a_pattern_without_repetition_is_left_to_re():
    compiled = re.compile(r"\bRefund\b")
    assert finder(compiled, "search") == compiled.search


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: regex(""), "pattern='' matches every text, so it could not fail"),
        (lambda: regex(".*"), "pattern='.*' matches every text, so it could not fail"),
        (lambda: regex("(yes)?"), "pattern='(yes)?' matches every text, so it could not fail"),
        (lambda: regex("("), "pattern='(' is no pattern (missing ), unterminated subpattern at position 0)"),
        (lambda: regex(3), "pattern=3 is no pattern (first argument must be string or compiled pattern)"),
        (lambda: regex(b"a"), "pattern=b'a' is a pattern of bytes"),
        (
            lambda: regex(re.compile("a"), flags=re.IGNORECASE),
            "pattern=re.compile('a') is no pattern (cannot process flags argument with a compiled pattern)",
        ),
    ],
)
def test_what_is_no_pattern_or_finds_itself_everywhere_is_refused(make, what):
    with pytest.raises(GraderError) as caught:
        make()
    first, fix = str(caught.value).split("\n")
    assert first == f"regex: {what}"
    assert fix.startswith("  write       regex(")


@pytest.mark.parametrize(
    ("grader", "parameters"),
    [
        (regex("a"), {"pattern": "a"}),
        (regex("a", flags=re.IGNORECASE, fullmatch=True), {"pattern": "a", "flags": 2, "fullmatch": True}),
        (regex(re.compile("a", re.IGNORECASE), fullmatch=True), {"pattern": "a", "flags": 2, "fullmatch": True}),
    ],
)
def test_parameters_tell_what_it_was_built_with(grader, parameters):
    assert grader.parameters == parameters
