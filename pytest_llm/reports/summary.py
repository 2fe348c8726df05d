"""The end of a run in a few lines: one a suite, what was asked, and what is stale. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_llm.reports.correction import correction_lines
from pytest_llm.reports.gate import verdict_lines
from pytest_llm.reports.text import compact, one_line, percent, visible
from pytest_llm.results import FixtureCalls, Result, Run, SuiteSummary

MOST_NAMED = 2
MOST_DRIFTED = 10
MOST_CHANGE_LINES = 20


def summary_lines(run: Run, orphans: Sequence[str] = ()) -> list[str]:
    """The summary of a run, line by line, with the cassettes that no test uses."""
    suites = run.suites()
    names = [suite.name if suite.variant is None else f"{suite.name}[{suite.variant}]" for suite in suites]
    width = max(map(len, names), default=0)
    lines = [f"{visible(name):<{width}}   {_suite(suite)}" for name, suite in zip(names, suites, strict=True)]
    lines += [line for verdict in run.verdicts for line in verdict_lines(verdict)]
    for correction in run.corrections():
        lines += correction_lines(correction)
    lines += [_fixture(one) for one in run.fixtures]
    lines.append(_exchanges(run.results))
    return [
        *lines,
        *_judges(run.results),
        *_remarks(run.results),
        *_unasked(run),
        *_orphans(orphans),
        *_unrecorded(run.results),
    ]


def _orphans(paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    what = "1 orphan, a cassette" if len(paths) == 1 else f"{len(paths)} orphans, cassettes"
    return [visible(f"{what} that no test uses: {_some(paths)}"), "  remove      pytest-llm cassettes prune"]


def _fixture(one: FixtureCalls) -> str:
    kinds = [(one.replayed, "replayed"), (one.recorded, "recorded"), (one.asked, "asked and not kept")]
    words = ", ".join(f"{number} {kind}" for number, kind in kinds if number)
    tokens = f"   {compact(one.usage['total_tokens'])} tokens" if "total_tokens" in one.usage else ""
    return visible(f"{one.name}   {words}{tokens}")


def _judges(results: Sequence[Result]) -> list[str]:
    """What judges took, and of which of them nobody knows how often they are right."""
    tokens = [one.judge_usage["total_tokens"] for one in results if "total_tokens" in one.judge_usage]
    costs = [one.judge_cost_usd for one in results if one.judge_cost_usd is not None]
    parts = [f"{compact(sum(tokens))} tokens"] if tokens else []
    parts += [f"${sum(costs):.4f}"] if costs else []
    lines = ["   ".join(["judges", *parts])] if parts else []
    grades = [grade for one in results for grade in one.grades]
    if uncalibrated := list(dict.fromkeys(grade.name for grade in grades if grade.is_uncalibrated)):
        lines.append(f"uncalibrated: {', '.join(uncalibrated)}; nobody knows how often they are right")
        lines.append("  compare     pytest-llm calibrate FILE::JUDGE LABELS")
    return [visible(line) for line in lines]


def _remarks(results: Sequence[Result]) -> list[str]:
    """What the counts of a run leave open."""
    out = []
    same, drifted = sum(one.same for one in results), sum(one.drifted for one in results)
    if same or drifted:
        out.append(f"verified: {same} repl{'y says' if same == 1 else 'ies say'} what is recorded, {drifted} drifted")
        out += [f"  drifted     {one.nodeid}" for one in results if one.drifted][:MOST_DRIFTED]
    if older := sum(one.older for one in results):
        replies = "1 reply that was" if older == 1 else f"{older} replies that were"
        out.append(f"replayed for requests that name a path or a header: {replies} recorded before these were compared")
        out.append("  check       that they came from there, or record again: pytest --llm-rerecord")
    if unkept := sum(one.unkept for one in results):
        out.append(
            f"{unkept} request{' was' if unkept == 1 else 's were'} answered by an error, or not at all, and will be "
            "missing in replay; @pytest.mark.llm(record_errors=True) keeps errors"
        )
    return [visible(line) for line in out]


def _unasked(run: Run) -> list[str]:
    """What a budget left out, and how to go on."""
    left = [one for one in run.results if one.miss is not None and one.miss.kind == "budget"]
    if not left or left[-1].miss is None:
        return []
    number = len({(one.suite, one.case or one.nodeid) for one in left})
    begun = ", or not to the end" if any(one.recorded or one.asked for one in left) else ""
    # The last one knows of all that was asked before it.
    spent = left[-1].miss.heading or "its budget"
    lines = [f"stopped by {spent}: {number} case{' was' if number == 1 else 's were'} not asked{begun}"]
    if run.mode == "record":
        lines.append("  what was asked is recorded; go on with   pytest --llm-record --llm-budget …")
    elif run.mode == "rerecord":
        lines.append("  what was asked is recorded anew; the other recordings are as they were")
    return [visible(line) for line in lines]


def _suite(suite: SuiteSummary) -> str:
    plural = "" if suite.cases == 1 else "s"
    size = f"{suite.cases} case{plural}"
    if suite.samples is None:
        size += f", {suite.total} items"
    elif suite.samples > 1:
        size += f" × {suite.samples}"
    parts = [f"{size:<15} {suite.passed}/{suite.total} passed  {percent(suite.passed, suite.total)}"]
    parts += [f"{suite.ungraded} ungraded"] if suite.ungraded else []
    parts += [f"{suite.errors} error{'' if suite.errors == 1 else 's'}"] if suite.errors else []
    parts += [f"{name} {mean:.3f} (mean of {count})" for name, (mean, count) in suite.scores.items()]
    return visible("   ".join(parts))


def _exchanges(results: Sequence[Result]) -> str:
    kinds = ("replayed", "recorded", "asked")
    replayed, recorded, asked = (sum(getattr(one, kind) for one in results) for kind in kinds)
    words = [f"{replayed} exchange{'' if replayed == 1 else 's'} replayed"]
    words += [f"{recorded} recorded"] if recorded else []
    words += [f"{asked} asked and not kept"] if asked else []
    if not recorded and not asked:
        words.append("nothing asked")
    known = [one.usage["total_tokens"] for one in results if "total_tokens" in one.usage]
    told = sum(bool(one.replayed or one.recorded or one.asked) for one in results)
    if not known:
        return ", ".join(words)
    partly = "" if len(known) == told else f" (told for {len(known)} of {told} items)"
    costs = [one.cost_usd for one in results if one.cost_usd is not None]
    money = (
        f"   ${sum(costs):.4f}{'' if len(costs) == told else f' (known for {len(costs)} of {told} items)'}"
        if costs
        else ""
    )
    return f"{', '.join(words)}   {compact(sum(known))} tokens{partly}{' when recorded' if not asked else ''}{money}"


def _unrecorded(results: Iterable[Result]) -> list[str]:
    """What has no recording, told once for all items that one change made stale."""
    groups: dict[tuple[str, str, str, str | None], list[Result]] = {}
    for result in results:
        if result.miss is not None and result.miss.kind not in ("budget", "blocked"):
            kind = "missing" if result.miss.kind == "no cassette" else result.miss.kind
            groups.setdefault((kind, result.miss.heading, result.miss.change, result.prompt), []).append(result)
    lines: list[str] = []
    for (kind, heading, change, prompt), group in groups.items():
        lines += ["", *_group(kind, heading, change, prompt, group)]
    if groups:
        total = sum(map(len, groups.values()))
        label = "ask again" if any(kind == "stale" for kind, *_ in groups) else "record it"
        lines.append(f"  {label:<11} pytest --llm-record        ({total} item{'' if total == 1 else 's'})")
    return [visible(line) for line in lines]


def _group(kind: str, heading: str, change: str, prompt: str | None, group: list[Result]) -> list[str]:
    of_prompt = f' of Prompt "{prompt}"' if prompt else ""
    if kind != "stale":
        if heading:
            return [f"{len(group)} {one_line(heading)}: {_named(group)}"]
        word = {"missing": "without a recording", "exhausted": "with fewer recorded replies than they ask for"}
        return [f"{len(group)} {word.get(kind, kind)}{of_prompt}: {_named(group)}"]
    shown = change.split("\n")
    if len(shown) > MOST_CHANGE_LINES:
        shown[MOST_CHANGE_LINES:] = [f"… {len(shown) - MOST_CHANGE_LINES} more lines"]
    one = f"{len(group)} stale, one change" if len(group) > 1 else "1 stale"
    return [f"{one}{of_prompt}: {one_line(heading)}", "", *(f"    {line}" for line in shown), "", f"  {_named(group)}"]


def _named(group: Sequence[Result]) -> str:
    return _some(list(dict.fromkeys(one.case or one.nodeid for one in group)))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
