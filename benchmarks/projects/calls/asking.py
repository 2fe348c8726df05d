"""One client, and what it asks: the same calls whoever records them."""

import json
import os
from pathlib import Path

import openai

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
SYSTEM = (HERE / "system.txt").read_text(encoding="utf-8")


def made_client():
    return openai.OpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0)


def ask(client, case):
    reply = client.chat.completions.create(
        model="scripted",
        messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": case["email"]}],
        temperature=0.7,
        max_tokens=160,
    )
    assert json.loads(reply.choices[0].message.content) == case["expected"]
