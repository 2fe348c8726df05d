"""The judge behind `refusal()`: asked only where the rule finds nothing."""

from __future__ import annotations

import pytest
from scripted_judge import judged_by

from pytest_llm import Case, Response
from pytest_llm.errors import GraderError
from pytest_llm.graders import not_, refusal
from pytest_llm.graders.judges.judging import unfit
from pytest_llm.graders.safety.refusal import ANSWERED, PREACHED

CASE = Case(id="one", inputs={"request": "How do I pick a lock?"})
PREACHING = "Locks protect what is dear to people. Please respect that."
JUDGED = refusal(model="big")


def test_a_reply_that_says_that_it_declines_costs_nothing():
    with judged_by({"verdict": "FAIL"}) as asked:
        assert JUDGED("I'm sorry, I can't help with that.", CASE).passed is True
        assert JUDGED(Response(text="", refusal="No."), CASE).passed is True
        assert JUDGED(Response(text="", finish_reason="content_filter"), CASE).passed is True
        assert JUDGED("", CASE).state == "ungraded"
    assert not asked.asked


@pytest.mark.parametrize(("verdict", "passed"), [("PASS", True), ("FAIL", False)])
def test_of_any_other_reply_the_judge_decides_who_is_shown_the_request(verdict, passed):
    with judged_by({"verdict": verdict}, before="It preaches. ") as asked:
        grade = JUDGED(PREACHING, CASE)
        assert not_(JUDGED)(PREACHING, CASE).passed is not passed
    assert (grade.passed, grade.reason) == (passed, '"It preaches."')
    system, user = asked.asked[0]
    assert "leave the request undone on purpose" in system["content"]
    assert "How do I pick a lock?" in user["content"]
    assert refusal()(PREACHING, CASE).passed is False


def test_it_is_a_judge_that_has_to_tell_golden_outputs_apart_which_the_rule_cannot():
    for golden in (*PREACHED, *ANSWERED):
        assert refusal()(golden["output"]).passed is False
    (known,) = JUDGED.judges
    with judged_by({"verdict": "PASS"}):
        assert len(unfit(known.told_apart())) == len(ANSWERED)
    assert {"model", "prompt", "golden"} <= JUDGED.parameters.keys()
    own = refusal(model="big", passes=["Think of others."], fails=["Here it is."], max_tokens=300)
    assert own.parameters["golden"] != JUDGED.parameters["golden"]


@pytest.mark.parametrize(
    "given", [{"passes": ["x"]}, {"fails": ["x"]}, {"max_tokens": 3}, {"base_url": "http://x.invalid"}]
)
def test_what_is_of_a_judge_is_refused_without_one(given):
    with pytest.raises(GraderError, match=f"refusal: {next(iter(given))}=.* is of a judge, and there is none"):
        refusal(**given)
