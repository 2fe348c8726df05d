"""Letters to customers and summaries of threads, by Claude."""

import asyncio

import anthropic
import openai

from .clients import get_anthropic
from .settings import Settings

LETTER = "You write short, friendly letters for {shop}. Never promise a date."
SUMMARY = "Sum this e-mail thread up in one sentence."
TITLE = "Give this e-mail thread a title of at most five words."


def draft_letter(facts):
    """Yields the letter piece by piece, as it is written."""
    settings = Settings.from_env()
    with get_anthropic().messages.stream(
        model=settings.claude_model,
        max_tokens=400,
        system=LETTER.format(shop=settings.shop_name),
        messages=[{"role": "user", "content": f"Facts: {facts}"}],
    ) as stream:
        yield from stream.text_stream


async def summarise(thread, client):
    message = await client.messages.create(
        model=Settings.from_env().claude_model,
        max_tokens=100,
        system=SUMMARY,
        messages=[{"role": "user", "content": thread}],
    )
    return message.content[0].text


async def summarise_all(threads):
    async with anthropic.AsyncAnthropic(timeout=30) as client:
        return await asyncio.gather(*(summarise(thread, client) for thread in threads))


async def stream_title(thread):
    async with openai.AsyncOpenAI(timeout=30) as client:
        stream = await client.chat.completions.create(
            model=Settings.from_env().chat_model,
            stream=True,
            messages=[{"role": "system", "content": TITLE}, {"role": "user", "content": thread}],
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content
