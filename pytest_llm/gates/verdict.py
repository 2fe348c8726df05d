"""The verdict: layer after layer, from what cannot be compared to what could not have been seen. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from statistics import NormalDist

from pytest_llm.gates.arms import Case, Paired, Taken, counted, letters_of, paired
from pytest_llm.gates.baseline import Baseline, Baselines
from pytest_llm.gates.paired import fisher_one_sided, holm, stratified_exact, tango_interval
from pytest_llm.gates.spread import mde, within_case_variance
from pytest_llm.results import CONFIRMATIONS, MetricChange, Result, SuiteRecord, Suspect, SuspectState, Verdict

ALPHA_SUITE = 0.04
ALPHA_CASE = 0.01
"""False alarms of a whole run, at most, by the two layers; split over the suites that have a baseline."""

MOST_EXCLUDED = 0.1

ACCEPT = {"accept": 'pytest --llm-baseline=update --llm-note "why"'}
LOOK = {"look": "pytest-llm review"}
CONFIRM = "pytest --llm-record --llm-confirm"


def judge(
    record: SuiteRecord, results: Sequence[Result], found: Baselines, *, suites: int = 1, asked_for: bool = False
) -> Verdict | None:
    """The verdict on a suite; None where it is not gated.

    `suites`: how many suites have a baseline, whether they ran or not. `asked_for`: whether a verdict was asked for, so
    that a run that cannot give one is INVALID.
    """
    blank = Verdict(
        kind="INVALID",
        suite=record.name,
        baseline=record.baseline,
        nodeid=record.nodeid,
        reason="",
        cases=len({result.line for result in results}),
        samples=_samples(results),
        margin=record.margin,
    )
    if found.problem:
        return replace(blank, reason=found.problem)
    if found.base is None and found.head is None:
        if asked_for:
            return replace(blank, reason="it has no baseline", fix={"make one": ACCEPT["accept"]})
        return None
    if found.base is not None and found.head is None:
        return replace(
            blank,
            reason="its baseline is gone, and with it the gate",
            fix={
                "restore": f"git checkout HEAD -- {record.baseline}",
                "or, renamed": '"renamed_from": "…" in the new one',
            },
        )
    partial = _partial(record, results) or _errors(results)
    if partial:
        fix = {"run": f"pytest {record.nodeid}"}
        return replace(blank, kind="INVALID" if asked_for else "NOT JUDGED", reason=partial, fix=fix)
    if found.base is None:
        passed, graded = found.head.outcome if found.head else (0, 0)
        return replace(blank, kind="NEW", reason=f"first baseline in this change: {_rate(passed, graded)}")
    verdict = _compared(record, found.base, paired(found.base, results), blank, suites)
    return _accepted(verdict, found, results)


def _partial(record: SuiteRecord, results: Sequence[Result]) -> str:
    ran = sum(not result.confirms for result in results)
    if record.selected < record.items:
        return f"{record.selected} of {record.items} items selected"
    return f"{ran} of {record.items} items came to a result" if ran < record.items else ""


def _errors(results: Sequence[Result]) -> str:
    """What is red already, and leaves too little to be compared."""
    drawn = [letters_of(result)["outcome"] for result in results if not result.confirms]
    errors = drawn.count("E")
    return f"{errors} of {len(drawn)} items ended in an error" if errors > MOST_EXCLUDED * len(drawn) else ""


def _samples(results: Iterable[Result]) -> int | None:
    numbers: dict[str, int] = {}
    for result in results:
        if not result.confirms:
            numbers[result.line] = numbers.get(result.line, 0) + 1
    found = set(numbers.values())
    return found.pop() if len(found) == 1 else None


# -- layers -----------------------------------------------------------------------------------------------------


def _compared(record: SuiteRecord, base: Baseline, pairs: Paired, blank: Verdict, suites: int) -> Verdict:
    drawn = [case for case in pairs.cases if case.drawn]
    blank = replace(
        blank,
        excluded=tuple(pairs.excluded),
        asked_anew=(sum(case.is_asked_anew for case in pairs.cases), len(pairs.cases)),
        answered_anew=len(drawn),
        draw=max((case.base.draws + (not case.is_asked_anew) for case in drawn), default=1),
        notes=tuple(_notes(record, base, pairs)),
        improved=tuple(_flipped(pairs.cases, "FP")),
    )
    if why := _why_invalid(record, base, pairs):
        return replace(blank, reason=why[0], fix={**why[1]})
    metrics = _metrics(record, pairs.cases)
    exact = tuple(_flipped(pairs.cases, "PF"))
    critical = tuple(case.key for case in pairs.cases if case.is_critical and _fails(case))
    suspects = _suspects(record, pairs, ALPHA_CASE / suites)
    found = replace(
        blank,
        metrics=metrics,
        exact=exact,
        critical=critical,
        suspects=suspects,
        blind_spot=_blind_spot(pairs.cases, ALPHA_SUITE / suites),
    )
    reasons = []
    if exact:
        reasons.append(f"{_cases(exact)} now with the replies that passed")
    if critical:
        reasons.append(f"{_cases(critical)}, and {'is' if len(critical) == 1 else 'are'} critical")
    if any(one.p is not None and one.p <= ALPHA_SUITE / suites for one in metrics):
        reasons.append("worse than the baseline")
    if broken := [one for one in suspects if one.state == "broken"]:
        reasons.append(f"{len(broken)} case{' is' if len(broken) == 1 else 's are'} broken")
    if reasons:
        return replace(found, kind="FAIL", reason=", and ".join(reasons), fix={**LOOK, **ACCEPT})
    return _without_alarm(record, found)


def _cases(keys: Sequence[str]) -> str:
    return "1 case fails" if len(keys) == 1 else f"{len(keys)} cases fail"


def _fails(case: Case) -> bool:
    return any(result.outcome in ("failed", "ungraded") for result in case.head.values())


def _why_invalid(record: SuiteRecord, base: Baseline, pairs: Paired) -> tuple[str, Mapping[str, str]] | None:
    if changed := _instrument(base.instrument, record.instrument):
        return f"the instrument changed: {', '.join(changed)}", {**ACCEPT}
    if not pairs.cases:
        return "no case is on both sides", {**ACCEPT}
    for metric in record.primary:
        sides = [case.grades(metric) for case in pairs.cases]
        for name, letters in (("the baseline", [a for a, _ in sides]), ("this run", [b for _, b in sides])):
            if not set("".join(letters)) & set("PF"):
                return f"{metric} was graded nowhere in {name}", {"see": "pytest -rf", **ACCEPT}
    for name, out, of in zip(("the baseline", "this run"), pairs.left_out, pairs.samples, strict=True):
        if out > MOST_EXCLUDED * of:
            return f"{out} of {of} samples of {name} are compared with nothing; at most 10 % may be", {**ACCEPT}
    return None


def _instrument(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What grades otherwise than it did, in words."""
    told = []
    for name in sorted({*before, *after}):
        what = "the schema" if name == "schema" else f"grader {name!r}"
        if name not in after:
            told.append(f"{what} is gone")
        elif name not in before:
            told.append(f"{what} is new")
        elif before[name] != after[name]:
            told.append(f"{what} is another" if name == "schema" else f"{what} has other parameters")
    return told


