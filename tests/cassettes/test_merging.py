"""Two branches' recordings of one cassette become one; no draw is lost without a trace."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cassettes.entry import UNKNOWN_DRAW, DrawGrades, Entry, StoredReply
from pytest_llm.cassettes.merging import merged

ONE, OTHER = ({"method": "POST", "url": "chat/completions", "body": {"n": n}} for n in (1, 2))


def grades(letter, suite="test_x"):
    return DrawGrades(suite=suite, instrument="3f", grades={"outcome": letter})


def reply(text, slot="1", **facts):
    return StoredReply(slot=slot, number=1, status=200, latency_ms=1, headers={}, body={"text": text}, **facts)


def entries(*replies, identity="a" * 64, request=ONE, **more):
    return {identity: Entry(identity, request, {(one.slot, one.number): one for one in replies}, **more)}


def only(found):
    (entry,) = found.values()
    return entry


def test_what_either_branch_has_added_is_kept():
    second = entries(reply("c", "1"), identity="b" * 64, request=OTHER)
    found = merged(entries(reply("a"), reply("b", "2")), {**entries(reply("a"), reply("x", "3")), **second})
    assert {slot: one.body["text"] for (slot, _), one in found["a" * 64].replies.items()} == {
        "1": "a",
        "2": "b",
        "3": "x",
    }
    assert found["b" * 64] == second["b" * 64]


def test_of_two_draws_in_one_place_the_later_one_stays_with_the_grades_of_the_other():
    ours = entries(reply("ours", recorded="2026-12-02T00:00:00Z", accepted=(grades("F"),)))
    theirs = entries(reply("theirs", recorded="2026-12-03T00:00:00Z", accepted=(grades("P"),)))
    for one, other in ((ours, theirs), (theirs, ours)):
        kept = only(merged(one, other)).replies["1", 1]
        assert kept.body == {"text": "theirs"}
        assert (kept.accepted, kept.earlier) == ((grades("P"),), (grades("F"),))


def test_draws_that_both_branches_replaced_count_once_and_a_draw_without_grades_is_an_unknown_one():
    common = (grades("F"), grades("P"))
    ours = reply("ours", recorded="2026-12-02T00:00:00Z", earlier=(*common, grades("U")))
    theirs = reply("theirs", recorded="2026-12-01T00:00:00Z", earlier=common)
    kept = only(merged(entries(ours), entries(theirs))).replies["1", 1]
    assert kept.earlier == (*common, UNKNOWN_DRAW, grades("U"))


def test_a_branch_that_left_a_reply_alone_takes_the_new_one_of_the_other():
    base = reply("base", accepted=(grades("P"),))
    redrawn = reply("new", earlier=(grades("P"),), recorded="2026-12-01T00:00:00Z")
    for one, other in ((base, redrawn), (redrawn, base)):
        assert only(merged(entries(one), entries(other), entries(base))).replies["1", 1] == redrawn


def test_what_one_branch_dropped_stays_dropped_unless_the_other_recorded_it_anew():
    base = entries(reply("a"), reply("b", "2"))
    dropped = entries(reply("a"))
    assert only(merged(dropped, base, base)).replies.keys() == {("1", 1)}
    assert only(merged(base, dropped, base)).replies.keys() == {("1", 1)}
    anew = entries(reply("a"), reply("c", "2"))
    assert only(merged(dropped, anew, base)).replies["2", 1].body == {"text": "c"}
    assert merged({}, base, base) == {}
    assert merged({}, base) == base


def test_suites_that_accepted_the_same_reply_in_different_branches_are_all_kept():
    ours = entries(reply("a", accepted=(grades("P", "test_x"),)))
    theirs = entries(reply("a", accepted=(grades("F", "test_y"),)))
    assert only(merged(ours, theirs)).replies["1", 1].accepted == (grades("P", "test_x"), grades("F", "test_y"))


def test_verdicts_of_both_branches_are_counted():
    base, ours, theirs = (entries(reply("a"), verdicts=count) for count in (2, 5, 3))
    assert only(merged(ours, theirs, base)).verdicts == 6
    assert only(merged(ours, theirs)).verdicts == 5
    assert only(merged(entries(reply("a"), rules=1), ours)).rules == 1


letters = st.sampled_from("PFU").map(grades)
replies = st.builds(
    reply,
    st.sampled_from("abc"),
    st.sampled_from("12"),
    recorded=st.sampled_from([None, "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"]),
    accepted=st.lists(letters, max_size=1).map(tuple),
    earlier=st.lists(letters, max_size=2).map(tuple),
)
sides = st.lists(replies, min_size=1, max_size=3, unique_by=lambda one: one.slot).map(lambda some: entries(*some))


@given(sides, sides)
def test_the_order_of_the_branches_does_not_matter(ours, theirs):
    assert merged(ours, theirs) == merged(theirs, ours)


@given(sides)
def test_equal_branches_make_the_same(one):
    assert merged(one, one) == one == merged(one, one, one)


@given(sides, sides, st.none() | sides)
def test_no_draw_is_lost_without_a_trace(ours, theirs, base):
    """Each reply of a branch is there, or its place is taken by another that knows of it, or it was there before."""
    found = merged(ours, theirs, base)
    old = {} if base is None else only(base).replies
    for entry in (only(ours), only(theirs)):
        for place, one in entry.replies.items():
            kept = found[entry.identity].replies.get(place) if found else None
            is_old = place in old and old[place].body == one.body
            assert is_old or (kept is not None and (kept.body == one.body or kept.earlier))


def test_only_the_grades_differ_then_the_longer_history_stays():
    one, other = reply("a", earlier=(grades("F"),)), reply("a")
    assert only(merged(entries(one), entries(other))).replies["1", 1] == one
    assert replace(other, earlier=one.earlier) == one
