"""Which queue does a ticket belong in?"""

import json
from concurrent.futures import ThreadPoolExecutor

from .clients import get_openai
from .retry import with_retries
from .settings import Settings

QUEUES = ("order", "return", "defect", "other")

SYSTEM = """\
You sort e-mails to a web shop.
Answer with JSON: {"queue": "order" | "return" | "defect" | "other", "urgent": true | false}
Angry customers are urgent."""


@with_retries
def triage(text):
    completion = get_openai().chat.completions.create(
        model=Settings.from_env().chat_model,
        temperature=0,
        response_format={"type": "json_object"},
        messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
    )
    result = json.loads(completion.choices[0].message.content)
    if result.get("queue") not in QUEUES:
        result["queue"] = "other"
    return result


def triage_all(texts, workers=4):
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(triage, texts))
