"""Requests and replies as a cassette holds them: what is kept of a reply that another one replaces."""

from __future__ import annotations

from dataclasses import replace

from pytest_llm.cassettes.entry import UNKNOWN_DRAW, DrawGrades, Entry, Mark, StoredReply

REQUEST = {"method": "POST", "url": "chat/completions", "body": {"a": 1}}


def reply(text, **facts):
    return StoredReply(slot="1", number=1, status=200, latency_ms=1, headers={}, body={"text": text}, **facts)


def grades(letter):
    return DrawGrades(suite="test_x", instrument="3f", grades={"outcome": letter})


def entry(*replies, rules=2, verdicts=0):
    return Entry("a" * 64, REQUEST, {("1", n): one for n, one in enumerate(replies, 1)}, rules=rules, verdicts=verdicts)


def test_the_grades_of_a_reply_that_is_replaced_are_kept_as_earlier_ones():
    first, second, third = (reply(text, accepted=(grades(letter),)) for text, letter in zip("abc", "FFP", strict=True))
    once = entry(first).with_replies({("1", 1): second}, replacing=True, rules=2)
    twice = once.with_replies({("1", 1): third}, replacing=True, rules=2)
    assert once.replies["1", 1].earlier == (grades("F"),)
    assert twice.replies["1", 1].earlier == (grades("F"), grades("F"))
    assert twice.replies["1", 1].accepted == (grades("P"),)


def test_a_reply_without_grades_that_is_replaced_counts_as_a_draw_of_which_nothing_is_known():
    after = entry(reply("a")).with_replies({("1", 1): reply("b")}, replacing=True, rules=2)
    assert after.replies["1", 1].earlier == (UNKNOWN_DRAW,)


def test_a_reply_that_is_saved_again_is_no_other_draw():
    """As after a kill, when the journal brings back what the cassette has already taken."""
    kept = reply("a", accepted=(grades("P"),), earlier=(grades("F"),))
    again = entry(kept).with_replies({("1", 1): reply("a")}, replacing=True, rules=2)
    assert again.replies["1", 1] == kept
    graded = entry(reply("a")).with_replies({("1", 1): reply("a", accepted=(grades("P"),))}, replacing=True, rules=2)
    assert graded.replies["1", 1] == reply("a", accepted=(grades("P"),))


def test_a_reply_that_is_there_stays_where_nothing_replaces_it():
    there = entry(reply("a"))
    other = replace(reply("c"), number=2)
    after = there.with_replies({("1", 1): reply("b"), ("1", 2): other}, replacing=False, rules=2)
    assert after.replies == {("1", 1): reply("a"), ("1", 2): other}


def test_a_request_keeps_rules_1_until_all_its_replies_are_recorded_by_rules_2():
    two = entry(reply("a"), reply("b"), rules=1, verdicts=4)
    half = two.with_replies({("1", 1): reply("c")}, replacing=True, rules=2)
    assert (half.rules, half.verdicts) == (1, 4)
    assert half.with_replies(dict(two.replies), replacing=True, rules=2).rules == 2
    assert entry(rules=2).with_replies({("1", 1): reply("a")}, replacing=True, rules=1).rules == 1


def test_a_mark_leaves_out_what_it_does_not_need():
    assert Mark(kind="confirmation").json == {"kind": "confirmation"}
    named = Mark(kind="ablation", name="rule 2", definition={"without": "Write dates as YYYY-MM-DD."})
    assert Mark.of(named.json) == named
