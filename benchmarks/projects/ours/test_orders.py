import pytest
from prompts import extract_order

from pytest_llm.graders import equals_expected


@pytest.mark.llm(extract_order, cases="cases.jsonl", graders=[equals_expected()])
def test_extracts_the_order(llm_response): ...
