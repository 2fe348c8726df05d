"""A test of ordinary code: what it will ask is known to nobody before it runs."""

import pytest
from order import Order
from said import ask


@pytest.mark.llm(cases="cases.jsonl")
def test_extracts_the_order(llm_case):
    assert Order.model_validate_json(ask(llm_case["email"])).model_dump() == llm_case.expected
