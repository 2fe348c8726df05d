"""Correction in an application: the tested unit is the shipped unit. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_llm.calls import Request
from pytest_llm.correction.attempt import Trace
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.drive import Answer, adrive, drive
from pytest_llm.correction.outcome import target_of
from pytest_llm.correction.policies import Policy, feedback_of
from pytest_llm.correction.run import Price, Run, Score, Task
from pytest_llm.prompts import Prompt
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI


def correct(
    prompt: Prompt,
    inputs: Mapping[str, JSON],
    *,
    client: OpenAI | None = None,
    attempts: int = 3,
    tokens: int | None = None,
    cost: float | None = None,
    deadline: float | None = None,
    stall: int | None = 2,
    feedback: str | Policy = "errors",
    score: Score | None = None,
    price: Price | None = None,
) -> Trace:
    """Ask a prompt, and feed what is wrong with its reply back until it is valid or the budget is spent.

    `attempts`, `tokens`, `cost` (US dollars), `deadline` (seconds), `stall` (identical replies in a row): see Budget.
    `feedback`: a policy's name or a callable. `score`: a hidden judge of each reply, never fed back. `price`: US
    dollars of a call, by model and tokens; a reply that tells its own cost needs none. Without a client: of the
    prompt's own endpoint and key.

    Whatever the model does, a Trace is returned: `trace.require()` is the validated output, or raises with a table of
    the attempts. A call that fails is an attempt with the outcome transport_error. Raises CorrectionError for a budget
    or a policy that cannot be used, EndpointError without a key.
    """
    from pytest_llm.calls.endpoint import Endpoint, client_for
    from pytest_llm.calls.transport import send

    budget = Budget(attempts=attempts, tokens=tokens, cost=cost, deadline=deadline, stall=stall)
    left = _clock(budget)
    task = Task(prompt=prompt, inputs=inputs, target=target_of(prompt), budget=budget, score=score, price=price)
    run = Run(task, feedback_of(feedback), is_overdue=lambda _: _is_over(left))
    asked = client or client_for(Endpoint.of(prompt.base_url, prompt.api_key_env))

    def answer(request: Request, _: str) -> Answer:
        return send(asked, request, within=left()), False

    return drive(run, answer)


async def acorrect(
    prompt: Prompt,
    inputs: Mapping[str, JSON],
    *,
    client: AsyncOpenAI | None = None,
    attempts: int = 3,
    tokens: int | None = None,
    cost: float | None = None,
    deadline: float | None = None,
    stall: int | None = 2,
    feedback: str | Policy = "errors",
    score: Score | None = None,
    price: Price | None = None,
) -> Trace:
    """As `correct`, without blocking. Give a client where many are asked: one is made and closed per call."""
    from pytest_llm.calls.endpoint import Endpoint, async_client_for
    from pytest_llm.calls.transport import asend

    budget = Budget(attempts=attempts, tokens=tokens, cost=cost, deadline=deadline, stall=stall)
    left = _clock(budget)
    task = Task(prompt=prompt, inputs=inputs, target=target_of(prompt), budget=budget, score=score, price=price)
    run = Run(task, feedback_of(feedback), is_overdue=lambda _: _is_over(left))
    asked = client or async_client_for(Endpoint.of(prompt.base_url, prompt.api_key_env))

    async def answer(request: Request, _: str) -> Answer:
        return await asend(asked, request, within=left()), False

    try:
        return await adrive(run, answer)
    finally:
        if client is None:
            await asked.close()


def _clock(budget: Budget) -> Callable[[], float | None]:
    """Tells the seconds that are left; None without a deadline."""
    began = time.monotonic()
    return lambda: None if budget.deadline is None else budget.deadline - (time.monotonic() - began)


def _is_over(left: Callable[[], float | None]) -> bool:
    seconds = left()
    return seconds is not None and seconds <= 0
