"""Does the model extract orders? 120 e-mails, three draws each, recorded from a real model."""

import pytest
from prompts import extract_order

from pytest_llm.graders import equals_expected, fields_match


@pytest.mark.llm(extract_order, cases="orders.jsonl", samples=3, graders=[equals_expected(), fields_match()])
def test_extracts_the_order(llm_response): ...
