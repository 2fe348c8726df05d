"""What goes wrong outside: one clear error each, nothing written, no traceback of ours."""

from __future__ import annotations

import re

import pytest

TEST = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import equals
ask = Prompt(name="ask", model="tiny", user="{{ q }}")
@pytest.mark.llm(ask, cases=[{"id": "a", "q": "one"}], graders=[equals("fine")])
def test_it(llm_response): ...
"""


@pytest.fixture
def ask(project, serve):
    """Run the test against an endpoint that answers as told; nothing of the plugin's inside may be shown."""

    def run(script, *arguments):
        server = serve(script)
        project.use(server)
        project.write("test_it.py", TEST)
        result = project.record(*arguments)
        assert "Traceback" not in result.stdout.str()
        assert "pytest_llm/session.py" not in result.stdout.str()
        return result, server

    return run


def test_an_endpoint_that_cannot_be_reached(project, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    project.write("test_it.py", TEST)
    result = project.record()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "the endpoint could not be reached: ConnectError: *",
            "  where       http://127.0.0.1:9/v1/, model 'tiny'",
            "  check       that the server runs; *",
        ]
    )
    assert not project.cassettes()


def test_a_refused_key(ask, project):
    result, server = ask(lambda body, n: (401, {"error": {"message": "Incorrect API key provided"}}))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["the endpoint refused the key (401): 'Incorrect API key provided'", "  set         OPENAI_API_KEY, or what *"]
    )
    assert len(server.requests) == 1  # asking again would not help
    assert not project.cassettes()


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            (404, {"error": {"message": "no such model"}}),
            "the endpoint knows no such model or path (404): 'no such model'",
        ),
        ((400, {"error": {"message": "too long"}}), "the endpoint answered 400: 'too long'"),
        (b"<html>hello</html>", "the endpoint answered 200 with something that is no JSON: '<html>hello</html>'"),
    ],
)
def test_other_refusals(ask, answer, line):
    result, _ = ask(lambda body, n: answer)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([line.replace("[", "[[]")])


def test_an_endpoint_that_recovers_is_asked_again_and_only_the_answer_is_kept(ask, project):
    result, server = ask(lambda body, n: (429, {"error": {"message": "slow down"}}) if n < 3 else "fine")
    result.assert_outcomes(passed=1)
    assert len(server.requests) == 3
    [text] = project.cassettes().values()
    assert text.count("status:") == 1
    project.forget_key()
    project.run().assert_outcomes(passed=1)


def test_a_missing_key_is_said_before_anything_is_asked(project, serve, monkeypatch):
    server = serve(lambda body, n: "fine")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://models.invalid/v1")  # on this machine, none would be needed
    project.write("test_it.py", TEST.replace('model="tiny"', 'model="tiny", api_key_env="MY_KEY"'))
    result = project.record()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --llm-record has to ask Prompt 'ask'",
            "asking a model needs a key: neither MY_KEY nor OPENAI_API_KEY is set",
            "  set         MY_KEY=<your key>",
            "  or, local   a server that wants none: OPENAI_BASE_URL=http://127.0.0.1:8080/v1",
        ]
    )
    assert not server.requests
    assert not (project.path / "cassettes").exists()


def test_no_key_is_needed_to_record_what_is_recorded(ask, project):
    ask(lambda body, n: "fine")
    project.forget_key()
    project.record().assert_outcomes(passed=1)


def test_hostile_output_does_nothing_to_the_terminal(ask, project):
    result, _ = ask(lambda body, n: "\x1b[2J\x1b]0;owned\x07 \u202eevil\u202c \x9b31m \ud800 \r done")
    result.assert_outcomes(failed=1)
    out = result.stdout.str()
    assert not any(mark in out for mark in ("\x1b[2J", "\x1b]0;", "\u202e", "\x9b"))
    assert "\\x1b[2J" in out
    project.forget_key()
    replayed = project.run()
    replayed.assert_outcomes(failed=1)
    assert "\\x1b[2J" in replayed.stdout.str()


def test_ten_megabytes_of_output_are_not_poured_out(ask, project):
    result, _ = ask(lambda body, n: "x " * 5_000_000)
    result.assert_outcomes(failed=1)
    assert len(result.stdout.str()) < 10_000
    assert (project.path / ".pytest_llm" / "last-run.jsonl").stat().st_size < 100_000


