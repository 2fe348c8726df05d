"""A server that plays a script of replies, and both doors of the loop."""

from __future__ import annotations

import asyncio

import openai
import pytest
from model_server import ModelServer

from pytest_llm.correction import acorrect, correct


class Played(ModelServer):
    """Answers with one reply after the other; the last one for ever."""

    def play(self, *replies):
        self.requests.clear()
        self.headers.clear()
        self.script = lambda _body, number: replies[min(number, len(replies)) - 1]
        return self

    @property
    def conversations(self):
        return [body.get("messages", body.get("input")) for body in self.requests]


@pytest.fixture(scope="module")
def server():
    with Played().running() as running:
        yield running


@pytest.fixture(scope="module", params=["correct", "acorrect"])
def run(request, server):
    """`run(prompt, inputs, **options)` through either door; one HTTP client for all, since making one takes long."""
    if request.param == "correct":
        with openai.OpenAI(api_key="none", base_url=server.url) as client:
            yield lambda prompt, inputs=None, **options: correct(prompt, inputs or {}, client=client, **options)
    else:
        with asyncio.Runner() as runner:
            client = openai.AsyncOpenAI(api_key="none", base_url=server.url)
            yield lambda prompt, inputs=None, **options: runner.run(
                acorrect(prompt, inputs or {}, client=client, **options)
            )
            runner.run(client.close())
