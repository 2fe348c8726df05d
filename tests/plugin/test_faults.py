"""An error with a status of success is no reply: an ERROR when it is recorded, when it is replayed, and in old files."""

from __future__ import annotations

import json

import pytest
from model_server import Reply, completion, response

ERROR = {"error": {"message": "upstream failed", "code": 402}}
TRANSIENT = {"error": {"message": "upstream failed", "code": 502}}
CHAT_BODIES = {
    "error": (ERROR, "an error: 'upstream failed' (code 402)"),
    "null": (None, "no reply: no choice in null"),
    "list": ([], "no reply: no choice in []"),
    "text": ("hi", 'no reply: no choice in "hi"'),
    "none": ({"choices": []}, 'no reply: no choice in {"choices": []}'),
    "null_choices": ({"choices": None}, 'no reply: no choice in {"choices": null}'),
    "no_message": ({"choices": [{"finish_reason": "stop"}]}, "no reply: a choice without a message"),
    "no_reason": ({"choices": [{"message": {"content": "x"}}]}, "no reply: no choice says why it ended (finish_reason)"),
    "number": ({"choices": [{"finish_reason": "stop", "message": {"content": 42}}]}, "no reply: the content 42"),
}  # fmt: skip

HEAD = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains, length, no_tool_call, not_, secret_free

NEGATIVE = [not_(contains("password")), length(max=200), secret_free(), no_tool_call()]
"""
DECLARED = (
    HEAD
    + """
@pytest.mark.llm(Prompt(name="p", model="m", user="{{ t }}"), cases=CASES, graders=NEGATIVE%s)
def test_it(llm_response): ...
"""
)


def plain(body):
    return Reply(content=json.dumps(body).encode())


def by_name(body, _number):
    """The body that the request names."""
    return plain(CHAT_BODIES[body["messages"][-1]["content"]][0])


def cases(*names):
    return f"CASES = {[{'id': name, 't': name} for name in names]!r}\n"


def always(body):
    return lambda _asked, _number: plain(body)


def write(project, text, *names):
    project.write("test_it.py", cases(*names) + text)


# -- a declared prompt ------------------------------------------------------------------------------------------


def test_no_body_without_a_reply_passes_is_kept_or_is_accepted(project, serve):
    server = serve(by_name)
    project.use(server)
    write(project, DECLARED % "", *CHAT_BODIES)
    recorded = project.record("--llm-baseline=update")
    recorded.assert_outcomes(errors=9, failed=1)  # the failure is the gate's
    recorded.stdout.fnmatch_lines(["*the baseline is not updated: 9 items ended in an error: *"])
    told = recorded.stdout.str()
    for _, what in CHAT_BODIES.values():
        assert f"the endpoint answered 200 with {what}" in told
    recorded.stdout.fnmatch_lines(["*9 errors*"])
    assert len(server.requests) == 9
    assert project.cassettes() == {}
    assert not list(project.path.rglob("llm_baselines/*/*.json"))
    replayed = project.run("--llm-baseline=update")
    replayed.assert_outcomes(errors=9, failed=1)
    assert not list(project.path.rglob("llm_baselines/*/*.json"))


def test_an_error_that_may_pass_is_sent_again(project, serve):
    def recovers(_body, number):
        return plain(TRANSIENT) if number == 1 else "hello"

    server = serve(recovers)
    project.use(server)
    write(project, DECLARED % "", "a")
    recorded = project.record()
    recorded.assert_outcomes(passed=1)
    recorded.stdout.no_fnmatch_line("*answered by an error*")
    assert len(server.requests) == 2
    [text] = project.cassettes().values()
    assert "hello" in text and "upstream failed" not in text
    project.run().assert_outcomes(passed=1)


def test_an_error_that_stays_is_sent_three_times_and_shown_in_the_endpoints_words(project, serve):
    server = serve(always(TRANSIENT))
    project.use(server)
    write(project, DECLARED % "", "a")
    recorded = project.record()
    recorded.assert_outcomes(errors=1)
    recorded.stdout.fnmatch_lines(["the endpoint answered 200 with an error: 'upstream failed' (code 502)"])
    assert len(server.requests) == 3
    assert project.cassettes() == {}


def test_a_page_of_a_proxy_is_not_kept(project, serve):
    server = serve(lambda _body, _number: b"<h1>Sign in</h1>")
    project.use(server)
    write(project, DECLARED % "", "a")
    recorded = project.record("--llm-concurrency=1")
    recorded.assert_outcomes(errors=1)
    recorded.stdout.fnmatch_lines(["*the endpoint answered 200 with something that is no JSON: '<h1>Sign in</h1>'"])
    assert project.cassettes() == {}


# -- recordings of an earlier release -----------------------------------------------------------------------------


def with_old_recordings(project, serve, text, script, *names):
    """Record with the marker that keeps errors, and take that away: so did earlier releases record."""
    server = serve(script)
    project.use(server)
    write(project, text % ", record_errors=True", *names)
    project.record()
    assert project.cassettes()
    write(project, text % "", *names)
    return server


def test_an_old_recording_of_an_error_is_an_error_until_it_is_recorded_again(project, serve):
    server = with_old_recordings(project, serve, DECLARED, by_name, *CHAT_BODIES)
    before = project.cassettes()
    replayed = project.run("--llm-json", "out.json")
    replayed.assert_outcomes(errors=9)
    replayed.stdout.fnmatch_lines(
        [
            "the recording holds an error, not a reply: an error: 'upstream failed' (code 402)",
            "  recording   cassettes/test_it/test_it/error.yaml",
            "  record again  pytest --llm-record",
            "9 with an error in the place of a recorded reply: error, null and 7 more",
        ]
    )
    found = json.loads((project.path / "out.json").read_text())["results"]
    assert {one["miss"]["kind"] for one in found} == {"error"}
    project.run("--llm-baseline=update").assert_outcomes(errors=9, failed=1)
    assert not list(project.path.rglob("llm_baselines/*/*.json"))
    project.record("--llm-dry-run").stdout.fnmatch_lines(["test_it   9 requests for 9 items*"])
    assert project.cassettes() == before

    asked = len(server.requests)
    server.script = lambda body, _number: f"an answer to {body['messages'][-1]['content']}"
    project.record().assert_outcomes(passed=9)
    assert len(server.requests) == asked + 9
    texts = project.cassettes().values()
    assert len(texts) == 9
    assert all("an answer to" in text and text.count("status: ") == 1 for text in texts)
    project.run().assert_outcomes(passed=9)
    assert len(server.requests) == asked + 9


# -- the other APIs, judges, embeddings, corrections ----------------------------------------------------------------

RESPONSES = (
    HEAD
    + """
