"""Prompts: the five kinds, their requests, their versions, and what is refused."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from pytest_llm import Message, Prompt
from pytest_llm.calls.transport import Reply
from pytest_llm.errors import PromptError
from pytest_llm.prompts import run


class Order(BaseModel):
    item: str
    quantity: int


def prompt(**changes):
    return Prompt(**{"name": "p", "model": "tiny", "user": "{{ email }}", **changes})


def sent(request):
    return [(message["role"], message["content"]) for message in request.messages]


def answered(one, *texts, **inputs):
    """The response to scripted replies, and the requests that got them."""
    requests = []

    def send(request):
        requests.append(request)
        message = {"role": "assistant", "content": texts[len(requests) - 1]}
        usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
        return Reply(data={"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}, latency=0.5)

    return run(one.conversation(inputs), send), requests


# -- the five kinds ---------------------------------------------------------------------------------------------


def test_instruction_one_message_says_what_to_do():
    response, [request] = answered(prompt(user="Summarise: {{ email }}"), "Short.", email="Long.")
    assert sent(request) == [("user", "Summarise: Long.")]
    assert response.text == response.value == "Short."
    assert response.valid is None


def test_zero_shot_rules_schema_and_no_example():
    one = prompt(system="Extract the order.", schema=Order, temperature=0)
    response, [request] = answered(one, '{"item": "cups", "quantity": 2}', email="two cups")
    assert sent(request) == [("system", "Extract the order."), ("user", "two cups")]
    assert request.body["temperature"] == 0
    assert response.value == Order(item="cups", quantity=2)


def test_few_shot_examples_are_earlier_turns():
    examples = [({"email": "one cup"}, Order(item="cup", quantity=1)), ({"email": "a hat"}, {"item": "hät"})]
    one = prompt(system="Extract.", user="Mail: {{ email }}", examples=examples)
    assert sent(one.render(email="two cups")) == [
        ("system", "Extract."),
        ("user", "Mail: one cup"),
        ("assistant", '{"item": "cup", "quantity": 1}'),
        ("user", "Mail: a hat"),
        ("assistant", '{"item": "hät"}'),
        ("user", "Mail: two cups"),
    ]


def test_chain_of_thought_keeps_reasoning_apart_from_the_answer():
    one = prompt(system="Think step by step.", answer_after="Answer:", schema=Order)
    said = 'Answer: comes after thinking. two -> 2\nAnswer: {"item": "cups", "quantity": 2}'
    response, _ = answered(one, said, email="two cups")
    assert response.reasoning == "Answer: comes after thinking. two -> 2"
    assert response.text == '{"item": "cups", "quantity": 2}'
    assert response.valid
    assert response.messages[-1].content == said  # what goes on in a dialogue is what was said


def test_chain_of_thought_without_the_mark_is_judged_as_a_whole():
    response, _ = answered(prompt(answer_after="Answer:", schema=Order), "I think two cups.", email="two cups")
    assert response.reasoning is None
    assert not response.valid


def test_dialogue_asks_at_every_open_turn():
    one = prompt(
        user=None,
        messages=[
            {"role": "system", "content": "Extract."},
            Message("user", "{{ email }}"),
            Message("assistant"),
            Message("user", "{{ count }}, please."),
        ],
    )
    response, requests = answered(one, "How many?", "12 cups", email="cups", count=12)
    assert [sent(request) for request in requests] == [
        [("system", "Extract."), ("user", "cups")],
        [("system", "Extract."), ("user", "cups"), ("assistant", "How many?"), ("user", "12, please.")],
    ]
    assert response.text == "12 cups"
    assert [message.content for message in response.messages][-1] == "12 cups"
    assert (response.usage.total_tokens, response.latency) == (24, 1.0)


def test_an_open_turn_at_the_end_is_the_turn_that_is_asked_anyway():
    one = prompt(user=None, messages=[Message("user", "{{ email }}"), Message("assistant")])
    _, requests = answered(one, "yes", email="x")
    assert len(requests) == 1


# -- requests ---------------------------------------------------------------------------------------------------


def test_the_responses_api_has_its_own_names():
    one = prompt(api="responses", schema=Order, send_schema=True, max_output_tokens=9)
    body = one.render(email="x").body
    assert body["input"] == [{"role": "user", "content": "x"}]
    assert body["text"]["format"]["name"] == "p"
    assert one.render(email="x").endpoint == "responses"


def test_the_schema_goes_to_the_endpoint_only_when_asked():
    assert "response_format" not in prompt(schema=Order).render(email="x").body
    sent_schema = prompt(schema=Order, send_schema=True).render(email="x").body["response_format"]
    assert sent_schema["json_schema"]["schema"]["required"] == ["item", "quantity"]
    with pytest.raises(PromptError, match="send_schema"):
        prompt(schema=re.compile("x"), send_schema=True).render(email="x")


def test_parts_of_a_message_are_templates_too():
    parts = [{"type": "text", "text": "{{ email }}"}, {"type": "image_url", "image_url": {"url": "{{ image }}"}}]
    one = prompt(user=None, messages=[Message("user", parts)])
    assert one.variables == {"email", "image"}
    assert one.render(email="x", image="data:y").messages[0]["content"] == [
        {"type": "text", "text": "x"},
        {"type": "image_url", "image_url": {"url": "data:y"}},
    ]


def test_tojson_shows_the_model_what_is_there():
    assert prompt(user="{{ email | tojson }}").render(email="<é>").messages[0]["content"] == '"<é>"'


def test_the_sandbox_refuses_what_a_template_must_not_reach():
    with pytest.raises(PromptError, match="cannot be rendered"):
        prompt(user="{{ ''.__class__.__mro__ }}").render()


def test_a_seed_of_its_own_for_every_case_and_sample():
    one = prompt(seed="sample")
    seeds = {next(one.conversation({"email": mail}, sample=n)).body["seed"] for mail in "ab" for n in (1, 2)}
    assert len(seeds) == 4
    assert all(isinstance(seed, int) for seed in seeds)
    assert prompt(seed=7).render(email="a").body["seed"] == 7


def test_tools_and_their_results_are_part_of_the_conversation():
    call = {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": "{}"}}
    one = prompt(
        user=None,
        messages=[
            Message("user", "{{ email }}", name="ann"),
            Message("assistant", tool_calls=(call,)),
            Message("tool", "{{ count }}", tool_call_id="c1"),
        ],
        tools=[{"type": "function", "function": {"name": "stock"}}],
    )
    assert one.variables == {"email", "count"}
    assert one.render(email="x", count=12).body == {
        "model": "tiny",
        "messages": [
            {"role": "user", "content": "x", "name": "ann"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "12", "tool_call_id": "c1"},
        ],
        "tools": [{"type": "function", "function": {"name": "stock"}}],
    }


# -- versions ---------------------------------------------------------------------------------------------------

CHANGES = [
    {"model": "other"},
    {"user": "Mail: {{ email }}"},
    {"system": "Be brief."},
    {"examples": [({"email": "a"}, "b")]},
    {"schema": Order},
    {"send_schema": True},
    {"leniency": "strict"},
    {"answer_after": "Answer:"},
    {"tools": [{"type": "function"}]},
    {"api": "responses"},
    {"temperature": 0.1},
]


def test_the_version_changes_with_everything_that_affects_the_call():
    versions = [prompt().version, *(prompt(**change).version for change in CHANGES)]
    assert len(set(versions)) == len(versions)
    assert all(re.fullmatch("[0-9a-f]{12}", version) for version in versions)


@pytest.mark.parametrize("change", [{"name": "q"}, {"base_url": "http://x.invalid"}, {"api_key_env": "X_KEY"}])
def test_the_version_ignores_what_does_not(change):
    assert prompt(**change).version == prompt().version


def test_the_version_is_the_same_tomorrow():
    """Frozen: a baseline may hold it."""
    assert prompt(system="Extract.", temperature=0.7).version == "a2f9551b9e4a"


# -- replace ----------------------------------------------------------------------------------------------------


def test_replace_changes_fields_texts_and_parameters():
    one = prompt(system="A", temperature=0.7)
    assert one.replace(model="m", temperature=None, top_p=1).parameters == {"top_p": 1}
    assert sent(one.replace(system="B").render(email="x")) == [("system", "B"), ("user", "x")]
    assert one.replace(user="{{ other }}").variables == {"other"}
    with pytest.raises(PromptError, match="dialogue"):
        prompt(user=None, messages=[Message("user", "a"), Message("user", "b")]).replace(system="x")


# -- refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"user": None}, "either system=/user= or messages="),
        ({"messages": [Message("user", "x")]}, "either system=/user= or messages="),
        ({"user": None, "system": "x"}, "needs a user message"),
        ({"api": "chats"}, "api='chats' is no API"),
        ({"leniency": "lax"}, "leniency='lax'"),
        ({"stream": True}, "stream= is not for a declared prompt"),
        ({"n": 3}, "--llm-samples"),
        ({"tools": ["save"]}, "a tool is a dict as the endpoint takes it, not 'save'"),
        ({"max_token": 3}, "nearly max_tokens="),
        ({"schemas": 1}, "nearly schema="),
        ({"user": None, "messages": [3]}, "a message cannot be int 3"),
        ({"user": None, "messages": [{"content": "x"}]}, "without a role"),
        ({"user": None, "messages": [{"role": "boss", "content": "x"}]}, "'boss' is not a role"),
        ({"user": None, "messages": [{"role": "user"}]}, "a user message without content"),
        ({"user": None, "messages": [{"role": "user", "text": "x"}]}, "no key 'text'"),
    ],
)
def test_a_prompt_that_cannot_be_meant_is_refused(change, said):
    with pytest.raises(PromptError, match=re.escape(said)):
        prompt(**change)


def test_an_unknown_variable_names_the_inputs_that_there_are():
    with pytest.raises(PromptError, match="'email' is undefined") as caught:
        prompt().render(mail="x", notes=[])
    assert "input 'mail'" in str(caught.value)


def test_a_template_that_cannot_be_read_names_its_line():
    with pytest.raises(PromptError, match="line 2 of"):
        prompt(user="a\n{% if %}").render(email="x")


# -- prompt files -----------------------------------------------------------------------------------------------

FILE = """---
name: extract
model: tiny
temperature: 0.7
schema:
  type: object
