"""A scripted model endpoint on loopback, for tests; no model is behind it.

Real HTTP, so that what is tested is what users run: sockets, the openai SDK, vcrpy's patch.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[dict[str, Any], int], Any]
"""From a request's body and its number (from 1) to the reply: text, a whole JSON body, or (status, body)."""


class ModelServer:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server._lock:
                    server.requests.append(body)
                    server.paths.append(self.path)
                    server.headers.append({name.lower(): value for name, value in self.headers.items()})
                    number = len(server.requests)
                status, kind, content = _answer(server.script(body, number), body, self.path)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("set-cookie", "session=very-secret-cookie-123")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

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


def _answer(said: Any, body: dict[str, Any], path: str) -> tuple[int, str, bytes]:
    status = 200
    if isinstance(said, tuple):
        status, said = said
    if isinstance(said, bytes):
        return status, "text/html", said
    if isinstance(said, str):
        said = completion(said, body.get("model", "?")) if "chat" in path else response(said, body.get("model", "?"))
    return status, "application/json", json.dumps(said).encode()


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
