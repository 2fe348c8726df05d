"""What happens once per run, where all results are heard: run file, clean-up, summary. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm.baselines import BaselineFiles
from pytest_llm.errors import LlmError
from pytest_llm.git import head_commit
from pytest_llm.heard import AT_HAND, Heard
from pytest_llm.options import settings_of
from pytest_llm.orphans import beside_used
from pytest_llm.reports import summary_lines, verdict_text
from pytest_llm.results import (
    CONFIRMATIONS,
    Commit,
    FixtureCalls,
    Result,
    Run,
    SuiteRecord,
    Verdict,
    head_line,
    json_report,
)
from pytest_llm.scope import COLLECTED, WORKER_OUTPUT, Collected, scope_of
from pytest_llm.settings import LAST_RUN
from pytest_llm.verdicts import gate_report, verdicts_of

if TYPE_CHECKING:
    from pytest_llm.progress import ProgressLine


class Controller:
    """Collects results; under xdist the only half on the controller, without it beside the Session."""

    def __init__(self, config: pytest.Config, skipped: Sequence[tuple[str, str, str]]) -> None:
        """`skipped`: of each such item the cassette, the baseline and its line, as they are heard of."""
        self._config = config
        self._skipped = skipped
        self._settings = settings_of(config)
        self._heard = Heard()
        self._fixtures: dict[str, FixtureCalls] = {}
        self._verdicts: list[Verdict] = []
        self._problem = ""
        self._progress: ProgressLine | None = None
        if self._settings.asks:
            from pytest_llm.progress import ProgressLine

            self._progress = ProgressLine(config)
            config.pluginmanager.register(self._progress, "pytest-llm-progress")

    def receive(self, line: str) -> None:
        """One item's result; a rerun of the item replaces it."""
        known, result = self._config.stash.get(AT_HAND, ("", None))
        if result is None or line != known:  # from a worker of xdist, or with a secret taken out
            result = Result.of(json.loads(line))
        self._heard.add(line, result)
        if self._progress is not None:
            self._progress.heard(result)

    def receive_fixtures(self, payload: str) -> None:
        """What fixtures of wider scope have asked."""
        for one in map(FixtureCalls.of, json.loads(payload)):
            known = self._fixtures.get(one.cassette)
            self._fixtures[one.cassette] = one if known is None else known + one

    @property
    def run(self) -> Run:
        """The run so far, without the outputs of its results."""
        collected, results = self._config.stash.get(COLLECTED, None), self._heard.results
        if collected is None and not results and not self._skipped:
            collected = Collected(0, 0, ())  # no test is ours: nobody had anything to tell
        skipped = [cassette for cassette, *_ in self._skipped]
        return Run(
            results=results,
            mode=self._settings.mode,
            fixtures=tuple(self._fixtures.values()),
            scope=scope_of(self._config, self._settings, collected, len(results), skipped),
            records=() if collected is None else tuple(map(self._with_skipped, collected.suites)),
            verdicts=tuple(self._verdicts),
        )

    def _with_skipped(self, suite: SuiteRecord) -> SuiteRecord:
        lines = (line for _, baseline, line in self._skipped if line and baseline == suite.baseline)
        return replace(suite, skipped=tuple(sorted(lines)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear what a worker of xdist has collected; each collects everything."""
        output = getattr(node, "workeroutput", None) or {}
        if WORKER_OUTPUT in output:
            self._config.stash[COLLECTED] = Collected.of(output[WORKER_OUTPUT])

    def judge(self) -> None:
        """Say what the gate says, all items having run: what is red as the report of an item of its own."""
        self._verdicts = verdicts_of(
            self.run, BaselineFiles(self._settings.root, self._settings.baseline_ref), self._settings
        )
        for verdict in self._verdicts:
            _tell_junit(self._config, verdict)
            if verdict.is_red or (self._settings.gate_strict and verdict.kind == "INCONCLUSIVE"):
                self._config.hook.pytest_runtest_logreport(report=gate_report(verdict, verdict_text(verdict)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep the run, and drop from cassettes what a complete re-recording no longer uses."""
        if not self._heard.results:
            return  # the last run is that of the last test of ours
        # First the cassettes: what is newer than the run file has changed since.
        for keep in (self._drop_unused, self._write):
            try:
                keep()
            except (LlmError, OSError) as error:
                self._problem = f"the results could not be kept: {error}"
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _write(self) -> None:
        from pytest_llm.cassettes import store

        state = store.state_folder(self._settings.state)
        run = replace(self.run, commit=_commit_of(self._settings.root))
        store.replace(state / LAST_RUN, itertools.chain([head_line(run).encode()], self._heard.lines()))
        if self._settings.json_file is not None:
            whole = replace(run, results=tuple(Result.of(json.loads(line)) for line in self._heard.lines()))
            store.replace(self._settings.json_file, json_report(whole).encode())

    def _drop_unused(self) -> None:
        from pytest_llm.cassettes import store

        if not self._settings.records or self._settings.changes:
            return  # with --llm-set it is an experiment beside the prompt as it is
        groups: dict[str, list[Result]] = {}
        for result in self._heard.results:
            groups.setdefault(result.cassette, []).append(result)
        # What confirmed a suspicion goes with the request that it was asked by.
        confirming = () if self._settings.baseline == "off" else tuple(map(str, CONFIRMATIONS))
        for cassette, results in groups.items():
            if _is_complete([result for result in results if not result.confirms]):
                used = {place for result in results for place in result.used}
                samples = {*(str(result.sample) for result in results), *confirming}
                store.keep_only(self._settings.root / cassette, used, samples, self._settings.state)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how the suites did."""
        run = self.run
        if not run.results and not self._verdicts:
            return
        unused = [] if run.scope.partial else beside_used(run, self._settings.root)
        terminalreporter.section("llm")
        lines = summary_lines(run, unused)
        if any(result.miss for result in run.results) and any(self._settings.state.glob("journals/*.jsonl")):
            lines.append("replies of a run that was killed, or still records, wait to be recovered by --llm-record")
        for line in [*lines, *([self._problem] if self._problem else [])]:
            terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Let go of the lines."""
        self._heard.close()


def _commit_of(root: Path) -> Commit | None:
    found = head_commit(root)
    return None if found is None else Commit(id=found[0], dirty=found[1])


def _tell_junit(config: pytest.Config, verdict: Verdict) -> None:
    """A verdict as a property of the test suite, for which pytest has a fixture only."""
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "LogXML":
            plugin.add_global_property(
                f"{verdict.item.replace('-', '_')}_{verdict.suite}", f"{verdict.kind}: {verdict.reason}"
            )


def _is_complete(results: Iterable[Result]) -> bool:
    """Whether every item of a cassette ran to its end, and something in it was recorded anew."""
    results = list(results)
    return (
        any(result.recorded for result in results)
        and all(result.ended for result in results)
        and len(results) == results[0].sharing
    )
