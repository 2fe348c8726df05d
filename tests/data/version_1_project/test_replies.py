"""A project as the last release of version 1 recorded it, with a scripted server for a model."""

import os

import pytest
from openai import OpenAI

from pytest_llm import Prompt, grader
from pytest_llm.graders import contains

colour = Prompt(name="colour", model="tiny", system="Name a colour.", user="{{ thing }}", temperature=0.7)
CASES = [{"id": f"c{number}", "inputs": {"thing": f"thing {number}"}} for number in range(4)]


@grader
def length(output):
    return len(output.text) / 20


@pytest.mark.llm(colour, cases=CASES, samples=2, graders=[contains("blue"), length])
def test_colour(llm_response): ...


@pytest.mark.llm
@pytest.mark.parametrize("streams", [False, True])
def test_application(streams):
    client = OpenAI(base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), max_retries=0)
    reply = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "Which colour?"}], stream=streams
    )
    if streams:
        text = "".join(event.choices[0].delta.content or "" for event in reply if event.choices)
    else:
        text = reply.choices[0].message.content
    assert "blue" in text
