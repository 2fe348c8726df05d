"""What a reply has to be, and what became of one. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_llm.calls import Response, ToolCall
from pytest_llm.correction.attempt import Outcome
from pytest_llm.errors import CallFailed, CorrectionError
from pytest_llm.prompts import Prompt
from pytest_llm.schemas import JSON, Issue, Report, Validator, described, reads_json, validator_for

_OVERFLOW = ("context_length_exceeded", "exceed_context_size_error")
"""What OpenAI, and llama.cpp, call a conversation that is too long."""

Form = Literal["json", "tool", "text"]
"""How a model is to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a reply has to be: a text that conforms to the schema, or a call of a tool."""

    name: str
    #: Of the text; None where every text will do.
    validate: Validator | None
    #: Of the arguments, by the name of the tool.
    tools: Mapping[str, Validator]
    #: The tools of which one has to be called; none where the model may answer in words.
    required: tuple[str, ...]
    form: Form

    def form_of(self, response: Response | None) -> Form:
        """How the model is to answer after this reply: a call, where it chose to call."""
        return "tool" if self.tools and response is not None and response.tool_calls else self.form

    def judge(self, response: Response) -> tuple[Outcome, Response]:
        """What became of a reply, and the reply with its report."""
        outcome, report = self._ended(response) or self._report(response)
        return outcome, replace(response, report=report)

    def _ended(self, response: Response) -> tuple[Outcome, Report] | None:
        """What no feedback can mend."""
        if response.refusal:
            return "refusal", _failed(code="other", expected="a reply (the model refused)")
        if response.finish_reason == "content_filter":
            return "content_filter", _failed(code="other", expected="a reply (the provider's filter stopped it)")
        if response.finish_reason == "length":  # even where what came can be read: nobody knows what is missing
            return "truncated", _failed(code="other", expected="a whole reply (this one was cut at its longest)")
        return None

    def _report(self, response: Response) -> tuple[Outcome, Report]:
        if response.tool_calls:
            return self._of_calls(response.tool_calls)
        if not response.text.strip():
            told = "a call of a tool" if self.required else "a reply"
            return "empty", _failed(code="missing", expected=f"{told} (this one is empty)")
        if self.required:
            return "no_tool_call", _failed(code="missing", expected=f"a call of {_one_of(self.required)}")
        if self.validate is None:
            return "valid", Report(valid=True, value=response.text)
        report = self.validate(response.text)
        return "valid" if report.valid else "invalid", report

    def _of_calls(self, calls: Sequence[ToolCall]) -> tuple[Outcome, Report]:
        known = self.required or tuple(self.tools)
        for call in calls:
            if call.name not in known:
                expected = f"a call of {_one_of(known)}" if known else "a reply in words: there is no tool"
                return "wrong_tool", _failed(code="enum", expected=expected, got=described(call.name), allowed=known)
        reports = [self.tools[call.name](call.arguments_text) for call in calls]
        if len(reports) == 1:
            return "valid" if reports[0].valid else "invalid", reports[0]
        several = Report(
            valid=all(one.valid for one in reports),
            value=tuple(one.value for one in reports) if all(one.valid for one in reports) else None,
            data=[one.data for one in reports],
            issues=tuple(issue.below(f"/{number}") for number, one in enumerate(reports) for issue in one.issues),
        )
        return "valid" if several.valid else "invalid", several


def _failed(
    *, code: Literal["missing", "enum", "other"], expected: str, got: str | None = None, allowed: Sequence[str] = ()
) -> Report:
    issue = Issue(path="", code=code, expected=expected, got=got, allowed=tuple(allowed), source="reply")
    return Report(valid=False, issues=(issue,))


def _one_of(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names)
    return f"the tool {shown}" if len(names) == 1 else f"one of the tools {shown}"


def outcome_of_failure(failed: CallFailed) -> Outcome:
    """What became of an attempt that got no reply."""
    return "context_overflow" if failed.status == 400 and failed.code in _OVERFLOW else "transport_error"


def target_of(prompt: Prompt, validator: Validator | None = None) -> Target:
    """What a prompt's replies have to be. Raises CorrectionError where nothing could be wrong with them.

    Where a tool has to be called (`tool_choice`), the prompt's schema is that of its arguments; a tool's own
    parameters are, where the prompt has none, and where the model may choose. `validator`: the compiled schema.
    """
    validate = validator or prompt.validator()
    functions = _functions(prompt)
    if nameless := [tool for tool in functions if not _named(tool)]:
        raise CorrectionError(f"a tool of Prompt {prompt.name!r} has no name: {nameless[0]!r:.80}")
    required = _required(prompt)
    own = {_named(tool): validator_for(_parameters(tool), leniency="strict") for tool in functions}
    if unknown := [name for name in required if name not in own]:
        raise CorrectionError(
            f"Prompt {prompt.name!r} has to call the tool {unknown[0]!r}, which it does not have", instead=list(own)
        )
    if validate is not None and required:
        own = dict.fromkeys(own, validate)
    if validate is None and not own:
        raise CorrectionError(
            f"Prompt {prompt.name!r} has neither a schema nor a tool: nothing could be wrong with a reply",
            fix={"give": "schema= to the prompt, or to llm_retry"},
        )
    named = validate.name if validate is not None else f"the parameters of {_one_of(list(own))}"
    form: Form = "text"
    if required:
        form = "tool"
    elif prompt.schema is not None and reads_json(prompt.schema):
        form = "json"
    return Target(name=named, validate=validate, tools=own, required=required, form=form)


def _named(tool: Mapping[str, JSON]) -> str:
    """The name of a tool, or of a choice of one, in either API's form; "" where it has none."""
    inner = tool.get("function", tool)
    return str(inner.get("name") or "") if isinstance(inner, Mapping) else ""


def _functions(prompt: Prompt) -> list[Mapping[str, JSON]]:
    """The tools that a model calls by name; others, as a search of the web, are the endpoint's own affair."""
    return [tool for tool in prompt.tools if tool.get("type", "function") == "function"]


def _parameters(tool: Mapping[str, JSON]) -> Any:
    parameters = tool.get("function", tool).get("parameters") or {"type": "object"}
    return dict(parameters) if isinstance(parameters, Mapping) else parameters


def _required(prompt: Prompt) -> tuple[str, ...]:
    """The tools of which one has to be called, by `tool_choice`."""
    choice = prompt.parameters.get("tool_choice")
    if choice in ("required", "any"):
        return tuple(dict.fromkeys(_named(tool) for tool in _functions(prompt)))
    return (_named(choice),) if isinstance(choice, Mapping) and _named(choice) else ()
