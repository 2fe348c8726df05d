"""Cassettes in a project, and a git repository around them, as a user would have them."""

from __future__ import annotations

import os
import subprocess

import yaml  # noqa: F401 - a run in this process would load it anew, and the writer's classes with it

from pytest_llm.cassettes.document import write
from pytest_llm.cassettes.entry import Entry, StoredReply
from pytest_llm.cassettes.identity import identity_of

SYSTEM = {"role": "system", "content": "Be short.\nBe kind."}
USER = {"role": "user", "content": "Capital of France?"}


def stored(slot="1", text="Paris", number=1, **more):
    """A reply of chat completions as it is kept."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    body = {
        "model": "tiny-2026",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    values = {"status": 200, "latency_ms": 1500, "headers": {}, "body": {"json": body}} | more
    return StoredReply(slot=slot, number=number, **values)


def asked(*replies, url="chat/completions", **body):
    """A request, with the replies to it."""
    request = {"method": "POST", "url": url, "body": {"model": "tiny", "messages": [SYSTEM, USER], **body}}
    return Entry(identity_of(request), request, {(one.slot, one.number): one for one in replies})


def cassette(project, name, *entries, test="test_capital", module="tests/test_geo"):
    folder, _, stem = module.rpartition("/")
    return project.write(f"{folder}/cassettes/{stem}/{test}/{name}.yaml", write(entries or [asked(stored())]))


def git(project, *arguments, date="2026-07-01T12:00:00+00:00"):
    env = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date, "GIT_CONFIG_GLOBAL": os.devnull}
    who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *arguments], cwd=project.path, env=env, check=True, capture_output=True)
