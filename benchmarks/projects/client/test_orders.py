"""The same work by hand, through the openai client, under our marker."""

import json
from pathlib import Path

import openai
import pytest
from order import Order

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
SYSTEM = (HERE / "system.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def client():
    # The address that was recorded; for ours any would do.
    address = (HERE / "address.txt").read_text(encoding="utf-8")
    return openai.OpenAI(base_url=address, api_key="none", max_retries=0)


@pytest.mark.llm
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_extracts_the_order(client, case):
    reply = client.chat.completions.create(
        model="scripted",
        messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": case["email"]}],
        temperature=0.7,
        max_tokens=160,
    )
    assert Order.model_validate_json(reply.choices[0].message.content).model_dump() == case["expected"]
