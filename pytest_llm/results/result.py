"""What became of one item, in the one form that workers, run files and reports share. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pytest_llm.cassettes.recorder import CallRole, Source
from pytest_llm.correction.record import TraceRecord
from pytest_llm.errors import RunFileError
from pytest_llm.prompts import Case, Split
from pytest_llm.results.typed import reader
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from pytest_llm.correction.measures import Observed

Outcome = Literal["passed", "failed", "ungraded", "error"]
"""ungraded: a required grade could not be given, and none failed. error: there was nothing to judge."""


LONGEST_QUESTION = 8_000
"""Characters of JSON up to which the inputs, the expected value and the context of a case are in a run file, each."""

CONFIRMATIONS = range(101, 111)
"""Samples that are drawn to confirm a suspicion; they count for nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeRecord:
    """One grade of an item."""

    name: str
    score: float | None = None
    passed: bool | None = None
    reason: str = ""
    #: Whether the item fails with it.
    required: bool = True
    #: The versions of the judges in it, 12 hex digits each, parted by blanks, in brackets where the verdict is made of
    #: theirs; "" without any.
    judge: str = ""
    #: Whether all of them were compared with people, in these versions.
    calibrated: bool = False

    @property
    def is_ungraded(self) -> bool:
        """Whether the grader could not decide and measured nothing either."""
        return self.passed is None and self.score is None

    @property
    def is_uncalibrated(self) -> bool:
        """Whether it has a judge in it of which nobody knows how often it is right."""
        return bool(self.judge) and not self.calibrated

    @property
    def title(self) -> str:
        """The name, and what is to be known of it."""
        return f"{self.name} (uncalibrated judge)" if self.is_uncalibrated else self.name


def outcome_of(grades: Iterable[GradeRecord], *, body_failed: bool) -> Outcome:
    """An item's outcome: it passes if its body and every required grade pass."""
    required = [grade for grade in grades if grade.required]
    if body_failed or any(grade.passed is False for grade in required):
        return "failed"
    return "ungraded" if any(grade.is_ungraded for grade in required) else "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissRecord:
    """Why an item had no recording."""

    kind: str
    heading: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRecord:
    """A case's inputs and right answer, for reports that run no test.

    What is longer than LONGEST_QUESTION is left out. A report then reads the case file, in which `Result.case` names
    the case and `Result.case_digest` shows whether it is still the same, or, of a case in code, the request in the
    cassette.
    """

    #: The case file with line, relative to the root where it is below it, "orders.jsonl:3"; in code "cases[0]" or "".
    where: str = ""
    #: None where left out.
    inputs: Mapping[str, JSON] | None = None
    #: None where left out, or where the case has none.
    expected: JSON = None
    context: JSON = None
    #: Which of "inputs", "expected" and "context" are too long to be here.
    left_out: tuple[str, ...] = ()

    @classmethod
    def about(cls, case: Case, where: str) -> Self:
        """Return the record of *case*, declared at *where*."""
        kept: dict[str, JSON] = {}
        left_out = []
        for name in ("inputs", "expected", "context"):
            value = getattr(case, name)
            if value is None:
                continue
            value = dict(value) if name == "inputs" else value
            try:
                text = json.dumps(value)
            except TypeError:  # a case in code holds dates and the like; they are texts here, as in the case's digest
                text = json.dumps(value, default=str)
                value = json.loads(text)
            if len(text) > LONGEST_QUESTION:
                left_out.append(name)
            else:
                kept[name] = value
        return cls(where=where, left_out=tuple(left_out), **kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageRecord:
    """A passage that a retriever found for an item, in the order of its rank."""

    id: str
    text: str = ""
    #: As the retriever gave it; None where it gave none.
    score: float | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)


