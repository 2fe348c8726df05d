"""Exchanges as a conversation: who said what, then what it took. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_llm.calls import Message, Prices, Response, Usage
from pytest_llm.cassettes import Call, Calls, Exchange, content_of
from pytest_llm.reports import one_line, visible
from pytest_llm.schemas import JSON

_LONGEST_PARAMETER = 60
_LONGEST_UNREAD = 2_000
_LABEL = 11
# Said elsewhere in the conversation, or the conversation itself.
_NO_PARAMETERS = ("model", "messages", "input", "instructions", "system", "tools")


def sample_of(exchange: Exchange) -> str:
    """The sample in an exchange's slot."""
    return exchange.reply.slot.partition("/")[0]


def samples_of(exchanges: Sequence[Exchange]) -> list[str]:
    """The samples of some exchanges, in their order."""
    return sorted({sample_of(one) for one in exchanges}, key=lambda one: (len(one), one))


def _calls(exchanges: Sequence[Exchange]) -> list[Call]:
    return list(Calls(lambda: exchanges, Prices()))


def conversation_lines(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Every sample's exchanges one after another; nothing in the lines acts on a terminal.

    A request that an earlier sample sent too is not repeated, nor what an earlier request of the sample said.
    """
    asked: dict[str, str] = {}
    for sample in samples_of(exchanges):
        mine = [one for one in exchanges if sample_of(one) == sample]
        before: Call | None = None
        for exchange, call in zip(mine, _calls(mine), strict=True):
            yield ""
            yield visible(_heading(exchange))
            if exchange.identity in asked:
                yield f"  {'asked':<{_LABEL}} as in sample {asked[exchange.identity]}"
            else:
                yield from _request(exchange, call, before)
            yield from _reply(exchange, call)
            before = call
        for exchange in mine:
            asked.setdefault(exchange.identity, sample)


def _heading(exchange: Exchange) -> str:
    slot, number = exchange.reply.slot, exchange.reply.number
    body = _body(exchange)
    words = [f"sample {slot}{f' number {number}' if number > 1 else ''}"]
    words += [f"{exchange.request.get('method')} {exchange.request.get('url')}"]
    words += [f"model {one_line(body['model'])}"] if "model" in body else []
    words += [f"{key} {one_line(value, _LONGEST_PARAMETER)}" for key, value in _parameters(body).items()]
    return "   ".join(words)


def _request(exchange: Exchange, call: Call, before: Call | None) -> Iterator[str]:
    if tools := _tools(_body(exchange)):
        yield from _block("tools", "\n".join(tools))
    messages = call.messages
    if known := _known(messages, before):
        yield f"  {'…':<{_LABEL}} {known} message{'' if known == 1 else 's'} as above"
    for message in messages[known:]:
        if text := _text(message.content):
            yield from _block(message.role, text)
        yield from _tool_calls(message.tool_calls)
    if not messages:
        yield from _block("request", _unread({k: v for k, v in exchange.request.items() if k not in ("method", "url")}))


def _known(messages: Sequence[Message], before: Call | None) -> int:
    """How many of the messages were shown with the exchange before."""
    if before is None:
        return 0
    for shown in (before.response.messages if before.response else (), before.messages):
        if shown and list(map(_said, messages[: len(shown)])) == list(map(_said, shown)):
            return len(shown)
    return 0


def _said(message: Message) -> object:
    # A reply without text comes as null, and is sent back as null or as an empty text.
    return message.role, message.content or "", message.tool_calls


def _reply(exchange: Exchange, call: Call) -> Iterator[str]:
    status = exchange.reply.status
    response = call.response
    if response is None:
        yield from _block("reply", _unread(exchange.reply.body))
    else:
        if response.reasoning:
            yield from _block("reasoning", response.reasoning)
        for tool in response.tool_calls:
            yield from _block("tool call", f"{tool.name} {tool.arguments_text}")
        if response.refusal:
            yield from _block("refusal", response.refusal)
        if response.text or not (response.tool_calls or response.refusal):
            yield from _block("reply", response.text or "(empty)")
    words = [f"status {status}"] if status != 200 else []
    words += [response.finish_reason] if response and response.finish_reason else []
    words += [told for told in (_tokens(call.usage),) if told]
    words += [f"{call.latency:.2f} s"] if call.latency is not None else []
    words += [f"by {call.model}"] if call.model and call.model != _body(exchange).get("model") else []
    if words:
        yield from _block("", "   ".join(one_line(word) for word in words))


def _block(label: str, text: str) -> Iterator[str]:
    """A text beside its label, its lines below each other."""
    first, *rest = visible(text).splitlines() or [""]
    yield f"  {label:<{_LABEL}} {first}".rstrip()
    yield from (f"  {'':<{_LABEL}} {line}".rstrip() for line in rest)


def _text(content: JSON) -> str:
    """A message's text; of parts that are none, their kind."""
    if not isinstance(content, list):
        return "" if content is None else str(content)
    return "\n".join(_part(part) for part in content)


def _part(part: JSON) -> str:
    if isinstance(part, Mapping):
        text = part.get("text")
        return text if isinstance(text, str) else f"[{part.get('type', 'part')}] {one_line(part, _LONGEST_PARAMETER)}"
    return one_line(part)


def _tool_calls(calls: Sequence[JSON]) -> Iterator[str]:
    for call in calls:
        function = call.get("function") if isinstance(call, Mapping) else None
        function = function if isinstance(function, Mapping) else {}
        yield from _block("tool call", f"{function.get('name', '?')} {function.get('arguments', '')}")


def _tools(body: Mapping[str, JSON]) -> list[str]:
    """Each tool as `name(parameter, …)`, in the shapes of chat completions, the Responses API and Anthropic."""
    tools = body.get("tools")
    told = []
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, Mapping):
            continue
        inner = tool.get("function")
        function = inner if isinstance(inner, Mapping) else tool
        schema = function.get("parameters") or function.get("input_schema")
        names = schema.get("properties") if isinstance(schema, Mapping) else None
        told.append(f"{function.get('name') or function.get('type')}({', '.join(map(str, names or ()))})")
    return told


