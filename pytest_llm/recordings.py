"""The recordings of one process: cassettes opened, intercepted for, journalled, closed. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm.cassettes import Recorder, Secrets, Shelf
from pytest_llm.collection import Draw, cassette_folder, cassette_name
from pytest_llm.settings import Settings

if TYPE_CHECKING:
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

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[str, str] = {}
        self._shelf = Shelf()
        self._folders: dict[Any, tuple[Path, str]] = {}
        self._interception: Interception | None = None
        self._journal: Journal | None = None

    def scrub(self, text: str) -> str:
        """The text without the secrets of this process."""
        return self._secrets().scrub(text)

    def scrub_json(self, value: dict[str, Any]) -> Any:
        """The JSON value without the secrets of this process."""
        return self._secrets().scrub_json(value)

    def _secrets(self) -> Secrets:
        """Those of now, and those that were set before: an application may load its keys in the middle of a test."""
        if self._settings.mode != "replay" or not self._seen:
            self._seen.update(os.environ)
        return Secrets.of(self._seen)

    def recover(self) -> list[str]:
        """Put what a killed recording run left behind into the cassettes; what there is to say about it."""
        if self._settings.mode not in ("record", "rerecord"):
            return []
        from pytest_llm.cassettes.journal import recover

        return recover(self._settings.state)

    def open(self, item: pytest.Function, draw: Draw) -> Recorder:
        """The recorder of an item."""
        key = (item.parent.nodeid if item.parent else "", item.originalname)  # texts: a Path is dear to hash
        if key not in self._folders:
            folder = cassette_folder(item)
            self._folders[key] = (folder, _shown(folder, self._settings.root))
        folder, shown = self._folders[key]
        name = cassette_name(item, draw)
        return Recorder(
            folder / name,
            f"{shown}/{name}",
            mode=self._settings.mode,
            slot=str(draw.sample),
            secrets=self._secrets,
            journal=self._opened_journal,
            shelf=self._shelf,
        )

    def intercept(self, recorder: Recorder) -> None:
        """From now on, what the process asks goes to this recorder."""
        if self._interception is None:
            from pytest_llm.cassettes.interception import Interception

            self._interception = Interception(refuse=self._settings.mode == "replay")
        self._interception.router.recorder = recorder
        if self._interception.enter() and self._settings.mode == "replay":
            for name in KEY_VARIABLES:
                os.environ.setdefault(name, PLACEHOLDER_KEY)

    def close(self, recorder: Recorder, *, aside: bool) -> None:
        """Put what was recorded into the cassette; with `aside`, leave HTTP libraries and environment alone.

        Raises LlmError where the cassette cannot be written; the journal keeps what it did not take.
        """
        if self._interception is not None:
            self._interception.router.recorder = None
        if aside:
            self._step_aside()
        count = recorder.close(self._settings.state)
        if self._journal is not None:
            self._journal.settle(recorder.path, count)

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
        if self._journal is None:
            from pytest_llm.cassettes.journal import Journal

            self._journal = Journal(self._settings.state)
        return self._journal


def _shown(path: Path, root: Path) -> str:
    """A path relative to the root, with slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
