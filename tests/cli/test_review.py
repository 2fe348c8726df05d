"""`pytest-llm review`: what a person reads after a recording, and what a mistake is told."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).parent))

from review_project import FOLDER, RIGHT, TEST, asked, cassette, chat, commit, git, write_answers

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/formats/review.schema.json").read_text(encoding="utf-8"))
WRONG = {**RIGHT, "France": "Lyon", "Italy": "Roma, Italy"}


@pytest.fixture(autouse=True)
def _quick_and_of_one_width(monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")  # which takes a second to load
    monkeypatch.delenv("COLUMNS", raising=False)


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


def document(project, *arguments, code=0):
    Draft202012Validator.check_schema(SCHEMA)
    found = json.loads(review(project, "--json", *arguments, code=code))
    assert [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(found)] == []
    return found


def verdicts(found):
    return {f"{one['case']} #{one['sample']}": one["verdict"] for one in found["samples"]}


def test_the_change_of_request_comes_once_then_worse_before_better_and_the_rest_is_folded(edited):
    lines = [line.rstrip() for line in review(edited).splitlines()]
    head = lines[0].replace(git(edited.path, "rev-parse", "HEAD")[:7], "COMMIT")
    assert (
        [head, *lines[1:]]
        == """\
working tree against HEAD (COMMIT), 4 samples of 4 cassettes differ

one change of request: system message "SYSTEM" → "SYSTEM, in one word"   4 of test_it.py::test_capital

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


def test_the_whole_walk_with_a_model_asks_nobody_and_changes_nothing(project, serve):
    """Recorded over HTTP, edited, recorded again: the grades now are those of the run, and the files stay as they are."""
    answers = dict(RIGHT)
    server = serve(lambda body, _: answers[body["messages"][-1]["content"]])
    project.use(server)
    project.write("test_it.py", TEST)
    project.record().assert_outcomes(passed=4)
    commit(project.path)
    assert "nothing differs" in review(project)
    project.write("test_it.py", TEST.replace("SYSTEM", "SYSTEM, in one word"))
    answers["Peru"] = "Cusco"
    project.record().assert_outcomes(passed=3, failed=1)
    asked_before, files = len(server.requests), sorted(project.path.rglob("*"))
    status = git(project.path, "status", "--porcelain=v2")
    with_run = document(project)
    assert verdicts(with_run) == {"peru #1": "worse", "france #1": "same", "italy #1": "same", "spain #1": "same"}
    assert (len(server.requests), git(project.path, "status", "--porcelain=v2")) == (asked_before, status)
    assert [one for one in sorted(project.path.rglob("*")) if one not in files and "__pycache__" not in one.parts] == []
    (project.path / ".pytest_llm/last-run.jsonl").unlink()
    assert document(project) == with_run, "graded anew, the grades are the same"
    (project.path / ".pytest_llm/last-run.jsonl").write_text("{cut")
    assert "the last run cannot be read" in review(project)


def test_nothing_differs_is_said(project):
    write_answers(project, RIGHT)
    commit(project.path)
    assert review(project) == "nothing differs: the cassettes are those of HEAD"
    assert document(project)["samples"] == []


# -- git --------------------------------------------------------------------------------------------------------------


def test_outside_of_git_it_says_so(project):
    write_answers(project, RIGHT)
    found = project.command("review")
    assert found.ret == 2
    found.stderr.fnmatch_lines(["review compares with git, and this is no git repository", "  where *"])


def test_without_git_it_says_so(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project.path))
    found = project.command("review")
    assert (found.ret, found.stderr.lines[0]) == (2, "there is no command git")


def test_without_commits_everything_is_new(project):
    write_answers(project, WRONG)
    git(project.path, "init", "-q")
    text = review(project)
    assert "the repository has no commits yet: everything is new" in text
    assert text.index("italy") < text.index("peru"), "what failed comes first"
    assert 'equals_expected   failed   expected "Paris", got "Lyon"' in text
    assert document(project)["against"] == {"ref": "HEAD", "commit": None}


@pytest.mark.parametrize("ref", ["no-such-branch", "-x", "HEAD:test_it.py", ""])
def test_an_unknown_commit_is_named_with_those_there_are(edited, ref):
    found = edited.command("review", f"--against={ref}")
    assert (found.ret, found.stderr.lines[0]) == (2, f"git knows no commit {ref!r}")
    found.stderr.fnmatch_lines(["  there is    main"])


