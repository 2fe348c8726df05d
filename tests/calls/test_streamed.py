"""Streams: what is read of one is what the SDKs make of it, and what the same API gives without streaming."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted_replies import REPLIES, Asked

from pytest_llm.calls import Usage, api_of, read_reply, whole_reply

TOOL = {"name": "look_up", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}


def events(path, **body):
    """The events of the scripted endpoint, and its reply to the same request without streaming."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], **body}

    def said(**more):
        asked = Asked(number=1, method="POST", path=path, headers={}, content=b"", body=body | more)
        return REPLIES[path](asked).content.decode()

    streamed = said(stream=True, stream_options={"include_usage": True})
    found = [json.loads(line[6:]) for line in streamed.split("\n") if line.startswith("data: {")]
    return found, json.loads(said())


def read(data):
    return read_reply(api_of(data), data)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", {}),
        ("chat/completions", {"tools": [{"type": "function", "function": TOOL}]}),
        ("responses", {}),
        ("responses", {"tools": [{"type": "function", **TOOL}]}),
        ("messages", {}),
        ("messages", {"tools": [{"name": "look_up", "input_schema": TOOL["parameters"]}]}),
    ],
)
def test_a_stream_gives_the_reply_that_there_would_have_been_without_it(path, body):
    streamed, at_once = events(path, **body)
    found = whole_reply(streamed)
    for choice in at_once.get("choices", ()):
        for call in choice["message"].get("tool_calls", ()):
            call.pop("index", None)  # of the scripted endpoint
            found["choices"][0]["message"]["content"] = None  # its first delta tells an empty text
    assert found == at_once
    assert read(found) == read(at_once)
    assert read(found).text or read(found).tool_calls


# -- chat completions -------------------------------------------------------------------------------------------


def chunk(*choices, **more):
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 3,
        "model": "tiny",
        "choices": list(choices),
    } | more


def choice(index=0, finish_reason=None, **delta):
    return {"index": index, "delta": delta, "finish_reason": finish_reason}


def call(index, arguments, **more):
    return {"index": index, **more, "function": {"arguments": arguments, **({"name": "stock"} if more else {})}}


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
CHAT = {
    "several choices": [
        chunk(choice(0, role="assistant", content=""), choice(1, role="assistant", content="")),
        chunk(choice(1, content="Oak")),
        chunk(choice(0, content="Pi")),
        chunk(choice(0, content="ne"), choice(1, content=" tree")),
        chunk(choice(1, finish_reason="stop")),
        chunk(choice(0, finish_reason="stop")),
        chunk(usage=USAGE),
    ],
    "tool calls": [
        chunk(choice(role="assistant", content=None)),
        chunk(choice(tool_calls=[call(0, "", id="c0", type="function")])),
        chunk(choice(tool_calls=[call(0, '{"item": ')])),
        chunk(choice(tool_calls=[call(0, '"oak"}')])),
        chunk(choice(tool_calls=[call(1, "", id="c1", type="function")])),
        chunk(choice(tool_calls=[call(1, "{}")])),
        chunk(choice(finish_reason="tool_calls")),
    ],
    "reasoning": [
        chunk(choice(role="assistant", reasoning_content="Let me")),
        chunk(choice(reasoning_content=" think")),
        chunk(choice(content="12")),
        chunk(choice(content=" cups")),
        chunk(choice(finish_reason="stop")),
    ],
    "refusal": [
        chunk(choice(role="assistant", refusal="")),
        chunk(choice(refusal="I cannot")),
        chunk(choice(refusal=" help.")),
        chunk(choice(finish_reason="stop")),
    ],
    "cut": [chunk(choice(role="assistant", content="")), chunk(choice(content="Hel"))],
}


def sse(told, *, named=False):
    return "".join(
        (f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in told
    ).encode()


def openai_client(server):
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)


