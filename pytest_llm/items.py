"""A marked item while it runs: it is answered, graded, and becomes a result. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import pytest

from pytest_llm.calls import Prices, Request, Response, Usage, add_known
from pytest_llm.cassettes import (
    Calls,
    Exchange,
    Recorder,
    drifted,
    facts_of,
    is_single_draw,
    recording_digest,
    replies_digest,
    requests_digest,
)
from pytest_llm.collection import Draw, line_of
from pytest_llm.correction.record import TraceRecord
from pytest_llm.errors import CassetteMiss, JudgeUnfit, MarkerError
from pytest_llm.graders import Grade, Grader, Judging
from pytest_llm.graders import grader as a_grader
from pytest_llm.graders.grader import nothing_to_grade
from pytest_llm.prompts import Asker, Case, Prompt, run
from pytest_llm.reports import Place
from pytest_llm.results import GradeRecord, MissRecord, Outcome, QuestionRecord, Result, outcome_of
from pytest_llm.wire import Errand, Wire, judged

if TYPE_CHECKING:
    from openai import OpenAI

    from pytest_llm.calls.transport import Reply

LONGEST_OUTPUT = 20_000

OPEN: pytest.StashKey[OpenItem] = pytest.StashKey()


def open_item(request: pytest.FixtureRequest) -> OpenItem:
    """The running item, for a fixture. Fails where the test is not marked."""
    found: OpenItem | None = request.node.stash.get(OPEN, None)
    if found is None:
        pytest.fail(f"{request.fixturename} needs the marker\n  add         @pytest.mark.llm(…)", pytrace=False)
    return found


class GradeFunction(Protocol):
    """What the fixture `llm_grade` is."""

    def __call__(
        self, grader: Grader | Any, output: Any = None, *, name: str | None = None, required: bool = True
    ) -> Grade:
        """Grade an output, or the item's response, and record it; the item fails later if a required grade failed."""


class Judges(Protocol):
    """What is known of judges."""

    def check(self, judging: Judging, item: pytest.Function, environment: Mapping[str, str]) -> None:
        """Look at a judge before its verdicts count. Raises JudgeUnfit."""

    def is_calibrated(self, judging: Judging, item: pytest.Function) -> bool:
        """Whether it was compared with people, in this version. Raises CalibrationError."""


