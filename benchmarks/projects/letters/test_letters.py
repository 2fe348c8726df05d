import pytest
from prompts import answer_letter


@pytest.mark.llm(answer_letter, cases="cases.jsonl")
def test_answers(llm_response, llm_case):
    assert llm_response.text.startswith(llm_case["email"])
