"""The verdict: layer after layer, from what cannot be compared to what could not have been seen. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_llm.gates.arms import Case, Paired, Taken, graded, is_same_draw, letters_of, paired, says_the_same
from pytest_llm.gates.baseline import Baseline, Baselines
from pytest_llm.gates.metric import Compared, blind_spot, metric_change
from pytest_llm.results import CONFIRMATIONS, MetricChange, Result, SuiteRecord, Suspect, SuspectState, Verdict
from pytest_llm.stats.paired import Counts, fisher_one_sided, holm

ALPHA_SUITE = 0.04
ALPHA_CASE = 0.01
"""False alarms of a whole run, at most, by the two layers; split over the suites that have a baseline."""

MOST_EXCLUDED = 0.1

ACCEPT = {"accept": 'pytest --llm-baseline=update --llm-note "why"'}
NO_BASELINE = "it has no baseline"
LOOK = {"look": "pytest-llm review"}
CONFIRM = "pytest --llm-record --llm-confirm"


def judge(
    record: SuiteRecord, results: Sequence[Result], found: Baselines, *, suites: int = 1, asked_for: bool = False
) -> Verdict | None:
    """The verdict on a suite; None where it is not gated.

    `suites`: how many suites have a baseline, whether they ran or not. `asked_for`: whether a verdict was asked for, so
    that a run that cannot give one is INVALID.
    """
    blank = Verdict.about(record, results)
    if found.problem:
        return replace(blank, reason=found.problem)
    base, head = found.base, found.head
    if base is None and head is None:
        return replace(blank, reason=NO_BASELINE, fix={"make one": ACCEPT["accept"]}) if asked_for else None
    if head is None:
        return replace(
            blank,
            reason="its baseline is gone, and with it the gate",
            fix={
                "restore": f"git checkout {found.commit[:12]} -- {record.baseline}",
                "or, renamed": '"renamed_from": "…" in the new one',
            },
        )
    if reason := not_judged(record, results):
        fix = {"run": f"pytest {record.nodeid}"}
        return replace(blank, kind="INVALID" if asked_for else "NOT JUDGED", reason=reason, fix=fix)
    if base is None:
        if not _holds(head, results):
            reason = "the first baseline in this change is not of these replies"
            return replace(blank, reason=reason, fix={"make it anew": ACCEPT["accept"]})
        return replace(blank, kind="NEW", reason=f"first baseline in this change: {_rate(*head.outcome)}")
    verdict = _judged(record, base, paired(base, results, record.skipped), blank, suites)
    return _accepted(verdict, found, results)


def not_judged(record: SuiteRecord, results: Sequence[Result]) -> str:
    """Why a suite cannot be judged as a whole: not all of it ran, or came to a grade; "" if it can."""
    drawn = [letters_of(result)["outcome"] for result in results if not result.confirms]
    if record.selected < record.items:
        return f"{record.selected} of {record.items} items selected"
    if len(drawn) + len(record.skipped) < record.items:
        return f"{len(drawn)} of {record.items} items came to a result"
    # They are red already.
    errors = drawn.count("E")
    return f"{errors} of {len(drawn)} items ended in an error" if errors > MOST_EXCLUDED * len(drawn) else ""


# -- layers -----------------------------------------------------------------------------------------------------


def _judged(record: SuiteRecord, base: Baseline, pairs: Paired, blank: Verdict, suites: int) -> Verdict:
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
        blind_spot=blind_spot(_compared("outcome", pairs.cases, "left out").drawn, ALPHA_SUITE / suites),
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
    return _without_alarm(record, found, not any(_other_words(case) for case in pairs.cases))


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
            given = "".join(letters)
            graded_ones = given.count("P") + given.count("F")
            if not graded_ones:
                return f"{metric} was graded nowhere in {name}", {"see": "pytest -rf", **ACCEPT}
            if len(given) - graded_ones > MOST_EXCLUDED * len(given):
                told = f"{metric} was graded in {graded_ones} of {len(given)} samples of {name}; nine in ten have to be"
                return told, {"see": "pytest -rf", **ACCEPT}
    for name, out, of in zip(("the baseline", "this run"), pairs.left_out, pairs.samples, strict=True):
        if out > MOST_EXCLUDED * of:
            return f"{out} of {of} samples of {name} are compared with nothing; at most 10 % may be", {**ACCEPT}
    return None


def _instrument(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What grades otherwise than it did, in words."""
    told = []
    for name in sorted({*before, *after}):
        what = {"schema": "the schema", "primary=": "primary=", "margin=": "margin="}.get(name, f"grader {name!r}")
        if name not in after:
            told.append(f"{what} is gone")
        elif name not in before:
            told.append(f"{what} is new")
        elif before[name] != after[name]:
            told.append(f"{what} has other parameters" if what.startswith("grader") else f"{what} is another")
    return told


def _flipped(cases: Iterable[Case], way: str) -> Iterable[str]:
    """The cases with a sample that says what the baseline holds, and is graded otherwise."""
    for case in cases:
        base = case.base.grades["outcome"]
        now = {"passed": "P", "failed": "F"}
        same = (one for one in case.head.values() if says_the_same(case.base, one))
        if any(base[one.sample - 1] + now.get(one.outcome, "?") == way for one in same):
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


def _metrics(record: SuiteRecord, cases: Sequence[Case]) -> tuple[MetricChange, ...]:
    found = [
        metric_change(name, _compared(name, cases, "left out"), _compared(name, cases, "against the head"))
        for name in record.primary
    ]
    adjusted = holm([one.p for one in found])
    return tuple(replace(one, p=p) for one, p in zip(found, adjusted, strict=True))


