"""Mocks and replaced methods in use on a marked test: what they answer must not be recorded as the model's."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_server import ModelServer
from trial import Project, Tally

SENDS = """
import json, os, threading, unittest.mock
import httpx, openai, pytest, requests, urllib3
from pytest_llm import Prompt

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
FAKE = {"id": "x", "object": "chat.completion", "created": 1, "model": "tiny",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "mocked"}, "finish_reason": "stop"}]}
def said(reply): return reply.json()["choices"][0]["message"]["content"]
def by_httpx(): return said(httpx.post(URL, json=BODY))
def by_client(): return said(httpx.Client().post(URL, json=BODY))
def by_requests(): return said(requests.post(URL, json=BODY))
def by_openai():
    return openai.OpenAI(max_retries=0).chat.completions.create(**BODY).choices[0].message.content
def by_urllib3(): return urllib3.PoolManager().request("POST", URL, json=BODY).json()["choices"]
def declared(): return Prompt(name="p", model="tiny", user="hi").ask().text
def faked(request): return httpx.Response(200, json=FAKE)
def in_thread(ask):
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
pytestmark = pytest.mark.llm
"""


@dataclass(frozen=True)
class Mock:
    """A test in which something answers in the model's place."""

    text: str
    #: The library that it needs.
    needs: str = ""
    #: Whether it is no mock, and has to be recorded.
    is_harmless: bool = False
    #: Whether the page says that it is not noticed.
    is_known: bool = False


_REPLACED = "def test_x(monkeypatch):\n    monkeypatch.setattr({})\n    {}()\n"
MOCKS: Mapping[str, Mock] = {
    "respx, decorator": Mock("import respx\n@respx.mock\ndef test_x():\n    respx.post(URL).respond(json=FAKE)\n    by_httpx()\n", "respx"),
    "respx, with": Mock("import respx\ndef test_x():\n    with respx.mock as r:\n        r.post(URL).respond(json=FAKE)\n        by_client()\n", "respx"),
    "respx, in a thread": Mock("import respx\ndef test_x():\n    with respx.mock as r:\n        r.post(URL).respond(json=FAKE)\n        in_thread(by_httpx)\n", "respx"),
    "respx, never stopped": Mock("import respx\ndef test_x():\n    r = respx.mock(assert_all_called=False)\n    r.start()\n    r.post(URL).respond(json=FAKE)\n    by_httpx()\n", "respx"),
    "respx, fixture of a module": Mock("import respx\n@pytest.fixture(scope='module')\ndef r():\n    with respx.mock as r:\n        r.post(URL).respond(json=FAKE)\n        yield r\ndef test_x(r): by_httpx()\n", "respx"),
    "respx, openai SDK": Mock("import respx\n@respx.mock\ndef test_x():\n    respx.post(URL).respond(json=FAKE)\n    by_openai()\n", "respx"),
    "respx, declared prompt": Mock("import respx\n@respx.mock\ndef test_x():\n    respx.post(URL).respond(json=FAKE)\n    declared()\n", "respx"),
    "respx, using pass-through": Mock("import respx\n@respx.mock\ndef test_x():\n    respx.route().pass_through()\n    by_httpx()\n", "respx"),
    "responses, decorator": Mock("import responses\n@responses.activate\ndef test_x():\n    responses.post(URL, json=FAKE)\n    by_requests()\n", "responses"),
    "responses, with": Mock("import responses\ndef test_x():\n    with responses.RequestsMock() as r:\n        r.post(URL, json=FAKE)\n        by_requests()\n", "responses"),
    "responses, fixture": Mock("import responses\n@pytest.fixture\ndef r():\n    with responses.RequestsMock() as r:\n        r.post(URL, json=FAKE)\n        yield r\ndef test_x(r): by_requests()\n", "responses"),
    "transport of httpx": Mock(_REPLACED.format("httpx.HTTPTransport, 'handle_request', lambda self, request: faked(request)", "by_httpx")),
    "transport of httpx, openai SDK": Mock(_REPLACED.format("httpx.HTTPTransport, 'handle_request', lambda self, request: faked(request)", "by_openai")),
    "adapter of requests": Mock(_REPLACED.format("requests.adapters.HTTPAdapter, 'send', lambda self, request, **_: (_ for _ in ()).throw(RuntimeError('mocked'))", "by_requests")),
    "urlopen of urllib3": Mock(_REPLACED.format("urllib3.connectionpool.HTTPConnectionPool, 'urlopen', lambda *a, **k: urllib3.HTTPResponse(json.dumps(FAKE).encode(), status=200)", "by_urllib3")),
    "Client.send": Mock(_REPLACED.format("httpx.Client, 'send', lambda self, request, **_: faked(request)", "by_client"), is_known=True),
    "httpx.post": Mock(_REPLACED.format("httpx, 'post', lambda *a, **k: faked(None)", "by_httpx"), is_known=True),
    "create of the SDK": Mock("from openai.resources.chat.completions import Completions\ndef test_x(monkeypatch):\n    made = openai.types.chat.ChatCompletion.model_validate(FAKE)\n    monkeypatch.setattr(Completions, 'create', lambda *a, **k: made)\n    by_openai()\n", is_known=True),
    "mock.patch of a transport": Mock("def test_x():\n    with unittest.mock.patch.object(httpx.HTTPTransport, 'handle_request', side_effect=faked):\n        by_httpx()\n"),
    "transport in process": Mock("def test_x():\n    client = httpx.Client(transport=httpx.MockTransport(faked))\n    assert said(client.post(URL, json=BODY)) == 'mocked'\n    by_httpx()\n", is_harmless=True),
    "a wrapper that passes on": Mock("plain = httpx.HTTPTransport.handle_request\n@pytest.fixture(autouse=True)\ndef traced(monkeypatch):\n    monkeypatch.setattr(httpx.Client, 'close', httpx.Client.close)\ndef test_x(): by_httpx()\n", is_harmless=True),
    "none": Mock("def test_x():\n    by_httpx()\n    by_requests()\n    by_openai()\n", is_harmless=True),
    "respx is imported": Mock("import respx\ndef test_x(): by_httpx()\n", "respx", is_harmless=True),
    "responses is imported": Mock("import responses\ndef test_x(): by_requests()\n", "responses", is_harmless=True),
}  # fmt: skip