@pytest.mark.llm(Prompt(name="p", model="m", user="{{ t }}", api="responses"), cases=CASES, graders=NEGATIVE%s)
def test_it(llm_response): ...
"""
)
RESPONSE_BODIES = {
    "error": (ERROR, "an error: 'upstream failed' (code 402)"),
    "null": (None, "no reply: null"),
    "failed": ({**response("x"), "status": "failed"}, "a response that failed, without the reason why"),
    "told": ({"status": "failed", "output": [], "error": {"message": "no"}}, "an error: 'no'"),
}


def test_the_responses_api(project, serve):
    def script(body, _number):
        return plain(RESPONSE_BODIES[body["input"][-1]["content"]][0])

    server = serve(script)
    project.use(server)
    write(project, RESPONSES % "", *RESPONSE_BODIES)
    recorded = project.record()
    recorded.assert_outcomes(errors=4)
    for _, what in RESPONSE_BODIES.values():
        assert f"the endpoint answered 200 with {what}" in recorded.stdout.str()
    assert len(server.requests) == 4
    assert project.cassettes() == {}
    with_old_recordings(project, serve, RESPONSES, script, *RESPONSE_BODIES)
    replayed = project.run()
    replayed.assert_outcomes(errors=4)
    replayed.stdout.fnmatch_lines(["*the recording holds an error, not a reply: *"] * 4)


JUDGED = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import grader, similar

JUDGE = Prompt(name="judge", model="big", user="Is it rude? {{ t }}")

@grader(asks=True)
def polite(output, case):
    return "rude" not in JUDGE.ask(t=output.text).text

@pytest.mark.llm(Prompt(name="p", model="m", user="{{ t }}"), cases=CASES, graders=[GRADER])
def test_it(llm_response): ...
"""
SIMILAR = 'similar("hello", model="vectors", threshold=0.1)'


@pytest.mark.parametrize(
    ("judge", "bad", "what"),
    [
        ("polite", {"choices": []}, "no reply: no choice in"),
        ("polite", ERROR, "an error: 'upstream failed' (code 402)"),
        (SIMILAR, {"data": []}, "no reply: no vector in"),
        (SIMILAR, ERROR, "an error: 'upstream failed' (code 402)"),
    ],
)
def test_a_judge_and_vectors(project, serve, judge, bad, what):
    server = serve(lambda body, _number: completion("hello") if body["model"] == "m" else plain(bad))
    project.use(server)
    write(project, JUDGED.replace("GRADER", judge), "a")
    recorded = project.record()
    recorded.assert_outcomes(failed=1)
    assert f"the endpoint answered 200 with {what}" in recorded.stdout.str()
    assert len(server.requests) == 2  # also where it was asked ahead
    [text] = project.cassettes().values()
    assert text.count("status: ") == 1
    project.run().assert_outcomes(failed=1)


