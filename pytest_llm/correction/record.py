"""A trace as run files keep it: all values are plain JSON. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pytest_llm.calls import Request, Usage
from pytest_llm.correction.attempt import Attempt, Finding, Outcome, Stop, Trace
from pytest_llm.schemas import JSON

LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt."""

    outcome: Outcome
    #: At most 20,000 characters.
    text: str = ""
    #: Name and arguments of each call of a tool.
    tool_calls: tuple[tuple[str, str], ...] = ()
    #: Path, code and line of each finding.
    findings: tuple[tuple[str, str, str], ...] = ()
    #: The help that was needed to read JSON.
    leniency: str | None = None
    finish_reason: str | None = None
    refusal: str | None = None
    #: Tokens by kind; absent where not told.
    usage: Mapping[str, int] = field(default_factory=dict)
    cost_usd: float | None = None
    latency_s: float | None = None
    #: Between tries of the transport, which are not attempts.
    waited_s: float = 0.0
    transport_retries: int = 0
    #: 16 hex digits over the body that was sent, and its length in characters.
    request: str = ""
    request_chars: int = 0
    response_id: str | None = None
    model: str | None = None
    fingerprint: str | None = None
    #: What was said to the model before this attempt.
    feedback: str = ""
    error: str = ""
    fixed: tuple[Finding, ...] = ()
    persisted: tuple[Finding, ...] = ()
    introduced: tuple[Finding, ...] = ()
    regressed: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()
    repeated: bool = False
    score: float | None = None
    replayed: bool = False

    @property
    def tokens(self) -> int | None:
        """Prompt and completion together; None where not told."""
        return self.usage.get("total_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRecord:
    """One run of a correction: one case under one policy."""

    #: Which run of its test it is, from 1; the arms of a comparison share one.
    run: int
    arm: str
    attempts: tuple[AttemptRecord, ...]
    stop: Stop
    #: Digest of the policy's name and words.
    policy: str = ""
    schema: str = ""
    #: What it might spend: attempts, tokens, cost, deadline, stall.
    budget: Mapping[str, float | None] = field(default_factory=dict)
    #: The rules of the schema that the first prompt does not state; None where that is not known.
    undisclosed: tuple[str, ...] | None = None
    #: Whether it is one of several arms that go on from the same first attempt.
    compared: bool = False

    @property
    def ok(self) -> bool:
        """Whether the last attempt is valid."""
        return self.stop == "valid"

    @property
    def first_try(self) -> bool:
        """Whether the first attempt is valid."""
        return self.ok and len(self.attempts) == 1

    @property
    def corrections(self) -> tuple[AttemptRecord, ...]:
        """The attempts after the first."""
        return self.attempts[1:]

    @property
    def json(self) -> dict[str, JSON]:
        """The record as a run file holds it."""
        out = {name: getattr(self, name) for name in self.__slots__}
        out["attempts"] = [{name: getattr(one, name) for name in one.__slots__} for one in self.attempts]
        return out


def record_of(trace: Trace, *, run: int = 1, undisclosed: Sequence[str] | None = None) -> TraceRecord:
    """A trace as a record."""
    return TraceRecord(
        run=run,
        arm=trace.arm,
        attempts=tuple(map(_attempt, trace.attempts)),
        stop=trace.stop,
        policy=trace.policy,
        schema=trace.schema,
        budget=asdict(trace.budget),
        undisclosed=None if undisclosed is None else tuple(undisclosed),
        compared=trace.compared,
    )


def _attempt(attempt: Attempt) -> AttemptRecord:
    response, change = attempt.response, attempt.change
    text, request = attempt.text, _text(attempt.request)
    raw = response.raw if response is not None and isinstance(response.raw, Mapping) else {}
    calls = () if response is None else response.tool_calls
    usage = {name: tokens for name in Usage.__slots__ if (tokens := getattr(attempt.usage, name)) is not None}
    return AttemptRecord(
        outcome=attempt.outcome,
        text=text[:LONGEST_TEXT],
        tool_calls=tuple((call.name, call.arguments_text[:LONGEST_TEXT]) for call in calls),
        findings=tuple((issue.path, issue.code, issue.line) for issue in attempt.issues),
        leniency=None if response is None or response.report is None else response.report.leniency,
        finish_reason=None if response is None else response.finish_reason,
        refusal=None if response is None else response.refusal,
        usage=usage,
        cost_usd=attempt.cost,
        latency_s=attempt.latency,
        waited_s=attempt.waited,
        transport_retries=attempt.transport_retries,
        request=hashlib.sha256(request.encode(errors="surrogatepass")).hexdigest()[:16],
        request_chars=len(request),
        response_id=_told(raw, "id"),
        model=None if response is None else response.model,
        fingerprint=_told(raw, "system_fingerprint"),
        feedback=attempt.feedback,
        error="" if attempt.error is None else str(attempt.error),
        fixed=change.fixed,
        persisted=change.persisted,
        introduced=change.introduced,
        regressed=change.regressed,
        drifted=change.drifted,
        repeated=attempt.repeated,
        score=attempt.score,
        replayed=attempt.replayed,
    )


def _told(raw: Mapping[str, JSON], name: str) -> str | None:
    said = raw.get(name)
    return said if isinstance(said, str) else None


def _text(request: Request) -> str:
    return json.dumps([request.api, request.body], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