def _flipped(cases: Iterable[Case], way: str) -> Iterable[str]:
    """The cases with a sample that says what the baseline holds, and is graded otherwise."""
    for case in cases:
        base = case.base.grades["outcome"]
        now = {"passed": "P", "failed": "F"}
        if any(base[n - 1] + now.get(case.head[n].outcome, "?") == way for n in case.replayed):
            yield case.key


def _notes(record: SuiteRecord, base: Baseline, pairs: Paired) -> Iterable[str]:
    if base.context and record.context and base.context != record.context:
        yield "the test's own code, or that of a grader, changed since the baseline"
    before = {model for case in pairs.cases for model in case.base.models}
    after = {case.head[n].model for case in pairs.cases for n in case.drawn} - {None}
    if before and after and before != after:
        names = " → ".join(", ".join(sorted(map(str, side))) for side in (before, after))
        yield f"the provider named another model: {names}"
    if once := sum(case.counts_once for case in pairs.cases):
        whose = "1 case" if once == 1 else f"{once} cases"
        yield f"the samples of {whose} are identical and could not differ: they count once"


# -- the suite --------------------------------------------------------------------------------------------------

Counts = tuple[int, int, int, int]


def _metrics(record: SuiteRecord, cases: Sequence[Case]) -> tuple[MetricChange, ...]:
    found = [_metric(name, cases) for name in record.primary]
    adjusted = holm([one.p for one in found])
    return tuple(replace(one, p=p) for one, p in zip(found, adjusted, strict=True))