def test_any_commit_can_be_compared_with(edited):
    commit(edited.path, "edited")
    assert "nothing differs" in review(edited)
    assert len(document(edited, "--against", "HEAD~1")["samples"]) == 4
    assert "     main~1    [-Paris-]" in review(edited, "--against=main~1")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text.replace("responses:", "<<<<<<< HEAD\nresponses:"), "merge conflict"),
        (lambda text: "<<<<<<< HEAD\n" + text, "merge conflict"),
        (lambda text: text[: len(text) // 2], "the cassette is"),
        (lambda _: "", "does not begin with its version"),
        (lambda text: text.replace("content: France", "content: Frankreich"), "a recorded request was edited"),
        (lambda text: text.replace("version: 2", "version: 7"), "version 7"),
    ],
    ids=["conflict", "conflict at the top", "cut", "empty", "edited", "newer"],
)
def test_a_damaged_cassette_is_listed_and_the_others_are_shown(edited, damage, reason):
    path = edited.path / FOLDER / "france.yaml"
    path.write_text(damage(path.read_text()))
    text = review(edited, code=1)
    (line,) = [line for line in text.splitlines() if line.startswith("▲")]
    assert line.startswith("▲ cannot be read, in the working tree: cassettes/test_it/test_capital/france.yaml: ")
    assert reason in line
    assert "{+Roma, Italy+}" in text
    (found,) = document(edited, code=1)["damaged"]
    assert found["at"] == "working tree"


def test_a_cassette_that_was_committed_damaged_is_listed(project):
    write_answers(project, RIGHT)
    path = project.path / FOLDER / "france.yaml"
    path.write_bytes(b"version: 1\n\xff")
    commit(project.path)
    write_answers(project, WRONG)
    found = document(project, code=1)
    assert [(one["path"], one["at"]) for one in found["damaged"]] == [(f"{FOLDER}/france.yaml", "commit")]
    assert verdicts(found) == {"italy #1": "worse"}


def test_a_real_merge_conflict_is_listed_once(project):
    write_answers(project, RIGHT)
    commit(project.path)
    git(project.path, "checkout", "-qb", "other")
    write_answers(project, WRONG)
    commit(project.path)
    git(project.path, "checkout", "-q", "main")
    write_answers(project, {**RIGHT, "France": "Nice", "Spain": "Sevilla"})
    commit(project.path)
    git(project.path, "merge", "other")
    text = review(project, code=1)
    assert text.count("▲") == 1
    assert "france.yaml: the cassette holds a merge conflict" in text
    assert "{+Roma, Italy+}" in text, "what the merge brought"


def test_new_removed_renamed_and_moved_cases(project):
    write_answers(project, RIGHT)
    commit(project.path)
    folder = project.path / FOLDER
    git(project.path, "mv", f"{FOLDER}/france.yaml", f"{FOLDER}/la-france.yaml")
    (folder / "italy.yaml").unlink()
    request = asked("Spain")
    (folder / "spain.yaml").unlink()
    (folder / "hispania.yaml").write_text(cassette((request, {"1": chat("Barcelona")})))
    (folder / "china.yaml").write_text(cassette((asked("China"), {"1": chat("Beijing")})))
    found = document(project)
    assert {one["case"]: (one["status"], one["cassette_before"]) for one in found["samples"]} == {
        "italy": ("removed", f"{FOLDER}/italy.yaml"),
        "hispania": ("renamed", f"{FOLDER}/spain.yaml"),
        "china": ("new", None),
    }, "la-france says what france said"
    text = review(project)
    assert "removed, was ● passed" in text
    assert f"renamed, was {FOLDER}/spain.yaml" in text
    assert "[-Madrid-]" in text
    assert "{+Barcelona+}" in text
    assert "new   not known" in text


def test_cassettes_of_other_recorders_are_passed_over(edited):
    edited.write("cassettes/test_other.yaml", "interactions: []\nversion: 1\n")
    edited.write("cassettes/notes.yaml", "- a\n")
    assert len(document(edited)["samples"]) == 4


