"""The gate through pytest: a baseline, a change, a verdict; the same with workers and without."""

from __future__ import annotations

import json

import pytest
from gate_project import FIRST, PATH

WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["n0", "n2"])


def in_github(monkeypatch, **variables):
    for name, value in {"CI": "true", "GITHUB_ACTIONS": "true", **variables}.items():
        monkeypatch.setenv(name, value)


# -- the walk -------------------------------------------------------------------------------------------------------


@WORKERS
def test_baseline_change_verdict_accepted(suite, workers):
    suite.write("old")
    found = suite.run("--llm-record", *FIRST, *workers)
    found.assert_outcomes(passed=36)
    found.stdout.fnmatch_lines(["NEW  test_colour   first baseline: 36/36 passed", f"*wrote {PATH}"])
    found = suite.run(*workers)
    assert found.ret == 0
    found.stdout.fnmatch_lines(["PASS  test_colour   the same replies, and the same grades"])

    suite.write("new")
    suite.few_fail()
    found = suite.run("--llm-record", "--junitxml=junit.xml", *workers)
    assert found.ret == 1
    found.assert_outcomes(passed=27, failed=1, xfailed=9)
    found.stdout.fnmatch_lines(
        [
            "*test_colour?llm-gate?*",
            "FAIL  worse than the baseline",
            "  outcome     100.0 % 36/36  →  75.0 % 27/36     −25.0 pt *",
            "  changed     the requests of 12 of 12 cases",
            '  accept      pytest --llm-baseline=update --llm-note "why"',
            "FAILED test_colour.py::test_colour?llm-gate? - FAIL  worse than the baseline",
        ]
    )
    junit = (suite.path / "junit.xml").read_text("utf-8")
    assert 'failures="1"' in junit
    assert 'skipped="9"' in junit
    assert 'name="llm_gate_test_colour" value="FAIL: worse than the baseline"' in junit

    found = suite.run("--llm-baseline=update", "--llm-note", "shorter, three lost", *workers)
    assert found.ret == 0
    found.stdout.fnmatch_lines(["FAIL, accepted: shorter, three lost  test_colour   worse than the baseline*"])
    assert (suite.baseline["note"], suite.baseline["earlier"][0]["outcome"]) == ("shorter, three lost", [36, 36])
    found = suite.run(*workers)
    assert found.ret == 0
    found.assert_outcomes(passed=27, xfailed=9)


@WORKERS
def test_a_pull_request_cannot_pass_by_editing_its_own_baseline(suite, monkeypatch, workers):
    suite.accepted()
    suite.repository()
    suite.write("new")
    suite.few_fail()
    suite.run("--llm-record")
    suite.commit("shorter prompt")
    with monkeypatch.context() as ci:
        in_github(ci, GITHUB_BASE_REF="main")
        found = suite.run(*workers)
        assert found.ret == 1
        found.stdout.fnmatch_lines(
            [
                "FAIL  worse than the baseline",
                '  changed     the requests of 12 of 12 cases: system message "old" → "new"',
            ]
        )

    suite.run("--llm-baseline=update", "--llm-note", "on purpose")
    suite.commit("accepted")
    in_github(monkeypatch, GITHUB_BASE_REF="main")
    found = suite.run(*workers)
    assert found.ret == 0
    found.assert_outcomes(passed=27, xfailed=9)
    found.stdout.fnmatch_lines(
        [
            "FAIL, accepted: on purpose  test_colour   worse than the baseline*",
            "*the baseline is edited in this change: version 1 → 2",
        ]
    )
    suite.edit_baseline('"note": "on purpose"', '"note": ""')
    assert suite.run(*workers).ret == 1  # the same results without a reason of their own
    (suite.path / PATH).unlink()
    found = suite.run(*workers)
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  its baseline is gone, and with it the gate"])


