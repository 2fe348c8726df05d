"""What a reply says, in texts that can be compared and shown. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

from pytest_llm.calls import Prices, Response
from pytest_llm.cassettes import Calls, Exchange


class Block(NamedTuple):
    """A part of what a reply says: "reply", "reasoning", "tool call", "status", …; and its text."""

    label: str
    text: str


def said(exchange: Exchange) -> tuple[Block, ...]:
    """What a reply says, part by part; never nothing."""
    response = Calls(lambda: [exchange], Prices())[0].response
    blocks = list(_of_response(response) if response is not None else _of_body(exchange))
    if exchange.reply.status >= 400:
        blocks.insert(0, Block("status", str(exchange.reply.status)))
    return tuple(blocks) or (Block("reply", ""),)


def _of_response(response: Response) -> Iterator[Block]:
    if response.reasoning:
        yield Block("reasoning", response.reasoning)
    if response.text:
        yield Block("reply", response.text)
    if response.refusal:
        yield Block("refusal", response.refusal)
    for call in response.tool_calls:
        yield Block("tool call", f"{call.name}({call.arguments_text})")
    if response.finish_reason not in (None, "stop", "tool_calls"):
        yield Block("finished", response.finish_reason)


def _of_body(exchange: Exchange) -> Iterator[Block]:
    body = exchange.reply.body
    if "base64" in body:
        content = base64.b64decode(body["base64"])
        digest = hashlib.sha256(content).hexdigest()[:8]  # two that differ have to look different
        yield Block("reply", f"binary, {len(content):,} bytes, sha256 {digest}…")
    elif "json" in body:
        yield Block("reply", json.dumps(body["json"], ensure_ascii=False, sort_keys=True))
    elif "text" in body:
        yield Block("reply", str(body["text"]))