RETRY = """
import pytest
from pytest_llm import Prompt
PROMPT = Prompt(name="p", model="m", user="{{ t }}", schema={"required": ["a"]})

@pytest.mark.llm(PROMPT, cases=CASES%s)
def test_it(llm_retry):
    assert llm_retry(attempts=4).stop == "transport_error"
"""


def test_a_correction_spends_one_attempt_on_it_and_fails_the_test(project, serve):
    server = serve(always(ERROR))
    project.use(server)
    write(project, RETRY % "", "a")
    recorded = project.record()
    recorded.assert_outcomes(failed=1)
    recorded.stdout.fnmatch_lines(["*the endpoint answered 200 with an error: 'upstream failed' (code 402)"])
    assert len(server.requests) == 1
    assert project.cassettes() == {}


def test_a_correction_whose_errors_are_tested_replays_them_and_an_old_one_does_not(project, serve):
    with_old_recordings(project, serve, RETRY, always(ERROR), "a")
    replayed = project.run()
    replayed.assert_outcomes(failed=1)
    replayed.stdout.fnmatch_lines(["*the recording holds an error, not a reply: *"])
    write(project, RETRY % ", record_errors=True", "a")
    project.run().assert_outcomes(passed=1)


# -- code under test ------------------------------------------------------------------------------------------------

APP = """
import json, os, asyncio
import httpx, openai, pytest, requests
BODY = json.loads({body!r})
ASKED = {{"model": "m", "messages": [{{"role": "user", "content": "Hi"}}]}}

@pytest.mark.llm{marker}
def test_sync(llm_calls):
    assert httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=ASKED).json() == BODY

@pytest.mark.llm{marker}
def test_requests(llm_calls):
    assert requests.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=ASKED).json() == BODY

@pytest.mark.llm{marker}
def test_async(llm_calls):
    async def main():
        async with httpx.AsyncClient() as client:
            return await client.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=ASKED)
    assert asyncio.run(main()).json() == BODY

@pytest.mark.llm{marker}
def test_responses(llm_calls):
    sent = {{"model": "m", "input": "Hi"}}
    assert httpx.post(os.environ["OPENAI_BASE_URL"] + "/responses", json=sent).json() == BODY
"""


@pytest.mark.parametrize("body", [ERROR, None], ids=["error", "null"])
def test_code_under_test_gets_the_body_and_nothing_is_kept(project, serve, body):
    project.use(serve(always(body)))
    project.write("test_it.py", APP.format(body=json.dumps(body), marker=""))
    recorded = project.record("--llm-baseline=update")
    recorded.assert_outcomes(passed=4, failed=4)  # the failures are the gate's, one a test
    recorded.stdout.fnmatch_lines(["*the baseline is not updated: 1 item was answered by an error *test_sync*"])
    recorded.stdout.fnmatch_lines(["4 requests were answered by an error, *record_errors=True*"])
    assert project.cassettes() == {}
    assert not list(project.path.rglob("llm_baselines/*/*.json"))
    replayed = project.run()
    replayed.assert_outcomes(failed=4)
    replayed.stdout.fnmatch_lines(["4 without a recording: *"])


def test_code_that_handles_such_an_error_says_so_and_replays(project, serve):
    server = serve(always(ERROR))
    project.use(server)
    project.write("test_it.py", APP.format(body=json.dumps(ERROR), marker="(record_errors=True)"))
    project.record().assert_outcomes(passed=4)
    assert len(project.cassettes()) == 4
    project.run().assert_outcomes(passed=4)
    assert len(server.requests) == 4
    project.write("test_it.py", APP.format(body=json.dumps(ERROR), marker=""))
    replayed = project.run()
    replayed.assert_outcomes(failed=4)
    replayed.stdout.fnmatch_lines(["4 with an error in the place of a recorded reply: *"])


STREAMED = """
import os
import httpx, pytest

@pytest.mark.llm%s
@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
def test_it(llm_calls, path):
    asked = {"model": path, "messages": [], "stream": True}
    with httpx.stream("POST", os.environ["OPENAI_BASE_URL"] + "/" + path, json=asked) as reply:
        assert [line for line in reply.iter_lines() if line]
"""


def sse(*events):
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return Reply(content=text.encode(), kind="text/event-stream", streams=True)


def delta(text, reason=None):
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}


BROKEN = {
    "chat/completions": ([delta("a"), delta("b"), delta("c")], [delta("a"), ERROR]),
    "responses": (
        [{"type": "response.created", "response": {"status": "in_progress", "output": []}}],
        [{"type": "response.failed", "response": {"status": "failed", "error": {"message": "oh"}}}],
    ),
    "messages": (
        [{"type": "message_start", "message": {"type": "message", "content": [], "stop_reason": None}}],
        [{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}],
    ),
}


