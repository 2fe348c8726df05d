"""The pytest plugin, always loaded and so nearly empty: options, markers, hooks with an early out. PYTEST_DONT_REWRITE

Nothing is imported here but pytest. What a run that uses the plugin needs is in `collection`, `session` (the items of
a process) and `controller` (what happens once per run); they are loaded when the first marked test is collected.
"""

from __future__ import annotations

import os
import sys

import pytest

# Fixtures have to be known before any test that names them is collected.
from pytest_llm.fixtures import (
    _llm_sample,
    llm_async_client,
    llm_calls,
    llm_case,
    llm_client,
    llm_grade,
    llm_prompt,
    llm_response,
    llm_retry,
)
from pytest_llm.hookspecs import FIXTURES_ATTRIBUTE, REPORT_ATTRIBUTE, SKIPPED_ATTRIBUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path
    from typing import Any

    from pytest_llm.controller import Controller
    from pytest_llm.session import Session

__all__ = [
    "_llm_sample",
    "llm_async_client",
    "llm_calls",
    "llm_case",
    "llm_client",
    "llm_grade",
    "llm_prompt",
    "llm_response",
    "llm_retry",
]

SESSION: pytest.StashKey[Session] = pytest.StashKey()
CONTROLLER: pytest.StashKey[Controller] = pytest.StashKey()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_llm import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(trylast=True)
def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    group = parser.getgroup("llm", "prompts of language models (pytest-llm-evals)")
    for name, options in _OPTIONS.items():
        try:
            group.addoption(name, **options)
        except ValueError as error:
            _explain_clash(name, pluginmanager, error)
    for name, (text, kind) in _INI_KEYS.items():
        parser.addini(name, text, type=kind, default=None if kind == "string" else [])


_OPTIONS: dict[str, dict[str, Any]] = {
    "--llm-record": {"action": "store_true", "help": "ask the model what has no recording or a stale one"},
    "--llm-rerecord": {"action": "store_true", "help": "ask the model everything that is selected"},
    "--llm-live": {"action": "store_true", "help": "ask the model, neither reading nor writing recordings"},
    "--llm-verify": {"action": "store_true", "help": "ask again, change nothing, and say which replies have drifted"},
    "--llm-dry-run": {"action": "store_true", "help": "with a recording option: say what would be asked, and stop"},
    "--llm-budget": {
        "metavar": "LIMIT",
        "help": "stop asking at this limit: 300requests, 500000tokens, 2.00usd, or several with commas",
    },
    "--llm-concurrency": {
        "metavar": "N",
        "help": "requests of declared prompts in flight at once (16); 1: each is asked when its test runs",
    },
    "--llm-samples": {"metavar": "N", "help": "draws per case, each an item of its own"},
    "--llm-set": {
        "action": "append",
        "default": [],
        "metavar": "KEY=VALUE",
        "help": "change every declared prompt: model, base_url or any parameter of the endpoint; may be repeated",
    },
    "--llm-baseline": {
        "choices": ("check", "update", "off"),
        "help": "check: every suite has to come to a verdict; update: accept the results; off: gate nothing",
    },
    "--llm-baseline-ref": {"metavar": "REF", "help": "compare with the baseline where the change left REF"},
    "--llm-note": {"metavar": "TEXT", "help": "with --llm-baseline=update: why"},
    "--llm-confirm": {
        "action": "store_true",
        "help": "with --llm-record: draw ten samples of each case that the last run suspected to be broken",
    },
    "--llm-gate-strict": {"action": "store_true", "help": "INCONCLUSIVE fails the run"},
    "--llm-json": {"metavar": "FILE", "help": "write the results as one JSON document"},
}

_MODES = ("--llm-record", "--llm-rerecord", "--llm-live", "--llm-verify")

