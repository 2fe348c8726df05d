"""One edit and two hundred cases: said once, grouped, with a count; what has another reason is told apart."""

from __future__ import annotations

import json

import pytest

TEST = """
import json, pytest
from pathlib import Path
from pytest_llm import Prompt

PROMPT = Prompt(
    name="sort", model="tiny", base_url="%s",
    messages=[{"role": "system", "content": "Sort the mail.\\nSay one word."}, {"role": "user", "content": "{{ mail }}"}],
)
CASES = [{"id": f"mail-{n}", "inputs": {"mail": f"Mail number {n}, about {n * n} things."}} for n in range(200)]

@pytest.mark.llm(PROMPT, cases=CASES)
def test_sorts(llm_response):
    assert llm_response.text
"""


@pytest.fixture(scope="module")
def server():
    from model_server import ModelServer

    with ModelServer(lambda body, n: "word").running() as running:
        yield running


@pytest.fixture
def recorded(project, server):
    project.write("test_it.py", TEST % server.url)
    project.record("-n", "2").assert_outcomes(passed=200)
    return project


def test_one_edit_is_told_once_and_only_what_it_touched_is_asked(recorded, server):
    text = (recorded.path / "test_it.py").read_text(encoding="utf-8")
    changed = text.replace("Say one word.", "Say two words.").replace("Mail number 7,", "Mail number 7,")
    recorded.write(
        "test_it.py", changed.replace('f"Mail number {n},', "f\"{'A letter' if n == 7 else 'Mail'} number {n},")
    )
    result = recorded.run("-n", "2")
    result.assert_outcomes(errors=200)
    out = result.stdout.str()
    assert out.count("Say two words.") <= 6, (
        "once for each group in the summary, and with the first failure of a worker"
    )
    result.stdout.fnmatch_lines(
        [
            '199 stale, one change of Prompt "sort": system message −1 +1',
            "    - Say one word.",
            "    + Say two words.",
            "  mail-*, mail-* and 197 more",
            '1 stale of Prompt "sort": system message −1 +1, user message *',
            "  mail-7",
            "  ask again   pytest --llm-record        (200 items)",
        ]
    )
    run = (recorded.path / ".pytest_llm/last-run.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["miss"]["kind"] for line in run[1:]} == {"stale"}

    before = recorded.cassettes()
    asked = len(server.requests)
    recorded.record("-n", "2").assert_outcomes(passed=200)
    assert len(server.requests) == asked + 200
    after = recorded.cassettes()
    assert after.keys() == before.keys()
    assert not any("Say one word." in text for text in after.values()), "what is stale goes when it is recorded again"


def test_every_reason_has_its_message_and_its_group(project, serve):
    server = serve(lambda body, n: "word")
    project.use(server)
    project.write(
        "test_it.py",
        """
import os, pytest, requests

URL = os.environ["OPENAI_BASE_URL"]

def ask(text):
    requests.post(f"{URL}/chat/completions", json={"model": "tiny", "messages": [{"role": "user", "content": text}]})

@pytest.mark.llm
def test_more():
    for _ in range(2 if os.environ.get("MORE") else 1):
        ask("How are you today?")

@pytest.mark.llm
def test_other():
    if os.environ.get("MORE"):
        requests.post(f"{URL}/embeddings", json={"model": "tiny", "input": "Hi"})
    else:
        ask("Hi")

@pytest.mark.llm
def test_new():
    if os.environ.get("MORE"):
        ask("Hello")

@pytest.mark.llm
def test_alien():
    if os.environ.get("MORE"):
        import socket
        socket.getaddrinfo("models.invalid", 443)
""",
    )
    project.record().assert_outcomes(passed=4)
    project._monkeypatch.setenv("MORE", "1")
    result = project.run()
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            'the recording has fewer replies than the test asks for: POST chat/completions of model "tiny", sample 1',
            "  recording   cassettes/test_it/test_more/test_more.yaml",
            "  ask more    pytest --llm-record",
        ]
    )
    result.stdout.fnmatch_lines(
        ["no recording for this request: *", "  recording   cassettes/test_it/test_other/*.yaml"]
    )
    result.stdout.fnmatch_lines(["  recording   cassettes/test_it/test_new/test_new.yaml (no such file)"])
    result.stdout.fnmatch_lines(["*models.invalid*"])
    result.stdout.fnmatch_lines_random(
        [
            "1 with fewer recorded replies than they ask for: test_it.py::test_more",
            "2 without a recording: test_it.py::test_other, test_it.py::test_new",
        ]
    )
    kinds = [
        json.loads(line)["miss"]["kind"]
        for line in (project.path / ".pytest_llm/last-run.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    ]
    assert sorted(kinds) == ["blocked", "exhausted", "missing", "no cassette"]
    assert len(server.requests) == 2
