"""One request through a real openai client to a real server: what goes out, what is tried again, what is said.

Every test runs twice, through the synchronous and the asynchronous door.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import openai
import pytest
from model_server import completion, response

from pytest_llm.calls import Request, transport
from pytest_llm.calls.transport import asend, send
from pytest_llm.errors import CallFailed, LlmError

REQUEST = Request(body={"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]})
AT_ONCE = {"retry-after": "0"}
GOOD = (200, completion("hello"), {})
DROP = "the connection is closed without a reply"


@pytest.fixture(scope="module", params=["send", "asend"])
def ask(request):
    """`ask(url, request, **options)` sends it; one HTTP client for all, since making one takes longer than a test."""
    if request.param == "send":
        with openai.OpenAI(api_key="none") as client:
            yield lambda url, asked, within=None, **options: send(
                client.with_options(base_url=url, **options), asked, within=within
            )
    else:
        with asyncio.Runner() as runner:
            client = openai.AsyncOpenAI(api_key="none")
            yield lambda url, asked, within=None, **options: runner.run(
                asend(client.with_options(base_url=url, **options), asked, within=within)
            )
            runner.run(client.close())


# -- what goes out and comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "conversation", "path", "answer"),
    [
        ("chat", "messages", "/v1/chat/completions", completion("hello")),
        ("responses", "input", "/v1/responses", response("hello")),
    ],
)
def test_the_body_goes_out_as_it_is_also_what_the_sdk_does_not_know(ask, answer_with, api, conversation, path, answer):
    server = answer_with((200, answer, {}))
    body = {
        "model": "tiny",
        conversation: [{"role": "user", "content": "Hi, é"}],
        "temperature": 0,
        "min_p": 0.05,
        "chat_template_kwargs": {"enable_thinking": False},
        "tools": [{"type": "function", "function": {"name": "stock"}}],
    }
    assert ask(server.url, Request(api=api, body=body)).data == answer
    assert server.requests == [body]
    assert server.paths == [path]


def test_the_json_is_handed_on_as_it_came_not_as_the_sdk_reads_it(ask, answer_with):
    odd = {"choices": [{"finish_reason": "odd", "more": 1}], "new": [1.0, {"x": None}]}
    assert ask(answer_with((200, odd, {"content-type": "text/plain"})).url, REQUEST).data == odd


def test_the_latency_is_the_time_on_the_wire(ask, answer_with):
    server = answer_with(GOOD)
    begun = time.perf_counter()
    latency = ask(server.url, REQUEST).latency
    assert 0 < latency <= time.perf_counter() - begun


def test_the_latency_of_a_replayed_reply_is_the_recorded_one(ask, answer_with):
    server = answer_with((200, completion("hello"), {"pytest-llm-latency-ms": "84321"}))
    assert ask(server.url, REQUEST).latency == 84.321


# -- what is tried again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_a_failure_that_may_pass_is_tried_again(ask, answer_with, status):
    server = answer_with((status, {"error": {"message": "busy"}}, AT_ONCE), GOOD)
    assert ask(server.url, REQUEST).data == completion("hello")
    assert server.requests == [dict(REQUEST.body)] * 2


def test_a_connection_that_breaks_is_tried_again(ask, answer_with):
    server = answer_with(DROP, GOOD)
    assert ask(server.url, REQUEST).data == completion("hello")
    assert len(server.requests) == 2


@pytest.mark.parametrize("max_retries", [0, 5])
def test_three_tries_are_all_whatever_the_client_would_do_by_itself(ask, answer_with, max_retries):
    server = answer_with((503, {"error": {"message": "busy"}}, AT_ONCE))
    with pytest.raises(CallFailed, match="the endpoint answered 503: 'busy'"):
        ask(server.url, REQUEST, max_retries=max_retries)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_failure_that_would_stay_is_not_tried_again(ask, answer_with, status):
    server = answer_with((status, {"error": {"message": "no"}}, AT_ONCE), GOOD)
    with pytest.raises(CallFailed):
        ask(server.url, REQUEST)
    assert len(server.requests) == 1


def test_the_wait_that_the_endpoint_asks_for_is_kept(ask, answer_with):
    """Longer than the wait of our own before a second try, which is 0.3 s at most."""
    server = answer_with((429, {}, {"retry-after": "0.4"}), GOOD)
    begun = time.perf_counter()
    ask(server.url, REQUEST)
    assert time.perf_counter() - begun >= 0.4


class State:
    """What tenacity tells a wait function: the number of the try that failed, and how."""

    def __init__(self, tries, error):
        self.attempt_number = tries
        self.outcome = self
        self.exception = lambda: error


def refusal(headers):
    return SimpleNamespace(response=SimpleNamespace(headers=headers))


@pytest.mark.parametrize(
    ("tries", "error", "wait"),
    [
        (1, refusal({"retry-after": "0"}), 0),
        (1, refusal({"retry-after": "7.5"}), 7.5),
        (1, refusal({"retry-after": "3600"}), 30),
        (1, refusal({"retry-after": "inf"}), 0.3),
        (1, refusal({"retry-after": "nan"}), 0.3),
        (1, refusal({"retry-after": "-1"}), 0.3),
        (1, refusal({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), 0.3),
        (1, refusal({}), 0.3),
        (2, refusal({}), 0.6),
        (9, refusal({}), 8),
        (1, ConnectionError("no reply, and so no header"), 0.3),
    ],
)
def test_the_longest_wait_before_the_next_try(monkeypatch, tries, error, wait):
    """Our own waits are at random below a bound that doubles; here, the bound."""
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    assert transport._wait(State(tries, error)) == wait


# -- what is counted, and how long it may take ------------------------------------------------------------------


def busy(after):
    return (429, {"error": {"message": "busy", "code": "rate_limit_exceeded"}}, {"retry-after": after})


@pytest.mark.parametrize(("replies", "retries", "waited"), [([GOOD], 0, 0), ([busy("0.1"), busy("0"), GOOD], 2, 0.1)])
def test_a_reply_tells_the_tries_before_it_and_the_seconds_between_them(ask, answer_with, replies, retries, waited):
    reply = ask(answer_with(*replies).url, REQUEST)
    assert (reply.retries, reply.waited) == (retries, pytest.approx(waited))
    assert reply.latency < 0.1


@pytest.mark.parametrize(
    ("replies", "retries", "waited", "status", "code"),
    [
        ([busy("0.1")], 2, 0.2, 429, "rate_limit_exceeded"),
        ([busy("0.1"), (400, {"error": {"message": "no"}}, {})], 1, 0.1, 400, None),
        ([busy("0.1"), (200, b"<h1>Welcome</h1>", {})], 1, 0.1, None, None),
        ([busy("0.1"), (404, {"error": {"type": "not_found_error", "code": 404}}, {})], 1, 0.1, 404, "not_found_error"),
    ],
)
def test_a_call_that_failed_tells_them_too(ask, answer_with, replies, retries, waited, status, code):
    server = answer_with(*replies)
    with pytest.raises(CallFailed) as caught:
        ask(server.url, REQUEST)
    failed = caught.value
    assert (failed.retries, failed.waited) == (retries, pytest.approx(waited))
    assert (failed.status, failed.code) == (status, code)
    assert len(server.requests) == 1 + retries


def test_of_a_server_that_is_not_there_no_status_is_told(ask, answer_with):
    with pytest.raises(CallFailed) as caught:
        ask(answer_with(DROP).url, REQUEST)
    assert (caught.value.status, caught.value.code, caught.value.retries) == (None, None, 2)


def test_no_wait_is_begun_that_would_end_too_late(ask, answer_with):
    server = answer_with(busy("5"), GOOD)
    begun = time.perf_counter()
    with pytest.raises(CallFailed, match="429") as caught:
        ask(server.url, REQUEST, within=2)
    assert time.perf_counter() - begun < 1
    assert (caught.value.retries, caught.value.waited, len(server.requests)) == (0, 0, 1)


def test_a_wait_that_ends_in_time_is_waited(ask, answer_with):
    assert ask(answer_with(busy("0.1"), GOOD).url, REQUEST, within=5).retries == 1


@pytest.mark.parametrize("own", [60, None, openai.Timeout(60, connect=5)])
def test_a_request_that_takes_too_long_is_given_up(ask, serve, own):
    server = serve(lambda _body, _number: [time.sleep(0.6), "hello"][1])
    begun = time.perf_counter()
    with pytest.raises(CallFailed, match="Timeout"):
        ask(server.url, REQUEST, within=0.2, timeout=own)
    assert time.perf_counter() - begun < 0.6
    assert len(server.requests) == 1


def test_a_shorter_timeout_of_the_client_s_own_is_kept(ask, serve):
    server = serve(lambda _body, number: [time.sleep(0.6 * (number == 1)), "hello"][1])
    assert ask(server.url, REQUEST, within=30, timeout=0.2).retries == 1


def test_however_long_it_may_take_the_socket_understands_it(ask, answer_with):
    assert ask(answer_with(GOOD).url, REQUEST, within=1e12, timeout=None).data == completion("hello")


def test_when_the_time_is_over_a_moment_is_left(ask, serve):
    """Zero and less are no timeouts."""
    with pytest.raises(CallFailed, match="Timeout"):
        ask(serve(lambda _body, _number: [time.sleep(0.2), "hello"][1]).url, REQUEST, within=-1)


# -- what is said -----------------------------------------------------------------------------------------------

KEY = "  set         OPENAI_API_KEY, or what Prompt(api_key_env=…) names, to a key of this endpoint"
NAMES = "  check       Prompt(model=…), and that base_url ends in the API's root, as in …/v1"


@pytest.mark.parametrize(
    ("status", "body", "told", "fix"),
    [
        (401, {"error": {"message": "Bad key"}}, "the endpoint refused the key (401): 'Bad key'", KEY),
        (403, {"error": "no entry"}, "the endpoint refused the key (403): 'no entry'", KEY),
        (404, {"error": {"code": 7}}, "the endpoint knows no such model or path (404): \"{'code': 7}\"", NAMES),
        (400, {"message": "too long"}, "the endpoint answered 400: 'too long'", None),
        (400, {"error": {"message": "x" * 999}}, f"the endpoint answered 400: '{'x' * 300}'", None),
        (400, b"\x1b[2J<h1>Bad \xe2\x80\xae</h1>", "the endpoint answered 400: '\\x1b[2J<h1>Bad \\u202e</h1>'", None),
        (400, b"", "the endpoint answered 400: 'Error code: 400'", None),
        (502, b"<h1>Bad gateway</h1>", "the endpoint answered 502: '<h1>Bad gateway</h1>'", None),
    ],
)
def test_an_error_says_what_the_endpoint_said_where_and_what_to_do(ask, answer_with, status, body, told, fix):
    server = answer_with((status, body, AT_ONCE))
    with pytest.raises(CallFailed) as caught:
        ask(server.url, REQUEST)
    lines = [told, f"  where       {server.url}/, model 'tiny'", *([fix] if fix else [])]
    assert str(caught.value) == "\n".join(lines)


@pytest.mark.parametrize("content", [b"<h1>Welcome</h1>", b"", b'{"choices": [', b"\xff\xfe"])
def test_a_reply_that_is_no_json_is_shown(ask, answer_with, content):
    server = answer_with((200, content, {"content-type": "text/html; charset=latin-1"}))
    with pytest.raises(CallFailed) as caught:
        ask(server.url, REQUEST)
    assert str(caught.value) == (
        f"the endpoint answered 200 with something that is no JSON: {content.decode('latin-1')!r}\n"
        f"  where       {server.url}/chat/completions, model 'tiny'\n"
        "  check       that base_url ends in the API's root, as in http://127.0.0.1:8080/v1"
    )


def test_only_the_beginning_of_a_reply_that_is_no_json_is_shown(ask, answer_with):
    server = answer_with((200, b"<" * 100_000, {}))
    with pytest.raises(CallFailed, match=f"no JSON: '{'<' * 80}'\n"):
        ask(server.url, REQUEST)


def test_an_endpoint_that_is_not_there_is_named(ask, answer_with):
    server = answer_with(DROP)
    with pytest.raises(CallFailed) as caught:
        ask(server.url, REQUEST)
    what, where, fix = str(caught.value).split("\n")
    assert what == (
        "the endpoint could not be reached: RemoteProtocolError: Server disconnected without sending a response."
    )
    assert where == f"  where       {server.url}/, model 'tiny'"
    assert fix == (
        "  check       that the server runs; the address is Prompt(base_url=…), ini llm_base_url or OPENAI_BASE_URL"
    )
    assert len(server.requests) == 3


def test_a_port_that_nobody_listens_at_is_tried_again_and_named(ask, monkeypatch):
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    with pytest.raises(CallFailed, match="could not be reached: ConnectError: ") as caught:
        ask("http://127.0.0.1:9/v1", REQUEST)
    assert "  where       http://127.0.0.1:9/v1/, model 'tiny'" in str(caught.value)


# -- odd things --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["\ud800", float("nan"), {1, 2}], ids=["surrogate", "nan", "set"])
def test_a_body_that_no_json_can_hold_is_a_mistake_with_a_message(ask, answer_with, odd):
    with pytest.raises(LlmError):
        ask(answer_with(GOOD).url, Request(body={**REQUEST.body, "user": odd}))


def test_a_reply_nested_too_deep_is_no_json(ask, answer_with):
    with pytest.raises(CallFailed):
        ask(answer_with((200, b"[" * 200_000, {})).url, REQUEST)


def test_a_key_that_ends_in_a_line_break_is_not_in_the_message(ask, answer_with, monkeypatch):
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    with pytest.raises(CallFailed, match="<key>") as caught:
        ask(answer_with(GOOD).url, REQUEST, api_key="sk-proj-abcd12345678\n")
    assert "abcd12345678" not in str(caught.value)


def test_a_short_key_leaves_the_message_legible(ask, monkeypatch):
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    with pytest.raises(CallFailed) as caught:
        ask("http://127.0.0.1:9/v1", REQUEST, api_key="e")
    assert "<key>" not in str(caught.value)


# -- errors with a status of success ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "tries"), [(400, 1), (402, 1), (None, 1), ("x", 1), (408, 3), (409, 3), (429, 3), (502, 3)]
)
def test_an_error_in_a_body_is_sent_again_only_where_it_may_pass(ask, answer_with, monkeypatch, code, tries):
    monkeypatch.setattr(transport, "_wait", lambda _state: 0)
    server = answer_with((200, {"error": {"message": "upstream failed", "code": code}}, {}))
    with pytest.raises(CallFailed, match="the endpoint answered 200 with an error: 'upstream failed'") as caught:
        ask(server.url, REQUEST)
    assert len(server.requests) == tries
    assert caught.value.retries == tries - 1
    assert caught.value.status == (code if isinstance(code, int) else 200)
    assert caught.value.code == ("x" if code == "x" else None)


def test_a_prompt_of_its_own_gets_the_error_too(ask, answer_with):
    server = answer_with((200, {"error": "overloaded", "code": 503}, {}), GOOD)
    assert ask(server.url, REQUEST).retries == 1


@pytest.mark.parametrize(
    ("api", "body"), [("responses", None), ("embeddings", {"data": []}), ("chat", {"choices": []}), ("chat", [])]
)
def test_what_is_no_reply_of_its_api_fails(ask, answer_with, api, body):
    conversation = "messages" if api == "chat" else "input"
    server = answer_with((200, body, {}))
    with pytest.raises(CallFailed, match="the endpoint answered 200 with no reply: "):
        ask(server.url, Request(api=api, body={"model": "tiny", conversation: [{"role": "user", "content": "Hi"}]}))
    assert len(server.requests) == 1


def test_a_reply_that_cannot_be_decoded_is_not_sent_again(ask, answer_with):
    server = answer_with((200, completion("hello"), {"content-encoding": "gzip"}))
    with pytest.raises(CallFailed, match="the endpoint answered, and its reply cannot be decoded: "):
        ask(server.url, REQUEST)
    assert len(server.requests) == 1


def test_redirects_without_end_are_followed_once(ask, answer_with):
    server = answer_with((307, {}, {"location": "/v1/chat/completions"}))
    with pytest.raises(CallFailed, match="the endpoint answered with redirects that do not end: "):
        ask(server.url, REQUEST)
    assert len(server.requests) == 21