def attack(scratch: Path, _chance: random.Random, _size: int, *, is_first: bool) -> list[Tally]:
    """Try every mock whose library is installed, once: recording, and then as a replay of what that has left."""
    tally = Tally("mocks and replaced methods in use on a marked test, and harmless ones")
    with ModelServer(lambda _body, _number: "the model's").running() as server:
        for number, (name, mock) in enumerate(MOCKS.items() if is_first else ()):
            if mock.needs and importlib.util.find_spec(mock.needs) is None:
                tally.outcomes["not tried, as its library is not installed"] += 1
                continue
            project = Project(scratch / f"mock{number}", server.url)
            project.write({"pytest.ini": "[pytest]\n", "test_it.py": SENDS + mock.text})
            for arguments in (("--llm-record",), ()):
                _note(tally, f"{name} {' '.join(arguments)}", mock, project, arguments)
    return [tally]


def _note(tally: Tally, name: str, mock: Mock, project: Project, arguments: tuple[str, ...]) -> None:
    run = project.run(*arguments)
    recorded = b"".join(project.cassettes().values())
    passed = run.outcomes.get("test_x") == "passed"
    problem = run.crash
    if b"mocked" in recorded:
        problem = "the mocked reply was recorded"
    elif mock.is_harmless and not (passed and recorded):
        problem = f"refused, and is harmless\n{run.output[-1500:]}"
    elif passed and not mock.is_harmless and not mock.is_known:
        problem = "green"
    outcome = "harmless" if mock.is_harmless else "not noticed" if passed else "refused"
    tally.note(name, problem, outcome)