_INI_KEYS: dict[str, tuple[str, Any]] = {
    "llm_samples": ("samples per case, unless the marker or --llm-samples says otherwise", "string"),
    "llm_concurrency": ("as --llm-concurrency", "string"),
    "llm_base_url": ("address of the model endpoint, weaker than Prompt(base_url=…)", "string"),
    "llm_set": ("KEY=VALUE lines, as --llm-set", "linelist"),
    "llm_ignore_hosts": ("patterns of hosts (or host:port) whose HTTP exchanges pass unrecorded", "args"),
    "llm_record_hosts": ("patterns of loopback hosts (or host:port) whose exchanges are recorded", "args"),
    "llm_ignore_path_segments": (
        "patterns of path segments before a model endpoint that do not matter when a recording is looked for",
        "args",
    ),
    "llm_compare_headers": ("names of request headers, and api-version, that a recording has to equal", "args"),
    "llm_prices": (
        "lines MODEL [TIER] = PROMPT COMPLETION [CACHED [WRITTEN]], in US dollars per million tokens",
        "linelist",
    ),
    "llm_baseline": ("check or off, as --llm-baseline", "string"),
    "llm_baseline_ref": ("as --llm-baseline-ref", "string"),
    "llm_gate_strict": ("true: INCONCLUSIVE fails the run", "string"),
    "llm_retry_attempts": ("attempts of a correction, weaker than the marker llm_retry and the call", "string"),
    "llm_retry_tokens": ("tokens of one run of a correction, as llm_retry_attempts", "string"),
    "llm_retry_cost": ("US dollars of one run of a correction, as llm_retry_attempts", "string"),
    "llm_retry_deadline": ("seconds of one run of a correction, as llm_retry_attempts", "string"),
    "llm_json": ("where to write the results as JSON, as --llm-json", "string"),
}


def _explain_clash(option: str, pluginmanager: pytest.PytestPluginManager, error: ValueError) -> None:
    from pytest_llm.clash import owner_of

    owner = owner_of(option, pluginmanager)
    raise pytest.UsageError(
        f"{option} of pytest-llm-evals belongs to another plugin already: {owner}\n"
        f"  block one     pytest -p no:{owner}        or        pytest -p no:pytest_llm_evals"
    ) from error


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "llm(prompt=None, *, cases=None, variants=None, samples=None, graders=(), suite=None, schema=None, "
        "schema_required=True, record_errors=False, primary='outcome', margin=0.05, critical=()): "
        "a test of a prompt, or of code that asks a language model; what "
        "it asks is recorded and replayed (pytest-llm-evals).",
    )
    config.addinivalue_line(
        "markers",
        "llm_retry(attempts=3, tokens=None, cost=None, deadline=None, stall=2, feedback='errors', "
        "arms=('resample', 'generic', 'errors'), score=None): what the fixture llm_retry may spend on correcting a "
        "reply, what it says to the model, and what it is compared with (pytest-llm-evals).",
    )
    if config.pluginmanager.has_plugin("pytest_llm") and _is_installed("pytest-llm", config.pluginmanager):
        raise pytest.UsageError(
            'the distribution "pytest-llm" is installed, and uses the import package of "pytest-llm-evals"\n'
            "  remove both   pip uninstall -y pytest-llm pytest-llm-evals\n"
            "  then          pip install pytest-llm-evals"
        )
    if _is_configured(config):
        _session(config)  # for the errors in what was said, before anything is collected
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Ear(config), "pytest-llm-ear")


def _is_configured(config: pytest.Config) -> bool:
    """Return whether an option or an ini key of ours is given."""
    keys = (config.getini(name) not in (None, []) for name in _INI_KEYS)  # an empty text is said, too
    return any(config.getoption(name) for name in _OPTIONS) or any(keys)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Show a recording option that nobody typed for this run, with its origin."""
    return _untyped_mode(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Show it in a quiet run too, which has no header."""
    config = session.config
    if config.get_verbosity() < 0 and (line := _untyped_mode(config)):
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(line)


def _untyped_mode(config: pytest.Config) -> str | None:
    if hasattr(config, "workerinput") or not any(config.getoption(name) for name in _MODES):
        return None
    from pytest_llm.options import untyped_mode

    return untyped_mode(config, _MODES)


