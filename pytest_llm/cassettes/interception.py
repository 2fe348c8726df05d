"""The one place that touches vcrpy: its patch of the HTTP libraries, entered once, and a router behind it.

vcrpy patches whole processes, and two of its cassettes open at once steal each other's requests. So one object plays
the cassette for all of vcrpy, and hands every request to the recorder of the item that runs. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vcr.cassette import Cassette
from vcr.filters import decode_response
from vcr.patch import CassettePatcherBuilder

from pytest_llm.calls.transport import RECORDED_LATENCY_HEADER
from pytest_llm.cassettes.document import content_of
from pytest_llm.cassettes.identity import model_endpoint, record_of
from pytest_llm.errors import CassetteMiss

if TYPE_CHECKING:
    from pytest_llm.cassettes.document import StoredReply
    from pytest_llm.cassettes.recorder import Recorder, Ticket

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared with, not bound to


class Router(Cassette):  # type: ignore[misc] # vcrpy ships no types
    """Looks like a cassette to vcrpy.

    While no item is open, requests pass through to the network; with `refuse`, as in replay, those that would have been
    looked up do not.
    """

    def __init__(self, *, refuse: bool) -> None:
        super().__init__(path="<pytest-llm>")
        self.recorder: Recorder | None = None
        self._refuse = refuse

    # vcrpy asks these, in this order, for every request of every HTTP library.

    def can_play_response_for(self, request: Any) -> bool:
        """Whether the request is answered from a recording. Raises CassetteMiss when it may not be asked."""
        request.pytest_llm = None
        if not is_recorded(request.uri):
            return False
        if self.recorder is None:
            if self._refuse:
                told = f"{request.method} {urlsplit(request.uri).path} was asked between two tests, and not let through"
                raise CassetteMiss(told, kind="blocked")
            return False
        ticket = self.recorder.take(record_of(request.method, request.uri, _bytes(request.body)))
        request.pytest_llm = (self.recorder, ticket)
        return ticket.reply is not None

    def play_response(self, request: Any) -> dict[str, Any]:
        """The recorded response, in vcrpy's form."""
        return _replayed(request.pytest_llm[1].reply)

    def append(self, request: Any, response: dict[str, Any]) -> None:
        """Keep a response that came from the network, with the item that asked, even if that has ended meanwhile."""
        if request.pytest_llm is None:
            return
        recorder: Recorder
        ticket: Ticket
        recorder, ticket = request.pytest_llm
        plain = decode_response({**response, "headers": dict(response["headers"])})
        headers = {name: _first(values) for name, values in plain["headers"].items()}
        recorder.keep(ticket, plain["status"]["code"], headers, plain["body"]["string"] or b"")

    @property
    def write_protected(self) -> bool:
        """Never, for vcrpy: a miss is raised by the recorder, with its reason."""
        return False

    def filter_request(self, request: Any) -> Any:
        """Nothing is hidden from the recorder, which stores no header at all."""
        return request

    def find_requests_with_most_matches(self, _request: Any) -> list[Any]:
        """Nothing: vcrpy would put it into a message that is never shown."""
        return []


class Interception:
    """vcrpy's patch, entered and left as a whole."""

    def __init__(self, *, refuse: bool) -> None:
        self.router = Router(refuse=refuse)
        self._patches: contextlib.ExitStack | None = None

    def enter(self) -> bool:
        """Patch the HTTP libraries; False if they are."""
        if self._patches is not None:
            return False
        self._patches = contextlib.ExitStack()
        for patch in CassettePatcherBuilder(self.router).build():
            self._patches.enter_context(patch)
        return True

    def leave(self) -> bool:
        """Restore the HTTP libraries; False if they are as they were."""
        if self._patches is None:
            return False
        self._patches.close()
        self._patches = None
        return True


def is_recorded(url: str) -> bool:
    """Whether exchanges with an address are recorded: not loopback, or loopback that looks like a model endpoint."""
    parts = urlsplit(url)
    return parts.hostname not in _LOOPBACK or model_endpoint(parts.path) is not None


def _replayed(reply: StoredReply) -> dict[str, Any]:
    headers: Mapping[str, str] = reply.headers
    if reply.latency_ms is not None:
        headers = {**headers, RECORDED_LATENCY_HEADER: str(reply.latency_ms)}
    return {
        "status": {"code": reply.status, "message": ""},
        "headers": {name: [value] for name, value in headers.items()},
        "body": {"string": content_of(reply.body)},
    }


def _first(values: str | list[str]) -> str:
    return values if isinstance(values, str) else values[0]


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    return body.read() if hasattr(body, "read") else b"".join(body)