def _metric(name: str, cases: Sequence[Case]) -> MetricChange:
    counts = _counts(name, cases, "left out")
    drawn = [count for case, count in counts if case.drawn]
    test = stratified_exact(drawn)
    change = _mean_change([count for _, count in counts])
    bounds = [
        one
        for taken in ("left out", "against the head")
        if (one := _interval(_counts(name, cases, taken), 0.9)) is not None
    ]
    return MetricChange(
        name=name,
        base=(sum(count[0] for _, count in counts), sum(count[1] for _, count in counts)),
        head=(sum(count[2] for _, count in counts), sum(count[3] for _, count in counts)),
        change=change,
        interval=_interval(counts, 0.95),
        at_least=min(low for low, _ in bounds) if bounds else None,
        p=None if test is None else test.worse,
    )


def _counts(metric: str, cases: Sequence[Case], taken: Taken) -> list[tuple[Case, Counts]]:
    counts = [(case, counted(case, metric, taken)) for case in cases]
    return [(case, count) for case, count in counts if count[1] and count[3]]


def _mean_change(counts: Sequence[Counts]) -> float | None:
    return sum(b / kb - a / ka for a, ka, b, kb in counts) / len(counts) if counts else None


def _interval(counts: Sequence[tuple[Case, Counts]], confidence: float) -> tuple[float, float] | None:
    """Of the mean change over these cases, two-sided; None where nothing was drawn.

    With one sample a case and side, Tango's; otherwise from the scatter within cases, and never narrower than a rate
    of none or all allows.
    """
    drawn = [count for case, count in counts if case.drawn]
    if not drawn:
        return None
    if all(ka == kb == 1 for _, ka, _, kb in drawn):
        only_base = sum(a > b for a, _, b, _ in drawn)
        return tango_interval(only_base, sum(b > a for a, _, b, _ in drawn), len(counts), confidence)
    change = _mean_change([count for _, count in counts]) or 0.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    se = sqrt(sum(map(_variance, drawn))) / len(counts)
    samples = sum(kb for *_, kb in drawn)
    half = max(z * se, z * z / (samples + z * z))
    return max(-1.0, change - half), min(1.0, change + half)


def _variance(counts: Counts) -> float:
    """Of the change of one case's rate; a side of one sample scatters as both together do."""
    a, ka, b, kb = counts
    both = (a + b) / (ka + kb)
    pooled = both * (1 - both) * (ka + kb) / (ka + kb - 1)
    return sum(
        passed / total * (1 - passed / total) / (total - 1) if total > 1 else pooled
        for passed, total in ((a, ka), (b, kb))
    )


def _blind_spot(cases: Sequence[Case], alpha: float) -> float | None:
    """The smallest drop that this comparison sees four times in five."""
    counts = [count for case, count in _counts("outcome", cases, "left out") if case.drawn]
    if not counts:
        return None
    variance = within_case_variance([(a, ka) for a, ka, _, _ in counts] + [(b, kb) for _, _, b, kb in counts])
    if variance is None:  # one sample a case: as if each were as uncertain as all together
        rate = sum(a + b for a, _, b, _ in counts) / sum(ka + kb for _, ka, _, kb in counts)
        variance = rate * (1 - rate)
    base, head = (round(sum(count[side] for count in counts) / len(counts)) for side in (1, 3))
    return mde(variance, len(counts), max(1, head), base_samples=max(1, base), alpha=alpha)


# -- single cases -----------------------------------------------------------------------------------------------


