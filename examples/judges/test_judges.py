"""A judge that decides, one that is found out before it can, and vectors. Recorded; see README.md."""

import json

import pytest
from priorities import alike, priority_fits, read_order, too_small

from pytest_llm.errors import JudgeUnfit


@pytest.mark.llm(read_order, cases="orders.jsonl", graders=[priority_fits])
def test_reads_the_priority(llm_response): ...


@pytest.mark.llm(read_order, cases="one.jsonl")
def test_a_model_that_knows_only_orders_is_no_judge(llm_response, llm_grade):
    with pytest.raises(JudgeUnfit, match="is wrong about"):
        llm_grade(too_small, llm_response)


@pytest.mark.llm(read_order, cases="orders.jsonl")
def test_how_near_the_reply_is_to_the_record(llm_response, llm_case, llm_grade):
    grade = llm_grade(alike(json.dumps(llm_case.expected)), llm_response, required=False)
    assert grade.score is not None
