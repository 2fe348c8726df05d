"""The same work by hand: ask, read, compare."""

import json
from pathlib import Path

import pytest
from order import Order
from said import said

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_extracts_the_order(case):
    assert Order.model_validate_json(said(case)).model_dump() == case["expected"]