def _compared(metric: str, cases: Sequence[Case], taken: Taken) -> Compared:
    counts = _counts(metric, cases, taken)
    return Compared(
        drawn=[count for case, count in counts if case.drawn],
        replayed=[count for case, count in counts if not case.drawn],
    )


def _counts(metric: str, cases: Sequence[Case], taken: Taken) -> list[tuple[Case, Counts]]:
    counts = [(case, graded(*case.grades(metric), taken)) for case in cases]
    return [(case, count) for case, count in counts if count[1] and count[3]]


# -- single cases -----------------------------------------------------------------------------------------------


def _suspects(record: SuiteRecord, pairs: Paired, alpha: float) -> tuple[Suspect, ...]:
    found, drawn = [], []
    for metric in record.primary:
        for case, (a, ka, b, kb) in _counts(metric, pairs.cases, "left out"):
            if case.drawn and 2 * a > ka and 2 * b < kb:
                letters = _confirming(case, metric, pairs.confirming.get(case.key, ()))
                graded_ones = letters.count("P") + letters.count("F")
                again = (letters.count("P"), graded_ones) if graded_ones else None
                drawn.append(len(letters))
                found.append(Suspect(case=case.key, metric=metric, base=(a, ka), head=(b, kb), confirmed=again))
    tests = [None if one.confirmed is None else fisher_one_sided(*one.base, *one.confirmed) for one in found]
    return tuple(
        replace(one, p=p, state=_state(one, p, len(found), alpha, fresh))
        for one, p, fresh in zip(found, holm(tests), drawn, strict=True)
    )


def _confirming(case: Case, metric: str, results: Sequence[Result]) -> str:
    """The letters of the samples that ask what the case asks now; one of the first samples tells what that is."""
    asked = {result.requests for result in case.head.values()}
    same = [one for one in results if one.requests in asked]
    return "".join(letters_of(one).get(metric, "E") for one in same)


def _state(one: Suspect, p: float | None, family: int, alpha: float, fresh: int) -> SuspectState:
    if p is not None and p <= alpha:
        return "broken"
    if fresh >= len(CONFIRMATIONS):
        return "not proven"
    best = fisher_one_sided(*one.base, 0, len(CONFIRMATIONS))
    return "unconfirmed" if best is not None and best * family <= alpha else "not provable"


# -- without an alarm -------------------------------------------------------------------------------------------


def _other_words(case: Case) -> bool:
    return not all(says_the_same(case.base, one) for one in case.head.values())


def _without_alarm(record: SuiteRecord, found: Verdict, is_same: bool) -> Verdict:
    if is_same:
        same = "the same replies, and the same grades"
        if found.excluded:
            same += ", in the cases that can be compared"
        improved = f"the same replies; {len(found.improved)} improved" if found.improved else same
        return replace(found, kind="PASS", reason=improved)
    bounds = [-1.0 if one.at_least is None else one.at_least for one in found.metrics]
    largest = -min(0.0, *bounds)
    open_ones = list(dict.fromkeys(one.case for one in found.suspects if one.state == "unconfirmed"))
    more = len(open_ones) * len(CONFIRMATIONS)
    confirm = {"confirm": f"{CONFIRM}        ({more} samples)"} if open_ones else {}
    if largest >= record.margin:
        fix = {**confirm, "plan": f"pytest-llm plan {record.name}"}
        return replace(found, kind="INCONCLUSIVE", reason="no regression shown, none excluded", fix=fix)
    if open_ones:
        names = ", ".join(open_ones[:3]) + (" …" if len(open_ones) > 3 else "")
        many = "1 suspect is" if len(open_ones) == 1 else f"{len(open_ones)} suspects are"
        return replace(found, kind="INCONCLUSIVE", reason=f"{many} not confirmed: {names}", fix=confirm)
    # Suspects that no ten samples could convict are listed, and hold nothing up: nobody could ever clear them away.
    return replace(found, kind="PASS", reason=_not_worse(largest, record.margin))


def _not_worse(largest: float, margin: float) -> str:
    drop = f"a drop beyond {largest * 100:.1f} points" if largest else "any drop"
    return f"not worse: {drop} is excluded, the margin is {margin * 100:g}"


def _accepted(verdict: Verdict, found: Baselines, results: Sequence[Result]) -> Verdict:
    """The verdict as this change's own baseline takes it: accepted by a new note over exactly these replies."""
    base, head = found.base, found.head
    if found.is_one or base is None or head is None:
        return verdict
    if head != base:
        edited = f"the baseline is edited in this change: version {base.version} → {head.version}"
        verdict = replace(verdict, notes=(*verdict.notes, edited))
    acceptable = verdict.kind == "FAIL" or (verdict.kind == "INVALID" and "accept" in verdict.fix)
    is_new = head.note != base.note or head.version > base.version
    if acceptable and head.note and is_new and _holds(head, results):
        return replace(verdict, accepted=head.note)
    return verdict


def _holds(baseline: Baseline, results: Sequence[Result]) -> bool:
    """Whether a baseline was made of exactly these replies."""
    ours = [result for result in results if not result.confirms]
    known = sum(len(line.requests) for line in baseline.lines.values())
    return known == len(ours) and all(
        one.line in baseline.lines and is_same_draw(baseline.lines[one.line], one) for one in ours
    )


def _rate(passed: int, graded: int) -> str:
    return f"{passed}/{graded} passed" if graded else "nothing graded"