@dataclass(slots=True)
class OpenItem:
    """A marked item while it runs."""

    item: pytest.Function
    draw: Draw
    recorder: Recorder
    wire: Wire
    #: Gives the version of the prompt; None without one.
    version: Callable[[], str | None]
    #: Gives the recorders of the fixtures of wider scope that the item uses.
    fixtures: Callable[[], list[Recorder]]
    prices: Prices
    #: What is known of judges.
    judges: Judges
    #: Of one that asks ahead: as it was when it was begun, whatever a test that runs meanwhile makes of it.
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    #: Gives what was asked ahead for this item, once; None where nothing was.
    errand: Callable[[], Errand | None] = lambda: None
    #: What the ini file says of the budget of a correction.
    retry: Mapping[str, float] = field(default_factory=dict)
    #: Where the suite's baseline is, or would be, relative to the root.
    baseline: str = ""
    response: Response | None = None
    #: Whether it was asked as `llm_response`, of which the schema is a grade.
    responded: bool = False
    grades: list[GradeRecord] = field(default_factory=list)
    traces: list[TraceRecord] = field(default_factory=list)
    #: The judges that were asked for the last grade.
    seen: list[Judging] = field(default_factory=list)
    body_failed: bool = False
    #: Whether the body came to its end.
    ended: bool = False
    #: Whether the marker's graders have had their turn.
    judged: bool = False
    failure: str = ""
    miss: CassetteMiss | None = None
    #: The item's result; None before it has one.
    settled: Result | None = None
    #: How many of the recorder's problems are told.
    told: int = 0

    @property
    def line(self) -> str:
        """The item's line in the baseline."""
        return line_of(self.item, self.draw)

    @property
    def case(self) -> Case:
        """The item's case. Raises MarkerError where the marker has none."""
        if self.draw.case is None:
            raise MarkerError("llm_case without cases", where=self.item.nodeid, fix={"add": "cases=… to the marker"})
        return self.draw.case

    @property
    def prompt(self) -> Prompt:
        """The item's prompt. Raises MarkerError where the marker has none."""
        if self.draw.prompt is None:
            raise MarkerError(
                "llm_prompt without a prompt", where=self.item.nodeid, fix={"write": "@pytest.mark.llm(prompt, …)"}
            )
        return self.draw.prompt

    @property
    def calls(self) -> Calls:
        """The exchanges so far, those of fixtures of wider scope first."""
        return Calls(self._exchanges, self.prices)

    def _exchanges(self) -> list[Exchange]:
        recorders = [*self.fixtures(), self.recorder]
        return [one for recorder in recorders for one in recorder.exchanges]

    @property
    def place(self) -> Place:
        """Where the recording is, for messages."""
        cassette = self.recorder.shown if self.recorder.exchanges else ""
        return Place(nodeid=self.item.nodeid, cassette=cassette, sample=self.draw.sample)

    def reach(self) -> None:
        """Take over what was asked ahead: the item is about to ask by itself. Raises JudgeUnfit."""
        self._look_at_judges(self.draw.suite.graders)
        if (errand := self.errand()) is not None:
            errand.job.wait()
            self._take_over(errand)

    async def areach(self) -> None:
        """As `reach`, without blocking where something was asked ahead."""
        self._look_at_judges(self.draw.suite.graders)
        if (errand := self.errand()) is not None:
            await errand.awaited()
            self._take_over(errand)

    def _look_at_judges(self, graders: Iterable[Grader]) -> None:
        for grader in graders:
            for judging in grader.judges:
                self.examine(judging)

    def examine(self, judging: Judging) -> None:
        """Look at a judge before its verdicts count. Raises JudgeUnfit."""
        self.judges.check(judging, self.item, self.environment)

    def _take_over(self, errand: Errand) -> None:
        errand.is_used = True
        self.recorder.take_over(errand.recorder)

    def respond(self, send: Callable[[Request], Reply] | None = None) -> Response:
        """The response of the prompt to the case; with `send`, to the replies that it gives."""
        if send is None:
            self.reach()
        send = send or self.send
        self.response = run(self.conversation(), lambda request: self.priced(send(request), self.prompt))
        self.responded = True
        return self.response

    def priced(self, reply: Reply, prompt: Prompt) -> Reply:
        """A reply with what it costs at the prompt's endpoint."""
        cost = self.prices.cost_of(reply.data, self.wire.clients.address(prompt))
        return reply if cost is None else replace(reply, cost=cost)

    def conversation(self, *, is_validated: bool = True) -> Generator[Request, Reply, Response]:
        """What the prompt asks for the case, and what becomes of the replies."""
        return self.prompt.conversation(
            self.draw.case.inputs if self.draw.case else {},
            sample=self.draw.sample,
            validator=self.draw.suite.validators[self.draw.variant],
            validated=is_validated,
        )

    def send(self, request: Request) -> Reply:
        """A reply from the cassette without loading any SDK, or from the endpoint, and recorded."""
        return self.wire.reply(self.draw.prompt, request, self.recorder, environment=self.environment)

    def client_of(self, prompt: Asker | None) -> OpenAI:
        """The client for a prompt: that of now, or, asked ahead, of when it was begun. Raises EndpointError."""
        return self.wire.clients.of(prompt, self.environment)

    def grade(
        self, grader: Grader | Any, output: Any = None, *, name: str | None = None, required: bool = True
    ) -> Grade:
        """Grade an output, or the item's response; recorded, never raised."""
        if self.judged:
            raise MarkerError("llm_grade after the body of the test, where it decides nothing", where=self.item.nodeid)
        if isinstance(output, Grader) and not isinstance(grader, Grader):
            raise MarkerError(
                "llm_grade was given the output first",
                where=self.item.nodeid,
                fix={"write": "llm_grade(grader, output)"},
            )
        if output is None:
            if self.response is None:
                raise MarkerError(
                    "llm_grade without an output", where=self.item.nodeid, fix={"pass": "llm_grade(grader, output)"}
                )
            output = self.response
        return self._grade(grader, output, name, required=required)

    def _grade(self, grader: Grader | Any, output: Any, name: str | None = None, *, required: bool = True) -> Grade:
        judge = grader if isinstance(grader, Grader) else a_grader(grader)
        grade = self._asked(judge, output, self.draw.case)
        self.grades.append(
            GradeRecord(
                name=name or grade.name,
                score=grade.score,
                passed=grade.passed,
                reason=grade.reason,
                required=required,
                judge=self._versions(judge),
                calibrated=bool(self.seen) and all(self.judges.is_calibrated(one, self.item) for one in self.seen),
            )
        )
        return grade

    def hidden_grade(self, judge: Grader, output: Response, case: Case | None) -> Grade:
        """A grade that decides nothing and is not recorded as one."""
        return self._asked(judge, output, case)

    def _asked(self, judge: Grader, output: Any, case: Case | None) -> Grade:
        """The grade; what is asked for it is a judge's."""
        self._look_at_judges([judge])
        self.seen, problems = list(judge.judges), []

        def examine(judging: Judging) -> None:
            """Look at one that a user's function asks."""
            if judging.version in {one.version for one in self.seen}:
                return
            self.seen.append(judging)
            try:
                self.examine(judging)
            except JudgeUnfit as problem:
                problems.append(problem)
                raise

        with judged(self.wire, self.recorder, self.environment, examine):
            grade = _awaited(judge(output, case))
        if problems:  # a grader takes it for what it could not grade
            raise problems[0]
        return grade

    def _versions(self, grader: Grader) -> str:
        """Those of the judges in a grade; in brackets where the verdict is not the judge's own."""
        versions = " ".join(one.version for one in self.seen)
        is_own = len(grader.judges) == 1 and grader.judges[0].grader.function is grader.function
        return versions if is_own or not versions else f"({versions})"

    def ask_judges(self) -> None:
        """Let the marker's graders that ask a model ask it, ahead of the test that will hear of their grades."""
        for one in self.draw.suite.graders:
            if one.asks and self.response is not None:
                self._asked(one, self.response, self.draw.case)

    def judge(self) -> None:
        """Grade what the test was given as `llm_response`, by its schema and the marker's graders.

        That is the value of the fixture, which a project may have overridden.
        """
        self.judged = True
        output = self.item.funcargs.get("llm_response", self.response)
        if output is None and "llm_response" not in self.item.funcargs:
            if self.draw.suite.graders and not self.body_failed:
                raise MarkerError(
                    "graders without a response to grade: llm_retry was not called, or got no reply",
                    where=self.item.nodeid,
                    fix={"call": "llm_retry() in the test"},
                )
            return
        if isinstance(output, Response):
            self.response = output
        if (self.responded or "llm_response" in self.item.fixturenames) and self.draw.suite.validators[
            self.draw.variant
        ] is not None:
            self.grades.insert(0, self._schema_grade(output))
        for one in self.draw.suite.graders:
            self._grade(one, output)

    def _schema_grade(self, output: object) -> GradeRecord:
        valid, reason = None, "llm_response was overridden by something that has no schema"
        if isinstance(output, Response) and output.report is not None:
            valid = output.valid
            findings = (f"  {issue.line}" for issue in output.issues)
            reason = "" if valid else "\n".join(["the output does not conform", *findings])
            if valid and (nothing := nothing_to_grade(output)):
                valid, reason = None, nothing
        return GradeRecord(name="schema", passed=valid, reason=reason, required=self.draw.suite.schema_required)

    @property
    def outcome(self) -> Outcome:
        """The outcome so far."""
        return outcome_of(self.grades, body_failed=self.body_failed)

    def _facts(self, role: Literal["subject", "judge"]) -> list[tuple[str | None, Usage, float | None, float | None]]:
        """Model, tokens, seconds and US dollars of what the judges asked, or of all that was asked beside them."""
        found = [one for one in self.recorder.exchanges if (one.role == "judge") is (role == "judge")]
        return [facts_of(one, self.prices) for one in found]

    def _where(self, case: Case) -> str:
        """Return where *case* was declared, relative to the root where it is below it."""
        root = f"{self.item.config.rootpath}{os.sep}"
        return case.where.removeprefix(root).replace(os.sep, "/") if case.where.startswith(root) else case.where

    def _is_first_draw(self) -> bool:
        """Return whether no recording held a response to what this item sent, so that it drew for the first time.

        A replay does not know how often its recording was drawn, and neither does `--llm-rerecord`.
        """
        sources = {one.source for one in self.recorder.exchanges if one.role != "judge"}
        return self.recorder.mode == "record" and sources == {"recorded"}

    def result(self, outcome: Outcome) -> Result:
        """The item's result."""
        draw, prompt, exchanges = self.draw, self.draw.prompt, self.recorder.exchanges
        facts, of_judges = self._facts("subject"), self._facts("judge")
        drift = [drifted(one) for one in exchanges]
        sources = [one.source for one in exchanges]
        output = None if self.response is None else self.response.text[:LONGEST_OUTPUT]
        miss = self.miss
        return Result(
            nodeid=self.item.nodeid,
            suite=draw.suite.name,
            outcome=outcome,
            case=draw.case.id if draw.case else None,
            variant=draw.variant,
            sample=draw.sample,
            tags=draw.case.tags if draw.case else (),
            critical=draw.is_critical,
            group=draw.case.group if draw.case else None,
            split=draw.case.split if draw.case else None,
            relevant=draw.case.relevant if draw.case else (),
            question=None if draw.case is None else QuestionRecord.about(draw.case, self._where(draw.case)),
            prompt=prompt.name if prompt else None,
            prompt_version=self.version(),
            grades=tuple(self.grades),
            traces=tuple(self.traces),
            output=output,
            failure=self.failure,
            model=next((model for model, *_ in reversed(facts) if model), None),
            usage=known_usage([usage for _, usage, _, _ in facts]),
            cost_usd=add_known([usd for *_, usd in facts]),
            latency_s=add_known([latency for _, _, latency, _ in facts]),
            judge_usage=known_usage([usage for _, usage, _, _ in of_judges]),
            judge_cost_usd=add_known([usd for *_, usd in of_judges]),
            replayed=sources.count("replayed"),
            recorded=sources.count("recorded"),
            asked=sources.count("asked"),
            unkept=self.recorder.unkept,
            older=sum(one.is_older for one in exchanges),
            same=drift.count(False),
            drifted=drift.count(True),
            requests=requests_digest(exchanges, [trace.policy for trace in self.traces]) if exchanges else "",
            replies=replies_digest(exchanges) if exchanges else "",
            recording=recording_digest(exchanges) if exchanges else "",
            single_draw=is_single_draw(exchanges),
            draws=1 if self._is_first_draw() else None,
            baseline=self.baseline,
            line=self.line,
            case_digest=draw.case.digest if draw.case else "",
            cassette=self.recorder.shown,
            used=tuple((one.identity, one.reply.slot, one.reply.number) for one in exchanges),
            roles=tuple(one.role for one in exchanges),
            sources=tuple(sources),
            sharing=draw.suite.samples,
            ended=self.ended and self.recorder.is_complete,
            miss=None if miss is None else MissRecord(kind=miss.kind, heading=miss.heading, change=miss.change),
        )