@WORKERS
def test_suspects_are_confirmed_in_a_second_run_that_replays(suite, workers):
    suite.accepted(samples=5)
    suite.write("new", samples=5)
    suite.few_fail(7)
    found = suite.run("--llm-record", *workers)
    found.stdout.fnmatch_lines(["*suspected   c07   5/5 → 0/5*"])
    asked = suite.asked
    found = suite.run("--llm-record", "--llm-confirm", *workers)
    assert suite.asked == asked + 10
    found.stdout.fnmatch_lines(["*broken      c07   5/5 → 0/10 fresh   p = .0003"])
    text = (suite.path / "cassettes/test_colour/test_colour/c07.yaml").read_text()
    assert text.count("  mark:\n    kind: confirmation\n") == 10  # they belong to no ordinary run
    found = suite.run(*workers)
    assert suite.asked == asked + 10
    found.assert_outcomes(passed=55, failed=1, xfailed=15)
    found.stdout.fnmatch_lines(["*broken      c07   5/5 → 0/10 fresh   p = .0003", "*12 cases × 5 *"])
    part = suite.run("-k", "c07", *workers)  # they make no run partial, nor whole
    part.stdout.fnmatch_lines(["NOT JUDGED  test_colour   5 of 60 items selected"])

    suite.write("newer", samples=5)
    found = suite.run("--llm-record", *workers)
    assert found.ret == 0
    found.assert_outcomes(passed=60, skipped=10)  # what they confirmed was another prompt's
    suite.run(*workers).assert_outcomes(passed=60)


# -- items ----------------------------------------------------------------------------------------------------------


def test_with_the_same_replies_an_item_has_to_do_what_it_did(suite):
    suite.answer = lambda system, n, draw: "no" if n == 3 else f"yes {n}"
    suite.accepted()
    found = suite.run()
    found.assert_outcomes(passed=33, xfailed=3)
    suite.write(says='output.text not in ("no", "yes 5")')
    found = suite.run()
    assert found.ret == 1
    found.assert_outcomes(passed=30, xfailed=3, failed=4)
    found.stdout.fnmatch_lines(["FAIL  1 case fails now with the replies that passed", "*fails       c05"])
    suite.write(says="True")
    found = suite.run()
    assert found.ret == 0
    found.assert_outcomes(passed=36)
    found.stdout.fnmatch_lines(
        [
            "PASS  test_colour   the same replies; 1 improved",
            "  improved    c03",
            "*the test's own code, or that of a grader, changed since the baseline",
        ]
    )


def test_a_critical_case_is_never_left_to_the_suite(suite):
    suite.accepted(more=', critical=["c07"]')
    suite.write("new", more=', critical=["c07"]')
    suite.few_fail(7)
    found = suite.run("--llm-record")
    found.assert_outcomes(passed=33, failed=4)
    found.stdout.fnmatch_lines(["*1 case fails, and is critical*"])
    found = suite.run("--llm-baseline=update", "--llm-note", "why")
    assert found.ret == 1
    found.assert_outcomes(passed=33, failed=3)


def test_a_failing_case_that_no_baseline_holds_fails_by_itself(suite):
    suite.accepted()
    suite.write(cases=13)
    suite.answer = lambda system, n, draw: "no"
    found = suite.run("--llm-record")
    assert found.ret == 1
    found.assert_outcomes(passed=36, failed=3)
    found.stdout.fnmatch_lines(["PASS  test_colour*", "  excluded    1: new: c12"])


def test_an_error_stays_an_error(suite):
    suite.accepted()
    suite.write("new")
    found = suite.run()
    assert found.ret == 1
    found.assert_outcomes(errors=36)
    found.stdout.fnmatch_lines(["NOT JUDGED  test_colour   36 of 36 items ended in an error"])


def test_a_removed_failing_case_is_named(suite):
    suite.few_fail(0, prompt="old")
    suite.accepted()
    suite.write(first=1)
    found = suite.run()
    found.stdout.fnmatch_lines(["PASS  test_colour*", "  excluded    1: removed (was 0/3): c00"])
    suite.run("--llm-baseline=update", "--llm-note", "c00 is nobody's")
    assert set(suite.baseline["removed"]) == {"c00"}
    assert "excluded" not in suite.run().stdout.str()


