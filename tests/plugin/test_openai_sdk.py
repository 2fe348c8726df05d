"""Level 3: tests that call the openai SDK themselves, recorded and replayed without a wrapper."""

from __future__ import annotations

import json

import pytest

HEAD = """
import openai, pytest
def ask(client, text):
    reply = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": text}])
    return reply.choices[0].message.content
"""


@pytest.fixture
def replayed(project, serve):
    """Record a test against a server, then replay it without key, address or server."""
    server = serve(lambda body, n: f"{body['messages'][-1]['content']} {n}")
    project.use(server)

    def run(test):
        project.write("test_it.py", HEAD + test)
        recorded = project.record("-s")
        project.forget_key()
        asked = len(server.requests)
        again = project.run("-s")
        assert len(server.requests) == asked
        return recorded, again, server

    return run


def said(result):
    return [line.split("SAID ")[1] for line in result.stdout.lines if "SAID " in line]


def test_an_unchanged_test_is_recorded_and_replayed_by_the_bare_marker(replayed):
    recorded, again, server = replayed("""
@pytest.mark.llm
def test_it():
    client = openai.OpenAI()
    first, second, third = ask(client, "same"), ask(client, "other"), ask(client, "same")
    print("SAID", first, second, third)
    assert first != third
""")
    recorded.assert_outcomes(passed=1)
    again.assert_outcomes(passed=1)
    assert said(recorded) == said(again) == ["same 1 other 2 same 3"]
    assert len(server.requests) == 3


def test_the_plugins_client_and_its_calls(replayed):
    recorded, again, _ = replayed("""
@pytest.mark.llm(cases=[{"id": "a", "q": "hello"}])
def test_it(llm_case, llm_client, llm_calls):
    assert len(llm_calls) == 0
    assert llm_client.max_retries == 0
    answer = ask(llm_client, llm_case["q"])
    [call] = llm_calls
    assert (call.model, call.role, call.usage.total_tokens, call.usage.cached_tokens, call.cost) == ("tiny-2026", "subject", 18, None, None)
    assert call.messages[0].content == "hello" and call.response.text == answer
    assert 0 <= call.latency < 30
    assert llm_calls[:1][0].model == "tiny-2026" and "1 calls" in repr(llm_calls)
""")
    recorded.assert_outcomes(passed=1)
    again.assert_outcomes(passed=1)


def test_both_doors_give_the_same_response(replayed):
    """A declared prompt is answered from the cassette without any SDK; the application's `ask` goes through it."""
    recorded, again, server = replayed("""
from pytest_llm import Prompt
from dataclasses import replace
p = Prompt(name="p", model="tiny", user="{{ q }}", temperature=1.0, top_k=3)
@pytest.mark.llm(p, cases=[{"id": "a", "q": "hello"}], samples=1)
def test_it(llm_response, llm_prompt, llm_case, llm_calls):
    assert len(llm_calls) == 1
    again = llm_prompt.ask(**llm_case.inputs)
    assert len(llm_calls) == 2
    print("SAID", llm_response.text, again.text)
    assert replace(again, text="", latency=0, messages=(), raw=0) == replace(llm_response, text="", latency=0, messages=(), raw=0)
""")
    recorded.assert_outcomes(passed=1)
    again.assert_outcomes(passed=1)
    assert said(recorded) == said(again) == ["hello 1 hello 2"]
    assert server.requests[0] == server.requests[1]
    assert server.requests[0]["top_k"] == 3


def test_a_replayed_ask_tells_the_recorded_latency(project, serve):
    import time

    def slow(body, n):
        time.sleep(0.25)
        return "x"

    project.use(serve(slow))
    project.write(
        "test_it.py",
        """
import pytest
from pytest_llm import Prompt
p = Prompt(name="p", model="tiny", user="{{ q }}")
@pytest.mark.llm
def test_it():
    assert p.ask(q="x").latency > .25
@pytest.mark.llm(p, cases=[{"q": "x"}])
def test_declared(llm_response):
    assert llm_response.latency > .25
@pytest.mark.llm
async def test_async():
    assert (await p.aask(q="x")).latency > .25
""",
    )
    project.record().assert_outcomes(passed=3)
    project.forget_key()
    project.run().assert_outcomes(passed=3)


def test_a_client_made_before_the_marked_test_is_recorded_too(replayed):
    _, again, _ = replayed("""
@pytest.fixture(scope="session")
def client(): return openai.OpenAI(api_key="none")
def test_unmarked_first(client): assert client
@pytest.mark.llm
def test_it(client): assert ask(client, "hello").startswith("hello")
""")
    again.assert_outcomes(passed=2)


