"""Messages and requests: what they hold is what goes out, and nothing else can be declared."""

from __future__ import annotations

import re

import pytest

from pytest_llm import Message
from pytest_llm.calls import Request
from pytest_llm.errors import PromptError

CALL = {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (Message("user", "Hi"), {"role": "user", "content": "Hi"}),
        (Message("system", ""), {"role": "system", "content": ""}),
        (Message("user", "Hi", name="ann"), {"role": "user", "content": "Hi", "name": "ann"}),
        (Message("assistant", tool_calls=(CALL,)), {"role": "assistant", "content": None, "tool_calls": [CALL]}),
        (Message("tool", "12", tool_call_id="c1"), {"role": "tool", "content": "12", "tool_call_id": "c1"}),
    ],
)
def test_the_wire_form_has_the_fields_that_are_there_and_reads_back(message, wire):
    assert message.wire == wire
    assert Message.of(wire) == message
    assert Message.of(message) is message


def test_only_an_assistant_message_that_says_and_calls_nothing_is_open():
    assert Message("assistant").is_open
    assert not Message("assistant", "").is_open
    assert not Message("assistant", tool_calls=(CALL,)).is_open


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Message("boss", "x"),
            (
                "'boss' is not a role of a message\n  there is    system\n  there is    developer\n  there is    user\n"
                "  there is    assistant\n  there is    tool"
            ),
        ),
        (lambda: Message("tool"), 'a tool message without content\n  write       Message("tool", "…")'),
        (
            lambda: Message.of("hello"),
            'a message cannot be str \'hello\'\n  write       Message("user", "…") or {"role": "user", "content": "…"}',
        ),
        (lambda: Message.of({"role": "user", "text": "x"}), "a message has no key 'text'\n  there is    role\n"),
        (lambda: Message.of({"content": "x"}), "a message without a role: {'content': 'x'}\n  add         \"role\""),
    ],
)
def test_what_is_no_message_is_refused_with_what_to_write(make, said):
    with pytest.raises(PromptError, match=f"^{re.escape(said)}"):
        make()


def test_tool_calls_that_are_no_list_are_refused():
    with pytest.raises(PromptError):
        Message.of({"role": "assistant", "tool_calls": 3})


@pytest.mark.parametrize(
    ("api", "key", "endpoint"), [("chat", "messages", "chat/completions"), ("responses", "input", "responses")]
)
def test_a_request_knows_its_endpoint_model_and_conversation(api, key, endpoint):
    said = [{"role": "user", "content": "Hi"}]
    request = Request(api=api, body={"model": "tiny", key: said})
    assert (request.endpoint, request.model, request.messages) == (endpoint, "tiny", said)
