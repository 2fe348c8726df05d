"""The gate through pytest: a baseline, a change, a verdict; the same with workers and without."""

from __future__ import annotations

import json
import subprocess

import pytest

TEST = """
import pytest
from pytest_llm import Prompt, grader

colour = Prompt(name="colour", model="tiny", system="{system}", user="{{{{ thing }}}}", temperature=0.7)


@grader
def says_yes(output):
    return "yes" in output.text


CASES = [{{"id": f"c{{n:02}}", "inputs": {{"thing": f"thing {{n}}"}}}} for n in range({cases})]


@pytest.mark.llm(colour, cases=CASES, samples={samples}, graders=[says_yes])
def test_colour(llm_response):
    pass
"""
PATH = "llm_baselines/test_colour/test_colour.json"


@pytest.fixture
def suite(pytester, serve, monkeypatch):
    """`suite(system, answer)` writes the test and lets the model answer as said; `.run(…)` runs it."""
    script = {"answer": lambda system, n, draw: "yes"}
    seen = {}

    def reply(body, _):
        system, user = (message["content"] for message in body["messages"])
        n = int(user.split()[-1])
        seen[system, n] = draw = seen.get((system, n), 0) + 1
        return script["answer"](system, n, draw)

    server = serve(reply)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)

    class Suite:
        asked = server.requests

        @staticmethod
        def write(system, cases=20, samples=3):
            pytester.makepyfile(test_colour=TEST.format(system=system, cases=cases, samples=samples))

        @staticmethod
        def answers(answer):
            script["answer"] = answer

        @staticmethod
        def run(*options):
            return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

        @staticmethod
        def baseline():
            return json.loads((pytester.path / PATH).read_text("utf-8"))

    return Suite()


WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["n0", "n2"])
ACCEPT = ("--llm-baseline=update", "--llm-note", "first")


def few_fail(system, n, draw):
    """With the new prompt, three cases of twenty always fail."""
    return "no" if system == "new" and n < 3 else "yes"


def git(pytester, *arguments):
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=pytester.path, check=True, capture_output=True)
    return done.stdout.decode().strip()


@WORKERS
def test_the_walk(suite, pytester, workers):
    """Baseline, prompt change, record, verdict, accept with a note; and green again."""
    suite.write("old")
    found = suite.run("--llm-record", *ACCEPT, *workers)
    found.assert_outcomes(passed=60)
    found.stdout.fnmatch_lines(["NEW  test_colour   first baseline: 60/60 passed", f"*wrote {PATH}: 60/60 passed"])
    found = suite.run(*workers)
    assert found.ret == 0
    found.stdout.fnmatch_lines(["PASS  test_colour   the same replies, and the same grades"])

    suite.write("new")
    suite.answers(few_fail)
    found = suite.run("--llm-record", "--junitxml=junit.xml", *workers)
    assert found.ret == 1
    found.assert_outcomes(passed=51, failed=1, xfailed=9)
    found.stdout.fnmatch_lines(
        [
            "*test_colour?llm-gate?*",
            "FAIL  worse than the baseline",
            "  outcome     100.0 % 60/60  →  85.0 % 51/60     −15.0 pt *",
            "  changed     the requests of 20 of 20 cases",
            '  accept      pytest --llm-baseline=update --llm-note "why"',
            "FAILED test_colour.py::test_colour?llm-gate? - FAIL  worse than the baseline",
        ]
    )
    junit = (pytester.path / "junit.xml").read_text("utf-8")
    assert 'failures="1"' in junit
    assert 'skipped="9"' in junit
    assert 'name="llm_gate_test_colour" value="FAIL: worse than the baseline"' in junit

    again = suite.run(*workers)
    assert again.ret == 1
    found = suite.run("--llm-baseline=update", "--llm-note", "shorter, three odd cases lost", *workers)
    assert found.ret == 0
    found.stdout.fnmatch_lines(
        ["FAIL, accepted: shorter, three odd cases lost  test_colour   worse than the baseline*"]
    )
    assert suite.baseline()["note"] == "shorter, three odd cases lost"
    assert suite.baseline()["earlier"][0]["outcome"] == [60, 60]
    found = suite.run(*workers)
    assert found.ret == 0
    found.assert_outcomes(passed=51, xfailed=9)


@WORKERS
def test_a_pull_request(suite, pytester, monkeypatch, workers):
    """In CI the baseline is that of the merge base: a change cannot pass by editing its own."""
    git(pytester, "init", "-q")
    (pytester.path / ".gitignore").write_text(".pytest_llm\n__pycache__\n", "utf-8")
    suite.write("old")
    suite.run("--llm-record", *ACCEPT)
    git(pytester, "add", ".")
    git(pytester, "commit", "-qm", "base")
    git(pytester, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(pytester, "checkout", "-qb", "change")
    suite.write("new")
    suite.answers(few_fail)
    suite.run("--llm-record")
    git(pytester, "commit", "-qam", "shorter prompt")

    for name, value in {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"}.items():
        monkeypatch.setenv(name, value)
    found = suite.run(*workers)
    assert found.ret == 1
    found.stdout.fnmatch_lines(["FAIL  worse than the baseline"])

    monkeypatch.delenv("CI"), monkeypatch.delenv("GITHUB_ACTIONS")
    suite.run("--llm-baseline=update", "--llm-note", "on purpose")
    git(pytester, "commit", "-qam", "accepted")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    found = suite.run(*workers)
    assert found.ret == 0
    found.stdout.fnmatch_lines(
        [
            "FAIL, accepted: on purpose  test_colour   worse than the baseline*",
            "*the baseline is edited in this change: version 1 → 2",
        ]
    )
    found.assert_outcomes(passed=51, xfailed=9)

    edited = pytester.path / PATH
    edited.write_text(edited.read_text("utf-8").replace('"note": "on purpose"', '"note": "first"', 1), "utf-8")
    assert suite.run(*workers).ret == 1  # the same results without a reason of their own
    edited.unlink()
    found = suite.run(*workers)
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  its baseline is gone, and with it the gate"])


@WORKERS
def test_suspects_are_confirmed_in_a_second_run_that_ci_replays(suite, workers):
    suite.write("old", samples=5)
    suite.run("--llm-record", *ACCEPT)
    suite.write("new", samples=5)
    suite.answers(lambda system, n, draw: "no" if system == "new" and n == 7 else "yes")
    found = suite.run("--llm-record", *workers)
    found.stdout.fnmatch_lines(["*c07   5/5 → 0/5*"])
    asked = len(suite.asked)
    found = suite.run("--llm-record", "--llm-confirm", *workers)
    assert len(suite.asked) == asked + 10
    found.stdout.fnmatch_lines(["*broken      c07   5/5 → 0/10 fresh   p = .0003"])
    replayed = suite.run(*workers)
    assert len(suite.asked) == asked + 10
    replayed.assert_outcomes(passed=95, failed=1, xfailed=15)
    replayed.stdout.fnmatch_lines(["*broken      c07   5/5 → 0/10 fresh   p = .0003"])

    # Another request: what was confirmed was another prompt's.
    suite.write("newer", samples=5)
    suite.answers(lambda system, n, draw: "yes")
    found = suite.run("--llm-record", *workers)
    assert found.ret == 0
    found.assert_outcomes(passed=100, skipped=10)
    found = suite.run(*workers)
    found.assert_outcomes(passed=100)
