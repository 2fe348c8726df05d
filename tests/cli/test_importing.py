"""Moving a suite: what another recorder has recorded replays under the marker, and what does not is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

#: What pytest-recording does, in a few lines: one cassette a test, by its name, under cassettes/<module>/.
VCR = """
import os, pytest, vcr
RECORDER = vcr.VCR(record_mode="once", match_on=["method", "uri", "body"], serializer=os.environ.get("SERIALIZER", "yaml"))

@pytest.fixture(autouse=True)
def recorded(request):
    if request.node.get_closest_marker("vcr") is None:
        yield
        return
    name = f"{request.cls.__name__}.{request.node.name}" if request.cls else request.node.name
    name = name.translate(dict.fromkeys(map(ord, '<>?%*:|"\\'/\\\\'), "-"))
    path = request.path.parent / "cassettes" / request.path.stem / f"{name}.{os.environ.get('SERIALIZER', 'yaml')}"
    with RECORDER.use_cassette(str(path)):
        yield

def pytest_configure(config):
    config.addinivalue_line("markers", "vcr: recorded")
"""

TEST = """
import openai, pytest, os

def ask(text, **more):
    return openai.OpenAI(max_retries=0).chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": text}], **more)

@pytest.mark.MARK
def test_asks_twice():
    assert ask("hello").choices[0].message.content == "reply 1"
    assert ask("hello").choices[0].message.content == "reply 2"

@pytest.mark.MARK
@pytest.mark.parametrize("word", ["plain", "a/b: c?"])
def test_words(word):
    assert "reply" in ask(word).choices[0].message.content

class TestDesk:
    @pytest.mark.MARK
    def test_in_a_class(self):
        assert "reply" in ask("in a class").choices[0].message.content
"""


@pytest.fixture
def moved(project, serve):
    """Records with the other recorder; then the marker is ours, and the server is gone."""

    def move(test=TEST, serializer="yaml", script=lambda body, n: f"reply {n}", manner=""):
        server = serve(script)
        project.use(server)
        if manner:
            project._monkeypatch.setenv("OPENAI_BASE_URL", server.at(manner))
        project._monkeypatch.setenv("SERIALIZER", serializer)
        project.write("conftest.py", VCR)
        project.write("test_it.py", test.replace("MARK", "vcr"))
        count = project.run("-p", "no:pytest_llm_evals").parseoutcomes()["passed"]
        project.write("test_it.py", test.replace("MARK", "llm"))
        project.forget_key()
        return count

    return move


def files(project):
    return {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}


def test_a_suite_replays_after_the_import(moved, project):
    assert moved() == 4
    old = {path: content for path, content in files(project).items() if "cassettes" in path.parts}
    result = project.command("cassettes", "import")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "cassettes/test_it/TestDesk.test_in_a_class.yaml",
            "  → cassettes/test_it/TestDesk.test_in_a_class/test_in_a_class.yaml   1 exchange taken over",
            "cassettes/test_it/test_asks_twice.yaml",
            "  → cassettes/test_it/test_asks_twice/test_asks_twice.yaml   2 exchanges taken over",
            "4 files: 5 exchanges taken over",
            "  then        pytest *",
        ]
    )
    for _ in range(2):
        project.run("-p", "no:randomly").assert_outcomes(passed=4)
        again = project.command("cassettes", "import")
        assert again.ret == 0
        again.stdout.fnmatch_lines(["4 files: 0 exchanges taken over, 5 recorded already"])
    assert all(path.read_bytes() == content for path, content in old.items()), "the old files stay"


@pytest.mark.parametrize(("serializer", "manner"), [("json", ""), ("yaml", "gzip")])
def test_json_and_compressed_replies(moved, project, serializer, manner):
    assert moved(serializer=serializer, manner=manner) == 4
    ini = project.path / "tox.ini"
    ini.write_text(f"{ini.read_text()}\nllm_ignore_path_segments = gzip\n")  # part of the server's address there
    assert project.command("cassettes", "import", "cassettes").ret == 0
    project.run().assert_outcomes(passed=4)


def test_a_stream_and_an_edited_prompt(moved, project):
    test = """
import openai, pytest

@pytest.mark.MARK
def test_streams():
    stream = openai.OpenAI().chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "tell"}], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
"""
    moved(test, script=None)
    assert project.command("cassettes", "import").ret == 0
    project.run().assert_outcomes(passed=1)
    text = project.cassettes()["cassettes/test_it/test_streams/test_streams.yaml"]
    assert "  stream:" in text
    assert "latency_ms" not in text  # nor is it known when it was recorded
    assert "recorded:" not in text
    project.write("test_it.py", test.replace("MARK", "llm").replace('"tell"', '"say"'))
    project.run().stdout.fnmatch_lines(["the recording is stale: user message*"])


def test_a_dry_run_writes_nothing_and_json_tells_all(moved, project):
    moved()
    before = {path for path in files(project) if ".pytest_llm" not in path.parts}
    result = project.command("cassettes", "import", "--dry-run", "--json")
    found = json.loads(result.stdout.str())
    assert found["dry_run"]
    assert [(one["test"], one["imported"], one["left"]) for one in found["files"]] == [
        ("test_it.py::TestDesk::test_in_a_class", 1, []),
        ("test_it.py::test_asks_twice", 2, []),
        ("test_it.py::test_words[a/b: c?]", 1, []),
        ("test_it.py::test_words[plain]", 1, []),
    ]
    assert {path for path in files(project) if ".pytest_llm" not in path.parts} == before
    said = project.command("cassettes", "import", "--dry-run")
    said.stdout.fnmatch_lines(["4 files: 5 exchanges would be taken over", "nothing was written; *"])


FOREIGN = """
interactions:
- request: {method: POST, uri: "https://api.invalid/v1/chat/completions", headers: {}, body: '{"model": "tiny", "messages": [SAID]}'}
  response: {status: {code: CODE}, headers: {content-type: [application/json], set-cookie: [very-secret]}, body: {string: 'REPLY'}}
version: 1
"""
CHAT = '{"model": "tiny", "choices": [{"finish_reason": "stop", "message": {"content": "x"}}]}'


def foreign(project, name="test_one", said="3", code="200", reply=CHAT):
    text = FOREIGN.replace("SAID", said).replace("CODE", code).replace("REPLY", reply)
    return project.write(f"cassettes/test_it/{name}.yaml", text)


@pytest.fixture
def marked(project):
    project.write(
        "test_it.py",
        "import pytest\n@pytest.mark.llm\ndef test_one(): assert 1\n"
        "@pytest.mark.llm(record_errors=True)\ndef test_errors(): assert 1\ndef test_unmarked(): ...\n",
    )
    return project


def test_an_error_with_a_status_of_success_is_left_out(marked):
    foreign(marked, "test_one", reply='{"error": "overloaded"}')
    foreign(marked, "test_errors", reply='{"error": "overloaded"}')
    result = marked.command("cassettes", "import")
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(
        [
            "  left out    POST https://api.invalid/v1/chat/completions: an error: 'overloaded'; it is kept only with *",
            "  → cassettes/test_it/test_errors/test_errors.yaml   1 exchange taken over",
        ]
    )


def test_what_cannot_be_taken_over_is_said_and_the_rest_is(marked, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "q7w8e9r0t1y2u3")
    foreign(marked, "test_one", code="429")
    foreign(marked, "test_errors", code="500", reply='{"error": "q7w8e9r0t1y2u3"}')
    foreign(marked, "test_unmarked")
    foreign(marked, "test_gone")
    marked.write("cassettes/test_it/test_broken.yaml", "interactions: 3\n")
    marked.write("other/cassettes/test_away/test_one.yaml", FOREIGN)
    result = marked.command("cassettes", "import")
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(
        [
            "  left out    POST https://api.invalid/v1/chat/completions: an error reply (429) is kept only with *",
            "  → cassettes/test_it/test_errors/test_errors.yaml   1 exchange taken over",
            "  left out    no test of this name is marked llm",
            "  mark        the tests with @pytest.mark.llm in the place of vcr, or name one: --as NODEID",
        ]
    )
    text = marked.cassettes()["cassettes/test_it/test_errors/test_errors.yaml"]
    assert "<secret:SHOP_TOKEN>" in text
    assert "very-secret" not in text
    assert "latency_ms" not in text, "how long it took is not known"
    assert "cassettes/test_it/test_one/test_one.yaml" not in marked.cassettes()


def test_a_secret_in_a_request_and_a_host_that_is_not_recorded_are_left_out(marked, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "q7w8e9r0t1y2u3")
    foreign(marked, said='"q7w8e9r0t1y2u3"')
    result = marked.command("cassettes", "import")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["  left out    *holds a secret (SHOP_TOKEN); it was not sent"])
    path = foreign(marked)
    path.write_text(path.read_text().replace("https://api.invalid/v1/chat/completions", "http://localhost:1/x?sig=ab"))
    result = marked.command("cassettes", "import")
    result.stdout.fnmatch_lines(
        ["  left out    POST http://localhost:1/x: localhost is not recorded; ini llm_record_hosts *"]
    )
    assert not [name for name in marked.cassettes() if "/test_one/" in name]


def test_one_file_for_a_test_that_is_named(marked):
    file = foreign(marked, "of-another-name")
    assert marked.command("cassettes", "import").ret == 1
    assert marked.command("cassettes", "import", str(file), "--as", "test_it.py::test_one").ret == 0
    assert "cassettes/test_it/test_one/test_one.yaml" in marked.cassettes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such",), "there is no no-such"),
        (("--as", "test_it.py::test_one"), "--as says whose one file is"),
        (("x.yaml", "--as", "test_no.py::test_one"), "there is no test file test_no.py"),
    ],
)
def test_mistakes_of_usage(marked, arguments, said):
    marked.write("x.yaml", FOREIGN)
    result = marked.command("cassettes", "import", *arguments)
    assert result.ret == 2
    result.stderr.fnmatch_lines([said])


def test_where_nothing_is_found_it_says_so(marked):
    result = marked.command("cassettes", "import")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["no cassettes of vcrpy, pytest-recording or cassetter were found"])


def test_tests_that_cannot_be_collected_are_named(marked):
    foreign(marked)
    marked.write("test_it.py", "import no_such_module\n")
    result = marked.command("cassettes", "import")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "test_it.py: the tests cannot be collected",
            "  because     ModuleNotFoundError: *no_such_module*",
            "  left out    1 file, cassettes/test_it/test_one.yaml first",
        ]
    )


def test_why_tests_cannot_be_collected_is_said_once_and_in_full(marked):
    for name in ("test_one", "test_errors", "test_unmarked"):
        foreign(marked, name)
    marked.write(
        "test_it.py",
        "import pytest\n@pytest.mark.llm\n@pytest.mark.vcr\ndef test_one(): assert 1\n"
        "@pytest.mark.llm\ndef test_errors(): assert 1\n",
    )
    result = marked.command("cassettes", "import")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "test_it.py: the tests cannot be collected",
            "  because     test_it.py::test_one the marks llm and vcr are at the same place, *remove one*",
            "  left out    3 files, cassettes/test_it/test_*.yaml first",
            "3 files: 0 exchanges taken over, 3 left out",
        ]
    )
    assert result.stdout.str().count("at the same place") == 1


def test_cassettes_of_tests_that_stay_with_the_other_recorder_are_no_problem(marked):
    foreign(marked, "test_one")
    foreign(marked, "test_other")
    marked.write(
        "test_it.py",
        "import pytest\npytestmark = pytest.mark.vcr\n"
        "@pytest.mark.llm\ndef test_one(): assert 1\ndef test_other(): assert 1\n",
    )
    result = marked.command("cassettes", "import")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["2 files: 1 exchange taken over, 1 file left to tests that are marked vcr"])
    result.stdout.no_fnmatch_line("*test_other*")


SUITE = Path(__file__).parents[1] / "data" / "moved_suite"


@pytest.mark.parametrize("recorder", ["suite/cassettes/test_intake", "of_cassetter"])
def test_what_the_real_recorders_wrote(project, recorder):
    text = (SUITE / "suite/test_intake.py").read_text(encoding="utf-8").replace("mark.vcr", "mark.llm")
    project.write("test_intake.py", text)
    shutil.copytree(SUITE / recorder, project.path / "cassettes/test_intake")
    assert project.command("cassettes", "import").ret == 0
    project.run().assert_outcomes(passed=3)
    assert "Bearer" not in "".join(project.cassettes()[name] for name in project.cassettes() if name.count("/") == 3)
