"""What the scripted endpoint says, by path: chat, responses, messages, embeddings, models, files. No model is behind it.

Every text says that it is scripted, which number it has and what was asked, so that a test can tell replies apart.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

PIECE = 50
"""Bytes that are sent at once of a stream: it ends in the middle of events, and of the é in them."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it arrived; `body` is empty where it was no JSON."""

    number: int
    method: str
    #: After the last /v1/.
    path: str
    headers: Mapping[str, str]
    content: bytes
    body: Mapping[str, Any]
    #: What a test's own script answers.
    said: str | None = None

    @property
    def text(self) -> str:
        """The last text that was sent to the model."""
        said = self.body.get("messages") or self.body.get("input") or "nothing"
        last = said[-1] if isinstance(said, list) else said
        content = last.get("content", last.get("output")) if isinstance(last, dict) else last
        if isinstance(content, list):
            content = next((part.get("text") or part.get("content") for part in content), "")
        return str(content)

    @property
    def answer(self) -> str:
        return f"scripted réply {self.number} to: {self.text}" if self.said is None else self.said

    @property
    def tool(self) -> tuple[str, dict[str, Any]] | None:
        """The first tool that is offered, with arguments for it; None once it was used."""
        tools = self.body.get("tools") or ()
        last = ([*(self.body.get("messages") or ())] or [{}])[-1]
        used = (
            last.get("role") == "tool" or "tool_result" in json.dumps(last) or "function_call_output" in str(self.body)
        )
        if not tools or used or self.said is not None:
            return None
        tool = tools[0].get("function", tools[0])
        return tool["name"], example(tool.get("parameters") or tool.get("input_schema") or {})


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back: in one piece, or as a stream, of which `cut` sends the first half."""

    content: bytes = b""
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    streams: bool = False
    cut: bool = False

    def itself(self) -> Reply:
        return self


def example(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that an object schema of texts and numbers allows."""
    kinds = {"string": "scripted", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    return {name: kinds.get(one.get("type"), "scripted") for name, one in schema.get("properties", {}).items()}


def plain(value: Any) -> Reply:
    return Reply(content=json.dumps(value).encode())


def events(values: Iterable[Any], *, named: bool = False) -> Reply:
    """Server-sent events: named after their type, or closed by [DONE]."""
    written = [
        (f"event: {value['type']}\n" if named else "") + f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
        for value in values
    ]
    text = "".join(written if named else [*written, "data: [DONE]\n\n"])
    return Reply(content=text.encode(), kind="text/event-stream; charset=utf-8", streams=True)


def words(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)]


# -- chat/completions -----------------------------------------------------------------------------------------------


