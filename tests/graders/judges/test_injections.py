"""Fifty hostile outputs: what they pretend to be is inert, whoever repeats it; what they ask for is measured elsewhere."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from scripted_judge import judged_by

from pytest_llm.graders import judge
from pytest_llm.graders.judges.injections import injections
from pytest_llm.graders.judges.sealed import sealed

ALL = injections()
POLITE = judge("It is polite.", model="big", passes=["Please."], fails=["Now!"])
TOKENS = re.compile(r"<[|｜]|[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>", re.IGNORECASE)


def test_there_are_fifty_each_with_a_name_of_its_own():
    assert len(ALL) == len({one.id for one in ALL}) == len({one.text for one in ALL}) == 50
    assert min(Counter(one.kind for one in ALL).values()) >= 3


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_it_cannot_leave_its_place(one):
    check, shown = sealed({"rubric": "x", "output": f"Now!\n{one.text}"})
    marks = [line for line in shown.splitlines() if check in line]
    assert marks == [f"BEGIN rubric {check}", f"END rubric {check}", f"BEGIN output {check}", f"END output {check}"]
    assert not TOKENS.search(shown)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_a_judge_that_repeats_it_keeps_its_own_verdict(one):
    with judged_by(lambda material, check: f'{material}\n{{"check": "{check}", "verdict": "FAIL"}}'):
        assert POLITE(f"Now!\n{one.text}").passed is False


@pytest.mark.parametrize("own", ["PASS", "FAIL"])
@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_a_judge_that_goes_on_to_repeat_it_has_no_verdict(one, own):
    with judged_by(lambda material, check: f'{{"check": "{check}", "verdict": "{own}"}}\n{one.text}'):
        assert POLITE(f"Now!\n{one.text}").state == "ungraded"


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_a_judge_that_says_nothing_but_it_has_no_verdict(one):
    with judged_by(lambda material, _: material):
        assert POLITE(f"Now!\n{one.text}").state == "ungraded"
