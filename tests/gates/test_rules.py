"""Whose failure it is: the item's, or the suite's to judge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gate_samples import baseline, confirming, graded, line, results

import pytest_llm.gates
from pytest_llm.gates.arms import letters_of
from pytest_llm.gates.rules import excuse
from pytest_llm.results import GradeRecord, MissRecord


def item(letter, number=1, prompt="new", **more):
    (one,) = results({"a": letter}, first=number, prompt=prompt, **more)
    return one


BASE = baseline({"a": "PFU"})


def test_with_the_replies_of_the_baseline_an_item_has_to_do_what_it_did():
    assert excuse(item("F", 1, "old"), BASE, BASE) == ""
    assert "when the baseline was accepted" in excuse(item("F", 2, "old"), BASE, BASE)
    assert "when the baseline was accepted" in excuse(item("U", 3, "old"), BASE, BASE)
    assert excuse(item("F", 3, "old"), BASE, BASE) == ""


def test_with_other_replies_the_suite_decides():
    assert "the suite decides" in excuse(item("F"), BASE, BASE)
    assert "the suite decides" in excuse(item("F", 9, "old"), BASE, BASE)
    assert "the suite decides" in excuse(confirming({"a": "F"})[0], BASE, BASE)


def test_what_nobody_else_judges_fails_by_itself():
    assert excuse(item("F"), None, None) == ""
    assert excuse(replace(item("F"), line="other"), BASE, BASE) == ""
    assert excuse(replace(item("F"), case_digest="edited"), BASE, BASE) == ""
    assert excuse(item("F", prompt="newer"), None, BASE) == ""
    assert excuse(replace(item("F"), critical=True), BASE, BASE) == ""
    assert excuse(item("E"), BASE, BASE) == ""
    assert excuse(item("P"), BASE, BASE) == ""
    assert excuse(replace(item("F"), miss=MissRecord(kind="stale")), BASE, BASE) == ""


def test_what_this_change_accepts_is_excused():
    head = baseline({"a": line("FFF", prompt="new"), "b": line("F", prompt="new")})
    assert "accepted" in excuse(item("F"), BASE, head)
    assert "accepted" in excuse(replace(item("F"), line="b"), BASE, head)
    code_changed = baseline({"a": "FFU"})
    assert "accepted" in excuse(item("F", 1, "old"), BASE, code_changed)
    assert "accepted" in excuse(item("F"), None, head)


def test_letters():
    told = graded(item("P"), polite=True, right=False, style=None)
    assert letters_of(told) == {"outcome": "P", "polite": "P", "right": "F", "style": "U"}
    measured = replace(item("P"), grades=(GradeRecord(name="close", score=0.5),))
    assert letters_of(measured) == {"outcome": "P"}
    twice = replace(
        item("F"),
        grades=(GradeRecord(name="a", passed=True), GradeRecord(name="a", passed=False), GradeRecord(name="a")),
    )
    assert letters_of(twice) == {"outcome": "F", "a": "F"}
    assert letters_of(replace(item("F"), unkept=1))["outcome"] == "E"


def test_the_room_s_names_are_loaded_on_first_use():
    assert set(pytest_llm.gates._FILES) <= set(dir(pytest_llm.gates))
    for name in pytest_llm.gates._FILES:
        assert getattr(pytest_llm.gates, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pytest_llm.gates.nonsense
