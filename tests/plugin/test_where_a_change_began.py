"""Which commit holds the baseline that a change is judged by, in real repositories."""

from __future__ import annotations

import json

import pytest
from gate_project import git
from gate_samples import baseline

from pytest_llm.baselines import BaselineFiles, _base_of
from pytest_llm.errors import BaselineError, GitError
from pytest_llm.gates.baseline import write_baseline

PATH = "tests/llm_baselines/test_x/orders.json"
GITHUB = {"CI": "true", "GITHUB_ACTIONS": "true"}
GITLAB = {"CI": "true", "GITLAB_CI": "true"}


def commit(folder, note):
    path = folder / PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_baseline(baseline({"a": "P"}, note=note)), "utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", note)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def history(tmp_path):
    """main: one, two; a branch off `one` with a commit of its own, checked out."""
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commits = {"one": commit(folder, "one")}
    git(folder, "checkout", "-qb", "change")
    commits["change"] = commit(folder, "change")
    git(folder, "checkout", "-q", "main")
    commits["two"] = commit(folder, "two")
    git(folder, "update-ref", "refs/remotes/origin/main", "main")
    git(folder, "checkout", "-q", "change")
    return folder, commits


def event(folder, main="main"):
    path = folder.parent / "event.json"
    path.write_text(json.dumps({"repository": {"default_branch": main}}), "utf-8")
    return {"GITHUB_EVENT_PATH": str(path)}


def test_at_a_desk_the_working_tree_is_the_base(history):
    folder, _ = history
    for environment in ({}, {"CI": ""}, {"CI": "false"}):
        assert _base_of(folder, "", environment) is None


def test_a_pull_request_began_at_the_merge_base(history):
    folder, commits = history
    assert _base_of(folder, "", {**GITHUB, "GITHUB_BASE_REF": "main"}) == commits["one"]
    assert _base_of(folder, "", {**GITLAB, "CI_MERGE_REQUEST_DIFF_BASE_SHA": commits["one"]}) == commits["one"]
    assert _base_of(folder, "origin/main", {}) == commits["one"]
    assert _base_of(folder, "", {**GITHUB, **event(folder), "GITHUB_REF_NAME": "change"}) == commits["one"]
    assert _base_of(folder, "", {**GITLAB, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "change"}) == commits["one"]


def test_a_push_to_the_main_branch_is_compared_with_its_parent(history):
    folder, commits = history
    git(folder, "checkout", "-q", "main")
    assert _base_of(folder, "", {**GITHUB, **event(folder), "GITHUB_REF_NAME": "main"}) == commits["one"]
    assert _base_of(folder, "", {**GITLAB, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main"}) == commits["one"]
    git(folder, "checkout", "-q", commits["one"])  # the very first: nothing was there before
    first = _base_of(folder, "", {**GITLAB, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main"})
    assert git(folder, "ls-tree", first) == ""


@pytest.mark.parametrize(
    "environment",
    [{"CI": "true"}, {**GITHUB, "GITHUB_REF_NAME": "main"}, {**GITHUB, "GITHUB_EVENT_PATH": "/nowhere"}, GITLAB],
)
def test_a_ci_that_tells_nothing_has_to_be_told(history, environment):
    with pytest.raises(BaselineError, match=r"(?s)not known.*--llm-baseline-ref origin/main"):
        _base_of(history[0], "", environment)


def test_a_shallow_clone_says_how_to_fetch_the_rest(history, tmp_path):
    folder, _ = history
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "change", f"file://{folder}", "shallow")
    shallow = tmp_path / "shallow"
    with pytest.raises(BaselineError, match=r"(?s)no such commit \(a shallow clone\?\).*fetch-depth: 0"):
        _base_of(shallow, "", {**GITHUB, "GITHUB_BASE_REF": "main"})
    with pytest.raises(BaselineError, match="fetch-depth: 0"):
        _base_of(shallow, "", {**GITLAB, "CI_DEFAULT_BRANCH": "change", "CI_COMMIT_BRANCH": "change"})
    git(shallow, "fetch", "-q", "--depth", "1", "origin", "main")
    git(shallow, "update-ref", "refs/remotes/origin/main", "FETCH_HEAD")
    with pytest.raises(BaselineError, match=r"(?s)no commit in common.*fetch-depth: 0"):
        _base_of(shallow, "", {**GITHUB, "GITHUB_BASE_REF": "main"})


def test_a_ref_that_is_none_and_a_folder_outside_of_git(history, tmp_path):
    for ref in ("nonsense", "--all", "-x"):
        with pytest.raises(BaselineError, match="no such commit"):
            _base_of(history[0], ref, {})
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(GitError, match="not a git repository"):
        _base_of(outside, "main", {})


def test_both_sides_of_a_change(history):
    folder, _ = history
    desk = BaselineFiles(folder).of(PATH)
    assert desk.is_one
    assert desk.base.note == desk.head.note == "change"
    files = BaselineFiles(folder, "origin/main")
    found = files.of(PATH)
    assert (found.base.note, found.head.note, found.is_one) == ("one", "change", False)
    assert files.paths_in_tree() == files.paths_in_commit() == {PATH}
    (folder / PATH).write_bytes(b"\xff")
    assert "cannot be read" in BaselineFiles(folder).of(PATH).problem
    (folder / PATH).unlink()
    gone = BaselineFiles(folder, "origin/main").of(PATH)
    assert (gone.head, gone.base.note) == (None, "one")


def test_a_project_in_a_folder_of_its_repository(history):
    folder, _ = history
    files = BaselineFiles(folder / "tests", "origin/main")
    path = PATH.removeprefix("tests/")
    assert files.of(path).base.note == "one"
    assert files.paths_in_tree() == files.paths_in_commit() == {path}


def test_where_the_base_is_not_known_only_what_has_a_baseline_is_invalid(history, monkeypatch):
    folder, _ = history
    monkeypatch.setenv("CI", "true")
    files = BaselineFiles(folder)
    assert "not known" in files.of(PATH).problem
    assert files.of("tests/llm_baselines/test_x/other.json").problem == ""
    assert files.paths_in_commit() == set()
