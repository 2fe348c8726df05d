"""A suite as it was before it moved: recorded with pytest-recording."""

import json

import openai
import pytest

RULES = """\
Extract the order as JSON.
Write dates as YYYY-MM-DD.
Use three-letter currency codes.
Priority is low, normal or high.
Quantities are integers.
Return only JSON, no other text.
Use exactly these keys: customer, item, quantity, unit_price, currency, due, priority."""


def answer(email):
    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": email}]
    reply = openai.OpenAI().chat.completions.create(
        model="orders-tiny", messages=messages, temperature=0, max_tokens=160
    )
    return reply.choices[0].message.content


@pytest.mark.vcr
@pytest.mark.parametrize(
    ("email", "quantity"),
    [
        ("Please send 87 round helmets at 80.45 EUR each. Deliver by 2025-01-04. Regards, Otto Popov", 87),
        ("We need two heavy notebooks at 46.33 EUR each. Deliver by 2026-04-18. Regards, Ezra Dahl", 2),
    ],
    ids=["digits", "words"],
)
def test_takes_the_quantity(email, quantity):
    assert json.loads(answer(email))["quantity"] == quantity


@pytest.mark.vcr
def test_asks_back_for_the_quantity():
    assert (
        answer("Hello, this is Finn Dahl. We need oak bottles at 20.09 GBP each. Deliver by 6 May 2025.") == "How many?"
    )
