"""What is no reply though its status says success: a table of bodies, by endpoint."""

from __future__ import annotations

import pytest

from pytest_llm.calls.fault import Fault, fault_of, fault_of_stream, is_transient, judges, not_json

CHAT = "chat/completions"
ERROR = {"error": {"message": "upstream failed", "code": 502}}
MESSAGE = {"role": "assistant", "content": "hello"}
NO_REASON = "no choice says why it ended (finish_reason)"


def chat(message=MESSAGE, finish_reason="stop", **more):
    return {"choices": [{"finish_reason": finish_reason, "message": message, **more}]}


@pytest.mark.parametrize("endpoint", [CHAT, "completions", "responses", "messages", "embeddings", "images/generations"])
def test_an_error_is_none_of_any_endpoints_replies(endpoint):
    found = fault_of(endpoint, ERROR)
    assert found == Fault(what="an error: 'upstream failed' (code 502)", status=502)


@pytest.mark.parametrize(
    ("error", "what", "status", "code"),
    [
        ("no such model", "'no such model'", None, None),
        ({"message": "slow down", "code": "429"}, "'slow down' (code 429)", 429, None),
        ({"message": "no", "code": "rate_limit_exceeded", "type": "x"}, "'no' (code rate_limit_exceeded)", None, "rate_limit_exceeded"),
        ({"message": "no", "type": "api_error", "code": None}, "'no'", None, "api_error"),
        ({"message": "no", "code": 1015}, "'no' (code 1015)", None, None),
        ({"message": "", "code": ""}, """'{"message": "", "code": ""}'""", None, None),
        ({"detail": "x" * 400}, f"""'{{"detail": "{"x" * 108}…'""", None, None),
        (True, "'true'", None, None),
        ({}, "'{}'", None, None),
    ],
)  # fmt: skip
def test_an_error_in_the_endpoints_own_words(error, what, status, code):
    found = fault_of(CHAT, {"error": error, **chat()})
    assert found == Fault(what=f"an error: {what}", status=status, code=code)


def test_an_error_that_is_a_text_may_have_its_code_beside_it():
    assert fault_of(CHAT, {"error": "upstream failed", "code": 503}).status == 503


@pytest.mark.parametrize("error", [None, False, ""])
def test_an_error_field_may_say_that_there_is_none(error):
    assert fault_of(CHAT, {"error": error, **chat()}) is None


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no choice in null"),
        ([], "no choice in []"),
        ("hi", 'no choice in "hi"'),
        (42, "no choice in 42"),
        ({}, "no choice in {}"),
        ({"choices": []}, 'no choice in {"choices": []}'),
        ({"choices": None}, 'no choice in {"choices": null}'),
        ({"choices": {"0": 1}}, 'no choice in {"choices": {"0": 1}}'),
        ({"choices": ["x"]}, NO_REASON),
        (chat(finish_reason=None), NO_REASON),
        *((chat(finish_reason=reason), NO_REASON) for reason in ("", 0, 1, False, True, {}, ["stop"])),
        (chat(message=None), "a choice without a message"),
        (chat(message="x"), "a choice without a message"),
        (chat(message={"content": 42}), "the content 42"),
        (chat(message={"content": {"a": 1}}, finish_reason="length"), 'the content {"a": 1}'),
    ],
)
@pytest.mark.parametrize("endpoint", [CHAT, "completions"])
def test_what_is_no_chat_completion(endpoint, data, what):
    assert fault_of(endpoint, data) == Fault(what=f"no reply: {what}")


def test_a_provider_that_broke_off_says_so_in_the_choice():
    assert fault_of(CHAT, chat(finish_reason="error")).what == "a choice that ended in an error"
    found = fault_of(CHAT, chat(finish_reason="error", error={"message": "gone", "code": 503}))
    assert found == Fault(what="an error: 'gone' (code 503)", status=503)


@pytest.mark.parametrize(
    "data",
    [
        chat(),
        chat(message={"content": None}, finish_reason="length"),
        chat(message={"content": None}, finish_reason="content_filter"),
        chat(message={"content": None, "tool_calls": [{}]}, finish_reason="tool_calls"),
        chat(message={"content": None, "audio": {"data": "UklG"}}),
        chat(message={"content": [{"type": "text", "text": "x"}]}),
        chat(message={"content": ""}),
        chat(message=None, finish_reason="length"),
        chat(message=None, text="once upon"),
        {"choices": [{"finish_reason": None, "message": MESSAGE}, {"finish_reason": "stop", "message": MESSAGE}]},
    ],
)
def test_what_is_a_chat_completion(data):
    assert fault_of(CHAT, data) is None


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no reply: null"),
        ([], "no reply: []"),
        ("hi", 'no reply: "hi"'),
        ({}, "no reply: neither output nor status in {}"),
        ({"status": "failed", "output": []}, "a response that failed, without the reason why"),
        (
            {"status": "failed", "error": {"code": "server_error", "message": "oh"}},
            "an error: 'oh' (code server_error)",
        ),
    ],
)
def test_what_is_no_response(data, what):
    assert fault_of("responses", data).what == what


