"""Verdicts as text: one line where all is well, what happened and what to do where it is not. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_llm.reports.text import percent, signed, visible
from pytest_llm.results import MetricChange, Suspect, Verdict

MOST_NAMES = 5
MOST_LINES = 12


def verdict_lines(verdict: Verdict) -> list[str]:
    """A verdict for the summary: a line, and beneath it what a reader has to know."""
    head = f"{_kind(verdict)}  {verdict.suite}   {verdict.reason}{_change(verdict)}"
    return [visible(line) for line in (head, *_indented(_details(verdict)))]


def verdict_text(verdict: Verdict) -> str:
    """A verdict as the report of an item of its own."""
    return "\n".join(visible(line) for line in (f"{verdict.kind}  {verdict.reason}", "", *_indented(_rows(verdict))))


def _kind(verdict: Verdict) -> str:
    return verdict.kind if verdict.accepted is None else f"{verdict.kind}, accepted: {verdict.accepted}"


def _change(verdict: Verdict) -> str:
    """The first metric's change, where anything was drawn."""
    if not verdict.metrics or verdict.metrics[0].interval is None:
        return ""
    size = f"{verdict.cases} case{'' if verdict.cases == 1 else 's'}"
    return f"   {_points(verdict.metrics[0])}   ({size}{'' if verdict.samples is None else f' × {verdict.samples}'})"


def _points(metric: MetricChange) -> str:
    if metric.change is None or metric.interval is None:
        return ""
    low, high = metric.interval
    return f"{signed(metric.change)} pt [{signed(low)}, {signed(high)}]"


def _indented(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {label:<11} {told}" if label or told else "" for label, told in rows]


def _details(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """For the summary of a run: of a red verdict, that stands above as a report, only what was not said there."""
    if verdict.is_red:
        return
    if verdict.kind in ("INCONCLUSIVE", "FAIL", "INVALID"):
        yield from _rows(verdict)
        return
    yield from _said(verdict)
    yield from _of_suspects(verdict.suspects)
    yield from (("", note) for note in verdict.notes)


def _rows(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for metric in verdict.metrics:
        yield metric.name, _metric(metric)
    yield from _said(verdict)
    if verdict.exact:
        yield "fails", _names(verdict.exact)
    if verdict.critical:
        yield "critical", _names(verdict.critical)
    yield from _of_suspects(verdict.suspects)
    if verdict.blind_spot is not None and verdict.kind != "INVALID":
        what = "drop" if verdict.is_of_gate else "difference"
        yield "blind spot", f"a {what} under {verdict.blind_spot * 100:.0f} points spread over many cases"
    yield from (("note", note) for note in verdict.notes)
    yield "", ""
    yield from verdict.fix.items()


def _said(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What changed, and what could not be compared."""
    asked, of = verdict.asked_anew
    if asked:
        yield "changed", f"the requests of {asked} of {of} cases{f': {verdict.heading}' if verdict.heading else ''}"
        lines = verdict.difference.splitlines() if verdict.difference != verdict.heading else []
        yield from (("", f"    {line}") for line in lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            yield "", f"    … {len(lines) - MOST_LINES} more lines"
    elif verdict.answered_anew and verdict.draw > 1:
        yield "drawn anew", f"{verdict.answered_anew} of {of} cases: draw {verdict.draw} of this prompt"
    if verdict.improved:
        yield "improved", _names(verdict.improved)
    groups: dict[str, list[str]] = {}
    for case, why in verdict.excluded:
        groups.setdefault(why, []).append(case)
    if verdict.excluded:
        told = "; ".join(f"{why}: {_names(cases)}" for why, cases in groups.items())
        yield "excluded", f"{len(verdict.excluded)}: {told}"


def _metric(metric: MetricChange) -> str:
    told = f"{_rate(metric.base)}  →  {_rate(metric.head)}"
    if points := _points(metric):
        told += f"     {points}"
    return told if metric.p is None else f"{told}   p {_p(metric.p)}"


def _rate(counts: tuple[int, int]) -> str:
    return f"{percent(*counts)} {counts[0]}/{counts[1]}" if counts[1] else "–"


def _p(value: float) -> str:
    return "< .0001" if value < 0.0001 else f"= {value:.4f}".replace("0.", ".", 1)


def _of_suspects(suspects: Sequence[Suspect]) -> Iterator[tuple[str, str]]:
    labels = {"broken": "broken", "unconfirmed": "suspected", "not provable": "perhaps", "not proven": "not proven"}
    for state, label in labels.items():
        group = [one for one in suspects if one.state == state]
        for number, one in enumerate(group[:MOST_NAMES]):
            yield label if number == 0 else "", _suspect(one)
        if len(group) > MOST_NAMES:
            yield "", f"and {len(group) - MOST_NAMES} more"
        if group and state == "not provable":
            yield "", "too few stored samples to tell of a single case: pytest-llm plan"


def _suspect(one: Suspect) -> str:
    a, ka = one.base
    (b, kb), tail = (one.head, "") if one.confirmed is None else (one.confirmed, " fresh")
    if one.p is not None:
        tail += f"   p {_p(one.p)}"
    return f"{one.case}   {a}/{ka} → {b}/{kb}{tail}"


def _names(cases: Sequence[str]) -> str:
    more = len(cases) - MOST_NAMES
    return ", ".join(cases[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
