"""What a gate needs of the processes that run tests: the suites, and whose failure an item's is. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_llm.baselines import BaselineFiles
from pytest_llm.cassettes import DrawGrades
from pytest_llm.collection import (
    DEFAULT_MARGIN,
    Draw,
    Suite,
    baseline_path,
    cassette_folder,
    cassette_name,
    file_slug,
    line_of,
)
from pytest_llm.gates.arms import letters_of
from pytest_llm.gates.baseline import digest
from pytest_llm.gates.rules import excuse
from pytest_llm.results import CONFIRMATIONS, Result, SuiteRecord, Verdict, verdicts_in
from pytest_llm.schemas import fingerprint
from pytest_llm.settings import LAST_RUN, Settings

#: How the writer of cassettes begins the reply to the first of these samples.
_CONFIRMING = f"slot: '{CONFIRMATIONS.start}'".encode()


@dataclass(slots=True)
class Gating:
    """The gated suites of a process."""

    settings: Settings
    files: BaselineFiles = field(init=False)
    _records: dict[str, SuiteRecord] = field(default_factory=dict)
    _items: Counter[str] = field(default_factory=Counter)
    _selected: Counter[str] = field(default_factory=Counter)
    #: By the id of a suite, which lives as long as the session.
    _paths: dict[int, str] = field(default_factory=dict)
    #: By baseline, the lines that the last run would have confirmed.
    _suspects: dict[str, set[str]] | None = None
    _confirmed: dict[Path, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = BaselineFiles(self.settings.root, self.settings.baseline_ref)

    def path(self, item: pytest.Function, suite: Suite) -> str:
        """Where the suite's baseline is, or would be, relative to the root."""
        if id(suite) not in self._paths:
            path, root = baseline_path(item, suite), self.settings.root
            shown = path.relative_to(root) if path.is_relative_to(root) else path
            self._paths[id(suite)] = shown.as_posix()
        return self._paths[id(suite)]

    # -- samples that confirm a suspicion -----------------------------------------------------------------------

    def beyond(self, definition: pytest.Function, suite: Suite) -> Callable[[Draw], Iterable[int]]:
        """Of a first sample, which confirming ones may belong to it; `is_wanted` tells of an item for certain."""
        if self.settings.baseline == "off" or self.settings.mode in ("live", "verify"):
            return lambda _: ()
        files = self._recorded(definition, suite)
        suspects = self._suspected(self.path(definition, suite))
        if not files and not suspects:
            return lambda _: ()

        def numbers(draw: Draw) -> Iterable[int]:
            slug = file_slug(draw.case.id) if draw.case else ""
            name = draw.id.encode("unicode_escape").decode()  # as pytest writes it
            is_one = any(file.startswith(slug) for file in files) or any(key.endswith(name) for key in suspects)
            return CONFIRMATIONS if is_one else ()

        return numbers

    def is_wanted(self, item: pytest.Function, draw: Draw) -> bool:
        """Whether an item is to run: a confirming sample only where it is recorded, or asked for."""
        if draw.sample < CONFIRMATIONS.start or self.is_suspected(item, draw):
            return True
        return cassette_name(item, draw) in self._recorded(item, draw.suite)

    def is_suspected(self, item: pytest.Function, draw: Draw) -> bool:
        """Whether this run shall confirm what the last one suspected of the item's case."""
        return line_of(item, draw) in self._suspected(self.path(item, draw.suite))

    def _recorded(self, item: pytest.Function, suite: Suite) -> set[str]:
        """The cassettes of a test that hold confirming samples."""
        folder = cassette_folder(item)
        if folder not in self._confirmed:
            found = set()
            if (self.settings.root / self.path(item, suite)).exists():
                found = {file.name for file in folder.glob("*.yaml") if _CONFIRMING in file.read_bytes()}
            self._confirmed[folder] = found
        return self._confirmed[folder]

    def _suspected(self, path: str) -> set[str]:
        """The lines of a suite that the last run would have confirmed, where this one shall."""
        if not self.settings.confirm:
            return set()
        if self._suspects is None:
            said = [one for one in _last_verdicts(self.settings.state) if one.is_of_gate]
            self._suspects = {one.baseline: _unconfirmed(one) for one in said}
        return self._suspects.get(path, set())

    # -- collection ---------------------------------------------------------------------------------------------

    def collected(self, item: pytest.Function, draw: Draw) -> None:
        """Count an item to its suite, whether it will be selected or not. Raises pytest.UsageError for a name twice."""
        if draw.sample >= CONFIRMATIONS.start:
            return
        path, suite = self.path(item, draw.suite), draw.suite
        test = f"{item.parent.nodeid if item.parent else ''}::{item.originalname or item.name}"
        record = self._records.get(path)
        if record is None:
            record = self._records[path] = SuiteRecord(
                baseline=path,
                name=suite.name,
                nodeid=test,
                primary=suite.primary,
                margin=suite.margin,
                expect=tuple(one.json for one in suite.expect),
                instrument=_instrument(suite),
                context=_context(item, suite) if self._is_gated(path) else "",
                # A node id with brackets leaves the rest of the test uncollected.
                items=len(suite.cases or (None,)) * len(suite.prompts) * suite.samples,
            )
        elif record.nodeid != test and self._is_gated(path):
            raise pytest.UsageError(
                f"suite {suite.name!r} is the name of two tests: {record.nodeid} and {test}\n"
                "  write       suite=… on one of them"
            )
        self._items[path] += 1

    def selected(self, item: pytest.Function, draw: Draw) -> None:
        """Count an item that is going to run."""
        if draw.sample < CONFIRMATIONS.start:
            self._selected[self.path(item, draw.suite)] += 1

    def _is_gated(self, path: str) -> bool:
        return self.settings.baseline in ("check", "update") or (self.settings.root / path).exists()

    @property
    def records(self) -> list[SuiteRecord]:
        """The suites, with how many items they have."""
        return [
            replace(record, items=max(record.items, self._items[path]), selected=self._selected[path])
            for path, record in self._records.items()
        ]

    # -- running ------------------------------------------------------------------------------------------------

    def draw_grades(self, result: Result) -> DrawGrades:
        """Return the grades of an item as the recordings of its replies keep them: letters, or scores."""
        scores = {one.name: one.score for one in result.grades if one.passed is None and one.score is not None}
        letters = {name: "U" if letter == "E" else letter for name, letter in letters_of(result).items()}
        record = self._records.get(result.baseline)
        instrument = "" if record is None else digest(dict(record.instrument))
        return DrawGrades(suite=result.suite, instrument=instrument, grades={**letters, **scores})

    def excuse(self, result: Result) -> str:
        """Why a failed item does not fail by itself; "" where it does."""
        if self.settings.baseline == "off":
            return ""
        if self.settings.baseline == "update":
            return "" if result.critical or result.outcome == "error" else "accepted by --llm-baseline=update"
        found = self.files.of(result.baseline)
        return excuse(result, found.base, found.head)


