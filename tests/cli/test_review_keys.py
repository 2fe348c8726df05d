"""`pytest-llm review` on a terminal: a sample a screen, and what each key does."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

pytest.importorskip("termios")
sys.path.insert(0, str(Path(__file__).parent))

from review_project import FOLDER, RIGHT, asked, cassette, chat, commit, git, write_answers
from terminal import Terminal

from pytest_llm.cli.reviewing.keys import Place, step

COMMAND = [Path(sys.executable).with_name("pytest-llm"), "review"]
QUICK = {"PYTEST_ADDOPTS": "-p no:hypothesispytest"}


@pytest.fixture
def edited(project):
    """Four cases: one is worse, one is better, one says it in other words, one says the same."""
    write_answers(project, {**RIGHT, "Peru": "Cusco", "Spain": "madrid"})
    commit(project.path)
    write_answers(project, {**RIGHT, "France": "Lyon", "Spain": "MADRID"}, system="SYSTEM, in one word")
    return project


def test_keys_lead_from_sample_to_sample(edited):
    with Terminal(COMMAND, edited.path, **QUICK) as terminal:
        terminal.sees("one change of request")
        assert "1 worse   1 better   1 other text, same grade" in terminal.sees("? help")
        assert "test_capital[france]" in terminal.press("n", "? help")
        assert "● passed → ✗ failed" in terminal.screen
        assert "Lyon" in terminal.screen
        assert "[-" not in terminal.screen, "on a terminal, strokes and colours say what differs"
        assert "2/3" in terminal.press("n", "? help")
        assert "3/3" in terminal.press("\x1b[C", "? help")
        assert "3/3" in terminal.press("n", "? help"), "the last one"
        assert "2/3" in terminal.press("p", "? help")
        assert "1/2" in terminal.press("w", "only changed grades")
        assert "2/2" in terminal.press("n", "? help")
        assert "2/2" in terminal.press("n", "? help")
        assert "restore the cassette" in terminal.press("?", "any key")
        assert "2/2" in terminal.press("x", "? help")
        terminal.press("q", "")
        assert terminal.ends() == 0


def test_ctrl_c_ends_it_without_a_traceback(edited):
    with Terminal(COMMAND, edited.path, **QUICK) as terminal:
        terminal.sees("? help")
        terminal.press("\x03", "")
        assert terminal.ends() == 130
        assert "Traceback" not in terminal.screen


def test_ctrl_c_while_it_grades_ends_it_too(edited):
    edited.write("conftest.py", "import time\ntime.sleep(60)\n")
    with Terminal(COMMAND, edited.path, **QUICK) as terminal:
        terminal.sees("grading 4 samples")
        terminal.type("\x03")
        assert terminal.ends() == 130
        assert "Traceback" not in terminal.screen


def test_r_restores_one_cassette_after_asking(edited):
    path = edited.path / FOLDER / "france.yaml"
    edited_text = path.read_text()
    with Terminal(COMMAND, edited.path, **QUICK) as terminal:
        terminal.sees("? help")
        assert "press n for the first sample" in terminal.press("r", "press n")
        terminal.press("n", "test_capital[france]")
        assert f"restore {FOLDER}/france.yaml from HEAD" in terminal.press("r", "y/n")
        assert "left as it is" in terminal.press("n", "left as it is")
        assert path.read_text() == edited_text
        terminal.press("r", "y/n")
        assert "test_capital[peru]" in terminal.press("y", "restored: ")
        assert "1/2" in terminal.screen
        terminal.press("q", "")
        assert terminal.ends() == 0
    assert git(edited.path, "status", "--porcelain", FOLDER).splitlines() == [
        f" M {FOLDER}/{case}.yaml" for case in ("italy", "peru", "spain")
    ]


def test_r_takes_back_a_new_case_and_a_renamed_one(project):
    write_answers(project, RIGHT)
    commit(project.path)
    folder = project.path / FOLDER
    git(project.path, "mv", f"{FOLDER}/france.yaml", f"{FOLDER}/gaul.yaml")
    (folder / "gaul.yaml").write_text(cassette((asked("France"), {"1": chat("Lutetia")})))
    (folder / "china.yaml").write_text(cassette((asked("China"), {"1": chat("Beijing")})))
    with Terminal(COMMAND, project.path, **QUICK) as terminal:
        terminal.sees("? help")
        terminal.press("n", "? help")
        assert "delete " in terminal.press("r", "y/n")
        terminal.press("y", "restored: ")
        assert "delete " in terminal.press("r", "y/n")
        terminal.press("y", "restored: ")
        assert "press n" in terminal.press("o", "press n")
        terminal.press("q", "")
        assert terminal.ends() == 0
    assert sorted(path.stem for path in folder.iterdir()) == ["france", "italy", "peru", "spain"]
    assert "Paris" in (folder / "france.yaml").read_text()


def test_o_opens_the_cassette_in_the_editor(edited):
    editor = edited.write("an editor.py", "import sys; open('opened', 'w').write(sys.argv[-1]); print('EDITED')")
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(editor))}"
    with Terminal(COMMAND, edited.path, VISUAL=command, **QUICK) as terminal:
        terminal.sees("? help")
        terminal.press("n", "? help")
        terminal.press("o", "? help")
        terminal.press("q", "")
        assert terminal.ends() == 0
    assert (edited.path / "opened").read_text() == str(edited.path / FOLDER / "france.yaml")
    with Terminal(COMMAND, edited.path, VISUAL="", EDITOR="no-such-editor", **QUICK) as terminal:
        terminal.sees("? help")
        terminal.press("n", "? help")
        assert "cannot be run" in terminal.press("o", "cannot be run")


def test_a_long_sample_is_read_page_by_page(project):
    lines = "\n".join(f"line {number}" for number in range(60))
    write_answers(project, {"France": "short"})
    commit(project.path)
    write_answers(project, {"France": lines})
    with Terminal(COMMAND, project.path, rows=20, **QUICK) as terminal:
        terminal.sees("? help")
        assert "more lines: space" in terminal.press("n", "more lines: space")
        assert "line 5\r" in terminal.screen
        assert "line 59" not in terminal.screen
        terminal.press(" ", "line 20")
        terminal.press(" ", "line 40")
        terminal.press(" ", "line 59")
        assert "line 42" in terminal.press("k", "line 58")
    assert "line 59" in project.command("review", "--no-pager").stdout.str()


def test_without_a_pager_a_terminal_gets_everything_at_once(edited):
    with Terminal([*COMMAND, "--no-pager"], edited.path, **QUICK) as terminal:
        assert terminal.ends() == 0
        assert "3/3" in terminal.screen
        assert "? help" not in terminal.screen


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("n", Place(at=-1), Place(at=0)),
        ("n", Place(at=2, line=5), Place(at=2)),
        ("\r", Place(at=0), Place(at=1)),
        ("p", Place(at=0, line=5), Place(at=-1)),
        ("p", Place(at=-1), Place(at=-1)),
        (" ", Place(at=0), Place(at=0, line=10)),
        (" ", Place(at=0, line=10), Place(at=0, line=15)),
        (" ", Place(at=0, line=15), Place(at=1)),
        ("j", Place(at=0, line=14), Place(at=0, line=15)),
        ("j", Place(at=0, line=15), Place(at=0, line=15)),
        ("k", Place(at=0, line=15), Place(at=0, line=14)),
        ("k", Place(at=0), Place(at=0)),
        ("w", Place(at=2, line=3), Place(at=0, changed_only=True)),
        ("w", Place(at=-1, changed_only=True), Place(at=-1)),
        ("z", Place(at=2, line=3), Place(at=2, line=3)),
    ],
)
def test_where_each_key_leads(key, before, after):
    """Three samples, the one that is shown of 25 lines, on a screen of ten."""
    assert step(before, key, samples=3, lines=25, height=10) == after
