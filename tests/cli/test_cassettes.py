"""What is recorded, listed with its age by git; and what was said, as a conversation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cassette_samples import SYSTEM, USER, asked, cassette, git, stored

from pytest_llm.cassettes.document import write

COMMAND = Path(sys.executable).with_name("pytest-llm")


def listed(project, *arguments):
    result = project.command("cassettes", "list", "--json", *arguments)
    return {one["name"]: one for one in json.loads(result.stdout.str())["cassettes"]}


# -- list -------------------------------------------------------------------------------------------------------------


def test_the_cassettes_of_a_project_are_listed_with_their_totals(project):
    git(project, "init")
    cassette(project, "oslo~few-shot", asked(stored("1"), stored("2"), stored("10/raw/2")), asked(stored(), seed=1))
    cassette(project, "paris")
    cassette(project, "knowledge", test="fixtures")
    git(project, "add", "tests")
    git(project, "commit", "-m", "Record")
    cassette(project, "paris", asked(stored(text="changed")))
    cassette(project, "rome", test="TestMore.test_it", module="tests/deep/test_more")
    result = project.command("cassettes", "list")
    assert result.ret == 0
    assert result.outlines == [
        "  case           requests  samples      size  last commit",
        "tests/test_geo.py fixtures",
        "  knowledge             1        1    0.6 kB  2026-07-01",
        "tests/test_geo.py::test_capital",
        "  oslo~few-shot         2        3    1.9 kB  2026-07-01",
        "  paris                 1        1    0.6 kB  2026-07-01",
        "tests/deep/test_more.py::TestMore::test_it",
        "  rome                  1        1    0.6 kB  not committed",
        "",
        "4 cassettes of 2 tests, 5 requests, 6 samples, 3.8 kB",
    ]


def test_the_date_is_that_of_the_last_commit_of_the_file_itself(project):
    git(project, "init")
    first = cassette(project, "a")
    cassette(project, "b")
    cassette(project, "gone and back")
    git(project, "add", ".")
    git(project, "commit", "-m", "1", date="2026-01-01T12:00:00+00:00")
    first.write_text(write([asked(stored(), seed=1)]), encoding="utf-8")
    git(project, "commit", "-a", "-m", "2", date="2026-02-02T12:00:00+00:00")
    git(project, "rm", "--cached", "tests/cassettes/test_geo/test_capital/gone and back.yaml")
    git(project, "commit", "-m", "3", date="2026-03-03T12:00:00+00:00")
    dates = {name: one["date"] for name, one in listed(project).items()}
    assert dates == {"a": "2026-02-02T12:00:00+00:00", "b": "2026-01-01T12:00:00+00:00", "gone and back": None}


@pytest.mark.skipif(os.name == "nt", reason="a script in the place of git")
def test_git_is_run_once_for_all_files(project, monkeypatch):
    git(project, "init")
    for number in range(20):
        cassette(project, f"case-{number}", test=f"test_{number}")
    git(project, "add", ".")
    git(project, "commit", "-m", "Record")
    script = project.write("bin/git", f'#!/bin/sh\necho run >> "$COUNT"\nexec {shutil.which("git")} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("COUNT", str(project.path / "count"))
    monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
    assert all(one["date"] for one in listed(project).values())
    assert (project.path / "count").read_text() == "run\n"


def test_a_repository_without_commits_has_committed_nothing(project):
    git(project, "init")
    cassette(project, "paris")
    result = project.command("cassettes", "list")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  paris * not committed"])


def test_outside_of_git_the_dates_are_the_files_own_and_it_says_so(project, monkeypatch):
    path = cassette(project, "paris")
    os.utime(path, (0, 1_750_000_000))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.path.parent))
    result = project.command("cassettes", "list")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["  case * file's date", "  paris * 2025-06-15", "the dates are the files' own: not in a git repository"]
    )
    monkeypatch.setenv("PATH", str(project.path))
    result = project.command("cassettes", "list")
    result.stdout.fnmatch_lines(["the dates are the files' own: git cannot be run: *"])


def test_damaged_cassettes_are_listed_with_their_reason_and_are_no_success(project):
    whole = cassette(project, "whole").read_text(encoding="utf-8")
    folder = "tests/cassettes/test_geo/test_capital"
    project.write(f"{folder}/cut.yaml", whole.removesuffix("---\nend: 1\n"))
    project.write(f"{folder}/conflict.yaml", f"<<<<<<< ours\n{whole}")
    project.write(f"{folder}/edited.yaml", whole.replace("Be kind", "Be rude"))
    project.write(f"{folder}/empty.yaml", "")
    result = project.command("cassettes", "list")
    assert result.ret == 1
    text = result.stdout.str()
    assert "\n  cut                 damaged    0.6 kB" in text
    result.stdout.fnmatch_lines(["  whole *1 *1 * kB *", "*5 cassettes of 1 test, 1 request, 1 sample, *"])
    assert "\n4 damaged:\n" in text
    for reason in ("merge conflict", "the cassette is cut", "a recorded request was edited", "begin with its version"):
        assert reason in text
    assert f"  where       {folder}/cut.yaml" in text
    problems = {name: one["problem"][:16] for name, one in listed(project).items() if one["problem"]}
    assert set(problems) == {"cut", "conflict", "edited", "empty"}


def test_other_files_are_no_cassettes(project):
    cassette(project, "paris")
    project.write("tests/cassettes/test_geo/test_other/vcr.yaml", "interactions:\n- request: {}\nversion: 1\n")
    project.write("tests/cassettes/test_geo/flat.yaml", "interactions: []\n")
    project.write("tests/cassettes/test_geo/test_capital/notes.txt", "x")
    project.write(".hidden/cassettes/a/b/c.yaml", "x")
    project.write("data/a/b/c.yaml", "x")
    assert list(listed(project)) == ["paris"]


def test_it_works_from_a_subfolder_and_on_paths(project):
    cassette(project, "paris")
    cassette(project, "rome", test="test_other")
    os.chdir(project.path / "tests")
    assert list(listed(project)) == ["paris", "rome"]
    found = listed(project, "cassettes/test_geo/test_other")["rome"]
    assert (found["path"], found["module"]) == ("cassettes/test_geo/test_other/rome.yaml", "tests/test_geo.py")
    assert list(listed(project, "cassettes/test_geo/test_other/rome.yaml", "cassettes")) == ["paris", "rome"]


def test_where_there_is_nothing_it_says_so(project):
    result = project.command("cassettes", "list")
    assert result.ret == 0
    assert result.outlines == [f"no cassettes under {project.path}", "  record      pytest --llm-record"]
    result = project.command("cassettes", "list", "nowhere")
    assert result.ret == 2
    assert result.errlines[0] == "there is no nowhere"


@pytest.mark.parametrize("lines", [0, 1])
@pytest.mark.parametrize("count", [1, 1_000])
def test_a_reader_that_stops_is_no_mistake(project, monkeypatch, count, lines):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for number in range(count):
        cassette(project, f"a-case-with-a-long-name-so-that-a-pipe-is-filled-{number:04}")
    with subprocess.Popen(
        [COMMAND, "cassettes", "list"], cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert all(process.stdout.readline().startswith(b"  case") for _ in range(lines))
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_thousands_are_listed(project):
    for number in range(2_000):
        cassette(project, f"case-{number:04}", test=f"test_{number // 500}")
    result = project.command("cassettes", "list")
    assert result.outlines[-2].startswith("2000 cassettes of 4 tests, 2000 requests, 2000 samples, ")


# -- show -------------------------------------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"properties": {"city": {}, "unit": {}}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"city": "Oslo"}'}}


def test_a_cassette_is_shown_as_a_conversation_sample_by_sample(project):
    cassette(project, "paris", asked(stored("1"), stored("2", "Lyon\nor so"), temperature=0.5))
    result = project.command("cassettes", "show", "paris")
    assert result.ret == 0
    assert result.outlines == [
        "tests/test_geo.py::test_capital   paris",
        "tests/cassettes/test_geo/test_capital/paris.yaml",
        "",
        "sample 1   POST chat/completions   model tiny   temperature 0.5",
        "  system      Be short.",
        "              Be kind.",
        "  user        Capital of France?",
        "  reply       Paris",
        "              stop   11 + 7 tokens   1.50 s   by tiny-2026",
        "",
        "sample 2   POST chat/completions   model tiny   temperature 0.5",
        "  asked       as in sample 1",
        "  reply       Lyon",
        "              or so",
        "              stop   11 + 7 tokens   1.50 s   by tiny-2026",
    ]


def test_tools_reasoning_and_a_second_request_are_shown_once(project):
    first = stored("1", None, message={"tool_calls": [CALL], "reasoning_content": "I should look."})
    messages = [SYSTEM, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
    messages += [{"role": "tool", "content": "cold", "tool_call_id": "c1"}]
    cassette(project, "oslo", asked(first, tools=[TOOL]), asked(stored("1", "Cold."), messages=messages))
    lines = project.command("cassettes", "show", "oslo").outlines
    assert lines[4:9] == [
        "  tools       look_up(city, unit)",
        "  system      Be short.",
        "              Be kind.",
        "  user        Capital of France?",
        "  reasoning   I should look.",
    ]
    assert lines[9] == '  tool call   look_up {"city": "Oslo"}'
    assert lines[10] == "              stop   11 + 7 tokens   1.50 s   by tiny-2026"
    assert lines[13:] == [
        "  …           3 messages as above",
        "  tool        cold",
        "  reply       Cold.",
        "              stop   11 + 7 tokens   1.50 s   by tiny-2026",
    ]


def test_what_is_no_conversation_is_shown_as_it_is(project):
    binary = stored(body={"base64": "AAECAw=="}, latency_ms=None)
    refused = stored(body={"json": {"error": {"message": "no"}}}, status=404, number=2)
    cassette(project, "odd", asked(binary, refused, url="http://files.invalid/x", messages=None, name="f" * 99))
    text = project.command("cassettes", "show", "odd").stdout.str()
    assert "  reply       binary, 4 bytes" in text
    assert '  reply       {"error": {"message": "no"}}' in text
    assert "              status 404" in text
    assert f"   name {'f' * 59}…" in text


def test_nothing_that_was_recorded_acts_on_the_screen(project):
    acting = "\x1b[2J\x9b\u202e\x07"
    body = {"messages": [{"role": "user", "content": acting}], "stop": acting, "tools": [{"name": acting}], acting: 1}
    reply = stored(text=acting, message={"tool_calls": [{"function": {"name": acting, "arguments": acting}}]})
    cassette(project, "bad", asked(reply, **body), asked(reply, url=f"http://files.invalid/{acting}"))
    shown = project.command("cassettes", "show", "bad").stdout.str()
    assert not set("\x1b\x9b\u202e\x07") & set(shown)
    assert "\\x1b[2J\\x9b\\u202e\\x07" in shown
    assert not set("\x1b\x9b\u202e\x07") & set(project.command("cassettes", "show", "bad", "--json").stdout.str())


def test_a_terminal_that_cannot_show_a_character_gets_its_escape(project, monkeypatch):
    cassette(project, "paris", asked(stored(text="Paris → 巴黎")))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    result = project.command("cassettes", "show", "paris")
    assert result.ret == 0
    assert "  reply       Paris \\u2192 \\u5df4\\u9ece" in result.outlines


def test_a_name_that_fits_several_lists_them(project):
    cassette(project, "paris")
    cassette(project, "paris", test="test_other")
    result = project.command("cassettes", "show", "paris")
    assert result.ret == 2
    assert result.errlines == [
        "2 cassettes fit 'paris'",
        "  there is    tests/cassettes/test_geo/test_capital/paris.yaml",
        "  there is    tests/cassettes/test_geo/test_other/paris.yaml",
        "  give        one of these files",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "oslo~few-shot",
        "oslo",
        "few-shot",
        "test_capital[oslo-few-shot]",
        "tests/test_geo.py::test_capital[oslo-few-shot]",
        "tests/test_geo.py::test_capital",
        "tests/cassettes/test_geo/test_capital/oslo~few-shot.yaml",
    ],
)
def test_a_cassette_has_many_names(project, name):
    cassette(project, "oslo~few-shot", asked(stored("1"), stored("2")))
    cassette(project, "oslo-2", test="test_other")
    os.chdir(project.path / "tests")  # names and paths are the root's, as pytest writes them
    found = json.loads(project.command("cassettes", "show", name, "--json").stdout.str())["cassettes"]
    assert [one["name"] for one in found] == ["oslo~few-shot"]
    assert len(found[0]["exchanges"]) == 2


@pytest.mark.parametrize("end", ["oslo-few-shot-#2]", "#2]"])
def test_an_item_of_a_later_sample_shows_that_sample(project, end):
    names = {"oslo-few-shot-#2]": "oslo~few-shot", "#2]": "test_capital"}
    cassette(project, names[end], asked(stored("1", "one"), stored("2", "two")))
    lines = project.command("cassettes", "show", f"test_capital[{end}").outlines
    assert [line for line in lines if "reply" in line] == ["  reply       two"]


def test_an_item_is_found_by_its_node_id_whatever_its_file_is_called(project, serve):
    project.use(serve(lambda body, number: f"reply {number}"))
    project.write(
        "test_geo.py",
        """
        import pytest
        from pytest_llm import Prompt
        ask = Prompt(name="ask", model="tiny", user="Capital of {{ country }}?")
        cases = [{"id": "CÔTE / d'Ivoire", "country": "x"}, {"id": "b", "country": "b"}]

        @pytest.mark.llm(ask, cases=cases, samples=2)
        @pytest.mark.parametrize("style", ["plain text", "verse"])
        def test_it(llm_response, style):
            assert llm_response.text
        """.replace("\n        ", "\n"),
    )
    project.record("-p", "no:randomly").assert_outcomes(passed=8)
    results = [json.loads(line) for line in (project.path / ".pytest_llm/last-run.jsonl").read_text().splitlines()]
    nodeids = [one["nodeid"] for one in results if "nodeid" in one]
    assert len(nodeids) == 8
    for nodeid in (nodeids[1], nodeids[-1]):
        result = project.command("cassettes", "show", nodeid, "--json")
        exchanges = json.loads(result.stdout.str())["cassettes"][0]["exchanges"]
        assert [one["sample"] for one in exchanges] == ["2" if "#2" in nodeid else "1"]


def test_what_is_not_there_is_said(project):
    path = cassette(project, "paris")
    result = project.command("cassettes", "show", "pariss")
    assert (result.ret, result.errlines[:2]) == (2, ["no cassette fits 'pariss'", "  there is    paris"])
    result = project.command("cassettes", "show", "paris", "--sample", "3")
    assert (result.ret, result.errlines[0], result.errlines[-1]) == (
        2,
        "there is no sample 3",
        "  there is    sample 1",
    )
    path.write_text("version: 1\n")
    result = project.command("cassettes", "show", "paris")
    assert result.ret == 2
    assert "the cassette has version 1, rules None" in result.errlines[0]


def test_a_program_reads_the_same(project):
    cassette(project, "paris", asked(stored("1", "Paris"), temperature=0))
    (found,) = json.loads(project.command("cassettes", "show", "paris", "--json").stdout.str())["cassettes"]
    assert found["path"] == "tests/cassettes/test_geo/test_capital/paris.yaml"
    (one,) = found["exchanges"]
    assert one["messages"] == [SYSTEM, USER]
    assert one["parameters"] == {"temperature": 0}
    assert one["reply"]["text"] == "Paris"
    assert (one["latency_s"], one["usage"]["total_tokens"], one["sample"]) == (1.5, 18, "1")


def test_a_cassette_that_lies_in_no_folder_of_a_test_is_called_by_its_own(tmp_path, monkeypatch):
    from pytest_llm.cli.cassette_files import cassette_files

    monkeypatch.chdir(tmp_path)
    place = tmp_path / "elsewhere" / "x.yaml"
    place.parent.mkdir()
    place.write_text("version: 1\n", encoding="utf-8")
    assert [(one.test_id, one.name) for one in cassette_files([place], tmp_path)] == [("elsewhere", "x")]
    assert cassette_files([tmp_path], tmp_path) == []
