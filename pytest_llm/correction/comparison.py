"""One arm against another, over the same first failures: what feedback is worth. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_llm.calls import add_known
from pytest_llm.correction.measures import Measures, Observed, measures_of
from pytest_llm.correction.record import TraceRecord
from pytest_llm.schemas import JSON
from pytest_llm.stats.paired import mcnemar_midp, newcombe_paired

CONTROL = "resample"
CONTENTLESS = "generic"
FEWEST = 10
"""Below so many failures, counts say all there is to say."""

_DEGENERATE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class AtEqualTokens:
    """Some corrections of an arm against as many of another one as the same tokens buy, rounded down."""

    corrections: int
    over_corrections: int
    #: -1..1, and its 95 % interval, Newcombe's for pairs.
    change: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueOfFeedback:
    """What an arm recovers beyond another one, over the same first failures."""

    arm: str
    over: str
    #: First failures from which both went on.
    pairs: int
    both: int
    #: Recovered by the arm only, by the other only, by neither.
    won: int
    lost: int
    neither: int
    #: The difference of the recoveries, -1..1; None without pairs.
    change: float | None
    #: 95 %, two-sided, Newcombe's for pairs; None without pairs.
    interval: tuple[float, float] | None
    #: That they differ, two-sided, McNemar's mid-p; None where no pair does.
    p: float | None
    #: The same where both spent as many tokens; None where they are not told, or too few attempts were made to say.
    at_equal_tokens: AtEqualTokens | None = None

    @property
    def json(self) -> dict[str, JSON]:
        """For a program."""
        out: dict[str, JSON] = {name: getattr(self, name) for name in self.__slots__}
        equal = self.at_equal_tokens
        out["at_equal_tokens"] = None if equal is None else {name: getattr(equal, name) for name in equal.__slots__}
        return out


def pairs_of(arm: str, over: str, traces: Iterable[Observed]) -> list[tuple[TraceRecord, TraceRecord]]:
    """The runs of two arms that went on from the same first failure: (arm, over)."""
    runs: dict[str, dict[str, TraceRecord]] = {}
    for one in traces:
        if one.trace.compared and not one.trace.first_try:
            runs.setdefault(one.run, {})[one.trace.arm] = one.trace
    return [(one[arm], one[over]) for one in runs.values() if arm in one and over in one]


def value_of_feedback(
    traces: Iterable[Observed], arm: str = "errors", over: str = CONTROL, confidence: float = 0.95
) -> ValueOfFeedback:
    """What an arm recovers beyond another one, over the same first failures."""
    pairs = pairs_of(arm, over, traces)
    counts = Counter((one.ok, other.ok) for one, other in pairs)
    both, won, lost, neither = counts[True, True], counts[True, False], counts[False, True], counts[False, False]
    return ValueOfFeedback(
        arm=arm,
        over=over,
        pairs=len(pairs),
        both=both,
        won=won,
        lost=lost,
        neither=neither,
        change=(won - lost) / len(pairs) if pairs else None,
        interval=newcombe_paired(both, lost, won, neither, confidence),
        p=mcnemar_midp(lost, won),
        at_equal_tokens=_at_equal_tokens(pairs, confidence),
    )


def _at_equal_tokens(pairs: Sequence[tuple[TraceRecord, TraceRecord]], confidence: float) -> AtEqualTokens | None:
    """As many corrections of the arm as the other one's budget can pay for, and those that they are worth.

    Asking again is cheaper than asking with feedback: the same number of attempts is not the same cost. Olausson et
    al. 2024, arXiv 2306.09896.
    """
    ours, theirs = (_dearness([pair[side] for pair in pairs]) for side in (0, 1))
    if not ours or not theirs:
        return None
    most = min(int(pair[side].budget.get("attempts") or 1) for pair in pairs for side in (0, 1)) - 1
    for corrections in range(most, 0, -1):
        worth = int(corrections * ours / theirs)
        if 1 <= worth <= most:
            break
    else:
        return None
    counts = Counter((_recovers_by(one, corrections), _recovers_by(other, worth)) for one, other in pairs)
    won, lost = counts[True, False], counts[False, True]
    interval = newcombe_paired(counts[True, True], lost, won, counts[False, False], confidence)
    return interval and AtEqualTokens(
        corrections=corrections, over_corrections=worth, change=(won - lost) / len(pairs), interval=interval
    )


def _dearness(traces: Sequence[TraceRecord]) -> float | None:
    """The tokens of one correction, on average; None where they are not told, or none was made."""
    spent = [attempt.tokens for one in traces for attempt in one.corrections]
    total: float | None = add_known(spent)
    return None if total is None else total / len(spent)


def _recovers_by(trace: TraceRecord, corrections: int) -> bool:
    return trace.ok and len(trace.corrections) <= corrections


# -- what a reader has to know ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Everything about the corrections of one suite, or one variant of it."""

    suite: str
    variant: str | None
    arms: tuple[Measures, ...]
    #: Of every arm over the control, and of the first with content over the one without.
    values: tuple[ValueOfFeedback, ...] = ()
    #: What speaks against reading too much into it.
    cautions: tuple[str, ...] = ()
    budget: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, JSON]:
        """For a program."""
        return {
            "suite": self.suite,
            "variant": self.variant,
            "budget": dict(self.budget),
            "arms": [one.json for one in self.arms],
            "values": [one.json for one in self.values],
            "cautions": list(self.cautions),
        }


