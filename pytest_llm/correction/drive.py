"""The two drivers of a run, which differ in nothing but `await`. PYTEST_DONT_REWRITE

tenacity decides when: it asks for another attempt where the outcome can be corrected and the budget allows, and lets
feedback be inserted where one follows. Retries of the transport are another layer, inside of sending.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_llm.calls import Request
from pytest_llm.correction.attempt import Trace
from pytest_llm.correction.run import Run
from pytest_llm.errors import CallFailed

if TYPE_CHECKING:
    from pytest_llm.calls.transport import Reply

Answer: TypeAlias = "tuple[Reply, bool]"
"""A reply, and whether it was replayed."""

Send: TypeAlias = Callable[[Request, str], Answer]
"""Sends a request that is recorded in a slot. Raises CallFailed where no reply comes."""

AsyncSend: TypeAlias = Callable[[Request, str], Awaitable[Answer]]


def drive(run: Run, send: Send) -> Trace:
    """Run to the end."""
    from tenacity import Retrying

    Retrying(**_hooks(run))(ask, run, send)
    return run.trace()


def ask(run: Run, send: Send) -> None:
    """One attempt; nothing where its answer is there already, as that of a fork."""
    while run.request is not None:
        try:
            reply, replayed = send(run.request, run.slot)
        except CallFailed as failed:
            run.absorb(failed)
        else:
            run.absorb(reply, replayed=replayed)


async def adrive(run: Run, send: AsyncSend) -> Trace:
    """Run to the end."""
    from tenacity import AsyncRetrying

    await AsyncRetrying(**_hooks(run))(aask, run, send)
    return run.trace()


async def aask(run: Run, send: AsyncSend) -> None:
    """One attempt; nothing where its answer is there already, as that of a fork."""
    while run.request is not None:
        try:
            reply, replayed = await send(run.request, run.slot)
        except CallFailed as failed:
            run.absorb(failed)
        else:
            run.absorb(reply, replayed=replayed)


def _hooks(run: Run) -> dict[str, Any]:
    """For tenacity, which asks in this order: another? too much? then what is to be said before it."""
    from tenacity import retry_if_result

    return {
        "retry": retry_if_result(lambda _: run.wants_another),
        "stop": lambda _: run.is_spent,
        "before_sleep": lambda _: run.insert_feedback(),
        "retry_error_callback": lambda _: None,
    }
