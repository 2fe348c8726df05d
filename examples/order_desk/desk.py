"""An order desk: turns e-mails into records, and asks back where the quantity is missing. It knows nothing of tests."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import openai

MODEL = "orders-tiny"
RULES = """\
Extract the order as JSON.
Write dates as YYYY-MM-DD.
Use three-letter currency codes.
Priority is low, normal or high.
Quantities are integers.
Return only JSON, no other text.
Use exactly these keys: customer, item, quantity, unit_price, currency, due, priority."""
CUSTOMERS = [json.loads(line) for line in Path(__file__).with_name("customers.jsonl").read_text().splitlines()]


def notes_on(email: str) -> list[str]:
    """What the customer file says of the people that an e-mail names."""
    return [entry["note"] for entry in CUSTOMERS if entry["customer"] in email.replace(".", " ").split()]


def take_order(email: str, ask_customer: Callable[[str], str]) -> dict:
    """The record of an order. Where the model asks back, so does the desk, once."""
    talk = _talk(email)
    answer = _ask(talk)
    if answer.endswith("?"):
        talk += [{"role": "assistant", "content": answer}, {"role": "user", "content": ask_customer(answer)}]
        answer = _ask(talk)
    return json.loads(answer)


def read_along(email: str) -> Iterator[str]:
    """The record as it is written, piece by piece."""
    stream = openai.OpenAI().chat.completions.create(
        model=MODEL, messages=_talk(email), temperature=0, max_tokens=160, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def _talk(email: str) -> list[dict]:
    notes = "".join(f"\n- {note}" for note in notes_on(email))
    return [
        {"role": "system", "content": RULES},
        {"role": "user", "content": f"{email}\n\nNotes:{notes}" if notes else email},
    ]


def _ask(talk: list[dict]) -> str:
    reply = openai.OpenAI().chat.completions.create(model=MODEL, messages=talk, temperature=0, max_tokens=160)
    return reply.choices[0].message.content