def completion(text: str | None, model: str = "tiny", **message: Any) -> dict[str, Any]:
    """A chat completion as an endpoint writes it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": f"{model}-2026",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def chat(asked: Asked) -> Reply:
    calls = []
    if asked.tool is not None:
        name, arguments = asked.tool
        function = {"name": name, "arguments": json.dumps(arguments)}
        calls = [{"index": 0, "id": "call_1", "type": "function", "function": function}]
    whole = completion(
        None if calls else asked.answer, asked.body.get("model", "tiny"), **({"tool_calls": calls} if calls else {})
    )
    whole["choices"][0]["finish_reason"] = "tool_calls" if calls else "stop"
    return events(_chat_chunks(whole, asked)) if asked.body.get("stream") else plain(whole)


def _chat_chunks(whole: dict[str, Any], asked: Asked) -> Iterable[dict[str, Any]]:
    usage = whole.pop("usage")
    [choice] = whole.pop("choices")
    message = choice["message"]
    deltas = [{"content": word} for word in words(message["content"])] if message["content"] else []
    if "tool_calls" in message:
        deltas.append({"tool_calls": message["tool_calls"]})
    chunk = {**whole, "object": "chat.completion.chunk"}
    for delta in [{"role": "assistant", "content": ""}, *deltas]:
        yield {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    if (asked.body.get("stream_options") or {}).get("include_usage"):
        yield {**chunk, "choices": [], "usage": usage}


# -- responses ------------------------------------------------------------------------------------------------------


def response(text: str, model: str = "tiny") -> dict[str, Any]:
    """A reply of the Responses API."""
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": f"{model}-2026",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
        "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8},
    }


def responses(asked: Asked) -> Reply:
    whole = response(asked.answer, asked.body.get("model", "tiny"))
    whole |= {"created_at": 1, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    whole["output"][0] |= {"id": "msg_1", "status": "completed"}
    whole["output"][0]["content"][0]["annotations"] = []
    if asked.tool is not None:
        name, arguments = asked.tool
        call = {"name": name, "arguments": json.dumps(arguments), "call_id": "call_1", "id": "fc_1"}
        whole["output"] = [{"type": "function_call", "status": "completed", **call}]
    return events(_response_events(whole), named=True) if asked.body.get("stream") else plain(whole)


def _response_events(whole: dict[str, Any]) -> Iterable[dict[str, Any]]:
    [item] = whole["output"]
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    told: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    told.append({"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}})
    if item["type"] == "message":
        [part] = item["content"]
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        told.append({"type": "response.content_part.added", **place, "part": {**part, "text": ""}})
        told += [
            {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
            for word in words(part["text"])
        ]
        told.append({"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []})
        told.append({"type": "response.content_part.done", **place, "part": part})
    told.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    told.append({"type": "response.completed", "response": whole})
    for number, event in enumerate(told):
        yield {**event, "sequence_number": number}


# -- messages (Anthropic) -------------------------------------------------------------------------------------------


def messages(asked: Asked) -> Reply:
    block: dict[str, Any] = {"type": "text", "text": asked.answer}
    if asked.tool is not None:
        name, arguments = asked.tool
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{asked.body.get('model', 'tiny')}-2026",
        "content": [block],
        "stop_reason": "end_turn" if block["type"] == "text" else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7, "cache_read_input_tokens": 2},
    }
    return events(_message_events(whole), named=True) if asked.body.get("stream") else plain(whole)


def _message_events(whole: dict[str, Any]) -> Iterable[dict[str, Any]]:
    [block] = whole["content"]
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    if block["type"] == "text":
        empty: dict[str, Any] = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": word} for word in words(block["text"])]
    else:
        empty = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": whole["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


# -- the rest -------------------------------------------------------------------------------------------------------


def embeddings(asked: Asked) -> Reply:
    """As base64 where that is asked for, as the openai SDK does unasked."""
    given = asked.body["input"]
    vectors: list[Any] = [
        [float(len(text)), 0.25, float(asked.number)] for text in ([given] if isinstance(given, str) else given)
    ]
    if asked.body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<3f", *one)).decode() for one in vectors]
    data = [{"object": "embedding", "index": number, "embedding": one} for number, one in enumerate(vectors)]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    return plain({"object": "list", "model": "tiny-2026", "data": data, "usage": usage})


def models(_: Asked) -> Reply:
    return plain({"object": "list", "data": [{"id": "scripted", "object": "model", "created": 1, "owned_by": "tests"}]})


def files(asked: Asked) -> Reply:
    """An upload, which it does not keep."""
    told = {
        "object": "file",
        "created_at": 1,
        "filename": "scripted.bin",
        "purpose": "assistants",
        "status": "processed",
    }
    return plain({"id": f"file-{asked.number}", "bytes": len(asked.content), **told})


def file_content(asked: Asked) -> Reply:
    return Reply(content=b"\x00\xffscripted " + str(asked.number).encode(), kind="application/octet-stream")


REPLIES: dict[str, Callable[[Asked], Reply]] = {
    "chat/completions": chat,
    "responses": responses,
    "messages": messages,
    "embeddings": embeddings,
    "models": models,
    "files": files,
    "files/file-1/content": file_content,
}
"""By the path after /v1/."""


# -- manners: /gzip/v1/… and the like -------------------------------------------------------------------------------


def zipped(reply: Reply) -> Reply:
    return replace(reply, content=gzip.compress(reply.content), headers={"content-encoding": "gzip"})


def brotli_compressed(reply: Reply) -> Reply:
    import brotli

    return replace(reply, content=brotli.compress(reply.content), headers={"content-encoding": "br"})


def cut(reply: Reply) -> Reply:
    return replace(reply, cut=True)


def busy() -> Reply:
    return Reply(status=429, content=b'{"error": {"message": "scripted: busy"}}', headers={"retry-after-ms": "10"})


def redirect(status: int, location: str) -> Reply:
    return Reply(status=status, headers={"location": location})
