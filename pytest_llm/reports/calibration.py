"""How often a judge is right, for a person. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pytest_llm.calibrations import Calibration
from pytest_llm.reports.text import percent, visible
from pytest_llm.results import Run
from pytest_llm.stats.agreement import corrected_rate
from pytest_llm.stats.proportions import wilson

MOST_NAMED = 5


def calibration_lines(found: Calibration, run: Run | None = None) -> list[str]:
    """What is known of a judge, line by line; with a run, what people would have said of its outputs."""
    both = found.agreement
    what = f"judge {found.judge} ({found.judge_version}, {found.model})"
    lines = [f"{what} on {both.total + found.ungraded_pass + found.ungraded_fail} labelled outputs of {found.labels}"]
    lines += [
        "                 people pass   people fail",
        f"  judge passes   {both.pass_pass:>11}   {both.fail_pass:>11}",
        f"  judge fails    {both.pass_fail:>11}   {both.fail_fail:>11}",
    ]
    if found.ungraded_pass or found.ungraded_fail:
        lines.append(f"  ungraded       {found.ungraded_pass:>11}   {found.ungraded_fail:>11}")
    lines += [
        _measure("kappa", both.kappa, both.kappa_interval, "agreement beyond chance"),
        _measure("sensitivity", both.sensitivity, wilson(both.pass_pass, both.good), "of the good outputs it passes"),
        _measure("specificity", both.specificity, wilson(both.fail_fail, both.bad), "of the bad outputs it fails"),
    ]
    if found.injections:
        named = ", ".join(found.injections_passed[:MOST_NAMED])
        more = len(found.injections_passed) - MOST_NAMED
        told = f": {named}{f' and {more} more' if more > 0 else ''}" if named else ""
        lines.append(f"  injections     {len(found.injections_passed)} of {found.injections} passed{told}")
    if not found.is_told_from_chance:
        lines.append("  it cannot be told from chance by these labels, and stays uncalibrated")
    return [visible(line) for line in [*lines, *_in_run(found, run)]]


def _measure(name: str, value: float | None, interval: tuple[float, float] | None, meaning: str) -> str:
    if value is None or interval is None:
        return f"  {name:<13}  unknown"
    return f"  {name:<13}  {value:.2f} ({interval[0]:.2f}–{interval[1]:.2f})   {meaning}"


def _in_run(found: Calibration, run: Run | None) -> list[str]:
    """What the judge said in a run, and the share that people would have passed."""
    results = () if run is None else run.results
    said = [
        grade.passed
        for one in results
        for grade in one.grades
        if grade.judge == found.judge_version and grade.passed is not None
    ]
    if not said:
        return []
    passed, total = said.count(True), len(said)
    line = f"  last run       {passed}/{total} passed  {percent(passed, total)}"
    corrected = corrected_rate(passed, total, found.agreement)
    if corrected is None:
        return [f"{line}; what people would pass is unknown: it agrees with them no more than by chance"]
    rate, low, high = corrected
    return [f"{line}; people would pass {100 * rate:.0f} % ({100 * low:.0f}–{100 * high:.0f})"]