def _awaited(grade: Any) -> Grade:
    """The grade of a grader that may be a coroutine function; a test's own loop may be running in this thread."""
    import inspect

    if not inspect.isawaitable(grade):
        return cast("Grade", grade)
    import asyncio
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    async def wait() -> Grade:
        return cast("Grade", await grade)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, wait()).result()


def known_usage(parts: list[Usage]) -> dict[str, int]:
    """The tokens of several exchanges together, those kinds that all of them tell."""
    total = Usage.sum(parts)
    return {name: tokens for name in Usage.__slots__ if (tokens := getattr(total, name)) is not None}


def properties_of(result: Result) -> list[tuple[str, object]]:
    """What JUnit shows of an item."""
    facts = {
        "llm_suite": result.suite,
        "llm_case": result.case,
        "llm_variant": result.variant,
        "llm_sample": result.sample,
        "llm_prompt": f"{result.prompt}@{result.prompt_version}" if result.prompt else None,
        "llm_model": result.model,
        "llm_outcome": result.outcome,
        "llm_total_tokens": result.usage.get("total_tokens"),
        "llm_latency_s": result.latency_s,
        "llm_cassette": result.cassette if result.used else None,
    }
    known: list[tuple[str, object]] = [(name, value) for name, value in facts.items() if value is not None]
    for grade in result.grades:
        told = "ungraded" if grade.is_ungraded else grade.score if grade.passed is None else grade.passed
        known.append((f"llm_grade_{grade.name}", told))
        if grade.is_uncalibrated:
            known.append((f"llm_judge_{grade.name}", "uncalibrated"))
    return known
