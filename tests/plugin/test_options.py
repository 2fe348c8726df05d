"""The options: what each asks, writes and refuses."""

from __future__ import annotations

import json

import pytest

TEST = """
import pytest
from pytest_llm import Prompt
ask = Prompt(name="ask", model="tiny", user="{{ q }}", temperature=0.7)
@pytest.mark.llm(ask, cases=[{"id": "a", "q": "one"}, {"id": "b", "q": "two"}])
def test_it(llm_response): assert llm_response.text.startswith("reply")
"""


@pytest.fixture
def counting(project, serve):
    """A model that numbers its replies, and a test of it."""
    server = serve(lambda body, n: f"reply {n}")
    project.use(server)
    project.write("test_it.py", TEST)
    return server


def test_record_asks_only_what_is_missing(project, counting):
    project.record("-k", "a").assert_outcomes(passed=1, deselected=1)
    project.record().assert_outcomes(passed=2)
    assert len(counting.requests) == 2
    before = project.cassettes()
    project.record().assert_outcomes(passed=2)
    assert len(counting.requests) == 2
    assert project.cassettes() == before


def test_rerecord_asks_everything_that_is_selected(project, counting):
    project.record()
    before = project.cassettes()
    project.run("--llm-rerecord", "-k", "b").assert_outcomes(passed=1, deselected=1)
    assert len(counting.requests) == 3
    after = project.cassettes()
    assert [name for name in after if after[name] != before[name]] == ["cassettes/test_it/test_it/b.yaml"]
    assert "reply 3" in after["cassettes/test_it/test_it/b.yaml"]
    assert "reply 2" not in after["cassettes/test_it/test_it/b.yaml"]


def test_live_asks_and_writes_nothing(project, counting):
    result = project.run("--llm-live")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["0 exchanges replayed, 2 asked and not kept*"])
    assert len(counting.requests) == 2
    assert not project.cassettes()


def test_recording_options_exclude_each_other(project, counting):
    result = project.run("--llm-record", "--llm-live")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --llm-record and --llm-live exclude each other*"])
    assert not counting.requests


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--llm-samples=many", "*--llm-samples takes a whole number from 1 to 100, not 'many'*"),
        ("--llm-samples=0", "*--llm-samples takes a whole number from 1 to 100, not '0'*"),
        ("--llm-set=temperature", "*--llm-set takes KEY=VALUE, not 'temperature'*"),
        ("--llm-set=schema=x", "*--llm-set schema=… cannot be said on a command line*"),
    ],
)
def test_a_value_that_cannot_be_used_is_a_usage_error(project, counting, option, line):
    result = project.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([line])


def test_set_changes_every_declared_prompt(project, counting):
    project.record("--llm-set", "model=big", "--llm-set", "temperature=0", "--llm-set", "stop=x")
    assert {(body["model"], body["temperature"], body["stop"]) for body in counting.requests} == {("big", 0, "x")}
    result = project.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(['2 stale, one change*: model "big" → "tiny", temperature 0 → 0.7, stop "x" → nothing'])
    project.run("--llm-set", "model=big", "-o", "llm_set=temperature=0\n stop=x").assert_outcomes(passed=2)


def test_a_nearly_known_field_in_set_is_an_error_of_collection(project, counting):
    project.run("--llm-set", "modell=big").stdout.fnmatch_lines(["*modell= is no parameter*nearly model=*"])


def test_the_address_comes_from_set_prompt_ini_and_environment_in_this_order(project, serve, monkeypatch):
    servers = {name: serve(lambda body, n: "reply") for name in ("set", "prompt", "ini", "environment")}
    project.use(servers["environment"])

    def asked(*arguments, in_prompt=""):
        for server in servers.values():
            server.requests.clear()
        project.write("test_it.py", TEST.replace("temperature=0.7", in_prompt or "temperature=0.7"))
        project.run("--llm-live", "-k", "a", *arguments).assert_outcomes(passed=1, deselected=1)
        return [name for name, server in servers.items() if server.requests]

    in_prompt = f"base_url={servers['prompt'].url!r}"
    ini = ("-o", f"llm_base_url={servers['ini'].url}")
    assert asked() == ["environment"]
    assert asked(*ini) == ["ini"]
    assert asked(*ini, in_prompt=in_prompt) == ["prompt"]
    assert asked(*ini, f"--llm-set=base_url={servers['set'].url}", in_prompt=in_prompt) == ["set"]


