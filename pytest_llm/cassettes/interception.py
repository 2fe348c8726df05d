"""The one place that touches vcrpy: its patch of the HTTP libraries, with a router behind it. PYTEST_DONT_REWRITE

vcrpy patches whole processes, and two of its cassettes open at once steal each other's requests. So one object plays
the cassette for all of vcrpy, and hands every request to the recorder that it belongs to.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import importlib
import importlib.util
import inspect
import json
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlsplit

import anyio
import vcr.patch
from vcr.cassette import Cassette
from vcr.patch import CassettePatcherBuilder
from vcr.request import Request

from pytest_llm.calls.transport import RECORDED_LATENCY_HEADER
from pytest_llm.cassettes.budget import COME_AGAIN_S, calling
from pytest_llm.cassettes.compression import decompressed
from pytest_llm.cassettes.document import content_of
from pytest_llm.cassettes.foreign_patches import (
    ENTRIES,
    GROUPS,
    foreign_patch,
    group_of,
    is_untouched,
    loaded,
    replaced_entry,
    snapshot,
)
from pytest_llm.cassettes.identity import model_endpoint, record_of
from pytest_llm.cassettes.socket_guard import SocketGuard
from pytest_llm.errors import CallFailed, NoRoomYet

if TYPE_CHECKING:
    from pytest_llm.cassettes.entry import StoredReply
    from pytest_llm.cassettes.foreign_patches import Patch, Place
    from pytest_llm.cassettes.identity import CanonicalRequest
    from pytest_llm.cassettes.recorder import Recorder, Ticket
    from pytest_llm.cassettes.router import Asker, Router

_HTTPX = ("httpx", "httpx2")
_IN_PROCESS = (("WSGITransport", "handle_request"), ("ASGITransport", "handle_async_request"))
_MOCKS = (("MockTransport", "handle_request"), ("MockTransport", "handle_async_request"))


_IS_RAW: ContextVar[bool] = ContextVar("pytest_llm_is_raw", default=False)
"""Whether the library that sends hands over a reply as it came, and decodes it afterwards: httpx does; urllib3 and
aiohttp have decoded it, or raised their own error, before vcrpy gets it."""


class RoutedCassette(Cassette):  # type: ignore[misc] # vcrpy ships no types
    """Looks like a cassette to vcrpy, for every request of every HTTP library.

    What was found for a request travels on vcrpy's own request object, as `pytest_llm`.
    """

    def __init__(self, router: Router) -> None:
        super().__init__(path="<pytest-llm>")
        self._router = router

    # vcrpy asks these, in this order, and some of its stubs ask the first one twice.

    def can_play_response_for(self, request: Any) -> bool:
        """Whether the request is answered from a recording. Raises CassetteMiss when it may not be asked."""
        if not hasattr(request, "pytest_llm"):
            request.pytest_llm = None
            if self._router.records(request.uri):
                asker = self._router.asker(f"{request.method} {urlsplit(request.uri).path}")
                if asker is not None:
                    request.pytest_llm = (asker.recorder, self._taken(asker, request))
        return request.pytest_llm is not None and request.pytest_llm[1].reply is not None

    def _taken(self, asker: Asker, request: Any) -> Ticket:
        try:
            canonical = _canonical(asker.recorder, request)
        except CallFailed as error:
            asker.recorder.note(error)
            raise
        return asker.recorder.take(canonical, asker.role, asker.arm, _address(request))

    def play_response(self, request: Any) -> dict[str, Any]:
        """The recorded response, in vcrpy's form."""
        return _replayed(request.pytest_llm[1].reply)

    def append(self, request: Any, response: dict[str, Any]) -> None:
        """Keep a response that came from the network, with the item that asked, even if that has ended meanwhile."""
        found = self._ticket(request)
        if found is None:
            return
        recorder, ticket = found
        headers = {name.lower(): _first(values) for name, values in response["headers"].items()}
        content = _bytes(response["body"].get("string")) or b""
        try:
            plain = decompressed(content, headers.get("content-encoding", ""), is_raw=_IS_RAW.get())
        except ValueError as error:
            problem = CallFailed(
                str(error),
                where=f"{request.method} {request.uri}",
                fix={"install": "the library that is missing, or have the client send accept-encoding: identity"},
            )
            recorder.note(problem)
            raise problem from error
        recorder.keep(ticket, response["status"]["code"], headers, plain)

    def _ticket(self, request: Any) -> tuple[Recorder, Ticket] | None:
        if hasattr(request, "pytest_llm"):
            found: tuple[Recorder, Ticket] | None = request.pytest_llm
            return found
        # aiohttp follows redirects itself; vcrpy tells of each step afterwards, by requests that it made up.
        if not self._router.records(request.uri):
            return None
        asker = self._router.asker(f"{request.method} {urlsplit(request.uri).path}")
        if asker is None:
            return None
        recorder = asker.recorder
        canonical = _canonical(recorder, request)
        ticket = recorder.opened(canonical, asker.arm)
        return recorder, ticket or recorder.take(canonical, asker.role, asker.arm, _address(request))

    @property
    def write_protected(self) -> bool:
        """Never, for vcrpy: a miss is raised by the recorder, with its reason."""
        return False

    def filter_request(self, request: Any) -> Any:
        """The request, if it is recorded; None lets vcrpy leave its response alone."""
        return request if self._router.records(request.uri) else None

    def find_requests_with_most_matches(self, request: Any) -> list[Any]:
        """The next step of a recorded redirect, for the aiohttp stub, which makes it up as a GET.

        A 307 keeps the method; what it sent, vcrpy did not tell when it was recorded.
        """
        asker = self._router.asker(f"{request.method} {urlsplit(request.uri).path}")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            step = Request(method, request.uri, None, request.headers)
            if asker is not None and asker.recorder.knows(_canonical(asker.recorder, step), asker.arm):
                return [(step,)]
        return [(request,)]