@pytest.mark.parametrize("name", CHAT)
def test_a_chat_stream_is_what_the_openai_sdk_makes_of_it(answer_with, name):
    server = answer_with((200, sse(CHAT[name]) + b"data: [DONE]\n\n", {"content-type": "text/event-stream"}))
    with openai_client(server) as client:
        messages = [{"role": "user", "content": "hi"}]
        with client.chat.completions.stream(model="tiny", messages=messages) as stream:
            by_sdk = stream.get_final_completion().to_dict()
    found = whole_reply(CHAT[name])
    assert found["object"] == "chat.completion"
    assert [one["finish_reason"] for one in found["choices"]] == [one.get("finish_reason") for one in by_sdk["choices"]]
    for number, (ours, theirs) in enumerate(zip(found["choices"], by_sdk["choices"], strict=True)):
        assert ours["index"] == number
        one, other = ({**whole, "choices": [single]} for whole, single in ((found, ours), (by_sdk, theirs)))
        one, other = read(one), read(other)
        assert (one.text, one.refusal, one.reasoning) == (other.text, other.refusal, other.reasoning)
        assert (one.tool_calls, one.finish_reason, one.model) == (other.tool_calls, other.finish_reason, other.model)
        assert one.usage == other.usage


def test_what_was_told_before_the_cut_is_known():
    found = read(whole_reply(CHAT["cut"]))
    assert (found.text, found.finish_reason, found.usage, found.model) == ("Hel", None, Usage(), "tiny")
    found = read(whole_reply(CHAT["tool calls"][:3]))
    assert [(one.name, one.arguments_text, one.id) for one in found.tool_calls] == [("stock", '{"item": ', "c0")]


def test_usage_so_far_is_replaced_by_the_last():
    told = [chunk(choice(content="a"), usage={**USAGE, "completion_tokens": n}) for n in (1, 2)]
    assert whole_reply(told)["usage"]["completion_tokens"] == 2
    assert whole_reply([*told, chunk(usage=None)])["usage"]["completion_tokens"] == 2


def test_what_an_endpoint_tells_first_empty_is_told_later():
    """Azure begins with a chunk without model and choices; OpenAI pads every chunk."""
    told = [chunk(model="", prompt_filter_results=[1]), chunk(choice(content="a"), obfuscation="xyz")]
    found = whole_reply(told)
    assert (found["model"], found["prompt_filter_results"], "obfuscation" in found) == ("tiny", [1], False)


def test_tool_calls_without_places_are_calls_of_their_own():
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    found = whole_reply([chunk(choice(tool_calls=[one])) for one in calls])
    assert found["choices"][0]["message"]["tool_calls"] == calls


def test_names_that_are_told_again_are_not_told_twice():
    calls = [call(0, text, id="c0", type="function") for text in ("{", "}")]
    [found] = read(whole_reply([chunk(choice(role="assistant", tool_calls=[one])) for one in calls])).tool_calls
    assert (found.name, found.id, found.arguments) == ("stock", "c0", {})


def test_log_probabilities_are_put_together():
    told = [
        chunk(choice(content=word) | {"logprobs": {"content": [{"token": word, "logprob": -0.1}]}}) for word in "ab"
    ]
    found = whole_reply(told)["choices"][0]["logprobs"]["content"]
    assert [one["token"] for one in found] == ["a", "b"]


