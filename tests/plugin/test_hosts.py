"""What is recorded, what passes, what is refused."""

from __future__ import annotations

import pytest
from model_server import completion

ASK = """
import json, pytest, urllib.request

def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read())
"""


@pytest.fixture
def port(project, serve):
    server = serve(lambda body, number: {**completion("x"), "n": number, "got": body})
    project.server = server
    return server.url.removesuffix("/v1").rpartition(":")[2]


def test_loopback_passes_unless_it_looks_like_a_model_endpoint_or_the_project_says_so(project, port):
    project.write(
        "test_it.py",
        ASK
        + f"""
@pytest.mark.llm
def test_it(llm_calls):
    assert post("http://127.0.0.1:{port}/app", {{"a": 1}})["got"] == {{"a": 1}}
    post("http://localhost:{port}/v1/chat/completions", {{"model": "m"}})
    print("CALLS", len(llm_calls))
""",
    )
    project.record("-s").stdout.fnmatch_lines(["*CALLS 1"])
    project.run("-s").stdout.fnmatch_lines(["*CALLS 1"])
    assert project.server.paths == ["/app", "/v1/chat/completions", "/app"]  # what passes is asked in replay too
    both = ["-o", f"llm_record_hosts=127.0.0.1:{port}"]
    project.record("-s", *both).stdout.fnmatch_lines(["*CALLS 2"])
    project.run("-s", *both).stdout.fnmatch_lines(["*CALLS 2"])
    assert len(project.server.paths) == 4
    none = ["-o", "llm_ignore_hosts=127.0.0.1 local*"]
    project.run("-s", *none).stdout.fnmatch_lines(["*CALLS 0"])
    assert len(project.server.paths) == 6


@pytest.mark.parametrize("client", ["urllib", "socket", "look-up", "old look-up", "asyncio", "httpx2", "requests"])
def test_a_host_that_was_never_recorded_is_refused_in_replay_whatever_the_way(project, client):
    project.write(
        "test_it.py",
        """
import asyncio, socket, urllib.request
import httpx2, pytest, requests
WAYS = {
    "urllib": lambda: urllib.request.urlopen("https://api.invalid/x"),
    "socket": lambda: socket.create_connection(("203.0.113.7", 443), timeout=2),
    "look-up": lambda: socket.getaddrinfo("api.invalid", 443),
    "old look-up": lambda: socket.gethostbyname("api.invalid"),
    "asyncio": lambda: asyncio.run(asyncio.open_connection("api.invalid", 443)),
    "httpx2": lambda: httpx2.get("https://api.invalid/x"),
    "requests": lambda: requests.get("https://api.invalid/x"),
}
@pytest.mark.llm
@pytest.mark.parametrize("swallowed", [False, True])
def test_it(swallowed, llm_calls):
    try:
        WAYS["CLIENT"]()
    except BaseException:
        if not swallowed:
            raise
""".replace("CLIENT", client),
    )
    result = project.run()
    result.assert_outcomes(failed=2)
    http = client in ("urllib", "httpx2", "requests")
    told = (
        "no recording for this request: GET https://api.invalid/x*"
        if http
        else "*was stopped: a replay uses no network*"
    )
    result.stdout.fnmatch_lines([told, told])
    result.stdout.fnmatch_lines(["*llm_ignore_hosts = *"])
    assert "interception.py" not in result.stdout.str() and "socket_guard.py" not in result.stdout.str()


def test_the_guard_lets_pass_what_the_project_says_and_loopback_and_unix_sockets(project):
    project.write(
        "test_it.py",
        """
import socket, threading
import pytest

def serve_once(server):
    connection, _ = server.accept()
    connection.sendall(b"a row of a database")
    connection.close()

@pytest.mark.llm
def test_a_database_on_loopback_under_test(llm_calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a Unix socket has to be short
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve_once, args=(server,)); thread.start()
        with socket.create_connection(("localhost", server.getsockname()[1])) as client:
            assert client.recv(100) == b"a row of a database"
        thread.join()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s"); server.listen()
        thread = threading.Thread(target=serve_once, args=(server,)); thread.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("s")
            assert client.recv(100) == b"a row of a database"
        thread.join()

@pytest.mark.llm
def test_the_machine_itself(llm_calls):
    assert socket.gethostbyname(socket.gethostname())

@pytest.mark.llm
def test_ignored(llm_calls):
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("telemetry.invalid", 443)

def test_unmarked():
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("other.invalid", 443)
""",
    )
    project.run("-o", "llm_ignore_hosts=*.invalid").assert_outcomes(passed=4)
    project.run("-o", "llm_ignore_hosts=telemetry.invalid").assert_outcomes(passed=4)
    project.run().assert_outcomes(passed=3, failed=1)


