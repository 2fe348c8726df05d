"""The fixture `llm_retry`: a prompt is asked, corrected and measured, from the item's recording. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import pytest

from pytest_llm.calls import Request, Response
from pytest_llm.collection import a_prompt, graders_of
from pytest_llm.correction.attempt import FIRST_SLOT, Trace
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.disclosure import undisclosed
from pytest_llm.correction.drive import Answer, AsyncSend, aask, adrive, ask, drive
from pytest_llm.correction.outcome import outcome_of_failure, target_of
from pytest_llm.correction.policies import Feedback, Policy, feedback_of
from pytest_llm.correction.record import record_of
from pytest_llm.correction.run import Run, Score, Task
from pytest_llm.errors import CallFailed, CorrectionError, MarkerError
from pytest_llm.graders import Grader, grader
from pytest_llm.items import OpenItem
from pytest_llm.prompts import Case, Prompt
from pytest_llm.schemas import JSON
from pytest_llm.wire import refuse_mocks, stored_reply

DEFAULT_ARMS = ("resample", "generic", "errors")

_UNDISCLOSED: pytest.StashKey[dict[tuple[int, str | None], tuple[str, ...] | None]] = pytest.StashKey()
"""By suite and variant, what the prompt leaves unsaid; suites live as long as the session."""


class Options(TypedDict, total=False):
    """What the call, the marker and, for the budget, the ini file may say; the first that says it counts."""

    attempts: int
    tokens: int | None
    cost: float | None
    deadline: float | None
    stall: int | None
    feedback: str | Policy
    #: A grader, or a function `(output)` or `(output, case)`: a hidden judge of every attempt, never fed back.
    score: Any
    #: The policies of a comparison.
    arms: Sequence[str | Policy]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a correction is run."""

    budget: Budget
    feedback: Feedback
    arms: tuple[Feedback, ...]
    score: Grader | None


class Retry:
    """What the fixture `llm_retry` is."""

    def __init__(self, opened: OpenItem) -> None:
        self._opened = opened
        self._runs = 0

    def __call__(
        self,
        prompt: Prompt | None = None,
        *,
        case: Case | Mapping[str, JSON] | None = None,
        schema: Any = None,
        **options: Unpack[Options],
    ) -> Trace:
        """Ask, and feed what is wrong back until the reply is valid or the budget is spent.

        The item's prompt and case, unless others are given. Whatever the model does, a Trace is returned;
        `.require()` is the validated output, or fails the test with a table of the attempts.
        """
        self._opened.reach()
        job = self._job(prompt, case, schema, options)
        run = Run(job.task, job.plan.feedback, is_overdue=job.is_overdue)
        return self._keep(job, {run.feedback.name: drive(run, job.send)})[run.feedback.name]

    async def acall(
        self,
        prompt: Prompt | None = None,
        *,
        case: Case | Mapping[str, JSON] | None = None,
        schema: Any = None,
        **options: Unpack[Options],
    ) -> Trace:
        """As the call, without blocking."""
        await self._opened.areach()
        job = self._job(prompt, case, schema, options)
        run = Run(job.task, job.plan.feedback, is_overdue=job.is_overdue)
        async with job.sender() as send:
            trace = await adrive(run, send)
        return self._keep(job, {run.feedback.name: trace})[run.feedback.name]

    def compare(
        self,
        prompt: Prompt | None = None,
        *,
        case: Case | Mapping[str, JSON] | None = None,
        schema: Any = None,
        **options: Unpack[Options],
    ) -> Mapping[str, Trace]:
        """Correct under several policies, each of which goes on from the same first reply; a trace by policy.

        Without `resample` among them nobody knows what feedback is worth.
        """
        self._opened.reach()
        job = self._job(prompt, case, schema, options)
        arms = job.plan.arms
        first = Run(job.task, arms[0], is_overdue=job.is_overdue)
        ask(first, job.send)
        forks = [first.fork(arm, is_overdue=job.is_overdue) for arm in arms]
        return self._keep(job, {fork.feedback.name: drive(fork, job.send) for fork in forks})

    async def acompare(
        self,
        prompt: Prompt | None = None,
        *,
        case: Case | Mapping[str, JSON] | None = None,
        schema: Any = None,
        **options: Unpack[Options],
    ) -> Mapping[str, Trace]:
        """As `compare`, without blocking: after the first reply all policies are asked at once."""
        await self._opened.areach()
        job = self._job(prompt, case, schema, options)
        arms = job.plan.arms
        first = Run(job.task, arms[0], is_overdue=job.is_overdue)
        async with job.sender() as send:
            await aask(first, send)
            forks = [first.fork(arm, is_overdue=job.is_overdue) for arm in arms]
            traces = await _together(forks, send)
        return self._keep(job, {arm.name: traces[arm.name] for arm in arms})

    def _job(
        self, prompt: Prompt | None, case: Case | Mapping[str, JSON] | None, schema: Any, options: Options
    ) -> _Job:
        opened = self._opened
        plan = plan_of(opened.item, opened.retry, options)
        asked = opened.prompt if prompt is None else a_prompt(prompt)
        if schema is not None:
            asked = asked.replace(schema=schema)
        known = opened.draw.case if case is None else case
        if not isinstance(known, Case | None):
            known = _case(known)
        validator = opened.draw.suite.validators[opened.draw.variant] if asked is opened.draw.prompt else None
        task = Task(
            prompt=asked,
            inputs={} if known is None else known.inputs,
            target=target_of(asked, validator),
            budget=plan.budget,
            sample=opened.draw.sample,
            score=None if plan.score is None else self._score(plan.score, known),
            is_recorded=lambda request, slot: opened.recorder.knows(opened.recorder.declared(request), slot),
        )
        return _Job(opened, task, plan)

    def _score(self, judge: Grader, case: Case | None) -> Score:
        def scored(response: Response) -> float | None:
            grade = self._opened.hidden_grade(judge, response, case)
            return grade.score if grade.passed is None else float(grade.passed)

        return scored

    def _keep(self, job: _Job, traces: Mapping[str, Trace]) -> Mapping[str, Trace]:
        """Note the traces of a run with the item, whose marker's graders look at the last reply."""
        opened = self._opened
        self._runs += 1
        for trace in traces.values():
            unsaid = _undisclosed(opened, job.task.prompt)
            opened.traces.append(record_of(trace, run=self._runs, undisclosed=unsaid))
            opened.response = trace.response or opened.response
        return traces


