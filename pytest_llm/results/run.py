"""A run: all results of one session, as text and back, and summed up by suite. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_llm.errors import RunFileError
from pytest_llm.results.result import FixtureCalls, Result
from pytest_llm.results.typed import reader
from pytest_llm.results.verdict import SuiteRecord, Verdict, suites_in, verdicts_in
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from pytest_llm.correction.comparison import Correction

VERSION = 2
READ_VERSIONS = (1, 2)
_DAMAGED = {"run": "pytest again; the run file is made anew each time"}
_CONFLICT = "<<<<<<< "


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How much of a project a run has covered, so that what it did not use is known to be unused."""

    #: Why not every recorded exchange had its chance to be used; "" if all had.
    partial: str = ""
    #: The folders whose tests were collected, relative to the root; "." is the root.
    folders: tuple[str, ...] = (".",)
    #: The cassettes of items that were skipped, relative to the root.
    skipped: tuple[str, ...] = ()

    @property
    def json(self) -> dict[str, JSON]:
        """The scope for a program."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The commit of the working tree in which a run took place."""

    #: As git names it, 40 or 64 hex digits.
    id: str
    #: Whether tracked files differed from it when the run ended; None where git did not say in time.
    dirty: bool | None = None

    @property
    def json(self) -> dict[str, JSON]:
        """The commit as a run file holds it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The results of one session, or of several that were merged."""

    results: tuple[Result, ...]
    #: "replay", "record", "rerecord" or "live".
    mode: str = "replay"
    #: What fixtures of wider scope asked; no item's, and in no item's counts.
    fixtures: tuple[FixtureCalls, ...] = ()
    scope: Scope = Scope(partial="the run file does not say what the run has covered")
    #: What a gate has to know of the suites, and what it said of them.
    records: tuple[SuiteRecord, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    #: None outside git, of runs of several commits together, and in files of version 1.
    commit: Commit | None = None

    def corrections(self) -> list[Correction]:
        """What the fixture llm_retry has measured, for every suite that used it, and every variant in it."""
        groups: dict[tuple[str, str | None], list[Result]] = {}
        for result in self.results:
            if result.traces and not result.confirms:
                groups.setdefault((result.suite, result.variant), []).append(result)
        if not groups:
            return []
        from pytest_llm.correction.comparison import correction_of

        return [
            correction_of(suite, variant, [trace for one in results for trace in one.observed])
            for (suite, variant), results in groups.items()
        ]

    def suites(self) -> list[SuiteSummary]:
        """A summary for every suite, and every variant in it, in the order of the run."""
        groups: dict[tuple[str, str | None], list[Result]] = {}
        for result in self.results:
            if result.confirms:
                continue
            groups.setdefault((result.suite, result.variant), []).append(result)
        return [SuiteSummary.of(name, variant, results) for (name, variant), results in groups.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSummary:
    """A suite, or one variant of it, in numbers."""

    name: str
    variant: str | None
    cases: int
    #: Of every case; None where they differ, or a test has parameters of its own too.
    samples: int | None
    total: int
    passed: int
    failed: int
    ungraded: int
    errors: int
    #: Mean score and count of every grader that decides nothing by itself, by its name.
    scores: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, variant: str | None, results: Iterable[Result]) -> SuiteSummary:
        """The summary of these results."""
        results = list(results)
        outcomes = [result.outcome for result in results]
        scores: dict[str, list[float]] = {}
        for result in results:
            for grade in result.grades:
                if grade.passed is None and grade.score is not None:
                    scores.setdefault(grade.name, []).append(grade.score)
        cases, samples = len({result.case for result in results}), len({result.sample for result in results})
        return cls(
            name=name,
            variant=variant,
            cases=cases,
            samples=samples if cases * samples == len(results) else None,
            total=len(results),
            passed=outcomes.count("passed"),
            failed=outcomes.count("failed"),
            ungraded=outcomes.count("ungraded"),
            errors=outcomes.count("error"),
            scores={grader: (sum(values) / len(values), len(values)) for grader, values in scores.items()},
        )

    @property
    def json(self) -> dict[str, JSON]:
        """The summary for a program."""
        return {
            "suite": self.name,
            "variant": self.variant,
            "cases": self.cases,
            "samples": self.samples,
            "total": self.total,
            "passed": self.passed,
            "failed": self.failed,
            "ungraded": self.ungraded,
            "errors": self.errors,
            "scores": {name: {"mean": mean, "count": count} for name, (mean, count) in self.scores.items()},
        }


def write_run(run: Run) -> str:
    """The text of a run file: a header, then a line a result."""
    return "".join([head_line(run), *map(result_line, run.results)])


def head_line(run: Run) -> str:
    """The first line of a run file."""
    head: dict[str, JSON] = {"version": VERSION, "mode": run.mode, "results": len(run.results), "scope": run.scope.json}
    head["commit"] = None if run.commit is None else run.commit.json
    for name, group in (("fixtures", run.fixtures), ("suites", run.records), ("verdicts", run.verdicts)):
        if group:
            head[name] = [one.json for one in group]
    return _line(head)


def result_line(result: Result) -> str:
    """The line of a result in a run file."""
    return _line(result.json)


def _line(value: JSON) -> str:
    # ASCII, so that a lone surrogate in an output can be written, and no line ends early.
    return json.dumps(value, ensure_ascii=True) + "\n"


def read_run(text: str, where: str = "") -> Run:
    """The run in a run file. Raises RunFileError for one that is cut, mangled, in conflict or from a newer version."""
    if text.startswith("{\n"):
        told = "this is a document of --llm-json, and no run file"
        raise RunFileError(told, where=where, fix={"read": "that of the run: .pytest_llm/last-run.jsonl"})
    if text.startswith(_CONFLICT) or f"\n{_CONFLICT}" in text:
        raise RunFileError("there is a merge conflict in the run file", where=where, fix=_DAMAGED)
    head, *lines = [_parsed(line, f"{where}:{number}") for number, line in enumerate(text.splitlines(), 1)] or [None]
    version = head.get("version") if isinstance(head, dict) else None
    if type(version) is int and version > VERSION:  # to isinstance, true is a number
        told = f"the run file has version {version}; this release reads versions up to {VERSION}"
        raise RunFileError(
            told, where=where, fix={"install": "the release of pytest-llm-evals that wrote it", **_DAMAGED}
        )
    if not isinstance(head, dict) or type(version) is not int or version not in READ_VERSIONS:
        raise RunFileError("the run file has no header of a version that this release reads", where=where, fix=_DAMAGED)
    if head.get("results") != len(lines):
        told = f"the run file is cut: {len(lines)} of {head.get('results')} results"
        raise RunFileError(told, where=where, fix=_DAMAGED)
    results = tuple(Result.of(line, f"{where}:{number}") for number, line in enumerate(lines, 2))
    fixtures = tuple(FixtureCalls.of(one, f"{where}:1") for one in head.get("fixtures", ()))
    records, verdicts = _gated(head, f"{where}:1")
    commit = _commit(head.get("commit"), f"{where}:1")
    run = Run(
        results=results,
        mode=str(head.get("mode")),
        fixtures=fixtures,
        records=records,
        verdicts=verdicts,
        commit=commit,
    )
    return replace(run, scope=_scope(head["scope"], where)) if "scope" in head else run


def _commit(data: JSON, where: str) -> Commit | None:
    try:
        found: Commit | None = reader(Commit | None)(data)
    except ValueError as error:
        raise RunFileError(f"the commit of the run cannot be read: {error}", where=where, fix=_DAMAGED) from error
    return found


def _gated(head: JSON, where: str) -> tuple[tuple[SuiteRecord, ...], tuple[Verdict, ...]]:
    try:
        return suites_in(head.get("suites", [])), verdicts_in(head.get("verdicts", []))
    except ValueError as error:
        told = f"the suites of the run cannot be read: {error}"
        raise RunFileError(told, where=where, fix=_DAMAGED) from error


def _scope(data: JSON, where: str) -> Scope:
    try:
        return Scope(
            partial=str(data["partial"]),
            folders=tuple(map(str, data["folders"])),
            skipped=tuple(map(str, data["skipped"])),
        )
    except (LookupError, TypeError) as error:
        raise RunFileError(f"the scope of the run cannot be read: {error}", where=f"{where}:1", fix=_DAMAGED) from error


def json_report(run: Run) -> str:
    """The run as one JSON document, for a program."""
    document = {
        "version": VERSION,
        "mode": run.mode,
        "scope": run.scope.json,
        "commit": None if run.commit is None else run.commit.json,
        "suites": [suite.json for suite in run.suites()],
        "corrections": [one.json for one in run.corrections()],
        "fixtures": [one.json for one in run.fixtures],
        "verdicts": [one.json for one in run.verdicts],
        "results": [result.json for result in run.results],
    }
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def _parsed(line: str, where: str) -> JSON:
    try:
        return json.loads(line, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"a line is no JSON: {error}", where=where, fix=_DAMAGED) from error


def _without_doubles(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found
