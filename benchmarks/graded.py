"""The outputs that graders are measured on. All are synthetic: a generator with a seed writes them, no model does."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

SEED = 20
NEEDLE = "oak barrels"
SYSTEM = (
    "You answer for the office of a cooper. Never promise a date of delivery, and give each price in pounds. "
    "Say at the end that orders of more than fifty barrels are made by agreement only."
)
SCHEMA = {
    "type": "object",
    "required": ["customer", "currency", "lines"],
    "additionalProperties": False,
    "properties": {
        "customer": {"type": "string", "minLength": 1},
        "currency": {"enum": ["EUR", "GBP", "USD"]},
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "additionalProperties": False,
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
                    "quantity": {"type": "integer", "minimum": 1},
                    "price": {"type": "number", "minimum": 0},
                },
            },
        },
    },
}
CALLS = [
    {"name": "find_customer", "arguments": {"name": "Finn Dahl"}},
    {"name": "place_order", "arguments": {"sku": "OB-1001", "quantity": 12}},
]
RELEVANT = ["p3", "p7", "p11"]
CONTEXT = [
    "The barrels are of oak from the upper valley, dried for three years in the open.",
    "An order of more than fifty barrels is made by agreement, and takes half a year.",
    "A barrel of the middle size holds two hundred and twenty-five litres.",
]
_TEXT = (
    "the order of a barrel is made by hand and takes about three weeks in summer when wood has dried long enough while "
    "winter adds another month because rain and frost slow all work outside we therefore ask each customer to write "
    "early with name address size number and date so that nothing is left open"
)
_WORDS = _TEXT.split()
_NAMES = ("Finn Dahl", "Ana Lima", "Yuki Sato", "Omar Haddad")
_CITIES = ("Paris", "Oslo", "Lima", "Rome")

Written = tuple[Any, Any]
"""An output, and what was expected of it, or None."""


def written(row: str, count: int, *, times: int = 1, turn: int = 0) -> list[Written]:
    """So many outputs for a row of the table: the same for everybody, and others in each turn.

    Texts have about 500 characters; `times` makes them so many times as long.
    """
    random = Random(f"{SEED} {row} {times} {turn}")
    return [_WRITERS[row](random, times) for _ in range(count)]


def _sentences(random: Random, words: int) -> str:
    text, left = [], words
    while left > 0:
        size = min(left, random.randint(6, 14))
        text.append(" ".join(random.choices(_WORDS, k=size)).capitalize() + ".")
        left -= size
    return " ".join(text)


def _prose(random: Random, times: int) -> Written:
    """About 95 words; half of them have the needle."""
    first, second = _sentences(random, 45 * times), _sentences(random, 45 * times)
    middle = f"We have {random.randint(2, 90)} {random.choice((NEEDLE, 'tin buckets'))} in stock."
    return f"{first} {middle} {second}", None


def _answer(random: Random, times: int) -> Written:
    """Two answers of four are right; long ones differ at the end."""
    start = _sentences(Random(SEED), 90 * times) + " " if times > 1 else ""
    city = random.choice(_CITIES)
    return start + random.choice((city, f"The {city}.")), start + "Paris"


def _near(random: Random, times: int) -> Written:
    """A text, and the same with every tenth word another one."""
    words = _sentences(random, 90 * times).split()
    changed = [random.choice(_WORDS) if random.random() < 0.1 else word for word in words]
    return " ".join(changed), " ".join(words)


def _order(random: Random, times: int) -> dict[str, Any]:
    lines = [
        {
            "sku": f"OB-{random.randint(1000, 9999)}",
            "quantity": random.randint(1, 40),
            "price": random.randint(100, 9999) / 100,
        }
        for _ in range(8 * times)
    ]
    return {"customer": random.choice(_NAMES), "currency": random.choice(("EUR", "GBP", "USD")), "lines": lines}


def _json(random: Random, times: int) -> Written:
    """An order; every tenth is cut off in its middle."""
    text = json.dumps(_order(random, times))
    return (text[: len(text) // 2] if random.random() < 0.1 else text), None


def _fitting(random: Random, times: int) -> Written:
    """An order; every fifth has a currency that the schema does not know."""
    order = _order(random, times)
    return json.dumps({**order, "currency": "NOK"} if random.random() < 0.2 else order), None


def _json_in_prose(random: Random, times: int) -> Written:
    text = json.dumps(_order(random, times), indent=1)
    return f"Here is the order:\n\n{text}\n\nIs there anything else?", None


def _compared(random: Random, times: int) -> Written:
    """An order that is the expected one, or has one price wrong."""
    order = _order(random, times)
    other = json.loads(json.dumps(order))
    if random.random() < 0.5:
        other["lines"][-1]["price"] += 1
    return json.dumps(other), order


def _number(random: Random, _times: int) -> Written:
    right = random.randint(1, 10**6) / 100
    return random.choice((str(right), str(right + 1))), right


def _xml(random: Random, times: int) -> Written:
    order = _order(random, times)
    lines = "".join(f'<line sku="{one["sku"]}"><price>{one["price"]}</price></line>' for one in order["lines"])
    end = "" if random.random() < 0.1 else "</order>"
    return f"<order><customer>{order['customer']}</customer>{lines}{end}", None


def _yaml(random: Random, times: int) -> Written:
    order = _order(random, times)
    lines = "".join(f"  - sku: {one['sku']}\n    price: {one['price']}\n" for one in order["lines"])
    return f"customer: {order['customer']}\nlines:\n{lines}{'x: [' if random.random() < 0.1 else ''}", None


def _python(random: Random, times: int) -> Written:
    functions = [
        f"def price_{number}(n):\n    if n > {random.randint(2, 90)}:\n        return n * 1.5\n    return 0\n"
        for number in range(5 * times)
    ]
    return "\n".join(functions) + ("def (" if random.random() < 0.1 else ""), None


def _sql(random: Random, times: int) -> Written:
    parts = [
        f"(sku = 'OB-{random.randint(1000, 9999)}' AND quantity > {random.randint(1, 90)})" for _ in range(8 * times)
    ]
    return (
        f"SELECT sku, quantity FROM orders WHERE {' OR '.join(parts)}{' AND (' if random.random() < 0.1 else ''}",
        None,
    )


def _calls(random: Random, times: int) -> Written:
    """The calls that are expected, or with one argument or one tool wrong."""
    calls = json.loads(json.dumps(CALLS)) * times
    kind = random.randrange(4)
    if kind == 0:
        calls[-1]["arguments"]["quantity"] = 13
    if kind == 1:
        calls[-1]["name"] = "cancel_order"
    return {"tool_calls": calls}, None


def _ranking(random: Random, _times: int) -> Written:
    return random.sample([f"p{number}" for number in range(20)], 10), None


def _cited(random: Random, times: int) -> Written:
    """Sentences with citations; every other text has one of a passage that was not given."""
    text = " ".join(f"{_sentences(random, 10)[:-1]} [{random.randint(1, 3)}]." for _ in range(8 * times))
    return text + random.choice(("", " And so on [4].")), None


def _quoting(random: Random, times: int) -> Written:
    """Quotes of a passage; every other text has one that is nowhere."""
    parts = [f'{_sentences(random, 20)[:-1]} "{random.choice(CONTEXT)[:-1]}".' for _ in range(3 * times)]
    return " ".join([*parts, *random.choice(([], ['It says "a barrel takes an hour to make".']))]), None


def _refusing(random: Random, times: int) -> Written:
    """Half of them begin as a refusal does."""
    start = random.choice(("I'm sorry, but I can't help with that. ", "Here is what you asked for. "))
    return start + _sentences(random, 85 * times), None


def _telling(random: Random, times: int) -> Written:
    """Half of them tell an address, a key, and a part of the system prompt."""
    told = f"Write to finn.dahl@cooper.co.uk, by the key sk-proj-{'a1B2' * 12}. {SYSTEM[:104]}"
    return f"{_sentences(random, 90 * times)} {random.choice((told, ''))}".strip(), None


def _reply(random: Random, _times: int) -> Written:
    return {
        "finish_reason": random.choice(("stop", "length")),
        "completion_tokens": random.randint(50, 150),
        "cost": random.randint(1, 20) / 1000,
        "latency": random.randint(1, 40) / 10,
    }, None


_WRITERS: dict[str, Callable[[Random, int], Written]] = {
    **dict.fromkeys(("equals", "equals_expected", "exact_match", "f1", "one_of"), _answer),
    **dict.fromkeys(("contains", "contains_all", "contains_any", "starts_with", "ends_with", "regex"), _prose),
    **dict.fromkeys(("word_count", "length", "follows"), _prose),
    **dict.fromkeys(("not_", "all_of", "any_of", "at_least", "weighted"), _prose),
    **dict.fromkeys(("levenshtein", "rouge", "bleu", "chrf"), _near),
    "valid_json": _json,
    "json_schema": _fitting,
    "contains_json": _json_in_prose,
    **dict.fromkeys(("json_equals", "fields_match"), _compared),
    "number_close": _number,
    "valid_xml": _xml,
    "valid_yaml": _yaml,
    "valid_python": _python,
    "valid_sql": _sql,
    **dict.fromkeys(("tool_calls", "tool_call_f1", "no_tool_call", "trajectory"), _calls),
    **dict.fromkeys(("recall_at_k", "precision_at_k", "mrr", "ndcg", "hit", "retrieves_nothing"), _ranking),
    "citation_valid": _cited,
    "quotes_present": _quoting,
    "refusal": _refusing,
    **dict.fromkeys(("secret_free", "pii_free", "no_prompt_leak"), _telling),
    **dict.fromkeys(("finish_reason", "max_tokens", "max_cost", "max_latency"), _reply),
}
ROWS = tuple(_WRITERS)
LONG = tuple(row for row in ROWS if _WRITERS[row] not in (_number, _ranking, _reply, _calls))
"""Those whose outputs are texts, which can be of any length."""
