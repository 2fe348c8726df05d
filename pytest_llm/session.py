"""The items of one process: recordings, grades, results. All the impurity is here. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import pytest

from pytest_llm.calls import Message, Request, Response, Usage, add_known, read_reply
from pytest_llm.cassettes import (
    Exchange,
    Recorder,
    Secrets,
    Shelf,
    content_of,
    model_record,
    replies_digest,
    requests_digest,
)
from pytest_llm.collection import (
    Draw,
    Suite,
    cassette_folder,
    cassette_name,
    draws,
    is_bare,
    read_cases,
    suite_of,
    tag_mark,
)
from pytest_llm.errors import CallFailed, CassetteMiss, EndpointError, LlmError, MarkerError, OptionError
from pytest_llm.graders import Grade, Grader
from pytest_llm.graders import grader as a_grader
from pytest_llm.hookspecs import REPORT_ATTRIBUTE
from pytest_llm.prompts import Case, Prompt, run
from pytest_llm.reports import Place, failure_text, visible
from pytest_llm.results import GradeRecord, MissRecord, Outcome, Result, outcome_of
from pytest_llm.settings import Settings, changes_of, one_mode, samples_of

if TYPE_CHECKING:
    from openai import OpenAI

    from pytest_llm.calls.transport import Reply
    from pytest_llm.cassettes.interception import Interception
    from pytest_llm.cassettes.journal import Journal

PLACEHOLDER_KEY = "pytest-llm-replay"
KEY_VARIABLES = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "MISTRAL_API_KEY",
    "COHERE_API_KEY",
    "GROQ_API_KEY",
    "OPENROUTER_API_KEY",
    "TOGETHER_API_KEY",
)
LONGEST_OUTPUT = 20_000

OPEN: pytest.StashKey[OpenItem] = pytest.StashKey()
DRAW: pytest.StashKey[Draw] = pytest.StashKey()


def settings_of(config: pytest.Config) -> Settings:
    """What the command line and the ini file say. Raises pytest.UsageError."""
    option = config.option
    try:
        samples = option.llm_samples
        default = config.getini("llm_samples")
        json_file = option.llm_json or config.getini("llm_json")
        return Settings(
            root=config.rootpath,
            mode=one_mode(option.llm_record, option.llm_rerecord, option.llm_live),
            samples=None if samples is None else samples_of(samples, "--llm-samples"),
            default_samples=samples_of(default, "llm_samples") if default else None,
            changes={**changes_of(config.getini("llm_set")), **changes_of(option.llm_set)},
            base_url=config.getini("llm_base_url") or None,
            json_file=Path(config.invocation_params.dir, json_file) if json_file else None,
        )
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One exchange with a model, as `llm_calls` shows it."""

    model: str | None
    #: What was sent.
    messages: tuple[Message, ...]
    #: The reply, where the plugin can read it.
    response: Response | None
    #: Who asked: "subject", the code or prompt under test.
    role: str
    usage: Usage
    #: US dollars; None where no price is known.
    cost: float | None
    #: Seconds on the wire, when it was recorded.
    latency: float | None


