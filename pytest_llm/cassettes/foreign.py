"""Cassettes of vcrpy, pytest-recording and cassetter, as exchanges on the wire. PYTEST_DONT_REWRITE

vcrpy (YAML or JSON):  interactions: [{request: {method, uri, headers, body}, response: {status: {code}, headers, body:
                       {string}}}]
cassetter (YAML):      the same, with status: <code>, and bodies as {type: json | text | binary | none, content}; binary
                       is hexadecimal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llm.cassettes.compression import decompressed
from pytest_llm.errors import CassetteCorrupt
from pytest_llm.schemas import JSON

_BEGINNINGS = (b"interactions:", b"version:", b"{", b"---")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignExchange:
    """A request and its reply as they were on the wire; compression is undone."""

    method: str
    url: str
    request_body: bytes
    request_type: str
    #: Names in small letters, as those of the reply.
    request_headers: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An exchange that cannot be taken over, and why."""

    #: Method and address, as far as they can be told.
    what: str
    why: str


def looks_foreign(head: bytes) -> bool:
    """Whether a file that begins so may be a cassette of another recorder."""
    return head.lstrip().startswith(_BEGINNINGS) and b"interactions" in head and b"\nrules:" not in head


def read_foreign(content: bytes, path: str) -> list[ForeignExchange | Unreadable]:
    """The exchanges of a cassette. Raises CassetteCorrupt for a file that is none."""
    try:
        tree = _parsed(content.decode())
        interactions = tree["interactions"]
        if not isinstance(interactions, list):
            raise TypeError("interactions is no list")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        told = f"{type(error).__name__}: {str(error)[:200]}"
        raise CassetteCorrupt(
            f"this is no cassette of vcrpy, pytest-recording or cassetter: {told}",
            where=path,
            fix={"of TOML": "cassetter converts its TOML files to YAML"} if path.endswith(".toml") else {},
        ) from error
    return [_exchange(one) for one in interactions]


def _parsed(text: str) -> Any:
    """The document of a text. Raises ValueError, among others."""
    if text.lstrip().startswith("{"):
        return json.loads(text)
    import yaml

    try:
        # Not the C loader: some hundred thousand brackets crash the interpreter in it.
        return yaml.load(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _exchange(one: JSON) -> ForeignExchange | Unreadable:
    what = "an exchange"
    try:
        request, response = one["request"], one["response"]
        what = f"{request['method']} {request['uri']}"
        if not isinstance(request["method"], str) or not isinstance(request["uri"], str):
            raise TypeError("method and uri have to be texts")
        sent, got = _headers(request.get("headers")), _headers(response.get("headers"))
        status = response["status"]
        return ForeignExchange(
            method=request["method"],
            url=request["uri"],
            request_body=_body(request.get("body")),
            request_type=sent.get("content-type", ""),
            request_headers=sent,
            status=int(status["code"] if isinstance(status, dict) else status),
            headers=got,
            content=decompressed(_body(response.get("body")), got.get("content-encoding", "")),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Unreadable(what=what, why=f"{type(error).__name__}: {str(error)[:200]}")


def _headers(found: JSON) -> dict[str, str]:
    """Headers, of which either a text or a list of texts is written."""
    return {
        str(name).lower(): str(value[0] if isinstance(value, list) and value else value)
        for name, value in (found or {}).items()
    }


def _body(body: JSON) -> bytes:
    """A body in any of the forms that the recorders write. Raises ValueError or TypeError for another."""
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if "string" in body:
        return _body(body["string"])
    match body["type"]:
        case "none":
            return b""
        case "text":
            return str(body["content"]).encode()
        case "json":
            return json.dumps(body["content"]).encode()
        case "binary":
            return bytes.fromhex(body["content"])
    raise ValueError(f"a body of type {body['type']!r}")
