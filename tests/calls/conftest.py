"""An endpoint that answers byte for byte what it is told to: headers, nonsense, or nothing at all."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

DROP = "the connection is closed without a reply"


class ScriptedServer:
    def __init__(self, *replies):
        """Replies in their order, the last one for ever: (status, body, headers), or DROP."""
        self.replies = replies
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.server = HTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    @property
    def requests(self):
        return [json.loads(body) for body in self.bodies]

    def _handler(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                outer.paths.append(self.path)
                reply = outer.replies[min(len(outer.bodies), len(outer.replies)) - 1]
                if reply == DROP:
                    return
                status, body, headers = reply
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        return Handler


@pytest.fixture
def answer_with():
    """`answer_with(reply, …)` starts an endpoint that answers with these replies, one after the other."""
    with contextlib.ExitStack() as stack:

        def start(*replies):
            scripted = ScriptedServer(*replies)
            thread = threading.Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.005})
            thread.start()
            stack.callback(scripted.server.server_close)
            stack.callback(thread.join)
            stack.callback(scripted.server.shutdown)
            return scripted

        yield start
