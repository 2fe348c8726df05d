"""Every HTTP client: recorded, replayed with the server gone, missed once its request changed.

A row is a client: an application that knows nothing of us, `ask(text)`, which gives what it was told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from client_trial import outcomes, said, write
from model_server import ModelServer
from sdks import CLIENTS

AT_ONCE_S = 5.0
"""A miss that an SDK takes for a broken connection is tried five times more, which takes more than 10 seconds."""

OPENAI = """
import openai
messages = lambda text: [{"role": "user", "content": f"please say {text}"}]
client = openai.OpenAI(base_url=URL, api_key="none", max_retries=5)
gives_async = lambda: openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=5)
"""
ANTHROPIC = """
import anthropic
asked = lambda text: {"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": f"please say {text}"}]}
client = anthropic.Anthropic(base_url=ROOT, api_key="none", max_retries=5)
"""
PLAIN = """
import json
chat = URL + "/chat/completions"
asked = lambda text: {"model": "tiny", "messages": [{"role": "user", "content": f"please say {text}"}]}
told = lambda reply: reply["choices"][0]["message"]["content"]
def streamed(lines):
    '''What the events say; their bytes may differ in white space, as those of any recorded JSON.'''
    events = [line if isinstance(line, str) else line.decode() for line in lines if line.strip()]
    return [event.strip() if "[DONE]" in event else json.loads(event.removeprefix("data: ")) for event in events]
"""

GROUPS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "openai": (
        OPENAI,
        {
            "openai": """
def ask(text):
    return client.chat.completions.create(model="tiny", messages=messages(text)).choices[0].message.content
""",
            "openai_stream": """