def _plain(record: GradeRecord | MissRecord | PassageRecord | QuestionRecord) -> dict[str, JSON]:
    return {name: getattr(record, name) for name in record.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class FixtureCalls:
    """What a fixture of wider scope asked; no item's, since which one needs it first is chance."""

    name: str
    #: Relative to the root.
    cassette: str
    replayed: int = 0
    recorded: int = 0
    asked: int = 0
    #: Tokens by kind; absent where not told.
    usage: Mapping[str, int] = field(default_factory=dict)
    #: US dollars; None where unknown.
    cost_usd: float | None = None

    @property
    def json(self) -> dict[str, JSON]:
        """The record as a run file holds it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __add__(self, other: FixtureCalls) -> FixtureCalls:
        """Both together: set-up and teardown, or the fixture in two processes."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in ("replayed", "recorded", "asked")}
        usage = {kind: self.usage[kind] + other.usage[kind] for kind in self.usage.keys() & other.usage.keys()}
        known = None not in (self.cost_usd, other.cost_usd)
        cost = (self.cost_usd or 0) + (other.cost_usd or 0) if known else None
        return FixtureCalls(name=self.name, cassette=self.cassette, usage=usage, cost_usd=cost, **counts)

    @classmethod
    def of(cls, data: JSON, where: str = "") -> Self:
        """The record in a run file. Raises RunFileError."""
        read: Self = _read(cls, data, "a fixture's calls", where)
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One item's result. All values are plain JSON."""

    #: pytest's id of the item, unique in a run.
    nodeid: str
    suite: str
    outcome: Outcome
    #: None for a test without cases.
    case: str | None = None
    variant: str | None = None
    #: From 1.
    sample: int = 1
    tags: tuple[str, ...] = ()
    critical: bool = False
    #: The case's, as it declares them.
    group: str | None = None
    split: Split | None = None
    relevant: tuple[str, ...] = ()
    #: None for a test without cases, and in files of version 1.
    question: QuestionRecord | None = None
    #: What a retriever found for the item.
    passages: tuple[PassageRecord, ...] = ()
    prompt: str | None = None
    #: 12 hex digits, `Prompt.version`.
    prompt_version: str | None = None
    grades: tuple[GradeRecord, ...] = ()
    #: What the fixture llm_retry tried, a trace a run and arm.
    traces: tuple[TraceRecord, ...] = ()
    #: The output that was graded, at most 20,000 characters; None where the plugin did not see one.
    output: str | None = None
    #: What the report said of the failure; "" when passed.
    failure: str = ""
    #: The model that the provider named.
    model: str | None = None
    #: Tokens by kind, of all exchanges but those of judges; absent where not told.
    usage: Mapping[str, int] = field(default_factory=dict)
    #: US dollars; None where unknown.
    cost_usd: float | None = None
    #: On the wire, when it was recorded; None where unknown.
    latency_s: float | None = None
    #: The same of what judges asked.
    judge_usage: Mapping[str, int] = field(default_factory=dict)
    judge_cost_usd: float | None = None
    #: How many exchanges were replayed, recorded, and asked without being kept.
    replayed: int = 0
    recorded: int = 0
    asked: int = 0
    #: Requests that were answered by an error, or not at all, and that no recording holds.
    unkept: int = 0
    #: Replays of recordings by rules 1 for requests that name what those rules did not compare: a path, a header.
    older: int = 0
    #: With --llm-verify, how many replies say the same as the recorded ones, and how many do not.
    same: int = 0
    drifted: int = 0
    #: Digests over all exchanges of the item, of the replies over what they say; "" without any.
    requests: str = ""
    replies: str = ""
    #: Digest of the replies with all that differs each time; "" without any. Another draw has another.
    recording: str = ""
    #: Whether only one draw can come of the requests: temperature 0, a seed, or a reply from the provider's cache.
    single_draw: bool = False
    #: How often the request of this sample was drawn, this draw included; None where that is not known.
    draws: int | None = None
    #: Where the suite's baseline is, or would be, relative to the root; and its line there: the case, as pytest says
    #: it.
    baseline: str = ""
    line: str = ""
    #: Digest of the case's inputs and of what is expected.
    case_digest: str = ""
    #: The cassette, relative to the root.
    cassette: str = ""
    #: (identity, slot, number) of every exchange that was used.
    used: tuple[tuple[str, str, int], ...] = ()
    #: Of each of them, who sent it and where the response came from; () in files of version 1.
    roles: tuple[CallRole, ...] = ()
    sources: tuple[Source, ...] = ()
    #: How many items share the cassette.
    sharing: int = 1
    #: Whether the body came to its end, so that what was not used is not needed.
    ended: bool = False
    miss: MissRecord | None = None

    @property
    def confirms(self) -> bool:
        """Whether the item was collected to confirm a suspicion."""
        return self.sample >= CONFIRMATIONS.start

    @property
    def observed(self) -> list[Observed]:
        """The traces, with what they belong to."""
        from pytest_llm.correction.measures import Observed

        return [
            Observed(run=f"{self.nodeid} {one.run}", case=f"{self.line} {one.run}", trace=one) for one in self.traces
        ]

    @property
    def json(self) -> dict[str, JSON]:
        """The result as a line of a run file holds it."""
        # By hand: asdict copies deeply, at fifteen times the cost, for every item of a run.
        out: dict[str, JSON] = {name: getattr(self, name) for name in self.__slots__}
        out["grades"] = [_plain(grade) for grade in self.grades]
        out["traces"] = [trace.json for trace in self.traces]
        out["miss"] = None if self.miss is None else _plain(self.miss)
        out["question"] = None if self.question is None else _plain(self.question)
        out["passages"] = [_plain(passage) for passage in self.passages]
        return out

    @classmethod
    def of(cls, data: JSON, where: str = "") -> Self:
        """The result in a line of a run file. Raises RunFileError; keys of later versions are passed over."""
        read: Self = _read(cls, data, "a result", where)
        if told := read._contradiction():
            raise RunFileError(f"a result cannot be read: {told}", where=where or None)
        return read

    def _contradiction(self) -> str:
        """Return what cannot be in a result that a run wrote; "" where it may be one."""
        if self.sample < 1:
            return f"sample {self.sample}; the first is 1"
        if self.draws is not None and self.draws < 1:
            return f"{self.draws} draws"
        if not self.roles and not self.sources:  # version 1, or nothing was sent
            return ""
        if len(self.roles) != len(self.used) or len(self.sources) != len(self.used):
            return f"{len(self.roles)} roles and {len(self.sources)} sources of {len(self.used)} exchanges"
        for source in get_args(Source):
            told, counted = getattr(self, source), self.sources.count(source)
            if told != counted:
                return f"{told} exchanges {source}, and {counted} of them listed"
        return ""


def _read(kind: Any, data: JSON, what: str, where: str) -> Any:
    try:
        return reader(kind)(data)
    except ValueError as error:
        raise RunFileError(f"{what} cannot be read: {error}", where=where or None) from error
