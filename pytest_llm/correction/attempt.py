"""One try, and all tries of one run of a correction. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_llm.calls import Request, Response, Usage, add_known
from pytest_llm.errors import CallFailed
from pytest_llm.prompts import Prompt
from pytest_llm.schemas import JSON, Issue, quoted

if TYPE_CHECKING:
    from pytest_llm.correction.budget import Budget

WORDS = 2
"""The version of the words in which the policies feed errors back; a recording of a correction states it."""

Outcome = Literal[
    "valid",
    "invalid",
    "empty",
    "no_tool_call",
    "wrong_tool",
    "truncated",
    "content_filter",
    "refusal",
    "context_overflow",
    "transport_error",
]
"""What became of an attempt."""

CORRECTABLE = frozenset({"invalid", "empty", "no_tool_call", "wrong_tool"})
"""The outcomes that feedback can do something about. The others end a run: asking again would only cost."""

Stop = Literal[
    "valid",
    "max_attempts",
    "max_tokens",
    "max_cost",
    "deadline",
    "usage_unknown",
    "cost_unknown",
    "stalled",
    "truncated",
    "content_filter",
    "refusal",
    "context_overflow",
    "transport_error",
]
"""Why a run ended. usage_unknown, cost_unknown: a budget is set, and nobody tells what was spent."""

Finding: TypeAlias = tuple[str, str]
"""A finding from one attempt to the next: its path and its code."""

FIRST_SLOT = ""
MOST_SHOWN = 3
LONGEST_SHOWN = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an attempt did to the one before it."""

    #: Findings that went, stayed, and came.
    fixed: tuple[Finding, ...] = ()
    persisted: tuple[Finding, ...] = ()
    introduced: tuple[Finding, ...] = ()
    #: Paths of accepted values that are gone, or have a finding now.
    regressed: tuple[str, ...] = ()
    #: Paths of accepted values that are accepted still, and others: nobody had asked for that.
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try."""

    #: From 1.
    index: int
    #: The feedback policy under comparison; of the first attempt, which all arms share, that of the run as well.
    arm: str
    outcome: Outcome
    #: What was sent; of a dialogue, its last turn.
    request: Request
    #: What came, with what the schema says of it; None where nothing did.
    response: Response | None = None
    #: What was said to the model before this attempt; "" for the first, and for asking again.
    feedback: str = ""
    #: Why no reply came; None where one did.
    error: CallFailed | None = None
    #: Tries of the transport that got no answer, and the seconds between them.
    transport_retries: int = 0
    waited: float = 0.0
    #: Whether the reply came from a recording.
    replayed: bool = False
    change: Change = Change()
    #: Whether the reply is, letter by letter, the one before it.
    repeated: bool = False
    #: What the hidden score says, 0..1; None without one, or where it could not say.
    score: float | None = None

    @property
    def text(self) -> str:
        """The answer; "" where none came."""
        return "" if self.response is None else self.response.text

    @property
    def said(self) -> JSON:
        """All that the model said, to compare replies by."""
        calls = () if self.response is None else self.response.tool_calls
        return [self.text, [(call.name, call.arguments_text) for call in calls]]

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is wrong with the reply; empty when valid, and where none came."""
        return () if self.response is None else self.response.issues

    @property
    def usage(self) -> Usage:
        """The tokens of this attempt; of a dialogue's first one, of all its turns."""
        return Usage() if self.response is None else self.response.usage

    @property
    def cost(self) -> float | None:
        """US dollars; None where unknown."""
        return None if self.response is None else self.response.cost

    @property
    def latency(self) -> float | None:
        """Seconds on the wire, when it was recorded; None where unknown."""
        return None if self.response is None else self.response.latency

    def __str__(self) -> str:
        """Two lines or more: what became of it, and why."""
        tokens = self.usage.total_tokens
        told = [self.outcome.replace("_", " ")]
        told += ["as before" if self.repeated else quoted(self.shown, LONGEST_SHOWN)] if self.response else []
        head = f"  {self.index}  {'   '.join(told)}{'' if tokens is None else f'   {tokens} tokens'}"
        lines = [f"       {issue.line}" for issue in self.issues[:MOST_SHOWN]]
        if (more := len(self.issues) - MOST_SHOWN) > 0:
            lines.append(f"       (and {more} more)")
        if self.error is not None:
            lines += [f"       {line}" for line in str(self.error).splitlines()]
        return "\n".join([head, *lines])

    @property
    def shown(self) -> str:
        """What the model said, in one text."""
        if self.response is None:
            return ""
        calls = [f"{call.name}({call.arguments_text})" for call in self.response.tool_calls]
        return " ".join(filter(None, [self.response.refusal or self.response.text, *calls]))


class SelfCorrectionFailed(AssertionError):
    """`Trace.require` was asked for, and no attempt is valid. The message is a table of the attempts."""

    __module__ = "pytest_llm"

    def __init__(self, trace: Trace) -> None:
        super().__init__(str(trace))
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.trace,)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Trace:
    """All attempts of one run: one case under one feedback policy."""

    arm: str
    #: From 1 attempt on.
    attempts: tuple[Attempt, ...]
    stop: Stop
    budget: Budget
    #: What the output is validated by.
    schema: str
    #: Digest of the policy's name and, where it has one, its template.
    policy: str
    prompt: Prompt
    #: Whether it shares its first attempt with other arms.
    compared: bool = False

    @property
    def ok(self) -> bool:
        """Whether the last attempt is valid."""
        return self.stop == "valid"

    @property
    def n(self) -> int:
        """How many attempts there were."""
        return len(self.attempts)

    @property
    def first_try(self) -> bool:
        """Whether the first attempt is valid."""
        return self.ok and self.n == 1

    @property
    def response(self) -> Response | None:
        """The last reply."""
        return self.attempts[-1].response

    @property
    def value(self) -> Any:
        """The validated output of the last attempt; None where it is not valid."""
        return self.response.value if self.ok and self.response is not None else None

    def require(self) -> Any:
        """The validated output. Raises SelfCorrectionFailed, an AssertionError, where there is none."""
        __tracebackhide__ = True  # pytest shows the test that asked
        if not self.ok:
            raise SelfCorrectionFailed(self)
        return self.value

    def tokens(self) -> int | None:
        """The tokens of all attempts; None where one does not tell."""
        known: int | None = add_known([one.usage.total_tokens for one in self.attempts])
        return known

    def cost(self) -> float | None:
        """US dollars of all attempts; None where one is unknown."""
        known: float | None = add_known([one.cost for one in self.attempts])
        return known

    @property
    def elapsed(self) -> float | None:
        """Seconds on the wire and between tries, of all attempts; None where one is unknown."""
        known: float | None = add_known(
            [None if one.latency is None else one.latency + one.waited for one in self.attempts]
        )
        return known

    def __str__(self) -> str:
        """A table of the attempts."""
        plural = "" if self.n == 1 else "s"
        reached = "valid" if self.ok else f"not valid, stopped by {self.stop}"
        head = f"{reached} after {self.n} attempt{plural}, feedback {self.arm!r}, schema {self.schema}"
        return "\n".join([head, *map(str, self.attempts)])

    def __repr__(self) -> str:
        """As in a failed assertion: one line."""
        return f"<Trace {self.arm}: {self.stop} after {self.n}>"
