"""What is graded: the stored text of a case, or, where it has none, what the endpoint says to its e-mail now."""

import functools
import os
from pathlib import Path

if "OPENAI_BASE_URL" in os.environ:
    import openai  # slow to load, and not needed for stored texts

SYSTEM = Path(__file__).with_name("system.txt").read_text(encoding="utf-8")


def said(case):
    return case["text"] if "text" in case else ask(case["email"])


async def asaid(case):
    return case["text"] if "text" in case else _text(await _client("AsyncOpenAI").chat.completions.create(**_of(case)))


def ask(email):
    return _text(_client("OpenAI").chat.completions.create(**_of({"email": email})))


@functools.cache
def _client(name):
    # Address and key are the environment's.
    return getattr(openai, name)(max_retries=int(os.environ["RETRIES"]))


def _of(case):
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": case["email"]}]
    return {"model": "scripted", "messages": messages, "temperature": 0.7, "max_tokens": 160}


def _text(reply):
    return reply.choices[0].message.content
