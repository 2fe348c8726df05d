"""How much of a project a run covers: whether what it did not use is unused. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_llm.results import Scope, SuiteRecord, suites_in
from pytest_llm.schemas import JSON
from pytest_llm.settings import Settings

WORKER_OUTPUT = "pytest_llm_collected"
"""Where a worker of xdist tells what it has collected."""

COLLECTED: pytest.StashKey[Collected] = pytest.StashKey()


@dataclass(frozen=True, slots=True)
class Collected:
    """What a process has collected: how many marked items, and of which suites."""

    selected: int
    deselected: int
    suites: tuple[SuiteRecord, ...] = ()

    @property
    def json(self) -> JSON:
        """For the controller of xdist."""
        return [self.selected, self.deselected, [one.json for one in self.suites]]

    @classmethod
    def of(cls, data: JSON) -> Collected:
        """What a worker has sent."""
        selected, deselected, suites = data
        return cls(selected, deselected, suites_in(suites))


def scope_of(
    config: pytest.Config, settings: Settings, collected: Collected | None, settled: int, skipped: Sequence[str]
) -> Scope:
    """The scope of a run in which so many items came to a result, beside those that were skipped."""
    reasons = [*_of_settings(config, settings), *_of_items(collected, settled + len(skipped)), *_of_options(config)]
    return Scope(partial=", ".join(reasons), folders=tuple(_folders(config, settings.root)), skipped=tuple(skipped))


def _of_settings(config: pytest.Config, settings: Settings) -> Iterator[str]:
    if settings.mode in ("live", "verify"):
        yield f"it ran with --llm-{settings.mode}"
    if settings.changes:
        yield "it ran with --llm-set"
    if config.option.llm_samples is not None:
        yield "it ran with --llm-samples"


def _of_items(collected: Collected | None, settled: int) -> Iterator[str]:
    if collected is None:
        yield "no worker came to its end"
    elif collected.deselected:
        yield _told(collected.deselected, "was deselected", "were deselected")
    elif missing := max(0, collected.selected - settled):
        yield _told(missing, "did not run", "did not run")


def _told(count: int, one: str, several: str) -> str:
    return f"{count} item{f' {one}' if count == 1 else f's {several}'}"


def _of_options(config: pytest.Config) -> Iterator[str]:
    """What keeps tests from being collected, of which the counts do not know."""
    for name in ("lf", "ignore", "ignore_glob", "continue_on_collection_errors", "pyargs"):
        if getattr(config.option, name, None):
            yield f"it ran with --{name.replace('_', '-')}"
    if narrow := [one for one in config.args if not _place(config, one).is_dir()]:
        yield f"it ran only {' '.join(narrow[:3])}{' …' if len(narrow) > 3 else ''}"


def _place(config: pytest.Config, argument: str) -> Path:
    return config.invocation_params.dir / argument


def _folders(config: pytest.Config, root: Path) -> Iterator[str]:
    for argument in config.args:
        place = _place(config, argument).resolve()
        if place.is_dir() and place.is_relative_to(root.resolve()):
            yield place.relative_to(root.resolve()).as_posix()
