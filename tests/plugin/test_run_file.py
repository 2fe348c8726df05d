"""What a run file holds for reports that run no test: exchanges, questions, the commit."""

from __future__ import annotations

import json

import pytest
from gate_project import git
from scripted_judge import endpoint

TEST = """
import pytest
from pytest_llm import Prompt
ask = Prompt(name="ask", model="tiny", user="{{ q }}", temperature=0.7)
@pytest.mark.llm(ask, cases=CASES)
def test_it(llm_response): assert llm_response.text
"""
JUDGED = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import judge
answer = Prompt(name="answer", model="tiny", user="{{ q }}")
polite = judge("It is polite.", model="big", passes=["Please."], fails=["Shut up."])
@pytest.mark.llm(answer, cases=[{"id": "one", "q": "May I?"}], graders=[polite])
def test_it(llm_response): ...
"""


def lines(project):
    text = (project.path / ".pytest_llm" / "last-run.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def asked(project, serve):
    project.use(serve(lambda body, n: f"answer {n}"))

    def write(cases='[{"id": "a", "q": "Paris?"}]'):
        project.write("test_it.py", TEST.replace("CASES", cases))
        return project

    return write


# -- exchanges --------------------------------------------------------------------------------------------------


def test_every_exchange_has_its_role_and_source_also_of_judges_and_of_what_is_not_kept(project, serve):
    project.use(
        serve(endpoint(lambda question: "Yes, please.", lambda output: "PASS" if "lease" in output else "FAIL"))
    )
    project.write("test_it.py", JUDGED)
    identities = []
    for option, source in (("--llm-record", "recorded"), ("--llm-record", "replayed"), ("--llm-live", "asked")):
        assert project.run(option).parseoutcomes() == {"passed": 1}
        _, result = lines(project)
        assert (result["roles"], result["sources"]) == (["subject", "judge"], [source, source])
        identities.append([identity for identity, *_ in result["used"]])
    assert identities[0] == identities[1] == identities[2]
    texts = project.cassettes()["cassettes/test_it/test_it/one.yaml"]
    assert all(identity in texts for identity in identities[0])


def test_a_first_draw_is_known_to_be_one_and_nothing_else_is(asked):
    """A replay does not know how often its recording was drawn; nor does a re-recording."""
    project = asked()
    found = []
    for arguments in (("--llm-record",), (), ("--llm-record",), ("--llm-rerecord",)):
        project.run(*arguments)
        found.append(lines(project)[1]["draws"])
    assert found == [1, None, None, None]


def test_a_baseline_keeps_what_is_known_of_its_draws_when_the_recordings_are_replayed(asked):
    project = asked()
    path, note = project.path / "llm_baselines/test_it/test_it.json", ("--llm-baseline=update", "--llm-note", "first")
    project.run("--llm-record", *note)
    first = path.read_bytes()
    assert json.loads(first)["cases"]["a"]["sample_draws"] == [1]
    project.run(*note)
    assert path.read_bytes() == first
    project.run("--llm-rerecord", *note)
    again = json.loads(path.read_bytes())
    assert (again["cases"]["a"]["draws"], again["cases"]["a"].get("sample_draws")) == (2, None)
    assert again["anchor"] == json.loads(first)["anchor"]


# -- questions --------------------------------------------------------------------------------------------------


def test_a_case_is_there_with_its_question_and_its_line_in_the_file(asked):
    project = asked('"cases.jsonl"')
    long = "x" * 9000
    cases = [
        {"id": "a", "q": "Paris?", "expected": {"city": "Paris"}},
        {"id": "b", "q": long, "expected": 1, "context": ["note"]},
    ]
    project.write("cases.jsonl", "".join(f"{json.dumps(case)}\n" for case in cases))
    for arguments in (("--llm-record",), ("-p", "xdist", "-n2")):
        project.run(*arguments, "--llm-json=run.json")
        _, *results = lines(project)
        assert {one["case"]: one["question"] for one in results} == {
            "a": {
                "where": "cases.jsonl:1",
                "inputs": {"q": "Paris?"},
                "expected": {"city": "Paris"},
                "context": None,
                "left_out": [],
            },
            "b": {
                "where": "cases.jsonl:2",
                "inputs": None,
                "expected": 1,
                "context": ["note"],
                "left_out": ["inputs"],
            },
        }
        report = json.loads((project.path / "run.json").read_text(encoding="utf-8"))
        assert [one["question"] for one in report["results"]] == [one["question"] for one in results]


def test_a_question_that_was_left_out_is_found_in_the_file(asked):
    """What a report has to do: read the file, take the case of that id, and look whether it is still the same."""
    from pytest_llm import load_cases

    project = asked('"cases.jsonl"')
    project.write("cases.jsonl", json.dumps({"id": "b", "q": "x" * 9000}) + "\n")
    project.record()
    _, result = lines(project)
    [case] = load_cases(project.path / result["question"]["where"].rpartition(":")[0])
    assert (case.id, case.digest) == (result["case"], result["case_digest"])


def test_a_test_without_cases_has_no_question_and_a_case_in_code_no_file(project, asked):
    asked()
    project.write("test_bare.py", "import pytest\n@pytest.mark.llm\ndef test_bare(): assert True\n")
    project.record()
    found = {one["suite"]: one["question"] for one in lines(project)[1:]}
    assert found["test_bare"] is None
    assert (found["test_it"]["where"], found["test_it"]["inputs"]) == ("cases[0]", {"q": "Paris?"})


# -- the commit -------------------------------------------------------------------------------------------------


def commit_in(project):
    """The commit, which the file for programs names too."""
    document = json.loads((project.path / "run.json").read_text(encoding="utf-8"))
    assert document["commit"] == lines(project)[0]["commit"]
    return document["commit"]


@pytest.fixture
def fake_git(tmp_path, monkeypatch):
    """Put a git in front of the real one that notes each call, and runs these lines of shell first."""

    def put(lines=""):
        path = tmp_path / "bin" / "git"
        path.parent.mkdir(exist_ok=True)
        real = "PATH=${PATH#*:} exec git"
        path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{lines}\n{real} "$@"\n')
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=":")
        return tmp_path / "calls"

    return put


def test_outside_git_a_run_has_no_commit_and_starts_no_process(asked, fake_git):
    calls = fake_git()
    project = asked()
    project.run("--llm-record", "--llm-json=run.json")
    assert commit_in(project) is None
    assert not calls.exists()


@pytest.mark.parametrize("arguments", [(), ("-p", "xdist", "-n2")], ids=["one process", "xdist"])
def test_a_run_names_its_commit_and_whether_the_tree_is_dirty(asked, fake_git, arguments):
    project = asked('[{"id": name, "q": name} for name in "abc"]')
    project.write(".gitignore", ".pytest_llm\n__pycache__\nrun.json\nstdout\nstderr\n")
    git(project.path, "init", "-q")
    project.run("--llm-record", "--llm-json=run.json", *arguments)
    assert commit_in(project) is None, "there is no commit yet"
    git(project.path, "add", ".")
    git(project.path, "commit", "-qm", "first")
    head = git(project.path, "rev-parse", "HEAD")
    calls = fake_git()
    project.run("--llm-json=run.json", *arguments)
    assert commit_in(project) == {"id": head, "dirty": False}
    assert len(calls.read_text().splitlines()) == 1, "git is called once a run"
    project.write("notes.txt", "untracked")
    project.run("--llm-json=run.json", *arguments)
    assert commit_in(project) == {"id": head, "dirty": False}
    project.write("test_it.py", (project.path / "test_it.py").read_text() + "# edited\n")
    project.run("--llm-json=run.json", *arguments)
    assert commit_in(project) == {"id": head, "dirty": True}


def test_a_git_that_is_slow_or_fails_leaves_what_it_did_not_say_unknown(asked, fake_git, monkeypatch):
    monkeypatch.setattr("pytest_llm.git.LONGEST_LOOK_S", 0.5)  # the process of the run is a fork of this one
    project = asked()
    git(project.path, "init", "-q")
    git(project.path, "commit", "-qm", "first", "--allow-empty")
    head = git(project.path, "rev-parse", "HEAD")
    fake_git('case "$*" in *status*) exec sleep 20;; esac')
    assert project.run("--llm-record", "--llm-json=run.json").duration < 10
    assert commit_in(project) == {"id": head, "dirty": None}
    fake_git("exit 128")
    assert project.run("--llm-json=run.json").ret == 0
    assert commit_in(project) is None
