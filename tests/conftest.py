"""What the plugin's own tests share: a scripted endpoint, and projects that a user could have written."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import warm
from gate_project import GatedSuite
from hypothesis import HealthCheck, settings
from model_server import ModelServer

collect_ignore = ["data"]  # projects that tests copy

# How long an example takes says more about the machine than about the code.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

INI = """\
[pytest]
addopts = -p no:randomly -p no:cacheprovider
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY")
CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI")


@pytest.fixture(autouse=True)
def _nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEYS, *CI):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _clients_that_are_kept_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The product keeps them for as long as the process lives; a server of a test lives shorter."""
    from pytest_llm.calls import endpoint

    make, made = endpoint._client.__wrapped__, []

    def kept(base_url, key, process):
        made.append(make(base_url, key, process))
        return made[-1]

    monkeypatch.setattr(endpoint, "_client", functools.cache(kept))
    yield
    for client in made:
        client.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., ModelServer]]:
    """`serve(script)` starts a scripted endpoint, `serve()` one that answers by path; `.requests` are what was asked."""
    import contextlib

    with contextlib.ExitStack() as stack:
        yield lambda script=None: stack.enter_context(ModelServer(script).running())


class Project:
    """A project that uses the plugin, run by pytest in a process of its own."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self._monkeypatch = monkeypatch
        pytester.makeini(INI)

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def use(self, server: ModelServer, key: str = "none") -> None:
        self._monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        self._monkeypatch.setenv("OPENAI_API_KEY", key)

    def forget_key(self) -> None:
        for name in KEYS:
            self._monkeypatch.delenv(name, raising=False)

    def run(self, *arguments: str) -> pytest.RunResult:
        return warm.run(self.path, arguments) if hasattr(os, "fork") else self.run_cold(*arguments)

    def run_cold(self, *arguments: str) -> pytest.RunResult:
        """Where it matters what a process loads."""
        return self.pytester.runpytest_subprocess(*arguments)

    def record(self, *arguments: str) -> pytest.RunResult:
        return self.run("--llm-record", *arguments)

    def command(self, *arguments: str) -> pytest.RunResult:
        """The command pytest-llm."""
        return self.pytester.run(Path(sys.executable).with_name("pytest-llm"), *arguments)

    def cassettes(self) -> dict[str, str]:
        """The text of every cassette, by its path under the project."""
        return {
            path.relative_to(self.path).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(self.path.rglob("cassettes/**/*.yaml"))
        }


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(pytester, monkeypatch)


@pytest.fixture
def suite(project: Project, serve: Callable[..., ModelServer], tmp_path_factory: pytest.TempPathFactory) -> GatedSuite:
    """A project with one suite for the gate; the first recording of it is shared by the tests of a process."""
    return GatedSuite(project, serve, tmp_path_factory.getbasetemp() / "gated")
