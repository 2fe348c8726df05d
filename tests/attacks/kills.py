"""Runs that record again and are killed, interrupted, or answered by errors; then gone on with, and replayed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from model_server import ModelServer
from trial import LIMIT_S, Project, Tally

from pytest_llm.cassettes.document import read

CASES = 120
_KEY = "going-on"
"""Of the run after one that was broken off, whose requests may still arrive."""
PROJECT = f"""
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains

PROMPT = Prompt(name="p", model="m", user="case {{{{{{{{ n }}}}}}}} of it")
CASES = [{{"id": str(n), "n": n, "expected": f"<{{n}}>"}} for n in range({CASES})]

@pytest.mark.llm(PROMPT, cases=CASES)
def test_kept(llm_response, llm_case):
    assert f"<{{llm_case.inputs['n']}}>" in llm_response.text
""".replace("{{{{", "{{").replace("}}}}", "}}")


class Endpoint:
    """Answers with the number of the case and of the request; a share of the answers may be errors."""

    def __init__(self, chance: random.Random) -> None:
        self.errors = 0.0
        self.sent: set[str] = set()
        self._chance = chance
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any], number: int) -> Any:
        time.sleep(0.15)
        case = body["messages"][-1]["content"].split()[1]
        with self._lock:
            if self._chance.random() < self.errors:
                return self._chance.choice(
                    [{"error": {"message": "out", "code": 502}}, (500, {}), None, {"choices": []}]
                )
            text = f"<{case}> reply {number}"
            self.sent.add(text)
        return text


def attack(scratch: Path, chance: random.Random, size: int, *, is_first: bool) -> list[Tally]:
    """Break off so many runs; each is gone on with."""
    tallies = {
        "kill": Tally(f"runs that record {CASES} replies again, killed at a random moment, with and without xdist"),
        "interrupt": Tally("the same, by SIGINT or SIGTERM"),
        "errors": Tally("the same, from an endpoint that answers only errors, or to a half"),
    }
    endpoint = Endpoint(chance)
    with ModelServer(endpoint).running() as server:
        project = Project(scratch / "kept", server.url)
        project.write({"test_kept.py": PROJECT, "pytest.ini": "[pytest]\n"})
        recorded = project.run("--llm-record")
        if recorded.status != 0:
            tallies["kill"].note("the recording", recorded.output[-2000:])
        for number in range(size if recorded.status == 0 else 0):
            kind = ("kill", "interrupt", "errors")[number % 3]
            workers = chance.choice(((), ("-p", "xdist", "-n", "2")))
            tally = tallies[kind]
            before = _replies(project)
            problem = _broken_off(project, endpoint, kind, workers, chance)
            after = _replies(project)
            replaced = sum(after[case][0] != before[case][0] for case in before if case in after)
            tally.outcomes["replies replaced"] += replaced
            tally.note(f"{kind} {number} {' '.join(workers)}", problem or _lost(before, after, endpoint))
            problem = _gone_on(project, server, endpoint, after)
            if problem:
                tally.note(f"after {kind} {number}", problem)
    return list(tallies.values())


def _broken_off(
    project: Project, endpoint: Endpoint, kind: str, workers: tuple[str, ...], chance: random.Random
) -> str | None:
    """Record again, and break it off; return what went wrong."""
    if kind == "errors":
        endpoint.errors = chance.choice((0.5, 1.0))
        run = project.run("--llm-rerecord", *workers)
        endpoint.errors = 0.0
        return run.crash or ("green though there were errors" if run.status == 0 else None)
    process = project.start("--llm-rerecord", *workers)
    time.sleep(chance.uniform(0.5, 2.5))
    how = signal.SIGKILL if kind == "kill" else chance.choice((signal.SIGINT, signal.SIGTERM))
    if how is signal.SIGINT:
        os.kill(process.pid, how)
    else:
        os.killpg(process.pid, how)
    try:
        process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return "no end after the signal"
    return None


def _replies(project: Project) -> dict[str, tuple[str, int]]:
    """The text of each case's reply, and how many draws were there before it."""
    found = {}
    for path, content in project.cassettes().items():
        for entry in read(content.decode(), path, None).values():
            for reply in entry.replies.values():
                case = str(entry.request["body"]["messages"][-1]["content"]).split()[1]
                found[case] = reply.body["json"]["choices"][0]["message"]["content"], len(reply.earlier)
    return found


def _lost(before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]], endpoint: Endpoint) -> str | None:
    """Return what a run that was broken off has lost, or made up."""
    if missing := before.keys() - after.keys():
        return f"{len(missing)} replies lost"
    for case, (text, earlier) in after.items():
        if text not in endpoint.sent or not text.startswith(f"<{case}>"):
            return f"case {case} has {text!r}"
        if earlier != before[case][1] + (text != before[case][0]):
            return f"case {case}: {earlier} earlier draws after {before[case][1]}"
    return None


def _gone_on(
    project: Project, server: ModelServer, endpoint: Endpoint, before: dict[str, tuple[str, int]]
) -> str | None:
    """Record what is missing, which recovers what was sent, and replay it; return what went wrong."""
    recorded = project.run("--llm-record", OPENAI_API_KEY=_KEY)
    if sent := sum(_KEY in headers.get("authorization", "") for headers in server.headers):
        return f"{sent} requests though nothing was missing"
    files = project.cassettes()
    sent = len(server.requests)
    replayed = project.run()
    for run in (recorded, replayed):
        if run.crash or list(run.outcomes.values()) != ["passed"] * CASES:
            return f"{run.crash or 'not all passed'}\n{run.output[-1500:]}"
    if project.cassettes() != files or len(server.requests) != sent:
        return "a replay has written or sent something"
    left = [*project.folder.glob(".pytest_llm/journals/*.jsonl"), *project.folder.rglob("cassettes/**/.*.tmp")]
    if left:
        return f"left over: {', '.join(path.name for path in left)}"
    return _lost(before, _replies(project), endpoint)
