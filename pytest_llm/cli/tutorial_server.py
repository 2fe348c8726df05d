"""`pytest-llm tutorial-server`: a scripted endpoint for the first steps; no model is behind it. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llm.errors import OptionError
from pytest_llm.reports import one_line
from pytest_llm.schemas import JSON

PORT = 8421
MODEL = "scripted-tutorial"
SCRIPT = """\
It has no model. It reads the last user message for words about money, parcels and logging in, and for an order
number, and answers with JSON if any message says "JSON", else with a sentence."""
_TOPICS = {
    "billing": ("money", "pay", "paid", "bill", "invoice", "refund", "charge"),
    "delivery": ("parcel", "deliver", "arrive", "shipping", "package"),
    "account": ("account", "password", "log in", "login", "sign in"),
}
_LONGEST_BODY = 10_000_000


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "tutorial-server",
        help="a scripted endpoint for the first steps, where there is no account and no model",
        description=f"Serves an OpenAI-compatible endpoint on this machine, until Ctrl-C.\n\n{SCRIPT}",
        epilog=f"example: pytest-llm tutorial-server --port {PORT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"0 takes any that is free (default: {PORT})")
    parser.set_defaults(run=serve)


def address(port: int) -> str:
    """The address that a prompt's base_url takes."""
    return f"http://127.0.0.1:{port}/v1"


def serve(chosen: argparse.Namespace) -> int:
    """Answer until Ctrl-C."""
    import socketserver

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        # On Windows this would let two servers take one port; elsewhere it lets one start again at once.
        allow_reuse_address = os.name != "nt"

    try:
        server = Server(("127.0.0.1", chosen.port), _handler())
    except (OSError, OverflowError) as error:
        fix = {"take another": "pytest-llm tutorial-server --port 0, and write its address into the prompt's base_url"}
        raise OptionError(f"port {chosen.port} cannot be taken: {error}", fix=fix) from error
    with contextlib.suppress(KeyboardInterrupt), server:
        # Ctrl-C may come as soon as it is named.
        print(f"the tutorial's endpoint: {address(server.server_address[1])}\n{SCRIPT}\nCtrl-C ends it.", flush=True)
        server.serve_forever()
    print()
    return 0


def _handler() -> type:
    from http.server import BaseHTTPRequestHandler

    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "pytest-llm-tutorial"

        def do_GET(self) -> None:
            if self.path.rstrip("/") == "/v1/models":
                return self.answer(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
            return self.answer(404, _error(f"there is no {self.path} here"))

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > _LONGEST_BODY:
                self.close_connection = True
                return self.answer(400, _error("a request needs a body, and its length"))
            content = self.rfile.read(int(length))
            if not self.path.endswith("/chat/completions"):
                return self.answer(404, _error(f"there is no {self.path} here, only /v1/chat/completions"))
            status, reply = completion(content)
            print(f"{next(numbers):>4}  {one_line(_shown(reply))}", flush=True)
            return self.answer(status, reply)

        def answer(self, status: int, body: JSON) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    return Handler


def completion(content: bytes) -> tuple[int, dict[str, JSON]]:
    """The status and the body that answer a request's body."""
    try:
        body = json.loads(content)
        texts = list(_texts(body["messages"]))
        streams = bool(body.get("stream"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 400, _error("the body is no request of chat completions")
    if streams:
        return 400, _error("this scripted endpoint does not stream")
    message = {"role": "assistant", "content": answer_to(texts)}
    # No tokens are told: nothing counted any.
    return 200, {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }


def answer_to(texts: list[tuple[str, str]]) -> str:
    """The scripted answer to a conversation of (role, text).

    >>> answer_to([("system", "Answer with JSON."), ("user", "Where is the parcel of order 4711?")])
    '{"topic": "delivery", "order": 4711}'
    """
    mail = next((text for role, text in reversed(texts) if role == "user"), "")
    words = mail.lower()
    topic = next((name for name, signs in _TOPICS.items() if any(sign in words for sign in signs)), "account")
    number = re.search(r"\b\d{4,9}\b", mail)
    if any("json" in text.lower() for _, text in texts):
        return json.dumps({"topic": topic, "order": int(number[0]) if number else None})
    return f"This looks like mail about {topic}."


def _texts(messages: JSON) -> Iterator[tuple[str, str]]:
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        yield message.get("role"), " ".join(str(part.get("text") or "") for part in parts)


def _error(told: str) -> dict[str, JSON]:
    return {"error": {"message": f"pytest-llm tutorial-server: {told}", "type": "scripted", "code": None}}


def _shown(reply: Mapping[str, JSON]) -> str:
    return str(reply["choices"][0]["message"]["content"] if "choices" in reply else reply["error"]["message"])
