"""The verdicts of a run, and the baselines that it leaves behind. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath

import pytest

from pytest_llm.baselines import BaselineFiles
from pytest_llm.errors import LlmError, RunFileError
from pytest_llm.gates.arms import letters_of, scores_of
from pytest_llm.gates.baseline import Baseline, Line, succeeded, write_baseline
from pytest_llm.gates.expectations import judge_expectations
from pytest_llm.gates.verdict import judge
from pytest_llm.results import Result, Run, SuiteRecord, Verdict
from pytest_llm.settings import Settings

MOST_LOOKED_AT = 3
"""Cassettes that are read again for what changed in a prompt: one mostly tells."""


def verdicts_of(run: Run, files: BaselineFiles, settings: Settings) -> list[Verdict]:
    """What the gate says of each suite that has a baseline, here or where the change began; and of what suites expect.

    With --llm-baseline=update the results become the baselines, and the verdicts are what was accepted. Raises
    RunFileError for an expectation that this release does not know.
    """
    groups: dict[str, list[Result]] = {}
    for result in run.results:
        groups.setdefault(result.baseline, []).append(result)
    gate = [] if settings.baseline == "off" else _of_gate(run, groups, files, settings)
    return [*gate, *_of_expectations(run, groups)]


def _of_gate(
    run: Run, groups: Mapping[str, Sequence[Result]], files: BaselineFiles, settings: Settings
) -> Iterator[Verdict]:
    try:
        gated = _gated(run, files)
    except LlmError as error:  # git, mostly
        yield from (_unreadable(record, groups, error) for record in run.records if record.selected)
        return
    if settings.baseline is None and not gated:
        return
    for record in run.records:
        if not record.selected and settings.baseline != "check":
            continue  # by the user's wish
        results = groups.get(record.baseline, ())
        verdict = judge(
            record,
            results,
            files.of(record.baseline),
            suites=max(1, len(gated)),
            asked_for=settings.baseline == "check",
        )
        if verdict is not None and verdict.asked_anew[0]:
            heading, difference = _difference(results, files, record.baseline)
            verdict = replace(verdict, heading=heading, difference=difference)
        if settings.baseline == "update":
            verdict = _updated(record, results, verdict, files, settings)
        if verdict is not None:
            yield verdict
    unknown = [path for path in groups if path not in {one.baseline for one in run.records}]
    yield from (
        _unknown(groups[path][0], settings) for path in unknown if path in gated or settings.baseline is not None
    )
    yield from _without_test(run, files, gated)


def _of_expectations(run: Run, groups: Mapping[str, Sequence[Result]]) -> Iterator[Verdict]:
    for record in run.records:
        if record.expect and record.selected:
            try:
                yield from judge_expectations(record, groups.get(record.baseline, ()))
            except (LookupError, TypeError, AttributeError, ValueError) as error:
                told = f"what suite {record.name!r} expects cannot be read: {type(error).__name__}: {error}"
                raise RunFileError(told) from error


def _unreadable(record: SuiteRecord, groups: Mapping[str, Sequence[Result]], error: LlmError) -> Verdict:
    return Verdict.about(
        record, groups.get(record.baseline, ()), reason=f"which suites have baselines is not known: {error}"
    )


def _unknown(result: Result, settings: Settings) -> Verdict:
    """The verdict on a suite of which only results are known."""
    return Verdict(
        kind="NOT JUDGED" if settings.baseline is None else "INVALID",
        suite=result.suite,
        baseline=result.baseline,
        nodeid=result.nodeid.partition("[")[0],
        reason="how many items it has is not known: no worker came to its end",
    )


def _difference(results: Iterable[Result], files: BaselineFiles, baseline: str) -> tuple[str, str]:
    """What changed in the requests, of the first sample that asks something else; nothing where that is not known."""
    from pytest_llm.cassettes import changed_request

    base = files.of(baseline).base
    lines = {} if base is None else base.lines
    changed = (one for one in results if one.line in lines and one.requests not in lines[one.line].requests)
    for result in islice(changed, MOST_LOOKED_AT):
        before = files.text_before(result.cassette)
        identities = [identity for identity, *_ in result.used]
        found = None if before is None else changed_request(before, files.root / result.cassette, identities)
        if found is not None:
            return found
    return "", ""


def _gated(run: Run, files: BaselineFiles) -> set[str]:
    """Every baseline on either side; at a desk nothing is searched where no test that ran has any beside it."""
    folders = {(files.root / one.baseline).parent.parent for one in run.records}
    if files.commit is None and folders and not any(folder.is_dir() for folder in folders):
        return set()
    renamed = {head.renamed_from for one in run.records if (head := files.of(one.baseline).head) is not None}
    return {*files.paths_in_tree(), *files.paths_in_commit()} - renamed


def _without_test(run: Run, files: BaselineFiles, gated: Iterable[str]) -> Iterator[Verdict]:
    """A baseline that no test belongs to gates nothing, and would never say so."""
    here = {*(record.baseline for record in run.records), *(result.baseline for result in run.results)}
    for path in sorted(set(gated) - here):
        found = files.of(path)
        if found.head is None and not found.problem:
            reason, fix = (
                "its baseline is gone, and with it the gate",
                {"restore": f"git checkout {found.commit[:12]} -- {path}"},
            )
        elif not run.scope.partial and any(_is_under(path, folder) for folder in run.scope.folders):
            reason = "no test belongs to this baseline"
            fix = {"or, renamed": f'"renamed_from": "{path}" in the new one', "remove": f"git rm {path}"}
        else:
            continue
        yield Verdict(
            kind="INVALID",
            suite=PurePosixPath(path).stem,
            baseline=path,
            nodeid=path,
            reason=found.problem or reason,
            fix=fix,
        )


def _is_under(path: str, folder: str) -> bool:
    return folder == "." or PurePosixPath(path).is_relative_to(folder)


def _updated(
    record: SuiteRecord,
    results: Sequence[Result],
    verdict: Verdict | None,
    files: BaselineFiles,
    settings: Settings,
) -> Verdict:
    """Write the results as the suite's baseline; the verdict as it was accepted, or why it was not."""
    from pytest_llm.cassettes import store

    blank = Verdict.about(record, results)
    try:
        before = files.in_tree(record.baseline)
        why = _why_not(record, results, before, settings.note)
        if why:
            return replace(blank, reason=f"the baseline is not updated: {why[0]}", fix=why[1])
        after = succeeded(before, _with_lines_of_skipped(_baseline_of(record, results, settings.note), before, record))
        if after != before:
            store.replace(settings.root / record.baseline, write_baseline(after).encode())
    except LlmError as error:
        return replace(blank, reason=f"the baseline is not updated: {error}")
    passed, graded = after.outcome
    written = f"{'unchanged' if after == before else 'wrote'} {record.baseline}: {passed}/{graded} passed"
    if verdict is None or before is None:
        return replace(
            blank, kind="NEW", reason=f"first baseline: {passed}/{graded} passed", notes=(f"wrote {record.baseline}",)
        )
    if verdict.kind in ("FAIL", "INVALID"):
        verdict = replace(verdict, accepted=settings.note)
    return replace(verdict, notes=(*verdict.notes, written), fix={})