def test_a_stream_of_completions_is_a_completion():
    told = [
        {
            "id": "c",
            "object": "text_completion",
            "model": "tiny",
            "choices": [{"index": 0, "text": text, "logprobs": None}],
        }
        for text in ("Hel", "lo")
    ]
    told.append({**told[0], "choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
    found = whole_reply(told)
    assert (found["object"], found["choices"][0]["text"]) == ("text_completion", "Hello")
    assert (read(found).text, read(found).finish_reason) == ("Hello", "length")


# -- the Responses API ------------------------------------------------------------------------------------------


def response_events():
    told, _ = events("responses")
    return told


def test_a_stream_of_the_responses_api_is_what_the_openai_sdk_makes_of_it(answer_with):
    told = response_events()
    server = answer_with((200, sse(told, named=True), {"content-type": "text/event-stream"}))
    with openai_client(server) as client, client.responses.stream(model="tiny", input="hi") as stream:
        by_sdk = stream.get_final_response().to_dict()
    one, other = read(whole_reply(told)), read(by_sdk)
    assert (one.text, one.usage, one.finish_reason, one.model) == (other.text, other.usage, "stop", other.model)


REASONED = [
    {"type": "response.created", "response": {"status": "in_progress", "model": "tiny", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
    *(
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": n, "delta": text}
        for n, text in ((0, "Let me"), (0, " think"), (1, ". Yes"))
    ),
    {"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "name": "stock", "call_id": "c", "arguments": ""}},
    *(
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": text}
        for text in ('{"item"', ': "oak"}')
    ),
    {"type": "response.output_item.added", "output_index": 2, "item": {"type": "message", "content": []}},
    *({"type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": text} for text in "ab"),
    {"type": "response.refusal.delta", "output_index": 2, "content_index": 1, "delta": "No"},
    {"type": "response.refusal.delta", "output_index": 2, "content_index": 1, "delta": "."},
]  # fmt: skip


def test_of_a_response_that_was_cut_the_deltas_are_read():
    found = read(whole_reply(REASONED))
    assert (found.text, found.reasoning, found.refusal) == ("ab", "Let me think. Yes", "No.")
    assert [(one.name, one.arguments) for one in found.tool_calls] == [("stock", {"item": "oak"})]
    assert (found.finish_reason, found.model, found.usage) == (None, "tiny", Usage())


def test_an_item_that_is_done_counts_instead_of_its_deltas():
    item = {"type": "message", "content": [{"type": "output_text", "text": "whole"}]}
    told = [*REASONED, {"type": "response.output_item.done", "output_index": 2, "item": item}]
    assert read(whole_reply(told)).text == "whole"


def test_deltas_of_an_item_that_nobody_announced_are_read():
    found = read(whole_reply([one for one in REASONED if "item" not in one]))
    assert (found.text, len(found.tool_calls)) == ("ab", 1)


@pytest.mark.parametrize(
    ("status", "more", "reason"),
    [
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("failed", {"error": {"message": "no"}}, "failed"),
    ],
)
def test_an_end_that_is_told_with_the_state_counts(status, more, reason):
    state = {"status": status, "model": "tiny", "output": [], "usage": {"input_tokens": 3, "output_tokens": 2}, **more}
    found = read(whole_reply([*REASONED, {"type": f"response.{status}", "response": state}]))
    assert (found.text, found.finish_reason, found.usage.total_tokens) == ("ab", reason, 5)


def test_a_state_that_has_its_output_counts_instead_of_the_deltas():
    item = {"type": "message", "content": [{"type": "output_text", "text": "whole"}]}
    state = {"status": "completed", "output": [item]}
    assert read(whole_reply([*REASONED, {"type": "response.completed", "response": state}])).text == "whole"
    assert read(whole_reply([{"type": "response.completed", "response": state}])).text == "whole"


# -- Anthropic --------------------------------------------------------------------------------------------------

START = {
    "type": "message_start",
    "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "tiny", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 1, "cache_read_input_tokens": 4},
    },
}  # fmt: skip


def block(index, start, *deltas):
    yield {"type": "content_block_start", "index": index, "content_block": start}
    yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
    yield {"type": "content_block_stop", "index": index}


THINKING = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "Let me"},
    {"type": "thinking_delta", "thinking": " think."},
    {"type": "signature_delta", "signature": "s1g"},
)
CITATION = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
SAYING = block(
    1,
    {"type": "text", "text": ""},
    {"type": "text_delta", "text": "Looking"},
    {"type": "citations_delta", "citation": CITATION},
    {"type": "text_delta", "text": " it up."},
)
USING = block(
    2,
    {"type": "tool_use", "id": "t1", "name": "stock", "input": {}},
    {"type": "input_json_delta", "partial_json": ""},
    {"type": "input_json_delta", "partial_json": '{"item": "o'},
    {"type": "input_json_delta", "partial_json": 'ak"}'},
)
BARE = block(
    3, {"type": "tool_use", "id": "t2", "name": "now", "input": {}}, {"type": "input_json_delta", "partial_json": ""}
)
END = [
    {"type": "ping"},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 42, "input_tokens": None},
    },
    {"type": "message_stop"},
]
ANTHROPIC = [START, *THINKING, *SAYING, *USING, *BARE, *END]