def test_unmarked_tests_pass_through_before_between_and_after(project, serve):
    server = serve(lambda body, n: "live")
    project.use(server)
    project.write(
        "test_it.py",
        HEAD
        + """
def test_before(): assert ask(openai.OpenAI(), "u") == "live"
@pytest.mark.llm
def test_marked(): assert ask(openai.OpenAI(), "m") == "live"
def test_between(): assert ask(openai.OpenAI(), "u") == "live"
@pytest.mark.llm
def test_marked_too(): assert ask(openai.OpenAI(), "m") == "live"
def test_after(): assert ask(openai.OpenAI(), "u") == "live"
""",
    )
    project.record().assert_outcomes(passed=5)
    assert len(server.requests) == 5
    project.run().assert_outcomes(passed=5)
    assert [body["messages"][0]["content"] for body in server.requests[5:]] == ["u"] * 3
    assert len(project.cassettes()) == 2


def test_the_placeholder_key_is_there_in_replay_only(project, serve, monkeypatch):
    project.use(serve(lambda body, n: "x"))
    project.write(
        "test_it.py",
        HEAD
        + """
import os
def test_before(): assert os.environ.get("ANTHROPIC_API_KEY") is None
@pytest.mark.llm
def test_it(): print("SAID", os.environ.get("ANTHROPIC_API_KEY")); assert ask(openai.OpenAI(), "x")
def test_after(): assert os.environ.get("ANTHROPIC_API_KEY") is None
""",
    )
    assert said(project.record("-s")) == ["None"]
    assert said(project.run("-s")) == ["pytest-llm-replay"]


def test_a_miss_goes_through_the_sdk_at_once_and_is_told_with_its_line(project):
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm(cases=[{"id": "a"}])
def test_it(llm_case):
    try:
        ask(openai.OpenAI(), "never recorded")
    except Exception:
        pytest.fail("the miss was taken for an error that can be handled")
""",
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["no recording for this request*", "test_it.py:*: reply = client.chat.completions.create*"]
    )
    result.stdout.fnmatch_lines(["1 without a recording: a"])


def test_a_miss_in_a_users_fixture_does_not_disturb_the_next_test(project):
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.fixture
def answer(): return ask(openai.OpenAI(), "never recorded")
@pytest.mark.llm(cases=[{"id": "a"}, {"id": "b"}])
def test_it(answer, llm_case): assert answer
""",
    )
    result = project.run()
    result.assert_outcomes(errors=2)
    assert "AssertionError" not in result.stdout.str()
    result.stdout.fnmatch_lines(["2 without a recording: a, b"])


def test_a_unittest_testcase_is_recorded_too_and_cannot_have_cases(replayed, project):
    recorded, again, _ = replayed("""
import unittest
@pytest.mark.llm(suite="unit")
class TestIt(unittest.TestCase):
    def test_it(self): self.assertTrue(ask(openai.OpenAI(), "hello").startswith("hello"))
class TestPlain:
    @pytest.mark.llm
    def test_inherited(self): assert ask(openai.OpenAI(), "hello")
class TestChild(TestPlain): ...
""")
    recorded.assert_outcomes(passed=3)
    again.assert_outcomes(passed=3)
    assert "cassettes/test_it/TestChild.test_inherited/test_inherited.yaml" in project.cassettes()
    text = (project.path / "test_it.py").read_text()
    project.write("test_it.py", text.replace('suite="unit"', 'cases=[{"id": "a"}]'))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: test_it.py::TestIt::test_it",
            "a unittest.TestCase, and a test that is marked after*neither cases nor samples",
        ]
    )


def test_a_connection_that_fails_and_is_tried_again_leaves_no_gap(project, serve, monkeypatch):
    """The SDK tries again by itself; the recorded answer is the first, whatever it took."""
    server = serve(lambda body, n: (500, {"error": {"message": "x"}}) if n == 1 else f"reply {n}")
    project.use(server)
    project.write(
        "test_it.py",
        HEAD
        + """
import httpx2
class Flaky(httpx2.HTTPTransport):
    tries = 0
    def handle_request(self, request):
        Flaky.tries += 1
        if Flaky.tries == 2: request.url = request.url.copy_with(port=9)
        return super().handle_request(request)
@pytest.mark.llm
def test_it():
    client = openai.OpenAI(max_retries=3, http_client=httpx2.Client(transport=Flaky()))
    print("SAID", ask(client, "hello"), ask(client, "hello"))
""",
    )
    assert said(project.record("-s")) == ["reply 2 reply 3"]
    project.forget_key()
    assert said(project.run("-s")) == ["reply 2 reply 3"]