def _unconfirmed(verdict: Verdict) -> set[str]:
    return {one.case for one in verdict.suspects if one.state == "unconfirmed"}


def _last_verdicts(state: Path) -> Sequence[Verdict]:
    """What the last run said of its suites; nothing where that cannot be read."""
    try:
        with (state / LAST_RUN).open(encoding="utf-8") as file:
            return verdicts_in(json.loads(file.readline()).get("verdicts", []))
    except (OSError, ValueError, AttributeError):
        return ()


def _instrument(suite: Suite) -> dict[str, str]:
    """By the name of a grader, or "schema", a digest of what it is."""
    found = {one.name: digest([one.name, one.parameters]) for one in suite.graders}
    schemas = [None if one is None or one.schema is None else fingerprint(one.schema) for one in suite.prompts.values()]
    if any(schemas):
        found["schema"] = digest(schemas)
    # What decides is measured by, too; as it mostly is, it goes without saying.
    if suite.primary != ("outcome",):
        found["primary="] = digest(sorted(suite.primary))
    if suite.margin != DEFAULT_MARGIN:
        found["margin="] = digest(suite.margin)
    return found


def _context(item: pytest.Function, suite: Suite) -> str:
    """Digest of the source of the test and of its graders."""
    return digest([_source(item.function), *(_source(one.function) for one in suite.graders)])


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # made by exec, a partial, or in C
        return ""