async def _together(forks: Sequence[Run], send: AsyncSend) -> dict[str, Trace]:
    """The traces of all of them, by arm; the first that fails ends the others."""
    import anyio

    traces: dict[str, Trace] = {}

    async def drive_one(fork: Run) -> None:
        traces[fork.feedback.name] = await adrive(fork, send)

    try:
        async with anyio.create_task_group() as group:
            for fork in forks:
                group.start_soon(drive_one, fork)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    return traces


@dataclass(slots=True)
class _Job:
    """One call of the fixture: what is asked, and how the item's recording answers."""

    opened: OpenItem
    task: Task
    plan: Plan
    began: float = 0.0

    def __post_init__(self) -> None:
        self.began = time.monotonic()

    @property
    def _left(self) -> float | None:
        """The seconds that are left; None without a deadline."""
        deadline = self.plan.budget.deadline
        return None if deadline is None else deadline - (time.monotonic() - self.began)

    def is_overdue(self, slot: str) -> bool:
        """Whether the deadline has passed. A replay takes no time: there it had, where nothing more was recorded."""
        if self.opened.recorder.mode == "replay":
            return not self.opened.recorder.has_any(slot)
        return self._left is not None and self._left <= 0

    def send(self, request: Request, slot: str) -> Answer:
        """A reply from the recording, or from the endpoint, and recorded."""
        if (answer := self._recorded(request, slot)) is not None:
            return answer
        with self._noting(slot):
            wire, recorder, client = self.opened.wire, self.opened.recorder, self.opened.client_of(self.task.prompt)
            reply = wire.send(client, request, recorder, arm=slot, within=self._left)
            return self.opened.priced(reply, self.task.prompt), False

    @contextlib.asynccontextmanager
    async def sender(self) -> AsyncIterator[AsyncSend]:
        """As `send`, without blocking; a client is made where something has to be asked, and closed."""
        async with contextlib.AsyncExitStack() as stack:
            clients: list[Any] = []

            async def answer(request: Request, slot: str) -> Answer:
                if (known := self._recorded(request, slot)) is not None:
                    return known
                wire, recorder = self.opened.wire, self.opened.recorder
                if not clients:
                    clients.append(await stack.enter_async_context(wire.clients.lent(self.task.prompt)))
                with self._noting(slot):
                    reply = await wire.asend(clients[0], request, recorder, arm=slot, within=self._left)
                    return self.opened.priced(reply, self.task.prompt), False

            yield answer

    def _recorded(self, request: Request, slot: str) -> Answer | None:
        recorder = self.opened.recorder
        canonical = recorder.declared(request)
        if recorder.mode != "replay" and not recorder.knows(canonical, slot):
            return None
        at = self.opened.wire.clients.address(self.task.prompt)
        with self._noting(slot):
            refuse_mocks(recorder, request)
            ticket = recorder.take(canonical, arm=slot, at=at)
            reply = stored_reply(ticket.reply, request.endpoint, recorder.shown)
            return self.opened.priced(reply, self.task.prompt), ticket.replayed

    @contextlib.contextmanager
    def _noting(self, slot: str) -> Iterator[None]:
        """A call that failed fails the test, as anywhere; a trace alone might be passed over without a word.

        Not where errors are what is tested, and not a correction that the deadline cut off.
        """
        try:
            yield
        except CallFailed as failed:
            is_cut = slot != FIRST_SLOT and self._left is not None and self._left <= 0
            is_tested = self.opened.draw.suite.record_errors
            if outcome_of_failure(failed) == "transport_error" and not is_cut and not is_tested:
                self.opened.recorder.note(failed)
            raise


