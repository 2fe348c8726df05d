"""`pytest-llm report --re-grade`: recorded outputs by the graders of now, beside the grades of the last run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).parent))

from review_project import FOLDER, RIGHT, TEST, asked, cassette, chat, write_answers
from scripted_judge import endpoint

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/formats/regrading.schema.json").read_text(encoding="utf-8"))
LENIENT = TEST.replace(
    "equals_expected()", 'any_of(equals_expected(), contains("Lyon")).named("equals_expected")'
).replace("import equals_expected", "import any_of, contains, equals_expected")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")  # which takes a second to load


@pytest.fixture
def ran(project):
    """Four outputs, of which one is wrong, and the run that said so."""
    write_answers(project, {**RIGHT, "France": "Lyon"})
    project.run().assert_outcomes(passed=3, failed=1)
    return project


def regraded(project, *arguments, code):
    found = project.command("report", "--re-grade", *arguments)
    assert found.ret == code, found.stdout.str() + found.stderr.str()
    assert "Traceback" not in found.stderr.str()
    return found.stdout.str()


def document(project, *arguments, code):
    Draft202012Validator.check_schema(SCHEMA)
    found = json.loads(regraded(project, "--json", *arguments, code=code))
    assert [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(found)] == []
    return found


def content(project):
    """Every file of the project, but for what Python and the test's own commands leave behind."""
    left = ("stdout", "stderr")
    files = (path for path in project.path.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {(path.relative_to(project.path).as_posix(), path.read_bytes()) for path in files if path.name not in left}


def test_without_a_change_nothing_changes_and_what_fails_still_fails(ran):
    assert (
        regraded(ran, code=1)
        == """\
4 outputs graded anew, nothing asked; before: the last run

no grade changed

test_capital   outcome           3/4 passed
               equals_expected   3/4 passed"""
    )


def test_a_milder_grader_passes_what_failed(ran):
    ran.write("test_it.py", LENIENT)
    assert (
        regraded(ran, code=0)
        == """\
4 outputs graded anew, nothing asked; before: the last run

test_it.py::test_capital[france]
  equals_expected   failed → passed

test_capital   outcome           3/4 passed → 4/4 passed
               equals_expected   3/4 passed → 4/4 passed"""
    )


def test_a_stricter_grader_fails_what_passed_and_says_why_worse_first(ran):
    strict = TEST.replace("[equals_expected()]", '[starts_with("L").named("equals_expected")]')
    ran.write("test_it.py", strict.replace("import equals_expected", "import starts_with"))
    text = regraded(ran, code=1)
    assert text.index("test_capital[italy]") < text.index("test_capital[spain]") < text.index("test_capital[france]")
    assert '  equals_expected   passed → failed   expected it to start with "L", got "Rome"' in text
    assert "outcome           3/4 passed → 2/4 passed" in text


def test_new_graders_and_gone_ones_are_told_once_and_what_fails_of_them_with_its_output(ran):
    changed = TEST.replace("[equals_expected()]", "[f1(), exact_match()]").replace("equals_expected", "exact_match, f1")
    ran.write("test_it.py", changed)
    assert (
        regraded(ran, code=1)
        == """\
4 outputs graded anew, nothing asked; before: the last run

test_it.py::test_capital[france]
  exact_match   failed   expected "Paris", got "Lyon"

test_capital   outcome           3/4 passed
               f1                not given → mean 0.750 of 4
               exact_match       not given → 3/4 passed
               equals_expected   3/4 passed → not given"""
    )


def test_a_score_that_moves_is_a_change_and_one_that_is_new_is_none(ran):
    ran.write(
        "test_it.py",
        LENIENT.replace('any_of(equals_expected(), contains("Lyon"))', "f1(threshold=1)").replace(
            "any_of, contains, equals_expected", "f1"
        ),
    )
    assert "no grade changed" in regraded(ran, code=1)
    ran.run()
    halved = 'from pytest_llm.graders import grader\n@grader(name="equals_expected", threshold=.1)\ndef half(output): return .5\nCASES ='
    ran.write("test_it.py", TEST.replace("CASES =", halved).replace("[equals_expected()]", "[half]"))
    text = regraded(ran, code=0)
    assert text.index("  equals_expected   failed 0.000 → passed 0.500") < text.index(
        "  equals_expected   passed 1.000 → passed 0.500"
    )


def test_the_whole_walk_with_a_model_asks_nobody_and_writes_nothing(project, serve):
    server = serve(lambda body, _: RIGHT[body["messages"][-1]["content"]])
    project.use(server)
    project.write("test_it.py", TEST)
    project.record().assert_outcomes(passed=4)
    asked_before = len(server.requests)
    files = content(project)
    project.write("test_it.py", LENIENT)
    assert "no grade changed" in regraded(project, code=0)
    assert len(server.requests) == asked_before
    assert {name for name, _ in content(project) ^ files} == {"test_it.py"}
    project.run().assert_outcomes(passed=4)  # a replay grades anew too


def test_the_document_has_everything(ran):
    ran.write("test_it.py", LENIENT)
    found = document(ran, code=0)
    assert (found["version"], found["compared_with"], found["not_graded"], found["not_collected"]) == (
        1,
        "the last run",
        [],
        [],
    )
    france = next(one for one in found["items"] if one["case"] == "france")
    assert (france["outcome"], france["same_output"]) == ({"before": "failed", "now": "passed"}, True)
    ((change,), (grade,)) = france["changes"], france["grades"]
    assert (change["before"]["passed"], change["now"]) == (False, grade)
    (suite,) = found["suites"]
    assert [one["name"] for one in suite["metrics"]] == ["outcome", "equals_expected"]
    assert suite["metrics"][0]["before"] == {"passed": 3, "failed": 1, "ungraded": 0, "mean": None, "scored": 0}


def test_paths_choose_tests_and_a_run_file_what_to_compare_with(ran):
    (ran.path / ".pytest_llm/last-run.jsonl").rename(ran.path / "old.jsonl")
    text = regraded(ran, "test_it.py::test_capital[france]", "old.jsonl", code=1)
    assert text.startswith("1 output graded anew, nothing asked; before: old.jsonl\n")
    assert len(document(ran, "test_it.py", code=1)["items"]) == 4
    assert document(ran, ".", code=1)["notes"] == ["there is no last run to compare with"]


def test_without_a_run_what_fails_is_shown(ran):
    (ran.path / ".pytest_llm/last-run.jsonl").unlink()
    assert (
        regraded(ran, code=1)
        == """\
4 outputs graded anew, nothing asked
there is no last run to compare with

test_it.py::test_capital[france]
  equals_expected   failed   expected "Paris", got "Lyon"

test_capital   outcome           3/4 passed
               equals_expected   3/4 passed"""
    )
    (ran.path / ".pytest_llm/last-run.jsonl").write_text("{cut")
    assert "the last run cannot be read, and nothing is compared: " in regraded(ran, code=1)


def test_an_output_that_was_recorded_anew_since_is_said(ran):
    ran.write(f"{FOLDER}/spain.yaml", cassette((asked("Spain"), {"1": chat("Toledo")})))
    text = regraded(ran, code=1)
    assert "1 output is not that of the last run: recorded anew since" in text
    assert '  equals_expected   passed → failed   expected "Madrid", got "Toledo"' in text


def test_a_missing_recording_is_named_and_red(ran):
    (ran.path / FOLDER / "france.yaml").unlink()
    text = regraded(ran, code=1)
    assert text.startswith("3 outputs graded anew")
    assert "not graded: test_it.py::test_capital[france]: " in text
    assert text.endswith("  ask again   pytest --llm-record")
    ran.write("test_it.py", TEST.replace("SYSTEM", "OTHER"))
    assert regraded(ran, code=1).startswith("nothing could be graded anew")


BODY = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains, not_
capital = Prompt(name="capital", model="tiny", system="SYSTEM", user="{{ country }}")
CASES = [{"id": "france", "country": "France"}]

@pytest.mark.llm(capital, cases=CASES, graders=[contains("Par")])
def test_body(llm_response, llm_grade):
    llm_grade(contains("x"), required=False, name="in the body")
    assert llm_response.text == "Paris"

@pytest.mark.llm
def test_own(): ...

@pytest.mark.skip
@pytest.mark.llm(capital, cases=CASES, graders=[contains("nothing")])
def test_skipped(llm_response): ...
"""


def test_what_only_a_run_could_tell_is_said_and_is_not_red(project):
    project.write("test_it.py", BODY)
    for test in ("test_body", "test_skipped"):
        project.write(f"cassettes/test_it/{test}/france.yaml", cassette((asked("France"), {"1": chat("Paris")})))
    project.run().assert_outcomes(passed=2, skipped=1)
    assert (
        regraded(project, code=0)
        == """\
1 output graded anew, nothing asked; before: the last run

no grade changed

test_body   contains   1/1 passed

1 output is judged by the body of the test too, which is not run: no outcome
not graded: test_it.py::test_own: the test asks by itself, and is not run
not graded: test_it.py::test_skipped[france]: the test is skipped"""
    )
    assert [one["is_red"] for one in document(project, code=0)["not_graded"]] == [False, False]


def test_where_nothing_can_be_graded_it_is_red(project):
    project.write(
        "test_it.py",
        BODY.partition("@pytest")[0] + "@pytest.mark.llm(cases=CASES)\ndef test_own(llm_case): assert llm_case\n",
    )
    text = regraded(project, code=1)
    assert text.startswith("nothing could be graded anew, nothing asked\n")
    assert text.endswith("not graded: test_it.py::test_own[france]: the test asks by itself, and is not run")


JUDGED = TEST.replace(
    "CASES =",
    """
from pytest_llm.graders import grader
JUDGE = Prompt(name="judge", model="judge", user="Is this a capital? {{ answer }}")

@grader(asks=True)
def is_capital(output): return JUDGE.ask(answer=output.text).text == "yes"
CASES =""",
).replace("[equals_expected()]", "[equals_expected(), is_capital]")


def test_judges_answer_from_their_recordings_and_one_that_has_none_is_ungraded(project, serve):
    server = serve(lambda body, _: "yes" if body["model"] == "judge" else RIGHT[body["messages"][-1]["content"]])
    project.use(server)
    project.write("test_it.py", JUDGED)
    project.record().assert_outcomes(passed=4)
    asked_before = len(server.requests)
    assert "is_capital        4/4 passed" in regraded(project, code=0)
    project.write("test_it.py", JUDGED.replace("Is this a capital?", "A capital?"))
    text = regraded(project, "test_it.py::test_capital[peru]", code=1)
    assert "  is_capital   passed → ungraded   " in text
    assert "\n    ask it      pytest --llm-record" in text
    assert "equals_expected   1/1 passed" in text
    assert "is_capital        1/1 passed → 1 ungraded" in text
    assert len(server.requests) == asked_before


RUBRIC = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains, judge
answer = Prompt(name="answer", model="tiny", user="{{ q }}")
polite = judge("It is polite.", model="big", passes=["Please."], fails=["Shut up."]).named("polite")

@pytest.mark.llm(answer, cases=[{"id": "one", "q": "May I?"}], graders=[contains("es"), polite])
def test_is_polite(llm_response): ...
"""


def test_a_judge_by_rubric_is_looked_at_in_its_recordings_and_marked_as_in_a_run(project, serve):
    verdicts = {"Yes, please.": "PASS", "Please.": "PASS", "Shut up.": "FAIL"}
    project.use(serve(endpoint(lambda _: "Yes, please.", lambda output: verdicts[output.strip()])))
    project.write("test_it.py", RUBRIC)
    project.record().assert_outcomes(passed=1)
    text = regraded(project, code=0)
    assert "polite     1/1 passed" in text
    assert text.endswith("\nuncalibrated: polite; nobody knows how often they are right")
    assert document(project, code=0)["items"][0]["grades"][1]["judge"]
    project.write("test_it.py", RUBRIC.replace("It is polite.", "It is kind."))
    assert (
        "  polite   passed → ungraded   what the judge 'polite' says of its golden outputs has no recording"
        in regraded(project, code=1)
    )
    project.write("test_it.py", RUBRIC)
    (golden,) = (project.path / "cassettes/test_it/fixtures").glob("judge.*.yaml")
    golden.unlink()
    verdicts["Shut up."] = "PASS"
    project.record().assert_outcomes(errors=1)
    text = regraded(project, code=1)
    assert "  polite   ungraded   the judge 'polite' cannot judge: it is wrong about 1 of 2 golden outputs" in text
    assert "contains   " in text


def test_a_grader_that_reaches_for_the_network_by_itself_leaves_the_output_ungraded(ran):
    by_itself = "def reach(output):\n    import socket; socket.create_connection(('127.0.0.1', 1))\nCASES ="
    ran.write("test_it.py", TEST.replace("CASES =", by_itself).replace("[equals_expected()]", "[reach]"))
    assert "asked for, and grading again uses no network" in regraded(ran, code=1)


def test_a_test_file_that_cannot_be_collected_is_red(ran):
    ran.write("test_other.py", "import nothing_of_this_name\n")
    ran.write("test_it.py", LENIENT)
    text = regraded(ran, code=1)
    assert text.endswith(
        "test_other.py cannot be collected: ModuleNotFoundError: No module named 'nothing_of_this_name'"
    )
    assert [one["path"] for one in document(ran, code=1)["not_collected"]] == ["test_other.py"]


def test_samples_that_confirm_count_in_no_suite(ran):
    ran.run("--llm-baseline=update", "--llm-note", "as it is")
    ran.write(f"{FOLDER}/peru.yaml", cassette((asked("Peru"), {"1": chat("Lima"), "101": chat("Cusco")})))
    ran.run().assert_outcomes(passed=3, xfailed=2, skipped=9)
    assert "equals_expected   3/4 passed" in regraded(ran, code=1)


def test_many_changes_are_counted_and_the_document_has_them_all(project):
    test = TEST.replace(
        "CASES = [", "CASES = [{'id': f'c{n}', 'country': 'France', 'expected': 'Paris'} for n in range(25)] + ["
    )
    project.write("test_it.py", test)
    for number in range(25):
        project.write(f"{FOLDER}/c{number}.yaml", cassette((asked("France"), {"1": chat("Paris")})))
    project.run("-k", "c")
    project.write(
        "test_it.py",
        test.replace("import equals", "import not_, equals").replace(
            "[equals_expected()]", "[not_(equals_expected()).named('equals_expected')]"
        ),
    )
    text = regraded(project, code=1)
    assert "and 5 more; --json has all" in text
    assert len([one for one in document(project, code=1)["items"] if one["changes"]]) == 25


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--re-grade", "nowhere.py"], "there is no nowhere.py"),
        (["--re-grade", "--failed"], "--re-grade shows every grade that changed; --failed is of a run"),
        (["--re-grade", "empty"], "there is no test with the llm marker"),
        (["test_it.py"], "'test_it.py' is no run file; those end in .jsonl"),
        (["a.jsonl", "b.jsonl"], "report tells of one run, not of 2"),
    ],
)
def test_a_mistake_of_usage_is_told(ran, arguments, line):
    (ran.path / "empty").mkdir()
    found = ran.command("report", *arguments)
    assert (found.ret, found.stderr.lines[0]) == (2, line)


def test_what_a_model_wrote_does_not_act_on_the_terminal(ran):
    ran.write(f"{FOLDER}/spain.yaml", cassette((asked("Spain"), {"1": chat("\x1b[31mred")})))
    ran.write("test_other.py", "raise RuntimeError('\\x1b[31mred')")
    text = regraded(ran, code=1)
    assert "\\x1b[31mred" in text
    assert "\x1b" not in text
