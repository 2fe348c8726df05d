"""Grades before and now: from the last run where it saw the same replies, else by grading again. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm.cassettes import Exchange, StoredReply, replies_digest
from pytest_llm.cli.reviewing.accepted import Accepted
from pytest_llm.cli.reviewing.pairing import ChangedCassette, Drawn, Used
from pytest_llm.cli.reviewing.verdicts import ABSENT, Judgement, Reviewed
from pytest_llm.results import Result, Run, Verdict

if TYPE_CHECKING:
    from pytest_llm.regrading import CollectedTests, Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """What the last run says of the cassettes as they are now, by path and sample."""

    results: Mapping[tuple[str, int], Result]
    used: Used
    #: What the gate said of the run.
    verdicts: Sequence[Verdict] = ()


def last_run_of(run: Run | None, root: Path, top: Path, cassettes: Iterable[ChangedCassette]) -> LastRun:
    """The results of the run, under `root`, that saw what the cassettes hold now."""
    by_path = {os.path.realpath(top / one.file.path): one for one in cassettes if one.now is not None}
    results: dict[tuple[str, int], Result] = {}
    used: dict[tuple[str, int], Sequence[Exchange]] = {}
    for result in run.results if run is not None else ():
        cassette = by_path.get(os.path.realpath(root / result.cassette)) if result.replies else None
        if cassette is None:
            continue
        exchanges = _used(result, cassette)
        if exchanges and replies_digest(exchanges) == result.replies:
            results[cassette.file.path, result.sample] = result
            used[cassette.file.path, result.sample] = exchanges
    return LastRun(results=results, used=used, verdicts=() if run is None else run.verdicts)


def _used(result: Result, cassette: ChangedCassette) -> list[Exchange]:
    out = []
    for identity, slot, number in result.used:
        entry = (cassette.now or {}).get(identity)
        reply = entry.replies.get((slot, number)) if entry is not None else None
        if entry is None or reply is None:
            return []
        out.append(Exchange(identity=identity, request=entry.request, reply=reply, source="replayed"))
    return out


def grade(samples: Sequence[Drawn], last: LastRun, top: Path, accepted: Accepted) -> tuple[list[Reviewed], list[str]]:
    """Every sample with its grades, and what is to be said of tests that could not be collected."""
    from pytest_llm.regrading import collect, test_file

    cassettes = {one.file.path: os.path.realpath(top / one.file.path) for one in samples}
    tests = collect(sorted({file for path in cassettes.values() if (file := test_file(path)) is not None}))
    found = [
        _reviewed(one, last.results.get((one.file.path, one.sample)), tests, cassettes, accepted) for one in samples
    ]
    told = [f"{os.path.relpath(file, top)} cannot be collected: {why}" for file, why in tests.problems.items()]
    return [one for one in found if one is not None], told


def _reviewed(
    one: Drawn, result: Result | None, tests: CollectedTests, cassettes: Mapping[str, str], accepted: Accepted
) -> Reviewed | None:
    """A sample with its grades; None where what the test makes of the cassette does not differ after all."""
    place = (cassettes[one.file.path], one.sample)
    now = Judgement(outcome=result.outcome, grades=result.grades) if result is not None else ABSENT
    if result is None and (replies := [pair.now.reply for pair in one.pairs if pair.now is not None]):
        now, exchanges = _now(tests, place, replies)
        if exchanges:
            one = one.using(exchanges)
            if not one.differs:
                return None
    before = ABSENT
    if exchanges := [pair.before for pair in one.pairs if pair.before is not None]:
        replies = [exchange.reply for exchange in exchanges]
        known = None if result is None else accepted.before(result, exchanges)
        before = _again(tests, place, replies) if known is None else known
        if known is not None and any(grade.passed is None and grade.score is not None for grade in now.grades):
            before = _with_scores(known, _again(tests, place, replies))
    nodeid = result.nodeid if result is not None else tests.nodeid(*place)
    history = "" if result is None else accepted.history(result)
    return Reviewed(drawn=one, nodeid=nodeid, before=before, now=now, history=history)


def _with_scores(known: Judgement, again: Judgement) -> Judgement:
    """What was accepted, with the scores that no baseline holds: they decide nothing."""
    names = {grade.name for grade in known.grades}
    return replace(known, grades=(*known.grades, *(grade for grade in again.grades if grade.name not in names)))


def _now(
    tests: CollectedTests, place: tuple[str, int], replies: Sequence[StoredReply]
) -> tuple[Judgement, Sequence[Exchange]]:
    """The grades of now, and the exchanges that they are of; none where that is not known."""
    from pytest_llm.regrading import NotGraded

    try:
        found = tests.replayed(*place)
    except NotGraded:  # the prompt may have been edited after it was recorded
        return _again(tests, place, replies), ()
    return _judgement(found), found.exchanges


def _again(tests: CollectedTests, place: tuple[str, int], replies: Sequence[StoredReply]) -> Judgement:
    """The grades of these replies by the schema and the graders of now."""
    from pytest_llm.regrading import NotGraded

    try:
        return _judgement(tests.regraded(*place, replies))
    except NotGraded as reason:
        return Judgement(why=str(reason))


def _judgement(found: Replayed) -> Judgement:
    why = "" if found.outcome is not None else "the body of the test is not run"
    return Judgement(outcome=found.outcome, grades=found.grades, why=why)