# -- parts ----------------------------------------------------------------------------------------------------------


def test_a_part_is_not_judged(suite):
    suite.accepted()
    suite.write("new")
    suite.few_fail()
    suite.run("--llm-record")
    for selection, said in (
        (("-k", "c00 or c01"), "6 of 36 items selected"),
        (("test_colour.py::test_colour[c00]", "-n", "2"), "1 of 36 items selected"),
    ):
        found = suite.run(*selection)
        assert found.ret == 0
        found.stdout.fnmatch_lines([f"NOT JUDGED  test_colour   {said}"])
        found = suite.run("--llm-baseline=check", *selection)
        assert found.ret == 1
        found.stdout.fnmatch_lines([f"INVALID  {said}"])
    assert "NOT JUDGED" not in suite.run("-k", "nothing").stdout.str()
    found = suite.run("-x", "--llm-baseline=off")
    found.assert_outcomes(failed=1)
    assert "llm-gate" not in found.stdout.str()


@WORKERS
def test_a_skipped_case_is_left_out_and_named_and_many_make_it_invalid(suite, workers):
    suite.accepted()
    suite.write("new")
    suite.few_fail()
    text = (suite.path / "test_colour.py").read_text("utf-8")
    skip = 'def test_colour(llm_case, llm_response):\n    if llm_case.id in SKIPPED: pytest.skip("slow")\n'
    text = text.replace("def test_colour(llm_response):", skip)
    (suite.path / "test_colour.py").write_text(f"SKIPPED = ['c05']\n{text}", "utf-8")
    found = suite.run("--llm-record", *workers)
    found.assert_outcomes(passed=24, xfailed=9, skipped=3, failed=1)
    found.stdout.fnmatch_lines(
        [
            "FAIL  worse than the baseline",
            "  outcome     100.0 % 33/33  →  72.7 % 24/33 *",
            "  excluded    1: skipped (was 3/3): c05",
        ]
    )
    (suite.path / "test_colour.py").write_text(f"SKIPPED = ['c00', 'c01', 'c02']\n{text}", "utf-8")
    found = suite.run(*workers)
    assert found.ret == 1
    found.stdout.fnmatch_lines(
        ["INVALID  9 of 36 samples of the baseline are compared with nothing; at most 10 % may be"]
    )


def test_an_update_leaves_the_line_of_a_skipped_case_as_it_was(suite):
    suite.accepted()
    before = suite.baseline["cases"]["c05"]
    text = (suite.path / "test_colour.py").read_text("utf-8").replace('"new"', '"old"')
    skip = 'def test_colour(llm_case, llm_response):\n    if llm_case.id == "c05": pytest.skip("slow")\n'
    (suite.path / "test_colour.py").write_text(text.replace("def test_colour(llm_response):", skip), "utf-8")
    found = suite.run("--llm-baseline=update", "--llm-note", "without one")
    assert found.ret == 0
    assert suite.baseline["cases"]["c05"] == before
    assert suite.baseline["removed"] == {}


def test_shards_are_judged_together(suite):
    suite.accepted()
    suite.write("new")
    suite.few_fail()
    suite.run("--llm-record")
    last = suite.path / ".pytest_llm" / "last-run.jsonl"
    for number, cases in enumerate(("c00 or c01 or c02 or c03", "not (c00 or c01 or c02 or c03)")):
        assert suite.run("-k", cases).ret == 0
        last.rename(suite.path / f"shard-{number}.jsonl")
    found = suite.project.command("gate", "shard-0.jsonl", "shard-1.jsonl")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["--- test_colour.py::test_colour", "FAIL  worse than the baseline", "*75.0 % 27/36*"])
    found = suite.project.command("gate", "--json", "shard-0.jsonl", "shard-1.jsonl")
    assert json.loads(found.stdout.str())["verdicts"][0]["kind"] == "FAIL"
    found = suite.project.command("gate", "shard-0.jsonl")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  12 of 36 items selected"])

    orphan = suite.path / PATH.replace("test_colour/test_colour", "test_gone/test_gone")
    orphan.parent.mkdir()
    orphan.write_text((suite.path / PATH).read_text("utf-8"), "utf-8")
    found = suite.project.command("gate", "shard-0.jsonl", "shard-1.jsonl")
    found.stdout.fnmatch_lines(["INVALID  no test belongs to this baseline"])


