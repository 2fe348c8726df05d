"""By what a recording is found, and what a recording says about itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from scripted_replies import completion

VERSION_1 = Path(__file__).parent.parent / "data/version_1_project"
APP = """
import httpx, pytest

@pytest.mark.llm
def test_it(llm_calls):
    sent = {{"messages": [{{"role": "user", "content": "hi"}}]}}
    httpx.post({url!r}, json=sent, headers={headers!r}).raise_for_status()
    assert len(llm_calls) == 1
"""
DECLARED = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains, grader

colour = Prompt(name="colour", model="tiny", user="{{{{ thing }}}}"{more})

@grader
def length(output):
    return len(output.text) / 20

@pytest.mark.llm(colour, cases=[{{"id": "sky", "thing": "the sky"}}], samples={samples}, graders=[contains("blue"), length])
def test_colour(llm_response): ...
"""


@pytest.fixture
def blue(project, serve):
    """A project whose model says a colour; `words` are its next replies, and then "blue"."""
    project.words = []
    replies = iter(range(1, 1000))

    def script(_body, _number):
        text = project.words.pop(0) if project.words else "blue"
        return completion(text) | {"id": f"chatcmpl-{next(replies)}"}

    project.server = serve(script)
    project.use(project.server)
    return project


def app(project, path, **headers):
    project.write("test_app.py", APP.format(url=f"{project.server.root}{path}", headers=headers))


def declare(project, more="", samples=1):
    project.write("test_prompt.py", DECLARED.format(more=more, samples=samples))


def replies_in(project):
    """Every recorded reply of the project, as the files hold them."""
    documents = [one for text in project.cassettes().values() for one in yaml.safe_load_all(text)]
    return [reply for one in documents for reply in one.get("responses", ())]


# -- the path ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/openai/deployments/A/chat/completions", "/openai/deployments/B/chat/completions"),
        ("/lora-a/v1/chat/completions", "/lora-b/v1/chat/completions"),
        ("/openai/chat/completions", "/groq/chat/completions"),
        ("/models/org/a/v1/chat/completions", "/models/org/b/v1/chat/completions"),
    ],
)
def test_another_deployment_is_another_model(blue, one, other):
    app(blue, one)
    blue.record().assert_outcomes(passed=1)
    blue.run().assert_outcomes(passed=1)
    app(blue, other)
    result = blue.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the recording is stale: path *"])
    assert len(blue.server.requests) == 1


def test_whose_server_it_is_does_not_matter(blue):
    app(blue, "/v1/chat/completions")
    blue.record().assert_outcomes(passed=1)
    app(blue, "/openai/v1/chat/completions?api-version=2024-06-01", **{"anthropic-beta": "x"})
    blue.run().assert_outcomes(passed=1)


def test_a_project_names_segments_that_do_not_matter_and_headers_that_do(blue):
    app(blue, "/accounts/acme/v1/chat/completions?api-version=1", **{"x-style": "brief"})
    options = ("-o", "llm_ignore_path_segments=accounts acme*", "-o", "llm_compare_headers=X-Style api-version")
    blue.record(*options).assert_outcomes(passed=1)
    app(blue, "/v1/chat/completions?api-version=1", **{"x-style": "brief"})
    blue.run(*options).assert_outcomes(passed=1)
    app(blue, "/v1/chat/completions?api-version=1", **{"x-style": "long"})
    blue.run(*options).stdout.fnmatch_lines(['*the recording is stale: headers/x-style "brief" → "long"*'])
    app(blue, "/v1/chat/completions?api-version=2", **{"x-style": "brief"})
    blue.run(*options).assert_outcomes(failed=1)


