"""A first test that runs: written, recorded, replayed, changed; and what stands in its way."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_llm.cli.init import _worth_asking, possible
from pytest_llm.cli.local_servers import LocalServer, answering
from pytest_llm.cli.tutorial_server import MODEL, answer_to, completion

COMMAND = Path(sys.executable).with_name("pytest-llm")
TEST, CASES = Path("tests/test_prompts.py"), Path("tests/cases.jsonl")


@contextlib.contextmanager
def tutorial_server(port="0"):
    """The address of a running tutorial server, and the process."""
    process = subprocess.Popen(
        [COMMAND, "tutorial-server", "--port", port], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().split()[-1], process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def tutorial():
    with tutorial_server() as running:
        yield running


@contextlib.contextmanager
def local_server(answer):
    """A server on loopback whose every GET is answered with this."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", asked
        finally:
            server.shutdown()
            thread.join()


def models(*names):
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


# -- the walk ---------------------------------------------------------------------------------------------------------


def test_the_first_test_is_recorded_replayed_changed_and_asked_again(project, tutorial):
    """The whole walk without an account: init, record, replay offline, edit, stale, record."""
    address, server = tutorial
    result = project.command("init", "--endpoint", "tutorial", "--base-url", address)
    assert result.ret == 0
    port = address.split(":")[2].removesuffix("/v1")
    assert result.outlines == [
        "wrote  tests/test_prompts.py   one prompt, one schema, one grader",
        "       tests/cases.jsonl       3 cases",
        "       .gitignore              +1 line",
        f"found  the tutorial's endpoint: scripted, no model; model {MODEL} (change it in tests/test_prompts.py)",
        f"next   pytest-llm tutorial-server --port {port}   (in another terminal, until Ctrl-C)",
        "then   pytest --llm-record tests/test_prompts.py   (3 requests)",
        "then   pytest tests/test_prompts.py   (offline from now on)",
    ]

    project.record("tests/test_prompts.py").assert_outcomes(passed=3)
    assert len(project.cassettes()) == 3
    assert all("scripted-tutorial" in text for text in project.cassettes().values())

    server.kill()
    server.wait()
    project.run("tests/test_prompts.py").assert_outcomes(passed=3)

    changed = (project.path / TEST).read_text(encoding="utf-8").replace("Answer with JSON and nothing else", "Answer")
    project.write(str(TEST), changed.replace('{"topic": "billing", "order": 4711}\n', ""))
    result = project.run()
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(['3 stale, one change of Prompt "sort-mail": system message −2 +1'])

    # The scripted endpoint answers in a sentence where nobody asks for JSON, as a model may.
    with tutorial_server(port):
        result = project.record()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*This looks like mail about delivery.*"])


def test_what_is_written_is_what_a_person_would_write(project):
    pytest.importorskip("ruff", reason="one of the linters that may read it")
    assert project.command("init", "--endpoint", "openai", "--model", "m" * 90).ret == 0
    for check in (["check", "--isolated", "--select", "E,F,I"], ["format", "--isolated", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "tests"]
        ran = subprocess.run(command, cwd=project.path, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stdout
    text = (project.path / TEST).read_text(encoding="utf-8")
    assert "base_url" not in text
    assert f'    model="{"m" * 90}",  # noqa: E501\n' in text
    assert len([json.loads(line) for line in (project.path / CASES).read_text().splitlines()]) == 3


# -- where ------------------------------------------------------------------------------------------------------------


def test_from_a_subfolder_it_goes_to_the_tests_of_the_project(project):
    inner = project.path / "src" / "app"
    inner.mkdir(parents=True)
    os.chdir(inner)
    result = project.command("init", "--endpoint", "tutorial")
    assert (project.path / TEST).is_file()
    assert (project.path / ".gitignore").read_text() == ".pytest_llm/\n"
    result.stdout.fnmatch_lines(["wrote  ../../tests/test_prompts.py *", "*--llm-record ../../tests/test_prompts.py *"])


def test_outside_of_a_project_it_says_so_and_still_runs(project, tutorial):
    (project.path / "tox.ini").unlink()
    result = project.command("init", "my tests", "--endpoint", "tutorial", "--base-url", tutorial[0])
    assert result.ret == 0
    result.stdout.fnmatch_lines(["then   pytest --llm-record   (3 requests)", "note   no pytest.ini, pyproject.toml*"])
    project.record("-p", "no:randomly").assert_outcomes(passed=3)
    assert (project.path / ".pytest_llm").is_dir()


@pytest.mark.parametrize("there", [TEST, CASES])
def test_a_file_that_is_there_is_kept_and_nothing_is_written(project, there):
    project.write(str(there), "mine\n")
    result = project.command("init", "--endpoint", "tutorial")
    assert result.ret == 1
    assert result.errlines == [
        f"{there.as_posix()} is there already; nothing was written",
        "  another     pytest-llm init tests/prompts",
    ]
    assert list((project.path / "tests").iterdir()) == [project.path / there]
    assert not (project.path / ".gitignore").exists()
    assert (project.path / there).read_text() == "mine\n"


def test_where_it_cannot_write_it_leaves_nothing(project):
    project.write("tests", "a file\n")
    result = project.command("init", "--endpoint", "tutorial")
    assert result.ret == 2
    assert "the first test cannot be written: " in result.errlines[0]
    assert not (project.path / ".gitignore").exists()


def test_a_gitignore_that_cannot_be_written_takes_the_test_with_it(project):
    (project.path / ".gitignore").mkdir()
    result = project.command("init", "--endpoint", "tutorial")
    assert result.ret == 2
    assert not (project.path / TEST).exists()
    assert not (project.path / CASES).exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"build", b"build\n.pytest_llm/\n"),
        (b"build\r\ndist\r\n", b"build\r\ndist\r\n.pytest_llm/\r\n"),
        (b"/.pytest_llm\n", b"/.pytest_llm\n"),
        (b"\xff\n.pytest_llm/", b"\xff\n.pytest_llm/"),
    ],
)
def test_the_gitignore_gets_one_line_of_its_own(project, before, after):
    (project.path / ".gitignore").write_bytes(before)
    result = project.command("init", "--endpoint", "tutorial")
    assert result.ret == 0
    assert (project.path / ".gitignore").read_bytes() == after
    assert (before != after) == (".gitignore" in result.stdout.str())


