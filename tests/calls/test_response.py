"""Responses: whatever an endpoint writes is read without an exception, and what is not known stays unknown."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llm import Message
from pytest_llm.calls import Response, ToolCall, Usage, add_known, api_of, read_reply
from pytest_llm.errors import SchemaMismatch
from pytest_llm.schemas import Issue, Report, validator_for

# -- usage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "usage"),
    [
        (
            {
                "prompt_tokens": 11,
                "completion_tokens": 7,
                "total_tokens": 18,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(prompt_tokens=11, completion_tokens=7, total_tokens=18, cached_tokens=4, reasoning_tokens=3),
        ),
        (
            {
                "input_tokens": 5,
                "output_tokens": 3,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(prompt_tokens=5, completion_tokens=3, total_tokens=8, cached_tokens=0, reasoning_tokens=2),
        ),
        ({"prompt_tokens": 9, "total_tokens": 9}, Usage(prompt_tokens=9, total_tokens=9)),  # embeddings
        (  # Anthropic's input_tokens are without those of the cache
            {
                "input_tokens": 9,
                "output_tokens": 8,
                "cache_read_input_tokens": 17102,
                "cache_creation_input_tokens": 100,
            },
            Usage(prompt_tokens=17211, completion_tokens=8, total_tokens=17219, cached_tokens=17102),
        ),
        (
            {"input_tokens": 9, "cache_read_input_tokens": None, "cache_creation_input_tokens": None},
            Usage(prompt_tokens=9),
        ),
        ({"cache_read_input_tokens": 5, "output_tokens": 3}, Usage(completion_tokens=3, cached_tokens=5)),
        (  # a proxy that tells Anthropic's numbers beside a prompt that has them in it
            {"prompt_tokens": 20, "cache_read_input_tokens": 5, "prompt_tokens_details": {"cached_tokens": 5}},
            Usage(prompt_tokens=20, cached_tokens=5),
        ),
        ({"prompt_tokens": 9}, Usage(prompt_tokens=9)),
        ({"completion_tokens": 9}, Usage(completion_tokens=9)),
        ({"prompt_tokens": "9", "completion_tokens": 1.5, "prompt_tokens_details": [1]}, Usage()),
        ({"prompt_tokens": None, "input_tokens": 5}, Usage(prompt_tokens=5)),
        ({}, Usage()),
        (None, Usage()),
        ([], Usage()),
        ("18", Usage()),
    ],
)
def test_usage_is_read_from_every_api_and_unknown_is_none_never_zero(data, usage):
    assert Usage.of(data) == usage


def test_a_sum_with_an_unknown_part_is_unknown_in_that_field_alone():
    parts = [Usage(prompt_tokens=1, completion_tokens=2), Usage(prompt_tokens=10), Usage(prompt_tokens=100)]
    assert Usage.sum(parts) == Usage(prompt_tokens=111)
    assert Usage.sum([]) == Usage()


@pytest.mark.parametrize(("numbers", "total"), [([1, 2], 3), ([0.5], 0.5), ([0, 0], 0), ([1, None], None), ([], None)])
def test_add_known(numbers, total):
    assert add_known(numbers) == total


# -- chat completions -------------------------------------------------------------------------------------------


def chat(message=None, **choice):
    return read_reply("chat", {"choices": [{"message": message, **choice}]})


def test_a_chat_completion_is_read_as_a_whole():
    data = {
        "model": "tiny-2026",
        "choices": [{"message": {"role": "assistant", "content": "12 cups"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    asked = Message("user", "How many?")
    assert read_reply("chat", data, sent=[asked], latency=0.5) == Response(
        text="12 cups",
        finish_reason="length",
        model="tiny-2026",
        usage=Usage(prompt_tokens=11, completion_tokens=7, total_tokens=18),
        latency=0.5,
        messages=(asked, Message("assistant", "12 cups")),
        raw=data,
    )


def test_only_the_first_choice_is_read():
    choices = [{"message": {"content": text}, "finish_reason": text} for text in ("one", "two")]
    found = read_reply("chat", {"choices": choices})
    assert (found.text, found.finish_reason) == ("one", "one")


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"reasoning_content": "hm"}, "hm"),
        ({"reasoning": "hm"}, "hm"),
        ({"reasoning_content": "first", "reasoning": "second"}, "first"),
        ({"reasoning_content": "", "reasoning": "hm"}, "hm"),
        ({"reasoning": {"effort": "high"}}, None),
        ({}, None),
    ],
)
def test_reasoning_in_a_field_of_its_own(message, reasoning):
    assert chat({"content": "12", **message}).reasoning == reasoning


def test_a_refusal_has_no_text():
    found = chat({"content": None, "refusal": "I cannot help with that."})
    assert (found.text, found.refusal) == ("", "I cannot help with that.")


def function(name="stock", arguments="{}", **more):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


@pytest.mark.parametrize(
    ("call", "read"),
    [
        (
            function("stock", '{"item": "oak"}', id="c1"),
            ToolCall(name="stock", arguments={"item": "oak"}, arguments_text='{"item": "oak"}', id="c1"),
        ),
        (function(arguments='{"item": '), ToolCall(name="stock", arguments=None, arguments_text='{"item": ')),
        (function(arguments="[1]"), ToolCall(name="stock", arguments=[1], arguments_text="[1]")),
        (function(arguments=""), ToolCall(name="stock", arguments=None, arguments_text="")),
        (function(arguments={"item": 1}), ToolCall(name="stock", arguments=None, arguments_text="")),
        (function(name=None, id=7), ToolCall(name="", arguments={}, arguments_text="{}")),
        ({"function": "stock"}, ToolCall(name="", arguments=None, arguments_text="")),
        ("stock", ToolCall(name="", arguments=None, arguments_text="")),
    ],
)
def test_a_tool_call_is_kept_as_it_was_written_and_parsed_where_it_can_be(call, read):
    found = chat({"content": None, "tool_calls": [call]}, finish_reason="tool_calls")
    assert found.tool_calls == (read,)
    assert found.messages[-1].tool_calls == (call,)
    assert found.finish_reason == "tool_calls"


def test_arguments_nested_too_deep_are_not_parsed():
    assert chat({"tool_calls": [function(arguments="[" * 100_000)]}).tool_calls[0].arguments is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "12 "}, {"type": "text", "text": "cups"}], "12 cups"),
        ([{"type": "image_url", "image_url": {}}, {"type": "text", "text": 3}, "x"], ""),
        ([], ""),
        ({"text": "x"}, ""),
    ],
)
def test_content_in_parts_is_their_text(content, text):
    assert chat({"content": content}).text == text


def test_a_completion_of_the_older_api_is_read():
    found = read_reply("chat", {"choices": [{"text": "12 cups", "finish_reason": "length"}]})
    assert (found.text, found.finish_reason) == ("12 cups", "length")


# -- the Responses API ------------------------------------------------------------------------------------------


def test_a_response_of_the_responses_api_is_read_as_a_whole():
    data = {
        "status": "completed",
        "model": "tiny-2026",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in ("two", " cups")]},
            {"type": "message", "content": [{"type": "output_text", "text": "12 "}, {"type": "output_audio"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "cups"}]},
            {"type": "web_search_call"},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8},
    }
    assert read_reply("responses", data) == Response(
        text="12 cups",
        reasoning="two cups",
        finish_reason="stop",
        model="tiny-2026",
        usage=Usage(prompt_tokens=5, completion_tokens=3, total_tokens=8),
        messages=(Message("assistant", "12 cups"),),
        raw=data,
    )


def test_tool_calls_and_refusals_of_the_responses_api_are_those_of_chat():
    call = {"type": "function_call", "call_id": "c1", "name": "stock", "arguments": '{"item": "oak"}'}
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    found = read_reply("responses", {"status": "completed", "output": [call, refusal]})
    assert found.tool_calls == (
        ToolCall(name="stock", arguments={"item": "oak"}, arguments_text='{"item": "oak"}', id="c1"),
    )
    assert (found.text, found.refusal, found.finish_reason) == ("", "No.", "tool_calls")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": None}, None),
        ({"status": "incomplete"}, None),
        ({"status": "failed"}, "failed"),
        ({"status": "in_progress"}, None),
        ({"status": "queued"}, None),
        ({"status": 3}, None),
        ({}, None),
    ],
)
def test_the_status_becomes_a_finish_reason(data, reason):
    assert read_reply("responses", data).finish_reason == reason


# -- Anthropic's messages ---------------------------------------------------------------------------------------


def test_a_message_of_anthropic_is_read_as_a_whole():
    data = {
        "type": "message",
        "role": "assistant",
        "model": "tiny-2026",
        "content": [
            {"type": "thinking", "thinking": "two cups", "signature": "x"},
            {"type": "text", "text": "12 "},
            {"type": "server_tool_use", "name": "web_search"},
            {"type": "text", "text": "cups"},
        ],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 3},
    }
    assert read_reply("messages", data) == Response(
        text="12 cups",
        reasoning="two cups",
        finish_reason="stop",
        model="tiny-2026",
        usage=Usage(prompt_tokens=5, completion_tokens=3, total_tokens=8),
        messages=(Message("assistant", "12 cups"),),
        raw=data,
    )


def test_tool_calls_of_anthropic_are_those_of_chat():
    blocks = [
        {"type": "tool_use", "id": "t1", "name": "stock", "input": {"item": "Öl"}},
        {"type": "tool_use", "id": "t2", "name": "stock", "input": '{"item": "o'},  # cut
        {"type": "tool_use"},
    ]
    found = read_reply("messages", {"content": blocks, "stop_reason": "tool_use"})
    assert found.tool_calls == (
        ToolCall(name="stock", arguments={"item": "Öl"}, arguments_text='{"item": "Öl"}', id="t1"),
        ToolCall(name="stock", arguments=None, arguments_text='{"item": "o', id="t2"),
        ToolCall(name="", arguments=None, arguments_text="null"),
    )
    assert found.finish_reason == "tool_calls"
    assert found.messages[-1].tool_calls[0] == {
        "id": "t1",
        "type": "function",
        "function": {"name": "stock", "arguments": '{"item": "Öl"}'},
    }


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
        (None, None),
        (3, None),
    ],
)
def test_a_stop_reason_becomes_a_finish_reason(reason, told):
    details = {"type": "refusal", "explanation": "Not that."} if reason == "refusal" else None
    found = read_reply("messages", {"content": [], "stop_reason": reason, "stop_details": details})
    assert (found.finish_reason, found.refusal) == (told, "Not that." if details else None)


# -- whose reply it is, and what it cost ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "api"),
    [
        ({"choices": []}, "chat"),
        ({"choices": 3}, None),
        ({"output": [], "object": "response"}, "responses"),
        ({"output": [{"type": "message"}]}, "responses"),
        ({"output": ["an", " answer"]}, None),
        ({"output": "an answer"}, None),
        ({"type": "message", "content": []}, "messages"),
        ({"type": "message", "content": "x"}, None),
        ({"content": []}, None),
        ({"object": "list", "data": [{"embedding": [1.0]}], "model": "tiny"}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_reply_is_known_by_its_shape(data, api):
    assert api_of(data) == api


@pytest.mark.parametrize(
    ("usage", "cost"),
    [({"cost": 0.25}, 0.25), ({"cost": 0}, 0.0), ({"cost": True}, None), ({"cost": "1"}, None), ({}, None), (3, None)],
)
def test_a_cost_that_a_reply_tells_is_known(usage, cost):
    assert read_reply("chat", {"usage": usage}).cost == cost


# -- reasoning before the answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "text", "reasoning"),
    [
        ("think\nAnswer:  12 \n", "12", "think"),
        ("Answer: 3? Answer: 12", "12", "Answer: 3?"),
        ("Answer: 12", "12", ""),
        ("think Answer:", "", "think"),
        ("12", "12", "of its own"),
        ("answer: 12", "answer: 12", "of its own"),
    ],
)
def test_the_answer_is_what_follows_the_last_mark(said, text, reasoning):
    data = {"choices": [{"message": {"content": said, "reasoning": "of its own"}}]}
    found = read_reply("chat", data, answer_after="Answer:")
    assert (found.text, found.reasoning) == (text, reasoning)
    assert found.messages[-1].content == said


# -- whatever else ----------------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    ["choices", "message", "content", "tool_calls", "function", "arguments", "name", "id", "finish_reason", "refusal",
     "reasoning", "model", "usage", "prompt_tokens", "output", "type", "summary", "text", "status", "call_id",
     "input", "stop_reason", "stop_details", "thinking", "input_tokens", "cache_read_input_tokens", "cost"]
)  # fmt: skip
KINDS = st.sampled_from(["message", "reasoning", "function_call", "output_text", "incomplete", "completed"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KINDS
SHAPES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
@given(data=SHAPES, answer_after=st.sampled_from([None, "e"]))
@example(data={"choices": [{"message": {"tool_calls": [3]}}]}, answer_after=None)
@example(data={"output": 3}, answer_after=None)
@example(data={"output": [{"type": "message", "content": 3}]}, answer_after=None)
@example(data={"output": [{"type": "reasoning", "summary": 3}]}, answer_after=None)
def test_json_of_any_shape_is_read(api, data, answer_after):
    found = read_reply(api, data, answer_after=answer_after)
    assert isinstance(found.text, str)
    assert all(isinstance(call.name, str) for call in found.tool_calls)


ODD = [None, "x", [], {}, {"text": 3}, [3, None, "x", {}], [{"type": "output_text", "text": 3}]]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "shape",
    [
        lambda odd: odd,
        lambda odd: {"output": odd},
        lambda odd: {"output": [odd]},
        lambda odd: {"output": [{"type": "message", "content": odd}]},
        lambda odd: {"output": [{"type": "reasoning", "summary": odd}]},
        lambda odd: {"choices": odd},
        lambda odd: {"choices": [odd]},
        lambda odd: {"choices": [{"message": odd}]},
        lambda odd: {"content": odd, "stop_details": odd, "stop_reason": [odd]},
        lambda odd: {
            "model": odd if odd != "x" else None,
            "usage": odd,
            "status": "incomplete",
            "incomplete_details": odd,
        },
    ],
)
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_where_the_shape_is_odd_nothing_is_known(api, shape, odd):
    found = read_reply(api, shape(odd))
    assert (found.text, found.tool_calls, found.refusal, found.model) == ("", (), None, None)
    assert (found.finish_reason, found.usage) == (None, Usage())


# -- the validated value ----------------------------------------------------------------------------------------


def test_without_a_schema_the_value_is_the_text():
    found = Response(text="12")
    assert (found.value, found.valid, found.issues) == ("12", None, ())


def test_with_a_schema_the_value_is_the_validated_one():
    found = Response(text="12", report=validator_for(int)("12"))
    assert (found.value, found.valid, found.issues) == (12, True, ())


def test_the_value_of_an_invalid_output_is_an_assertion_error_that_lists_the_findings():
    issues = (
        Issue(path="/quantity", code="type", expected="an integer", got='string "three"'),
        Issue(path="", code="missing", expected="a value (the field is required)"),
    )
    found = Response(text="{}", report=Report(valid=False, issues=issues))
    assert (found.valid, found.issues) == (False, issues)
    with pytest.raises(SchemaMismatch) as caught:
        _ = found.value
    assert str(caught.value) == (
        "the output does not conform to the schema\n"
        '  /quantity: expected an integer; got string "three".\n'
        "  (whole reply): expected a value (the field is required)."
    )
    assert isinstance(caught.value, AssertionError)
