"""Baseline files: read back exactly, one line a case, and refused with a reason when they are not what was written."""

from __future__ import annotations

import contextlib
import difflib
import json
from dataclasses import replace

import pytest
from gate_samples import baseline, line, results
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import BaselineError
from pytest_llm.gates.arms import scores_of
from pytest_llm.gates.baseline import (
    Anchor,
    AnchorLine,
    Baseline,
    Earlier,
    Line,
    read_baseline,
    succeeded,
    write_baseline,
)
from pytest_llm.results import GradeRecord

letters = st.text("PFU", min_size=1, max_size=5)
texts = st.text(max_size=12)
scores = st.none() | st.floats(0, 1)


@st.composite
def lines(draw):
    grades = draw(letters)
    size = len(grades)
    digests = st.lists(texts, min_size=size, max_size=size).map(tuple)
    other = draw(st.dictionaries(texts, st.text("PFU", min_size=size, max_size=size), max_size=2))
    scored = st.lists(scores, min_size=size, max_size=size).map(tuple)
    return Line(
        case=draw(texts),
        requests=draw(digests),
        replies=draw(digests),
        recordings=draw(digests),
        grades={**other, "outcome": grades},
        scores=draw(st.dictionaries(texts, scored, max_size=2)),
        history=draw(st.dictionaries(texts, letters, max_size=2)),
        score_history=draw(st.dictionaries(texts, st.lists(scores, max_size=3).map(tuple), max_size=2)),
        draws=draw(st.integers(0, 9)),
        sample_draws=draw(
            st.just(()) | st.lists(st.none() | st.integers(1, 9), min_size=size, max_size=size).map(tuple)
        ),
        group=draw(st.none() | texts),
        models=draw(st.lists(texts, max_size=2).map(tuple)),
        single_draw=draw(st.booleans()),
        single_draws=draw(st.just(()) | st.lists(st.booleans(), min_size=size, max_size=size).map(tuple)),
    )


def anchor_line(line):
    names = ("case", "recordings", "grades", "scores", "single_draw")
    return AnchorLine(**{name: getattr(line, name) for name in names})


anchors = st.builds(
    Anchor, note=texts, subject=texts, lines=st.dictionaries(texts, lines().map(anchor_line), max_size=2)
)
baselines = st.builds(
    Baseline,
    suite=texts,
    test=texts,
    lines=st.dictionaries(texts, lines(), max_size=4),
    instrument=st.dictionaries(texts, texts, max_size=2),
    context=texts,
    note=texts,
    earlier=st.lists(
        st.builds(Earlier, note=texts, subject=texts, passed=st.integers(0, 9), graded=st.integers(0, 9)), max_size=2
    ).map(tuple),
    removed=st.dictionaries(texts, lines(), max_size=2),
    renamed_from=texts,
    anchor=st.none() | anchors,
)


@given(baselines)
def test_whatever_is_written_reads_back(one):
    text = write_baseline(one)
    assert read_baseline(text, "b.json") == one
    assert write_baseline(read_baseline(text, "b.json")) == text
    text.encode()


GOOD = write_baseline(
    baseline({"a": line("PFP"), "b": line("PPP", history={"outcome": "PP"}, draws=2, models=("m",))}, note="why")
)


