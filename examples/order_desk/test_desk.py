"""The desk under test, unchanged: whatever it asks is recorded, replayed and counted."""

import json

import pytest
from desk import read_along, take_order

from pytest_llm.graders import json_equals


def nobody(question):
    raise AssertionError(f"the customer was asked: {question}")


@pytest.mark.llm(cases="with_notes.jsonl")
def test_takes_orders_with_the_customers_notes(llm_case, llm_grade, llm_calls):
    record = take_order(llm_case["email"], ask_customer=nobody)
    llm_grade(json_equals(llm_case.expected), record)
    [call] = llm_calls
    assert "Notes:" in call.messages[-1].content


@pytest.mark.llm(cases="incomplete.jsonl")
def test_asks_back_for_the_quantity(llm_case, llm_calls):
    questions = []

    def customer(question):
        questions.append(question)
        return f"{llm_case['quantity']}, please."

    assert take_order(llm_case["email"], customer) == llm_case.expected
    assert questions == ["How many?"]
    assert len(llm_calls) == 2


@pytest.mark.llm(cases="with_notes.jsonl")
def test_shows_the_record_as_it_is_written(llm_case, llm_calls):
    pieces = list(read_along(llm_case["email"]))
    assert len(pieces) > 10
    assert json.loads("".join(pieces))["customer"] == llm_case.expected["customer"]
    [call] = llm_calls
    assert call.response.text == "".join(pieces)
    assert call.usage.total_tokens > 0