def _why_not(
    record: SuiteRecord, results: Sequence[Result], before: Baseline | None, note: str
) -> tuple[str, dict[str, str]] | None:
    """Why these results cannot be accepted, and what helps."""
    drawn = [result for result in results if not result.confirms]
    if len(drawn) + len(record.skipped) < record.items or record.selected < record.items:
        return f"{len(drawn)} of {record.items} items came to a result", {"run": f"pytest {record.nodeid}"}
    if errors := [result for result in drawn if letters_of(result)["outcome"] == "E"]:
        what = "1 item ended" if len(errors) == 1 else f"{len(errors)} items ended"
        return f"{what} in an error: {errors[0].nodeid}", {"mend": "what the error says, and run again"}
    if unkept := [result for result in drawn if result.unkept]:
        what = "1 item was" if len(unkept) == 1 else f"{len(unkept)} items were"
        what += f" answered by an error that is not recorded: {unkept[0].nodeid}"
        return what, {"fix": "the cause, and record again: pytest --llm-record --llm-baseline=update"}
    if before is not None and not note:
        return "why is not said", {"say it": 'pytest --llm-baseline=update --llm-note "why"'}
    return None


def _with_lines_of_skipped(after: Baseline, before: Baseline | None, record: SuiteRecord) -> Baseline:
    """The baseline with the lines of skipped cases as they were: nobody has drawn them again."""
    known = {} if before is None else before.lines
    return replace(after, lines={**{key: known[key] for key in record.skipped if key in known}, **after.lines})


def _baseline_of(record: SuiteRecord, results: Iterable[Result], note: str) -> Baseline:
    """The results of a suite as a baseline of their own."""
    cases: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda one: one.sample):
        if not result.confirms:
            cases.setdefault(result.line, []).append(result)
    return Baseline(
        suite=record.name,
        test=record.nodeid.partition("::")[2].replace("::", "."),
        lines={key: _line_of(samples) for key, samples in cases.items()},
        instrument=dict(record.instrument),
        context=record.context,
        note=note,
    )


def _line_of(samples: Sequence[Result]) -> Line:
    letters = [letters_of(one) for one in samples]
    scores = [scores_of(one) for one in samples]
    draws, single = tuple(one.draws for one in samples), tuple(one.single_draw for one in samples)
    return Line(
        case=samples[0].case_digest,
        requests=tuple(one.requests for one in samples),
        replies=tuple(one.replies for one in samples),
        recordings=tuple(one.recording for one in samples),
        grades={
            metric: "".join(one.get(metric, "U") for one in letters)
            for metric in dict.fromkeys(name for one in letters for name in one)
        },
        scores={
            metric: tuple(one.get(metric) for one in scores)
            for metric in dict.fromkeys(name for one in scores for name, score in one.items() if score is not None)
        },
        sample_draws=draws if any(draws) else (),
        group=samples[0].group,
        models=tuple(sorted({one.model for one in samples if one.model})),
        single_draw=all(single),
        single_draws=single if any(single) and not all(single) else (),
    )


def gate_report(verdict: Verdict, text: str) -> pytest.TestReport:
    """A verdict as the report of a failed item of its own, so that summary, exit code and JUnit agree."""
    file = verdict.nodeid.partition("::")[0]
    return pytest.TestReport(
        nodeid=f"{verdict.nodeid}[{verdict.item}]",
        location=(file, None, f"{verdict.suite}[{verdict.item}]"),
        keywords={},
        outcome="failed",
        longrepr=text,
        when="call",
    )
