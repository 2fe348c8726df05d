"""The items of one process: recordings, grades, results. All the impurity is here. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import contextlib
import functools
import json
import warnings
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llm.adoption import is_adopted
from pytest_llm.cassettes import explain_patch
from pytest_llm.clients import Clients
from pytest_llm.collection import (
    DRAW,
    Draw,
    Suite,
    draws,
    is_bare,
    read_cases,
    suite_of,
    tag_mark,
)
from pytest_llm.errors import CassetteMiss, EndpointError, LlmError
from pytest_llm.forecast import FORECAST, forecast
from pytest_llm.gating import Gating
from pytest_llm.graders.judges.judging import examining
from pytest_llm.heard import AT_HAND
from pytest_llm.hookspecs import FIXTURES_ATTRIBUTE, REPORT_ATTRIBUTE, SKIPPED_ATTRIBUTE
from pytest_llm.items import OPEN, OpenItem, properties_of
from pytest_llm.judges import JudgesAtWork
from pytest_llm.mistakes import our_error, user_line
from pytest_llm.options import settings_of
from pytest_llm.other_recorders import claim, is_marked
from pytest_llm.prompts import Case, Prompt
from pytest_llm.recordings import Recordings
from pytest_llm.reports import failure_text, forecast_lines, visible
from pytest_llm.results import CONFIRMATIONS, Outcome, result_line
from pytest_llm.scope import COLLECTED, WORKER_OUTPUT, Collected
from pytest_llm.wide_fixtures import WideFixtures
from pytest_llm.wire import POOL, Wire

if TYPE_CHECKING:
    from pytest_llm.ahead import Ahead


class Session:
    """The plugin's half in every process that runs tests; registered when the first marked test is collected."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings_of(config)
        self._suites: dict[Any, Suite] = {}
        self._cases: dict[Path, list[Case]] = {}
        self._versions: dict[int, tuple[Prompt, str]] = {}
        self._tags: set[str] = set()
        self._changes: dict[str, str] = {}
        #: How many marked items there were before any was deselected.
        self._adopted = 0
        self._recordings = Recordings(config, self.settings)
        self._wire = Wire(Clients(config, self.settings), _share_of(self.settings.concurrency, config))
        config.stash[POOL] = self._wire.pool
        self._ahead: Ahead | None = None
        self._fixtures = WideFixtures(self._recordings, self.settings)
        self._judges = JudgesAtWork(self.settings.root, self._recordings, self._wire, self._fixtures)
        self._gating = Gating(self.settings)

    # -- collection ---------------------------------------------------------------------------------------------

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Make the items of a marked test function."""
        definition = metafunc.definition
        if not is_marked(definition, metafunc.fixturenames):
            return
        try:
            suite = suite_of(definition, metafunc.fixturenames, self.settings, self._read_cases)
        except LlmError as error:
            raise pytest.Collector.CollectError(f"{definition.nodeid}\n{error}") from error
        # By class too: a test function that is inherited has the markers of each class.
        self._suites[metafunc.cls, metafunc.function] = suite
        self._check_retry(definition)
        if not suite.is_parametrised:
            return
        self._warn_of_seeds(suite, definition)
        metafunc.fixturenames.append("_llm_sample")
        parameters = [self._parameter(draw) for draw in draws(suite, self._gating.beyond(definition, suite))]
        metafunc.parametrize("_llm_sample", parameters, indirect=True)

    def _check_retry(self, definition: pytest.Function) -> None:
        """Raise CollectError for a marker `llm_retry` that cannot be kept to, before anything is asked."""
        if definition.get_closest_marker("llm_retry") is None:
            return
        from pytest_llm.retrying import plan_of

        try:
            plan_of(definition, self.settings.retry, {})
        except LlmError as error:
            raise pytest.Collector.CollectError(f"{definition.nodeid}\n{error}") from error

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

    def adopt(self, marked: Sequence[pytest.Item], *, is_configured: bool) -> set[pytest.Item]:
        """Take the marked items over, unless the project says `llm` of tests without knowing this plugin.

        `is_configured`: whether an option or an ini key of ours is given.

        Returns those that are none: confirming samples of a case that nobody suspects.
        """
        functions = [
            item for item in marked if isinstance(item, pytest.Function) and is_marked(item, item.fixturenames)
        ]
        self._adopted = len(functions)
        if not functions:  # doctests of a marked module, for one
            return set()
        bare = [item for item in functions if is_bare(item, item.fixturenames)]
        is_used = is_configured or len(bare) < len(functions)
        if not is_used and not is_adopted(self.config, self.settings, functions):
            warnings.warn_explicit(
                "tests are marked llm, which pytest-llm-evals would record and replay; they run as if it were not "
                "installed. To adopt it: pytest --llm-record. To silence this: -p no:pytest_llm_evals",
                pytest.PytestWarning,
                str(bare[0].path),
                1,
            )
            return set()
        unwanted: set[pytest.Item] = set()
        for item in functions:
            claim(item, sends=self.settings.asks)
            callspec = getattr(item, "callspec", None)
            draw = callspec.params.get("_llm_sample") if callspec is not None else None
            item.stash[DRAW] = draw = draw or Draw(suite=self._suite(item))
            if self._gating.is_wanted(item, draw):
                self._gating.collected(item, draw)
            else:
                unwanted.add(item)
        self._adopted -= len(unwanted)
        return unwanted

    def _suite(self, item: pytest.Function) -> Suite:
        """The suite of an item without a draw: a method of unittest.TestCase, or marked after it was collected."""
        if (item.cls, item.function) not in self._suites:
            try:
                suite = suite_of(item, (), self.settings, self._read_cases)
            except LlmError as error:
                raise pytest.UsageError(f"{item.nodeid}\n{error}") from error
            if suite.is_parametrised:
                raise pytest.UsageError(
                    f"{item.nodeid}\na unittest.TestCase, and a test that is marked after it was collected, can have "
                    "neither cases nor samples\n  write       the marker on a test function, class or module"
                )
            self._suites[item.cls, item.function] = suite
        return self._suites[item.cls, item.function]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse a run that has to ask a declared prompt and has no key, before it starts."""
        ours = [item for item in session.items if isinstance(item, pytest.Function) and DRAW in item.stash]
        self._fixtures.expect(ours)
        for item in ours:
            self._gating.selected(item, item.stash[DRAW])
        self.config.stash[COLLECTED] = Collected(len(ours), self._adopted - len(ours), tuple(self._gating.records))
        if not self.settings.asks or hasattr(self.config, "workerinput") or self.config.option.collectonly:
            return
        for item in ours:
            draw = item.stash[DRAW]
            if draw.prompt is not None and not self.settings.dry_run:
                self._check_key(item, draw, draw.prompt)

    def _check_key(self, item: pytest.Function, draw: Draw, prompt: Prompt) -> None:
        try:
            if {"llm_response", "llm_retry"} & set(item.fixturenames) and not self._wire.clients.can_ask(prompt):
                inputs = draw.case.inputs if draw.case else {}
                first = next(prompt.conversation(inputs, sample=draw.sample))
                recorder = self._recordings.of_item(item, draw)
                if not recorder.knows(recorder.declared(first)):
                    self._wire.clients.endpoint(prompt).key()
        except EndpointError as error:
            told = f"--llm-{self.settings.mode} has to ask Prompt {prompt.name!r}\n{error}"
            raise pytest.UsageError(told) from error
        except LlmError:  # a damaged cassette, for one: the item will say so
            return

    # -- running ------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Open the item's cassette, and stand between it and the network."""
        draw = item.stash.get(DRAW, None)
        if draw is None:
            return (yield)
        function = cast("pytest.Function", item)
        # What was drawn to confirm a suspicion is asked only when that is asked for.
        replays_only = draw.sample in CONFIRMATIONS and not self._gating.is_suspected(function, draw)
        recorder = self._recordings.of_item(function, draw, replays_only=replays_only)
        item.stash[OPEN] = OpenItem(
            function,
            draw,
            recorder,
            wire=self._wire,
            version=functools.partial(self._version, draw.prompt),
            fixtures=functools.partial(self._fixtures.of, item),
            prices=self._recordings.prices,
            judges=self._judges,
            retry=self.settings.retry,
            baseline=self._gating.path(function, draw.suite),
            errand=_nothing if self._ahead is None else functools.partial(self._ahead.errand_of, function),
        )
        self._recordings.begin(recorder, "subject")
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Let pytest know of a fixture that ended in a miss, or swallowed one.

        pytest notes the failure of a fixture only for an Exception that it raised; without the note the fixture's next
        set-up, for the next item, would stop at an assertion inside pytest, or pass.
        """
        try:
            with self._fixtures.set_up(fixturedef, request):
                return (yield)
        except (CassetteMiss, LlmError) as problem:
            fixturedef.cached_result = (None, fixturedef.cache_key(request), (problem, problem.__traceback__))  # type: ignore[arg-type] # a SubRequest it is
            raise

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """End the teardown of a fixture of wider scope."""
        self._fixtures.torn_down(fixturedef)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Grade after the body, also after one that failed; show all failures together."""
        opened = pyfuncitem.stash.get(OPEN, None)
        if opened is None:
            return (yield)
        try:
            with examining(opened.examine):  # a judge that the body itself asks
                result = yield
        except (Exception, CassetteMiss, pytest.fail.Exception):
            opened.body_failed = True
            opened.judge()
            opened.failure = self._failure(opened)
            raise
        self._refuse_replaced(opened)
        opened.ended = True
        opened.judge()
        opened.failure = self._failure(opened)
        if opened.failure:
            pytest.fail(opened.failure, pytrace=False)
        return result

    def _refuse_replaced(self, opened: OpenItem) -> None:
        """Raise CassetteMiss where the test, or a fixture of it, keeps requests from the HTTP libraries altogether."""
        if (found := self._recordings.replaced_entry()) is not None:
            told = explain_patch("nothing that this test sends can be recorded or replayed", found)
            miss = CassetteMiss(told, kind="blocked")
            opened.recorder.note(miss)
            raise miss

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest's own treatment of xfail
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say failures of ours without our traceback, and put the result on the report."""
        error = call.excinfo.value if call.excinfo is not None else None
        said = our_error(error)
        with _untraced(item.config) if said is not None and DRAW in item.stash else contextlib.nullcontext():
            report = yield
        if asked := self._fixtures.told():
            setattr(report, FIXTURES_ATTRIBUTE, self._recordings.scrub(json.dumps([one.json for one in asked])))
        opened = item.stash.get(OPEN, None)
        if opened is None:  # closed, or not ours: a fixture of wider scope may have missed its recording all the same
            said = said if isinstance(said, CassetteMiss) or DRAW in item.stash else None
            report.longrepr = report.longrepr if said is None else self._recordings.scrub(visible(str(said)))
            return report
        if said is None and _has_swallowed(opened, report):
            if report.failed:
                report.sections.append(("what came after", f"{type(error).__name__}: {visible(str(error))}"))
            said = error = opened.recorder.problems[0]
            report.outcome = "failed"
        opened.told = len(opened.recorder.problems)
        if isinstance(said, CassetteMiss) and opened.draw.sample in CONFIRMATIONS:
            # The request is another one now, and the suspicion with it.
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, "Skipped: what it confirmed was another request")
            return report
        if said is not None and hasattr(report, "wasxfail"):
            # What was expected to fail is a judgement; here there was nothing to judge.
            del report.wasxfail
            report.outcome = "failed"
        if said is not None:
            text = self._told_once(said, item) if isinstance(said, CassetteMiss) else str(said)
            opened.miss = said if isinstance(said, CassetteMiss) else None
            opened.failure = opened.failure or self._recordings.scrub(visible(str(said)))
            place = user_line(call.excinfo, item.path) if call.excinfo is not None and report.when == "call" else ""
            report.longrepr = self._recordings.scrub(visible(text)) + place
        elif opened.body_failed and opened.failure and report.when == "call":
            report.sections.append(("llm", opened.failure))
        elif error is not None and not opened.failure:
            opened.failure = visible(f"{type(error).__name__}: {error}"[:2000])
        if _is_skipped(error, report):
            line = "" if opened.draw.sample in CONFIRMATIONS else opened.line
            setattr(report, SKIPPED_ATTRIBUTE, [opened.recorder.shown, opened.baseline, line])
        outcome = _settled(report, opened, error)
        if outcome is not None:
            opened.settled = result = opened.result(outcome)
            judged = report.failed and report.when == "call" and said is None and not item.config.option.runxfail
            if judged and (reason := self._gating.excuse(result)):
                report.outcome, report.wasxfail = "skipped", reason
            line = result_line(result)
            told = self._recordings.scrub(line)
            if told == line:
                self.config.stash[AT_HAND] = line, result
            setattr(report, REPORT_ATTRIBUTE, told)
            item.user_properties.extend(properties_of(result))  # JUnit takes them from the report of the teardown
        return report

    def _failure(self, opened: OpenItem) -> str:
        return self._recordings.scrub(failure_text(opened.grades, opened.response, opened.place))

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
        # vcrpy reads every stream to its end; tests that are not ours shall not notice it.
        aside = nextitem is None or DRAW not in nextitem.stash
        del opened.item.stash[OPEN]
        if self._ahead is not None:
            self._ahead.ended(opened.item, opened)
        if opened.settled is not None:
            opened.recorder.accept(functools.partial(self._gating.draw_grades, opened.settled))
        self._recordings.end(opened.recorder, aside=aside)
        self._warn_of_refused()
        if late := opened.recorder.problems[opened.told :]:  # swallowed by a teardown, or a thread
            raise late[0]

    def _warn_of_refused(self) -> None:
        """Tell of requests that no test could be blamed for; whoever sent them may have swallowed the reason."""
        refused, self._recordings.router.refused = self._recordings.router.refused, []
        for told in dict.fromkeys(map(str, refused)):
            warnings.warn(pytest.PytestWarning(self._recordings.scrub(visible(told))), stacklevel=2)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Recover what a killed recording run left behind, before this one reads a cassette; or say what it would ask.

        Returns whether no test is to be run.
        """
        if self.settings.dry_run:
            self.config.stash[FORECAST] = forecast(session.items, self._recordings, self._wire.clients)
            return True
        if self.settings.asks:
            from pytest_llm.ahead import Ahead

            self._ahead = Ahead(self.config, self.settings, self._recordings, self._wire, self._judges)
            self._ahead.expect(session.items)
        for told in self._recordings.recover():
            # Not warned of in the usual way: a project whose warnings are errors would not get any further.
            warning = warnings.WarningMessage(pytest.PytestWarning(told), pytest.PytestWarning, "pytest-llm-evals", 0)
            self.config.hook.pytest_warning_recorded.call_historic(
                kwargs={"warning_message": warning, "when": "config", "nodeid": "", "location": None}
            )
        return None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what a dry run has found."""
        if (found := self.config.stash.get(FORECAST, None)) is not None:
            terminalreporter.section("llm, what would be asked")
            for line in forecast_lines(found):
                terminalreporter.write_line(line)

    def pytest_enter_pdb(self) -> None:
        """Begin to ask nothing while somebody looks at a test."""
        self._wire.pool.pause()

    def pytest_leave_pdb(self) -> None:
        """Go on asking ahead."""
        self._wire.pool.resume()

    def pytest_sessionfinish(self) -> None:
        """Leave everything as it was."""
        if self._ahead is not None:
            self._ahead.finish()
        self._recordings.finish()
        self._warn_of_refused()
        if (output := getattr(self.config, "workeroutput", None)) is not None and COLLECTED in self.config.stash:
            output[WORKER_OUTPUT] = self.config.stash[COLLECTED].json

    def _version(self, prompt: Prompt | None) -> str | None:
        """The version of a prompt, computed once."""
        if prompt is None:
            return None
        if id(prompt) not in self._versions:
            self._versions[id(prompt)] = (prompt, prompt.version)
        return self._versions[id(prompt)][1]


def _share_of(concurrency: int, config: pytest.Config) -> int:
    """What one of several workers of xdist may have in flight."""
    return max(1, concurrency // int(getattr(config, "workerinput", {}).get("workercount", 1)))


def _nothing() -> None:
    """What was asked ahead where nothing is."""


@contextlib.contextmanager
def _untraced(config: pytest.Config) -> Iterator[None]:
    """Keep pytest from writing a traceback out that nobody will see: a tenth of a second of each failed call."""
    style = config.option.tbstyle
    config.option.tbstyle = "value"
    try:
        yield
    finally:
        config.option.tbstyle = style


def _has_swallowed(opened: OpenItem, report: pytest.TestReport) -> bool:
    """Whether the code under test swallowed a miss, or a mistake, that it was told; a skip would hide it too."""
    return bool(opened.recorder.problems) and (report.when == "call" or not report.passed)


def _is_skipped(error: BaseException | None, report: pytest.TestReport) -> bool:
    """Whether an item was not run by somebody's wish, xfail(run=False) included."""
    wished = isinstance(error, pytest.xfail.Exception) and report.when == "setup"
    return wished or isinstance(error, pytest.skip.Exception)


def _settled(report: pytest.TestReport, opened: OpenItem, error: BaseException | None) -> Outcome | None:
    """The outcome, on the report that decides it; None on the others, and for an item that was skipped."""
    if _is_skipped(error, report):
        return None
    if report.when == "call":
        return "failed" if error is not None and opened.outcome == "passed" else opened.outcome
    return "error" if report.when == "setup" and error is not None else None
