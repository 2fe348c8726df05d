"""One run of a correction, without I/O: what to ask next, what became of it, when to stop. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_llm.calls import Request, Response, Usage, messages_of, read_reply
from pytest_llm.correction.attempt import CORRECTABLE, FIRST_SLOT, Attempt, Change, Outcome, Stop, Trace
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
    #: Whether a request has a recorded reply in a slot: then older words, in which it was made, are kept.
    is_recorded: Callable[[Request, str], bool] = lambda _request, _slot: False


class Run:
    """A run under one policy. A driver sends `request` until it is None, and gives each answer to `absorb`."""

    def __init__(
        self, task: Task, feedback: Feedback, *, is_overdue: Callable[[str], bool], first: Attempt | None = None
    ) -> None:
        """`is_overdue`: whether the deadline has passed, before an attempt in that slot. `first`: of another run."""
        self.task = task
        self.feedback = feedback
        self.attempts = [] if first is None else [replace(first, arm=feedback.name)]
        self.stop: Stop | None = None
        self._is_overdue = is_overdue
        self._is_fork = first is not None
        self._turns: Generator[Request, Reply, Response] | None = None
        #: What is to be sent now; None where an answer has been absorbed and nothing decided.
        self.request: Request | None = None
        self._said = ""
        #: Retries and waiting of the turns so far, of a dialogue's first attempt.
        self._spent = (0, 0.0)
        if first is None:
            self._turns = task.prompt.conversation(task.inputs, sample=task.sample, validated=False)
            self.request = next(self._turns)

    @property
    def slot(self) -> str:
        """Where the attempt that is under way is recorded, within its sample: all arms share the first one."""
        number = len(self.attempts) + (self.request is not None)
        return FIRST_SLOT if number <= 1 else self._slot_of(number)

    def _slot_of(self, number: int) -> str:
        return f"{_in_slot(self.feedback.name)}/{number}"

    def fork(self, feedback: Feedback, *, is_overdue: Callable[[str], bool]) -> Run:
        """A run of another policy that goes on from the first attempt of this one."""
        return Run(self.task, feedback, is_overdue=is_overdue, first=self.attempts[0])

    # -- what came ----------------------------------------------------------------------------------------------

    def absorb(self, answer: Reply | CallFailed, *, replayed: bool = False) -> None:
        """Take an answer in; of a dialogue's scripted turns, the next one is asked then."""
        if self.request is None:
            raise RuntimeError("an answer to nothing")
        sent, self.request = self.request, None
        self._spent = self._spent[0] + answer.retries, self._spent[1] + answer.waited
        if isinstance(answer, CallFailed):
            if self.attempts and outcome_of_failure(answer) == "transport_error" and self._is_late():
                # What the deadline cut off is no attempt: a replay, which takes no time, could not tell of it.
                self.stop = "deadline"
            else:
                self._add(sent, None, answer, replayed=replayed)
            return
        if self._turns is None:
            response = read_reply(
                self.task.prompt.api,
                answer.data,
                sent=messages_of(sent.endpoint, sent.body),
                answer_after=self.task.prompt.answer_after,
                latency=answer.latency,
                cost=answer.cost,
            )
        else:
            try:
                self.request = self._turns.send(answer)
            except StopIteration as end:
                response, self._turns = end.value, None
            else:
                return
        outcome, response = self.task.target.judge(response)
        if response.cost is None and self.task.price is not None:
            response = replace(response, cost=_priced(self.task.price, response))
        self._add(sent, response, outcome, replayed=replayed)

    def _add(self, sent: Request, response: Response | None, became: Outcome | CallFailed, *, replayed: bool) -> None:
        task, before = self.task, self.attempts[-1] if self.attempts else None
        error = became if isinstance(became, CallFailed) else None
        outcome = outcome_of_failure(became) if isinstance(became, CallFailed) else became
        made = Attempt(
            index=len(self.attempts) + 1,
            arm=self.feedback.name,
            outcome=outcome,
            request=sent,
            response=response,
            feedback=self._said,
            error=error,
            transport_retries=self._spent[0],
            waited=self._spent[1],
            replayed=replayed,
        )
        if before is not None and response is not None and before.response is not None:
            read = outcome == "valid" or outcome in CORRECTABLE
            change = change_between(before.response.report, response.report) if read else Change()
            made = replace(made, repeated=made.said == before.said, change=change)
        if response is not None and task.score is not None:
            made = replace(made, score=_scored(task.score, response))
        self._spent = (0, 0.0)
        self.attempts.append(made)

    # -- what next ----------------------------------------------------------------------------------------------

    @property
    def wants_another(self) -> bool:
        """Whether feedback could do something about the last attempt; where not, why the run ends is noted."""
        if self.stop is not None:
            return False
        outcome = self.attempts[-1].outcome
        self.stop = _ENDS.get(outcome)
        return outcome in CORRECTABLE

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
        return self._is_overdue(self._slot_of(len(self.attempts) + 1))

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
            form=task.target.form_of(last.response),
        )
        request, said = self._request_after(context)
        slot = self._slot_of(len(self.attempts) + 1)
        if any(issue.former for issue in last.issues) and not task.is_recorded(request, slot):
            former = self._request_after(replace(context, words=1))
            if task.is_recorded(former[0], slot):
                request, said = former
        self.request, self._said = request, said

    def _request_after(self, context: FeedbackContext) -> tuple[Request, str]:
        """Return the request that a policy makes of a failure, and what it inserts."""
        task, last = self.task, context.attempt
        wire = next_conversation(self.feedback, context)
        body = {**last.request.body, "messages" if task.prompt.api == "chat" else "input": wire}
        if task.prompt.parameters.get("seed") == "sample":  # the same seed would bring the same reply
            body["seed"] = seed_of(task.inputs, task.sample, self.feedback.name, len(self.attempts) + 1)
        return replace(last.request, body=body), inserted(wire, context)

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


def _priced(price: Price, response: Response) -> float | None:
    """What a reply cost. Raises CorrectionError for a price that fails, or is none."""
    try:
        said: Any = price(response.model, response.usage)
    except Exception as error:
        raise CorrectionError(
            f"price= failed: {type(error).__name__}: {error}", fix={"return": "US dollars, or None where unknown"}
        ) from error
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < math.inf:
        raise CorrectionError(f"price= returned {said!r:.80}", fix={"return": "US dollars, or None where unknown"})
    return float(said)


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