def test_the_key_comes_from_the_named_variable_else_from_the_usual_one(project, counting, monkeypatch):
    project.write("test_it.py", TEST.replace("temperature=0.7", 'api_key_env="MY_KEY"'))
    project.run("--llm-live", "-k", "a")
    monkeypatch.setenv("MY_KEY", "mine")
    project.run("--llm-live", "-k", "a")
    assert [headers["authorization"] for headers in counting.headers] == ["Bearer none", "Bearer mine"]


def test_samples_come_from_command_line_marker_and_ini_in_this_order(project, counting):
    def collected(*arguments):
        return len([line for line in project.run("--collect-only", "-q", *arguments).stdout.lines if "::" in line])

    assert collected() == 2
    assert collected("-o", "llm_samples=2") == 4
    project.write("test_it.py", TEST.replace("test.mark.llm(ask,", "test.mark.llm(ask, samples=3,"))
    assert collected("-o", "llm_samples=2") == 6
    assert collected("--llm-samples=1") == 2
    result = project.run("-o", "llm_samples=none")
    result.stderr.fnmatch_lines(["*llm_samples takes a whole number from 1 to 100, not 'none'*"])


def test_a_client_of_the_projects_own_is_asked_for_by_a_hook(project, counting):
    project.forget_key()
    project.write(
        "conftest.py",
        f"""
import openai
def pytest_llm_client(config, prompt):
    assert prompt.name == "ask"
    return openai.OpenAI(base_url={counting.url!r}, api_key="from-the-hook", default_headers={{"x-own": "1"}})
""",
    )
    project.record().assert_outcomes(passed=2)
    assert {headers["x-own"] for headers in counting.headers} == {"1"}
    project.run("-n", "2").assert_outcomes(passed=2)
    assert len(counting.requests) == 2


def test_json_is_written_and_the_last_run_can_be_told_again(project, counting):
    project.record("--llm-json", "out/run.json").assert_outcomes(passed=2)
    run = json.loads((project.path / "out" / "run.json").read_text())
    assert [result["outcome"] for result in run["results"]] == ["passed", "passed"]
    told = project.command("report")
    assert told.ret == 0
    told.stdout.fnmatch_lines(["test_it   2 cases*2/2 passed  100.0 %", "0 exchanges replayed, 2 recorded*"])
    again = json.loads(project.command("report", "--json").stdout.str())
    assert again["results"] == run["results"]


def test_under_xdist_one_run_is_kept_and_told(project, counting):
    project.record("-n", "2").assert_outcomes(passed=2)
    result = project.run("-n", "2", "--llm-json=run.json")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["test_it   2 cases*2/2 passed*", "2 exchanges replayed, nothing asked*"])
    assert len(json.loads((project.path / "run.json").read_text())["results"]) == 2


def test_stale_exchanges_go_only_when_the_whole_case_was_asked_again(project, counting):
    project.write("test_it.py", TEST.replace("test.mark.llm(ask,", "test.mark.llm(ask, samples=2,"))
    project.record().assert_outcomes(passed=4)
    changed = TEST.replace("test.mark.llm(ask,", "test.mark.llm(ask.replace(model='big'), samples=2,")
    project.write("test_it.py", changed)
    project.record("test_it.py::test_it[a]").assert_outcomes(passed=1)
    assert project.cassettes()["cassettes/test_it/test_it/a.yaml"].count("identity:") == 2
    project.run("--llm-rerecord", "--llm-samples=1").assert_outcomes(passed=2)
    assert project.cassettes()["cassettes/test_it/test_it/b.yaml"].count("slot: '2'") == 1
    project.record("-n", "2").assert_outcomes(passed=4)
    assert all(text.count("identity:") == 1 and "big" in text for text in project.cassettes().values())


def test_an_experiment_by_set_leaves_the_recordings_of_the_prompt_as_it_is(project, counting):
    project.record().assert_outcomes(passed=2)
    project.record("--llm-set", "model=big").assert_outcomes(passed=2)
    project.run().assert_outcomes(passed=2)
    project.run("--llm-set", "model=big").assert_outcomes(passed=2)


def test_variants_that_differ_only_in_their_endpoint_are_asked_apart(project, serve):
    one, other = serve(lambda body, n: "reply one"), serve(lambda body, n: "reply other")
    project.use(one)
    project.write(
        "test_it.py",
        f"""
import pytest
from pytest_llm import Prompt
ask = Prompt(name="ask", model="tiny", user="hi")
@pytest.mark.llm(variants={{"a": ask, "b": ask.replace(base_url={other.url!r})}})
def test_it(llm_response, request):
    assert llm_response.text == ("reply other" if "b" in request.node.callspec.id else "reply one")
""",
    )
    project.record().assert_outcomes(passed=2)
    project.run().assert_outcomes(passed=2)
    assert (len(one.requests), len(other.requests)) == (1, 1)