class Calls(Sequence[Call]):
    """The calls that an item has made so far; it grows as the test goes on."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = exchanges

    def __len__(self) -> int:
        return len(self._exchanges)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [_call(one) for one in self._exchanges[index]]
        return _call(self._exchanges[index])

    def __repr__(self) -> str:
        return f"<{len(self)} calls: {', '.join(str(call.model) for call in self)}>"


@dataclass(slots=True)
class OpenItem:
    """A marked item while it runs."""

    session: Session
    item: pytest.Function
    draw: Draw
    recorder: Recorder
    response: Response | None = None
    grades: list[GradeRecord] = field(default_factory=list)
    body_failed: bool = False
    #: Whether the body came to its end.
    ended: bool = False
    failure: str = ""
    miss: CassetteMiss | None = None

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
        """The exchanges so far."""
        return Calls(self.recorder.exchanges)

    @property
    def place(self) -> Place:
        """Where the recording is, for messages."""
        return Place(nodeid=self.item.nodeid, cassette=self.recorder.shown, sample=self.draw.sample)

    def client(self) -> OpenAI:
        """A client of the prompt's endpoint; without a prompt, of the default one."""
        return self.session.client(self.draw.prompt)

    def respond(self) -> Response:
        """The response of the prompt to the case."""
        prompt, inputs = self.prompt, self.draw.case.inputs if self.draw.case else {}
        turns = prompt.conversation(
            inputs, sample=self.draw.sample, validator=self.draw.suite.validators[self.draw.variant]
        )
        self.response = run(turns, self._send)
        if self.response.report is not None:
            self._grade_schema(self.response)
        return self.response

    def _send(self, request: Request) -> Reply:
        """A reply from the cassette without loading any SDK, or through the client, whose traffic is recorded."""
        record = model_record(request.endpoint, request.body)
        if self.recorder.mode == "replay" or self.recorder.knows(record):
            return _stored(self.recorder.take(record).reply, self.recorder.shown)
        from pytest_llm.calls.transport import send

        return send(self.client(), request)

    def _grade_schema(self, response: Response) -> None:
        reason = "\n".join(["the output does not conform", *(f"  {issue.line}" for issue in response.issues)])
        self.grades.append(
            GradeRecord(
                name="schema",
                passed=response.valid,
                reason="" if response.valid else reason,
                required=self.draw.suite.schema_required,
            )
        )

    def grade(
        self, grader: Grader | Any, output: Any = None, *, name: str | None = None, required: bool = True
    ) -> Grade:
        """Grade an output, or the item's response; recorded, never raised."""
        if output is None:
            if self.response is None:
                raise MarkerError(
                    "llm_grade without an output", where=self.item.nodeid, fix={"pass": "llm_grade(grader, output)"}
                )
            output = self.response
        judge = grader if isinstance(grader, Grader) else a_grader(grader)
        grade = _awaited(judge(output, self.draw.case))
        self.grades.append(
            GradeRecord(
                name=name or grade.name,
                score=grade.score,
                passed=grade.passed,
                reason=grade.reason,
                required=required,
            )
        )
        return grade

    def judge(self) -> None:
        """Run the marker's graders on the response, if there is one."""
        if self.response is not None:
            for one in self.draw.suite.graders:
                self.grade(one)

    @property
    def outcome(self) -> Outcome:
        """The outcome so far."""
        return outcome_of(self.grades, body_failed=self.body_failed)

    def result(self, outcome: Outcome) -> Result:
        """The item's result."""
        draw, prompt, exchanges = self.draw, self.draw.prompt, self.recorder.exchanges
        facts = [_facts(one) for one in exchanges]
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
            critical=bool(draw.case and draw.case.critical),
            prompt=prompt.name if prompt else None,
            prompt_version=self.session.version(prompt) if prompt else None,
            grades=tuple(self.grades),
            output=output,
            failure=self.failure,
            model=next((model for model, _, _ in reversed(facts) if model), None),
            usage=_known([usage for _, usage, _ in facts]),
            latency_s=add_known([latency for _, _, latency in facts]),
            replayed=sources.count("replayed"),
            recorded=sources.count("recorded"),
            asked=sources.count("asked"),
            requests=requests_digest(exchanges) if exchanges else "",
            replies=replies_digest(exchanges) if exchanges else "",
            cassette=self.recorder.shown,
            used=tuple((one.identity, one.reply.slot, one.reply.number) for one in exchanges),
            sharing=draw.sharing,
            ended=self.ended and not self.recorder.misses,
            miss=None if miss is None else MissRecord(kind=miss.kind, heading=miss.heading, change=miss.change),
        )


