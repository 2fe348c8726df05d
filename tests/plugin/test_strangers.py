"""A repository that knows nothing of the plugin (tests/strangers): marked, recorded, replayed, changed; its code untouched."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from model_server import ModelServer
from scripted_replies import REPLIES, Asked, Reply, chat, completion, plain

STRANGER = Path(__file__).parents[1] / "strangers" / "support_hub"


# -- the scripted models ----------------------------------------------------------------------------------------------


def say_by_chat(asked: Asked) -> Reply:
    """As a model would: it sorts, uses the tool that fits, and answers from what the tool said."""
    system = asked.body["messages"][0]["content"]
    if "You sort e-mails" in system:
        text = asked.text.lower()
        rules = {"back": "return", "handle": "defect", "parcel": "order", "order": "order"}
        queue = next((queue for word, queue in rules.items() if word in text), "other")
        return chat(replace(asked, said=json.dumps({"queue": queue, "urgent": asked.text.startswith("WHERE")})))
    if "a title" in system:
        return chat(replace(asked, said="The basket is here"))
    if asked.body.get("tools") and asked.body["messages"][-1]["role"] == "user":
        order = re.search(r"A-\d+", asked.text)
        name, argument = (
            ("lookup_order", {"order_id": order[0]}) if order else ("search_articles", {"query": asked.text})
        )
        function = {"name": name, "arguments": json.dumps(argument)}
        return plain(completion(None, tool_calls=[{"id": "call_1", "type": "function", "function": function}]))
    return chat(asked)


def embed_by_words(asked: Asked) -> Reply:
    """Counts of three words: a question is near the article that it is about."""
    counts = [
        [1.0 + 9 * text.lower().count(word) for word in ("return", "ship", "warranty")] for text in asked.body["input"]
    ]
    vectors = [base64.b64encode(struct.pack("<3f", *vector)).decode() for vector in counts]
    data = [{"object": "embedding", "index": number, "embedding": vector} for number, vector in enumerate(vectors)]
    return plain(
        {"object": "list", "model": "scripted", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    )


SCRIPT = {**REPLIES, "chat/completions": say_by_chat, "embeddings": embed_by_words}


# -- the repository, marked ---------------------------------------------------------------------------------------------

CONFTEST = """\
import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "integration" in item.path.parts:
            item.add_marker(pytest.mark.llm)
"""
MODELS = 20
"""Tests of the repository that ask models."""
OTHERS = 8


def mark_by_conftest(repo: Path) -> None:
    (repo / "conftest.py").write_text(CONFTEST)


def mark_by_module(repo: Path) -> None:
    for path in repo.glob("tests/integration/test_*.py"):
        path.write_text(path.read_text() + "\n\npytestmark = pytest.mark.llm\n")


@dataclass(frozen=True)
class Ran:
    """One run of the repository's tests: the outcome of every test by its node id."""

    code: int
    outcomes: Mapping[str, str]
    output: str

    def among(self, outcome: str) -> set[str]:
        return {node for node, one in self.outcomes.items() if one == outcome}

    def all_passed(self, count: int) -> None:
        assert self.code == 0, self.output
        assert len(self.among("PASSED")) == len(self.outcomes) == count, self.output


def run(repo: Path, *arguments: str, server: ModelServer | None = None) -> Ran:
    """Runs the tests as its people would: keys and addresses in the environment, or, without a server, none at all."""
    strange = ("OPENAI_", "ANTHROPIC_", "PYTEST_", "SUPPORT_HUB_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    if server is not None:
        env |= {"OPENAI_API_KEY": "sk-strange", "OPENAI_BASE_URL": server.url}
        env |= {"ANTHROPIC_API_KEY": "strange", "ANTHROPIC_BASE_URL": server.root}
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:randomly", *arguments]
    done = subprocess.run(command, cwd=repo, env=env, capture_output=True, text=True, check=False, timeout=300)
    output = done.stdout + done.stderr
    lines = re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED) (tests/.+?)(?: - .*)?$", output, re.MULTILINE)
    return Ran(done.returncode, {node: outcome for outcome, node in lines}, output)


LEFT_BEHIND = {"__pycache__", ".pytest_cache", ".pytest_llm", ".ruff_cache"}


def copy(repo: Path, to: Path) -> Path:
    return shutil.copytree(repo, to, ignore=shutil.ignore_patterns(*LEFT_BEHIND))


def files(repo: Path) -> dict[str, bytes]:
    """What is in a repository, but for what a run leaves behind."""
    paths = (path for path in repo.rglob("*") if path.is_file() and not LEFT_BEHIND & set(path.parts))
    return {path.relative_to(repo).as_posix(): path.read_bytes() for path in paths}


