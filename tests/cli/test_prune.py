"""What the last full run did not use is shown, and removed when told to; nothing else is."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from terminal import Terminal

COMMAND = Path(sys.executable).with_name("pytest-llm")

TEST = """
import pytest
from pytest_llm import Prompt
PROMPT = Prompt(name="greet", model="tiny", messages=[{"role": "user", "content": "Say {{ word }}"}], base_url="%s")
CASES = [{"id": word, "inputs": {"word": word}} for word in ("one", "two", "three")]

@pytest.mark.llm(PROMPT, cases=CASES, samples=2)
def test_greets(llm_response):
    assert llm_response.text
"""
FIXTURE = """
@pytest.fixture(scope="session")
def index():
    import urllib.request
    request = urllib.request.Request("%s/embeddings", b'{"model": "tiny", "input": "x"}', {"content-type": "application/json"})
    return urllib.request.urlopen(request).read()

@pytest.mark.llm
def test_reads(index):
    assert index
"""
ONE, TWO, THREE = (f"cassettes/test_it/test_greets/{name}.yaml" for name in ("one", "two", "three"))


@pytest.fixture
def server(serve):
    return serve(lambda body, n: {"data": [{"index": 0, "embedding": [0.5]}]} if "input" in body else "hello")


@pytest.fixture
def recorded(project, server):
    """A project whose three cases are recorded in two samples each."""
    project.write("test_it.py", TEST % server.url)
    project.record().assert_outcomes(passed=6)
    return project


def pruned(project, *arguments, code=0):
    result = project.command("cassettes", "prune", *arguments)
    assert result.ret == code, result.stdout.str() + result.stderr.str()
    return result


def edit(project, old, new):
    text = (project.path / "test_it.py").read_text(encoding="utf-8")
    assert old in text
    project.write("test_it.py", text.replace(old, new))


def test_nothing_goes_where_all_is_used(recorded):
    before = recorded.cassettes()
    for arguments in ((), ("-n", "2"), ("--llm-record",)):
        recorded.run(*arguments).assert_outcomes(passed=6)
        result = pruned(recorded, "--yes")
        result.stdout.fnmatch_lines(["the last run, of 6 items, used every recording"])
    assert recorded.cassettes() == before


def test_a_case_that_is_gone_is_an_orphan_until_it_is_pruned(recorded):
    edit(recorded, '"two", ', "")
    before = recorded.cassettes()
    result = recorded.run()
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [f"1 orphan, a cassette that no test uses: {TWO}", "  remove      pytest-llm cassettes prune"]
    )
    shown = pruned(recorded)
    shown.stdout.fnmatch_lines(
        [
            "the last run, of 4 items, did not use:",
            f"  {TWO}   all of it, 2 replies",
            "1 cassette of * kB",
            "nothing was removed",
            "  remove      pytest-llm cassettes prune --yes",
        ]
    )
    assert recorded.cassettes() == before
    pruned(recorded, "--yes").stdout.fnmatch_lines(["removed"])
    assert recorded.cassettes() == {ONE: before[ONE], THREE: before[THREE]}
    again = recorded.run()
    again.assert_outcomes(passed=4)
    again.stdout.no_fnmatch_line("*no test uses*")


def test_samples_that_are_drawn_no_more_and_requests_that_are_asked_no_more_go(recorded):
    edit(recorded, "samples=2", "samples=1")
    recorded.run("-n", "2").assert_outcomes(passed=3)
    found = json.loads(pruned(recorded, "--json").stdout.str())
    assert [(one["path"], one["whole"], one["replies"]) for one in found["unused"]] == [
        (ONE, False, 2),
        (THREE, False, 2),
        (TWO, False, 2),
    ]
    assert all([place["slot"] for place in one["unused"]] == ["2"] for one in found["unused"])
    assert not found["removed"]
    assert json.loads(pruned(recorded, "--json", "--yes", ONE).stdout.str())["removed"]
    result = pruned(recorded, "--yes")
    result.stdout.fnmatch_lines([f"  {TWO} * 1 of 2 replies, sample 2", "2 single replies", "left alone: 1 cassette*"])
    assert not any("slot: '2'" in text for text in recorded.cassettes().values())
    recorded.run().assert_outcomes(passed=3)


def test_an_unused_fixture_and_a_test_that_is_gone_with_its_folders(project, server):
    project.write("test_it.py", TEST % server.url + FIXTURE % server.url)
    project.record().assert_outcomes(passed=7)
    project.run().assert_outcomes(passed=7)
    pruned(project, "--yes").stdout.fnmatch_lines(["*used every recording"])
    assert "cassettes/test_it/fixtures/index.yaml" in project.cassettes()
    project.write("test_it.py", TEST % server.url)
    project.run().assert_outcomes(passed=6)
    pruned(project, "--yes").stdout.fnmatch_lines(["  cassettes/test_it/fixtures/index.yaml * all of it, 1 reply"])
    assert not (project.path / "cassettes/test_it/fixtures").exists()
    (project.path / "test_it.py").rename(project.path / "test_other.py")
    project.record().assert_outcomes(passed=6)
    pruned(project, "--yes")
    assert not (project.path / "cassettes/test_it").exists()
    assert len(project.cassettes()) == 3


PARTIAL = [
    (("-k", "one"), "4 items were deselected"),
    (("-n", "2", "-k", "one or two"), "2 items were deselected"),
    (("test_it.py",), "it ran only test_it.py"),
    (("test_it.py::test_greets",), "it ran only test_it.py::test_greets"),
    (("-o", "addopts=-p no:randomly", "--lf"), "it ran with --lf"),
    (("--ignore=other",), "it ran with --ignore"),
    (("--llm-samples=1",), "it ran with --llm-samples"),
    (("--llm-live",), "it ran with --llm-live"),
    (("--llm-verify",), "it ran with --llm-verify"),
]


@pytest.mark.parametrize(("arguments", "reason"), PARTIAL, ids=lambda value: str(value)[:20])
def test_after_a_partial_run_it_refuses(recorded, monkeypatch, arguments, reason):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    before = recorded.cassettes()
    assert recorded.run(*arguments).ret == 0
    result = pruned(recorded, "--yes", code=2)
    result.stderr.fnmatch_lines([f"the last run was partial, and cannot tell what is unused: {reason}"])
    assert recorded.cassettes() == before


@pytest.mark.parametrize("arguments", [("-x",), ("-x", "-n", "2")])
def test_a_run_that_stopped_early_is_partial(recorded, arguments):
    recorded.write("cassettes/test_it/test_greets/one.yaml", "mangled")
    assert recorded.run(*arguments).ret != 0
    result = pruned(recorded, "--yes", code=2)
    assert "did not run" in result.stderr.str() or "no worker came to its end" in result.stderr.str()


def test_without_a_run_it_says_so(recorded):
    (recorded.path / ".pytest_llm/last-run.jsonl").unlink()
    pruned(recorded, code=2).stderr.fnmatch_lines(["there is no last run to tell what is used", "  run *pytest *"])


def test_what_a_skipped_or_failing_test_may_need_stays(project, server):
    project.write("test_it.py", TEST % server.url + FIXTURE % server.url)
    project.write("test_more.py", "import pytest\npytest.importorskip('math')\n" + TEST % server.url)
    project.record().assert_outcomes(passed=13)
    before = project.cassettes()
    edit(project, "@pytest.mark.llm\ndef", "@pytest.mark.llm\n@pytest.mark.skip\ndef")
    edit(project, "    assert llm_response.text", "    if llm_response.text: pytest.skip()")
    project.write("test_more.py", "import pytest\npytest.importorskip('no_such')\n" + TEST % server.url)
    project.run().assert_outcomes(skipped=8)
    project.run("--llm-json=x.json")
    edit(project, "pytest.skip()", "pytest.fail()")
    project.run().assert_outcomes(failed=6, skipped=2)
    pruned(project, "--yes").stdout.fnmatch_lines(["*used every recording"])
    assert project.cassettes() == before


def test_what_changed_after_the_run_stays(recorded):
    edit(recorded, '"two", ', "")
    recorded.run().assert_outcomes(passed=4)
    later = time.time() + 5
    os.utime(recorded.path / TWO, (later, later))
    result = pruned(recorded, "--yes")
    result.stdout.fnmatch_lines(["*used every recording", "left alone: 1 cassette that changed after the run"])
    assert TWO in recorded.cassettes()


def test_a_damaged_cassette_is_said_and_stays(recorded):
    edit(recorded, '"two", ', "")
    recorded.write(TWO, "version: 1\nrules: 1\n")
    recorded.run().assert_outcomes(passed=4)
    pruned(recorded, "--yes", code=1).stdout.fnmatch_lines(["1 damaged, and left alone:", "the cassette is cut: *"])
    assert TWO in recorded.cassettes()


def test_a_folder_that_the_run_did_not_cover_is_refused(project, server):
    for folder in ("a", "b"):
        project.write(f"{folder}/test_{folder}.py", TEST % server.url)
    project.record().assert_outcomes(passed=12)
    edited = (project.path / "b/test_b.py").read_text().replace('"two", ', "")
    project.write("b/test_b.py", edited)
    project.run("a").assert_outcomes(passed=6)
    pruned(project, "--yes").stdout.fnmatch_lines(["the last run, of 6 items, used every recording"])
    result = pruned(project, "--yes", "b", code=2)
    result.stderr.fnmatch_lines(["the last run covered only a"])
    project.run("a", "b").assert_outcomes(passed=10)
    pruned(project, "--yes", "b").stdout.fnmatch_lines(["  b/cassettes/test_b/test_greets/two.yaml*"])


@pytest.mark.parametrize(("keys", "goes"), [("y\n", True), ("\n", False), ("no\n", False), ("\x04", False)])
def test_on_a_terminal_it_asks(recorded, keys, goes):
    edit(recorded, '"two", ', "")
    recorded.run().assert_outcomes(passed=4)
    with Terminal([COMMAND, "cassettes", "prune"], recorded.path) as terminal:
        terminal.sees("remove them? [y/N]")
        terminal.type(keys)
        assert terminal.ends() == 0
    assert (TWO not in recorded.cassettes()) == goes
