"""A test case of deepeval for each case; its metric compares, and asks nobody."""

import json
from pathlib import Path

import pytest
from deepeval import assert_test
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase
from order import Order
from said import said

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


class Equals(BaseMetric):
    __name__ = "Equals"
    threshold = 1.0

    def measure(self, test_case):
        order = Order.model_validate_json(test_case.actual_output).model_dump()
        self.score = float(order == json.loads(test_case.expected_output))
        self.success = self.score == 1.0
        return self.score

    async def a_measure(self, test_case, **_):
        return self.measure(test_case)

    def is_successful(self):
        return self.success


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_extracts_the_order(case):
    expected = json.dumps(case["expected"])
    assert_test(LLMTestCase(input=case["email"], actual_output=said(case), expected_output=expected), [Equals()])
