"""Many requests at once, from threads and tasks: every one is recorded, and the right one replayed."""

from __future__ import annotations

import pytest
from model_server import ModelServer

HEAD = """
import asyncio, concurrent.futures, pytest
from openai_app import *

def in_threads(ask, texts):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, texts))
"""
APP = """
import asyncio, openai, requests
chat = URL + "/chat/completions"
messages = lambda text: [{"role": "user", "content": text}]
client = openai.OpenAI(base_url=URL, api_key="none", max_retries=0)

def by_openai(text):
    return client.chat.completions.create(model="tiny", messages=messages(text)).choices[0].message.content

def by_requests(text):
    reply = requests.post(chat, json={"model": "tiny", "messages": messages(text)})
    return reply.json()["choices"][0]["message"]["content"]

async def gathered(texts):
    async with openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=0) as client:
        async def ask(text):
            reply = await client.chat.completions.create(model="tiny", messages=messages(text))
            return reply.choices[0].message.content
        return await asyncio.gather(*map(ask, texts))
"""
DISTINCT = """
texts = [f"number {n}." for n in range(48)]

@pytest.mark.llm
@pytest.mark.parametrize("ask", [by_openai, by_requests])
def test_threads(ask):
    answers = in_threads(ask, texts)
    assert all(answer.endswith(text) for answer, text in zip(answers, texts, strict=True))

@pytest.mark.llm
async def test_tasks():
    answers = await gathered(texts := [f"number {n}." for n in range(50)])
    assert all(answer.endswith(text) for answer, text in zip(answers, texts, strict=True))
"""
EQUAL = """
@pytest.mark.llm
@pytest.mark.parametrize("ask", [by_openai, by_requests])
def test_threads(ask):
    print("SAID", sorted(in_threads(ask, ["same"] * 48)))

@pytest.mark.llm
async def test_tasks():
    print("SAID", sorted(await gathered(["same"] * 50)))
"""


def stored(project):
    """How many replies are in the cassettes."""
    return sum(text.count("status: 200") for text in project.cassettes().values())


def said(result):
    return [line.split("SAID ")[1] for line in result.stdout.lines if "SAID " in line]


@pytest.mark.parametrize("tests", [DISTINCT, EQUAL], ids=["distinct", "equal"])
def test_all_of_them_are_recorded_and_each_is_replayed_once(project, tests):
    """Equal requests get each recorded reply once; which thread gets which is chance, as it was when they were asked."""
    with ModelServer().running() as server:
        project.write("openai_app.py", f"URL = {server.url!r}\n" + APP)
        project.write("test_it.py", HEAD + tests)
        recorded = project.record("-s")
    recorded.assert_outcomes(passed=3)
    assert len(server.requests) == stored(project) == 48 + 48 + 50
    again = project.run("-s")
    again.assert_outcomes(passed=3)
    again.stdout.fnmatch_lines(["146 exchanges replayed, nothing asked*"])
    assert said(again) == said(recorded)
    assert all(len(set(eval(line))) in (48, 50) for line in said(again))