def test_the_file_is_meant_to_be_read_in_a_diff():
    assert GOOD == (
        '{\n "version": 2,\n "suite": "orders",\n "test": "",\n "note": "why",\n'
        ' "instrument": {"schema": "a"},\n "context": "",\n "earlier": [],\n "cases": {\n'
        '  "a": {"case": "case", "requests": ["old", "old", "old"], "replies": ["old 1 1", "old 1 2", "old 1 3"], '
        '"recordings": ["old 1 1", "old 1 2", "old 1 3"], '
        '"grades": {"outcome": "PFP"}},\n'
        '  "b": {"case": "case", "requests": ["old", "old", "old"], "replies": ["old 1 1", "old 1 2", "old 1 3"], '
        '"recordings": ["old 1 1", "old 1 2", "old 1 3"], '
        '"grades": {"outcome": "PPP"}, "history": {"outcome": "PP"}, "draws": 2, "models": ["m"]}\n'
        ' },\n "removed": {}\n}\n'
    )
    changed = write_baseline(baseline({"a": line("PFP"), "b": line("PPF")}, note="why"))
    old, new = GOOD.splitlines(), changed.splitlines()
    assert sum(one[0] in "+-" for one in difflib.ndiff(old, new)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("[]", "has version None; this release reads 1 and 2"),
        (GOOD.replace('"version": 2', '"version": 3'), "has version 3; this release reads 1 and 2"),
        (GOOD.replace("{\n", "{\n<<<<<<< HEAD\n", 1), "merge conflict"),
        (GOOD.replace('"b": {', '"a": {'), "'a' is there twice"),
        (GOOD.replace('"draws": 2', '"draws": -2'), "case 'b' of the baseline is mangled: ValueError: -2 is no count"),
        (GOOD.replace('"draws": 2', '"draws": true'), "True is no count"),
        (GOOD.replace('"outcome": "PFP"', '"outcome": "PXP"'), "'PXP' are no grades"),
        (GOOD.replace('"outcome": "PFP"', '"outcome": "PF"'), "one entry a sample"),
        (GOOD.replace('"outcome": "PFP"', '"tone": "PFP"'), "one entry a sample"),
        (GOOD.replace('"requests": ["old", "old", "old"]', '"requests": []', 1), "one entry a sample"),
        (GOOD.replace('"requests": ["old", "old", "old"]', '"requests": "old"', 1), "is no list"),
        (GOOD.replace('"case": "case", ', "", 1), "KeyError: 'case'"),
        (GOOD.replace('"case": "case"', '"case": 3', 1), "3 is no text"),
        (GOOD.replace('"suite": "orders"', '"suite": null'), "the baseline is mangled: TypeError: None is no text"),
        (GOOD.replace('"earlier": []', '"earlier": [{"note": "x", "subject": "y", "outcome": [1]}]'), "IndexError"),
        (GOOD[:200], "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_damaged_file_says_what_is_wrong_and_how_to_mend_it(text, said):
    with pytest.raises(BaselineError) as caught:
        read_baseline(text, "t/b.json")
    assert said in str(caught.value)
    assert "t/b.json" in str(caught.value)
    assert "git checkout" in str(caught.value) or "install" in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_a_baseline_or_a_clear_error(text):
    with contextlib.suppress(BaselineError):
        read_baseline(text, "b.json")


@given(st.data())
def test_a_file_with_anything_in_place_of_a_value_is_a_baseline_or_a_clear_error(data):
    tree = json.loads(GOOD)
    spots = [(tree, key) for key in tree] + [(tree["cases"]["b"], key) for key in tree["cases"]["b"]]
    holder, key = data.draw(st.sampled_from(spots))
    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    holder[key] = data.draw(values | st.lists(values) | st.dictionaries(st.text(), values))
    with contextlib.suppress(BaselineError):
        assert read_baseline(json.dumps(tree), "b.json")


# -- one after another --------------------------------------------------------------------------------------------


def test_an_update_goes_on_from_what_was_there():
    first = succeeded(None, baseline({"a": line("PPP"), "gone": line("FFF")}, note="first"))
    second = succeeded(first, baseline({"a": line("PFP", prompt="new")}, note="shorter"))
    assert (first.version, second.version) == (1, 2)
    assert second.earlier == (Earlier(note="first", subject=first.subject, passed=3, graded=6),)
    assert second.removed == {"gone": first.lines["gone"]}
    assert second.lines["a"].history == {}
    back = succeeded(second, baseline({"a": line("PFP", prompt="new"), "gone": line("FFF")}, note="back"))
    assert not back.removed


def test_an_update_with_nothing_new_is_no_version():
    first = baseline({"a": line("PPP")}, note="first")
    assert succeeded(first, replace(first, note="")) == first
    assert succeeded(first, first) == first
    assert succeeded(first, replace(first, note="said again")).version == 2


def test_another_draw_of_the_same_requests_adds_to_the_history_up_to_twenty():
    now = baseline({"a": line("PFP")}, note="1")
    for draw in range(2, 12):
        now = succeeded(now, baseline({"a": line("PPP", draw=draw)}, note=str(draw)))
    history = now.lines["a"].history["outcome"]
    assert (len(history), now.lines["a"].draws) == (20, 11)
    assert succeeded(now, replace(now, note="x")).lines["a"] == now.lines["a"]


def test_grades_of_another_instrument_are_no_earlier_draws():
    lenient = baseline({"a": line("PPP")})
    strict = replace(baseline({"a": line("FFF", draw=2)}), instrument={"schema": "stricter"})
    assert succeeded(lenient, strict).lines["a"].history == {}
    edited = replace(baseline({"a": line("FFF", draw=2)}), context="other code")
    assert succeeded(lenient, edited).lines["a"].history == {}


def test_only_what_was_drawn_again_becomes_history():
    base = line("PFP")
    more = replace(line("PFPPP"), recordings=(*base.recordings, "x", "y"))
    after = succeeded(baseline({"a": base}), baseline({"a": more}))
    assert after.lines["a"].history == {}
    fewer = replace(line("P"), recordings=base.recordings[:1])
    assert succeeded(baseline({"a": base}), baseline({"a": fewer})).lines["a"].history == {"outcome": "FP"}
    other_case = succeeded(baseline({"a": base}), baseline({"a": line("PPP", draw=2, case="edited")}))
    assert other_case.lines["a"].history == {}


# -- version 2 ----------------------------------------------------------------------------------------------------

LATEST = write_baseline(
    succeeded(
        None,
        baseline(
            {
                "a": line("PFP", scores={"tone": (0.5, None, 1.0)}, sample_draws=(1, None, 3), group="gull"),
                "b": line("PPP"),
            },
            note="first",
        ),
    )
)


def test_the_lines_of_the_anchor_are_read_in_a_diff_too():
    assert LATEST.endswith(
        '"grades": {"outcome": "PPP"}}\n },\n "removed": {},\n'
        ' "anchor": {\n  "note": "first",\n  "subject": "' + read_baseline(LATEST, "").subject + '",\n  "cases": {\n'
        '   "a": {"case": "case", "recordings": ["old 1 1", "old 1 2", "old 1 3"], "grades": {"outcome": "PFP"}, '
        '"scores": {"tone": [0.5, null, 1.0]}},\n'
        '   "b": {"case": "case", "recordings": ["old 1 1", "old 1 2", "old 1 3"], "grades": {"outcome": "PPP"}}\n'
        "  }\n }\n}\n"
    )
    assert '"scores": {"tone": [0.5, null, 1.0]}, "sample_draws": [1, null, 3], "group": "gull"}' in LATEST


def test_a_file_of_version_1_says_nothing_of_what_it_does_not_hold():
    text = LATEST.partition(' "anchor"')[0].rstrip(",\n") + "\n}\n"
    for old, new in (('"version": 2', '"version": 1'), ('"scores": {"tone": [0.5, null, 1.0]}, ', "")):
        text = text.replace(old, new)
    text = text.replace(', "sample_draws": [1, null, 3], "group": "gull"', "")
    found = read_baseline(text, "b.json")
    assert found.anchor is None
    assert found.lines["a"] == line("PFP")
    assert (found.lines["a"].scores, found.lines["a"].sample_draws, found.lines["a"].group) == ({}, (), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LATEST[: len(LATEST) // 2], "cannot be read"),
        (LATEST.replace('"version": 2', '"version": true'), "has version True"),
        (LATEST.replace('"version": 2', '"version": 2, "version": 2'), "'version' is there twice"),
        (LATEST.replace(' "anchor": {', ' "cases": {}, "anchor": {'), "'cases' is there twice"),
        (LATEST.replace("\n   ", "\n<<<<<<< HEAD\n   "), "merge conflict"),
        (LATEST.replace("[0.5, null, 1.0]", "[0.5, null]", 1), "one entry a sample"),
        (LATEST.replace("[0.5, null, 1.0]", "[0.5, null, 1.5]", 1), "1.5 is no score: a number from 0 to 1, or null"),
        (LATEST.replace("[0.5, null, 1.0]", "[0.5, null, NaN]", 1), "nan is no score"),
        (LATEST.replace("[0.5, null, 1.0]", "[0.5, null, true]", 1), "True is no score"),
        (LATEST.replace("[0.5, null, 1.0]", "0.5", 1), "0.5 is no list"),
        (LATEST.replace("[1, null, 3]", "[1, null]"), "one entry a sample"),
        (LATEST.replace("[1, null, 3]", "[1, null, 0]"), "0 is not a count of draws: at least 1, or null"),
        (LATEST.replace("[1, null, 3]", "[1, null, 2.5]"), "2.5 is no count"),
        (LATEST.replace('"group": "gull"', '"group": 3'), "3 is no text"),
        (LATEST.replace('"note": "first",\n  "subject"', '"subject"'), "the baseline is mangled: KeyError: 'note'"),
        (LATEST.replace('"anchor": {', '"anchor": [], "other": {'), "the baseline is mangled"),
        ("PFU".join(LATEST.rsplit("PFP", 1)).replace("PFU", "PF"), "case 'a' of the baseline is mangled: ValueError"),
        ('"grades": {}'.join(LATEST.rsplit('"grades": {"outcome": "PPP"}', 1)), "case 'b' of the baseline is mangled"),
    ],
)
def test_a_damaged_file_of_version_2_is_one_error_that_advises_no_deletion(text, said):
    with pytest.raises(BaselineError) as caught:
        read_baseline(text, "t/b.json")
    assert said in str(caught.value)
    assert " rm " not in str(caught.value)
    if "has version" not in said:
        assert "  restore     git checkout -- t/b.json" in str(caught.value)
        assert '  then accept pytest --llm-baseline=update --llm-note "why"' in str(caught.value)


@given(st.data())
def test_a_file_of_version_2_with_anything_in_place_of_a_value_is_a_baseline_or_a_clear_error(data):
    tree = json.loads(LATEST)
    holders = [tree, tree["cases"]["a"], tree["cases"]["a"]["scores"], tree["anchor"], tree["anchor"]["cases"]["a"]]
    holder, key = data.draw(st.sampled_from([(holder, key) for holder in holders for key in holder]))
    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    holder[key] = data.draw(values | st.lists(values) | st.dictionaries(st.text(), values))
    with contextlib.suppress(BaselineError):
        assert read_baseline(json.dumps(tree), "b.json")


def test_the_anchor_is_the_first_baseline_of_the_instrument_and_survives_updates():
    first = succeeded(None, baseline({"a": line("PPP")}, note="first"))
    assert first.anchor == Anchor(note="first", subject=first.subject, lines={"a": anchor_line(line("PPP"))})
    second = succeeded(first, baseline({"a": line("PFP", prompt="new")}, note="shorter"))
    third = succeeded(second, baseline({"a": line("FFP", prompt="newer")}, note="shorter still"))
    assert (second.anchor, third.anchor) == (first.anchor, first.anchor)


def test_another_instrument_has_another_anchor():
    first = succeeded(None, baseline({"a": line("PPP")}, note="first"))
    strict = replace(baseline({"a": line("FFF")}, note="stricter"), instrument={"schema": "stricter"})
    second = succeeded(first, strict)
    assert second.anchor == Anchor(note="stricter", subject=strict.subject, lines={"a": anchor_line(line("FFF"))})
    edited = replace(baseline({"a": line("FFF", draw=2)}, note="code"), context="other code")
    assert succeeded(first, edited).anchor == first.anchor


def test_a_case_that_came_later_is_anchored_where_it_came_and_one_that_is_gone_stays():
    first = succeeded(None, baseline({"a": line("PPP"), "gone": line("PFF"), "edited": line("PPP")}, note="first"))
    later = {"a": line("FPP", draw=2), "new": line("PPF"), "edited": line("FFF", case="other")}
    second = succeeded(first, baseline(later, note="second"))
    assert {key: one.grades["outcome"] for key, one in second.anchor.lines.items()} == {
        "a": "PPP",
        "gone": "PFF",
        "edited": "FFF",
        "new": "PPF",
    }
    assert (second.anchor.note, second.anchor.subject) == (first.anchor.note, first.anchor.subject)


def test_of_a_baseline_of_version_1_the_oldest_lines_that_are_known_become_the_anchor():
    old = baseline({"a": line("PPP")}, note="first")
    assert succeeded(old, replace(old, note="")) is old
    after = succeeded(old, baseline({"a": line("PFP", draw=2)}, note="second"))
    assert after.anchor == Anchor(note="first", subject=old.subject, lines={"a": anchor_line(line("PPP"))})


def test_scores_of_earlier_draws_become_history_beside_the_letters():
    first = baseline({"a": line("PFP", scores={"tone": (0.1, None, 0.3), "gone": (1.0, 1.0, 1.0)})})
    again = replace(line("PPP", scores={"tone": (0.1, 0.5, 0.6)}), recordings=("old 1 1", "x", "y"))
    after = succeeded(first, baseline({"a": again}, note="again"))
    assert after.lines["a"].history == {"outcome": "FP"}
    assert after.lines["a"].score_history == {"tone": (None, 0.3)}
    for draw in range(2, 12):
        after = succeeded(
            after, baseline({"a": line("PPP", draw=draw, scores={"tone": (0.0, 0.0, draw / 20)})}, note="")
        )
    assert len(after.lines["a"].score_history["tone"]) == 20
    assert after.lines["a"].score_history["tone"][-1] == 0.5


@pytest.mark.parametrize(
    ("then", "now", "counts"),
    [
        ((1, 2, None), (), (1, None, None)),  # drawn anew, and nobody knows how often
        ((1, 2, None), (1, 1, 1), (1, 3, None)),  # the recording was removed, and drawn anew
        ((1, 2, None), (1, 7, 1), (1, 7, None)),
        ((), (1, 1, 1), ()),  # of version 1: unknown, and not one
        ((), (), ()),
    ],
)
def test_what_was_unknown_of_a_sample_stays_unknown_while_it_asks_the_same(then, now, counts):
    before = baseline({"a": line("PPP", sample_draws=then)})
    again = replace(line("PPP", sample_draws=now), recordings=("old 1 1", "x", "y"))
    assert succeeded(before, baseline({"a": again}, note="again")).lines["a"].sample_draws == counts


def test_a_request_that_is_new_is_counted_as_its_run_counted_it():
    before = baseline({"a": line("PP")})
    more = line("PPP", sample_draws=(1, 1, 1))
    assert succeeded(before, baseline({"a": more}, note="more")).lines["a"].sample_draws == (None, None, 1)
    other = line("PP", prompt="new", sample_draws=(1, 1))
    assert succeeded(before, baseline({"a": other}, note="other")).lines["a"].sample_draws == (1, 1)
    fewer = replace(line("P", sample_draws=()), recordings=("x",))
    assert succeeded(baseline({"a": more}), baseline({"a": fewer}, note="fewer")).lines["a"].sample_draws == ()


def test_scores_are_those_of_every_grader_that_gives_one():
    def scored(*grades):
        return scores_of(replace(results({"a": "P"})[0], grades=grades))

    tone = GradeRecord(name="tone", score=2 / 3)
    assert scored() == {}
    assert scored(tone, GradeRecord(name="exact", passed=True)) == {"tone": 0.666667, "exact": None}
    assert scored(GradeRecord(name="tone", score=0.9, passed=True)) == {"tone": 0.9}
    assert scored(tone, replace(tone, score=0.5), replace(tone, score=0.7)) == {"tone": 0.5}
    assert scored(tone, replace(tone, score=None), replace(tone, score=0.7)) == {"tone": None}
