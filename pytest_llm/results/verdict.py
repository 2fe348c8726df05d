"""What a gate says of a suite, in the one form that run files and reports share. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from pytest_llm.results.result import Result
from pytest_llm.results.typed import reader
from pytest_llm.schemas import JSON

SuspectState = Literal["broken", "not proven", "unconfirmed", "not provable"]
"""broken: convicted by fresh samples. unconfirmed: none were drawn. not provable: none could convict it."""
GATE_ITEM = "llm-gate"
VerdictKind = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID", "NEW", "NOT JUDGED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRecord:
    """What a gate has to know of a suite beside its results."""

    #: Where its baseline is, or would be, relative to the root.
    baseline: str
    name: str
    #: The test function, as pytest names it.
    nodeid: str
    #: The metrics that decide.
    primary: tuple[str, ...] = ("outcome",)
    #: The largest drop that is no matter, 0..1.
    margin: float = 0.05
    #: By the name of a grader, or "schema", a digest of what it is.
    instrument: Mapping[str, str] = field(default_factory=dict)
    #: Digest of the source of the test and of the callables in it.
    context: str = ""
    #: How many items it has, and how many of them were selected.
    items: int = 0
    selected: int = 0
    #: The lines of the items that were skipped, an entry an item.
    skipped: tuple[str, ...] = ()
    #: What it declares of itself as a whole, as JSON.
    expect: tuple[Mapping[str, JSON], ...] = ()

    @property
    def json(self) -> dict[str, JSON]:
        """The record as a run file holds it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """A metric before and after, over the cases that are on both sides."""

    name: str
    #: Passed and graded samples.
    base: tuple[int, int]
    head: tuple[int, int]
    #: The mean over cases of the change of their pass rates, -1..1; None where no case is on both sides.
    change: float | None = None
    #: 95 %, two-sided; None where nothing was drawn anew.
    interval: tuple[float, float] | None = None
    #: The one-sided 95 % bound: the change is hardly below it, however ungraded samples are taken.
    at_least: float | None = None
    #: One-sided, that it is worse, adjusted for the suite's primary metrics; of an expectation, unadjusted, that it is
    #: as expected, or, where the contrary is shown, of that. None where no case could say.
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A case that mostly passed, and now mostly fails."""

    case: str
    metric: str
    #: Passed and graded samples: of the baseline with its history, now, and of the samples that were drawn to confirm.
    base: tuple[int, int]
    head: tuple[int, int]
    confirmed: tuple[int, int] | None = None
    #: Adjusted for all suspects; None where nothing was drawn to confirm it.
    p: float | None = None
    state: SuspectState = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate says of a suite, or what is said of an expectation that the suite declares."""

    kind: VerdictKind
    #: The end of the id under which it is reported: "llm-gate", "llm-expect-1".
    item: str = GATE_ITEM
    suite: str
    #: The baseline's path, and the test function.
    baseline: str
    nodeid: str
    #: One line: why.
    reason: str
    cases: int = 0
    #: Of each case now; None where they differ.
    samples: int | None = None
    metrics: tuple[MetricChange, ...] = ()
    margin: float = 0.05
    suspects: tuple[Suspect, ...] = ()
    #: Cases with a line in the baseline that failed with the replies they had passed with, and critical ones.
    exact: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()
    #: Cases that passed with the replies they had failed with.
    improved: tuple[str, ...] = ()
    #: What was compared with nothing: the case, and why.
    excluded: tuple[tuple[str, str], ...] = ()
    #: How many cases are asked something else than in the baseline, of those on both sides; and answered anew.
    asked_anew: tuple[int, int] = (0, 0)
    answered_anew: int = 0
    #: What changed in the request of the first such case, in a line and line by line; "" where that is not known.
    heading: str = ""
    difference: str = ""
    #: How often the same requests were drawn, this time included.
    draw: int = 1
    #: The smallest drop that would have been seen four times in five; None where none would.
    blind_spot: float | None = None
    #: What else is to be known, a line each.
    notes: tuple[str, ...] = ()
    #: Why a FAIL or INVALID was accepted, by the note in the baseline of this change.
    accepted: str | None = None
    #: From a label to the command or edit that helps.
    fix: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def about(cls, record: SuiteRecord, results: Iterable[Result], *, item: str = GATE_ITEM, reason: str = "") -> Self:
        """A verdict that says nothing yet but of what it is."""
        drawn = Counter(result.line for result in results if not result.confirms)
        samples = set(drawn.values())
        return cls(
            kind="INVALID",
            item=item,
            suite=record.name,
            baseline=record.baseline,
            nodeid=record.nodeid,
            reason=reason,
            cases=len(drawn),
            samples=samples.pop() if len(samples) == 1 else None,
            margin=record.margin,
        )

    @property
    def is_of_gate(self) -> bool:
        """Whether it is the gate's, and not an expectation's."""
        return self.item == GATE_ITEM

    @property
    def is_red(self) -> bool:
        """Whether it fails the run."""
        return self.kind in ("FAIL", "INVALID") and self.accepted is None

    @property
    def json(self) -> dict[str, JSON]:
        """The verdict for a program."""
        out = {name: getattr(self, name) for name in self.__slots__}
        out["metrics"] = [{name: getattr(one, name) for name in one.__slots__} for one in self.metrics]
        out["suspects"] = [{name: getattr(one, name) for name in one.__slots__} for one in self.suspects]
        out["fix"] = dict(self.fix)
        return out


def suites_in(data: JSON) -> tuple[SuiteRecord, ...]:
    """The suites that a run file or a worker tells of. Raises ValueError, in one line, for what is none."""
    found: tuple[SuiteRecord, ...] = reader(tuple[SuiteRecord, ...])(data)
    return found


def verdicts_in(data: JSON) -> tuple[Verdict, ...]:
    """The verdicts that a run file tells of. Raises ValueError, in one line, for what is none."""
    found: tuple[Verdict, ...] = reader(tuple[Verdict, ...])(data)
    return found