def test_what_git_ignores_is_passed_over(edited):
    edited.write(".gitignore", "ignored/\n")
    write_answers(edited, RIGHT, folder="ignored/cassettes/test_it/test_capital")
    assert len(document(edited)["samples"]) == 0 or "ignored" not in str(document(edited))


@pytest.mark.parametrize(
    ("paths", "count"),
    [
        (["test_it.py"], 4),
        ([FOLDER], 4),
        ([f"{FOLDER}/france.yaml"], 1),
        ([f"{FOLDER}/france.yaml", f"{FOLDER}/italy.yaml"], 2),
        (["."], 4),
        (["test_it.py", "empty"], 4),
        (["empty"], 0),
    ],
)
def test_paths_choose(edited, paths, count):
    (edited.path / "empty").mkdir()
    assert len(document(edited, *paths)["samples"]) == count


def test_a_removed_cassette_can_be_named_and_anything_else_that_is_not_there_is_a_mistake(edited):
    (edited.path / FOLDER / "france.yaml").unlink()
    assert list(verdicts(document(edited, f"{FOLDER}/france.yaml"))) == ["france #1"]
    found = edited.command("review", "test_ti.py")
    assert (found.ret, found.stderr.lines[0]) == (2, "there is no such file or folder: test_ti.py")


