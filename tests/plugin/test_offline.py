"""Offline means offline: a plain run sends a request only where nothing shows that the project uses this plugin."""

from __future__ import annotations

import json

import pytest

BARE = """
import json, os, pytest, urllib.request

@pytest.mark.llm
def test_talks():
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        assert json.load(reply)["choices"]
"""
OURS = "version: {}\nrules: 1\n---\nrequest: 0123456789ab\n"
VCRPY = "interactions:\n- request: {method: GET, uri: 'http://x/'}\nversion: 1\n"
VCRPY_JSON = json.dumps({"version": 1, "interactions": [{"request": {"method": "GET"}}]}, indent=4)


@pytest.fixture
def stranger(project, serve):
    """A project that says the bare marker, and a server that counts."""
    project.server = serve(lambda body, n: "live")
    project.use(project.server)
    project.write("tests/test_bare.py", BARE)
    return project


def test_a_project_without_any_trace_of_us_runs_as_if_we_were_not_installed(stranger):
    stranger.write("pyproject.toml", '[project]\ndependencies = ["pytest", "pytest-llm", "llm-evals"]\n')
    stranger.write("compose.yaml", "version: 2\nservices: {}\n")
    stranger.write("data/rows.json", '{"rows": [{"interactions": []}]}')
    stranger.write("tests/test_else.py", "import pytest\n@pytest.mark.llm\ndef test_other(): assert 1\n")
    stranger.run().assert_outcomes(passed=2, warnings=1)
    assert len(stranger.server.requests) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other/cassettes/test_a/test_a/test_a.yaml", OURS.format(1)),
        ("other/cassettes/test_a/test_a/crlf.yaml", OURS.format(1).replace("\n", "\r\n")),
        ("other/cassettes/test_a/test_a/of-another-version.yaml", "version: 7\nsomething: else\n"),
        ("other/Cassettes/test_a/test_a/test_a.yaml", OURS.format(2)),
        ("other/recordings/test_a.yaml", OURS.format(2)),
        ("cassettes/test_bare/test_talks.yaml", VCRPY),
        ("fixtures/vcr_cassettes/synopsis.yaml", VCRPY.replace("\n", "\r\n")),
        ("fixtures/replies.yml", "---\n" + VCRPY),
        ("fixtures/replies.json", VCRPY_JSON),
        ("llm_baselines/test_a/test_a.json", "{}"),
        ("pytest.ini", "[pytest]\nllm_ignore_hosts =\n"),
        ("pyproject.toml", '[dependency-groups]\ntest = ["pytest-llm-evals>=0.1"]\n'),
        ("requirements/test.in", "pytest-llm-evals\n"),
        ("requirements-test.txt", "Pytest_LLM_Evals==0.1\n"),
        ("dev/setup.cfg", "[options.extras_require]\ntest = pytest.llm.evals\n"),
        ("setup.py", 'extras_require={"test": ["pytest-llm-evals"]}\n'),
        ("tox.ini", "\n[testenv]\ndeps = pytest-llm-evals\n"),
        ("Pipfile", '[dev-packages]\npytest-llm-evals = "*"\n'),
        ("uv.lock", '[[package]]\nname = "pytest-llm-evals"\n'),
        ("poetry.lock", '[[package]]\nname = "pytest-llm-evals"\n'),
        ("environment.yml", "dependencies: [{pip: [pytest-llm-evals]}]\n"),
        ("tests/test_declared.py", "from pytest_llm import Prompt\n"),
        ("tests/test_cases.py", 'import pytest\n@pytest.mark.llm(\n    cases="x.jsonl")\ndef test_x(llm_case): ...\n'),
    ],
)
def test_any_trace_keeps_a_plain_run_off_the_network(stranger, name, text):
    """Also where the tests that show it are not those that were selected."""
    there = stranger.path / name
    stranger.write(name, there.read_text() + text if there.exists() else text)  # tox.ini has the options of these tests
    result = stranger.run("tests/test_bare.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording for this request: *"])
    assert not stranger.server.requests


