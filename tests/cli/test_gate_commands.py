"""plan, baseline log|diff|restore and gate --aa, over a suite with a history in git."""

from __future__ import annotations

import json

from gate_project import FIRST, PATH


def test_what_was_accepted_when_and_back_to_it(suite):
    """The prompt is in a file of its own, so that restoring brings it back, and the replay passes."""
    prompt = suite.path / "colour.prompt.md"
    suite.write()
    test = (suite.path / "test_colour.py").read_text("utf-8")
    line = next(one for one in test.splitlines() if one.startswith("colour ="))
    loaded = 'from pathlib import Path\ncolour = Prompt.load(Path(__file__).with_name("colour.prompt.md"))'
    (suite.path / "test_colour.py").write_text(test.replace(line, loaded), "utf-8")
    text = "---\nname: colour\nmodel: tiny\ntemperature: 0.7\n---\n--- system\nold\n--- user\n{{ thing }}\n"
    prompt.write_text(text, "utf-8")
    assert suite.run("--llm-record", *FIRST).ret == 0
    suite.repository()
    prompt.write_text(text.replace("old", "new"), "utf-8")
    suite.few_fail()
    suite.run("--llm-record")
    suite.run("--llm-baseline=update", "--llm-note", "shorter, three lost")
    command = suite.project.command

    found = command("baseline", "restore", "test_colour", "main")
    assert found.ret == 2
    found.stderr.fnmatch_lines(
        ["there are changes that are not committed, and restoring would lose them*", "*git stash"]
    )
    assert "new" in prompt.read_text("utf-8")
    suite.commit("shorter")

    log = command("baseline", "log", "test_colour").stdout
    log.fnmatch_lines([PATH, "  version 2   *75.0 % 27/36*shorter, three lost", "  version 1   *100.0 % 36/36*first"])
    assert command("baseline", "log").stdout.lines == log.lines
    as_json = json.loads(command("baseline", "log", PATH, "--json").stdout.str())
    assert [(one["version"], one["passed"]) for one in as_json["baselines"][0]["versions"]] == [(2, 27), (1, 36)]

    diff = command("baseline", "diff", "test_colour", "main", "HEAD").stdout
    diff.fnmatch_lines(
        [
            "version 1: 100.0 % 36/36 → version 2: 75.0 % 27/36",
            "c00   PPP → FFF   requests, replies",
            "c03   PPP → PPP   requests, replies",
        ]
    )
    as_json = json.loads(command("baseline", "diff", "test_colour", "main", "--json").stdout.str())
    assert len(as_json["cases"]) == 12
    assert command("baseline", "diff", "test_colour").stdout.lines == [
        "version 2: 75.0 % 27/36 → version 2: 75.0 % 27/36"
    ]

    (suite.path / "helper.py").write_text("x = 1\n", "utf-8")
    suite.commit("a helper")
    found = command("baseline", "restore", "test_colour", "main")
    assert found.ret == 0
    found.stdout.fnmatch_lines(
        [
            "restored main (*), version 1: 100.0 % 36/36",
            f"  {PATH}",
            "  cassettes/test_colour/test_colour",
            "  colour.prompt.md",
            "left as they are, though they differ from main; a prompt may be among them:",
            "  git diff * -- helper.py",
            "check it    pytest test_colour.py",
        ]
    )
    asked = suite.asked
    found = suite.run()
    assert (found.ret, suite.asked) == (0, asked)
    found.assert_outcomes(passed=36)
    found.stdout.fnmatch_lines(["PASS  test_colour   the same replies, and the same grades"])

    for arguments, said in (
        (("log", "nonsense"), "there is no baseline of 'nonsense'"),
        (("diff", "test_colour", "nonsense"), "git knows no commit 'nonsense'"),
        (("diff", "test_colour", "a", "b", "c"), "diff compares two commits"),
    ):
        found = command("baseline", *arguments)
        assert found.ret == 2
        found.stderr.fnmatch_lines([said])


def test_what_a_suite_can_see(suite):
    command = suite.project.command
    found = command("plan")
    assert found.ret == 2
    found.stderr.fnmatch_lines(["there is no baseline", "*--llm-baseline=update*"])
    suite.accepted()
    found = command("plan")
    assert found.ret == 0
    found.stdout.fnmatch_lines(
        ["test_colour: 12 cases, baseline 100.0 %*", "smallest drop seen 4 times in 5, at 4 % false alarms"]
    )
    plans = json.loads(command("plan", "test_colour", "--samples", "2,4", "--json").stdout.str())["plans"]
    assert [one["samples"] for one in plans[0]["reaches"]] == [2, 4]
    for arguments, said in (
        (("--samples", "many"), "--samples takes whole numbers from 1 to 1000, not 'many'"),
        (("--drop", "0"), "--drop takes points between 0 and 100, not 0"),
        (("nonsense",), "there is no baseline of 'nonsense'"),
    ):
        found = command("plan", *arguments)
        assert found.ret == 2
        found.stderr.fnmatch_lines([said])
    found = command("gate", "--aa", "50")
    assert found.ret == 0
    found.stdout.fnmatch_lines(["test_colour: 0 alarms in 50 splits of the same prompt's draws, 0.0%*"])
    assert json.loads(command("gate", "--aa", "5", "--json").stdout.str())["self_checks"][0]["alarms"] == 0
    assert command("gate", "--aa", "0").ret == 2
    found = command("gate")
    assert found.ret == 0
    found.stdout.fnmatch_lines(["PASS  test_colour   the same replies, and the same grades"])


def test_a_review_says_what_the_baseline_knows_and_what_the_gate_said(suite):
    """Of a test whose body decides, the grade before comes from the baseline: no body is run again."""
    suite.write()
    text = (suite.path / "test_colour.py").read_text("utf-8")
    body = 'def test_colour(llm_response):\n    assert "yes" in llm_response.text'
    plain = text.replace("def test_colour(llm_response):\n    pass", body).replace(", graders=[says_yes]", "")
    (suite.path / "test_colour.py").write_text(plain, "utf-8")
    suite.run("--llm-record", *FIRST)
    suite.repository()
    (suite.path / "test_colour.py").write_text(plain.replace('system="old"', 'system="new"'), "utf-8")
    suite.few_fail()
    suite.run("--llm-record")
    found = suite.project.command("review", "--all")
    found.stdout.fnmatch_lines(
        [
            "*c00  #1 * ● passed → ✗ failed",
            "     test_colour.py::test_colour?c00?",
            "     baseline: 3/3 passed",
            "FAIL  test_colour   worse than the baseline*",
        ]
    )
    as_json = json.loads(suite.project.command("review", "--json").stdout.str())
    assert as_json["gate"][0]["kind"] == "FAIL"
    assert as_json["samples"][0]["before"]["outcome"] == "passed"
    assert as_json["samples"][0]["baseline"] == "3/3 passed"