def test_the_command_says_nothing_of_suites_that_are_not_gated(suite):
    suite.write()
    suite.run("--llm-record").assert_outcomes(passed=36)
    found = suite.project.command("gate")
    assert found.ret == 0
    found.stdout.no_fnmatch_line("*INVALID*")


def test_suspects_with_names_that_pytest_escapes_are_confirmed(suite):
    suite.write(samples=5)
    text = (suite.path / "test_colour.py").read_text("utf-8").replace('f"c{n:02}"', 'f"é{n:02}"')
    (suite.path / "test_colour.py").write_text(text, "utf-8")
    suite.run("--llm-record", *FIRST)
    suite.few_fail(1)
    (suite.path / "test_colour.py").write_text(text.replace('"old"', '"new"'), "utf-8")
    suite.run("--llm-record")
    found = suite.run("--llm-record", "--llm-confirm")
    found.stdout.fnmatch_lines(["*60 exchanges replayed, 10 recorded*"])


# -- accepting ------------------------------------------------------------------------------------------------------


def test_an_update_needs_a_whole_run_without_errors_and_a_reason(suite):
    suite.accepted()
    before = (suite.path / PATH).read_text("utf-8")
    suite.write("new")
    suite.few_fail()
    found = suite.run("--llm-baseline=update", "--llm-note", "why")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  the baseline is not updated: 36 items ended in an error*"])
    suite.run("--llm-record")
    found = suite.run("--llm-baseline=update", "--llm-note", "why", "-k", "c00")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  the baseline is not updated: 3 of 36 items came to a result"])
    found = suite.run("--llm-baseline=update")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  the baseline is not updated: why is not said"])
    assert (suite.path / PATH).read_text("utf-8") == before


def test_an_update_with_nothing_new_changes_nothing(suite):
    suite.accepted()
    before = (suite.path / PATH).read_text("utf-8")
    found = suite.run(*FIRST)
    found.stdout.fnmatch_lines([f"*unchanged {PATH}*"])
    assert (suite.path / PATH).read_text("utf-8") == before


def test_another_draw_of_the_prompt_adds_to_what_is_known_of_it(suite):
    suite.accepted()
    found = suite.run("--llm-rerecord")
    found.stdout.fnmatch_lines(["PASS  test_colour   the same replies, and the same grades"])  # word for word
    suite.answer = lambda system, n, draw: f"yes, {draw}"
    found = suite.run("--llm-rerecord")
    found.stdout.fnmatch_lines(["*drawn anew  12 of 12 cases: draw 2 of this prompt"])
    suite.run("--llm-baseline=update", "--llm-note", "drawn again")
    line = suite.baseline["cases"]["c00"]
    assert (line["draws"], line["history"]["outcome"], line["grades"]["outcome"]) == (2, "PPP", "PPP")


# -- what is wrong --------------------------------------------------------------------------------------------------


def test_a_baseline_that_cannot_be_read_is_red_and_left_alone(suite):
    suite.accepted()
    suite.edit_baseline("{\n", "{\n<<<<<<< HEAD\n")
    before = (suite.path / PATH).read_text("utf-8")
    for options in ((), ("--llm-baseline=update", "--llm-note", "x")):
        found = suite.run(*options)
        assert found.ret == 1
        said = "the baseline is not updated: " if options else ""
        found.stdout.fnmatch_lines(
            [f"INVALID  {said}there is a merge conflict in the baseline", "*git checkout --ours*"]
        )
        assert "INTERNALERROR" not in found.stdout.str()
    assert (suite.path / PATH).read_text("utf-8") == before