def _parameters(body: Mapping[str, JSON]) -> dict[str, JSON]:
    return {str(key): value for key, value in body.items() if key not in _NO_PARAMETERS}


def _tokens(usage: Usage) -> str:
    if usage.prompt_tokens is not None and usage.completion_tokens is not None:
        return f"{usage.prompt_tokens} + {usage.completion_tokens} tokens"
    total = next((one for one in (usage.total_tokens, usage.prompt_tokens) if one is not None), None)
    return "" if total is None else f"{total} tokens"


def _unread(body: Mapping[str, JSON]) -> str:
    """A body that is no conversation: its JSON or text, trimmed; what is no text, as its size."""
    if "base64" in body:
        return f"binary, {len(content_of(body))} bytes"
    value = next(iter(body.values()), "")
    return one_line(value, _LONGEST_UNREAD) or "(empty)"


def _body(exchange: Exchange) -> Mapping[str, JSON]:
    body = exchange.request.get("body")
    return body if isinstance(body, Mapping) else {}


def conversation_json(exchanges: Sequence[Exchange]) -> list[JSON]:
    """The same for a program; texts are as they were recorded."""
    return [_exchange_json(one, call) for one, call in zip(exchanges, _calls(exchanges), strict=True)]


def _exchange_json(exchange: Exchange, call: Call) -> JSON:
    body = _body(exchange)
    return {
        "sample": sample_of(exchange),
        "slot": exchange.reply.slot,
        "number": exchange.reply.number,
        "method": exchange.request.get("method"),
        "url": exchange.request.get("url"),
        "model": call.model,
        "messages": [message.wire for message in call.messages],
        "parameters": _parameters(body),
        "tools": _tools(body),
        "status": exchange.reply.status,
        "reply": None if call.response is None else _response_json(call.response),
        "usage": {name: getattr(call.usage, name) for name in call.usage.__slots__},
        "latency_s": call.latency,
    }


def _response_json(response: Response) -> JSON:
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "refusal": response.refusal,
        "tool_calls": [{"name": one.name, "arguments": one.arguments_text} for one in response.tool_calls],
        "finish_reason": response.finish_reason,
    }