def test_a_stream_of_messages_is_what_the_anthropic_sdk_makes_of_it(answer_with):
    server = answer_with((200, sse(ANTHROPIC, named=True), {"content-type": "text/event-stream"}))
    root = server.url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=root, api_key="none", max_retries=0) as client:
        messages = [{"role": "user", "content": "hi"}]
        with client.messages.stream(model="tiny", max_tokens=9, messages=messages) as stream:
            by_sdk = stream.get_final_message().to_dict()
    found = whole_reply(ANTHROPIC)
    assert found["content"] == [
        {key: value for key, value in one.items() if value is not None} for one in by_sdk["content"]
    ]
    assert read(found).tool_calls == read(by_sdk).tool_calls
    one, other = read(found), read(by_sdk)
    assert (one.text, one.reasoning, one.finish_reason, one.usage, one.model) == (
        other.text, other.reasoning, other.finish_reason, other.usage, other.model,
    )  # fmt: skip
    assert (one.text, one.reasoning, one.finish_reason) == ("Looking it up.", "Let me think.", "tool_calls")
    assert one.usage == Usage(prompt_tokens=15, completion_tokens=42, total_tokens=57, cached_tokens=4)


def test_of_a_message_that_was_cut_the_beginning_is_read():
    cut = ANTHROPIC[: ANTHROPIC.index(next(one for one in ANTHROPIC if "ak" in str(one.get("delta"))))]
    found = read(whole_reply(cut))
    assert (found.text, found.finish_reason, found.usage.completion_tokens) == ("Looking it up.", None, 1)
    [call] = found.tool_calls
    assert (call.name, call.arguments, call.arguments_text) == ("stock", None, '{"item": "o')


def test_a_block_that_nobody_announced_is_text():
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
    assert read(whole_reply([START, delta])).text == "a"


# -- whatever else ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [[], [3], [{}], [{"error": {"message": "no"}}], [{"type": 3}], [{"candidates": []}]])
def test_other_events_are_no_reply(told):
    assert whole_reply(told) is None


KEYS = st.sampled_from(
    ["type", "choices", "delta", "index", "message", "content", "tool_calls", "function", "arguments", "text", "logprobs",
     "response", "output", "item", "output_index", "content_index", "content_block", "partial_json", "usage", "citation"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "text_delta", "citations_delta",
     "input_json_delta", "thinking_delta", "response.completed", "response.output_item.added",
     "response.output_item.done", "response.output_text.delta", "response.function_call_arguments.delta",
     "response.reasoning_summary_text.delta"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-2, 3) | st.floats(0, 1) | st.text(max_size=3)
SHAPES = st.recursive(
    SCALARS | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda kind, more: more | kind, st.fixed_dictionaries({"type": KINDS}), st.dictionaries(KEYS, SHAPES, max_size=5)
)


@given(st.lists(EVENTS | SHAPES, max_size=6))
@example([{"choices": [{"message": 3}]}, {"choices": [{"message": {"tool_calls": [3, {"index": 0}]}}]}])
@example([{"choices": [{"delta": {"content": ["a"]}}, {"delta": {"content": "b"}}]}])
@example([{"type": "message_start"}, {"type": "content_block_delta", "delta": {"partial_json": 3}}])
@example([{"type": "message_start"}, {"type": "content_block_start"}, {"type": "content_block_delta"}])
@example([{"type": "message_start"}, {"type": "message_delta", "usage": 3}])
@example([{"type": "response.output_item.added"}, {"type": "response.output_item.done", "output_index": 1}])
def test_events_of_any_shape_are_read(told):
    before = json.dumps(told)
    found = whole_reply(told)
    assert found is None or isinstance(read_reply(api_of(found) or "chat", found).text, str)
    assert json.dumps(told) == before
