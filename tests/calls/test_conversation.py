"""What a request says, whichever API it is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm import Message
from pytest_llm.calls import messages_of


def call(name, arguments, id_):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


STOCK = call("stock", '{"item": "oak"}', "c1")


def test_chat_messages_are_what_was_sent():
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "https://a.invalid"}}]
    sent = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": parts, "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [STOCK], "refusal": None},
        {"role": "tool", "content": "3", "tool_call_id": "c1"},
        {"role": "wizard", "content": "x"},
        {"content": "x"},
        {"role": "user"},
        "x",
    ]
    assert messages_of("chat/completions", {"messages": sent}) == (
        Message("system", "Be short."),
        Message("user", parts, name="ada"),
        Message("assistant", tool_calls=(STOCK,)),
        Message("tool", "3", tool_call_id="c1"),
    )


def test_the_input_of_the_responses_api():
    body = {
        "instructions": "Be short.",
        "input": [
            {"role": "user", "content": "How many?"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "See"}, {"type": "input_image", "image_url": "…"}, 3, " this."]},
            {"type": "function_call", "call_id": "c1", "name": "stock", "arguments": '{"item": "oak"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "3"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Three."}]},
            {"type": "reasoning", "summary": []},
            3,
        ],
    }  # fmt: skip
    assert messages_of("responses", body) == (
        Message("system", "Be short."),
        Message("user", "How many?"),
        Message("user", "See[input_image] this."),
        Message("assistant", tool_calls=(STOCK,)),
        Message("tool", "3", tool_call_id="c1"),
        Message("assistant", "Three."),
    )


@pytest.mark.parametrize(
    ("endpoint", "body", "texts"),
    [
        ("responses", {"input": "hello"}, ["hello"]),
        ("embeddings", {"input": ["one", "two"]}, ["one", "two"]),
        ("embeddings", {"input": [[1, 2], [3]]}, []),
        ("completions", {"prompt": "Once"}, ["Once"]),
        ("https://a.invalid/ask", {"messages": [{"role": "user", "content": "x"}]}, ["x"]),
        ("https://a.invalid/ask", {"question": "x"}, []),
        ("chat/completions", None, []),
        ("chat/completions", [{"role": "user", "content": "x"}], []),
    ],
)
def test_other_requests(endpoint, body, texts):
    assert messages_of(endpoint, body) == tuple(Message("user", text) for text in texts)


def test_anthropics_messages_are_those_of_chat():
    body = {
        "system": [{"type": "text", "text": "Be "}, {"type": "text", "text": "short.", "cache_control": {}}],
        "messages": [
            {"role": "user", "content": "How many?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "c1", "name": "stock", "input": {"item": "oak"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "3"}]}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "stock", "input": {"item": "oak"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "4"},
                {"type": "text", "text": "And this? "}, {"type": "image", "source": {}}]},
            {"role": "user", "content": None},
        ],
    }  # fmt: skip
    assert messages_of("messages", body) == (
        Message("system", "Be short."),
        Message("user", "How many?"),
        Message("assistant", "[thinking]Let me see.", tool_calls=(STOCK,)),
        Message("tool", "3", tool_call_id="c1"),
        Message("assistant", tool_calls=(STOCK,)),
        Message("tool", "4", tool_call_id="c1"),
        Message("user", "And this? [image]"),
    )


def test_a_message_without_a_system_text_and_without_blocks():
    assert messages_of("messages", {"messages": [{"role": "assistant", "content": []}]}) == (Message("assistant"),)
    assert messages_of("messages", {"system": "Be short."}) == (Message("system", "Be short."),)


KEYS = st.sampled_from(
    ["messages", "input", "instructions", "system", "prompt", "role", "content", "type", "text", "tool_calls", "output"]
)
KINDS = st.sampled_from(
    ["user", "assistant", "tool", "tool_use", "tool_result", "function_call", "function_call_output"]
)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(["messages", "chat/completions", "responses"]), SHAPES)
def test_requests_of_any_shape_are_read(endpoint, body):
    assert all(isinstance(one, Message) for one in messages_of(endpoint, body))