def _suspects(record: SuiteRecord, pairs: Paired, alpha: float) -> tuple[Suspect, ...]:
    found = []
    for metric in record.primary:
        for case, (a, ka, b, kb) in _counts(metric, pairs.cases, "left out"):
            if case.drawn and 2 * a > ka and 2 * b < kb:
                letters = _confirming(case, metric, pairs.confirming.get(case.key, ()))
                again = (letters.count("P"), len(letters)) if letters else None
                found.append(Suspect(case=case.key, metric=metric, base=(a, ka), head=(b, kb), confirmed=again))
    tests = [None if one.confirmed is None else fisher_one_sided(*one.base, *one.confirmed) for one in found]
    return tuple(
        replace(one, p=p, state=_state(one, p, len(found), alpha)) for one, p in zip(found, holm(tests), strict=True)
    )


def _confirming(case: Case, metric: str, results: Sequence[Result]) -> str:
    """The letters of the samples that ask what the case asks now; one of the first samples tells what that is."""
    asked = {result.requests for result in case.head.values()}
    same = [one for one in results if one.requests in asked]
    return "".join(letter for one in same if (letter := letters_of(one).get(metric, "E")) in "PF")


def _state(one: Suspect, p: float | None, family: int, alpha: float) -> SuspectState:
    if p is not None and p <= alpha:
        return "broken"
    if one.confirmed is not None and one.confirmed[1] >= len(CONFIRMATIONS):
        return "not proven"
    best = fisher_one_sided(*one.base, 0, len(CONFIRMATIONS))
    return "unconfirmed" if best is not None and best * family <= alpha else "not provable"


# -- without an alarm -------------------------------------------------------------------------------------------


def _without_alarm(record: SuiteRecord, found: Verdict) -> Verdict:
    if not found.answered_anew:
        same = "the same replies, and the same grades"
        improved = f"the same replies; {len(found.improved)} improved" if found.improved else same
        return replace(found, kind="PASS", reason=improved)
    excludes = all(one.at_least is not None and one.at_least > -record.margin for one in found.metrics)
    margin = f"a drop of {record.margin * 100:g} points"
    open_ones = [one.case for one in found.suspects if one.state == "unconfirmed"]
    confirm = {"confirm": CONFIRM} if open_ones else {}
    if not excludes:
        fix = {**confirm, "plan": f"pytest-llm plan {record.name}"}
        return replace(found, kind="INCONCLUSIVE", reason="no regression shown, none excluded", fix=fix)
    if open_ones:
        names = ", ".join(open_ones[:3]) + (" …" if len(open_ones) > 3 else "")
        many = "1 suspect is" if len(open_ones) == 1 else f"{len(open_ones)} suspects are"
        return replace(found, kind="INCONCLUSIVE", reason=f"{many} not confirmed: {names}", fix=confirm)
    # Suspects that no ten samples could convict are listed, and hold nothing up: nobody could ever clear them away.
    return replace(found, kind="PASS", reason=f"not worse: excludes {margin}")


def _accepted(verdict: Verdict, found: Baselines, results: Sequence[Result]) -> Verdict:
    """The verdict as this change's own baseline takes it: accepted by a new note over exactly these replies."""
    base, head = found.base, found.head
    if found.is_one or base is None or head is None:
        return verdict
    if head != base:
        edited = f"the baseline is edited in this change: version {base.version} → {head.version}"
        verdict = replace(verdict, notes=(*verdict.notes, edited))
    acceptable = verdict.kind == "FAIL" or (verdict.kind == "INVALID" and "accept" in verdict.fix)
    if acceptable and head.note and head.note != base.note and _holds(head, results):
        return replace(verdict, accepted=head.note)
    return verdict


def _holds(baseline: Baseline, results: Sequence[Result]) -> bool:
    """Whether a baseline was made of exactly these replies."""
    ours = [result for result in results if not result.confirms]
    known = sum(len(line.requests) for line in baseline.lines.values())
    return known == len(ours) and all(
        one.line in baseline.lines
        and one.sample <= len(baseline.lines[one.line].requests)
        and baseline.lines[one.line].requests[one.sample - 1] == one.requests
        and baseline.lines[one.line].replies[one.sample - 1] == one.replies
        for one in ours
    )


def _rate(passed: int, graded: int) -> str:
    return f"{passed}/{graded} passed" if graded else "nothing graded"