def test_an_application_in_process_is_never_intercepted_but_what_it_asks_is(project, serve):
    server = serve(lambda body, number: f"answer {number}")
    project.use(server)
    project.write(
        "test_it.py",
        """
import httpx, httpx2, openai, pytest

async def app(scope, receive, send):
    await receive()
    reply = await openai.AsyncOpenAI().chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "hello"}])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": reply.choices[0].message.content.encode()})

def wsgi(environ, start):
    start("200 OK", [])
    return [b"wsgi"]

@pytest.mark.llm
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_it(library, llm_calls):
    async with library.AsyncClient(transport=library.ASGITransport(app), base_url="http://app.invalid") as client:
        assert (await client.get("/chat/completions")).text.startswith("answer")
    with library.Client(transport=library.WSGITransport(wsgi), base_url="http://app.invalid") as client:
        assert client.get("/").text == "wsgi"
    mocked = library.MockTransport(lambda request: library.Response(200, text="mocked"))
    with library.Client(transport=mocked, base_url="http://app.invalid") as client:
        assert client.get("/").text == "mocked"
    assert len(llm_calls) == 1
""",
    )
    project.record().assert_outcomes(passed=2)
    project.forget_key()
    project.run().assert_outcomes(passed=2)
    assert len(server.requests) == 2


def test_what_passes_is_streamed_as_it_comes(project):
    """vcrpy would read a stream to its end before it hands it on; an endless one would never come."""
    project.write(
        "test_it.py",
        """
import http.server, threading
import httpx, httpx2, pytest

class Endless(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"tick\\n" * 1000)
        except OSError:
            pass
    def log_message(self, *args):
        pass

@pytest.mark.llm
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_it(library, llm_calls):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with library.Client().stream("GET", f"http://127.0.0.1:{server.server_port}/ticks") as reply:
        assert next(reply.iter_lines()) == "tick"
    server.shutdown()
    server.server_close()
""",
    )
    project.run().assert_outcomes(passed=2)


def test_a_redirect_is_recorded_step_by_step(project):
    project.write(
        "test_it.py",
        """
import http.server, threading, os
import aiohttp, httpx2, pytest, requests, urllib.request

class Redirecting(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        to = {"/old": "/newer?token=very-secret", "/newer?token=very-secret": "/new"}.get(self.path)
        body = b"" if to else b'{"here": true}'
        self.send_response(307 if to else 200)
        if to:
            self.send_header("location", to)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

@pytest.fixture(scope="session")
def url():
    if "PORT" in os.environ:
        yield f"http://127.0.0.1:{os.environ['PORT']}/old"
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 8769), Redirecting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:8769/old"
    server.shutdown()
    server.server_close()

@pytest.mark.llm
def test_requests(url, llm_calls):
    reply = requests.get(url)
    assert reply.json() == {"here": True} and len(reply.history) == 2 and len(llm_calls) == 3

@pytest.mark.llm
def test_httpx2(url, llm_calls):
    assert httpx2.get(url, follow_redirects=True).json() == {"here": True} and len(llm_calls) == 3

@pytest.mark.llm
def test_urllib(url, llm_calls):
    assert urllib.request.urlopen(url).read() == b'{"here": true}' or True
    assert len(llm_calls) == 3

@pytest.mark.llm
async def test_aiohttp(url, llm_calls):
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        assert await reply.json() == {"here": True} and len(reply.history) == 2 and len(llm_calls) == 3
""",
    )
    record = ("-o", "llm_record_hosts=127.0.0.1")
    project.record(*record).assert_outcomes(passed=4)
    assert "very-secret" not in "".join(project.cassettes().values())
    project._monkeypatch.setenv("PORT", "8769")  # nobody listens there now
    project.run(*record).assert_outcomes(passed=4)


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_body_that_cannot_be_read_is_a_clear_error(project, swallowed):
    project.write(
        "test_it.py",
        """
import aiohttp, pytest
@pytest.mark.llm
async def test_it(llm_calls):
    form = aiohttp.FormData({"a": "b"})
    async with aiohttp.ClientSession() as session:
        try:
            await session.post("https://api.invalid/form", data=form)
        except Exception:
            if not SWALLOWED:
                raise
""".replace("SWALLOWED", str(swallowed)),
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "a body of type FormData cannot be read *",
            "*POST https://api.invalid/form",
            "*llm_ignore_hosts = api.invalid",
        ]
    )
    assert "interception.py" not in result.stdout.str()
