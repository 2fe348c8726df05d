"""What is left of the work when nothing is asked, three times for each case: read the text, compare."""

import json
from pathlib import Path

import pytest
from order import Order

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("_sample", range(3))
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_extracts_the_order(case, _sample):
    assert Order.model_validate_json(case["text"]).model_dump() == case["expected"]
