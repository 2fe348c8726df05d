"""What no cassette sees: a replay stops it before the network where it can, and docs/clients.md says where it cannot."""

from __future__ import annotations

import sys

import pytest
from model_server import ModelServer

APPS = {
    "raw_socket": """
import socket
def ask(host, port):
    with socket.create_connection((host, port)) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.0\\r\\n\\r\\n")
        assert b"200 OK" in connection.recv(100)
""",
    "asyncio_streams": """
import asyncio
async def main(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /v1/models HTTP/1.0\\r\\n\\r\\n")
    assert b"200 OK" in await reader.readline()
    writer.close()
    await writer.wait_closed()
def ask(host, port):
    asyncio.run(main(host, port))
""",
    "httpcore2": """
import httpcore2
def ask(host, port):
    with httpcore2.ConnectionPool() as pool:
        assert pool.request("GET", f"http://{host}:{port}/v1/models").status == 200
""",
}
SUBPROCESS = f"""
import subprocess
def ask(host, port):
    code = f"import urllib.request; urllib.request.urlopen('http://{{host}}:{{port}}/v1/models')"
    subprocess.run([{sys.executable!r}, "-c", code], check=True, capture_output=True)
"""
TESTS = """
import contextlib, os, pytest
from app import ask
@pytest.mark.llm(cases=[{"id": "a"}])
def test_it(llm_case, llm_calls):
    with contextlib.suppress(OSError):
        ask(os.environ["HOST"], int(os.environ["PORT"]))
        print("SAID", len(llm_calls), "calls")
"""


@pytest.fixture
def run(project, monkeypatch):
    def run(app, server_or_host, *options):
        host, port = (server_or_host, 80) if isinstance(server_or_host, str) else server_or_host.root[7:].split(":")
        monkeypatch.setenv("HOST", host)
        monkeypatch.setenv("PORT", str(port))
        project.write("app.py", app)
        project.write("test_it.py", TESTS)
        return project.run("-s", "-W", "error", *options)

    return run


@pytest.mark.parametrize("name", APPS)
def test_on_loopback_it_passes_unrecorded_elsewhere_a_replay_stops_it(run, project, name):
    with ModelServer().running() as server:
        for options in ((), ("--llm-record",)):
            result = run(APPS[name], server, *options)
            result.assert_outcomes(passed=1)
            result.stdout.fnmatch_lines(["*SAID 0 calls"])
    assert len(server.requests) == 2
    assert not project.cassettes()

    result = run(APPS[name], "models.invalid")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["a look-up of models.invalid was stopped: *"])


def test_a_process_that_the_test_starts_is_on_its_own(run, project):
    with ModelServer().running() as server:
        result = run(SUBPROCESS, server)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*SAID 0 calls"])
    assert len(server.requests) == 1