def test_a_declared_prompt_is_found_by_what_it_says_itself_and_not_by_the_environment(blue, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{blue.server.root}/lora-a/v1")
    declare(blue)
    blue.record().assert_outcomes(passed=1)
    blue.forget_key()
    blue.run().assert_outcomes(passed=1)
    declare(blue, more=f', base_url="{blue.server.root}/lora-b/v1"')
    result = blue.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*the recording is stale: path nothing → "lora-b"*'])
    blue.run("--llm-set", f"base_url={blue.server.root}/api/v1").assert_outcomes(passed=1)


def test_a_deployment_of_a_declared_prompt_leads_the_request_and_finds_the_recording(blue):
    declare(blue, more=', deployment="gpt-4o eu"')
    blue.record().assert_outcomes(passed=1)
    assert blue.server.paths == ["/v1/deployments/gpt-4o%20eu/chat/completions"]
    blue.forget_key()
    blue.run().assert_outcomes(passed=1)
    declare(blue, more=', deployment="gpt-4o-us"')
    blue.run().stdout.fnmatch_lines(["*the recording is stale: path *gpt-4o%20eu* → *gpt-4o-us*"])
    declare(blue, more=', deployment=" "')
    blue.run().stdout.fnmatch_lines(["*deployment=' ' is not the name of a deployment*"])


def test_an_application_that_asks_a_prompt_goes_to_its_deployment_too(blue):
    declare(blue, more=', deployment="D"')
    blue.write(
        "test_ask.py",
        f"""
import asyncio, openai, pytest
from test_prompt import colour

@pytest.mark.llm
def test_ask(llm_calls):
    assert colour.ask(thing="x").text == "blue"
    assert asyncio.run(colour.aask(thing="y")).text == "blue"
    azure = openai.AzureOpenAI(azure_endpoint="{blue.server.root}", api_version="1", api_key="k", azure_deployment="D", max_retries=0)
    assert colour.ask(azure, thing="z").text == "blue"
    assert len(llm_calls) == 3
""",
    )
    blue.record("test_ask.py").assert_outcomes(passed=1)
    paths = [path.partition("?")[0] for path in blue.server.paths]
    assert paths == ["/v1/deployments/D/chat/completions"] * 2 + ["/openai/deployments/D/chat/completions"]
    blue.run("test_ask.py").assert_outcomes(passed=1)


def test_the_project_edits_a_declared_request_once(blue):
    """Prefetch, look-up, sending and the test itself share one canonical form."""
    blue.write(
        "conftest.py",
        """
from pathlib import Path

def pytest_llm_normalize(request):
    with (Path(__file__).parent / "edits.txt").open("a") as file:
        file.write("edit\\n")
""",
    )
    declare(blue, samples=3)
    blue.record().assert_outcomes(passed=3)
    edits = blue.path / "edits.txt"
    assert edits.read_text().count("edit") == 3
    edits.unlink()
    blue.run().assert_outcomes(passed=3)
    assert edits.read_text().count("edit") == 3


# -- recordings of version 1 ------------------------------------------------------------------------------------------


@pytest.fixture
def older(blue):
    """What the last release of version 1 has recorded, with its baselines."""
    shutil.copytree(VERSION_1, blue.path, dirs_exist_ok=True)
    return blue


def test_a_project_of_version_1_replays_and_gates_and_no_file_of_it_changes(older):
    before = {path: path.read_bytes() for path in older.path.rglob("*") if path.is_file()}
    result = older.run("--llm-baseline=check")
    result.assert_outcomes(passed=8, xfailed=2)
    result.stdout.fnmatch_lines(["PASS  test_colour *the same replies, and the same grades"])
    result.stdout.no_fnmatch_line("*recorded before*")
    older.record().assert_outcomes(passed=8, xfailed=2)
    older.forget_key()
    older.run().assert_outcomes(passed=8, xfailed=2)
    assert {path: path.read_bytes() for path in before} == before
    assert not older.server.requests


def test_a_project_of_version_1_records_only_what_is_new(older):
    older.record("--llm-samples=3").assert_outcomes(passed=14, xfailed=4)
    assert len(older.server.requests) == 8
    texts = {name: text.partition("\n")[0] for name, text in older.cassettes().items()}
    assert set(texts.values()) == {"version: 2"}
    of_c0 = next(text for name, text in older.cassettes().items() if name.endswith("c0.yaml"))
    assert "\nrules: 1\n" in of_c0  # two of its replies were recorded by them
    assert of_c0.count("recorded: '20") == 1
    older.run("--llm-samples=3", "-k", "colour").assert_outcomes(passed=11, xfailed=1)


def test_a_changed_prompt_of_version_1_is_recorded_gated_and_reviewed(older, monkeypatch):
    import subprocess

    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@x.invalid", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=older.path, check=True)
    test = older.path / "test_replies.py"
    test.write_text(test.read_text().replace("Name a colour.", "Name one colour."))
    older.run("-k", "colour").assert_outcomes(errors=8)
    result = older.record("-k", "colour")
    result.stdout.fnmatch_lines(["*test_colour *8/8 passed*"])
    review = older.command("review", "--no-pager")
    assert review.ret == 0
    review.stdout.fnmatch_lines(["*8 samples of 4 cassettes differ*", "*Name one colour.*"])


def test_an_older_recording_is_taken_for_a_request_with_a_path_and_the_run_says_so(older):
    """Rules 1 did not know the path; the reply may have come from there, and it may not."""
    test = older.path / "test_replies.py"
    test.write_text(test.read_text().replace("temperature=0.7", 'temperature=0.7, base_url="http://x.invalid/lora/v1"'))
    older.forget_key()
    result = older.run("-k", "colour")
    result.assert_outcomes(passed=7, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "replayed for requests that name a path or a header: 8 replies that were recorded before these were compared",
            "  check       that they came from there, or record again: pytest --llm-rerecord",
        ]
    )
    assert older.run("-q").stdout.str().count("recorded before these") == 1
    older.run("-n2").stdout.fnmatch_lines(["replayed for requests*8 replies*"])