class Session:
    """The plugin's half in every process that runs tests; registered when the first marked test is collected."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings_of(config)
        self._suites: dict[Any, Suite] = {}
        self._cases: dict[Path, list[Case]] = {}
        self._clients: dict[Any, OpenAI] = {}
        self._versions: dict[int, tuple[Prompt, str]] = {}
        self._tags: set[str] = set()
        self._journal: Journal | None = None
        self._interception: Interception | None = None
        self._secrets = Secrets.of(os.environ)
        self._shelf = Shelf()
        self._changes: dict[str, str] = {}
        self._folders: dict[Any, tuple[Path, str]] = {}

    # -- collection ---------------------------------------------------------------------------------------------

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Make the items of a marked test function."""
        definition = metafunc.definition
        try:
            suite = suite_of(definition, metafunc.fixturenames, self.settings, self._read_cases)
        except LlmError as error:
            raise pytest.Collector.CollectError(f"{definition.nodeid}\n{error}") from error
        self._suites[metafunc.function] = suite
        if not suite.is_parametrised:
            return
        self._warn_of_seeds(suite, definition)
        metafunc.fixturenames.append("_llm_sample")
        metafunc.parametrize("_llm_sample", [self._parameter(draw) for draw in draws(suite)], indirect=True)

    def _parameter(self, draw: Draw) -> Any:
        marks = []
        for tag in draw.case.tags if draw.case else ():
            if (name := tag_mark(tag)) not in self._tags:
                self._tags.add(name)
                self.config.addinivalue_line("markers", f"{name}: cases tagged {tag!r}")
            marks.append(getattr(pytest.mark, name))
        return pytest.param(draw, id=draw.id or pytest.HIDDEN_PARAM, marks=marks)

    def _read_cases(self, source: Any, folder: Path) -> list[Case]:
        """Cases of a file are read once, however many tests name it."""
        if not isinstance(source, str | Path):
            return read_cases(source, folder)
        path = folder / source
        if path not in self._cases:
            self._cases[path] = read_cases(path, folder)
        return self._cases[path]

    def _warn_of_seeds(self, suite: Suite, definition: pytest.Function) -> None:
        for prompt in suite.prompts.values():
            if prompt is not None and isinstance(prompt.parameters.get("seed"), int):
                warnings.warn_explicit(
                    f'Prompt "{prompt.name}" has a fixed seed: its draws share random numbers and are not independent; '
                    'use seed="sample"',
                    pytest.PytestWarning,
                    str(definition.path),
                    definition.function.__code__.co_firstlineno,
                )

    def adopt(self, marked: Sequence[pytest.Item]) -> None:
        """Take the marked items over, unless the project says `llm` of tests without knowing this plugin."""
        functions = [item for item in marked if isinstance(item, pytest.Function)]
        bare = [item for item in functions if is_bare(item, item.fixturenames)]
        if len(bare) == len(functions) and not self._is_adopted(functions):
            warnings.warn_explicit(
                "tests are marked llm, which pytest-llm-evals would record and replay; they run as if it were not "
                "installed. To adopt it: pytest --llm-record. To silence this: -p no:pytest_llm_evals",
                pytest.PytestWarning,
                str(bare[0].path),
                1,
            )
            return
        for item in functions:
            callspec = getattr(item, "callspec", None)
            draw = callspec.params.get("_llm_sample") if callspec is not None else None
            item.stash[DRAW] = draw or Draw(suite=self._suites[item.function])

    def _is_adopted(self, functions: Sequence[pytest.Function]) -> bool:
        """By a recording option, an ini key, or a cassette beside one of the tests."""
        if self.settings.mode != "replay" or self.settings.base_url or self.settings.default_samples:
            return True
        return any(cassette_folder(item).is_dir() for item in functions)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse a run that has to ask a declared prompt and has no key, before it starts."""
        if self.settings.mode == "replay" or hasattr(self.config, "workerinput") or self.config.option.collectonly:
            return
        for item in session.items:
            draw = item.stash.get(DRAW, None)
            if draw is None or draw.prompt is None or "llm_response" not in cast("pytest.Function", item).fixturenames:
                continue
            if not self._can_ask(draw.prompt) and self._has_to_ask(cast("pytest.Function", item), draw):
                try:
                    self._endpoint(draw.prompt).key()
                except EndpointError as error:
                    told = f"--llm-{self.settings.mode} has to ask Prompt {draw.prompt.name!r}\n{error}"
                    raise pytest.UsageError(told) from error

    def _has_to_ask(self, item: pytest.Function, draw: Draw) -> bool:
        if self.settings.mode != "record":
            return True
        assert_prompt = cast("Prompt", draw.prompt)
        first = next(assert_prompt.conversation(draw.case.inputs if draw.case else {}, sample=draw.sample))
        return not self._recorder(item, draw).knows(model_record(first.endpoint, first.body))

    # -- running ------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Open the item's cassette, and stand between it and the network."""
        draw = item.stash.get(DRAW, None)
        if draw is None:
            return (yield)
        recorder = self._recorder(cast("pytest.Function", item), draw)
        item.stash[OPEN] = OpenItem(self, cast("pytest.Function", item), draw, recorder)
        self._intercept(recorder)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Let pytest know of a fixture that ended in a miss.

        pytest notes the failure of a fixture only for an Exception; without the note the fixture's next set-up, for the
        next item, would stop at an assertion inside pytest.
        """
        try:
            return (yield)
        except CassetteMiss as miss:
            fixturedef.cached_result = (None, fixturedef.cache_key(request), (miss, miss.__traceback__))  # type: ignore[arg-type] # a SubRequest it is
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Grade after the body, also after one that failed; show all failures together."""
        opened = pyfuncitem.stash.get(OPEN, None)
        if opened is None:
            return (yield)
        try:
            result = yield
        except (Exception, CassetteMiss, pytest.fail.Exception):
            opened.body_failed = True
            opened.judge()
            opened.failure = failure_text(opened.grades, opened.response, opened.place)
            raise
        opened.ended = True
        opened.judge()
        if opened.recorder.misses:  # one that the code under test swallowed
            raise opened.recorder.misses[0]
        opened.failure = failure_text(opened.grades, opened.response, opened.place)
        if opened.failure:
            pytest.fail(opened.failure, pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say failures of ours without our traceback, and put the result on the report."""
        report = yield
        opened = item.stash.get(OPEN, None)
        if opened is None:
            return report
        error = call.excinfo.value if call.excinfo is not None else None
        said = _our_error(error)
        if said is not None and call.excinfo is not None:
            text = self._told_once(said, item) if isinstance(said, CassetteMiss) else str(said)
            opened.miss = said if isinstance(said, CassetteMiss) else None
            opened.failure = opened.failure or visible(str(said))
            place = _user_line(call.excinfo, item.path) if report.when == "call" else ""
            report.longrepr = visible(text) + place
        elif opened.body_failed and opened.failure and report.when == "call":
            report.sections.append(("llm", opened.failure))
        elif error is not None and not opened.failure:
            opened.failure = visible(f"{type(error).__name__}: {error}"[:2000])
        outcome = _settled(report, opened, error)
        if outcome is not None:
            result = opened.result(outcome)
            setattr(report, REPORT_ATTRIBUTE, json.dumps(result.json))
            item.user_properties.extend(_properties(result))  # JUnit takes them from the report of the teardown
        return report

    def _told_once(self, miss: CassetteMiss, item: pytest.Item) -> str:
        """A change that makes hundreds of cases stale is shown with the first of them."""
        first = self._changes.setdefault(miss.change, item.nodeid) if miss.change else item.nodeid
        return str(miss) if first == item.nodeid else f"stale by the same change as {first}: {miss.heading}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
        """Put what was recorded into the cassette, and step aside for tests that are not ours."""
        try:
            return (yield)
        finally:
            opened = item.stash.get(OPEN, None)
            if opened is not None:
                self._close(opened, nextitem)

    def _close(self, opened: OpenItem, nextitem: pytest.Item | None) -> None:
        if self._interception is not None:
            self._interception.router.recorder = None
        if nextitem is None or DRAW not in nextitem.stash:
            # vcrpy reads every stream to its end; tests that are not ours shall not notice it.
            self._step_aside()
        opened.recorder.close(self.settings.state)
        del opened.item.stash[OPEN]

    def pytest_sessionfinish(self) -> None:
        """Give the journal up: all of it is in the cassettes."""
        self._step_aside()
        if self._journal is not None:
            self._journal.close()

    # -- recording ----------------------------------------------------------------------------------------------

    def _recorder(self, item: pytest.Function, draw: Draw) -> Recorder:
        key = (item.path, item.cls, item.originalname)
        if key not in self._folders:
            folder = cassette_folder(item)
            self._folders[key] = (folder, self.shown(folder))
        folder, shown = self._folders[key]
        name = cassette_name(item, draw)
        return Recorder(
            folder / name,
            f"{shown}/{name}",
            mode=self.settings.mode,
            slot=str(draw.sample),
            secrets=self._secrets,
            journal=self._opened_journal,
            shelf=self._shelf,
        )

    def _opened_journal(self) -> Journal:
        if self._journal is None:
            from pytest_llm.cassettes.journal import Journal

            self._journal = Journal(self.settings.state)
        return self._journal

    def pytest_runtestloop(self) -> None:
        """Recover what a killed recording run left behind, before this one reads a cassette."""
        if self.settings.mode in ("record", "rerecord"):
            from pytest_llm.cassettes.journal import recover

            recover(self.settings.state)

    def _intercept(self, recorder: Recorder) -> None:
        if self._interception is None:
            from pytest_llm.cassettes.interception import Interception

            self._interception = Interception()
        self._interception.router.recorder = recorder
        if self._interception.enter() and self.settings.mode == "replay":
            for name in KEY_VARIABLES:
                os.environ.setdefault(name, PLACEHOLDER_KEY)

    def _step_aside(self) -> None:
        """Leave HTTP libraries and environment as they were before the first marked item."""
        if self._interception is not None and self._interception.leave():
            for name in KEY_VARIABLES:
                if os.environ.get(name) == PLACEHOLDER_KEY:
                    del os.environ[name]

    def _endpoint(self, prompt: Prompt | None) -> Any:
        from pytest_llm.calls.endpoint import Endpoint

        base_url, variable = (prompt.base_url, prompt.api_key_env) if prompt is not None else (None, None)
        return Endpoint.of(base_url, variable, self.settings.base_url)

    def _can_ask(self, prompt: Prompt) -> bool:
        return self._endpoint(prompt).has_key or self._hooked_client(prompt) is not None

    def client(self, prompt: Prompt | None) -> OpenAI:
        """The client for a prompt, made once per endpoint: the hook's, else one of our own."""
        hooked = None if prompt is None else self._hooked_client(prompt)
        if hooked is not None:
            return hooked
        from pytest_llm.calls.endpoint import client_for

        return client_for(self._endpoint(prompt))

    def _hooked_client(self, prompt: Prompt) -> OpenAI | None:
        key = (prompt.name, prompt.base_url, prompt.api_key_env, prompt.model)
        if key not in self._clients:
            found = self.config.hook.pytest_llm_client(config=self.config, prompt=prompt)
            if found is None:
                return None
            self._clients[key] = found
        return self._clients[key]

    # -- small things -------------------------------------------------------------------------------------------

    def version(self, prompt: Prompt) -> str:
        """The version of a prompt, computed once."""
        if id(prompt) not in self._versions:
            self._versions[id(prompt)] = (prompt, prompt.version)
        return self._versions[id(prompt)][1]

    def shown(self, path: Path) -> str:
        """A path relative to the root, with slashes."""
        root = self.settings.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _stored(reply: Any, shown: str) -> Reply:
    from pytest_llm.calls.transport import Reply

    body: Mapping[str, Any] = reply.body
    if "json" in body:
        data = body["json"]
    else:
        try:
            data = json.loads(content_of(body))
        except ValueError as error:
            raise CallFailed("the recorded reply is no JSON", where=shown) from error
    return Reply(data=data, latency=None if reply.latency_ms is None else reply.latency_ms / 1000)


def _facts(exchange: Exchange) -> tuple[str | None, Usage, float | None]:
    """The model that answered, the tokens and the recorded seconds of an exchange."""
    data = exchange.reply.body.get("json")
    latency = None if exchange.reply.latency_ms is None else exchange.reply.latency_ms / 1000
    if not isinstance(data, Mapping):
        return None, Usage(), latency
    model = data.get("model")
    return model if isinstance(model, str) else None, Usage.of(data.get("usage")), latency


def _call(exchange: Exchange) -> Call:
    body = exchange.request.get("body")
    body = body if isinstance(body, Mapping) else {}
    data = exchange.reply.body.get("json")
    model, usage, latency = _facts(exchange)
    sent = tuple(_messages(body.get("messages") or body.get("input")))
    response = None
    if isinstance(data, Mapping) and ("choices" in data or "output" in data):
        response = read_reply("chat" if "choices" in data else "responses", data, sent=sent, latency=latency)
    return Call(
        model=model or body.get("model"),
        messages=sent,
        response=response,
        role="subject",
        usage=usage,
        cost=None,
        latency=latency,
    )


def _messages(sent: Any) -> Iterator[Message]:
    """The messages of a request, those that are of a known shape."""
    if isinstance(sent, str):
        yield Message("user", sent)
    for one in sent if isinstance(sent, list) else ():
        try:
            yield Message.of({key: one[key] for key in ("role", "content", "name", "tool_calls") if one.get(key)})
        except (LlmError, AttributeError, KeyError, TypeError):
            continue


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


def _our_error(error: BaseException | None) -> LlmError | CassetteMiss | None:
    """A mistake or a miss that we have to say, also out of an exception group."""
    if isinstance(error, LlmError | CassetteMiss):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for found in map(_our_error, error.exceptions) if isinstance(found, CassetteMiss)), None)
    return None


def _user_line(excinfo: pytest.ExceptionInfo[BaseException], path: Path) -> str:
    """The line of the test file at which something of ours was raised."""
    for entry in reversed(excinfo.traceback):
        if Path(entry.path) == path:
            return f"\n\n{path.name}:{entry.lineno + 1}: {str(entry.statement).strip()}"
    return ""


def _settled(report: pytest.TestReport, opened: OpenItem, error: BaseException | None) -> Outcome | None:
    """The outcome, on the report that decides it; None on the others, and for an item that was skipped."""
    if isinstance(error, pytest.skip.Exception):
        return None
    if report.when == "call":
        return opened.outcome if error is None or opened.failure else "failed"
    return "error" if report.when == "setup" and error is not None else None


def _known(parts: list[Usage]) -> dict[str, int]:
    total = parts[0] if len(parts) == 1 else Usage.sum(parts)
    return {name: tokens for name in Usage.__slots__ if (tokens := getattr(total, name)) is not None}


def _properties(result: Result) -> list[tuple[str, object]]:
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
    return known
