"""Other recorders and mocks of HTTP beside this plugin: the nearer mark counts, and an active one is refused.

`tox -e recorders` runs the same with pytest-recording, pytest-vcr, respx, responses and pytest-httpx themselves.
"""

from __future__ import annotations

import time

import pytest

#: What pytest-recording does: an autouse fixture of this name in every test, idle without the mark.
RECORDING = """
import json, os, pytest, vcr as vcrpy

@pytest.fixture
def vcr_markers(request):
    return list(request.node.iter_markers(name="vcr"))

@pytest.fixture(autouse=True)
def vcr(request, vcr_markers):
    if not vcr_markers:
        yield None
        return
    name = f"{request.path.parent}/cassettes/{request.path.stem}/{request.node.name}.yaml"
    with vcrpy.VCR(record_mode="once").use_cassette(name) as cassette:
        yield cassette

@pytest.fixture
def vcr_cassette(request):
    with vcrpy.VCR(record_mode="once").use_cassette("own.yaml") as cassette:
        yield cassette

def pytest_configure(config):
    config.addinivalue_line("markers", "vcr: recorded")
    config.addinivalue_line("markers", "respx: configures")
"""

SENDS = """
import httpx, os, pytest, requests

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
FAKE = {"choices": [{"message": {"content": "mocked"}, "finish_reason": "stop"}]}

def said(reply):
    return reply.json()["choices"][0]["message"]["content"]
def by_httpx():
    return said(httpx.post(URL, json=BODY))
def by_requests():
    return said(requests.post(URL, json=BODY))
"""


@pytest.fixture
def beside(project, serve):
    """A project with another recorder in it, and a server that counts."""
    project.server = serve(lambda body, n: f"reply {n}")
    project.use(project.server)
    project.write("conftest.py", RECORDING)
    return project


def write(project, tests):
    project.write("test_it.py", SENDS + tests)


# -- whose test it is -----------------------------------------------------------------------------------------------


def test_a_recorder_that_is_merely_there_has_no_effect(beside):
    write(beside, "@pytest.mark.llm\ndef test_it(): assert by_httpx() == 'reply 1'")
    beside.record().assert_outcomes(passed=1)
    beside.run().assert_outcomes(passed=1)
    assert [*beside.cassettes()] == ["cassettes/test_it/test_it/test_it.yaml"]
    assert len(beside.server.requests) == 1


THEIRS, OURS = "cassettes/test_it/{}.yaml", "cassettes/test_it/{0}/{0}.yaml"


@pytest.mark.parametrize(
    ("module", "function", "of_function"), [("vcr", "llm", OURS), ("llm", "vcr", THEIRS)], ids=["ours", "theirs"]
)
def test_the_nearer_mark_counts(beside, module, function, of_function):
    of_module = THEIRS if of_function is OURS else OURS
    tests = f"""
pytestmark = pytest.mark.{module}
def test_one(): assert "reply" in by_httpx()
@pytest.mark.{function}
def test_two(): assert "reply" in by_httpx()
def test_three(): assert "reply" in by_requests()
"""
    write(beside, tests)
    beside.record().assert_outcomes(passed=3)
    expected = [of_module.format("test_one"), of_function.format("test_two"), of_module.format("test_three")]
    assert sorted(beside.cassettes()) == sorted(expected)
    recorded = beside.cassettes()
    beside.forget_key()
    beside._monkeypatch.setenv("OPENAI_BASE_URL", beside.server.url)
    beside.run().assert_outcomes(passed=3)
    assert beside.cassettes() == recorded
    assert len(beside.server.requests) == 3


def test_a_test_that_is_theirs_gets_neither_our_cases_nor_our_grades(beside):
    tests = """
pytestmark = pytest.mark.llm(cases=[{"id": "a", "x": 1}, {"id": "b", "x": 2}])
def test_ours(llm_case): assert llm_case["x"]
@pytest.mark.vcr
def test_theirs(): assert "reply" in by_httpx()
"""
    write(beside, tests)
    result = beside.run("-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_it.py::test_theirs PASSED*"])