@pytest.mark.parametrize("status", ["completed", "incomplete", "queued", "in_progress", "cancelled"])
def test_what_is_a_response(status):
    assert fault_of("responses", {"status": status, "output": [], "error": None}) is None
    assert fault_of("responses", {"output": [{"type": "message"}]}) is None


@pytest.mark.parametrize(
    "data",
    [None, "hi", [], {}, {"data": []}, {"data": None}, {"data": [{}]}, {"data": [{"embedding": []}]},
     {"data": [{"embedding": [None]}]}, {"data": [{"embedding": [0.1]}, {"embedding": None}]}, ["hi"]],
)  # fmt: skip
def test_what_holds_no_vector(data):
    assert fault_of("embeddings", data).what.startswith("no reply: no vector in ")


@pytest.mark.parametrize(
    "data",
    [{"data": [{"embedding": [0.1, 0.2]}]}, {"data": [{"embedding": "AACAPw=="}]}, {"embedding": [0.1]},
     {"data": [{"embedding": {"float": [0.1]}}]}, [{"index": 0, "embedding": [[0.1]]}], [[0.1, 0.2]]],
)  # fmt: skip
def test_what_holds_vectors(data):
    assert fault_of("embeddings", data) is None


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "no reply: null"),
        ({"type": "error", "message": "busy"}, "an error: 'busy'"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "an error: 'busy'"),
        ({"type": "message", "content": []}, "no reply: a message that does not say why it ended (stop_reason)"),
    ],
)
def test_what_is_no_message(data, what):
    assert fault_of("messages", data).what == what


@pytest.mark.parametrize(
    "data", [{"type": "message", "stop_reason": "end_turn"}, {"object": "thread.message", "content": []}, {}]
)
def test_what_may_be_a_message(data):
    assert fault_of("messages", data) is None


def test_an_address_that_is_not_known_is_judged_by_its_error_alone():
    assert fault_of("rerank", {"results": []}) is None
    assert fault_of("", None) is None
    assert judges(CHAT)
    assert not judges("rerank")


# -- streams ----------------------------------------------------------------------------------------------------


def delta(finish_reason=None, **more):
    return {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": finish_reason}], **more}


CUT = "no reply: a stream that ended without the reason why (finish_reason)"
STARTED = {"type": "message_start", "message": {"type": "message", "content": [], "stop_reason": None}}
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}


@pytest.mark.parametrize(
    ("endpoint", "events", "what"),
    [
        (CHAT, [], CUT),
        (CHAT, ["hi", None], CUT),
        (CHAT, [delta()], CUT),
        (CHAT, [{"usage": {}}], CUT),
        ("completions", [{"choices": [{"text": "x", "finish_reason": None}]}], CUT),
        (CHAT, [delta(), ERROR], "an error: 'upstream failed' (code 502)"),
        (CHAT, [delta(), delta("error")], "a choice that ended in an error"),
        ("messages", [], CUT),
        ("messages", [STARTED], CUT),
        ("messages", [STARTED, {"type": "error", "error": {"message": "busy"}}], "an error: 'busy'"),
        ("responses", [], CUT),
        ("responses", [{"type": "response.created", "response": {"status": "in_progress"}}], CUT),
        ("responses", [{"type": 1}], CUT),
        ("responses", [{"type": "response.failed"}], "a response that failed, without the reason why"),
        (
            "responses",
            [{"type": "response.failed", "response": {"status": "failed", "error": {"message": "oh"}}}],
            "an error: 'oh'",
        ),
        ("responses", [{"type": "error", "code": "x", "message": "oh"}], "an error: 'oh' (code x)"),
    ],
)
def test_what_is_no_whole_stream(endpoint, events, what):
    assert fault_of_stream(endpoint, events).what == what


@pytest.mark.parametrize(
    ("endpoint", "events"),
    [
        (CHAT, [delta(), delta("stop"), {"choices": [], "usage": {}}]),
        (CHAT, [delta(error=None), delta("length")]),
        ("completions", [{"choices": [{"text": "x", "finish_reason": "stop"}]}]),
        ("messages", [STARTED, STOPPED, {"type": "message_stop"}]),
        ("responses", [{"type": "response.created"}, {"type": "response.completed", "response": {"output": []}}]),
        ("responses", [{"type": "response.incomplete", "response": {"status": "incomplete"}}]),
        ("", []),
        ("audio/speech", [{"type": "speech.audio.done"}]),
    ],
)
def test_what_is_a_whole_stream(endpoint, events):
    assert fault_of_stream(endpoint, events) is None


def test_what_is_no_json_is_shown_in_part():
    assert not_json("<h1>" + "x" * 100).what == f"something that is no JSON: '<h1>{'x' * 76}'"


@pytest.mark.parametrize(
    ("status", "again"), [(None, False), (200, False), (400, False), (408, True), (409, True), (429, True), (500, True)]
)
def test_what_is_sent_again(status, again):
    assert is_transient(status) is again
