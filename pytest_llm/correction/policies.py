"""What is said to a model about a reply that failed: policies, from a failure to the next messages. PYTEST_DONT_REWRITE

A policy is pure: the same failure has the same messages, so that recordings stay valid. It says no number of the
attempt, for the same reason.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from pytest_llm.calls import Api, Message, ToolCall
from pytest_llm.correction.attempt import WORDS, Attempt
from pytest_llm.correction.outcome import Form
from pytest_llm.errors import CorrectionError
from pytest_llm.schemas import JSON, Issue

if TYPE_CHECKING:
    from pytest_llm.correction.budget import Budget

Keep = Literal["last", "all"]
"""What of the attempts before stays in the conversation: the last reply with what was said of it, or all of them."""

Conversation: TypeAlias = Sequence[Message | JSON]
"""Messages, or what the endpoint takes in their place."""

Policy: TypeAlias = Callable[["FeedbackContext"], Conversation]
"""From a failure to the whole conversation of the next request. It may have a `name`."""

MOST_FINDINGS = 12
LONGEST_REPLY = 20_000
"""Characters of a reply that is shown to the model again."""

_NOTICE = "Your previous reply did not pass automated validation. This notice comes from a program, not from a person."
_SEE_FIRST = "See the notice on the first call."
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_FILLER = "please look at this part of the reply once more and consider it with care, as a reader would; "


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackContext:
    """What a policy has to go by."""

    api: Api
    #: The conversation that was sent first.
    base: tuple[JSON, ...]
    #: The conversation that brought the reply that failed.
    sent: tuple[JSON, ...]
    #: The attempt that failed, and all so far.
    attempt: Attempt
    attempts: tuple[Attempt, ...]
    budget: Budget
    #: How the model is to answer.
    form: Form = "json"
    #: The version of the words that findings have: an older one where a recording was made with it.
    words: int = WORDS

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is wrong with the reply."""
        if self.words == WORDS:
            return self.attempt.issues
        return tuple(issue.former or issue for issue in self.attempt.issues)

    def turn(self, text: str, *, keep: Keep = "last") -> list[JSON]:
        """The conversation, the reply that failed, and a text about it: of a tool's call, as what the tool said."""
        before = self.base if keep == "last" else self.sent
        if (length := _length(self.attempt)) > LONGEST_REPLY:
            text = f"{text}\nThe reply was too long to be shown again: {length} characters."
            return [*before, {"role": "user", "content": text}]
        shown, calls = _reply_items(self.api, self.attempt), _repeatable_calls(self.api, self.attempt)
        if not calls:
            return [*before, *shown, {"role": "user", "content": text}]
        ids = [call.id or f"call_{number}" for number, call in enumerate(calls)]
        texts = itertools.chain([text], itertools.repeat(_SEE_FIRST))
        if self.api == "responses":
            told = [{"type": "function_call_output", "call_id": one, "output": said} for one, said in zip(ids, texts)]  # noqa: B905 - the texts have no end
        else:
            told = [{"role": "tool", "tool_call_id": one, "content": said} for one, said in zip(ids, texts)]  # noqa: B905
        return [*before, *shown, *told]


def _said(attempt: Attempt) -> str:
    """The text of a reply, with what came before its answer."""
    return "" if attempt.response is None else str(attempt.response.messages[-1].content or "")


def _length(attempt: Attempt) -> int:
    """Characters of a whole reply."""
    calls = () if attempt.response is None else attempt.response.tool_calls
    return len(_said(attempt)) + sum(len(call.name) + len(call.arguments_text) for call in calls)


def _reply_items(api: Api, attempt: Attempt) -> list[JSON]:
    """A reply as the next request repeats it; nothing where nothing came."""
    response, said, calls = attempt.response, _said(attempt), _repeatable_calls(api, attempt)
    if response is None:
        return []
    if len(calls) < len(response.tool_calls):
        written = [f"{call.name}({call.arguments_text})" for call in response.tool_calls]
        return [{"role": "assistant", "content": " ".join(filter(None, [said, *written]))}]
    if api == "responses":
        # Reasoning that nothing follows is refused: https://github.com/continuedev/continue/issues/8933
        items = response.raw["output"] if said or calls else ()
        # An item that is neither a message nor of a type is none that an endpoint takes back.
        return [copy.deepcopy(one) for one in items if isinstance(one, Mapping) and {"role", "type"} & one.keys()]
    if not calls:
        return [{"role": "assistant", "content": said}]
    told = [
        {
            "id": call.id or f"call_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments_text},
        }
        for number, call in enumerate(calls)
    ]
    return [{"role": "assistant", "content": said or None, "tool_calls": told}]