---
--- system
Extract.

Be brief.
--- user
{{ email }}
--- assistant

--- user
Thanks.
"""


def test_a_prompt_file_is_the_same_prompt(tmp_path):
    (tmp_path / "extract.prompt.md").write_text(FILE)
    one = Prompt.load(tmp_path / "extract.prompt.md", top_p=1)
    other = Prompt(
        name="extract",
        model="tiny",
        messages=[
            Message("system", "Extract.\n\nBe brief."),
            Message("user", "{{ email }}"),
            Message("assistant"),
            Message("user", "Thanks."),
        ],
        schema={"type": "object"},
        temperature=0.7,
        top_p=1,
    )
    assert one == other
    assert one.version == other.version


def test_a_prompt_file_without_sections_is_a_user_message(tmp_path):
    (tmp_path / "p.md").write_text("---\nname: p\nmodel: tiny\nschema: s.json\n---\nHello {{ name }}\n")
    (tmp_path / "s.json").write_text('{"type": "object"}')
    one = Prompt.load(tmp_path / "p.md")
    assert one.messages == (Message("user", "Hello {{ name }}"),)
    assert one.schema == {"type": "object"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "p.md:1"),
        ("---\nname: [\n---\nx", "p.md:3"),
        ("---\n---\nx", "holds no keys"),
        ("---\nname: p\n---\nx", "has no model"),
        ("---\nname: p\nmodel: m\nuser: x\n---\nx", "user belongs into the body"),
        ("---\nname: p\nmodel: m\n---\nx\n--- user\ny", "text before the first section"),
        ("---\nname: p\nmodel: m\n---\n--- boss\ny", "'boss' is not a role"),
        ("---\nname: p\nmodel: m\nschema: none.json\n---\ny", "'none.json' cannot be read"),
    ],
)
def test_a_prompt_file_that_cannot_be_read_says_where(tmp_path, text, said):
    (tmp_path / "p.md").write_text(text)
    with pytest.raises(PromptError, match=re.escape(said)):
        Prompt.load(tmp_path / "p.md")


def test_a_prompt_file_that_is_not_there(tmp_path):
    with pytest.raises(PromptError, match="cannot be read"):
        Prompt.load(tmp_path / "none.md")


# -- odd things -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["examples: 3", "examples: [3]", "tools: 3", "3: x", "api: [chat]", "temperature: 2025-13-45", "temperature: 0b_"],
)
def test_front_matter_of_another_shape_is_refused(tmp_path, line):
    (tmp_path / "p.md").write_text(f"---\nname: p\nmodel: m\n{line}\n---\nx")
    with pytest.raises(PromptError):
        Prompt.load(tmp_path / "p.md")


def test_an_empty_mark_before_the_answer_is_refused():
    with pytest.raises(PromptError):
        answered(prompt(answer_after=""), "x", email="x")


@pytest.mark.parametrize("user", ["{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "{{" + "(" * 3000])
def test_a_template_without_an_end_is_refused(user):
    with pytest.raises(PromptError):
        prompt(user=user).render()


def test_a_system_message_can_be_left_out():
    assert sent(prompt(system="A").replace(system=None).render(email="x")) == [("user", "x")]
    assert prompt().replace(system=None) == prompt()


def test_texts_and_messages_cannot_be_replaced_at_once():
    with pytest.raises(PromptError, match="either system=/user= or messages="):
        prompt().replace(user="a", messages=[Message("user", "b")])


@pytest.mark.parametrize("line", ["x: " + "[" * 500])
def test_front_matter_that_is_nested_too_deep_is_refused(tmp_path, line):
    (tmp_path / "p.md").write_text(f"---\nname: p\nmodel: m\n{line}\n---\nx")
    with pytest.raises(PromptError):
        Prompt.load(tmp_path / "p.md")


def test_replacing_the_system_message_leaves_the_user_message_as_it_is():
    one = prompt(user=None, messages=[Message("user", "x", name="ann")])
    assert one.replace(system="s").messages[-1] == Message("user", "x", name="ann")
    assert one.replace(user="y").messages == (Message("user", "y", name="ann"),)


def test_a_deployment_is_part_of_the_version_and_of_the_request():
    bare = Prompt(name="p", model="m", user="{{ q }}")
    deployed = bare.replace(deployment="gpt-4o-eu")
    assert deployed.version != bare.version
    assert deployed.replace(deployment=None).version == bare.version
    assert deployed.render(q="x").path == "/deployments/gpt-4o-eu"
    with pytest.raises(PromptError, match="is not the name of a deployment"):
        bare.replace(deployment=" ")