def test_marks_of_mocks_count_only_where_their_fixture_is_used(beside):
    tests = """
pytestmark = pytest.mark.llm
@pytest.fixture
def respx_mock():
    return "mocked"
@pytest.mark.respx(assert_all_called=False)
def test_theirs(respx_mock): assert respx_mock
@pytest.mark.respx(assert_all_called=False)
def test_ours(): assert "reply" in by_httpx()
"""
    write(beside, tests)
    beside.record().assert_outcomes(passed=2)
    assert [*beside.cassettes()] == ["cassettes/test_it/test_ours/test_ours.yaml"]


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        (
            "@pytest.mark.llm\n@pytest.mark.vcr\ndef test_x(): assert 1",
            "the marks llm and vcr are at the same place, *",
        ),
        ("pytestmark = [pytest.mark.vcr, pytest.mark.llm]\ndef test_x(): assert 1", "the marks llm and vcr are at *"),
        (
            "@pytest.mark.llm\ndef test_x(vcr): assert 1",
            "the test is marked llm, and its fixture vcr (vcrpy) records *",
        ),
        (
            "@pytest.fixture\ndef respx_mock(): ...\n@pytest.mark.llm\ndef test_x(respx_mock): assert 1",
            "the test is marked llm, and its fixture respx_mock (respx) records *",
        ),
        (
            "@pytest.mark.llm\n@pytest.mark.usefixtures('vcr_cassette')\ndef test_x(): assert 1",
            "the test is marked llm, and its fixture vcr_cassette (vcrpy) records *",
        ),
        (
            (
                "@pytest.fixture\ndef httpx_mock(): ...\n@pytest.fixture\ndef weather(httpx_mock): ...\n"
                "@pytest.mark.llm\ndef test_x(weather): assert 1"
            ),
            "the test is marked llm, and its fixture httpx_mock (pytest-httpx) records *",
        ),
    ],
)
def test_what_is_in_use_on_a_test_of_ours_is_a_usage_error_that_names_both(beside, tests, told):
    write(beside, tests)
    result = beside.record()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_x", told, "  remove one  the mark llm, or *"])
    assert not beside.server.requests


def test_network_that_pytest_recording_blocks_is_open_to_a_run_that_records(beside):
    """As with its own recordings; the fixture counts as its own by the name of its module."""
    blocks = """
import socket
def block_network(monkeypatch):
    def refuse(*_):
        raise RuntimeError("Network is disabled")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
block_network.__module__ = "pytest_recording.plugin"
block_network = pytest.fixture(autouse=True)(block_network)
"""
    beside.write("conftest.py", RECORDING + blocks)
    write(beside, "@pytest.mark.llm\ndef test_it(): assert by_requests() == 'reply 1'\ndef test_other(): by_requests()")
    beside.record().assert_outcomes(passed=1, failed=1)
    beside.run().assert_outcomes(passed=1, failed=1)


# -- what answers requests in the place of a model --------------------------------------------------------------------

REFUSED = (
    "POST /v1/chat/completions was neither recorded nor replayed: the test is marked llm, and {} answers its HTTP too"
)


def refused(project, tests, name, failed=1):
    """Neither when recording nor later is anything kept or replayed, and a test that swallows it fails."""
    write(project, tests)
    result = project.record()
    result.assert_outcomes(failed=failed)
    result.stdout.fnmatch_lines([REFUSED.format(name), "  where       *, which has been replaced"])
    assert not [path for path in project.cassettes() if "/test_" in path]
    assert not project.server.requests


@pytest.mark.parametrize(
    "body",
    [
        "@respx.mock\ndef test_x():\n    respx.post(URL).respond(json=FAKE)\n    assert by_httpx() == 'mocked'",
        "def test_x():\n    with respx.mock as router:\n        router.post(URL).respond(json=FAKE)\n        by_httpx()",
        (
            "def test_x():\n    with respx.mock(using='httpx') as router:\n        router.post(URL).respond(json=FAKE)\n"
            "        by_httpx()"
        ),
        (
            "@respx.mock\nasync def test_x():\n    respx.post(URL).respond(json=FAKE)\n"
            "    async with httpx.AsyncClient() as client:\n        await client.post(URL, json=BODY)"
        ),
        (
            "@respx.mock\ndef test_x():\n    respx.post(URL).respond(json=FAKE)\n"
            "    try:\n        by_httpx()\n    except BaseException:\n        pass"
        ),
        "@pytest.fixture(scope='module')\ndef mocked():\n    with respx.mock:\n        yield\ndef test_x(mocked): by_httpx()",
        "import openai\n@respx.mock\ndef test_x():\n    openai.OpenAI().chat.completions.create(**BODY)",
        (
            "from pytest_llm import Prompt\n@respx.mock\ndef test_x():\n"
            "    Prompt(name='p', model='tiny', user='hi').ask()"
        ),
    ],
    ids=["decorator", "with", "using httpx", "async", "swallowed", "module", "openai", "declared"],
)
def test_respx_is_refused_when_the_first_request_is_sent(beside, body):
    pytest.importorskip("respx")
    refused(beside, f"import respx\npytestmark = pytest.mark.llm\n{body}", "respx")


