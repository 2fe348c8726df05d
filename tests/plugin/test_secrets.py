"""No secret reaches a file: planted wherever one can be, and every byte that was written is searched."""

from __future__ import annotations

import base64
import json
import secrets
import signal
from urllib.parse import quote

import pytest

#: What the environment of a user holds, in variables that are secrets by their name.
VALUES = {
    "SHOP_TOKEN": "q7w8/e9r0+t1y2=u3&i4",
    "VAULT_SECRET": 'p"a\\s5-ä-8w0rd!',
    "ACME_API_KEY": "0f1e2d3c4b5a69788796a5b4",
}
KEY = "sk-proj-Zz11Zz22Zz33Zz44Zz55"
ORGANIZATION, PROJECT = "org-Ab12Cd34Ef56Gh78Ij90Kl12", "proj_Ab12Cd34Ef56Gh78Ij90Kl12"
HEADERS = ("api-key", "x-api-key", "x-goog-api-key", "cookie", "x-amz-security-token", "helicone-auth")
IN_HEADERS = {name: f"{name}-planted-93ff1" for name in HEADERS}
IN_QUERY = {name: f"{name}-planted-71ab0" for name in ("key", "api_key", "access_token", "sig", "token", "code")}

TEST = """
import base64, json, os, pytest, requests
from urllib.parse import urlencode

PLANTED = json.loads(os.environ["PLANTED"])

def ask(text, **more):
    reply = requests.post(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions?" + urlencode(PLANTED["query"]),
        headers={**PLANTED["headers"], "authorization": "Bearer " + os.environ["OPENAI_API_KEY"],
                 "openai-organization": PLANTED["organization"], "openai-project": PLANTED["project"]},
        json={"model": "tiny", "messages": [{"role": "user", "content": text}], **more},
    )
    return reply.json()["choices"][0]["message"]["content"]

@pytest.mark.llm
def test_plain(llm_grade):
    from pytest_llm.graders import contains
    text = ask("tell me")
    llm_grade(contains("nothing of it"), text)

@pytest.mark.llm
def test_link():
    assert ask("look", image_url="https://files.invalid/a.png?sig=" + PLANTED["query"]["sig"])

@pytest.mark.llm
def test_is_killed(request):
    ask("then die")
    if os.environ.get("DIE"):
        import signal
        os.kill(os.getpid(), signal.SIGKILL)

@pytest.mark.llm
def test_sends_one():
    if text := os.environ.get("SEND"):
        ask("log in with " + text)
"""


def spelled(value):
    """A secret as it may stand in a file, and within a longer text in base64."""
    content = value.encode()
    codes = [base64.b64encode(b"user"[:before] + content + b"after").decode() for before in range(3)]
    urls = [code.replace("+", "-").replace("/", "_") for code in codes]
    return [value, json.dumps(value)[1:-1], quote(value, safe=""), *(code[4:-8] for code in [*codes, *urls])]


def every_byte(project):
    files = [path for path in project.path.rglob("*") if path.is_file()]
    return {path.relative_to(project.path).as_posix(): path.read_bytes() for path in files}


def holds_none(project, *runs):
    planted = [KEY, ORGANIZATION, PROJECT, "very-secret-cookie", *IN_HEADERS.values(), *IN_QUERY.values()]
    planted += [form for value in VALUES.values() for form in spelled(value)]
    written = every_byte(project) | {f"output {number}": run.stdout.str().encode() for number, run in enumerate(runs)}
    found = [(name, form) for form in planted for name, content in written.items() if form.encode() in content]
    assert not found
    return written


@pytest.fixture
def planted(project, serve, monkeypatch):
    """A project whose endpoint tells every secret in every spelling."""
    told = [KEY, ORGANIZATION, PROJECT, *VALUES.values()]
    told += [quote(value, safe="") for value in VALUES.values()]
    told += [
        base64.b64encode(before + value.encode() + b"after").decode()
        for value in VALUES.values()
        for before in (b"", b"u", b"us")
    ]
    told += [base64.urlsafe_b64encode(value.encode() + b"after").decode() for value in VALUES.values()]
    told += [json.dumps({"arguments": json.dumps(value)}) for value in VALUES.values()]
    server = serve(lambda body, n: "I know: " + ", ".join(told))
    project.use(server, key=KEY)
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    plan = {"headers": IN_HEADERS, "query": IN_QUERY, "organization": ORGANIZATION, "project": PROJECT}
    monkeypatch.setenv("PLANTED", json.dumps(plan))
    project.write("test_it.py", TEST)
    return server


def test_none_in_cassettes_run_files_reports_and_output(project, planted):
    recorded = project.record("--llm-json=run.json", "--junitxml=junit.xml")
    recorded.assert_outcomes(passed=3, failed=1)
    replayed = project.run("--llm-json=run.json", "--junitxml=junit.xml")
    replayed.assert_outcomes(passed=3, failed=1)
    verified = project.run("--llm-verify", "-k", "plain")
    written = holds_none(project, recorded, replayed, verified)
    assert {"run.json", "junit.xml", ".pytest_llm/last-run.jsonl"} < written.keys()
    text = project.cassettes()["cassettes/test_it/test_plain/test_plain.yaml"]
    for name in VALUES:
        assert text.count(f"<secret:{name}>") == 7, name
    assert "image_url: https://files.invalid/a.png\n" in "".join(project.cassettes().values())


def test_none_in_the_journal_of_a_killed_run(project, planted, monkeypatch):
    monkeypatch.setenv("DIE", "1")
    assert project.record("-k", "killed").ret == -signal.SIGKILL
    written = holds_none(project)
    assert any(name.endswith(".journal.jsonl") and b"<secret:SHOP_TOKEN>" in text for name, text in written.items())
    monkeypatch.delenv("DIE")
    project.record("-k", "killed").assert_outcomes(passed=1, deselected=3)
    holds_none(project)
    assert len(planted.requests) == 1


@pytest.mark.parametrize("name", [*VALUES, "base64", "quoted"])
def test_one_that_would_be_sent_is_named_and_not_shown(project, planted, monkeypatch, name):
    text = VALUES.get(name, VALUES["SHOP_TOKEN"])
    text = {"base64": base64.b64encode(b"me:" + text.encode()).decode(), "quoted": quote(text, safe="")}.get(name, text)
    monkeypatch.setenv("SEND", text)
    result = project.record("-k", "sends_one", "--llm-json=run.json")
    result.assert_outcomes(failed=1, deselected=3)
    told = name if name in VALUES else "SHOP_TOKEN"
    result.stdout.fnmatch_lines([f"the request's address or body holds a secret ({told}); it was not sent"])
    assert not planted.requests
    replayed = project.run("-k", "sends_one", "--llm-json=run.json")
    replayed.assert_outcomes(failed=1, deselected=3)
    holds_none(project, result, replayed)


def test_a_random_value_is_found_wherever_it_stands_in_base64(project, planted, monkeypatch):
    """Not of the script: it knows the value only in base64, at a place that changes."""
    value = secrets.token_urlsafe(24)
    monkeypatch.setenv("OTHER_SECRET", value)
    planted.script = lambda body, n: base64.b64encode(b"x" * n + value.encode() + b"y" * n).decode()
    project.record("-k", "plain or link or killed").assert_outcomes(passed=2, failed=1, deselected=1)
    text = "".join(project.cassettes().values())
    assert text.count("<secret:OTHER_SECRET>") == 3
    assert not [form for form in spelled(value) if form in text]