def test_a_secret_in_a_prompt_is_not_sent(project, serve, monkeypatch):
    server = serve(lambda body, n: "fine")
    project.use(server)
    monkeypatch.setenv("SHOP_TOKEN", "q7w8e9r0t1y2u3")
    project.write("test_it.py", TEST.replace('"q": "one"', '"q": "log in with q7w8e9r0t1y2u3"'))
    result = project.record()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the request's address or body holds a secret (SHOP_TOKEN); it was not sent"])
    assert not server.requests
    assert not project.cassettes()


def test_no_secret_reaches_a_file(project, serve, monkeypatch):
    """Planted in the key, in a cookie and in the reply; then every byte that was written is searched."""
    key = "sk-proj-Zz11Zz22Zz33Zz44Zz55"
    server = serve(lambda body, n: f"your key is {key}")
    project.use(server, key=key)
    project.write("test_it.py", TEST)
    result = project.record("--llm-json=run.json", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    written = [path for path in project.path.rglob("*") if path.is_file() and "runpytest" not in str(path)]
    assert len(written) > 4
    for path in written:
        assert key.encode() not in path.read_bytes(), path
        assert b"very-secret-cookie" not in path.read_bytes(), path
    assert "<secret:" in next(iter(project.cassettes().values()))
    assert key not in result.stdout.str()


def test_another_plugin_that_owns_an_option_is_named(project):
    project.write(
        "greedy.py", "def pytest_addoption(parser):\n    parser.addoption('--llm-json', action='store_true')\n"
    )
    project.write("test_it.py", "def test_it(): pass")
    result = project.run("-p", "greedy")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*--llm-json of pytest-llm-evals belongs to another plugin already: greedy*"])
    result.stderr.fnmatch_lines(["*pytest -p no:greedy        or        pytest -p no:pytest_llm_evals"])
    assert "Traceback" not in result.stderr.str()


def test_the_unrelated_distribution_pytest_llm_cannot_live_beside_this_one(project):
    """A distribution of that name, with the entry point that the real one has."""
    info = "pytest_llm-0.1.0.dist-info"  # beside the tests: `python -m pytest` has the folder in its path
    project.write(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pytest-llm\nVersion: 0.1.0\n")
    project.write(f"{info}/entry_points.txt", "[pytest11]\npytest_llm=pytest_llm\n")
    project.write("test_it.py", "def test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ['ERROR: the distribution "pytest-llm" is installed, *', "  remove both   pip uninstall*"]
    )


@pytest.mark.parametrize("damage", ["cut", "conflict", "edited"])
def test_a_damaged_cassette_is_an_error_and_left_as_it_is(ask, project, damage):
    ask(lambda body, n: "fine")
    [name] = project.cassettes()
    text = project.cassettes()[name]
    text = {
        "cut": text[: len(text) // 2],
        "conflict": f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n",
        "edited": text.replace("content: one", "content: two"),
    }[damage]
    project.write(name, text)
    for arguments in ((), ("--llm-record",)):
        result = project.run(*arguments)
        assert result.ret != 0
        out = result.stdout.str() + result.stderr.str()
        assert re.search("git checkout (--ours )?-- cassettes/test_it/test_it/a.yaml", out)
        assert "Traceback" not in out
        assert project.cassettes()[name] == text


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (
            "f1(threshold=50)",
            ["f1: threshold=50 is above 1; *", "  write       threshold=0.5", "test_it.py:4: f1(threshold=50)"],
        ),
        ("Prompt.load('none.md')", ["the prompt file cannot be read: *", "test_it.py:4: Prompt.load('none.md')"]),
        ("Prompt(name='a', model='b', user='c', temprature=0)", ["temprature= is no parameter * nearly temperature="]),
        ("load_cases('none.jsonl')", ["there is no such case file", "  where       none.jsonl", "test_it.py:4: *"]),
    ],
)
def test_a_mistake_at_the_import_of_a_test_module_is_told_with_its_line(project, code, lines):
    project.write(
        "test_it.py", f"from pytest_llm import Prompt, load_cases\nfrom pytest_llm.graders import f1\n\n{code}\n"
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(lines)
    assert "Traceback" not in result.stdout.str()
    assert "pytest_llm/" not in result.stdout.str()