@dataclass(frozen=True)
class Recorded:
    repo: Path
    #: How often each path of the server was asked.
    asked: Counter[str]
    ran: Ran


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Callable[..., Recorded]:
    """Records the repository, marked in one way, once for all tests; the server is gone afterwards."""

    @functools.cache
    def record(mark: Callable[[Path], None]) -> Recorded:
        repo = copy(STRANGER, tmp_path_factory.mktemp("strange") / "support_hub")
        mark(repo)
        with ModelServer(replies=SCRIPT).running() as server:
            ran = run(repo, "--llm-record", server=server)
        return Recorded(repo, Counter(server.paths), ran)

    return record


# -- the walk -----------------------------------------------------------------------------------------------------------


def test_a_recording_run_asks_what_the_suite_asks_without_us(record, tmp_path):
    recorded = record(mark_by_conftest)
    recorded.ran.all_passed(MODELS + OTHERS)
    repo = copy(STRANGER, tmp_path / "support_hub")
    with ModelServer(replies=SCRIPT).running() as server:
        run(repo, "-p", "no:pytest_llm_evals", server=server).all_passed(MODELS + OTHERS)
    assert recorded.asked == Counter(server.paths)


@pytest.mark.parametrize("mark", [mark_by_conftest, mark_by_module])
def test_what_was_recorded_replays_without_server_and_keys(record, tmp_path, mark):
    recorded = record(mark)
    repo = copy(recorded.repo, tmp_path / "support_hub")
    replayed = run(repo)
    replayed.all_passed(MODELS + OTHERS)
    assert f"{recorded.asked.total() - 1} exchanges replayed, nothing asked" in replayed.output
    assert "fixture knowledge   1 replayed" in replayed.output
    assert files(repo) == files(recorded.repo)


def test_nothing_but_cassettes_is_added_and_none_for_what_is_not_marked(record):
    before, after = files(STRANGER), files(record(mark_by_conftest).repo)
    added = after.keys() - before.keys() - {"conftest.py"}
    assert added
    assert all(re.fullmatch(r"tests/integration/cassettes/.+\.yaml", name) for name in added)
    assert {name: after[name] for name in before} == before
    assert not any(b"strange" in after[name] for name in added), "a key was written"


def test_recordings_replay_in_two_processes(record, tmp_path):
    repo = copy(record(mark_by_conftest).repo, tmp_path / "support_hub")
    run(repo, "-n", "2").all_passed(MODELS + OTHERS)


def test_recordings_replay_backwards(record, tmp_path):
    recorded = record(mark_by_conftest)
    repo = copy(recorded.repo, tmp_path / "support_hub")
    backwards = list(reversed(recorded.ran.outcomes))
    ran = run(repo, *backwards)
    ran.all_passed(MODELS + OTHERS)
    assert list(ran.outcomes) == backwards


@pytest.mark.parametrize("name", ["test_quotes_the_article", "UrgencyTest"])
def test_recordings_of_one_test_replay_alone(record, tmp_path, name):
    repo = copy(record(mark_by_conftest).repo, tmp_path / "support_hub")
    ran = run(repo, "-k", name)
    assert ran.code == 0, ran.output
    assert ran.outcomes
    assert all(name in node and outcome == "PASSED" for node, outcome in ran.outcomes.items())


TRIAGE = ("support_hub/triage.py", "Angry customers are urgent.", "Furious customers are urgent.")
AGENT = ("support_hub/agent.py", "Answer in one or two sentences.", "Answer in one sentence.")


@pytest.mark.parametrize(
    ("mark", "edit", "stale", "items", "requests"),
    [
        (mark_by_conftest, TRIAGE, r"/test_triage\.py|::TestDesk::", 10, 4 + 8 + 1 + 2 + 2),
        (mark_by_module, AGENT, r"::TestAgent::|::test_order_mail", 4, 2 + 2 + 2 + 2),
    ],
    ids=["the prompt of a thread pool", "the prompt of a tool loop"],
)
def test_an_edited_prompt_makes_its_tests_stale_and_only_its_requests_are_asked_again(
    record, tmp_path, mark, edit, stale, items, requests
):
    """Though the application catches Exception around every call, and again around the agent."""
    repo = copy(record(mark).repo, tmp_path / "support_hub")
    path, before, after = edit
    text = (repo / path).read_text()
    assert text.count(before) == 1
    (repo / path).write_text(text.replace(before, after))

    ran = run(repo)
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert ran.among("FAILED") == {node for node in ran.outcomes if re.search(stale, node)}
    assert len(ran.among("FAILED")) == items
    assert len(ran.among("PASSED")) == MODELS + OTHERS - items
    assert f"{items} stale, one change: system message −1 +1" in ran.output
    assert f"- {before}" in ran.output
    assert f"+ {after}" in ran.output
    assert not re.search(r"(triage|_ask) failed \(", ran.output), "the application's retries saw the miss"

    with ModelServer(replies=SCRIPT).running() as server:
        run(repo, "--llm-record", server=server).all_passed(MODELS + OTHERS)
    assert Counter(server.paths) == {"/v1/chat/completions": requests}
    assert all(after in asked["messages"][0]["content"] for asked in server.requests)
    run(repo).all_passed(MODELS + OTHERS)
