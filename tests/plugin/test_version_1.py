"""Files of format version 1 replay, gate and report as they did, alone and beside those of version 2."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data" / "version_1"
COLOUR = "llm_baselines/test_colour/test_colour.json"
SIZE = "llm_baselines/test_size/test_size.json"
SUMMARY = [
    "test_colour   3 cases × 2     4/6 passed  66.7 %   brevity 0.750 (mean of 6)",
    "test_size     2 cases         1/2 passed  50.0 %",
    "PASS  test_colour   the same replies, and the same grades",
    "PASS  test_size   the same replies, and the same grades",
    "8 exchanges replayed, nothing asked   144 tokens when recorded",
]
UPDATE = ("--llm-baseline=update", "--llm-note", "why")


@pytest.fixture
def old(project):
    """The suite of tests/data/version_1, with its run file as that of the last run."""
    names = shutil.ignore_patterns("README.md", "last-run.*", "__pycache__")
    shutil.copytree(DATA, project.path, dirs_exist_ok=True, ignore=names)
    state = project.path / ".pytest_llm"
    state.mkdir()
    shutil.copy(DATA / "last-run.jsonl", state)
    return project


def versions(project):
    files = [project.path / COLOUR, project.path / SIZE]
    return [json.loads(file.read_text(encoding="utf-8"))["version"] for file in files]


def test_a_suite_of_version_1_replays_and_is_judged_as_it_was(old):
    before = [(old.path / path).read_bytes() for path in (COLOUR, SIZE)]
    found = old.run()
    assert found.ret == 0
    found.stdout.fnmatch_lines(SUMMARY, consecutive=True)
    assert [(old.path / path).read_bytes() for path in (COLOUR, SIZE)] == before
    head = json.loads((old.path / ".pytest_llm/last-run.jsonl").read_text().splitlines()[0])
    assert head["version"] == 2


def test_a_run_file_of_version_1_reports_as_it_did(old):
    found = old.command("report")
    assert found.outlines == SUMMARY
    told = json.loads(old.command("report", str(DATA / "last-run.jsonl"), "--json").stdout.str())
    then = json.loads((DATA / "last-run.json").read_text(encoding="utf-8"))
    assert told["suites"] == then["suites"]
    assert told["verdicts"] == then["verdicts"]
    for now, before in zip(told["results"], then["results"], strict=True):
        assert {name: now[name] for name in before} == before
        added = {name: now[name] for name in now.keys() - before.keys()}
        assert added == {
            "group": None,
            "split": None,
            "relevant": [],
            "question": None,
            "passages": [],
            "draws": None,
            "roles": [],
            "sources": [],
            "older": 0,
        }


def test_run_files_of_both_versions_are_gated_together(old):
    """As shards that different releases have run."""
    shutil.copy(DATA / "last-run.jsonl", old.path / "one.jsonl")
    assert old.command("gate", "one.jsonl").outlines == SUMMARY
    old.run("test_size.py")
    shutil.copy(old.path / ".pytest_llm/last-run.jsonl", old.path / "two.jsonl")
    found = old.command("gate", "one.jsonl", "two.jsonl")
    assert (found.ret, found.outlines) == (0, SUMMARY)


def test_an_update_that_changes_nothing_leaves_a_file_of_version_1_as_it_was(old):
    """Where a grader gives scores they are added; the anchor is then the oldest baseline that is known."""
    size, colour = (old.path / SIZE).read_bytes(), json.loads((old.path / COLOUR).read_text())
    found = old.run("--llm-baseline=update", "--llm-note", "first")
    assert found.ret == 0
    found.stdout.fnmatch_lines(["*unchanged llm_baselines/test_size/test_size.json: 1/2 passed"])
    assert (old.path / SIZE).read_bytes() == size
    assert versions(old) == [2, 1]
    after = json.loads((old.path / COLOUR).read_text())
    assert {key: line["scores"] for key, line in after["cases"].items()} == {
        "lemon": {"brevity": [0.5, 0.5]},
        "rose": {"brevity": [1.0, 1.0]},
        "sky": {"brevity": [0.75, 0.75]},
    }
    assert not any("sample_draws" in line for line in after["cases"].values()), "unknown, and not one"
    assert after["anchor"]["note"] == colour["note"]
    assert {key: line["grades"] for key, line in after["anchor"]["cases"].items()} == {
        key: line["grades"] for key, line in colour["cases"].items()
    }
    # The two versions in one project, and an update of the newer one that changes nothing.
    again = (old.path / COLOUR).read_bytes()
    old.run().stdout.fnmatch_lines(SUMMARY, consecutive=True)
    assert old.run("--llm-baseline=update", "--llm-note", "first").ret == 0
    assert (old.path / COLOUR).read_bytes() == again


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "the baseline cannot be read: "),
        (lambda text: text.replace('"outcome": "PP"', '"outcome": "PF', 1), "the baseline cannot be read: "),
        (lambda text: text.replace(' "note"', ' "note": "", "note"', 1), "'note' is there twice"),
        (lambda text: text.replace('"brevity": [0.5, 0.5]', '"brevity": [0.5]', 1), "one entry a sample"),
        (lambda text: text.replace(' "cases": {', '<<<<<<< HEAD\n "cases": {', 1), "there is a merge conflict"),
        (lambda text: text.replace('"version": 2', '"version": 3'), "the baseline has version 3; this release reads 1"),
    ],
    ids=["cut", "edited", "doubled", "counts", "conflict", "newer"],
)
def test_a_damaged_baseline_is_an_error_with_a_fix_and_stays_as_it_is(old, damage, said):
    old.run(*UPDATE)
    path = old.path / COLOUR
    text = path.read_text(encoding="utf-8")
    path.write_text(damage(text), encoding="utf-8")
    damaged = path.read_bytes()
    assert damage(text) != text
    for arguments in ((), UPDATE):
        found = old.run(*arguments)
        assert found.ret == 1
        shown = found.stdout.str()
        assert said in shown
        assert "git checkout -- " in shown or "  install " in shown
        assert " rm " not in shown
        assert "Traceback" not in shown
        found.stdout.fnmatch_lines(["PASS  test_size *"])
        assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: [*lines[:3], lines[3][:200]], "a line is no JSON: "),
        (lambda lines: lines[:3], "the run file is cut: 2 of 8 results"),
        (
            lambda lines: [lines[0], lines[1].replace('"recorded": 0', '"recorded": 1'), *lines[2:]],
            "1 exchanges recorded",
        ),
        (
            lambda lines: [lines[0], lines[1].replace('"case": "sky"', '"case": "a", "case": "b"', 1), *lines[2:]],
            "twice",
        ),
        (lambda lines: [lines[0], "<<<<<<< HEAD", *lines[1:]], "there is a merge conflict in the run file"),
        (lambda lines: [lines[0].replace('"version": 2', '"version": 3'), *lines[1:]], "the run file has version 3"),
    ],
    ids=["cut", "counts", "edited", "doubled", "conflict", "newer"],
)
def test_a_damaged_run_file_is_an_error_with_a_fix_and_stays_as_it_is(old, damage, said):
    old.run()
    path = old.path / ".pytest_llm/last-run.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(damage(lines)) + "\n", encoding="utf-8")
    damaged = path.read_bytes()
    assert damage(lines) != lines
    for verb in ("report", "gate"):
        found = old.command(verb)
        assert found.ret == 2
        assert said in found.stderr.str()
        assert path.read_bytes() == damaged
