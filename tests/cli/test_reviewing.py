"""The parts of a review that need no file: pairing, words, verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from review_project import asked, chat

from pytest_llm.cassettes import Exchange, StoredReply
from pytest_llm.cassettes.document import Entry
from pytest_llm.cassettes.identity import identity_of
from pytest_llm.cli.reviewing.pairing import ChangedCassette, drawn, follow_renames, paired, request_changes
from pytest_llm.cli.reviewing.repository import ChangedFile
from pytest_llm.cli.reviewing.verdicts import ABSENT, Judgement, Reviewed, most_urgent_first, verdict_of
from pytest_llm.cli.reviewing.words import SHORT, Piece, cut, whole, word_difference
from pytest_llm.results import GradeRecord

# -- words ------------------------------------------------------------------------------------------------------------

TEXTS = st.lists(st.sampled_from(["a", "word", " ", "\n", ",", "ü", "12.5", "—"]), max_size=40).map("".join)


@given(TEXTS, TEXTS)
def test_the_pieces_of_each_side_are_its_text(before, now):
    left, right = word_difference(before, now)
    assert "".join(piece.text for piece in left) == before
    assert "".join(piece.text for piece in right) == now


@given(TEXTS, TEXTS)
def test_what_is_the_same_is_the_same_on_both_sides(before, now):
    sides = word_difference(before, now)
    same = [[piece.text for piece in side if piece.kind == "same"] for side in sides]
    assert same[0] == same[1]
    assert (before == now) == all(piece.kind == "same" for side in sides for piece in side)


@pytest.mark.parametrize(
    ("before", "now", "marked"),
    [
        ("due 2025-01-05 noon", "due 2025-02-06 noon", [" 2025-01-05", " 2025-02-06"]),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', [" 2", " 3"]),
        ("the 6, of, May", "a b, c, d", ["the 6, of, May", "a b, c, d"]),
        ("same words", "same words here", [" here"]),
        ("", "all", ["all"]),
    ],
)
def test_whole_words_are_marked_and_no_crumbs_between_them(before, now, marked):
    sides = word_difference(before, now)
    assert [piece.text for side in sides for piece in side if piece.kind == "differs"] == marked


@given(st.text(alphabet="ab \n", min_size=SHORT + 1, max_size=4 * SHORT))
def test_what_is_left_out_of_a_long_text_is_counted(text):
    pieces = whole(text)
    left_out = sum(int(piece.text.split()[1].replace(",", "")) for piece in pieces if piece.kind == "note")
    assert sum(len(piece.text) for piece in pieces if piece.kind != "note") + left_out == len(text)
    assert left_out > 0


def test_the_ends_of_what_is_the_same_are_kept_beside_a_difference():
    same = "".join(f"{number} " for number in range(1_000))
    pieces = cut([Piece("same", same), Piece("differs", "x"), Piece("same", same)])
    assert [piece.kind for piece in pieces] == ["note", "same", "differs", "same", "note"]
    assert pieces[1].text.endswith(" 998 999 ")
    assert pieces[3].text.startswith("0 1 2 ")


def test_many_words_that_differ_are_compared_no_further():
    left, right = word_difference("a b" * 2_000, "c d" * 2_000)
    assert [piece.kind for piece in left] == ["differs", "note", "differs"]
    assert [piece.kind for piece in right] == ["differs", "note", "differs"]


# -- pairing ----------------------------------------------------------------------------------------------------------


def exchange(user, text, *, number=1, system="SYSTEM", slot="1"):
    request = asked(user, system)
    reply = StoredReply(slot=slot, number=number, status=200, latency_ms=None, headers={}, body=chat(text))
    return Exchange(identity=identity_of(request), request=request, reply=reply, source="replayed")


def entries(*exchanges):
    out = {}
    for one in exchanges:
        entry = out.setdefault(one.identity, Entry(one.identity, one.request))
        entry.replies[one.reply.slot, one.reply.number] = one.reply
    return out


def names(pairs, exchanges):
    known = {id(one): name for name, one in exchanges.items()}
    return [(known.get(id(pair.before)), known.get(id(pair.now))) for pair in pairs]


def test_the_same_request_is_paired_first_then_the_most_alike():
    known = {
        "weather": exchange("what is the weather in Rome today", "sunny"),
        "time": exchange("what is the time in Rome now", "noon"),
        "other": exchange("quite another thing", "yes"),
    }
    now = {
        "time+": exchange("what is the time in Rome right now", "noon"),
        "weather+": exchange("what is the weather in Rome this day", "rain"),
        "other=": exchange("quite another thing", "no"),
        "new": exchange("never asked before", "?"),
    }
    pairs = paired(list(known.values()), list(now.values()))
    assert names(pairs, {**known, **now}) == [
        ("time", "time+"),
        ("weather", "weather+"),
        ("other", "other="),
        (None, "new"),
    ]


def test_repeats_of_one_request_are_told_apart_by_their_number():
    old = [exchange("again", "one"), exchange("again", "two", number=2)]
    new = [exchange("again", "two", number=2), exchange("again", "one")]
    assert [(pair.before, pair.now) for pair in paired(old, new)] == [(old[1], new[0]), (old[0], new[1])]


def test_hundreds_of_changed_requests_are_paired_in_their_order():
    old, new = ([exchange(f"{n}", "x", system=system) for n in range(60)] for system in ("OLD", "NEW"))
    assert [(pair.before, pair.now) for pair in paired(old, new)] == list(zip(old, new, strict=True))


def changed(status, path, before=(), now=(), was=None):
    file = ChangedFile(status=status, path=path, before=was, blob=None)
    return ChangedCassette(file=file, before=entries(*before), now=entries(*now))


def test_a_case_under_another_name_is_followed_by_its_request_and_each_is_taken_once():
    old = changed("removed", "c/t/f/old.yaml", before=[exchange("q", "a")])
    new = changed("new", "c/t/f/new.yaml", now=[exchange("q", "b")])
    copy = changed("new", "c/t/f/copy.yaml", now=[exchange("q", "c")])
    other = changed("removed", "c/t/f/other.yaml", before=[exchange("r", "a")])
    found = follow_renames([copy, new, old, other])
    assert [(one.file.path, one.file.status) for one in found] == [
        ("c/t/f/copy.yaml", "renamed"),
        ("c/t/f/new.yaml", "new"),
        ("c/t/f/other.yaml", "removed"),
    ]
    assert found[0].before == old.before


def test_only_samples_that_differ_are_drawn_and_samples_are_numbers():
    old = [exchange("q", f"answer {n}", slot=str(n)) for n in (1, 2, 10)]
    new = [*old[:2], exchange("q", "other", slot="10")]
    found = drawn(changed("changed", "c/t/f/x.yaml", old, new, "c/t/f/x.yaml"), {})
    assert [(one.sample, one.says_the_same) for one in found] == [(10, False)]


def test_one_change_of_many_requests_is_told_once_and_its_consequences_never():
    def case(name, first, system):
        ask = exchange("first", first, system=system)
        return [ask, exchange(f"you said {first}", "then", system=system)] if name != "b" else [ask]

    samples = []
    for name in "abc":
        cassette = changed(
            "changed", f"{name}/cassettes/test_m/test_f/{name}.yaml", case(name, "x", "OLD"), case(name, "y", "NEW")
        )
        samples += drawn(cassette, {})
    (change,) = request_changes(samples)
    assert change.heading == 'system message "OLD" → "NEW"'
    assert (change.total, list(change.tests)) == (3, [f"{name}/test_m.py::test_f" for name in "abc"])


# -- verdicts ---------------------------------------------------------------------------------------------------------


def judged(outcome, why="", **grades):
    records = [
        GradeRecord(name=name, score=value) if isinstance(value, float) else GradeRecord(name=name, passed=value)
        for name, value in grades.items()
    ]
    return Judgement(outcome=outcome, grades=tuple(records), why=why)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (judged("passed"), judged("failed"), "worse"),
        (judged("passed"), judged("error"), "worse"),
        (judged("passed"), judged("ungraded"), "worse"),
        (judged("failed"), judged("passed"), "better"),
        (judged("failed"), judged("ungraded"), "better"),
        (judged("failed"), judged("error"), "same"),
        (judged("passed", a=True), judged("passed", a=True), "same"),
        (judged("failed", a=False, b=False), judged("failed", a=True, b=False), "better"),
        (judged("failed", a=False, b=True), judged("failed", a=True, b=False), "changed"),
        (judged("failed", a=False, b=True), judged("failed", a=None, b=None), "changed"),
        (judged("passed", a=0.5), judged("passed", a=0.7), "changed"),
        (judged("passed", a=0.5, b=True), judged("failed", a=0.7, b=False), "worse"),
        (judged("passed", a=True), judged("passed", a=True, only_now=False), "same"),
        (judged(None), judged("failed"), "not known"),
        (judged(None, a=True), judged("failed", a=True), "not known"),
        (judged(None, a=True), judged("failed", a=False), "worse"),
        (judged(None, a=False), judged(None, a=True), "better"),
    ],
)
def test_what_became_of_the_grades(before, now, verdict):
    assert verdict_of(before, now) == verdict


def reviewed(name, before, now, status="changed"):
    text = {"same": "x"}.get(name, name)
    path = f"cassettes/t/f/{name}.yaml"
    cassette = changed(status, path, [exchange("q", "x")], [exchange("q", text)], path)
    cassette = cassette if name != "same" else changed(status, path, [exchange("p", "x")], [exchange("q", "x")], path)
    (one,) = drawn(cassette, {})
    return Reviewed(drawn=one, before=before, now=now)


def test_what_needs_a_look_comes_first_and_the_same_is_folded():
    passed, failed, unknown = judged("passed"), judged("failed"), judged(None, why="?")
    given_ = [
        reviewed("removed", passed, ABSENT, "removed"),
        reviewed("same", passed, passed),
        reviewed("words", passed, passed),
        reviewed("new", ABSENT, passed, "new"),
        reviewed("unknown", unknown, unknown),
        reviewed("better", failed, passed),
        reviewed("scores", judged("passed", a=0.1), judged("passed", a=0.2)),
        reviewed("new-and-failed", ABSENT, failed, "new"),
        reviewed("worse", passed, failed),
    ]
    found = most_urgent_first(given_)
    assert [one.drawn.file.path.split("/")[-1].removesuffix(".yaml") for one in found] == [
        "worse",
        "new-and-failed",
        "scores",
        "better",
        "unknown",
        "new",
        "same",
        "words",
        "removed",
    ]
    assert [one.is_folded for one in found] == [False] * 6 + [True, False, False]