@pytest.mark.parametrize(
    "body",
    [
        "@responses.activate\ndef test_x():\n    responses.post(URL, json=FAKE)\n    by_requests()",
        (
            "def test_x():\n    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:\n"
            "        mocked.post(URL, json=FAKE)\n        by_requests()"
        ),
    ],
)
def test_responses_is_refused_for_what_requests_sends(beside, body):
    pytest.importorskip("responses")
    refused(beside, f"import responses\npytestmark = pytest.mark.llm\n{body}", "responses")


def test_responses_does_not_touch_what_another_library_sends(beside):
    pytest.importorskip("responses")
    write(
        beside, "import responses\n@pytest.mark.llm\n@responses.activate\ndef test_x(): assert by_httpx() == 'reply 1'"
    )
    beside.record().assert_outcomes(passed=1)
    beside.run().assert_outcomes(passed=1)


def test_a_mock_of_a_host_that_is_not_recorded_is_let_pass(beside):
    pytest.importorskip("respx")
    tests = """
import respx
@pytest.mark.llm
def test_x():
    with respx.mock as router:
        router.get("https://weather.example/now").respond(json={"t": 3})
        assert httpx.get("https://weather.example/now").json() == {"t": 3}
    assert "reply" in by_httpx()
"""
    write(beside, tests)
    result = beside.record()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  or pass by  ini llm_ignore_hosts = weather.example *"])
    beside.record("-o", "llm_ignore_hosts=weather.example").assert_outcomes(passed=1)
    beside.run("-o", "llm_ignore_hosts=weather.example").assert_outcomes(passed=1)


@pytest.mark.parametrize("send", ["by_httpx", "by_requests"])
def test_a_cassette_of_vcrpy_in_the_body_is_refused(beside, send):
    refused(
        beside,
        f"import vcr\n@pytest.mark.llm\ndef test_x(tmp_path):\n    with vcr.use_cassette(str(tmp_path / 'x.yaml')):\n        {send}()",
        "vcrpy",
    )


@pytest.mark.parametrize(
    ("target", "send"),
    [
        ("httpx.HTTPTransport, 'handle_request'", "by_httpx"),
        ("requests.adapters.HTTPAdapter, 'send'", "by_requests"),
    ],
)
def test_a_replaced_transport_is_refused(beside, target, send):
    tests = f"def fake(*_, **__): return httpx.Response(200, json=FAKE)\n@pytest.mark.llm\ndef test_x(monkeypatch):\n    monkeypatch.setattr({target}, fake)\n    {send}()"
    refused(beside, tests, "test_it.fake")


@pytest.mark.parametrize(
    ("target", "send"),
    [
        ("httpx.Client, 'send'", "by_httpx()"),
        ("requests.Session, 'send'", "by_requests()"),
        ("openai.OpenAI, 'post'", "openai.OpenAI().chat.completions.create(**BODY)"),
    ],
)
def test_what_is_replaced_above_the_recording_is_refused_when_the_body_has_ended(beside, target, send):
    """Nothing is sent there that could be looked at."""
    tests = f"""
import openai
def fake(*_, **__): return httpx.Response(200, json=FAKE)
@pytest.fixture
def mocked(monkeypatch):
    monkeypatch.setattr({target}, fake)
@pytest.mark.llm
def test_x(mocked): {send}
"""
    write(beside, tests)
    result = beside.record()
    result.assert_outcomes(failed=1)
    told = (
        "nothing that this test sends can be recorded or replayed: the test is marked llm, and test_it.fake answers *"
    )
    result.stdout.fnmatch_lines([told, "  remove one  the mark llm, or test_it.fake"])
    assert not beside.server.requests