def _is_installed(distribution: str, pluginmanager: pytest.PytestPluginManager) -> bool:
    """Whether a plugin came from a distribution; asked only when the name of its plugin is there."""
    return any(dist.metadata["name"] == distribution for _, dist in pluginmanager.list_plugin_distinfo())


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Spare pytest the cassettes of a test: it would offer each of thousands to every plugin, as a test file."""
    module = path.parent
    if module.parent.name != "cassettes" or not (module.parent.parent / f"{module.name}.py").is_file():
        return None
    if any(not name.endswith(".yaml") and name != "files" for name in os.listdir(path)):  # noqa: PTH208 - thousands
        return None  # somebody's tests may lie here, too
    return _Cassettes.from_parent(parent, path=path)


class _Cassettes(pytest.Directory):
    """A folder without tests."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        return ()


@pytest.hookimpl(trylast=True)  # case and sample end the name, after a test's own parameters
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("llm") is not None:
        _session(metafunc.config).parametrize(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # what is collected, before anything is deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    collected = list(items)
    yield  # a conftest may add the marker here
    marked = [item for item in collected if item.get_closest_marker("llm") is not None]
    if marked and (unwanted := _session(config).adopt(marked, is_configured=_is_configured(config))):
        items[:] = [item for item in items if item not in unwanted]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    # A module that made a mistake of ours has loaded our errors.
    if report.failed and "pytest_llm.errors" in sys.modules:
        from pytest_llm.mistakes import tell

        call: pytest.CallInfo[object] | None = getattr(report, "call", None)
        if call is not None and call.excinfo is not None:
            tell(report, call.excinfo)
    return report


class _Ear:
    """Hears of results. Under xdist the controller collects nothing, so the first result starts its half."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._skipped: list[tuple[str, str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # What is heard is taken off: pytest keeps every report to the end.
        said = vars(report)
        if REPORT_ATTRIBUTE in said:
            self._controller.receive(said.pop(REPORT_ATTRIBUTE))
        if FIXTURES_ATTRIBUTE in said:
            self._controller.receive_fixtures(said.pop(FIXTURES_ATTRIBUTE))
        if SKIPPED_ATTRIBUTE in said:
            self._skipped.append(tuple(said.pop(SKIPPED_ATTRIBUTE)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Let the suites be judged when all items have run; a report sent later would not be in JUnit's file."""
        try:
            return (yield)
        finally:
            option = self._config.option
            is_over = not (isinstance(sys.exc_info()[1], KeyboardInterrupt) or option.collectonly or option.llm_dry_run)
            if is_over and (CONTROLLER in self._config.stash or self._skipped or self._is_asked_for()):
                self._controller.judge()

    def _is_asked_for(self) -> bool:
        """Whether there is something to judge though no marked item came to a result: a gate cannot leave unnoticed."""
        config = self._config
        if "check" in (config.option.llm_baseline, config.getini("llm_baseline")):
            return True
        places = (config.invocation_params.dir / str(one).partition("::")[0] for one in config.args)
        folders = {config.rootpath, *(place if place.is_dir() else place.parent for place in places)}
        return config.option.llm_baseline != "off" and any((folder / "llm_baselines").is_dir() for folder in folders)

    @property
    def _controller(self) -> Controller:
        config = self._config
        if CONTROLLER not in config.stash:
            from pytest_llm.controller import Controller

            config.stash[CONTROLLER] = Controller(config, self._skipped)
            config.pluginmanager.register(config.stash[CONTROLLER], "pytest-llm-controller")
        return config.stash[CONTROLLER]


def _session(config: pytest.Config) -> Session:
    if SESSION not in config.stash:
        from pytest_llm.session import Session

        config.stash[SESSION] = Session(config)
        config.pluginmanager.register(config.stash[SESSION], "pytest-llm-session")
    return config.stash[SESSION]
