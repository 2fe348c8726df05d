"""Suites for the gate's tests. The figures are synthetic: letters instead of replies."""

from __future__ import annotations

from pytest_llm.gates.baseline import Baseline, Line
from pytest_llm.results import CONFIRMATIONS, GradeRecord, Result, SuiteRecord

OUTCOMES = {"P": "passed", "F": "failed", "U": "ungraded", "E": "error"}


def line(letters, *, prompt="old", draw=1, case="case", **more):
    """What a baseline holds of samples that were graded so."""
    return Line(
        case=case,
        requests=(prompt,) * len(letters),
        replies=tuple(f"{prompt} {draw} {n}" for n in range(1, len(letters) + 1)),
        recordings=tuple(f"{prompt} {draw} {n}" for n in range(1, len(letters) + 1)),
        grades=more.pop("grades", {"outcome": letters}),
        **more,
    )


def baseline(cases, **more):
    """A baseline from letters by case, or lines."""
    lines = {key: one if isinstance(one, Line) else line(one) for key, one in cases.items()}
    return Baseline(suite="orders", lines=lines, instrument={"schema": "a"}, **more)


def results(cases, *, prompt="new", draw=1, first=1, case="case", **more):
    """What a run made of the same cases."""
    return [
        Result(
            nodeid=f"t.py::test[{key}-#{number}]",
            suite="orders",
            outcome=OUTCOMES[letter],
            case=key,
            line=key,
            baseline="b.json",
            sample=number,
            requests=prompt,
            replies=f"{prompt} {draw} {number}",
            recording=f"{prompt} {draw} {number}",
            case_digest=case,
            **more,
        )
        for key, letters in cases.items()
        for number, letter in enumerate(letters, first)
    ]


def confirming(cases, prompt="new"):
    """Samples that were drawn to confirm a suspicion."""
    return results(cases, prompt=prompt, first=CONFIRMATIONS.start)


def record(run, **more):
    """The suite of these results."""
    ran = sum(not one.confirms for one in run)
    given = {"items": ran, "selected": ran, "instrument": {"schema": "a"}, **more}
    return SuiteRecord(baseline="b.json", name="orders", nodeid="t.py::test", **given)


def graded(result, **grades):
    """The result with grades of these names: True, False, or None for ungraded."""
    from dataclasses import replace

    return replace(result, grades=tuple(GradeRecord(name=name, passed=passed) for name, passed in grades.items()))