@pytest.mark.parametrize("which", [0, 1], ids=["cut", "error"])
def test_a_stream_that_does_not_end_as_it_should(project, serve, which):
    server = serve(lambda body, _number: sse(*BROKEN[body["model"]][which]))
    project.use(server)
    project.write("test_it.py", STREAMED % "")
    project.record().assert_outcomes(passed=3)
    assert project.cassettes() == {}
    project.run().assert_outcomes(failed=3)
    project.write("test_it.py", STREAMED % "(record_errors=True)")
    project.record().assert_outcomes(passed=3)
    project.run().assert_outcomes(passed=3)
    project.write("test_it.py", STREAMED % "")
    replayed = project.run()
    replayed.assert_outcomes(failed=3)
    replayed.stdout.fnmatch_lines(["3 with an error in the place of a recorded reply: *"])


# -- replies that cannot be decoded ---------------------------------------------------------------------------------

UNDECODED = """
import asyncio, os
import aiohttp, httpx, openai, pytest, requests
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"

@pytest.mark.llm
def test_httpx(llm_calls):
    with pytest.raises(Exception):
        httpx.post(URL, json=ASKED)

@pytest.mark.llm
def test_httpx_async(llm_calls):
    async def main():
        async with httpx.AsyncClient() as client:
            await client.post(URL, json=ASKED)
    with pytest.raises(Exception):
        asyncio.run(main())

@pytest.mark.llm
def test_httpx_stream(llm_calls):
    with pytest.raises(Exception), httpx.stream("POST", URL, json=ASKED) as reply:
        reply.read()

@pytest.mark.llm
def test_openai(llm_calls):
    with pytest.raises(Exception):
        openai.OpenAI(max_retries=0).chat.completions.create(**ASKED)

@pytest.mark.llm
def test_requests(llm_calls):
    with pytest.raises(Exception):
        requests.post(URL, json=ASKED)

@pytest.mark.llm
def test_aiohttp(llm_calls):
    async def main():
        async with aiohttp.ClientSession() as session, session.post(URL, json=ASKED) as reply:
            await reply.read()
    with pytest.raises(Exception):
        asyncio.run(main())
"""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_what_the_client_cannot_decode_is_not_replayed(project, serve, encoding):
    body = json.dumps(completion("hello")).encode()
    project.use(serve(lambda _body, _number: Reply(content=body, headers={"content-encoding": encoding})))
    project.write("test_it.py", UNDECODED)
    project.record()
    assert project.cassettes() == {}
    project.run().assert_outcomes(failed=6)


def test_a_declared_prompt_says_that_the_reply_cannot_be_decoded_and_is_not_sent_again(project, serve):
    body = json.dumps(completion("hello")).encode()
    server = serve(lambda _body, _number: Reply(content=body, headers={"content-encoding": "gzip"}))
    project.use(server)
    write(project, DECLARED % "", "a")
    recorded = project.record()
    recorded.assert_outcomes(errors=1)
    recorded.stdout.fnmatch_lines(["*the endpoint answered, and its reply cannot be decoded: *"])
    assert len(server.requests) == 1
    assert project.cassettes() == {}


# -- replies that were paid for -----------------------------------------------------------------------------------


def test_an_empty_reply_that_was_cut_is_kept_and_ungraded(project, serve):
    cut = completion(None)
    cut["choices"][0]["finish_reason"] = "length"
    server = serve(always(cut))
    project.use(server)
    write(project, DECLARED % "", "a")
    recorded = project.record()
    recorded.assert_outcomes(failed=1)
    told = 'the reply is empty, and it ended by "length": there is nothing to grade'
    recorded.stdout.fnmatch_lines([f"*not_(contains)*{told}", f"*length*{told}", f"*secret_free*{told}"])
    assert len(project.cassettes()) == 1
    replayed = project.run()
    replayed.assert_outcomes(failed=1)
    replayed.stdout.fnmatch_lines(["*1 ungraded*"])
    assert len(server.requests) == 1


def test_a_schema_that_an_empty_text_fits_is_ungraded_too(project, serve):
    cut = completion("")
    cut["choices"][0]["finish_reason"] = "content_filter"
    project.use(serve(always(cut)))
    write(
        project,
        """
import re, pytest
from pytest_llm import Prompt

@pytest.mark.llm(Prompt(name="p", model="m", user="{{ t }}", schema=re.compile("[^!]*")), cases=CASES)
def test_it(llm_response): ...
""",
        "a",
    )
    recorded = project.record()
    recorded.assert_outcomes(failed=1)
    recorded.stdout.fnmatch_lines(['*schema*the reply is empty, and it ended by "content_filter"*'])


def test_an_error_takes_nothing_of_the_budget(project, serve):
    server = serve(lambda _body, number: plain(TRANSIENT) if number < 3 else "hello")
    project.use(server)
    write(project, DECLARED % "", "a")
    project.record("--llm-budget", "100tokens").assert_outcomes(passed=1)
    assert len(server.requests) == 3