def test_an_older_recording_that_was_taken_is_used_and_a_new_one_comes_before_it(older):
    test = older.path / "test_replies.py"
    text = test.read_text()
    declared = f'temperature=0.7, base_url="{older.server.root}/lora/v1"'
    test.write_text(text.replace("temperature=0.7", declared))
    older.run().stdout.no_fnmatch_line("*orphan*")
    prune = older.command("cassettes", "prune")
    prune.stdout.fnmatch_lines(["the last run, of 10 items, used every recording"])
    older.words += ["deep blue"] * 8
    older.run("--llm-rerecord", "-k", "colour", "--llm-baseline=off").assert_outcomes(passed=8)
    result = older.run("-k", "colour", "--llm-baseline=off")
    result.assert_outcomes(passed=8)
    result.stdout.no_fnmatch_line("*recorded before these*")


# -- what a recording says about itself -------------------------------------------------------------------------------


def test_a_reply_says_when_and_beside_how_many_it_was_recorded_and_with_which_grades(blue):
    declare(blue, samples=2)
    blue.words += ["red"]
    blue.record("--llm-concurrency=3", "-p", "no:randomly").assert_outcomes(passed=1, failed=1)
    replies = replies_in(blue)
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["recorded"]) for one in replies)
    assert [one["concurrency"] for one in replies] == [3, 3]
    by_letter = sorted(replies, key=lambda one: one["accepted"][0]["grades"]["outcome"])
    assert [one["accepted"][0]["grades"] for one in by_letter] == [
        {"contains": "F", "outcome": "F", "length": 0.15},
        {"contains": "P", "outcome": "P", "length": 0.2},
    ]
    assert {one["accepted"][0]["suite"] for one in replies} == {"test_colour"}
    assert len({one["accepted"][0]["instrument"] for one in replies}) == 1
    assert not any("earlier" in one for one in replies)


def test_a_reply_that_is_drawn_again_keeps_the_grades_of_those_before_it(blue):
    declare(blue)
    blue.words += ["red", "green", "blue"]
    blue.record().assert_outcomes(failed=1)
    for outcome in ("failed", "passed"):
        blue.run("--llm-rerecord").assert_outcomes(**{outcome: 1})
    [reply] = replies_in(blue)
    assert [one["grades"]["outcome"] for one in reply["earlier"]] == ["F", "F"]
    assert reply["accepted"][0]["grades"]["outcome"] == "P"
    before = blue.cassettes()
    blue.run().assert_outcomes(passed=1)
    assert blue.cassettes() == before


def test_code_under_test_has_a_date_and_no_concurrency_of_ours(blue):
    app(blue, "/v1/chat/completions")
    blue.record().assert_outcomes(passed=1)
    [reply] = replies_in(blue)
    assert "recorded" in reply
    assert "concurrency" not in reply


def test_that_a_gateway_answered_from_its_cache_is_kept(blue, serve):
    from model_server import Reply

    server = serve(
        lambda body, number: Reply(
            content=b'{"choices": [{"finish_reason": "stop", "message": {"content": "blue"}}]}',
            headers={"x-cache": "HIT from a.invalid", "x-request-id": "1"},
        )
    )
    blue.use(server)
    declare(blue)
    blue.record().assert_outcomes(passed=1)
    [reply] = replies_in(blue)
    assert reply["headers"] == {"content-type": "application/json", "x-cache": "HIT from a.invalid"}


def test_a_correction_says_by_which_words_it_was_fed_back(blue):
    blue.write(
        "test_retry.py",
        """
import pytest
from pytest_llm import Prompt

number = Prompt(name="number", model="tiny", user="a number", schema=int)

@pytest.mark.llm(number)
def test_it(llm_retry):
    assert llm_retry().value == 7
""",
    )
    blue.words += ["seven", "7"]
    blue.record().assert_outcomes(passed=1)
    assert [(one["slot"], one.get("feedback")) for one in replies_in(blue)] == [("1", None), ("1/errors/2", 2)]


def test_recordings_for_another_run_are_neither_unused_nor_pruned(blue):
    """A model that was compared, say: an ordinary run does not know of its requests."""
    declare(blue)
    blue.record().assert_outcomes(passed=1)
    [name] = blue.cassettes()
    path = blue.path / name
    text = path.read_text()
    mark = "  mark:\n    kind: comparison\n    name: model=b\n    definition:\n      model: b\n  headers:"
    path.with_name("sky~model=b.yaml").write_text(text.replace("  headers:", mark))
    path.with_name("gone.yaml").write_text(text)
    path.write_text(_with_second(text, mark))
    blue.run().stdout.fnmatch_lines(["1 orphan, a cassette that no test uses: *gone.yaml"])
    blue.command("cassettes", "prune", "--yes").stdout.fnmatch_lines(["*gone.yaml   all of it, 1 reply"])
    assert sorted(blue.cassettes()) == [name, name.replace("sky", "sky~model=b")]
    assert path.read_text().count("- slot:") == 2
    blue.run("--llm-rerecord").assert_outcomes(passed=1)
    assert path.read_text().count("- slot:") == 2


def _with_second(text, mark):
    """The cassette with a marked reply of the same request beside its own."""
    reply = text[text.index("- slot:") : text.rindex("---")]
    return text.replace(reply, reply + reply.replace("slot: '1'", "slot: '2'").replace("  headers:", mark))
