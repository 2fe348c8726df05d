"""One run of a correction, without I/O: what to ask next, what became of it, when to stop. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_llm.calls import Request, Response, Usage, read_reply
from pytest_llm.correction.attempt import CORRECTABLE, FIRST_SLOT, Attempt, Change, Stop, Trace
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.change import change_between
from pytest_llm.correction.outcome import Target, outcome_of_failure
from pytest_llm.correction.policies import Feedback, FeedbackContext, inserted, next_conversation
from pytest_llm.errors import CallFailed, CorrectionError
from pytest_llm.prompts import Prompt, seed_of
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from pytest_llm.calls.transport import Reply

Score: TypeAlias = Callable[[Response], Any]
"""A hidden judge: never fed back. It returns bool, a number from 0 to 1, or None where it cannot say."""

Price: TypeAlias = Callable[[str | None, Usage], float | None]
"""US dollars of a call, by model and tokens; None where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What all arms of a comparison have in common."""

    prompt: Prompt
    inputs: Mapping[str, JSON]
    target: Target
    budget: Budget
    sample: int = 1
    score: Score | None = None
    price: Price | None = None


class Run:
    """A run under one policy. A driver sends `request` until it is None, and gives each answer to `absorb`."""

    def __init__(self, task: Task, feedback: Feedback, *, is_overdue: Callable[[str], bool]) -> None:
        """`is_overdue`: whether the deadline has passed, before an attempt in that slot."""
        self.task = task
        self.feedback = feedback
        self.attempts: list[Attempt] = []
        self.stop: Stop | None = None
        self._is_overdue = is_overdue
        self._turns: Generator[Request, Reply, Response] | None = task.prompt.conversation(
            task.inputs, sample=task.sample, validated=False
        )
        #: What is to be sent now; None where an answer has been absorbed and nothing decided.
        self.request: Request | None = next(self._turns)
        self._sent = self.request
        self._said = ""
        self._spent = (0, 0.0)
        self._is_fork = False

    @property
    def slot(self) -> str:
        """Where the attempt that is under way is recorded, within its sample: all arms share the first one."""
        number = len(self.attempts) + (self.request is not None)
        return FIRST_SLOT if number <= 1 else f"{_in_slot(self.feedback.name)}/{number}"

    def fork(self, feedback: Feedback, *, is_overdue: Callable[[str], bool]) -> Run:
        """A run of another policy that goes on from the first attempt of this one."""
        other = copy.copy(self)
        other.feedback, other._is_overdue, other._is_fork = feedback, is_overdue, True
        other.attempts, other.stop = [replace(self.attempts[0], arm=feedback.name)], None
        return other

    # -- what came ----------------------------------------------------------------------------------------------

    def absorb(self, answer: Reply | CallFailed, *, replayed: bool = False) -> None:
        """Take an answer in; of a dialogue's scripted turns, the next one is asked then."""
        if self.request is None:
            raise RuntimeError("an answer to nothing")
        self._sent, self.request = self.request, None
        if isinstance(answer, CallFailed):
            self._add(None, answer, retries=answer.retries, waited=answer.waited, replayed=replayed)
            return
        retries, waited = self._spent[0] + answer.retries, self._spent[1] + answer.waited
        if self._turns is None:
            response = read_reply(
                self.task.prompt.api,
                answer.data,
                answer_after=self.task.prompt.answer_after,
                latency=answer.latency,
            )
        else:
            try:
                self.request = self._turns.send(answer)
            except StopIteration as end:
                response, self._turns = end.value, None
            else:
                self._spent = retries, waited
                return
        self._spent = (0, 0.0)
        self._add(response, None, retries=retries, waited=waited, replayed=replayed)

    def _add(
        self, response: Response | None, error: CallFailed | None, *, retries: int, waited: float, replayed: bool
    ) -> None:
        task, before = self.task, self.attempts[-1] if self.attempts else None
        if response is not None:
            outcome, response = task.target.judge(response)
            if response.cost is None and task.price is not None:
                response = replace(response, cost=task.price(response.model, response.usage))
        elif error is not None:
            outcome = outcome_of_failure(error)
        made = Attempt(
            index=len(self.attempts) + 1,
            arm=self.feedback.name,
            outcome=outcome,
            request=self._sent,
            response=response,
            feedback=self._said,
            error=error,
            transport_retries=retries,
            waited=waited,
            replayed=replayed,
        )
        if before is not None and response is not None and before.response is not None:
            read = outcome == "valid" or outcome in CORRECTABLE
            change = change_between(before.response.report, response.report) if read else Change()
            made = replace(made, repeated=made.said == before.said, change=change)
        if response is not None and task.score is not None:
            made = replace(made, score=_scored(task.score, response))
        self.attempts.append(made)

    # -- what next ----------------------------------------------------------------------------------------------

    @property
    def wants_another(self) -> bool:
        """Whether feedback could do something about the last attempt; where not, why the run ends is noted."""
        outcome = self.attempts[-1].outcome
        if outcome in CORRECTABLE:
            return True
        self.stop = "deadline" if outcome == "transport_error" and self._is_late() else _ENDS[outcome]
        return False

    @property
    def is_spent(self) -> bool:
        """Whether the budget forbids a further attempt; where so, why is noted."""
        self.stop = self.task.budget.stop(self.attempts, may_stall=not self.feedback.repeats)
        if self.stop is None and self._is_late():
            self.stop = "deadline"
        return self.stop is not None

    def _is_late(self) -> bool:
        if self.task.budget.deadline is None:
            return False
        return self._is_overdue(f"{_in_slot(self.feedback.name)}/{len(self.attempts) + 1}")

    def insert_feedback(self) -> None:
        """Make the next request of the failure and the policy. Raises CorrectionError for a policy that fails."""
        task, last = self.task, self.attempts[-1]
        context = FeedbackContext(
            api=task.prompt.api,
            base=tuple(self.attempts[0].request.messages),
            sent=tuple(last.request.messages),
            attempt=last,
            attempts=tuple(self.attempts),
            budget=task.budget,
            form=task.target.form,
        )
        wire = next_conversation(self.feedback, context)
        self._said = inserted(wire, context)
        body = {**last.request.body, "messages" if task.prompt.api == "chat" else "input": wire}
        if task.prompt.parameters.get("seed") == "sample":  # the same seed would bring the same reply
            body["seed"] = seed_of(task.inputs, task.sample, self.feedback.name, len(self.attempts) + 1)
        self.request = Request(api=task.prompt.api, body=body)

    def trace(self) -> Trace:
        """The run, when it has ended."""
        if self.stop is None:
            raise RuntimeError("the run has not ended")
        task = self.task
        return Trace(
            arm=self.feedback.name,
            attempts=tuple(self.attempts),
            stop=self.stop,
            budget=task.budget,
            schema=task.target.name,
            policy=self.feedback.digest,
            prompt=task.prompt,
            compared=self._is_fork,
        )


_ENDS: Mapping[str, Stop] = {
    "valid": "valid",
    "truncated": "truncated",
    "content_filter": "content_filter",
    "refusal": "refusal",
    "context_overflow": "context_overflow",
    "transport_error": "transport_error",
}


def _in_slot(name: str) -> str:
    """A policy's name as a part of a slot: without what separates its parts."""
    return name.replace("/", "-").replace("\n", " ")


def _scored(score: Score, response: Response) -> float | None:
    """What the hidden score says. Raises CorrectionError for one that fails, or says no score."""
    try:
        said = score(response)
    except Exception as error:
        raise CorrectionError(f"score= failed: {type(error).__name__}: {error}") from error
    said = getattr(said, "score", said) if not isinstance(said, bool | int | float) else said
    if said is None:
        return None
    if not isinstance(said, bool | int | float) or not 0 <= said <= 1:
        raise CorrectionError(f"score= returned {said!r:.80}", fix={"return": "a bool, a number from 0 to 1, or None"})
    return float(said)
