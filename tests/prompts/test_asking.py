"""Asking by a prompt itself: of its own endpoint or a client that is given, blocking or not, turn by turn."""

from __future__ import annotations

import asyncio
import contextlib

import openai
import pytest

from pytest_llm import Message, Prompt
from pytest_llm.calls import endpoint
from pytest_llm.calls.endpoint import Endpoint, async_client_for, client_for
from pytest_llm.calls.transport import Reply
from pytest_llm.errors import CallFailed, EndpointError, PromptError
from pytest_llm.prompts import sending

DIALOGUE = Prompt(
    name="p",
    model="tiny",
    messages=[Message("user", "{{ email }}"), Message("assistant"), Message("user", "Sure?")],
)


def echo(body, number):
    return f"{number}: {body['messages'][-1]['content']}"


def blocking(one, client=None, **inputs):
    return one.ask(client, **inputs)


def awaited(one, client=None, **inputs):
    return asyncio.run(one.aask(client, **inputs))


@pytest.fixture(params=[blocking, awaited])
def ask(request, monkeypatch):
    """`ask(prompt, **inputs)`."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    return request.param


def test_a_prompt_asks_its_own_endpoint_at_every_open_turn(ask, serve):
    server = serve(echo)
    found = ask(DIALOGUE.replace(base_url=server.url), email="12 cups")
    assert found.text == "2: Sure?"
    assert [message.content for message in found.messages] == ["12 cups", "1: 12 cups", "Sure?", "2: Sure?"]
    assert [len(request["messages"]) for request in server.requests] == [1, 3]
    assert found.latency > 0


def test_without_an_endpoint_of_its_own_the_environments_is_asked(ask, serve, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", serve(echo).url)
    assert ask(DIALOGUE, email="x").text == "2: Sure?"


def test_the_key_is_that_of_the_variable_it_names(ask, serve, monkeypatch):
    monkeypatch.setenv("MY_KEY", "abc")
    server = serve(echo)
    ask(DIALOGUE.replace(base_url=server.url, api_key_env="MY_KEY"), email="x")
    assert {headers["authorization"] for headers in server.headers} == {"Bearer abc"}


def test_without_a_key_nothing_is_asked(ask, serve, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EndpointError, match="OPENAI_API_KEY is not set"):
        ask(DIALOGUE.replace(base_url="http://models.invalid/v1"), email="x")
    server = serve(echo)
    assert ask(DIALOGUE.replace(base_url=server.url), email="x").text  # on this machine, none is needed


def test_an_error_of_the_endpoint_is_told(ask, serve):
    server = serve(lambda body, number: (400, {"error": {"message": "too long"}}) if number == 2 else "x")
    with pytest.raises(CallFailed, match="answered 400: 'too long'"):
        ask(DIALOGUE.replace(base_url=server.url), email="x")
    assert len(server.requests) == 2


def test_a_client_that_is_given_is_used_and_left_open(serve):
    server = serve(echo)
    elsewhere = DIALOGUE.replace(base_url="http://127.0.0.1:9/v1")
    with openai.OpenAI(base_url=server.url, api_key="none") as client:
        assert [elsewhere.ask(client, email="x").text for _ in range(2)] == ["2: Sure?", "4: Sure?"]

    async def asked():
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none") as client:
            return [(await elsewhere.aask(client, email="x")).text for _ in range(2)]

    assert asyncio.run(asked()) == ["6: Sure?", "8: Sure?"]


@pytest.mark.parametrize("says", ["x", (400, {})])
def test_an_asynchronous_client_of_its_own_is_closed_whatever_came(serve, monkeypatch, says):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    made = []
    monkeypatch.setattr(endpoint, "async_client_for", lambda of: made.append(async_client_for(of)) or made[-1])
    with pytest.raises(CallFailed) if says != "x" else contextlib.nullcontext():
        asyncio.run(DIALOGUE.replace(base_url=serve(lambda *_: says).url).aask(email="x"))
    assert [client.is_closed() for client in made] == [True]


def test_an_asynchronous_client_of_its_own_is_closed_where_the_prompt_cannot_be_rendered(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    made = []
    monkeypatch.setattr(endpoint, "async_client_for", lambda of: made.append(async_client_for(of)) or made[-1])
    with pytest.raises(PromptError, match="'email' is undefined"):
        asyncio.run(DIALOGUE.aask())
    assert all(client.is_closed() for client in made)


def test_the_blocking_client_is_kept_for_the_next_call(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    server = serve(echo)
    DIALOGUE.replace(base_url=server.url).ask(email="x")
    client_for(Endpoint(base_url=server.url)).close()
    with pytest.raises(RuntimeError, match="the client has been closed"):
        DIALOGUE.replace(base_url=server.url).ask(email="x")


def test_where_a_test_says_how_it_is_sent_so_but_not_past_a_client_that_is_given(ask, serve):
    sent = []

    def send(prompt, request):
        sent.append((prompt.name, request.messages[-1]["content"]))
        return Reply(data={"choices": [{"message": {"content": "graded"}}]}, latency=None)

    with sending(send):
        assert ask(DIALOGUE, email="x").text == "graded"
        with openai.OpenAI(base_url=serve(echo).url, api_key="none") as client:
            assert DIALOGUE.ask(client, email="x").text == "2: Sure?"
    assert sent == [("p", "x"), ("p", "Sure?")]