# -- which endpoint ---------------------------------------------------------------------------------------------------


def test_a_key_in_the_environment_is_taken_first(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    result = project.command("init")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "found  OPENAI_API_KEY; model gpt-4o-mini (change it in tests/test_prompts.py)",
            "       or the tutorial's endpoint: scripted, no model (--endpoint tutorial)",
            "next   pytest --llm-record tests/test_prompts.py   (3 requests)",
        ]
    )
    assert "base_url" not in (project.path / TEST).read_text()
    assert "sk-not-a-key" not in result.stdout.str() + (project.path / TEST).read_text()


def test_a_local_server_that_the_environment_names_tells_its_model(project, monkeypatch):
    with local_server(models("orders-tiny", "other")) as (address, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        result = project.command("init", "--yes")
    assert asked == ["/v1/models"]
    result.stdout.fnmatch_lines([f"found  a local server, {address}; model orders-tiny (change it *"])
    text = (project.path / TEST).read_text()
    assert f'    model="orders-tiny",\n    base_url="{address}",\n' in text


def test_a_server_that_is_named_is_asked_for_its_model(project):
    with local_server(models("orders-tiny")) as (address, _):
        assert project.command("init", "--base-url", address).ret == 0
    assert 'model="orders-tiny"' in (project.path / TEST).read_text()


def test_no_other_machine_is_asked(project):
    result = project.command("init", "--base-url", "http://models.invalid/v1", "--model", "big")
    assert result.ret == 0
    assert 'base_url="http://models.invalid/v1"' in (project.path / TEST).read_text()
    result.stdout.fnmatch_lines(["next   export OPENAI_API_KEY=<your key>"])
    for named in ("http://models.invalid/v1",):
        assert _worth_asking(named, {}, everywhere=True) == []
        assert _worth_asking(None, {"OPENAI_BASE_URL": named}, everywhere=False) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--endpoint", "local", "--base-url", "http://127.0.0.1:1/v1"], "no local server tells a model"),
        (["--base-url", "127.0.0.1:8080"], "'127.0.0.1:8080' is no address of an endpoint"),
        (["--endpoint", "tutorial", "--model", "a\nb"], "'a\\nb' cannot be written into a prompt"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_said_and_nothing_is_written(project, arguments, told):
    result = project.command("init", *arguments)
    assert result.ret == 2
    assert told in "\n".join(result.errlines)
    assert "Traceback" not in result.stderr.str()
    assert not (project.path / "tests").exists()


def test_a_server_that_names_no_model_is_used_with_a_model_that_was_given(project):
    arguments = ["--endpoint", "local", "--base-url", "http://127.0.0.1:1/v1", "--model", 'my "model"']
    assert project.command("init", *arguments).ret == 0
    assert 'model="my \\"model\\"",' in (project.path / TEST).read_text()


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"data": []}', b'{"data": [{"id": 7}]}', models("a\x1b[2J"), models("m" * 1000), b"[" * 99999],
)  # fmt: skip
def test_what_is_no_model_server_is_passed_over(answer):
    with local_server(answer) as (address, asked):
        assert answering([address, "http://127.0.0.1:1/v1"]) == []
    assert asked == ["/v1/models"]


