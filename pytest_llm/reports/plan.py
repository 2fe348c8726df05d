"""What a suite can see, in words. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_llm.gates.plan import Plan, SelfCheck
from pytest_llm.reports.text import percent, visible

MOST_ALARMS = 0.08
"""From this share of false alarms on, something is wrong with the suite."""


def plan_lines(plan: Plan) -> list[str]:
    """A plan as a table, and what follows from it."""
    return [visible(line) for line in _plan(plan)]


def _plan(plan: Plan) -> Iterator[str]:
    known = [
        f"{plan.suite}: {plan.cases} case{'' if plan.cases == 1 else 's'}, baseline {percent(plan.passed, plan.graded)}"
    ]
    if plan.unstable:
        known.append(f"{len(plan.unstable)} unstable")
    if plan.variance is not None:
        known.append(f"within-case variance {plan.variance:.3f}".replace("0.", ".", 1))
    yield ", ".join(known)
    yield f"smallest drop seen 4 times in 5, at {100 * plan.alpha:.2g} % false alarms"
    yield f"  samples   requests   fresh     against the stored {plan.stored}"
    for one in plan.reaches:
        yield f"  {one.samples:>7}   {one.requests:>8,}   {_points(one.fresh):<9} {_points(one.stored)}"
    if plan.broken_case is None:
        yield f"one case that breaks entirely: not provable, {plan.stored} stored samples of a case are too few"
    else:
        yield f"one case that breaks entirely: seen {round(100 * plan.broken_case)} times in 100, with --llm-confirm"
    yield f"to see {100 * plan.drop:g} points: {_needed(plan)}"
    if plan.cases < 100 or (plan.reaches and plan.stored < 3):
        yield "expect INCONCLUSIVE, which is green, under about 100 cases × 3"


def _points(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f} pt"


def _needed(plan: Plan) -> str:
    samples = "" if plan.samples_for_drop is None else f"{plan.samples_for_drop} samples a case"
    cases = "" if plan.cases_for_drop is None else f"{plan.cases_for_drop} cases with as many samples as now"
    return " or ".join(filter(None, (samples, cases))) or "more than 5,000 cases"


def self_check_lines(check: SelfCheck) -> list[str]:
    """What a gate does when nothing has changed."""
    if check.splits == 0:
        return [visible(f"{check.suite}: one stored draw a case cannot be split; --llm-samples 3 or more draws")]
    share = check.alarms / check.splits
    told = f"{check.suite}: {check.alarms} alarms in {check.splits} splits of the same prompt's draws, {share:.1%}"
    lines = [f"{told}; at most {check.alpha:.1%} are to be expected ({check.distinct} different splits)"]
    if share > MOST_ALARMS:
        lines.append(
            "  the draws of a case are not independent: a seed that they share, an outage, a judge that drifts"
        )
    return [visible(line) for line in lines]
