"""Which endpoint and which key: the table of endpoint.py, row by row."""

from __future__ import annotations

import asyncio

import pytest

from pytest_llm.calls.endpoint import Endpoint, async_client_for, client_for
from pytest_llm.errors import EndpointError


@pytest.mark.parametrize(
    ("prompt", "default", "environment", "address"),
    [
        ("http://a/v1", "http://b/v1", "http://c/v1", "http://a/v1"),
        (None, "http://b/v1", "http://c/v1", "http://b/v1"),
        (None, None, "https://c/v1", "https://c/v1"),
        (None, None, "", None),
        (None, None, None, None),
        ("", "", None, None),
    ],
)
def test_the_address_is_the_first_of_prompt_ini_and_environment(monkeypatch, prompt, default, environment, address):
    if environment is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", environment)
    assert Endpoint.of(prompt, None, default) == Endpoint(base_url=address)


def test_an_address_without_its_scheme_is_refused():
    with pytest.raises(EndpointError) as caught:
        Endpoint.of("127.0.0.1:8080/v1", None)
    assert str(caught.value) == (
        "'127.0.0.1:8080/v1' is no address of an endpoint\n  write       http://127.0.0.1:8080/v1"
    )


def test_an_address_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a")
    with pytest.raises(EndpointError):
        client_for(Endpoint.of("http://127.0.0.1:port/v1", None))


@pytest.mark.parametrize(
    ("named", "environment", "key"),
    [
        (None, {"OPENAI_API_KEY": "a"}, "a"),
        ("MY_KEY", {"OPENAI_API_KEY": "a", "MY_KEY": "b"}, "b"),
        ("MY_KEY", {"OPENAI_API_KEY": "a"}, "a"),
        ("MY_KEY", {"OPENAI_API_KEY": "a", "MY_KEY": ""}, "a"),
        (None, {"MY_KEY": "b"}, None),
        (None, {"OPENAI_API_KEY": ""}, None),
        ("MY_KEY", {}, None),
    ],
)
def test_the_key_is_that_of_the_named_variable_then_openais(monkeypatch, named, environment, key):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    endpoint = Endpoint(api_key_env=named)
    assert endpoint.has_key == (key is not None)
    if key is None:
        with pytest.raises(EndpointError, match="asking a model needs a key"):
            endpoint.key()
    else:
        assert endpoint.key() == key


LOCAL = "  or, local   a server that wants none: OPENAI_BASE_URL=http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        (
            Endpoint(),
            (
                "asking a model needs a key: OPENAI_API_KEY is not set\n  where       OpenAI's endpoint\n"
                f"  set         OPENAI_API_KEY=<your key>\n{LOCAL}"
            ),
        ),
        (
            Endpoint(base_url="http://a/v1", api_key_env="MY_KEY"),
            (
                "asking a model needs a key: neither MY_KEY nor OPENAI_API_KEY is set\n  where       http://a/v1\n"
                f"  set         MY_KEY=<your key>\n{LOCAL}"
            ),
        ),
    ],
)
def test_a_missing_key_says_where_it_was_looked_for_and_what_to_set(endpoint, told):
    with pytest.raises(EndpointError) as caught:
        client_for(endpoint)
    assert str(caught.value) == told


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080/v1", "http://localhost/v1", "http://[::1]:1/v1"])
def test_a_server_on_this_machine_needs_no_key_and_gets_one_that_is_set(monkeypatch, address):
    endpoint = Endpoint(base_url=address, api_key_env="MY_KEY")
    assert endpoint.has_key
    assert endpoint.key() == "none"
    monkeypatch.setenv("MY_KEY", "b")
    assert endpoint.key() == "b"


def test_a_client_is_made_once_for_an_address_and_a_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a")
    monkeypatch.setenv("OTHER_KEY", "b")
    one = client_for(Endpoint(base_url="http://127.0.0.1:9/v1"))
    assert (str(one.base_url), one.api_key, one.max_retries) == ("http://127.0.0.1:9/v1/", "a", 0)
    assert client_for(Endpoint(base_url="http://127.0.0.1:9/v1")) is one
    assert client_for(Endpoint(base_url="http://127.0.0.1:9/v1", api_key_env="OTHER_KEY")).api_key == "b"
    monkeypatch.setenv("OPENAI_API_KEY", "c")
    assert client_for(Endpoint(base_url="http://127.0.0.1:9/v1")).api_key == "c"


def test_asynchronous_clients_are_not_shared_between_event_loops(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a")

    async def made():
        async with async_client_for(Endpoint(base_url="http://127.0.0.1:9/v1")) as client:
            return client, str(client.base_url), client.api_key, client.max_retries

    one, *settings = asyncio.run(made())
    other, *_ = asyncio.run(made())
    assert one is not other
    assert settings == ["http://127.0.0.1:9/v1/", "a", 0]
