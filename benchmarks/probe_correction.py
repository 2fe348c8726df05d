"""In one process, by turns: CPU seconds an attempt, as JSON. `python probe_correction.py ROUNDS`.

The endpoint is a process of its own. Every second reply to a conversation is valid, so that a run has two attempts,
unless said otherwise; a bare run sends the same two bodies by the same client.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import openai
from pydantic import BaseModel, create_model

from pytest_llm import Prompt
from pytest_llm.correction import correct, errors

RUNS = 60
"""In each reading, so that the clock is fine enough."""

LONG = 11
"""Attempts of a long run: ten corrections."""


class Order(BaseModel):
    """As large as the orders of the other benchmarks."""

    customer: str
    item: str
    quantity: int
    unit_price: float
    currency: Literal["USD", "EUR", "GBP", "JPY"]
    due: str | None
    priority: Literal["low", "normal", "high"]


GOOD = {
    "customer": "Finn Dahl",
    "item": "oak bottles",
    "quantity": 36,
    "unit_price": 20.09,
    "currency": "GBP",
    "due": "2025-05-06",
    "priority": "normal",
}
BAD = {**GOOD, "quantity": "three dozen", "currency": "£"}
SYSTEM = "You turn order e-mails into JSON records. " * 14


def wide(fields: int) -> type[BaseModel]:
    """A model of so many fields."""
    return create_model("Wide", **{f"field_{n}": (int, ...) for n in range(fields)})  # type: ignore[call-overload,no-any-return] # fields by name


def serve() -> None:
    """The endpoint: what is asked for the first time in a conversation is answered wrongly."""
    from scripted_server import scripted_server

    def script(body: dict[str, Any]) -> dict[str, Any]:
        said = body["messages"]
        fields = int(body["model"].rpartition("-")[2] or 0)
        good, bad = GOOD, BAD
        if fields:
            good = {f"field_{n}": n for n in range(fields)}
            bad = {**good, "field_0": "x"}
        right = len(said) > 2 and not body["model"].startswith("never")
        # Never the same twice: a run is not to stall.
        text = json.dumps({**(good if right else bad)}) + " " * (len(said) + int(time.monotonic_ns() % 97))
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 200, "completion_tokens": 60, "total_tokens": 260}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }

    with scripted_server(script) as url:
        print(url, flush=True)
        sys.stdin.read()


def subjects(client: openai.OpenAI) -> dict[str, tuple[Callable[[], int], int]]:
    """By name: one run, which returns its attempts, and how often it is run."""
    prompt = Prompt(name="order", model="once-", system=SYSTEM, user="36 oak bottles, please.", schema=Order)
    never = prompt.replace(model="never-")
    first = correct(prompt, {}, client=client)
    bodies = [dict(one.request.body) for one in first.attempts]

    def ours(asked: Prompt = prompt, attempts: int = 2, **options: Any) -> int:
        trace = correct(asked, {}, client=client, attempts=attempts, stall=None, **options)
        if trace.n != attempts:
            raise SystemExit(str(trace))
        return trace.n

    def bare() -> int:
        for body in bodies:
            client.chat.completions.create(**body)
        return len(bodies)

    def sized(fields: int, schema: Any) -> Callable[[], int]:
        return functools.partial(ours, prompt.replace(model=f"wide-{fields}", schema=schema))

    found = {
        "bare": (bare, RUNS),
        "pytest-llm-evals": (ours, RUNS),
        "10 corrections, keep=last": (functools.partial(ours, never, LONG), RUNS // 5),
        "10 corrections, keep=all": (functools.partial(ours, never, LONG, feedback=errors(keep="all")), RUNS // 5),
        "50 fields, pydantic": (sized(50, wide(50)), RUNS),
        "500 fields, pydantic": (sized(500, wide(500)), RUNS // 2),
        "50 fields, JSON Schema": (sized(50, wide(50).model_json_schema()), RUNS),
        "500 fields, JSON Schema": (sized(500, wide(500).model_json_schema()), RUNS // 2),
    }
    if importlib.util.find_spec("instructor") is not None:
        found["instructor"] = (_instructor(client), RUNS)
    return found


def _instructor(client: openai.OpenAI) -> Callable[[], int]:
    import instructor

    patched = instructor.from_openai(client, mode=instructor.Mode.JSON)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "36 oak bottles, please."}]

    def run() -> int:
        patched.chat.completions.create(model="once-", messages=messages, response_model=Order, max_retries=2)
        return 2

    return run


def main() -> None:
    """Read all of them by turns, and print what they took."""
    endpoint = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    url = endpoint.stdout.readline().strip() if endpoint.stdout else ""
    taken: dict[str, list[float]] = {}
    try:
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
            found = subjects(client)
            for run, _ in found.values():  # what is compiled once is compiled now
                run()
            for _ in range(int(sys.argv[1])):
                for name, (run, times) in found.items():
                    gc.collect()
                    start = time.process_time()
                    attempts = sum(run() for _ in range(times))
                    taken.setdefault(name, []).append((time.process_time() - start) / attempts)
    finally:
        endpoint.communicate()
    print(json.dumps(taken))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    serve() if sys.argv[1] == "serve" else main()
