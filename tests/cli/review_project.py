"""Projects in git whose cassettes are written here, not recorded: what a recording run would have left behind."""

from __future__ import annotations

import os
import subprocess

from pytest_llm.cassettes import StoredReply, model_record
from pytest_llm.cassettes.document import Entry, write
from pytest_llm.cassettes.identity import identity_of

TEST = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import equals_expected

capital = Prompt(name="capital", model="tiny", system="SYSTEM", user="{{ country }}")
CASES = [{"id": name.lower(), "country": name, "expected": town} for name, town in
         [("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Peru", "Lima")]]

@pytest.mark.llm(capital, cases=CASES, graders=[equals_expected()])
def test_capital(llm_response): ...
"""
FOLDER = "cassettes/test_it/test_capital"
RIGHT = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Peru": "Lima"}


def git(path, *arguments):
    """git, without the settings of this machine."""
    person = {f"GIT_{who}_{what}": "a@b.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(  # git says itself what was wrong
        ["git", "-C", str(path), *arguments],
        check=False,
        env={**os.environ, **person, **quiet},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 or arguments[0] == "merge", done.stderr
    return done.stdout


def commit(path, message="as it is"):
    if not (path / ".git").exists():
        git(path, "init", "-q", "-b", "main")
        (path / ".git/info/exclude").write_text(".pytest_llm/\n__pycache__/\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "--allow-empty", "-m", message)


def chat(text, **message):
    body = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
    return {"json": {"id": "x", "object": "chat.completion", "model": "tiny", "choices": [body]}}


def asked(user, system="SYSTEM", **more):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return model_record("chat/completions", {"model": "tiny", "messages": messages, **more})


def cassette(*exchanges):
    """The text of a cassette: of (request, {slot: body of the reply})."""
    entries = []
    for request, replies in exchanges:
        entry = Entry(identity_of(request), request)
        for slot, body in replies.items():
            entry.replies[slot, 1] = StoredReply(
                slot=slot, number=1, status=200, latency_ms=1, headers={"content-type": "application/json"}, body=body
            )
        entries.append(entry)
    return write(entries)


def write_answers(project, answers, system="SYSTEM", folder=FOLDER):
    """A test and, case by case, the cassette in which the model gave these answers."""
    project.write("test_it.py", TEST.replace("SYSTEM", system))
    for country, answer in answers.items():
        text = cassette((asked(country, system), {"1": chat(answer)}))
        project.write(f"{folder}/{country.lower()}.yaml", text)
