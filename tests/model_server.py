"""A scripted model endpoint on loopback, for tests; no model is behind it.

Real HTTP, so that what is tested is what users run: sockets, the SDKs, vcrpy's patch.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripted_replies import (
    PIECE,
    REPLIES,
    Asked,
    Reply,
    brotli_compressed,
    busy,
    completion,
    cut,
    redirect,
    response,
    zipped,
)

__all__ = ["ModelServer", "Reply", "Script", "completion", "response"]

Script = Callable[[dict[str, Any], int], Any]
"""From a request's body and its number (from 1) to the reply: text, a whole JSON body, (status, body), or a Reply."""


class ModelServer:
    """Answers by a script, or, without one, by the table of `scripted_replies`.

    `at("gzip")` is an address of the same endpoint that has a manner: gzip, br, cut (a stream ends in its middle), busy
    (429 to every first try), redirect302, redirect307.
    """

    def __init__(
        self, script: Script | None = None, replies: dict[str, Callable[[Asked], Reply]] | None = None
    ) -> None:
        self.script = script
        self.replies = REPLIES if replies is None else replies
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._tries: Counter[tuple[str, bytes]] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.root}/v1"

    def at(self, manner: str) -> str:
        return f"{self.root}/{manner}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server_version = "ScriptedModel"

            def do_POST(self) -> None:
                content = _content(self)
                reply = server._reply(self.command, self.path, dict(self.headers.items()), content)
                self.send_response(reply.status)
                self.send_header("content-type", reply.kind)
                self.send_header("set-cookie", "session=very-secret-cookie-123")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.streams:
                    _stream(self, reply)
                else:
                    self.send_header("content-length", str(len(reply.content)))
                    self.end_headers()
                    self.wfile.write(reply.content)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _reply(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Reply:
        lower = {name.lower(): value for name, value in headers.items()}
        body = json.loads(content) if content and "multipart" not in lower.get("content-type", "") else {}
        before, _, rest = path.partition("?")[0].rpartition("/v1/")
        manner = before.strip("/")
        with self._lock:
            self.requests.append(body)
            self.paths.append(path)
            self.headers.append(lower)
            number = len(self.requests)
            self._tries[path, content] += 1
            first = self._tries[path, content] % 2 == 1
        asked = Asked(number=number, method=method, path=rest, headers=lower, content=content, body=body)
        if manner.startswith("redirect"):
            return redirect(int(manner.removeprefix("redirect")), path.replace(f"/{manner}", "", 1))
        if manner == "busy" and first:
            return busy()
        reply = self._by_table(asked) if self.script is None else _by_script(self.script(body, number), asked)
        return {"gzip": zipped, "br": brotli_compressed, "cut": cut}.get(manner, Reply.itself)(reply)

    def _by_table(self, asked: Asked) -> Reply:
        found = self.replies.get(asked.path)
        return found(asked) if found else Reply(status=404, content=b'{"error": {"message": "scripted: no such path"}}')

    @contextlib.contextmanager
    def running(self) -> Iterator[ModelServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # fifty may connect at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that is killed breaks its connections off."""


def _content(handler: BaseHTTPRequestHandler) -> bytes:
    """A request's body, of a length that is told or in chunks, as some clients send files."""
    if handler.headers.get("transfer-encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length", 0)))
    content = b""
    while size := int(handler.rfile.readline(), 16):
        content += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return content


def _stream(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    content = reply.content[: len(reply.content) // 2] if reply.cut else reply.content
    for start in range(0, len(content), PIECE):
        piece = content[start : start + PIECE]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        handler.wfile.flush()
    if reply.cut:
        handler.close_connection = True
    else:
        handler.wfile.write(b"0\r\n\r\n")


def _by_script(said: Any, asked: Asked) -> Reply:
    status = 200
    if isinstance(said, tuple):
        status, said = said
    if isinstance(said, Reply):
        return said
    if isinstance(said, bytes):
        return Reply(status=status, kind="text/html", content=said)
    if isinstance(said, str):
        asked = replace(asked, said=said)
        return replace(REPLIES["chat/completions" if "chat" in asked.path else "responses"](asked), status=status)
    return Reply(status=status, content=json.dumps(said).encode())
