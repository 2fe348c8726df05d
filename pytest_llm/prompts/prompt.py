"""A prompt: everything that affects a call, in one unit with one version. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from pytest_llm.calls import Api, Message, Request, Response, Usage, add_known, read_reply
from pytest_llm.errors import PromptError
from pytest_llm.prompts.case import digest
from pytest_llm.prompts.sender import sender
from pytest_llm.prompts.template import render, variables
from pytest_llm.schemas import JSON, Leniency, Validator, fingerprint, json_schema_of, validator_for

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

    from pytest_llm.calls.transport import Reply

_NOT_ENDPOINT_PARAMETERS = ("stream", "n")
_ENDPOINT_PARAMETERS = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
)
"""The common ones: an endpoint may pass over one that is misspelt without a word. Others are taken as they are."""


@dataclass(frozen=True, slots=True, init=False)
class Prompt:
    """What is asked of which model, how, and what a good answer has to look like.

    `system` and `user`, or `messages` for a dialogue, are Jinja2 templates over the inputs of a case. An assistant
    message without content is an open turn: there the model is asked, and what it says is kept in the conversation.
    `examples` are pairs of inputs and output, put before the last user message as earlier turns. `answer_after`
    separates reasoning from answer: what follows its last occurrence is validated and graded.
    Every other keyword is a parameter of the endpoint (`temperature=0`); `seed="sample"` derives a seed from the
    inputs and the sample.
    """

    name: str
    model: str
    messages: tuple[Message, ...]
    examples: tuple[tuple[Mapping[str, JSON], JSON], ...]
    #: A pydantic model, any type that pydantic takes, a JSON Schema dict, a compiled regex or a callable.
    schema: Any
    leniency: Leniency
    #: Whether the schema goes to the endpoint too, as `response_format`.
    send_schema: bool
    answer_after: str | None
    tools: tuple[JSON, ...]
    api: Api
    base_url: str | None
    #: The name of a deployment (Azure): requests go to `deployments/<name>` under the address.
    deployment: str | None
    api_key_env: str | None
    parameters: Mapping[str, JSON]

    def __init__(
        self,
        *,
        name: str,
        model: str,
        system: str | None = None,
        user: str | None = None,
        messages: Sequence[Message | Mapping[str, JSON]] = (),
        examples: Sequence[tuple[Mapping[str, JSON], JSON]] = (),
        schema: Any = None,
        leniency: Leniency = "fence",
        send_schema: bool = False,
        answer_after: str | None = None,
        tools: Sequence[JSON] = (),
        api: Api = "chat",
        base_url: str | None = None,
        deployment: str | None = None,
        api_key_env: str | None = None,
        **parameters: JSON,
    ) -> None:
        values = {
            "name": name,
            "model": model,
            "messages": _messages(name, system, user, messages),
            "examples": tuple((dict(inputs), output) for inputs, output in examples),
            "schema": schema,
            "leniency": leniency,
            "send_schema": send_schema,
            "answer_after": answer_after,
            "tools": tuple(tools),
            "api": api,
            "base_url": base_url,
            "deployment": deployment,
            "api_key_env": api_key_env,
            "parameters": {key: value for key, value in parameters.items() if value is not None},
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)
        self._check()

    def _check(self) -> None:
        where = f"Prompt {self.name!r}"
        if self.api not in get_args(Api):
            raise PromptError(f"api={self.api!r} is no API", where=where, instead=get_args(Api))
        if self.deployment is not None and not str(self.deployment).strip():
            raise PromptError(
                f"deployment={self.deployment!r} is not the name of a deployment",
                where=where,
                fix={"write": 'deployment="gpt-4o-eu", or leave it out'},
            )
        if self.answer_after == "":
            raise PromptError("answer_after='' is in every text", where=where, fix={"write": 'answer_after="Answer:"'})
        if self.leniency not in get_args(Leniency):
            raise PromptError(f"leniency={self.leniency!r} is no leniency", where=where, instead=get_args(Leniency))
        if strange := [tool for tool in self.tools if not isinstance(tool, Mapping)]:
            raise PromptError(
                f"a tool is a dict as the endpoint takes it, not {strange[0]!r}",
                where=where,
                fix={"write": 'tools=[{"type": "function", "function": {"name": …, "parameters": {…}}}]'},
            )
        own = [field.name for field in fields(self)] + ["system", "user"]
        for key in self.parameters:
            if key in _NOT_ENDPOINT_PARAMETERS:
                raise PromptError(
                    f"{key}= is not for a declared prompt: one request has one whole reply",
                    where=where,
                    fix={"samples": "pytest --llm-samples 5"} if key == "n" else None,
                )
            near = difflib.get_close_matches(key, own, n=1, cutoff=0.81)
            if key not in _ENDPOINT_PARAMETERS:
                near = near or difflib.get_close_matches(key, _ENDPOINT_PARAMETERS, n=1, cutoff=0.9)
            if near:
                raise PromptError(
                    f"{key}= is no parameter that this library knows, and nearly {near[0]}=",
                    where=where,
                    fix={"write": f"{near[0]}="},
                )

    # -- what is asked ------------------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """12 hex digits over everything that affects the call and what it has to return; not name, address or key."""
        parts = {
            "model": self.model,
            "messages": [message.wire for message in self.messages],
            "examples": [[inputs, _example_text(output)] for inputs, output in self.examples],
            "schema": None if self.schema is None else fingerprint(self.schema),
            "leniency": self.leniency,
            "send_schema": self.send_schema,
            "answer_after": self.answer_after,
            "tools": list(self.tools),
            "api": self.api,
            "parameters": dict(self.parameters),
        }
        if self.deployment is not None:
            parts["deployment"] = self.deployment
        return digest(parts)[:12]

    @property
    def variables(self) -> frozenset[str]:
        """The inputs that the templates ask for."""
        return variables(message.content for message in self.messages)

    def replace(self, **changes: Any) -> Prompt:
        """The same prompt with other fields or parameters; a parameter that is None is left out."""
        kept = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "parameters"}
        if changes.keys() & {"system", "user"} and "messages" not in changes:
            by_role = {message.role: message for message in self.messages}
            if len(by_role) != len(self.messages) or by_role.keys() - {"system", "user"}:
                raise PromptError(
                    "system= and user= cannot be replaced in a dialogue",
                    where=f"Prompt {self.name!r}",
                    fix={"replace": "messages="},
                )
            for role in ("system", "user"):
                if (text := changes.pop(role, by_role)) is None:
                    by_role.pop(role, None)
                elif text is not by_role:
                    by_role[role] = replace_fields(by_role.get(role, Message(role, "")), content=text)
            kept["messages"] = [by_role[role] for role in ("system", "user") if role in by_role]
        return Prompt(**{**kept, **self.parameters, **changes})

    def render(self, **inputs: JSON) -> Request:
        """The first request for these inputs; of a dialogue, up to the first open turn."""
        return next(self.conversation(inputs))

    def validator(self) -> Validator | None:
        """The compiled schema; None without one. Raises SchemaError when it is no schema."""
        return None if self.schema is None else validator_for(self.schema, leniency=self.leniency)

    def conversation(
        self,
        inputs: Mapping[str, JSON],
        *,
        sample: int = 1,
        validator: Validator | None = None,
        validated: bool = True,
    ) -> Generator[Request, Reply, Response]:
        """The call without I/O: yields each request, is sent its reply, returns the response.

        `validator` is the compiled schema, where the caller keeps one; not `validated`, the response has no report.
        """
        said: list[Message] = []
        turns: list[Response] = []
        for message in (*self._turns(inputs), Message("assistant")):
            if not message.is_open:
                said.append(message)
                continue
            reply = yield self._request(said, inputs, sample)
            turn = read_reply(
                self.api,
                reply.data,
                sent=said,
                answer_after=self.answer_after,
                latency=reply.latency,
                cost=reply.cost,
            )
            turns.append(turn)
            said.append(turn.messages[-1])
        validate = (validator or self.validator()) if validated else None
        return replace_fields(
            turns[-1],
            usage=Usage.sum([turn.usage for turn in turns]),
            cost=add_known([turn.cost for turn in turns]),
            latency=add_known([turn.latency for turn in turns]),
            report=None if validate is None else validate(turns[-1].text),
        )

    def _turns(self, inputs: Mapping[str, JSON]) -> list[Message]:
        """The conversation with inputs filled in and examples in their place, its last open turn left to the caller."""
        rendered = []
        for message in self.messages:
            content = render(message.content, inputs)
            rendered.append(message if content is message.content else replace_fields(message, content=content))
        while rendered and rendered[-1].is_open:
            rendered.pop()
        if not self.examples:
            return rendered
        asks = [message for message in self.messages if message.role == "user"]
        shown: list[Message] = []
        for example, output in self.examples:
            shown.append(Message("user", render(asks[-1].content, example)))
            shown.append(Message("assistant", _example_text(output)))
        head = 0
        while rendered[head].role in ("system", "developer"):
            head += 1
        return rendered[:head] + shown + rendered[head:]

    def _request(self, said: Sequence[Message], inputs: Mapping[str, JSON], sample: int) -> Request:
        body: dict[str, JSON] = {"model": self.model}
        body["messages" if self.api == "chat" else "input"] = [message.wire for message in said]
        body.update(self.parameters)
        if body.get("seed") == "sample":
            body["seed"] = seed_of(inputs, sample)
        if self.tools:
            body["tools"] = list(self.tools)
        if self.send_schema:
            body.update(self._response_format())
        return Request(api=self.api, body=body, base_url=self.base_url, deployment=self.deployment)

    def _response_format(self) -> dict[str, JSON]:
        schema = None if self.schema is None else json_schema_of(self.schema)
        if schema is None:
            raise PromptError(
                "send_schema=True needs a schema that JSON Schema can express",
                where=f"Prompt {self.name!r}",
                fix={"give": "schema= a pydantic model, another type, or a JSON Schema dict; or drop send_schema"},
            )
        form = {"name": re.sub(r"\W", "_", self.name)[:64], "schema": schema, "strict": True}
        if self.api == "chat":
            return {"response_format": {"type": "json_schema", "json_schema": form}}
        return {"text": {"format": {"type": "json_schema", **form}}}

    # -- asking -------------------------------------------------------------------------------------------------

    def ask(self, client: OpenAI | None = None, **inputs: JSON) -> Response:
        """Ask the model. Without a client: of the prompt's own endpoint and key, kept for the next call.

        Raises EndpointError without a key, CallFailed when there is no reply.
        """
        from pytest_llm.calls.endpoint import Endpoint, client_for
        from pytest_llm.calls.transport import send

        if client is None and (handed := sender()) is not None:
            return run(self.conversation(inputs), lambda request: handed(self, request))
        client = client or client_for(Endpoint.of(self.base_url, self.api_key_env))
        turns = self.conversation(inputs)
        return run(turns, lambda request: send(client, request))

    async def aask(self, client: AsyncOpenAI | None = None, **inputs: JSON) -> Response:
        """Ask the model without blocking. Give a client where many are asked: one is made and closed per call."""
        from pytest_llm.calls.endpoint import Endpoint, async_client_for
        from pytest_llm.calls.transport import asend

        if client is None and (handed := sender()) is not None:
            return run(self.conversation(inputs), lambda request: handed(self, request))
        turns = self.conversation(inputs)
        request = next(turns)
        own = async_client_for(Endpoint.of(self.base_url, self.api_key_env)) if client is None else None
        try:
            while True:
                request = turns.send(await asend(cast("AsyncOpenAI", client or own), request))
        except StopIteration as end:
            return cast("Response", end.value)
        finally:
            if own is not None:
                await own.close()

    @classmethod
    def load(cls, path: str | Path, **changes: Any) -> Prompt:
        """The prompt in a file: YAML front matter, and a Jinja2 body. Keywords replace what the file says.

        A relative path is relative to the working directory. Raises PromptError naming file and line.
        """
        from pytest_llm.prompts.prompt_file import read_prompt_file

        keywords = {**read_prompt_file(Path(path)), **changes}
        try:
            return cls(**keywords)
        except (TypeError, ValueError) as error:
            raise PromptError(f"the front matter is no prompt's: {error}", where=str(path)) from error


def seed_of(inputs: Mapping[str, JSON], *more: JSON) -> int:
    """The seed of a draw: the same wherever it is drawn, and another one for everything else."""
    return int(digest([inputs, *more])[:7], 16)


def run(turns: Generator[Request, Reply, Response], send: Any) -> Response:
    """Drive a conversation with a function from request to reply."""
    request = next(turns)
    while True:
        reply = send(request)
        try:
            request = turns.send(reply)
        except StopIteration as end:
            return cast("Response", end.value)


def _messages(
    name: str, system: str | None, user: str | None, messages: Sequence[Message | Mapping[str, JSON]]
) -> tuple[Message, ...]:
    short = [Message("system", system)] if system is not None else []
    short += [Message("user", user)] if user is not None else []
    if bool(short) == bool(messages):
        raise PromptError(
            "a prompt has either system=/user= or messages=",
            where=f"Prompt {name!r}",
            instead=["both"] if short else ["neither"],
        )
    given = tuple(short) or tuple(Message.of(message) for message in messages)
    if not any(message.role == "user" for message in given):
        raise PromptError("a prompt needs a user message", where=f"Prompt {name!r}", fix={"add": 'user="{{ … }}"'})
    return given


def _example_text(output: JSON) -> str:
    """An example's output as the model should have written it: text as it is, anything else as JSON."""
    if isinstance(output, str):
        return output
    dump = getattr(output, "model_dump", None)
    return json.dumps(output if dump is None else dump(mode="json"), ensure_ascii=False)
