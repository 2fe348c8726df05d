"""The same work by hand, in one test with a pool of threads."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from order import Order
from said import said

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


def test_extracts_the_orders():
    with ThreadPoolExecutor(int(os.environ["CONCURRENCY"])) as pool:
        texts = list(pool.map(said, CASES))
    assert [Order.model_validate_json(text).model_dump() for text in texts] == [case["expected"] for case in CASES]
