"""Cassettes of synthetic exchanges, ours and stock vcrpy's with the same content, written without asking anybody.

What the endpoint of `orders.py` would have answered is put into files by each library's own writer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import orders
from vcr.request import Request
from vcr.serialize import serialize
from vcr.serializers import yamlserializer

from pytest_llm.cassettes.document import apart, body_of, write
from pytest_llm.cassettes.entry import Entry, StoredReply
from pytest_llm.cassettes.identity import RequestRecord, identity_of, record_of

URL = "http://model.invalid/v1/chat/completions"
JSON_TYPE = "application/json"

MATCHED_ON = ("method", "scheme", "host", "port", "path", "query", "body")
"""By default stock vcrpy leaves the body out, and so answers any prompt with whatever comes first."""


Asked: TypeAlias = tuple[dict[str, Any], Sequence[dict[str, Any]]]
"""The body of a request, and those of the replies to it."""


def asked(number: int, system: str = orders.SYSTEM) -> dict[str, Any]:
    """The body of a request: about 900 bytes as JSON, 600 of them the system prompt."""
    return {
        "model": "scripted",
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": orders.email(number)},
        ],
        "temperature": 0.7,
        "max_tokens": 160,
    }


def sent(number: int) -> bytes:
    """The same on the wire."""
    return _wire(asked(number))


def answered(number: int) -> dict[str, Any]:
    """The body of the reply: about 900 bytes as JSON."""
    return orders.completion(asked(number))


def record(number: int) -> RequestRecord:
    """A request in the form that is looked up."""
    return _record(asked(number))


def one_each(numbers: Iterable[int]) -> list[Asked]:
    """Requests with one reply to each."""
    return [(asked(number), [answered(number)]) for number in numbers]


def our_cassette(path: Path, exchanges: Iterable[Asked]) -> Path:
    """A cassette of ours; the replies to a request are its samples."""
    entries = []
    for body, replies in exchanges:
        request = _record(body)
        kept = [_stored(sample, reply) for sample, reply in enumerate(replies, 1)]
        entries.append(Entry(identity_of(request), request, {(reply.slot, 1): reply for reply in kept}))
    path.write_text(write(apart(entries, path.stem)[0]), encoding="utf-8", newline="\n")
    return path


def _stored(sample: int, reply: dict[str, Any]) -> StoredReply:
    return StoredReply(
        slot=str(sample),
        number=1,
        status=200,
        latency_ms=300 + reply["created"] % 900,
        headers={"content-type": JSON_TYPE},
        body=body_of(json.dumps(reply).encode(), JSON_TYPE),
    )


def stock_cassette(path: Path, exchanges: Iterable[Asked]) -> Path:
    """A cassette of stock vcrpy with the same; a request stands in it once for each reply."""
    interactions = [(_sent(body), _answered(reply)) for body, replies in exchanges for reply in replies]
    requests, responses = zip(*interactions, strict=True)
    text = serialize({"requests": requests, "responses": responses}, yamlserializer)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _sent(body: dict[str, Any]) -> Request:
    """What the openai client sends, less what tells of this machine."""
    content = _wire(body)
    headers = {
        "accept": ["application/json"],
        "accept-encoding": ["gzip, deflate"],
        "connection": ["keep-alive"],
        "content-length": [str(len(content))],
        "content-type": [JSON_TYPE],
        "host": ["model.invalid"],
        "user-agent": ["OpenAI/Python"],
    }
    return Request("POST", URL, content, headers)


def _answered(reply: dict[str, Any]) -> dict[str, Any]:
    content = json.dumps(reply).encode()
    return {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Length": [str(len(content))], "Content-Type": [JSON_TYPE]},
        "body": {"string": content},
    }


def _record(body: dict[str, Any]) -> RequestRecord:
    return record_of("POST", URL, _wire(body), JSON_TYPE)


def _wire(body: dict[str, Any]) -> bytes:
    """A request's body in the spelling of the openai client."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
