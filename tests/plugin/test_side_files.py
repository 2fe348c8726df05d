"""Vectors, pictures and megabytes, from an application's call to the replay, to a revert and to what is pruned."""

from __future__ import annotations

import base64
import hashlib
import random
import subprocess

import pytest

from pytest_llm.cli.reviewing.repository import changed_files, open_repository, restore

PICTURE = base64.b64encode(random.Random(1).randbytes(60_000)).decode()
VECTOR = [random.Random(2).uniform(-1, 1) for _ in range(256)]

TEST = """
import base64, hashlib, openai, pytest, os

client = openai.OpenAI(api_key="none", base_url=os.environ["OPENAI_BASE_URL"], max_retries=0)

@pytest.mark.llm
def test_draws():
    reply = client.images.generate(model="tiny", prompt="WHAT")
    assert hashlib.sha256(base64.b64decode(reply.data[0].b64_json)).hexdigest() == "DIGEST"

@pytest.mark.llm
def test_embeds():
    reply = client.embeddings.create(model="tiny", input="a cat", encoding_format="float")
    assert len(reply.data[0].embedding) == 256
    assert sum(reply.data[0].embedding) == SUM

@pytest.mark.llm
def test_sees():
    content = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 400).decode()}}]
    reply = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": content}])
    assert len(reply.choices[0].message.content) > 1_000_000
"""


def answer(body, number):
    if "prompt" in body:
        return {"created": number, "data": [{"b64_json": PICTURE}]}
    if "input" in body:
        return {"object": "list", "model": "tiny", "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}]}
    return "a cat, " * 200_000


@pytest.fixture
def recorded(project, serve):
    project.use(serve(answer))
    digest = hashlib.sha256(base64.b64decode(PICTURE)).hexdigest()
    text = TEST.replace("DIGEST", digest).replace("SUM", repr(sum(VECTOR)))
    project.write("test_it.py", text.replace("WHAT", "a cat"))
    project.record().assert_outcomes(passed=3)
    project.text = text
    return project


def beside(project):
    return sorted(path.name for path in project.path.glob("cassettes/**/files/*"))


def test_what_is_aside_replays_and_the_cassettes_stay_readable(recorded):
    recorded.run().assert_outcomes(passed=3)
    assert [name.split(".")[0] for name in beside(recorded)] == ["test_draws", "test_sees"]
    texts = recorded.cassettes()
    assert all(len(text) < 4_000 for text in texts.values())
    assert "<102400 bytes, sha256 " in texts["cassettes/test_it/test_sees/test_sees.yaml"]
    listed = recorded.command("cassettes", "list")
    listed.stdout.fnmatch_lines(["3 cassettes of 3 tests, *"])


def test_a_review_reads_them_from_git_and_a_revert_brings_them_back(recorded):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    for command in (["init", "-q"], ["add", "cassettes", "test_it.py"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=recorded.path, check=True)
    before = beside(recorded)
    recorded.write("test_it.py", recorded.text.replace("WHAT", "a dog"))
    recorded.record().assert_outcomes(passed=3)
    assert beside(recorded) == before
    result = recorded.command("review")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*1 sample of 1 cassette differ*"])
    recorded.write("test_it.py", recorded.text.replace("WHAT", "a cat"))
    for path in recorded.path.glob("cassettes/test_it/test_draws/**/*.*"):
        path.unlink()
    repository = open_repository(recorded.path, "HEAD")
    [file] = changed_files(repository)
    restore(repository, file)
    assert beside(recorded) == before
    recorded.run().assert_outcomes(passed=3)


def test_they_go_with_their_cassette(recorded):
    recorded.write("test_it.py", recorded.text.replace("def test_draws", "def not_a_test").replace("WHAT", "x"))
    recorded.run().assert_outcomes(passed=2)
    assert recorded.command("cassettes", "prune", "--yes").ret == 0
    assert [name.split(".")[0] for name in beside(recorded)] == ["test_sees"]
    recorded.run().assert_outcomes(passed=2)