def test_a_baseline_without_a_test_is_red(suite):
    suite.accepted()
    text = (suite.path / "test_colour.py").read_text("utf-8")
    (suite.path / "test_colour.py").write_text(text.replace("def test_colour", "def test_color"), "utf-8")
    (suite.path / "cassettes" / "test_colour" / "test_colour").rename(
        suite.path / "cassettes" / "test_colour" / "test_color"
    )
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  no test belongs to this baseline", f'*"renamed_from": "{PATH}"*'])
    (suite.path / PATH).rename(suite.path / PATH.replace("test_colour.json", "test_color.json"))
    assert suite.run().ret == 0


def test_a_suite_that_was_renamed_in_a_pull_request_says_from_what(suite, monkeypatch):
    suite.accepted()
    suite.repository()
    text = (suite.path / "test_colour.py").read_text("utf-8")
    (suite.path / "test_colour.py").write_text(text.replace("def test_colour", "def test_color"), "utf-8")
    suite.git("mv", "cassettes/test_colour/test_colour", "cassettes/test_colour/test_color")
    suite.git("mv", PATH, PATH.replace("test_colour.json", "test_color.json"))
    in_github(monkeypatch, GITHUB_BASE_REF="main")
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  its baseline is gone, and with it the gate", "NEW  test_color*"])
    path = suite.path / PATH.replace("test_colour.json", "test_color.json")
    path.write_text(path.read_text("utf-8").replace('"suite"', f'"renamed_from": "{PATH}",\n "suite"', 1), "utf-8")
    found = suite.run()
    assert found.ret == 0
    found.stdout.fnmatch_lines(["PASS  test_color   the same replies, and the same grades"])


def test_a_test_file_that_was_moved_says_so_in_its_baseline(suite, monkeypatch):
    suite.accepted()
    suite.repository()
    suite.git("mv", "test_colour.py", "test_paint.py")
    for folder in ("cassettes", "llm_baselines"):
        suite.git("mv", f"{folder}/test_colour", f"{folder}/test_paint")
    found = suite.run()  # at a desk there is nothing to compare it with
    assert found.ret == 0
    in_github(monkeypatch, GITHUB_BASE_REF="main")
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  its baseline is gone, and with it the gate", "NEW  test_colour*"])
    path = suite.path / PATH.replace("test_colour/", "test_paint/", 1)
    path.write_text(path.read_text("utf-8").replace('"suite"', f'"renamed_from": "{PATH}",\n "suite"', 1), "utf-8")
    found = suite.run()
    assert found.ret == 0
    found.stdout.fnmatch_lines(["PASS  test_colour   the same replies, and the same grades"])


def test_the_level_is_split_over_the_suites_that_have_baselines_whether_they_ran_or_not(suite):
    suite.accepted(samples=1)
    suite.write("new", samples=1)
    suite.few_fail(0, 1, 2, 3)  # mid-p 1/32
    assert suite.run("--llm-record").ret == 1
    other = suite.path / PATH.replace("test_colour/test_colour", "test_other/test_shape")
    other.parent.mkdir()
    other.write_text((suite.path / PATH).read_text("utf-8"), "utf-8")
    found = suite.run("test_colour.py")
    assert found.ret == 0
    found.stdout.fnmatch_lines(["INCONCLUSIVE  test_colour*"])


def test_nothing_is_said_of_a_suite_of_which_nothing_was_selected(suite):
    suite.accepted()
    other = "import pytest\n@pytest.mark.llm(cases=[{'id': 'a', 'inputs': {'x': 1}}])\n"
    suite.project.write("test_other.py", f"{other}def test_other(llm_case): assert llm_case['x']\n")
    found = suite.run("-k", "other")
    assert found.ret == 0
    found.stdout.no_fnmatch_line("*test_colour   *")
    assert suite.run("-k", "other", "--llm-baseline=check").ret == 1
    (suite.path / "pytest.ini").write_text("[pytest]\nllm_baseline = check\n", "utf-8")
    assert suite.run("-k", "other").ret == 1


