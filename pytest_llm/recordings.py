"""The recordings of one process: cassettes opened, intercepted for, journalled, closed. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import functools
import json
import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm.calls import Prices
from pytest_llm.cassettes import (
    Budget,
    CallRole,
    Comparison,
    Desk,
    Hosts,
    Mark,
    Recorder,
    Router,
    Secrets,
    Shelf,
    is_secret_variable,
)
from pytest_llm.collection import Draw, cassette_folder, cassette_name, fixture_cassette, judge_cassette
from pytest_llm.correction.attempt import WORDS
from pytest_llm.errors import NormalizeError
from pytest_llm.graders import Judging
from pytest_llm.results import CONFIRMATIONS
from pytest_llm.settings import Limits, Settings

if TYPE_CHECKING:
    from pytest_llm.cassettes.foreign_patches import Patch
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
"""Where SDKs look for a key, without which they refuse to be constructed."""


class Recordings:
    """Between the items of a process and the network."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self.prices = Prices.of(settings.prices)
        self._seen: dict[str, str] = {}
        self._known_secrets: Secrets | None = None
        self._folders: dict[Any, tuple[Path, str]] = {}
        self._interception: Interception | None = None
        self._journal: Journal | None = None
        self._opening = threading.Lock()
        self.router = Router(Hosts(settings.ignore_hosts, settings.record_hosts), refuse=not settings.asks)
        budget = self._budget()
        self._desk = Desk(
            mode=settings.mode,
            state=settings.state,
            secrets=self._secrets,
            journal=self._opened_journal,
            shelf=Shelf(),
            reserve=budget.reserve if budget else None,
            compared=Comparison(
                ignored_segments=settings.ignored_segments, headers=frozenset(settings.compared_headers)
            ),
            concurrency=settings.concurrency,
            feedback=WORDS,
            foreign_patch=self._foreign_patch,
        )

    def _foreign_patch(self, group: str) -> Patch | None:
        return None if self._interception is None else self._interception.foreign_patch(group)

    def replaced_entry(self) -> Patch | None:
        """Return what keeps requests of the running test from the HTTP libraries; None where nothing does."""
        return None if self._interception is None else self._interception.replaced_entry()

    def _budget(self) -> Budget | None:
        if self._settings.budget == Limits() or self._settings.dry_run:
            return None
        worker = getattr(self._config, "workerinput", {})
        return Budget(
            self._settings.budget,
            self.prices,
            self._settings.state,
            run=worker.get("testrunuid") or uuid.uuid4().hex,
            said=f"--llm-budget {self._config.option.llm_budget}",
        )

    def scrub(self, text: str) -> str:
        """The text, which may be JSON, without the secrets of this process."""
        return self._secrets().scrub(text)

    def _secrets(self) -> Secrets:
        """Those of now, and those that were set before: an application may load its keys in the middle of a test."""
        if self._settings.asks or self._known_secrets is None:
            # Copies: another thread may change either meanwhile, and what is asked ahead is not to fail of that.
            names = filter(is_secret_variable, list(os.environ))
            self._seen.update({name: value for name in names if (value := os.environ.get(name)) is not None})
            self._known_secrets = Secrets.of(self._seen.copy())
        return self._known_secrets

    def recover(self) -> list[str]:
        """Put what a killed recording run left behind into the cassettes; what there is to say about it."""
        if not self._settings.records or self._settings.dry_run:
            return []
        from pytest_llm.cassettes.journal import recover

        return recover(self._settings.state)

    def of_item(
        self,
        item: pytest.Function,
        draw: Draw,
        *,
        replays_only: bool = False,
        is_ahead: bool = False,
        is_sure: bool = True,
    ) -> Recorder:
        """The recorder of an item."""
        key = (item.parent.nodeid if item.parent else "", item.originalname)  # texts: a Path is dear to hash
        if key not in self._folders:
            folder = cassette_folder(item)
            self._folders[key] = (folder, _shown(folder, self._settings.root))
        folder, shown = self._folders[key]
        name = cassette_name(item, draw)
        return Recorder(
            self._desk,
            folder / name,
            shown=f"{shown}/{name}",
            owner=item.nodeid,
            slot=str(draw.sample),
            normalize=self._normalizer(item),
            keeps_errors=draw.suite.record_errors,
            replays_only=replays_only,
            is_ahead=is_ahead,
            is_sure=is_sure,
            mark=Mark(kind="confirmation") if draw.sample in CONFIRMATIONS else None,
        )

    def of_fixture(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Recorder:
        """The recorder of a fixture of wider scope, which does not depend on the item that needs it first."""
        path = fixture_cassette(fixturedef, request)
        return self._at(path, f"fixture {path.stem}", request.node)

    def of_judge(self, judging: Judging, item: pytest.Function) -> Recorder:
        """The recorder of what a judge says of its golden outputs, beside the module that it is used in."""
        return self._at(judge_cassette(judging, item), f"judge {judging.name}", item)

    def of_calibration(self, path: Path, judging: Judging) -> Recorder:
        """The recorder of what a judge says of outputs that people have graded too."""
        return self._at(path, f"judge {judging.name}", self._config)

    def _at(self, path: Path, owner: str, node: Any) -> Recorder:
        shown = _shown(path, self._settings.root)
        return Recorder(self._desk, path, shown=shown, owner=owner, normalize=self._normalizer(node))

    def _normalizer(self, node: Any) -> Callable[[dict[str, Any]], None] | None:
        """The project's hook, if it has one: asking for it costs each request a copy."""
        if not self._config.hook.pytest_llm_normalize.get_hookimpls():  # nowhere, so not for this node either
            return None
        hook = (node.hook if node is self._config else node.ihook).pytest_llm_normalize
        return functools.partial(_normalize, hook) if hook.get_hookimpls() else None

    def begin(self, recorder: Recorder, role: CallRole) -> None:
        """From now on, what the process asks goes to this recorder."""
        if self._interception is None:
            from pytest_llm.cassettes.interception import Interception

            self._interception = Interception(self.router, guarded=not self._settings.asks)
        self.router.enter(recorder, role)
        if self._interception.enter() and not self._settings.asks:
            for name in KEY_VARIABLES:
                os.environ.setdefault(name, PLACEHOLDER_KEY)

    def end(self, recorder: Recorder, *, aside: bool) -> None:
        """Save what was recorded; with `aside`, leave HTTP libraries and environment alone.

        Raises LlmError where the cassette cannot be written; the journal keeps what it did not take.
        """
        self.router.leave(recorder)
        if aside:
            self._step_aside()
        recorder.close()

    def finish(self) -> None:
        """Leave everything as it was before the first marked item."""
        self._step_aside()
        if self._journal is not None:
            self._journal.close()

    def _step_aside(self) -> None:
        if self._interception is not None and self._interception.leave():
            for name in KEY_VARIABLES:
                if os.environ.get(name) == PLACEHOLDER_KEY:
                    del os.environ[name]

    def _opened_journal(self) -> Journal:
        from pytest_llm.cassettes.journal import Journal

        with self._opening:  # threads may ask at once
            if self._journal is None:
                self._journal = Journal(self._settings.state)
            return self._journal


def _normalize(hook: Any, request: dict[str, Any]) -> None:
    """Let the project edit a request. Raises NormalizeError where that fails or leaves no request behind."""
    method, url = request["method"], request["url"]
    try:
        hook(request=request)
        if not isinstance(request["method"], str) or not isinstance(request["url"], str):
            raise TypeError("method and url have to be texts")
        json.dumps(request)
    except Exception as error:
        raise NormalizeError(
            f"pytest_llm_normalize failed: {type(error).__name__}: {error}",
            where=f"{method} {url}",
            fix={"mend": "the hook in conftest.py; it edits request['body'] in place"},
        ) from error


def _shown(path: Path, root: Path) -> str:
    """A path relative to the root, with slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
