"""One data set, evaluated in one test; pydantic-evals has no item for a case."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from order import Order
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Evaluator
from said import asaid

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


@dataclass
class Equals(Evaluator):
    def evaluate(self, ctx):
        return Order.model_validate_json(ctx.output).model_dump() == ctx.expected_output


def test_extracts_the_orders():
    cases = [Case(name=case["id"], inputs=case, expected_output=case["expected"]) for case in CASES]
    dataset = Dataset(name="orders", cases=cases, evaluators=[Equals()])
    concurrency = int(os.environ.get("CONCURRENCY", "0")) or None
    report = dataset.evaluate_sync(asaid, max_concurrency=concurrency, progress=False)
    assert len(report.cases) == len(CASES)
    assert all(case.assertions["Equals"].value for case in report.cases)