def test_a_first_baseline_that_is_not_of_the_replies_is_invalid(suite, monkeypatch):
    suite.write()
    suite.repository()
    suite.run("--llm-record", *FIRST)
    suite.commit("a baseline")
    suite.few_fail()
    suite.write("new")
    in_github(monkeypatch, GITHUB_BASE_REF="main")
    found = suite.run("--llm-record")
    found.assert_outcomes(passed=27, failed=10)
    found.stdout.fnmatch_lines(["INVALID  the first baseline in this change is not of these replies"])


def test_a_gate_does_not_leave_unnoticed_where_nothing_of_it_runs(suite):
    suite.accepted()
    suite.project.write("test_plain.py", "def test_plain(): ...")
    last = suite.path / ".pytest_llm" / "last-run.jsonl"
    kept = last.read_text("utf-8")
    suite.run("test_plain.py").assert_outcomes(passed=1)
    assert last.read_text("utf-8") == kept
    text = (suite.path / "test_colour.py").read_text("utf-8")
    for skipping in ("skip", "xfail(run=False)"):
        edited = text.replace("@pytest.mark.llm", f"@pytest.mark.{skipping}\n@pytest.mark.llm")
        (suite.path / "test_colour.py").write_text(edited, "utf-8")
        found = suite.run()
        assert found.ret == 1
        found.stdout.fnmatch_lines(["INVALID  no case is on both sides"])
    (suite.path / "test_colour.py").unlink()
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  no test belongs to this baseline"])


def test_a_clone_without_the_content_of_files_is_told_how_to_get_it(suite, monkeypatch, tmp_path):
    suite.accepted()
    suite.repository()
    suite.write("new")
    suite.few_fail(*range(12))
    suite.run("--llm-record", "--llm-baseline=update", "--llm-note", "worse")
    suite.commit("a change that accepts itself")
    suite.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    suite.git("clone", "-q", "--filter=blob:none", f"file://{suite.path}", str(clone))
    suite.project.pytester.chdir()
    monkeypatch.chdir(clone)
    in_github(monkeypatch, GITHUB_BASE_REF="main")
    suite.git("-C", str(clone), "update-ref", "refs/remotes/origin/main", "HEAD~1")
    found = suite.project.pytester.runpytest_subprocess("--rootdir", str(clone), str(clone))
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  the baseline is in that commit, and git cannot show it*"])


def test_another_grader_is_another_instrument(suite):
    suite.accepted(more=", primary='says_yes'")
    assert suite.run().ret == 0
    text = (suite.path / "test_colour.py").read_text("utf-8")
    (suite.path / "test_colour.py").write_text(text.replace("says_yes", "agrees"), "utf-8")
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(
        ["INVALID  the instrument changed: grader 'agrees' is new, primary= is another, grader 'says_yes' is gone"]
    )
    suite.write(more=", margin=0.5")
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  the instrument changed: margin= is new, primary= is gone"])