def test_a_recording_does_not_win_over_a_mock_that_was_added_later(beside):
    pytest.importorskip("respx")
    plain = """
import respx
from pytest_llm import Prompt
@pytest.mark.llm
def test_app(): assert by_httpx()
@pytest.mark.llm
def test_declared(): assert Prompt(name='p', model='tiny', user='hi').ask().text
"""
    write(beside, plain)
    beside.record().assert_outcomes(passed=2)
    write(beside, plain.replace("@pytest.mark.llm", "@pytest.mark.llm\n@respx.mock"))
    result = beside.run()
    result.assert_outcomes(failed=2)
    assert result.stdout.str().count("and respx answers its HTTP too\n") == 2


def test_a_client_on_a_mock_transport_is_in_process_and_passes(beside):
    tests = """
@pytest.mark.llm
def test_x():
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=FAKE)))
    assert said(client.post(URL, json=BODY)) == "mocked"
    assert by_httpx() == "reply 1"
"""
    write(beside, tests)
    beside.record().assert_outcomes(passed=1)
    (recorded,) = beside.cassettes().values()
    assert "mocked" not in recorded


def test_a_wrapper_of_a_tracing_library_is_let_pass(beside):
    tests = """
import functools
@pytest.fixture(autouse=True)
def traced(monkeypatch):
    for cls, name in ((httpx.Client, "send"), (httpx.HTTPTransport, "handle_request")):
        method = getattr(cls, name)
        monkeypatch.setattr(cls, name, functools.wraps(method)(lambda *a, method=method, **k: method(*a, **k)))
@pytest.mark.llm
def test_x(): assert by_httpx() == "reply 1"
"""
    write(beside, tests)
    beside.record().assert_outcomes(passed=1)
    beside.run().assert_outcomes(passed=1)


PROMPT = """
import time
from pytest_llm import Prompt
from pytest_llm.graders import contains
p = Prompt(name="p", model="tiny", user="{{ n }}")
CASES = [{"id": f"c{n}", "n": n} for n in range(6)]
"""


@pytest.mark.parametrize("option", ["--llm-record", "--llm-live"])
def test_a_declared_prompt_goes_past_the_patch_and_is_refused_too(beside, option):
    """The mock is in place before the reply is fetched; in a replay no client is needed to see it."""
    tests = """
@pytest.fixture(autouse=True, scope="module")
def mocked():
    import contextlib, vcr
    with vcr.use_cassette("theirs.yaml"):
        yield
@pytest.mark.llm(p, cases=CASES[:1], graders=[contains("reply")])
def test_x(llm_response): ...
"""
    write(beside, PROMPT + tests.replace('vcr.use_cassette("theirs.yaml")', "contextlib.nullcontext()"))
    beside.record().assert_outcomes(passed=1)
    write(beside, PROMPT + tests)
    for arguments in ((), (option,)):
        result = beside.run(*arguments)
        result.assert_outcomes(errors=1)
        told = "POST /chat/completions of model 'tiny' was neither recorded nor replayed: *, and vcrpy answers *"
        result.stdout.fnmatch_lines([told])
    assert len(beside.server.requests) == 1
    assert not (beside.path / "theirs.yaml").exists()


def test_what_is_sent_ahead_does_not_pass_through_the_cassette_of_a_test_that_runs(beside):
    """Requests of later items are sent by threads while a test that is none of ours has a cassette open."""
    tests = """
@pytest.mark.llm(p, cases=CASES[:1], graders=[contains("reply")])
def test_first(llm_response): ...
@pytest.mark.vcr
def test_theirs():
    assert "reply" in by_httpx()
    time.sleep(0.5)
@pytest.mark.llm(p, cases=CASES[1:], graders=[contains("reply")])
def test_last(llm_response): ...
"""
    beside.server.script = lambda body, n: time.sleep(0.1) or f"reply {n}"
    write(beside, PROMPT + tests)
    beside.record("--llm-concurrency", "2").assert_outcomes(passed=7)
    theirs = beside.cassettes()["cassettes/test_it/test_theirs.yaml"]
    assert theirs.count("- request:") == 1
    assert len(beside.server.requests) == 7
    assert len(beside.cassettes()) == 7