def correction_of(suite: str, variant: str | None, traces: Sequence[Observed]) -> Correction:
    """The corrections of a suite, arm by arm and against each other.

    The arms of a comparison have one first try; runs that were not compared stand apart, or that would not be so.
    """
    compared = list(dict.fromkeys(one.trace.arm for one in traces if one.trace.compared))
    by_arm: dict[str, list[Observed]] = {}
    for one in traces:
        label = one.trace.arm if one.trace.compared or not compared else f"{one.trace.arm}, not compared"
        by_arm.setdefault(label, []).append(one)
    arms = tuple(measures_of(arm, of_arm) for arm, of_arm in by_arm.items())
    pairs = [(arm, CONTROL) for arm in compared if CONTROL in compared and arm != CONTROL]
    if CONTENTLESS in compared:
        pairs += [(arm, CONTENTLESS) for arm in compared if arm not in (CONTROL, CONTENTLESS)]
    return Correction(
        suite=suite,
        variant=variant,
        arms=arms,
        values=tuple(value_of_feedback(traces, *pair) for pair in pairs),
        cautions=tuple(_cautions(traces, [one for one in arms if one.arm in compared] or arms, pairs)),
        budget=traces[0].trace.budget if traces else {},
    )


def is_degenerate(control: Measures) -> bool:
    """Whether a control could hardly reply anything new: temperature 0, or a seed that is the same each time."""
    rate = control.repeated.rate
    return rate is not None and control.repeated.of > 1 and rate >= _DEGENERATE


def _cautions(traces: Sequence[Observed], arms: Sequence[Measures], pairs: Sequence[tuple[str, str]]) -> Iterable[str]:
    if not any(one.trace.corrections for one in traces) and all(one.trace.first_try for one in traces):
        return
    control = next((one for one in arms if one.arm == CONTROL), None)
    if control is None or not any(over == CONTROL for _, over in pairs):
        yield "without a control arm the value of feedback was not measured"
    elif is_degenerate(control):
        told = f"{control.repeated.count} of {control.repeated.of}"
        yield f"the control is degenerate: {told} replies repeat the one before; is temperature 0, or a seed fixed?"
    unsaid = dict.fromkeys(rule for one in traces for rule in one.trace.undisclosed or ())
    if unsaid:
        named = ", ".join(list(unsaid)[:4]) + (f" and {len(unsaid) - 4} more" if len(unsaid) > 4 else "")
        yield f"the first prompt does not state {named}: part of a gain is disclosure, not correction"
    fewest = min((one.recovered.of for one in arms), default=0)
    if fewest < FEWEST:
        yield f"{fewest} first failure{'' if fewest == 1 else 's'}: too few for a rate, read the counts"
    for what, names in (("models", _told(traces, "model")), ("system fingerprints", _told(traces, "fingerprint"))):
        if len(names) > 1:
            yield f"several {what} answered: {', '.join(names[:3])}"
    if not any(one.trace.ok for one in traces) and sum(len(one.trace.attempts) for one in traces) >= FEWEST:
        yield "no attempt was ever valid: can the schema be satisfied?"


def _told(traces: Iterable[Observed], name: str) -> list[str]:
    said = {getattr(attempt, name) for one in traces for attempt in one.trace.attempts}
    return sorted(one for one in said if one is not None)
