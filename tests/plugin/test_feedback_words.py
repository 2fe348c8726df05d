"""Corrections that were recorded in older words replay in them; what is sent anew is said in those of now."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data" / "words_1"
NOW = re.compile(r"expected a JSON document \(there is other text before the document at line 1 column 1\)")


@pytest.fixture
def recorded(project):
    """Six corrections, recorded in the words of version 1."""
    shutil.copytree(DATA, project.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return project


def test_they_replay(recorded):
    before = recorded.cassettes()
    recorded.run("-p", "no:randomly").stdout.fnmatch_lines(["* exchanges replayed, nothing asked*"])
    assert recorded.cassettes() == before
    assert not any(NOW.search(text) for text in map(str, before.values()))


def test_a_recording_run_leaves_them_and_asks_nothing(recorded, serve):
    server = serve(lambda body, number: "No.")
    recorded.use(server)
    before = recorded.cassettes()
    recorded.record("-p", "no:randomly")
    assert recorded.cassettes() == before
    assert not server.requests


def test_recorded_again_they_are_in_the_words_of_now(recorded, serve):
    def answer(body, number):
        return "Sure! {}" if len(body["messages"]) == 2 else "{}"

    recorded.use(serve(answer))
    recorded.run("--llm-rerecord", "-p", "no:randomly")
    text = "".join(map(str, recorded.cassettes().values()))
    assert NOW.search(text)
    assert "feedback: 2" in text