def test_a_metric_that_nobody_gave_is_red(suite):
    suite.accepted(more=", primary='tone'")
    found = suite.run()
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  tone was graded nowhere in the baseline"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", primary=[]", "primary= names metrics, not []"),
        (", margin=5", "margin= is a share between 0 and 1, not 5"),
        (", critical='c99'", "critical= names no case and no tag: 'c99'"),
    ],
)
def test_a_marker_that_cannot_be_is_an_error_at_collection(suite, more, said):
    suite.write(more=more)
    found = suite.run()
    assert found.ret == 2
    found.stdout.fnmatch_lines([f"*{said}*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--llm-note", "x"), "--llm-note says why a baseline is accepted, and none is"),
        (("--llm-confirm",), "--llm-confirm draws samples, and nothing may be asked"),
        (("--llm-live", "--llm-baseline=update"), "--llm-baseline=update accepts what is recorded*"),
        (("-o", "llm_baseline=update"), "llm_baseline is check or off, not 'update'*"),
        (("-o", "llm_gate_strict=maybe"), "llm_gate_strict is true or false, not 'maybe'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(suite, options, said):
    suite.write()
    found = suite.run(*options)
    assert found.ret == 4
    found.stderr.fnmatch_lines([f"*{said}*"])


def test_strict_makes_inconclusive_red(suite):
    suite.accepted(cases=4)
    suite.write("new", cases=4)
    suite.answer = lambda system, n, draw: "no" if (n, draw) == (0, 1) else "yes"
    found = suite.run("--llm-record")
    assert found.ret == 0
    found.stdout.fnmatch_lines(["INCONCLUSIVE  test_colour   no regression shown, none excluded*", "*pytest-llm plan*"])
    assert suite.run("--llm-gate-strict").ret == 1
    assert suite.run("-o", "llm_gate_strict=true").ret == 1


def test_a_verdict_that_was_asked_for_needs_a_baseline(suite):
    suite.write()
    suite.run("--llm-record")
    assert suite.run().ret == 0
    found = suite.run("--llm-baseline=check")
    assert found.ret == 1
    found.stdout.fnmatch_lines(["INVALID  it has no baseline"])


def test_two_tests_of_one_suite_name_are_refused(suite):
    suite.write(more=', suite="one"')
    text = (suite.path / "test_colour.py").read_text("utf-8")
    other = text[text.index("@pytest.mark.llm") :].replace("def test_colour", "def test_other")
    (suite.path / "test_colour.py").write_text(text + other, "utf-8")
    found = suite.run("--llm-record", *FIRST)
    assert found.ret == 4
    found.stderr.fnmatch_lines(["*suite 'one' is the name of two tests*"])


def test_a_test_with_parameters_of_its_own_has_a_line_for_each(suite):
    def parametrised(system):
        suite.write(system, cases=8, samples=5)
        text = (suite.path / "test_colour.py").read_text("utf-8")
        own = '@pytest.mark.parametrize("tone", ["x", "y"])\ndef test_colour(llm_response, tone):'
        (suite.path / "test_colour.py").write_text(text.replace("def test_colour(llm_response):", own), "utf-8")

    parametrised("old")
    suite.run("--llm-record", *FIRST)
    assert {"x-c00", "y-c07"} < set(suite.baseline["cases"])
    parametrised("new")
    suite.few_fail(7)
    suite.run("--llm-record").stdout.fnmatch_lines(["*x-c07   5/5 → 0/5*", "*y-c07   5/5 → 0/5*"])
    asked = suite.asked
    found = suite.run("--llm-record", "--llm-confirm")
    assert suite.asked == asked + 20
    found.assert_outcomes(passed=70, failed=1, xfailed=30)
    found.stdout.fnmatch_lines(["*broken      x-c07   5/5 → 0/10 fresh*", "*y-c07   5/5 → 0/10 fresh*"])
    cassette = suite.path / "cassettes" / "test_colour" / "test_colour" / "c07~y.yaml"
    cassette.write_text(cassette.read_text("utf-8").replace("slot: '101'", "slot: '100'"), "utf-8")
    suite.run().assert_outcomes(passed=70, failed=1, xfailed=20)  # a case without a recorded one has none


def test_where_no_worker_came_to_its_end_nothing_is_judged(suite):
    suite.accepted(cases=4, samples=1)
    kill = "import os\n\ndef pytest_sessionfinish(session):\n"
    kill += "    if hasattr(session.config, 'workerinput'):\n        os._exit(1)\n"
    (suite.path / "conftest.py").write_text(kill, "utf-8")
    found = suite.run("-n", "1", "--max-worker-restart=0", "--llm-baseline=check")
    assert found.ret != 0
    found.stdout.fnmatch_lines(["INVALID*not known: no worker came to its end*"])


def test_looking_at_what_there_is_judges_nothing(suite):
    suite.accepted(cases=4, samples=1)
    for options in (("--collect-only",), ("--llm-rerecord", "--llm-dry-run")):
        found = suite.run("--llm-baseline=check", *options)
        assert found.ret in (0, 5)
        assert "llm-gate" not in found.stdout.str()


def test_runxfail_shows_the_failures_that_are_the_suite_s(suite):
    suite.few_fail(prompt="old")
    suite.accepted()
    suite.run().assert_outcomes(passed=27, xfailed=9)
    found = suite.run("--runxfail", "-k", "c01")
    found.assert_outcomes(failed=3)
    found.stdout.fnmatch_lines(["says_yes: *"])


# -- expectations ---------------------------------------------------------------------------------------------------

VARIANTS = """
import pytest
from pytest_llm import Prompt, grader
from pytest_llm.gates import better

short = Prompt(name="short", model="tiny", system="short", user="{{ thing }}")


@grader
def says_yes(output):
    return "yes" in output.text


CASES = [{"id": f"c{n:02}", "inputs": {"thing": f"thing {n}"}} for n in range(12)]
VARIANTS = {"short": short, "long": short.replace(system="long")}


@pytest.mark.llm(variants=VARIANTS, cases=CASES, graders=[says_yes], expect=[EXPECTED])
def test_colour(llm_response):
    pass
"""


@WORKERS
def test_an_expectation_is_judged_over_all_items_and_red_where_the_contrary_is_shown(suite, workers):
    suite.few_fail(*range(6), prompt="long")
    expected = 'better("short", "long"), better("long", "short")'
    suite.project.write("test_colour.py", VARIANTS.replace("EXPECTED", expected))
    suite.run("--llm-record", *FIRST)
    found = suite.run("--junitxml=junit.xml", *workers)
    assert found.ret == 1
    found.assert_outcomes(passed=18, xfailed=6, failed=1)
    found.stdout.fnmatch_lines(
        [
            "*test_colour?llm-expect-2?*",
            "FAIL  long better than short: it is worse",
            "  outcome     100.0 % 12/12  →  50.0 % 6/12     −50.0 pt *",
            "PASS  test_colour   short better than long: shown   +50.0 pt *(12 cases × 1)",
            "FAILED test_colour.py::test_colour?llm-expect-2? - FAIL  long better*",
        ]
    )
    junit = (suite.path / "junit.xml").read_text("utf-8")
    assert 'name="llm_expect_1_test_colour" value="PASS: short better than long: shown"' in junit
    found = suite.run("-k", "c01", *workers)
    assert found.ret == 0
    found.stdout.fnmatch_lines(["NOT JUDGED  test_colour   short better than long: 2 of 24 items selected"])
    shards = suite.project.command("gate")
    assert shards.ret == 1  # of the last run, which was a part


def test_what_is_not_shown_is_red_only_where_that_is_asked_for(suite):
    suite.project.write("test_colour.py", VARIANTS.replace("EXPECTED", 'better("short", "long")'))
    found = suite.run("--llm-record")
    assert found.ret == 0
    found.stdout.fnmatch_lines(["INCONCLUSIVE  test_colour   short better than long: not shown, nor the contrary*"])
    found = suite.run("--llm-gate-strict")
    assert found.ret == 1
    found.assert_outcomes(passed=24, failed=1)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ('better("short", "lnog")', "expect= speaks of a variant 'lnog', and there is none"),
        ('"better"', "expect= holds expectations, not 'better'"),
    ],
)
def test_an_expectation_that_could_not_be_judged_is_refused_at_collection(suite, expected, told):
    suite.project.write("test_colour.py", VARIANTS.replace("EXPECTED", expected))
    found = suite.run()
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines([f"*{told}*"])


def test_an_expectation_of_a_later_release_is_said(suite):
    suite.project.write("test_colour.py", VARIANTS.replace("EXPECTED", 'better("short", "long")'))
    suite.run("--llm-record")
    file = suite.path / ".pytest_llm/last-run.jsonl"
    file.write_text(file.read_text("utf-8").replace('"kind": "better"', '"kind": "louder"'), "utf-8")
    found = suite.project.command("gate")
    assert found.ret == 2
    found.stderr.fnmatch_lines(["*what suite 'test_colour' expects cannot be read: KeyError: 'louder'*"])