def test_the_best_endpoint_comes_first():
    servers = [LocalServer(base_url="http://127.0.0.1:11434/v1", model="small")]
    key = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "https://models.invalid/v1"}
    told = [choice.told for choice in possible(None, None, servers, key)]
    assert told == [
        "OPENAI_API_KEY at https://models.invalid/v1",
        "Ollama's usual port, http://127.0.0.1:11434/v1",
        "the tutorial's endpoint: scripted, no model",
    ]
    assert [choice.kind for choice in possible(None, None, servers, {})] == ["local", "tutorial"]
    assert [choice.kind for choice in possible(None, None, [], {})] == ["tutorial"]
    assert [choice.kind for choice in possible("local", None, [], key)] == []


# -- on a terminal ----------------------------------------------------------------------------------------------------


def at_a_terminal(project, keys, *arguments):
    """The command's exit code and what it showed, run in a terminal where these keys are pressed; None: the tutorial's."""
    pty = pytest.importorskip("pty", reason="a terminal of its own needs a POSIX system")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments], cwd=project.path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, answered = b"", 0
    with contextlib.suppress(OSError):  # the other end was closed
        while select.select([ours], [], [], 30)[0] and (chunk := os.read(ours, 1000)):
            shown += chunk
            if shown.count(b"number [1]: ") > answered:
                os.write(ours, keys[answered] or re.findall(rb"(\d)  the tutorial", shown)[0] + b"\n")
                answered += 1
    os.close(ours)
    return process.wait(), shown.decode()


@pytest.mark.parametrize(("keys", "kind"), [([b"\n"], "openai"), ([b"9\n", b"x\n", None], "tutorial")])
def test_on_a_terminal_it_asks_which(project, monkeypatch, keys, kind):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    code, shown = at_a_terminal(project, keys, "init")
    assert code == 0
    assert "  1  OPENAI_API_KEY; model gpt-4o-mini" in shown
    assert f"the tutorial's endpoint: scripted, no model; model {MODEL}" in shown
    assert " or the tutorial" not in shown
    assert ("scripted-tutorial" in (project.path / TEST).read_text()) == (kind == "tutorial")


def test_yes_asks_nothing(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    code, shown = at_a_terminal(project, [], "init", "--yes")
    assert code == 0
    assert "found  OPENAI_API_KEY; model gpt-4o-mini" in shown
    assert "number" not in shown


def test_who_ends_the_question_gets_nothing_written(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    code, shown = at_a_terminal(project, [b"\x04"], "init")
    assert code == 2
    assert "no endpoint was chosen; nothing was written" in shown
    assert not (project.path / "tests").exists()


# -- the tutorial's server --------------------------------------------------------------------------------------------


def post(address, content, path="/v1/chat/completions"):
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=5)
    connection.request("POST", path, content)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_the_tutorial_server_says_that_it_has_no_model(tutorial):
    address, process = tutorial
    said = [process.stdout.readline() for _ in range(3)]
    assert said[0].startswith("It has no model.")
    assert answering([address]) == [LocalServer(base_url=address, model="scripted-tutorial")]
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "As JSON: I paid \x1b[2J twice, 4711"}]}
    status, reply = post(address, json.dumps(body))
    assert (status, reply["model"], "usage" in reply) == (200, "scripted-tutorial", False)
    assert reply["choices"][0]["message"]["content"] == '{"topic": "billing", "order": 4711}'
    assert process.stdout.readline() == '   1  {"topic": "billing", "order": 4711}\n'
    assert post(address, "{}", "/v1/responses")[0] == 404
    assert post(address, "")[0] == 400


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"messages": [7]}', b'{"messages": 7}', b'{"messages": [], "stream": true}', b"[" * 99999],
)  # fmt: skip
def test_a_request_that_it_cannot_answer_is_refused(content):
    status, reply = completion(content)
    assert status == 400
    assert reply["error"]["message"].startswith("pytest-llm tutorial-server: ")


def test_the_script_reads_the_last_user_message():
    user = [("user", "log in"), ("assistant", "x"), ("user", "the invoice")]
    assert answer_to(user) == "This looks like mail about billing."
    assert answer_to([("system", "json"), *user]) == '{"topic": "billing", "order": null}'
    assert answer_to([]) == "This looks like mail about account."


def test_a_port_that_is_taken_is_said(project, tutorial):
    port = tutorial[0].split(":")[2].removesuffix("/v1")
    result = project.command("tutorial-server", "--port", port)
    assert result.ret == 2
    assert result.errlines[0].startswith(f"port {port} cannot be taken: ")
    assert project.command("tutorial-server", "--port", "70000").ret == 2


@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is switched off here")
def test_ctrl_c_ends_it_quietly(tutorial):
    _, process = tutorial
    while "Ctrl-C" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out.strip(), err) == (0, "", "")