def plan_of(item: pytest.Item, ini: Mapping[str, float], said: Mapping[str, Any]) -> Plan:
    """How a correction is run: by the call, by the closest marker that says it, by the ini file. Raises LlmError."""
    marked: dict[str, Any] = {}
    for mark in item.iter_markers("llm_retry"):
        if mark.args:
            raise MarkerError("the llm_retry marker takes keywords only", fix={"write": "llm_retry(attempts=3)"})
        _check_names(mark.kwargs, "the llm_retry marker")
        marked = {**mark.kwargs, **marked}
    _check_names(said, "llm_retry")
    options = {**ini, **marked, **said}
    budget = Budget(**{name: options[name] for name in Budget.__slots__ if name in options})
    arms = tuple(feedback_of(one) for one in _several(options.get("arms", DEFAULT_ARMS)))
    if len({arm.name for arm in arms}) < len(arms) or len(arms) < 2:
        named = ", ".join(arm.name for arm in arms) or "none"
        raise CorrectionError(
            f"arms= names the policies that are compared, two at least, each once: {named}",
            fix={"write": 'arms=("resample", "errors")'},
        )
    if budget.attempts < 2 and "arms" in options:
        raise CorrectionError(
            "attempts=1 and arms= contradict each other: without a second attempt there is nothing to compare",
            fix={"write": "attempts=3"},
        )
    score = None if options.get("score") is None else _judge(options["score"])
    return Plan(budget=budget, feedback=feedback_of(options.get("feedback", "errors")), arms=arms, score=score)


def _judge(score: Any) -> Grader:
    if getattr(score, "__name__", "") == "<lambda>":  # nobody sees the name of what is never told
        score = grader(name="score")(score)
    graders = graders_of(score)
    if len(graders) != 1:
        raise CorrectionError(f"score= is one grader, and {len(graders)} were given")
    return graders[0]


def _several(arms: Any) -> Sequence[Any]:
    return tuple(arms) if isinstance(arms, Iterable) and not isinstance(arms, str) else (arms,)


def _case(given: Any) -> Case | None:
    """The inputs that were given as a case; None where there are none."""
    if not isinstance(given, Mapping):
        raise CorrectionError(f"case= is a Case or a dict of inputs, not {given!r:.80}", fix={"write": "case={…}"})
    return Case(inputs=dict(given)) if given else None


def _check_names(said: Mapping[str, Any], where: str) -> None:
    known = Options.__annotations__
    if unknown := [name for name in said if name not in known]:
        raise MarkerError(f"{where} has no argument {unknown[0]!r}", instead=[", ".join(known)])


def _undisclosed(opened: OpenItem, prompt: Prompt) -> tuple[str, ...] | None:
    """What a prompt leaves unsaid; of a declared one it is looked up once."""
    if prompt is not opened.draw.prompt:
        return undisclosed(prompt)
    known = opened.item.config.stash.setdefault(_UNDISCLOSED, {})
    key = id(opened.draw.suite), opened.draw.variant
    if key not in known:
        known[key] = undisclosed(prompt)
    return known[key]
