"""Whether feedback helps: recovery against a control, what it breaks, and what it costs. PYTEST_DONT_REWRITE

The unit is a run: one case under one policy. Every share has its counts; what is undefined is None. Intervals speak of
draws of these cases, not of other cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pytest_llm.calls import add_known
from pytest_llm.correction.attempt import CORRECTABLE
from pytest_llm.correction.record import AttemptRecord, TraceRecord
from pytest_llm.schemas import JSON
from pytest_llm.stats.proportions import pass_hat_k, wilson

_TELL_NOTHING = frozenset({"max_attempts", "deadline", "usage_unknown", "cost_unknown", "transport_error"})
"""Why a run was not followed further, for reasons that say nothing of what the model would have done."""


class Observed(NamedTuple):
    """A trace with where it belongs."""

    #: The same for all arms of one comparison.
    run: str
    #: The same for all samples of a case.
    case: str
    trace: TraceRecord


@dataclass(frozen=True, slots=True)
class Share:
    """A count and what it is counted among."""

    count: int
    of: int

    @property
    def rate(self) -> float | None:
        """0..1; None where there is nothing to count among."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 %, Wilson's; None where there is nothing to count among."""
        return wilson(self.count, self.of)

    @property
    def json(self) -> dict[str, JSON]:
        """For a program."""
        return {"count": self.count, "of": self.of, "rate": self.rate, "interval": self.interval}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happened at one attempt, over all runs: a life table."""

    attempt: int
    #: Runs that came so far without being valid.
    at_risk: int
    became_valid: int
    #: Runs that ended otherwise, for a reason that is the model's: a refusal, a reply that was cut, a stall.
    ended: int
    #: Runs that nobody followed further.
    left: int
    #: became_valid / at_risk. It falls with the attempts by itself, where cases differ: compare it with a control's.
    hazard: float
    #: The share of runs that are valid by this attempt: cumulative incidence, Aalen and Johansen 1978.
    valid_by: float
    #: The share that still tries after it: Kaplan and Meier 1958.
    still_trying: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """What became of being right, by a hidden score that was never fed back; right is a score of 1."""

    stayed_right: int = 0
    became_wrong: int = 0
    became_right: int = 0
    stayed_wrong: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One arm over a suite."""

    arm: str
    runs: int
    attempts: int
    transport_retries: int
    #: How many runs ended why.
    stops: Mapping[str, int]
    first_try: Share
    #: Valid within the budget. Refusals and cut replies count as not valid.
    valid: Share
    #: Valid in the end, among the runs whose first attempt was not.
    recovered: Share
    steps: tuple[Step, ...]
    #: Attempts that a run takes, within the budget (restricted mean); None without runs.
    expected_attempts: float | None
    #: By a finding's code: how many were gone at the next attempt.
    fixed: Mapping[str, Share]
    #: Of the corrections: a new finding; an accepted value lost; one changed; a reply as before.
    introduced: Share
    regressed: Share
    drifted: Share
    repeated: Share
    #: From stage to stage, attempt by attempt: "syntax", "schema", "custom", "valid", "ended".
    stages: Mapping[tuple[str, str], int]
    #: None without a hidden score.
    scores: Transitions | None
    #: Tokens of the first attempts, and of all; None where a provider did not tell them.
    first_tokens: int | None
    all_tokens: int | None
    #: What corrections cost, for each run that they recovered; None where unknown, or where none was.
    tokens_per_recovery: float | None
    seconds_per_recovery: float | None
    usd_per_recovery: float | None
    #: The chance that all of k samples of a case are valid in the end, for k = 1, 2, …; () for single samples.
    pass_hat: tuple[float, ...] = ()

    @property
    def overhead(self) -> float | None:
        """All tokens as a multiple of those of the first attempts; None where unknown."""
        return self.all_tokens / self.first_tokens if self.all_tokens and self.first_tokens else None

    @property
    def json(self) -> dict[str, JSON]:
        """For a program."""
        out: dict[str, JSON] = {name: getattr(self, name) for name in self.__slots__}
        for name in ("first_try", "valid", "recovered", "introduced", "regressed", "drifted", "repeated"):
            out[name] = out[name].json
        out["fixed"] = {code: share.json for code, share in self.fixed.items()}
        out["steps"] = [{name: getattr(one, name) for name in one.__slots__} for one in self.steps]
        out["stages"] = [{"from": a, "to": b, "count": count} for (a, b), count in self.stages.items()]
        if self.scores is not None:
            out["scores"] = {name: getattr(self.scores, name) for name in self.scores.__slots__}
        return out | {"overhead": self.overhead}