@pytest.mark.parametrize(
    "arguments",
    [
        ("--llm-concurrency", "16"),
        ("-o", "llm_set="),
        ("-o", "llm_samples=1"),
        ("-o", "llm_base_url=http://127.0.0.1:1/v1"),
    ],
)
def test_an_option_or_an_ini_key_of_ours_keeps_it_off_too(stranger, arguments):
    expected = {"passed": 1} if arguments[1] == "llm_set=" else {"failed": 1}  # an empty list says nothing
    stranger.run(*arguments).assert_outcomes(**expected, warnings=expected.get("passed", 0))
    assert len(stranger.server.requests) == expected.get("passed", 0)


def test_a_hook_of_ours_keeps_it_off_too(stranger):
    stranger.write("tests/conftest.py", "def pytest_llm_normalize(request): ...\n")
    stranger.run().assert_outcomes(failed=1)
    assert not stranger.server.requests


def test_a_dependency_file_above_the_root_counts_within_the_repository(stranger):
    """pytest takes the folder of the ini file for the root, which may be a part of the repository."""
    stranger.write("service/pytest.ini", "[pytest]\naddopts = -p no:cacheprovider\n")
    stranger.write("service/test_bare.py", BARE)
    stranger.write("requirements.txt", "pytest-llm-evals\n")
    stranger.run("service/test_bare.py").assert_outcomes(passed=1, warnings=1)
    assert len(stranger.server.requests) == 1
    (stranger.path / ".git").mkdir()
    stranger.run("service/test_bare.py").assert_outcomes(failed=1)
    assert len(stranger.server.requests) == 1


def test_virtual_environments_and_hidden_folders_are_passed_over(stranger):
    stranger.write("env/pyvenv.cfg", "home = /usr\n")
    stranger.write("env/lib/cassettes/a.yaml", OURS.format(1))
    stranger.write(".cache/requirements.txt", "pytest-llm-evals\n")
    (stranger.path / "requirements.txt").symlink_to("gone.txt")
    stranger.run().assert_outcomes(passed=1, warnings=1)


# -- where a recording option comes from ----------------------------------------------------------------------------


def test_a_recording_option_of_the_ini_file_is_shown_in_the_header(stranger):
    stranger.write("pytest.ini", "[pytest]\naddopts = -p no:cacheprovider --llm-live\n")
    result = stranger.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["llm: --llm-live, from addopts in pytest.ini: every run sends requests"])
    assert len(stranger.server.requests) == 1


@pytest.mark.parametrize("quiet", [(), ("-q",), ("-qq",)])
def test_a_recording_option_of_the_environment_is_shown_in_quiet_runs_too(stranger, monkeypatch, quiet):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--llm-record --llm-budget 3requests")
    result = stranger.run(*quiet)
    line = "llm: --llm-record, from the environment variable PYTEST_ADDOPTS: every run sends requests"
    assert result.stdout.str().count(line) == 1


def test_a_recording_option_of_a_conftest_is_shown(stranger):
    stranger.write("conftest.py", "def pytest_load_initial_conftests(): ...\n")
    stranger.write("turns_on.py", "def pytest_cmdline_main(config): config.option.llm_live = True\n")
    result = stranger.run("-p", "turns_on")
    result.stdout.fnmatch_lines(["llm: --llm-live, from a conftest.py, a plugin or a file of arguments: every run *"])


@pytest.mark.parametrize("arguments", [("--llm-live",), ("-o", "addopts=--llm-live"), ()])
def test_what_was_typed_is_not_shown(stranger, arguments):
    result = stranger.run(*arguments)
    assert "every run sends requests" not in result.stdout.str()


def test_workers_and_a_dry_run_do_not_say_it(stranger, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--llm-record")
    result = stranger.run("-n", "2")
    assert result.stdout.str().count("every run sends requests") == 1
    assert "every run" not in stranger.run("--llm-dry-run").stdout.str()
