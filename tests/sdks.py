"""The SDKs of the matrix: what to install, and applications on them; and what their endpoints say, scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from scripted_replies import Asked, Reply, plain, words

OPENAI_APPS = {
    "plain": """
import openai
client = openai.OpenAI(base_url=URL, api_key="none")
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return client.chat.completions.create(model="tiny", messages=said).choices[0].message.content
""",
    "stream": """
import openai
client = openai.OpenAI(base_url=URL, api_key="none")
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    chunks = client.chat.completions.create(model="tiny", messages=said, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
""",
    "async": """
import openai
async def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    async with openai.AsyncOpenAI(base_url=URL, api_key="none") as client:
        return (await client.chat.completions.create(model="tiny", messages=said)).choices[0].message.content
""",
}
CLIENTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "openai 2": ("openai<3", OPENAI_APPS),
    "litellm": (
        "litellm",
        {
            "plain": """
import litellm
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return litellm.completion("openai/tiny", said, api_base=URL, api_key="none").choices[0].message.content
""",
            "anthropic": """
import litellm
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return litellm.completion("anthropic/tiny", said, api_base=ROOT, api_key="none").choices[0].message.content
""",
            "stream": """
import litellm
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    chunks = litellm.completion("openai/tiny", said, api_base=URL, api_key="none", stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
""",
            "async": """
import litellm
async def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    reply = await litellm.acompletion("openai/tiny", said, api_base=URL, api_key="none")
    return reply.choices[0].message.content
""",
        },
    ),
    "google-genai": (
        "google-genai",
        {
            "plain": """
from google import genai
client = genai.Client(api_key="none", http_options={"base_url": ROOT})
def ask(text):
    return client.models.generate_content(model="tiny", contents=f"please say {text}").text
""",
            "stream": """
from google import genai
client = genai.Client(api_key="none", http_options={"base_url": ROOT})
def ask(text):
    chunks = client.models.generate_content_stream(model="tiny", contents=f"please say {text}")
    return "".join(chunk.text for chunk in chunks)
""",
            "async": """
from google import genai
async def ask(text):
    client = genai.Client(api_key="none", http_options={"base_url": ROOT})
    return (await client.aio.models.generate_content(model="tiny", contents=f"please say {text}")).text
""",
        },
    ),
    "langchain-openai": (
        "langchain-openai",
        {
            "plain": """
from langchain_openai import ChatOpenAI
model = ChatOpenAI(model="tiny", base_url=URL, api_key="none")
def ask(text):
    return model.invoke(f"please say {text}").content
""",
            "stream": """
from langchain_openai import ChatOpenAI
model = ChatOpenAI(model="tiny", base_url=URL, api_key="none")
def ask(text):
    return "".join(chunk.content for chunk in model.stream(f"please say {text}"))
""",
            "async": """
from langchain_openai import ChatOpenAI
async def ask(text):
    model = ChatOpenAI(model="tiny", base_url=URL, api_key="none")
    return (await model.ainvoke(f"please say {text}")).content
""",
        },
    ),
    "langchain-anthropic": (
        "langchain-anthropic",
        {
            "plain": """
from langchain_anthropic import ChatAnthropic
model = ChatAnthropic(model="tiny", base_url=ROOT, api_key="none", max_tokens=9)
def ask(text):
    return model.invoke(f"please say {text}").content
""",
            "stream": """
from langchain_anthropic import ChatAnthropic
model = ChatAnthropic(model="tiny", base_url=ROOT, api_key="none", max_tokens=9)
def ask(text):
    return "".join(str(chunk.content) for chunk in model.stream(f"please say {text}"))
""",
        },
    ),
    "pydantic-ai": (
        "pydantic-ai-slim[openai]",
        {
            "plain": """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
def ask(text):
    model = OpenAIChatModel("tiny", provider=OpenAIProvider(base_url=URL, api_key="none"))
    return Agent(model).run_sync(f"please say {text}").output
""",
            "stream": """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
async def ask(text):
    model = OpenAIChatModel("tiny", provider=OpenAIProvider(base_url=URL, api_key="none"))
    async with Agent(model).run_stream(f"please say {text}") as reply:
        return "".join([piece async for piece in reply.stream_text(delta=True)])
""",
        },
    ),
    "instructor": (
        "instructor",
        {
            "plain": """
import instructor, openai, pydantic
class Order(pydantic.BaseModel):
    customer: str
    items: int
client = instructor.from_openai(openai.OpenAI(base_url=URL, api_key="none"))
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return client.chat.completions.create(model="tiny", messages=said, response_model=Order)
""",
            "stream": """
import instructor, openai, pydantic
class Order(pydantic.BaseModel):
    customer: str
    items: int
client = instructor.from_openai(openai.OpenAI(base_url=URL, api_key="none"))
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return list(client.chat.completions.create_partial(model="tiny", messages=said, response_model=Order))
""",
        },
    ),
    "mistralai": (
        "mistralai",
        {
            "plain": """
from mistralai.client import Mistral
client = Mistral(api_key="none", server_url=ROOT)
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return client.chat.complete(model="tiny", messages=said).choices[0].message.content
""",
            "stream": """
from mistralai.client import Mistral
client = Mistral(api_key="none", server_url=ROOT)
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    with client.chat.stream(model="tiny", messages=said) as events:
        return "".join(event.data.choices[0].delta.content or "" for event in events)
""",
        },
    ),
    "cohere": (
        "cohere",
        {
            "plain": """
import cohere
client = cohere.ClientV2(api_key="none", base_url=ROOT)
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return client.chat(model="tiny", messages=said).message.content[0].text
""",
            "stream": """
import cohere
client = cohere.ClientV2(api_key="none", base_url=ROOT)
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    events = client.chat_stream(model="tiny", messages=said)
    return "".join(event.delta.message.content.text for event in events if event.type == "content-delta")
""",
        },
    ),
    "groq": (
        "groq",
        {
            name: code.replace("openai.OpenAI(base_url=URL", "openai.Groq(base_url=ROOT")
            .replace("openai.AsyncOpenAI(base_url=URL", "openai.AsyncGroq(base_url=ROOT")
            .replace("import openai", "import groq as openai")
            for name, code in OPENAI_APPS.items()
        },
    ),
    "ollama": (
        "ollama",
        {
            "plain": """
import ollama
client = ollama.Client(host=ROOT)
def ask(text):
    return client.chat("tiny", [{"role": "user", "content": f"please say {text}"}]).message.content
""",
            "stream": """
import ollama
client = ollama.Client(host=ROOT)
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return "".join(part.message.content for part in client.chat("tiny", said, stream=True))
""",
        },
    ),
    "huggingface_hub": (
        "huggingface_hub",
        {
            "plain": """
from huggingface_hub import InferenceClient
client = InferenceClient(base_url=URL, api_key="none")
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return client.chat_completion(said, model="tiny").choices[0].message.content
""",
            "stream": """
from huggingface_hub import InferenceClient
client = InferenceClient(base_url=URL, api_key="none")
def ask(text):
    said = [{"role": "user", "content": f"please say {text}"}]
    return "".join(chunk.choices[0].delta.content or "" for chunk in client.chat_completion(said, model="tiny", stream=True))
""",
        },
    ),
    "boto3 (Bedrock)": (
        "boto3",
        {
            "plain": """
import boto3
client = boto3.client("bedrock-runtime", "eu-west-1", endpoint_url=ROOT, aws_access_key_id="none", aws_secret_access_key="none")
def ask(text):
    said = [{"role": "user", "content": [{"text": f"please say {text}"}]}]
    return client.converse(modelId="tiny", messages=said)["output"]["message"]["content"][0]["text"]
""",
        },
    ),
}


# -- what the scripted endpoint says to vendors' own paths ----------------------------------------------------------


def gemini(asked: Asked, text: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


def gemini_stream(asked: Asked) -> Reply:
    lines = [f"data: {json.dumps(gemini(asked, word))}\r\n\r\n" for word in words(asked.answer)]
    return Reply(content="".join(lines).encode(), kind="text/event-stream", streams=True)


def cohere(asked: Asked) -> Reply:
    if not asked.body.get("stream"):
        message = {"role": "assistant", "content": [{"type": "text", "text": asked.answer}]}
        return plain({"id": "1", "finish_reason": "COMPLETE", "message": message})
    told: list[dict[str, Any]] = [{"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant"}}}]
    told += [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}}
        for word in words(asked.answer)
    ]
    told.append({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})
    lines = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in told]
    return Reply(content="".join(lines).encode(), kind="text/event-stream", streams=True)


def ollama(asked: Asked) -> Reply:
    parts = words(asked.answer) if asked.body.get("stream") else [asked.answer]
    lines = [
        {
            "model": "tiny",
            "created_at": "2026-01-01T00:00:00Z",
            "done": n == len(parts),
            "message": {"role": "assistant", "content": part},
        }
        for n, part in enumerate(parts, 1)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return (
        Reply(content=content, kind="application/x-ndjson", streams=True)
        if asked.body.get("stream")
        else plain(lines[0])
    )


def bedrock(asked: Asked) -> Reply:
    usage = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
    message = {"role": "assistant", "content": [{"text": asked.answer}]}
    return plain(
        {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}
    )


VENDORS: Mapping[str, Callable[[Asked], Reply]] = {
    "models/tiny:generateContent": lambda asked: plain(gemini(asked, asked.answer)),
    "models/tiny:streamGenerateContent": gemini_stream,
    "/v2/chat": cohere,
    "/api/chat": ollama,
    "/model/tiny/converse": bedrock,
}