def ask(text):
    chunks = client.chat.completions.create(model="tiny", messages=messages(text), stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
""",
            "openai_stream_helper": """
def ask(text):
    with client.chat.completions.stream(model="tiny", messages=messages(text)) as stream:
        return stream.get_final_completion().choices[0].message.content
""",
            "openai_raw": """
def ask(text):
    raw = client.chat.completions.with_raw_response.create(model="tiny", messages=messages(text))
    return raw.parse().choices[0].message.content, raw.status_code, raw.headers["content-type"]
""",
            "openai_streaming_raw": """
def ask(text):
    with client.chat.completions.with_streaming_response.create(model="tiny", messages=messages(text)) as raw:
        return raw.parse().choices[0].message.content
""",
            "openai_async": """
async def ask(text):
    async with gives_async() as client:
        reply = await client.chat.completions.create(model="tiny", messages=messages(text))
    return reply.choices[0].message.content
""",
            "openai_async_stream": """
async def ask(text):
    async with gives_async() as client:
        chunks = await client.chat.completions.create(model="tiny", messages=messages(text), stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
""",
            "openai_aiohttp": """
async def ask(text):
    async with openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=5, http_client=openai.DefaultAioHttpClient()) as client:
        reply = await client.chat.completions.create(model="tiny", messages=messages(text))
    return reply.choices[0].message.content
""",
            "openai_aiohttp_stream": """
async def ask(text):
    async with openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=5, http_client=openai.DefaultAioHttpClient()) as client:
        chunks = await client.chat.completions.create(model="tiny", messages=messages(text), stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
""",
            "openai_gzip": """
def ask(text):
    zipped = client.with_options(base_url=GZIP)
    return zipped.chat.completions.create(model="tiny", messages=messages(text)).choices[0].message.content
""",
            "openai_brotli": """
def ask(text):
    pressed = client.with_options(base_url=BR)
    return pressed.chat.completions.create(model="tiny", messages=messages(text)).choices[0].message.content
""",
            "openai_busy": """
def ask(text):
    busy = client.with_options(base_url=BUSY)
    return busy.chat.completions.create(model="tiny", messages=messages(text)).choices[0].message.content
""",
            "openai_redirect": """
def ask(text):
    moved = client.with_options(base_url=REDIRECT307)
    return moved.chat.completions.create(model="tiny", messages=messages(text)).choices[0].message.content
""",
            "openai_tools": """
def ask(text):
    tool = {"name": "look_up", "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}}}
    said = messages(text)
    def reply():
        tools = [{"type": "function", "function": tool}]
        return client.chat.completions.create(model="tiny", messages=said, tools=tools).choices[0].message
    called = reply()
    [call] = called.tool_calls
    said += [called.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "found it"}]
    return call.function.name, call.function.arguments, reply().content
""",
            "openai_responses": """
def ask(text):
    return client.responses.create(model="tiny", input=f"please say {text}").output_text
""",
            "openai_responses_stream": """
def ask(text):
    with client.responses.stream(model="tiny", input=f"please say {text}") as stream:
        return stream.get_final_response().output_text
""",
            "openai_embeddings": """
def ask(text):
    return client.embeddings.create(model="tiny", input=["please say", "in numbers", text]).data[2].embedding
""",
        },
    ),
    # Paths that do not say by themselves that a model's endpoint is asked.
    "openai files": (
        OPENAI,
        {
            "openai_upload": """
def ask(text):
    file = client.files.create(file=("notes.bin", bytes(range(256)) + text.encode()), purpose="assistants")
    return file.id, file.bytes
""",
            "openai_download": """
def ask(text):
    return client.files.content("file-1", extra_query={"say": text}).content
""",
            "openai_models": """
def ask(text):
    return [model.id for model in client.models.list(extra_query={"say": text})]
""",
        },
    ),
    "anthropic": (
        ANTHROPIC,
        {
            "anthropic": """
def ask(text):
    return client.messages.create(**asked(text)).content[0].text
""",
            "anthropic_stream": """
def ask(text):
    with client.messages.stream(**asked(text)) as stream:
        return "".join(stream.text_stream)
""",
            "anthropic_async": """
async def ask(text):
    async with anthropic.AsyncAnthropic(base_url=ROOT, api_key="none", max_retries=5) as client:
        return (await client.messages.create(**asked(text))).content[0].text
""",
            "anthropic_async_stream": """
async def ask(text):
    async with anthropic.AsyncAnthropic(base_url=ROOT, api_key="none", max_retries=5) as client:
        async with client.messages.stream(**asked(text)) as stream:
            return await stream.get_final_text()
""",
            "anthropic_tools": """
def ask(text):
    tool = {"name": "look_up", "input_schema": {"type": "object", "properties": {"id": {"type": "integer"}}}}
    [block] = client.messages.create(**asked(text), tools=[tool]).content
    return block.name, block.input
""",
        },
    ),
    "plain HTTP": (
        PLAIN,
        {
            "requests": """
import requests
def ask(text):
    return told(requests.post(chat, json=asked(text)).json())
""",
            "requests_session_stream": """
import requests
session = requests.Session()
def ask(text):
    with session.post(chat, json=asked(text) | {"stream": True}, stream=True) as reply:
        return streamed(reply.iter_lines())
""",
            "requests_compressed": """
import requests
def ask(text):
    return [told(requests.post(at + "/chat/completions", json=asked(text)).json()) for at in (GZIP, BR)]
""",
            "requests_redirect": """
import requests
def ask(text):
    return told(requests.post(REDIRECT307 + "/chat/completions", json=asked(text)).json())
""",
            "requests_redirect_to_get": """
import requests
def ask(text):
    return told(requests.post(REDIRECT302 + "/chat/completions", json=asked(text)).json())
""",
            "urllib3": """
import urllib3
pool = urllib3.PoolManager()
def ask(text):
    return told(pool.request("POST", chat, json=asked(text)).json())
""",
            "urllib": """
import urllib.request
def ask(text):
    sent = urllib.request.Request(chat, json.dumps(asked(text)).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(sent) as reply:
        return told(json.load(reply))
""",
            "http_client": """
import http.client, urllib.parse
def ask(text):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(URL).netloc)
    connection.request("POST", "/v1/chat/completions", json.dumps(asked(text)), {"content-type": "application/json"})
    reply = json.load(connection.getresponse())
    connection.close()
    return told(reply)
""",
            "httpx": """
import httpx
def ask(text):
    return told(httpx.post(chat, json=asked(text)).json())
""",
            "httpx_async": """
import httpx
async def ask(text):
    async with httpx.AsyncClient() as client:
        return told((await client.post(chat, json=asked(text))).json())
""",
            "httpx_stream": """
import httpx
def ask(text):
    with httpx.stream("POST", chat, json=asked(text) | {"stream": True}) as reply:
        return streamed(reply.iter_lines())
""",
            "httpx_redirect": """
import httpx
def ask(text):
    return told(httpx.post(REDIRECT307 + "/chat/completions", json=asked(text), follow_redirects=True).json())
""",
            "httpx_redirect_to_get": """
import httpx
def ask(text):
    return told(httpx.post(REDIRECT302 + "/chat/completions", json=asked(text), follow_redirects=True).json())
""",
            "httpx2": """
import httpx2
def ask(text):
    return told(httpx2.post(chat, json=asked(text)).json())
""",
            "httpx2_async": """
import httpx2
async def ask(text):
    async with httpx2.AsyncClient() as client:
        return told((await client.post(chat, json=asked(text))).json())
""",
            "aiohttp": """
import aiohttp
async def ask(text):
    async with aiohttp.ClientSession() as session, session.post(chat, json=asked(text)) as reply:
        return told(await reply.json())
""",
            "aiohttp_stream": """
import aiohttp
async def ask(text):
    async with aiohttp.ClientSession() as session, session.post(chat, json=asked(text) | {"stream": True}) as reply:
        return streamed([line async for line in reply.content])
""",
            "aiohttp_compressed": """
import aiohttp
async def ask(text):
    replies = []
    async with aiohttp.ClientSession() as session:
        for at in (GZIP, BR):
            async with session.post(at + "/chat/completions", json=asked(text)) as reply:
                replies.append(told(await reply.json()))
    return replies
""",
            "aiohttp_redirect_to_get": """
import aiohttp
async def ask(text):
    async with aiohttp.ClientSession() as session:
        async with session.post(REDIRECT302 + "/chat/completions", json=asked(text)) as reply:
            return told(await reply.json())
""",
            "aiohttp_redirect": """
import aiohttp
async def ask(text):
    async with aiohttp.ClientSession() as session:
        async with session.post(REDIRECT307 + "/chat/completions", json=asked(text)) as reply:
            return told(await reply.json())
""",
        },
    ),
}
OTHER_ADDRESS = {"openai_download", "openai_models"}
"""What they ask for is in the address: another one is no earlier form of the same request."""

OPTIONS = {"openai files": ("-o", "llm_record_hosts=127.0.0.1")}


@pytest.mark.parametrize("group", GROUPS)
def test_is_recorded_replayed_without_the_server_and_missed_at_once(project, monkeypatch, group):
    head, apps = GROUPS[group]
    options = ("-s", "--llm-json=run.json", *OPTIONS.get(group, ()))
    run_file = project.path / "run.json"
    with ModelServer().running() as server:
        write(project.path, server, {name: head + code for name, code in apps.items()})
        recorded = project.record(*options)
    asked = len(server.requests)
    assert outcomes(run_file) == dict.fromkeys(apps, "passed")

    replayed = project.run(*options)
    assert outcomes(run_file) == dict.fromkeys(apps, "passed")
    assert said(replayed.outlines, "SAID") == said(recorded.outlines, "SAID")
    assert said(replayed.outlines, "SAID").keys() == apps.keys()

    monkeypatch.setenv("CHANGED", "goodbye")
    missed = project.run(*options)
    kinds = {name: "missing" if name in OTHER_ADDRESS else "stale" for name in apps}
    assert outcomes(run_file) == kinds
    assert said(missed.outlines, "SAID") == said(recorded.outlines, "SAID")
    took = {name: float(text) for name, text in said(missed.outlines, "TOOK").items()}
    assert took.keys() == apps.keys()
    assert not {name: seconds for name, seconds in took.items() if seconds > AT_ONCE_S}
    assert len(server.requests) == asked


def test_the_page_tells_of_every_sdk_of_the_matrix():
    page = Path(__file__).parents[2].joinpath("docs", "clients.md").read_text(encoding="utf-8")
    table = page.split("<!-- table:")[1].split("<!-- end of table -->")[0]
    assert re.findall(r"^\| (\S.*?) \| \d", table, re.MULTILINE) == list(CLIENTS)
