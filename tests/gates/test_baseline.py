"""Baseline files: read back exactly, one line a case, and refused with a reason when they are not what was written."""

from __future__ import annotations

import contextlib
import difflib
import json
from dataclasses import replace

import pytest
from gate_samples import baseline, line
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import BaselineError
from pytest_llm.gates.baseline import Baseline, Earlier, Line, read_baseline, succeeded, write_baseline

letters = st.text("PFU", min_size=1, max_size=5)
texts = st.text(max_size=12)


@st.composite
def lines(draw):
    grades = draw(letters)
    size = len(grades)
    digests = st.lists(texts, min_size=size, max_size=size).map(tuple)
    other = draw(st.dictionaries(texts, st.text("PFU", min_size=size, max_size=size), max_size=2))
    return Line(
        case=draw(texts),
        requests=draw(digests),
        replies=draw(digests),
        recordings=draw(digests),
        grades={**other, "outcome": grades},
        history=draw(st.dictionaries(texts, letters, max_size=2)),
        draws=draw(st.integers(0, 9)),
        models=draw(st.lists(texts, max_size=2).map(tuple)),
        single_draw=draw(st.booleans()),
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
