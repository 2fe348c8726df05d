"""Synthetic orders: the e-mail, the record that it asks for, and the reply of an endpoint. No model is behind them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

SYSTEM = """\
You turn order e-mails into JSON records. You are given one e-mail, and answer with one record.
Write dates as YYYY-MM-DD; a date without a year lies in the year of the e-mail.
Use three-letter currency codes: USD, EUR, GBP or JPY. Never convert an amount.
Priority is low, normal or high; it is normal unless the e-mail says otherwise.
Quantities are integers; a dozen is 12. The price is the price of one piece.
If something is not in the e-mail, write null; never guess.
Return only JSON, no other text, no explanation.
Use exactly these keys: customer, item, quantity, unit_price, currency, due, priority, note."""
"""About 600 bytes."""

_ITEMS = ("oak barrels", "glass jars", "steel hinges", "paper rolls", "copper pipes", "wool blankets", "cork tiles")
_CUSTOMERS = ("Harbour & Sons", "Lindqvist AB", "Okafor Trading", "Vermeer Bouw", "Tanaka Shoten")
_CURRENCIES = ("USD", "EUR", "GBP", "JPY")
_PRIORITIES = ("low", "normal", "high")


def order(number: int) -> dict[str, Any]:
    """The record of one order; every number has another one."""
    return {
        "customer": _CUSTOMERS[number % len(_CUSTOMERS)],
        "item": _ITEMS[number % len(_ITEMS)],
        "quantity": number % 400 + 1,
        "unit_price": 0.5 + number % 97,
        "currency": _CURRENCIES[number % len(_CURRENCIES)],
        "due": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "priority": _PRIORITIES[number % len(_PRIORITIES)],
        "note": f"Reference {number:05}; call the porter before you unload.",
    }


def email(number: int) -> str:
    """The e-mail that asks for an order."""
    one = order(number)
    return (
        f"Hello, this is {one['customer']}. We need {one['quantity']} {one['item']} at {one['unit_price']} "
        f"{one['currency']} each by {one['due']}, priority {one['priority']}. {one['note']} Thank you!"
    )


def text(number: int) -> str:
    """What the endpoint's assistant says to the e-mail."""
    return json.dumps(order(number))


def case(number: int) -> dict[str, Any]:
    """The order as a case of a suite."""
    return {"id": f"order-{number:05}", "email": email(number), "expected": order(number)}


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """The scripted endpoint's reply to a request."""
    return completion_of(_number(body))


def completion_of(number: int) -> dict[str, Any]:
    """The reply about one order, with every field that a chat completion has today: about 900 bytes."""
    return {
        "id": f"chatcmpl-{number:029}",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "scripted-2026-01-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text(number), "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 213,
            "completion_tokens": 87,
            "total_tokens": 300,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    }


def sample(number: int, turn: int) -> dict[str, Any]:
    """Another reply to the same e-mail for every turn, with the same order in it: other id, time and order of keys."""
    reply = completion_of(number)
    keys = list(order(number))
    shift = turn % len(keys)
    told = {key: order(number)[key] for key in keys[shift:] + keys[:shift]}
    reply["id"] = f"chatcmpl-{hashlib.sha256(f'{number} {turn}'.encode()).hexdigest()[:29]}"
    reply["created"] += number * 7 + turn
    reply["choices"][0]["message"]["content"] = json.dumps(told)
    return reply


def sampling() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A script whose replies to the same request differ."""
    turns: Counter[int] = Counter()

    def script(body: dict[str, Any]) -> dict[str, Any]:
        number = _number(body)
        turns[number] += 1
        return sample(number, turns[number])

    return script


def _number(body: dict[str, Any]) -> int:
    """Which order a request asks for."""
    return number_in(body["messages"][-1]["content"])


def number_in(message: str) -> int:
    """The number that an e-mail, or any text around one, names."""
    found = re.search(r"Reference (\d{5});", message)
    if found is None:
        raise ValueError("the request is none of this benchmark's")
    return int(found[1])
