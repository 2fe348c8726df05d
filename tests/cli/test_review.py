"""`pytest-llm review`: what a person reads after a recording, and what a mistake is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from review_project import RIGHT, commit, git, write_answers

WRONG = {**RIGHT, "France": "Lyon", "Italy": "Roma, Italy"}


@pytest.fixture
def edited(project):
    """Recorded and committed, then the prompt was edited and all cases recorded again; two answers are wrong now."""
    write_answers(project, {**RIGHT, "Peru": "Cusco"})
    commit(project.path)
    write_answers(project, WRONG, system="SYSTEM, in one word")
    return project


def review(project, *arguments, code=0):
    found = project.command("review", *arguments)
    assert found.ret == code, found.stdout.str() + found.stderr.str()
    assert "Traceback" not in found.stderr.str()
    return found.stdout.str()


def test_the_change_of_request_comes_once_then_worse_before_better_and_the_rest_is_folded(edited):
    lines = [line.rstrip() for line in review(edited).splitlines()]
    head = lines[0].replace(git(edited.path, "rev-parse", "HEAD")[:7], "COMMIT")
    assert (
        [head, *lines[1:]]
        == """\
working tree against HEAD (COMMIT), 4 samples of 4 cassettes differ

one change of request: system message "SYSTEM" → "SYSTEM, in one word"   4 of test_it/test_capital

1/3  france  #1                                                                  ● passed → ✗ failed
     test_it.py::test_capital[france]
     equals_expected   passed → failed   expected "Paris", got "Lyon"
     HEAD      [-Paris-]
     now       {+Lyon+}

2/3  italy  #1                                                                   ● passed → ✗ failed
     test_it.py::test_capital[italy]
     equals_expected   passed → failed   expected "Rome", got "Roma, Italy"
     HEAD      [-Rome-]
     now       {+Roma, Italy+}

3/3  peru  #1                                                                    ✗ failed → ● passed
     test_it.py::test_capital[peru]
     equals_expected   failed → passed
     HEAD      [-Cusco-]
     now       {+Lima+}

2 worse   1 better   1 same text and grade, folded; --all shows them""".splitlines()
    )
    assert "spain" in review(edited, "--all")