def _repeatable_calls(api: Api, attempt: Attempt) -> tuple[ToolCall, ...]:
    """The calls of a reply, where an endpoint takes all of them back; where not, they are shown as text.

    OpenAI refuses names that no tool can have; llama.cpp answers 500 to arguments that are no JSON, however often:
    https://github.com/ggml-org/llama.cpp/issues/25510
    """
    calls = () if attempt.response is None else attempt.response.tool_calls
    known = all(_NAME.fullmatch(one.name) and isinstance(one.arguments, Mapping) for one in calls)
    return calls if known and (api == "chat" or all(one.id for one in calls)) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A policy with its name: what the tables of a comparison call it."""

    name: str
    say: Policy
    #: Whether it may send the same request again: that is asking again, and no feedback.
    repeats: bool = False
    #: The words it is made of: other words are another policy.
    template: tuple[str, ...] = field(default=())

    def __call__(self, context: FeedbackContext) -> Conversation:
        """The conversation of the next request."""
        return self.say(context)

    @property
    def digest(self) -> str:
        """12 hex digits over name and words."""
        return hashlib.sha256(json.dumps([self.name, self.template]).encode()).hexdigest()[:12]


def errors(*, limit: int = MOST_FINDINGS, keep: Keep = "last") -> Feedback:
    """Say what is wrong, finding by finding: where, what was expected, what came. `limit`: how many at most."""
    _check_limit(limit)
    name = _name("errors", limit=(limit, MOST_FINDINGS), keep=(keep, "last"))
    return _feedback(name, lambda context: _lines([issue.line for issue in context.issues], limit), keep)


def paths(*, limit: int = MOST_FINDINGS, keep: Keep = "last") -> Feedback:
    """Say where something is wrong, not what."""
    _check_limit(limit)
    name = _name("paths", limit=(limit, MOST_FINDINGS), keep=(keep, "last"))
    return _feedback(name, lambda context: _lines([_place(issue) for issue in context.issues], limit), keep)


def generic(*, keep: Keep = "last") -> Feedback:
    """Say that the reply failed, and nothing else: what is left of feedback without its content."""
    return _feedback(_name("generic", keep=(keep, "last")), lambda _: (), keep)


def placebo(*, keep: Keep = "last") -> Feedback:
    """Say as many lines as `errors` does, each as long, and nothing in them: feedback without facts."""

    def lines(context: FeedbackContext) -> Sequence[str]:
        return _lines([_filler(len(issue.line)) for issue in context.issues], MOST_FINDINGS)

    return _feedback(_name("placebo", keep=(keep, "last")), lines, keep)


def resample() -> Feedback:
    """Ask the same again: the control, without which nobody knows what feedback is worth."""
    return Feedback(name="resample", say=lambda context: context.base, repeats=True)


_BUILT_IN: dict[str, Callable[[], Feedback]] = {
    "errors": errors,
    "paths": paths,
    "generic": generic,
    "placebo": placebo,
    "resample": resample,
}


def feedback_of(policy: str | Policy) -> Feedback:
    """A policy by its name, or any callable from a FeedbackContext to messages. Raises CorrectionError."""
    if isinstance(policy, Feedback):
        return policy
    if isinstance(policy, str):
        if policy not in _BUILT_IN:
            raise CorrectionError(f"there is no feedback policy {policy!r}", instead=list(_BUILT_IN))
        return _BUILT_IN[policy]()
    if (name := next((name for name, make in _BUILT_IN.items() if make is cast("object", policy)), None)) is not None:
        raise CorrectionError(f"{name} makes a policy, and was not called", fix={"write": f"{name}()"})
    if not callable(policy):
        raise CorrectionError(
            f"a feedback policy is a name or a callable, not {policy!r}", instead=[repr(name) for name in _BUILT_IN]
        )
    named = getattr(policy, "name", None) or getattr(policy, "__name__", None) or type(policy).__name__
    return Feedback(name=str(named), say=policy)


def next_conversation(feedback: Feedback, context: FeedbackContext) -> list[JSON]:
    """What a policy says to a failure, as the endpoint takes it. Raises CorrectionError for a policy that fails."""
    # It may write into what it is given, which is what the trace says was sent.
    given = replace(context, base=copy.deepcopy(context.base), sent=copy.deepcopy(context.sent))
    try:
        said = [one.wire if isinstance(one, Message) else one for one in feedback(given)]
        # A reply may have half a surrogate pair, of a character that was cut; no request can.
        wire: list[JSON] = json.loads(json.dumps(said, ensure_ascii=False, allow_nan=False).encode(errors="replace"))
    except Exception as error:
        raise CorrectionError(
            f"the feedback policy {feedback.name!r} failed: {type(error).__name__}: {error}",
            fix={"return": "the messages of the next request: context.turn('what is wrong')"},
        ) from error
    if not wire or not all(isinstance(one, dict) for one in wire):
        raise CorrectionError(
            f"the feedback policy {feedback.name!r} returned no messages: {wire!r:.80}",
            fix={"return": "the messages of the next request: context.turn('what is wrong')"},
        )
    is_due = context.attempt.repeated or _length(context.attempt) > LONGEST_REPLY  # another reply, not shown
    blind = wire == list(context.base) or (wire == list(context.sent) and not is_due)
    if blind and not feedback.repeats:
        raise CorrectionError(
            f"the feedback policy {feedback.name!r} returned the request that was sent before: that is no feedback",
            fix={"add": "what was wrong: context.turn('…')", "or, to ask again": "feedback='resample'"},
        )
    return wire


def inserted(wire: Sequence[JSON], context: FeedbackContext) -> str:
    """The text that stands after the reply that failed, for people; "" where the conversation is the first one."""
    replies = [place for place, one in enumerate(wire) if _is_reply(one)]
    own = [one for one in wire[replies[-1] + 1 if replies else 0 :] if one not in context.base]
    texts = (one.get("content", one.get("output")) for one in own)
    return "\n".join(dict.fromkeys(text for text in texts if isinstance(text, str)))


def _is_reply(item: JSON) -> bool:
    return item.get("role") == "assistant" or item.get("type") in ("function_call", "reasoning")


# -- the words --------------------------------------------------------------------------------------------------


def _feedback(name: str, lines: Callable[[FeedbackContext], Sequence[str]], keep: Keep) -> Feedback:
    if str(keep) not in get_args(Keep):
        raise CorrectionError(f"keep={keep!r} is none of 'last', 'all'")

    def say(context: FeedbackContext) -> list[JSON]:
        return context.turn("\n".join([_NOTICE, *lines(context), _closing(context, name)]), keep=keep)

    return Feedback(name=name, say=say, template=(_NOTICE, *_REST.values(), *_AGAIN.values()))


_REST = {
    "json": "Fields that are not listed were accepted: keep their values.",
    "tool": "Arguments that are not listed were accepted: keep their values.",
}
_AGAIN = {
    "json": "Reply with the complete corrected JSON document and nothing else.",
    "tool": "Call the tool again with the complete corrected arguments.",
    "text": "Reply with the complete corrected text and nothing else.",
}


def _closing(context: FeedbackContext, name: str) -> str:
    """What to do; that the rest is right is said only where it was read, and all that is wrong was listed."""
    is_listed = name.startswith(("errors", "paths", "placebo")) and len(context.issues) <= MOST_FINDINGS
    says_rest = is_listed and context.form in _REST and "limit" not in name and any(one.path for one in context.issues)
    return f"{_REST[context.form]} {_AGAIN[context.form]}" if says_rest else _AGAIN[context.form]


def _lines(texts: Sequence[str], limit: int) -> list[str]:
    """Findings as a numbered list."""
    count = f"{len(texts)} problem{'' if len(texts) == 1 else 's'} found:"
    lines = [f"{number}. {text}" for number, text in enumerate(texts[:limit], 1)]
    more = len(texts) - limit
    return [count, *lines, *([f"(and {more} more)"] if more > 0 else [])]


def _place(issue: Issue) -> str:
    return issue.line.partition(": expected ")[0]


def _filler(length: int) -> str:
    return (_FILLER * (length // len(_FILLER) + 1))[:length].rstrip()


def _name(base: str, **options: tuple[object, object]) -> str:
    """The policy's name, with what is not as usual."""
    said = [f"{key}={value}" for key, (value, usual) in options.items() if value != usual]
    return f"{base}({', '.join(said)})" if said else base


def _check_limit(limit: int) -> None:
    if type(limit) is not int or limit < 1:
        raise CorrectionError(f"limit= counts findings from 1, and is {limit!r}")
