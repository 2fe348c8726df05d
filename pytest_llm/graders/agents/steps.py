"""The steps of an agent: what a model replied, one reply after the other. PYTEST_DONT_REWRITE

A grader of steps reads one Response, a list of them, or `llm_calls`. Of those only what the subject of the test asked
counts: the replies to judges, retrieval and fixtures of wider scope are none of its steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pytest_llm.calls import Response, ToolCall
from pytest_llm.graders.reading import CannotRead, kind_of


@runtime_checkable
class Step(Protocol):
    """One of `llm_calls`, as far as graders look at it."""

    @property
    def role(self) -> str:
        """Who asked."""

    @property
    def response(self) -> Response | None:
        """The reply, where it could be read."""

    @property
    def cost(self) -> float | None:
        """US dollars, where they are known."""

    @property
    def latency(self) -> float | None:
        """Seconds on the wire, where they are known."""


def steps_of(output: object) -> list[Response | Step]:
    """The steps in an output, at least one. Raises CannotRead."""
    found: list[object] = [output]
    if isinstance(output, Sequence) and not isinstance(output, (str, bytes)):
        found = list(output)
    if not all(isinstance(one, (Response, Step)) for one in found):
        raise CannotRead(f"it reads a Response, a list of them or llm_calls, and was given {kind_of(output)}")
    steps = [one for one in found if isinstance(one, Response) or (isinstance(one, Step) and one.role == "subject")]
    if not steps:
        raise CannotRead(f"there is no call of the subject among {len(found)}: nothing was asked")
    return steps


def replies_of(output: object) -> list[Response]:
    """The replies in an output, at least one. Raises CannotRead, also where one of them could not be read."""
    replies = []
    for place, step in enumerate(steps_of(output), start=1):
        reply = step if isinstance(step, Response) else step.response
        if reply is None:
            raise CannotRead(f"step {place} is no reply of an API whose tool calls are known")
        replies.append(reply)
    return replies


def tool_calls_of(output: object) -> Sequence[ToolCall]:
    """The tool calls in an output, in their order; a list of them is taken as it is. Raises CannotRead."""
    if isinstance(output, (list, tuple)) and all(isinstance(one, ToolCall) for one in output):
        return output
    return [call for reply in replies_of(output) for call in reply.tool_calls]
