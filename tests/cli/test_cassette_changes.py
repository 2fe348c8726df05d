"""Cassettes of version 1 are rewritten without a request; two branches' recordings are united, by hand and by git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cassette_samples import asked, cassette, git, stored

from pytest_llm.cassettes.document import read, write

VERSION_1 = Path(__file__).parent.parent / "data/version_1_project"
COMMAND = Path(sys.executable).with_name("pytest-llm")
PLACE = "tests/cassettes/test_geo/test_capital/paris.yaml"


@pytest.fixture
def older(project):
    shutil.copytree(VERSION_1, project.path, dirs_exist_ok=True)
    return project


def texts(project):
    return {path.name: path.read_text() for path in project.path.rglob("cassettes/**/*.yaml")}


def test_cassettes_of_version_1_are_rewritten_once_and_replay_as_before(older):
    before = texts(older)
    assert older.command("cassettes", "upgrade", "--dry-run").outlines[-1] == (
        "6 would be rewritten as version 2, 0 of that version already"
    )
    assert texts(older) == before
    assert older.command("cassettes", "upgrade").outlines[-1] == "6 rewritten as version 2, 0 of that version already"
    after = texts(older)
    assert {text.partition("\n")[0] for text in after.values()} == {"version: 2"}
    assert {name: read(text, name, None) for name, text in after.items()} == {
        name: read(text, name, None) for name, text in before.items()
    }
    older.run("-q").assert_outcomes(passed=8, xfailed=2)
    assert texts(older) == after
    told = json.loads(older.command("cassettes", "upgrade", "--json").stdout.str())
    assert told == {"version": 1, "dry_run": False, "upgraded": [], "current": 6, "damaged": []}


def test_a_damaged_cassette_is_left_as_it_is_and_the_others_are_upgraded(older):
    path = older.path / "cassettes/test_replies/test_colour/c0.yaml"
    path.write_text(path.read_text().replace("thing 0", "thing 9"))
    result = older.command("cassettes", "upgrade")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["5 rewritten*", "1 damaged, and left as they are:", "*a recorded request was edited*"])
    assert path.read_text().startswith("version: 1\n")
    path.write_bytes(b"\xff")
    assert older.command("cassettes", "upgrade", "--json", path).ret == 1


def diverged(project, ours, theirs, base=None):
    """A repository whose two branches have recorded one cassette, the second one merged into the first."""
    git(project, "init")
    git(project, "config", "user.name", "x")
    git(project, "config", "user.email", "x@example.invalid")
    project.write(".gitignore", ".pytest_llm\n")
    if base is not None:
        cassette(project, "paris", base)
    git(project, "add", ".")
    git(project, "commit", "-m", "base")
    for branch, entry in (("theirs", theirs), ("ours", ours)):
        git(project, "checkout", "-q", "-b", branch, "HEAD" if branch == "theirs" else "HEAD~1")
        if entry is None:
            git(project, "rm", "-q", PLACE)
        else:
            cassette(project, "paris", entry)
        git(project, "add", ".")
        git(project, "commit", "-m", branch)
    done = subprocess.run(
        ["git", "merge", "theirs"],
        cwd=project.path,
        env={**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, project.path / PLACE


def samples(path):
    (entry,) = read(path.read_text(), str(path)).values()
    return {slot: reply.body["json"]["choices"][0]["message"]["content"] for (slot, _), reply in entry.replies.items()}


BASE = asked(stored("1", "Paris"))
OURS = asked(stored("1", "Paris"), stored("2", "Paris, ours"))
THEIRS = asked(
    stored("1", "Paris!", recorded="2026-12-01T00:00:00Z"),
    stored("2", "Paris, theirs", recorded="2026-12-01T00:00:00Z"),
    stored("3", "Paris, too"),
)
BOTH = {"1": "Paris!", "2": "Paris, theirs", "3": "Paris, too"}


def test_a_conflict_is_settled_by_the_union_of_both_branches(project):
    project.write(".gitattributes", "**/cassettes/**/*.yaml -merge\n")
    done, path = diverged(project, OURS, THEIRS, BASE)
    assert done.returncode == 1
    result = project.command("cassettes", "merge", PLACE)
    assert result.ret == 0
    assert result.outlines == [f"merged {PLACE}", f"  then        git add {PLACE}"]
    assert samples(path) == BOTH


def test_lines_of_two_recordings_that_git_has_joined_are_found_out_and_settled(project):
    """Without a conflict: the second sample of both branches stands in the file now."""
    done, path = diverged(project, OURS, THEIRS, BASE)
    assert done.returncode == 0
    listed = project.command("cassettes", "list")
    assert listed.ret == 1
    listed.stdout.fnmatch_lines(
        ["*response 2 number 1 occurs twice*", f"*if merged   pytest-llm cassettes merge {PLACE}"]
    )
    assert project.command("cassettes", "merge", PLACE).ret == 0
    assert samples(path) == BOTH
    assert project.command("cassettes", "list").ret == 0


def test_two_branches_that_both_began_a_cassette_are_united(project):
    done, path = diverged(project, OURS, THEIRS)
    assert done.returncode == 1
    assert project.command("cassettes", "merge", PLACE).ret == 0
    assert samples(path) == BOTH


def test_as_a_merge_driver_git_sees_no_conflict(project):
    project.write(".gitattributes", "**/cassettes/**/*.yaml text eol=lf merge=pytest-llm\n")
    git(project, "init")
    git(project, "config", "merge.pytest-llm.driver", "pytest-llm cassettes merge --driver %O %A %B")
    done, path = diverged(project, OURS, THEIRS, BASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert samples(path) == BOTH


def test_a_damaged_side_stays_a_conflict_and_is_named(project):
    project.write(".gitattributes", "**/cassettes/**/*.yaml -merge\n")
    done, path = diverged(project, OURS, THEIRS, BASE)
    before = path.read_bytes()
    broken = write([THEIRS]).replace("end: 1", "end: 2")
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=project.path,
        input=broken,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    stages = subprocess.run(
        ["git", "update-index", "--index-info"],
        cwd=project.path,
        input=f"100644 {blob} 3\t{PLACE}\n",
        text=True,
        check=True,
    )
    assert (done.returncode, stages.returncode) == (1, 0)
    result = project.command("cassettes", "merge", PLACE)
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*the cassette is cut*", f"*{PLACE}, theirs*"])
    assert path.read_bytes() == before


def test_what_one_branch_removed_and_the_other_changed_is_for_a_person_to_decide(project):
    diverged(project, None, THEIRS, BASE)
    result = project.command("cassettes", "merge", PLACE)
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*our branch has removed this cassette*", "*git add*", "*git rm*"])


def test_a_file_without_a_conflict_is_said_to_have_none(project):
    git(project, "init")
    cassette(project, "paris")
    result = project.command("cassettes", "merge", PLACE)
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*this file was not merged*"])
    assert project.command("cassettes", "merge", "--driver", PLACE).ret == 2
    assert project.command("cassettes", "merge", "--driver", PLACE, "gone", "gone").ret == 2
