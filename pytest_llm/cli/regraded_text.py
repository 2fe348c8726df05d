"""Regraded outputs as lines for a person, and as a document for a program. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_llm.cli.place import shown
from pytest_llm.cli.regraded import Counts, Metric, Regraded, Regrading
from pytest_llm.reports import visible
from pytest_llm.results import GradeRecord
from pytest_llm.schemas import JSON

VERSION = 1
MOST_SHOWN = 20
MOST_NAMED = 3


def regrading_lines(found: Regrading, against: str, notes: Sequence[str]) -> list[str]:
    """What changed, worse first, then every suite in counts, then what could not be graded, and why.

    `against` names what the grades are compared with; "" where there is nothing.
    """
    lines = [_head(found, against), *notes]
    if others := sum(one.is_of_another_output for one in found.items):
        lines.append(f"{_outputs(others)} not that of {against}: recorded anew since")
    lines += _changed(found.items, against)
    lines += ["", *_suites(found, is_compared=any(one.before for one in found.items))]
    lines += _uncalibrated(found.items)
    lines += _left(found)
    return [visible(line) for line in lines]


def _head(found: Regrading, against: str) -> str:
    many = len(found.items)
    told = f"{many} output{'' if many == 1 else 's'} graded anew" if many else "nothing could be graded anew"
    return f"{told}, nothing asked{f'; before: {against}' if against else ''}"


def _outputs(many: int) -> str:
    return "1 output is" if many == 1 else f"{many} outputs are"


def _changed(items: Sequence[Regraded], against: str) -> Iterator[str]:
    told = sorted((one for one in items if one.changes), key=_urgency)
    if not told and against:
        yield ""
        yield "no grade changed"
    for one in told[:MOST_SHOWN]:
        yield ""
        yield one.nodeid
        yield from _block(one)
    if len(told) > MOST_SHOWN:
        yield ""
        yield f"and {len(told) - MOST_SHOWN} more; --json has all"


def _urgency(one: Regraded) -> tuple[int, str]:
    """Worse first, then what is new and fails, then better, then what only has another score."""
    steps = [change.step for change in one.changes]
    is_new = any(change.before is None for change in one.changes)
    return (0 if min(steps) < 0 else 1 if is_new else 2 if max(steps) > 0 else 3), one.nodeid


def _block(one: Regraded) -> list[str]:
    """The grades to be seen, with their reasons."""
    width = max((len(change.name) for change in one.changes), default=0)
    lines = []
    for change in one.changes:
        words = _word(change.now) if change.before is None else f"{_word(change.before)} → {_word(change.now)}"
        first, *rest = (change.now.reason if change.now.passed is not True else "").splitlines() or [""]
        lines.append(f"  {change.name:<{width}}   {words}{f'   {first}' if first else ''}")
        lines += [f"  {line}" for line in rest]
    return lines


def _word(grade: GradeRecord) -> str:
    if grade.passed is None:
        return "ungraded" if grade.score is None else f"{grade.score:.3f}"
    score = "" if grade.score is None else f" {grade.score:.3f}"
    return f"{'passed' if grade.passed else 'failed'}{score}"


def _suites(found: Regrading, *, is_compared: bool) -> list[str]:
    suites = {
        name if variant is None else f"{name}[{variant}]": told for (name, variant), told in found.suites().items()
    }
    width = max(map(len, suites), default=0)
    names = max((len(one.name) for told in suites.values() for one in told), default=0)
    lines = []
    for suite, metrics in suites.items():
        for number, one in enumerate(metrics):
            told = _metric(one, is_compared=is_compared)
            lines.append(f"{'' if number else suite:<{width}}   {one.name:<{names}}   {told}")
        if not metrics:
            lines.append(f"{suite:<{width}}   no grader: only the body of the test decides")
    return lines


def _metric(one: Metric, *, is_compared: bool) -> str:
    parts = [_counts(one.before), _counts(one.now)] if is_compared else [_counts(one.now)]
    return " → ".join(dict.fromkeys(parts))


def _counts(one: Counts | None) -> str:
    if one is None:
        return "not given"
    graded = one.passed + one.failed
    parts = [f"{one.passed}/{graded} passed"] if graded else []
    parts += [f"mean {one.mean:.3f} of {one.scored}"] if one.mean is not None else []
    parts += [f"{one.ungraded} ungraded"] if one.ungraded else []
    return ", ".join(parts)


def _uncalibrated(items: Sequence[Regraded]) -> Iterator[str]:
    names = dict.fromkeys(grade.name for one in items for grade in one.grades if grade.is_uncalibrated)
    if names:
        yield f"uncalibrated: {', '.join(names)}; nobody knows how often they are right"


def _left(found: Regrading) -> Iterator[str]:
    unknown = sum(one.outcome is None for one in found.items)
    groups: dict[tuple[str, str], list[str]] = {}
    for one in found.left:
        groups.setdefault((one.suite, one.why), []).append(one.nodeid)
    if unknown or groups or found.problems:
        yield ""
    if unknown:
        yield f"{_outputs(unknown)} judged by the body of the test too, which is not run: no outcome"
    for (_, why), nodeids in groups.items():
        more = f" and {len(nodeids) - MOST_NAMED} more" if len(nodeids) > MOST_NAMED else ""
        yield f"not graded: {', '.join(nodeids[:MOST_NAMED])}{more}: {why}"
    for file, why in found.problems.items():
        yield f"{shown(Path(file))} cannot be collected: {why}"
    if any(one.is_red for one in found.left):
        yield "  ask again   pytest --llm-record"


def json_regrading(found: Regrading, against: str, notes: Sequence[str]) -> str:
    """The same as one JSON document; nothing is left out."""
    document = {
        "version": VERSION,
        "compared_with": against or None,
        "items": [_item(one) for one in found.items],
        "suites": [
            {"suite": suite, "variant": variant, "metrics": [_metric_json(one) for one in metrics]}
            for (suite, variant), metrics in found.suites().items()
        ],
        "not_graded": [{"nodeid": one.nodeid, "why": one.why, "is_red": one.is_red} for one in found.left],
        "not_collected": [{"path": shown(Path(file)), "why": why} for file, why in found.problems.items()],
        "notes": list(notes),
    }
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def _item(one: Regraded) -> JSON:
    return {
        "nodeid": one.nodeid,
        "suite": one.suite,
        "variant": one.variant,
        "case": one.case,
        "sample": one.sample,
        "outcome": {"before": None if one.before is None else one.before.outcome, "now": one.outcome},
        "grades": [_grade(grade) for grade in one.grades],
        "changes": [
            {"name": change.name, "before": _grade(change.before), "now": _grade(change.now)} for change in one.changes
        ],
        "same_output": None if one.before is None else not one.is_of_another_output,
    }


def _grade(grade: GradeRecord | None) -> JSON:
    return None if grade is None else {name: getattr(grade, name) for name in grade.__slots__}


def _metric_json(one: Metric) -> JSON:
    sides = {"before": one.before, "now": one.now}
    return {
        "name": one.name,
        **{
            name: None if side is None else {field: getattr(side, field) for field in side.__slots__}
            for name, side in sides.items()
        },
    }