def test_it_works_from_a_subfolder_and_for_tests_in_one(project):
    project.write("pkg/tests/conftest.py", "")
    write_answers(project, RIGHT, folder=f"pkg/tests/{FOLDER}")
    (project.path / "test_it.py").rename(project.path / "pkg/tests/test_it.py")
    commit(project.path)
    (project.path / "pkg/tests" / FOLDER / "peru.yaml").write_text(cassette((asked("Peru"), {"1": chat("Cusco")})))
    found = subprocess.run(
        [Path(sys.executable).with_name("pytest-llm"), "review", "test_it.py"],
        cwd=project.path / "pkg/tests",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1/1  peru  #1" in found.stdout
    assert "● passed → ✗ failed" in found.stdout


# -- what the outputs are ---------------------------------------------------------------------------------------------


def compared(project, before, now, *arguments, code=0):
    """The review of one case whose reply was one body, and is another."""
    project.write("test_it.py", TEST)
    request = asked("France")
    project.write(f"{FOLDER}/france.yaml", cassette((request, {"1": before})))
    commit(project.path)
    project.write(f"{FOLDER}/france.yaml", cassette((request, {"1": now})))
    return review(project, *arguments, code=code)


def test_model_output_does_not_act_on_the_terminal(project):
    text = compared(project, chat("a"), chat("\x1b[2J\x1b]0;title\x07 \u202egnp.exe \x9b31m"))
    assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert "\\x1b[2J" in text
    whole = document(project)
    assert "\x1b[2J" in whole["samples"][0]["exchanges"][0]["now"][0]["text"], "a program gets what was recorded"


def test_a_long_text_is_cut_around_its_difference_with_the_number_of_what_is_left_out(project):
    words = " ".join(f"word{number}" for number in range(3_000))
    text = compared(project, chat(words), chat(words.replace("word2000", "OTHER")))
    assert "[-word2000-]" in text
    assert "{+OTHER+}" in text
    assert "characters, the same …]" in text
    assert len(text) < 3_000
    assert len(document(project)["samples"][0]["exchanges"][0]["now"][0]["text"]) > 20_000


def test_a_long_line_without_blanks_is_cut(project):
    text = compared(project, chat("a" * 1_000_000), chat("b" * 1_000_000))
    assert len(text) < 5_000
    assert "999,400 characters" in text


def test_binary_says_how_many_bytes(project):
    old, new = ({"base64": base64.b64encode(bytes([255, *range(n)])).decode()} for n in (10, 200))
    text = compared(project, old, new)
    assert "binary, [-11-] bytes" in text
    assert "binary, {+201+} bytes" in text


def test_tool_calls_and_how_a_reply_ended_are_outputs_too(project):
    def call(arguments):
        return chat(None, tool_calls=[{"id": "1", "function": {"name": "find", "arguments": arguments}}])

    text = compared(project, call('{"q": "a"}'), call('{"q": "b"}'))
    assert "tool call\n" in text
    assert '{"q": "[-a-]"}' in text


def test_what_is_no_reply_of_a_model_is_shown_as_it_is(project):
    text = compared(project, {"json": {"found": 1}}, {"text": "<html>gone</html>"})
    assert '[-{"found": 1}-]' in text
    assert "{+<html>gone</html>+}" in text
    assert "the recorded reply is no JSON" in text, "the reason why it has no grade"


def test_a_wide_screen_has_old_and_new_side_by_side(edited, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    lines = review(edited).splitlines()
    assert "     HEAD" + " " * 63 + "│ now" in lines
    assert "     [-Paris-]" + " " * 58 + "│ {+Lyon+}" in lines


def test_every_edit_of_a_template_is_one_change_and_many_are_counted(project):
    """Where the change of the request holds the case's own text, it is shown with the case."""
    write_answers(project, RIGHT)
    commit(project.path)
    project.write("test_it.py", TEST.replace("{{ country }}", "Of {{ country }}?"))
    for country, answer in RIGHT.items():
        text = cassette((asked(f"Of {country}?"), {"1": chat(f"{answer}!")}))
        project.write(f"{FOLDER}/{country.lower()}.yaml", text)
    text = review(project)
    assert text.count("one change of request") == 3
    assert "1 more change of requests, shown with the samples" in text
    assert 'request: user message "Spain" → "Of Spain?"' in text


# -- grades -----------------------------------------------------------------------------------------------------------


def test_samples_and_variants_are_told_apart(project):
    test = TEST.replace(
        "capital, cases", "variants={'short': capital, 'long': capital.replace(system='LONG')}, samples=2, cases"
    )
    project.write("test_it.py", test)

    def write(variant, system, *answers):
        replies = {str(n): chat(answer) for n, answer in enumerate(answers, 1)}
        project.write(f"{FOLDER}/france~{variant}.yaml", cassette((asked("France", system), replies)))

    write("short", "SYSTEM", "Paris", "Paris")
    write("long", "LONG", "Paris", "Lyon")
    commit(project.path)
    write("short", "SYSTEM", "Paris", "Nice")
    write("long", "LONG", "Lyon", "Paris")
    found = document(project)
    assert verdicts(found) == {"france~long #1": "worse", "france~short #2": "worse", "france~long #2": "better"}
    assert [one["nodeid"] for one in found["samples"]] == [
        "test_it.py::test_capital[france-long]",
        "test_it.py::test_capital[france-short-#2]",
        "test_it.py::test_capital[france-long-#2]",
    ]


def test_one_sample_recorded_again_leaves_the_others_alone(project, serve):
    """Its old request stays in the cassette for the other samples, and is no output of this one any more."""
    project.use(serve(lambda body, n: f"answer {n}"))
    test = TEST.replace("cases=CASES", "cases=CASES[:1], samples=3")
    project.write("test_it.py", test)
    project.record("--llm-concurrency=1")  # sample by sample
    commit(project.path)
    project.write("test_it.py", test.replace("SYSTEM", "EDITED"))
    project.record("test_it.py::test_capital[france]")
    for _ in ("with the last run", "without"):
        (sample,) = document(project)["samples"]
        assert (sample["case"], sample["sample"], len(sample["exchanges"])) == ("france", 1, 1)
        assert sample["exchanges"][0]["before"][0]["text"] == "answer 1"
        assert sample["exchanges"][0]["now"][0]["text"] == "answer 4"
        (project.path / ".pytest_llm/last-run.jsonl").unlink(missing_ok=True)


def test_a_dialogue_is_graded_by_all_of_its_old_replies(project, serve):
    project.use(serve(lambda body, n: f"reply {n}"))
    test = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains
talk = Prompt(name="talk", model="tiny", messages=[
    {"role": "system", "content": "SYSTEM"}, {"role": "user", "content": "one"}, {"role": "assistant"},
    {"role": "user", "content": "two"}])
@pytest.mark.llm(talk, graders=[contains("reply 2")])
def test_talk(llm_response): ...
"""
    project.write("test_it.py", test)
    project.record().assert_outcomes(passed=1)
    commit(project.path)
    project.write("test_it.py", test.replace("SYSTEM", "EDITED"))
    project.record().assert_outcomes(failed=1)
    found = document(project)
    assert verdicts(found) == {"test_talk #1": "worse"}
    assert [one["heading"] for one in found["requests"]] == ['system message "SYSTEM" → "EDITED"'], (
        "not its consequences"
    )
    assert "call 2 of 2" in review(project)


def test_a_body_that_asserts_is_not_known_before_and_comes_from_the_last_run_now(project, serve):
    answers = ["Paris", "Lyon"]
    project.use(serve(lambda body, n: answers[n - 1]))
    test = """
import pytest
from pytest_llm import Prompt
ask = Prompt(name="ask", model="tiny", system="SYSTEM", user="{{ q }}")
@pytest.mark.llm(ask, cases=[{"id": "a", "q": "?"}])
def test_body(llm_response): assert llm_response.text == "Paris"
"""
    project.write("test_it.py", test)
    project.record().assert_outcomes(passed=1)
    commit(project.path)
    project.write("test_it.py", test.replace("SYSTEM", "EDITED"))
    project.record().assert_outcomes(failed=1)
    text = review(project)
    assert "not known → ✗ failed" in text
    assert "grade before not known of 1: the body of the test is not run" in text
    (project.path / ".pytest_llm/last-run.jsonl").unlink()
    assert "not known → not known" in review(project)


APP = """
import openai, pytest
def ask(text):
    return openai.OpenAI(max_retries=0).chat.completions.create(
        model="tiny", messages=[{"role": "system", "content": "SYSTEM"}, {"role": "user", "content": text}]
    ).choices[0].message.content
@pytest.mark.llm
def test_app():
    assert ask("first") == "always"
    try:
        assert ask("second")
    except BaseException as error:
        print(error)
"""


def test_an_app_shows_its_replies_call_by_call_and_grades_from_the_last_run(project, serve):
    project.use(serve(lambda body, n: "always" if body["messages"][-1]["content"] == "first" else f"reply {n}"))
    project.write("test_it.py", APP)
    project.record().assert_outcomes(passed=1)
    commit(project.path)
    project.write("test_it.py", APP.replace("SYSTEM", "EDITED"))
    project.record().assert_outcomes(passed=1)
    text = review(project)
    assert "not known → ● passed" in text
    assert "call 1 of 2, says the same" in text
    assert "reply [-2-]" in text
    assert "reply {+4+}" in text
    assert "grade before not known of 1: the test asks by itself, and is not run" in text
    (sample,) = document(project)["samples"]
    assert (sample["before"]["outcome"], sample["now"]["outcome"]) == (None, "passed")


def test_a_swallowed_miss_is_a_failure_now(project, serve):
    project.use(serve(lambda body, n: "always" if body["messages"][-1]["content"] == "first" else f"reply {n}"))
    project.write("test_it.py", APP)
    project.record().assert_outcomes(passed=1)
    commit(project.path)
    path = project.path / "cassettes/test_it/test_app/test_app.yaml"
    path.write_text(path.read_text().replace("reply 2", "other"))
    project.write("test_it.py", APP.replace('ask("second")', 'ask("third")'))
    project.run().assert_outcomes(failed=1)
    (sample,) = document(project)["samples"]
    assert sample["now"]["outcome"] == "failed"
    assert [one["now"] is None for one in sample["exchanges"]] == [False, True], "what the test does not ask any more"


@pytest.mark.parametrize(
    "way",
    [
        "socket.create_connection(('127.0.0.1', PORT))",
        "socket.getaddrinfo('model.invalid', 80)",
        "urllib.request.urlopen('http://127.0.0.1:PORT/').read()",
        "swallowing(lambda: socket.create_connection(('127.0.0.1', PORT)))",
    ],
)
def test_a_grader_that_would_ask_over_the_network_does_not(project, serve, way):
    server = serve(lambda body, n: "x")
    write_answers(project, {"France": "Paris"})
    port = server.root.rpartition(":")[2]
    test = TEST.replace(
        "CASES =",
        f"""
import socket, urllib.request
def swallowing(ask):
    try: ask()
    except BaseException: pass
def over_there(output):
    {way.replace("PORT", port)}
    return True
CASES =""",
    ).replace("[equals_expected()]", "[over_there]")
    project.write("test_it.py", test)
    commit(project.path)
    project.write(f"{FOLDER}/france.yaml", cassette((asked("France"), {"1": chat("Lyon")})))
    text = review(project)
    assert "not known → not known" in text
    assert "asked for, and grading again uses no network" in text
    assert server.paths == []


@pytest.mark.parametrize("end", ["pytest.fail('no')", "raise SystemExit(3)", "pytest.skip('not today')"])
def test_a_grader_that_prints_and_ends_the_test_does_not_end_the_review(project, end):
    grader = f"def stern(output):\n    print('PRINTED')\n    {end}\nCASES ="
    write_answers(project, {"France": "Paris"})
    project.write("test_it.py", TEST.replace("CASES =", grader).replace("[equals_expected()]", "[stern]"))
    commit(project.path)
    project.write(f"{FOLDER}/france.yaml", cassette((asked("France"), {"1": chat("Lyon")})))
    (sample,) = document(project)["samples"]
    assert sample["before"]["why_not_known"].partition(": ")[0] in ("Failed", "SystemExit", "Skipped")


def test_graders_of_all_kinds_grade_again(project):
    """Coroutines too, though an event loop has sockets of its own; a schema; a score."""
    test = TEST.replace(
        "CASES =",
        """
from pytest_llm.graders import grader
@grader
async def starts_right(output): return output.text[:1] == "P"
@grader
def length(output) -> float: return len(output.text) / 10
CASES =""",
    ).replace("[equals_expected()]", "[starts_right, length], schema={'type': 'string', 'maxLength': 9}")
    project.write("test_it.py", test)
    project.write(f"{FOLDER}/france.yaml", cassette((asked("France"), {"1": chat('"Paris"')})))
    commit(project.path)
    project.write(f"{FOLDER}/france.yaml", cassette((asked("France"), {"1": chat('"Paris, France"')})))
    (sample,) = document(project)["samples"]
    names = ["schema", "starts_right", "length"]
    assert [[grade["name"] for grade in sample[when]["grades"]] for when in ("before", "now")] == [names, names]
    assert sample["verdict"] == "worse"
    assert [grade["passed"] for grade in sample["before"]["grades"]] == [True, False, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name\n" + TEST, "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        (TEST.replace("cases=CASES", "casses=CASES"), "the llm marker has no argument 'casses'"),
        ("def broken(:\n", "SyntaxError"),
        ("import socket; socket.create_connection(('127.0.0.1', 1))\n" + TEST, "grading again uses no network"),
    ],
)
def test_where_tests_cannot_be_collected_outputs_are_shown_and_the_reason_comes_once(edited, text, reason):
    edited.write("test_it.py", text)
    shown = review(edited)
    (line,) = [line for line in shown.splitlines() if "cannot be collected: " in line]
    assert line.startswith("test_it.py cannot be collected: ")
    assert reason in line
    assert "{+Lyon+}" in shown
    assert "not known → not known" in shown


def test_a_conftest_that_cannot_be_loaded_is_said_too(edited):
    edited.write("conftest.py", "raise RuntimeError('no database')\n")
    shown = review(edited)
    assert "no database" in shown
    assert "{+Lyon+}" in shown


def test_a_fixture_of_the_projects_own_leaves_grades_unknown(edited):
    edited.write(
        "conftest.py", "import pytest\n@pytest.fixture\ndef llm_response(llm_response): return llm_response.text\n"
    )
    assert "the project has a fixture llm_response of its own" in review(edited)


def test_a_prompt_that_was_edited_once_more_is_graded_all_the_same(edited):
    """The cassette is stale for what the code asks now; its replies still have grades."""
    edited.write("test_it.py", TEST.replace("SYSTEM", "NEITHER"))
    assert verdicts(document(edited))["france #1"] == "worse"


def test_options_of_the_project_neither_ask_nor_write(edited, serve):
    server = serve(lambda body, n: "x")
    edited.use(server)
    edited.pytester.makeini("[pytest]\naddopts = --llm-rerecord --junitxml=report.xml --lf -k nothing -n 2 -x\n")
    assert verdicts(document(edited))["france #1"] == "worse"
    assert server.requests == []
    assert not (edited.path / "report.xml").exists()
    assert not (edited.path / ".pytest_llm/journal").exists()


def test_the_other_verbs_do_not_load_what_draws_a_review(project):
    code = "import sys; from pytest_llm.cli import main; main(['report']); print(sorted({'rich', 'readchar'} & {*sys.modules}))"
    assert project.pytester.run(sys.executable, "-c", code).stdout.lines[-1] == "[]"
