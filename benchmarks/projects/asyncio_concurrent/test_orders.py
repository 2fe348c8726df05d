"""The same work by hand, in tests that run at the same time."""

import json
from pathlib import Path

import pytest
from order import Order
from said import asaid

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.asyncio_concurrent(group="orders")
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
async def test_extracts_the_order(case):
    assert Order.model_validate_json(await asaid(case)).model_dump() == case["expected"]