def measures_of(arm: str, traces: Sequence[Observed]) -> Measures:
    """The measures of one arm."""
    runs = [one.trace for one in traces]
    failures = [one for one in runs if not one.first_try]
    recoveries = [one for one in failures if one.ok]
    corrections = [attempt for one in runs for attempt in one.corrections]
    answered = [one for one in corrections if one.outcome != "transport_error"]
    return Measures(
        arm=arm,
        runs=len(runs),
        attempts=sum(len(one.attempts) for one in runs),
        transport_retries=sum(attempt.transport_retries for one in runs for attempt in one.attempts),
        stops=Counter(one.stop for one in runs),
        first_try=Share(len(runs) - len(failures), len(runs)),
        valid=Share(sum(one.ok for one in runs), len(runs)),
        recovered=Share(len(recoveries), len(failures)),
        steps=(steps := life_table(runs)),
        expected_attempts=1 + sum(one.still_trying for one in steps[:-1]) if steps else None,
        fixed=_fixed(corrections),
        introduced=Share(sum(bool(one.introduced) for one in answered), len(answered)),
        regressed=Share(sum(bool(one.regressed) for one in answered), len(answered)),
        drifted=Share(sum(bool(one.drifted) for one in answered), len(answered)),
        repeated=Share(sum(one.repeated for one in answered), len(answered)),
        stages=_stages(runs),
        scores=_transitions(runs),
        first_tokens=add_known([one.attempts[0].tokens for one in runs]),
        all_tokens=add_known([attempt.tokens for one in runs for attempt in one.attempts]),
        tokens_per_recovery=_per(len(recoveries), corrections, lambda one: one.tokens),
        seconds_per_recovery=_per(len(recoveries), corrections, lambda one: one.latency_s),
        usd_per_recovery=_per(len(recoveries), corrections, lambda one: one.cost_usd),
        pass_hat=_pass_hat(traces),
    )


def life_table(runs: Sequence[TraceRecord]) -> tuple[Step, ...]:
    """What happened at each attempt.

    A run that was not followed further for a reason that says nothing of the model is censored; a refusal, a cut reply
    or a stall competes with becoming valid, and is not. Aalen and Johansen 1978; without competing ends it is Kaplan
    and Meier's.
    """
    steps: list[Step] = []
    trying, valid_by = 1.0, 0.0
    for number in range(1, max((len(one.attempts) for one in runs), default=0) + 1):
        here = [one for one in runs if len(one.attempts) == number]
        at_risk = sum(len(one.attempts) >= number for one in runs)
        became_valid, left = sum(one.ok for one in here), sum(one.stop in _TELL_NOTHING for one in here)
        ended = len(here) - became_valid - left
        valid_by += trying * became_valid / at_risk
        trying *= 1 - (became_valid + ended) / at_risk
        steps.append(
            Step(
                attempt=number,
                at_risk=at_risk,
                became_valid=became_valid,
                ended=ended,
                left=left,
                hazard=became_valid / at_risk,
                valid_by=valid_by,
                still_trying=trying,
            )
        )
    return tuple(steps)


def _fixed(corrections: Iterable[AttemptRecord]) -> dict[str, Share]:
    fixed: Counter[str] = Counter()
    persisted: Counter[str] = Counter()
    for one in corrections:
        fixed.update(code for _, code in one.fixed)
        persisted.update(code for _, code in one.persisted)
    codes = sorted({*fixed, *persisted}, key=lambda code: (-fixed[code] - persisted[code], code))
    return {code: Share(fixed[code], fixed[code] + persisted[code]) for code in codes}


def stage_of(attempt: AttemptRecord) -> str:
    """How far a reply came: read at all, conforming to the schema, accepted by the project's own code."""
    if attempt.outcome == "valid":
        return "valid"
    if attempt.outcome not in CORRECTABLE:
        return "ended"
    codes = {code for _, code, _ in attempt.findings}
    if attempt.outcome != "invalid" or "syntax" in codes:
        return "syntax"
    return "custom" if codes == {"custom"} else "schema"


def _stages(runs: Iterable[TraceRecord]) -> Counter[tuple[str, str]]:
    stages = [[stage_of(attempt) for attempt in one.attempts] for one in runs]
    return Counter(pair for one in stages for pair in pairwise(one))


def _transitions(runs: Sequence[TraceRecord]) -> Transitions | None:
    """Of the runs that were corrected at all."""
    scored = [(one.attempts[0].score, one.attempts[-1].score) for one in runs]
    if not any(first is not None for first, _ in scored):
        return None
    pairs = Counter(
        (first == 1, last == 1)
        for (first, last), one in zip(scored, runs, strict=True)
        if one.corrections and first is not None and last is not None
    )
    return Transitions(
        stayed_right=pairs[True, True],
        became_wrong=pairs[True, False],
        became_right=pairs[False, True],
        stayed_wrong=pairs[False, False],
    )


def _per(
    recoveries: int, corrections: Sequence[AttemptRecord], spent: Callable[[AttemptRecord], float | None]
) -> float | None:
    total = add_known([spent(one) for one in corrections])
    return None if total is None or not recoveries else float(total) / recoveries


def _pass_hat(traces: Iterable[Observed]) -> tuple[float, ...]:
    cases: dict[str, list[bool]] = {}
    for one in traces:
        cases.setdefault(one.case, []).append(one.trace.ok)
    most = min(map(len, cases.values()), default=0)
    if most < 2:
        return ()
    rates = ([pass_hat_k(len(one), sum(one), k) for one in cases.values()] for k in range(1, most + 1))
    return tuple(sum(rate for rate in one if rate is not None) / len(cases) for one in rates)