def test_a_swallowed_mistake_fails_the_item_as_a_swallowed_miss_does(project, serve, monkeypatch):
    server = serve(lambda body, n: "x")
    project.use(server)
    monkeypatch.setenv("SHOP_TOKEN", "q7w8e9r0t1y2u3")
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm(cases=[{"id": "a"}])
def test_it(llm_case):
    try: ask(openai.OpenAI(max_retries=0), "q7w8e9r0t1y2u3")
    except Exception: pass
@pytest.mark.llm(cases=[{"id": "a"}])
def test_exit(llm_case): raise SystemExit(0)
""",
    )
    result = project.record("--llm-json=run.json")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["the request's address or body holds a secret (SHOP_TOKEN); it was not sent"])
    assert not server.requests
    run = json.loads((project.path / "run.json").read_text())
    assert [one["outcome"] for one in run["results"]] == ["failed", "failed"]


def test_graders_judge_what_an_overridden_fixture_gives(project, serve):
    project.use(serve(lambda body, n: "Paris"))
    project.write(
        "test_it.py",
        """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import equals
p = Prompt(name="p", model="tiny", user="{{ q }}", schema=str)
@pytest.fixture
def llm_response(): return "Rome"
@pytest.mark.llm(p, cases=[{"id": "a", "q": "1"}], graders=[equals("Paris")])
def test_it(llm_response): ...
""",
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["equals: *Rome*", "UNGRADED  schema: llm_response was overridden *"])


def test_a_swallowed_miss_of_a_unittest_method_fails_it(project):
    project.write(
        "test_it.py",
        HEAD
        + """
import unittest
@pytest.mark.llm(suite="unit")
class TestIt(unittest.TestCase):
    def test_it(self):
        try: ask(openai.OpenAI(), "x")
        except BaseException: pass
""",
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording for this request*"])


def test_a_request_between_two_marked_tests_is_not_let_through(project, serve):
    server = serve(lambda body, n: "x")
    project.use(server)
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm(cases=[{"id": "a"}, {"id": "b"}])
def test_it(llm_case): assert ask(openai.OpenAI(), llm_case.id)
""",
    )
    project.record().assert_outcomes(passed=2)
    project.write(
        "conftest.py",
        HEAD
        + """
def pytest_runtest_logfinish(nodeid):
    if "a" in nodeid.split("[")[1]:
        try: ask(openai.OpenAI(api_key="x"), "between")
        except BaseException as error: print("SAID", error)
""",
    )
    assert said(project.run("-s")) == ["POST /v1/chat/completions was asked between two tests, and not let through"]
    assert len(server.requests) == 2


def test_a_call_that_failed_keeps_what_was_recorded_for_it(project, serve):
    """The application swallowed the failure, so what it did not use is not what it does not need."""
    busy = (429, {"error": {"message": "x"}})
    server = serve(lambda body, n: busy if n > 2 and body["messages"][0]["content"] == "b" else "x")
    project.use(server)
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm
def test_it():
    client = openai.OpenAI(max_retries=0)
    assert ask(client, "a")
    try: ask(client, "b")
    except openai.APIError: pass
""",
    )
    project.record().assert_outcomes(passed=1)
    project.run("--llm-rerecord").assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)


def test_a_key_that_is_loaded_in_the_middle_of_a_test_is_kept_out_too(project, serve):
    project.use(serve(lambda body, n: "echo q7w8e9r0t1y2u3"))
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm
def test_it(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "q7w8e9r0t1y2u3")
    assert ask(openai.OpenAI(), "a")
""",
    )
    project.record().assert_outcomes(passed=1)
    assert "<secret:SHOP_TOKEN>" in next(iter(project.cassettes().values()))


def test_a_conftest_may_put_the_marker_on_tests_after_they_were_collected(project, serve):
    server = serve(lambda body, n: "hello")
    project.use(server)
    project.write(
        "conftest.py",
        "import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    [item.add_marker(pytest.mark.llm) for item in items if 'asks' in item.name]\n",
    )
    project.write(
        "test_it.py",
        HEAD + "def test_asks():\n    assert ask(openai.OpenAI(), 'hi') == 'hello'\ndef test_other(): pass\n",
    )
    project.record().assert_outcomes(passed=2)
    project.forget_key()
    project.run().assert_outcomes(passed=2)
    assert len(server.requests) == 1
    project.run("--deselect", "test_it.py::test_asks").assert_outcomes(passed=1, deselected=1)


def test_a_connection_that_fails_for_good_while_recording_is_said(project, serve):
    server = serve(lambda body, n: "hello")
    project.use(server)
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm
def test_it():
    with pytest.raises(openai.APIConnectionError):
        ask(openai.OpenAI(base_url="http://127.0.0.1:9/v1", max_retries=0), "hi")
    assert ask(openai.OpenAI(), "there") == "hello"
""",
    )
    result = project.record()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 request was answered by an error, or not at all, and will be missing in replay*"])