class Interception:
    """vcrpy's patch and, in replay, a guard of the sockets; entered and left as a whole."""

    def __init__(self, router: Router, *, guarded: bool) -> None:
        self._router = router
        self._guard = SocketGuard(router) if guarded else None
        self._patches: contextlib.ExitStack | None = None
        #: What stands where others could put a mock, and how many modules that comes from.
        self._own: dict[Place, Any] = {}
        self._loaded = 0
        #: Whether nothing was replaced then.
        self._is_clean = False
        #: Held while the libraries are patched: threads that send ahead look whether anybody else has patched them.
        self._patching = threading.RLock()

    def enter(self) -> bool:
        """Patch the HTTP libraries; False if they are."""
        with self._patching:
            if self._patches is not None:
                self._note_late_modules()
                return False
            self._patch()
            self._note_late_modules()
        return True

    def _note_late_modules(self) -> None:
        """Note what stands in modules that were loaded since."""
        if (count := loaded()) != self._loaded:
            self._own, self._loaded = snapshot() | self._own, count
            self._is_clean = not any(foreign_patch(group, self._own) for group in GROUPS)

    @property
    def _is_untouched(self) -> bool:
        """Whether nothing is replaced, as far as a quick look shows."""
        return self._is_clean and self._loaded == loaded() and is_untouched(self._own)

    def foreign_patch(self, group: str) -> Patch | None:
        """Return the mock or recorder that stands between requests and the network; None where there is none."""
        with self._patching:
            return None if self._is_untouched else foreign_patch(group, self._own)

    def replaced_entry(self) -> Patch | None:
        """Return what keeps requests from entering the HTTP libraries at all; None where nothing does."""
        with self._patching:
            return None if self._is_untouched else replaced_entry(self._own)

    def _patch(self) -> None:
        self._patches = contextlib.ExitStack()
        https = http.client.HTTPSConnection
        self._patches.enter_context(mock.patch.object(https, "__init__", _with_frozen_names(https.__init__)))
        self._patches.enter_context(mock.patch.object(vcr.patch, "reset_patchers", _resetting(_httplib2_originals())))
        originals = {place: getattr(*place) for place in _transport_methods()}
        for patch in CassettePatcherBuilder(RoutedCassette(self._router)).build():
            self._patches.enter_context(patch)
        for (cls, name), original in originals.items():
            replaced = original
            if cls.__name__ == "HTTPTransport":
                replaced = self._choosing(original, _noting(_raw(getattr(cls, name))))
            elif cls.__name__ == "AsyncHTTPTransport":
                replaced = self._choosing(original, _waiting(_araw(getattr(cls, name))))
            self._patches.enter_context(mock.patch.object(cls, name, replaced))
        for module, cls_name, name in ENTRIES:
            if importlib.util.find_spec(module) is not None:
                target = getattr(importlib.import_module(module), cls_name)
                entered = self._checking(module, getattr(target, name))
                self._patches.enter_context(mock.patch.object(target, name, entered))
        if importlib.util.find_spec("aiohttp") is not None:
            session = importlib.import_module("aiohttp").ClientSession
            # Where every request of it begins, and vcrpy patches too; tests of budgets on aiohttp notice if it goes.
            asks = session._request  # noqa: SLF001 - see above
            self._patches.enter_context(mock.patch.object(session, "_request", _waiting(asks)))
        if self._guard is not None:
            self._guard.enter()

    def leave(self) -> bool:
        """Restore the HTTP libraries; False if they are as they were."""
        if self._patches is None:
            return False
        with self._patching:
            if self._guard is not None:
                self._guard.leave()
            self._patches.close()
            self._patches = None
            self._own, self._loaded, self._is_clean = {}, 0, False
        return True

    def _checking(self, module: str, send: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method by which requests enter a library, with a look at whether a mock waits for them."""
        group = group_of(module)

        def check(request: Any) -> None:
            url = str(request.url)
            # Where nothing is replaced, nobody looks whose the request is.
            if self._router.records(url) and self.foreign_patch(group):
                parts = urlsplit(url)
                what = f"{request.method} {parts.path}"
                if (asker := self._router.asker(what)) is not None:
                    is_model = model_endpoint(parts.path) is not None
                    asker.recorder.refuse_mocks(group, what, None if is_model else parts.hostname)

        if inspect.iscoroutinefunction(send):

            @functools.wraps(send)
            async def asend(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
                check(request)
                return await send(client, request, *args, **kwargs)

            return asend

        @functools.wraps(send)
        def sends(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            check(request)
            return send(client, request, *args, **kwargs)

        return sends

    def _choosing(self, original: Callable[..., Any], patched: Callable[..., Any]) -> Callable[..., Any]:
        """The method of vcrpy for what is recorded; for anything else httpx's own, which does not join streams."""

        @functools.wraps(original)
        def handle(transport: Any, request: Any) -> Any:
            return (patched if self._router.records(str(request.url)) else original)(transport, request)

        return handle


def _raw(patched: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of vcrpy for httpx, which gives it replies that are not decoded yet."""

    @functools.wraps(patched)
    def ask(*args: Any, **kwargs: Any) -> Any:
        token = _IS_RAW.set(True)
        try:
            return patched(*args, **kwargs)
        finally:
            _IS_RAW.reset(token)

    return ask


def _araw(patched: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same, asynchronous."""

    @functools.wraps(patched)
    async def ask(*args: Any, **kwargs: Any) -> Any:
        token = _IS_RAW.set(True)
        try:
            return await patched(*args, **kwargs)
        finally:
            _IS_RAW.reset(token)

    return ask


def _noting(patched: Callable[..., Any]) -> Callable[..., Any]:
    """A method of vcrpy that tells the budget of requests that get no answer."""

    @functools.wraps(patched)
    def ask(*args: Any, **kwargs: Any) -> Any:
        with calling(in_loop=False):
            return patched(*args, **kwargs)

    return ask


def _waiting(patched: Callable[..., Any]) -> Callable[..., Any]:
    """The same, asynchronous; where the budget has no room yet, the event loop goes on until it has."""

    @functools.wraps(patched)
    async def ask(*args: Any, **kwargs: Any) -> Any:
        while True:
            try:
                with calling(in_loop=True):
                    return await patched(*args, **kwargs)
            except NoRoomYet:
                await anyio.sleep(COME_AGAIN_S)

    return ask


def _transport_methods() -> Iterator[tuple[Any, str]]:
    """The methods of httpx and its fork that vcrpy patches: network transports, in-process ones, mocks."""
    network = (("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request"))
    for library in _HTTPX:
        if importlib.util.find_spec(library) is not None:
            module = importlib.import_module(library)
            for cls, method in (*network, *_IN_PROCESS, *_MOCKS):
                yield getattr(module, cls), method


def _resetting(originals: list[tuple[Any, str, Any]]) -> Callable[[], Iterator[Any]]:
    """What vcrpy takes back while it makes or uses a real connection: as little as possible.

    By itself it takes back http.client and urllib3, for the whole process: requests of other threads would slip
    through unrecorded meanwhile, and where two threads do it at once, the patch is lost for good.
    """
    return lambda: (mock.patch.object(*original) for original in originals)


def _with_frozen_names(initialize: Any) -> Any:
    """`http.client.HTTPSConnection.__init__`, which looks its own class up by name, with the names of now."""
    names = dict(initialize.__globals__)
    frozen = types.FunctionType(initialize.__code__, names, "__init__", initialize.__defaults__, initialize.__closure__)
    frozen.__kwdefaults__ = initialize.__kwdefaults__
    return frozen


def _httplib2_originals() -> list[tuple[Any, str, Any]]:
    """The connection classes of httplib2, which look themselves up by name too, and where they belong."""
    if importlib.util.find_spec("httplib2") is None:
        return []
    module = importlib.import_module("httplib2")
    names = ("HTTPConnectionWithTimeout", "HTTPSConnectionWithTimeout")
    return [(module, name, getattr(module, name)) for name in names]


def _canonical(recorder: Recorder, request: Any) -> CanonicalRequest:
    body = _bytes(request.body)
    if body is None:
        raise CallFailed(
            f"a body of type {type(request.body).__name__} cannot be read before it is sent, and so not be recorded",
            where=f"{request.method} {request.uri}",
            fix={
                "send": "bytes, text or JSON instead, or by another HTTP library",
                "or pass by": f"ini llm_ignore_hosts = {urlsplit(request.uri).hostname}",
            },
        )
    headers = {name.lower(): _header_text(value) for name, value in request.headers.items()}
    record = record_of(
        request.method,
        request.uri,
        body,
        headers.get("content-type", ""),
        headers=headers,
        compared=recorder.compared,
    )
    return recorder.canonical(record)


def _address(request: Any) -> str:
    """Without the query, which may hold a key."""
    return str(request.uri).partition("?")[0]


def _header_text(value: Any) -> str:
    first = value[0] if isinstance(value, list | tuple) and value else value
    return first.decode("latin-1") if isinstance(first, bytes) else str(first)


def _replayed(reply: StoredReply) -> dict[str, Any]:
    headers: Mapping[str, str] = reply.headers
    if reply.latency_ms is not None:
        headers = {**headers, RECORDED_LATENCY_HEADER: str(reply.latency_ms)}
    if reply.status >= 400:
        headers = {**headers, "x-should-retry": "false"}  # to the SDKs of OpenAI and Anthropic: replay never sleeps
    return {
        "status": {"code": reply.status, "message": ""},
        "headers": {name: [value] for name, value in headers.items()},
        "body": {"string": content_of(reply.body)},
    }


def _first(values: str | list[str]) -> str:
    return values if isinstance(values, str) else values[0]


def _bytes(body: Any) -> bytes | None:
    """The body of a request; None where it cannot be read, as a form of aiohttp."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, dict | list) and not all(isinstance(part, bytes) for part in body):
        return json.dumps(body).encode()  # of aiohttp, which has not yet written its json=
    if hasattr(body, "read"):
        found: bytes = body.read()
        return found
    parts: list[Any] = list(body) if isinstance(body, Iterable) else [None]
    return b"".join(parts) if all(isinstance(part, bytes) for part in parts) else None
