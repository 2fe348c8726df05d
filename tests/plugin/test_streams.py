"""An application that streams: recorded as text that a person can read, replayed in the same pieces, counted."""

from __future__ import annotations

from scripted_replies import completion

APP = """
import anthropic, openai, pytest

def pieces(text):
    with openai.OpenAI() as client:
        chunks = client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": text}],
            stream=True, stream_options={"include_usage": True})
        return [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]

def final(text):
    with anthropic.Anthropic(base_url=%r, api_key="none") as client:
        with client.messages.stream(
                model="tiny", max_tokens=9, messages=[{"role": "user", "content": text}]) as stream:
            return stream.get_final_text()

def told(call):
    assert call.response.finish_reason == "stop"
    assert (call.response.usage, call.response.cost) == (call.usage, call.cost)
    return call.messages[-1].content, call.response.text, call.usage.total_tokens, call.cost

@pytest.mark.llm
def test_it(llm_calls):
    said = pieces("hi")
    assert said == ["", "scripted", " réply", " 1", " to:", " hi", None]
    assert final("you") == "scripted réply 2 to: you"
    assert told(llm_calls[0]) == ("hi", "scripted réply 1 to: hi", 18, 25.0)
    assert told(llm_calls[1]) == ("you", "scripted réply 2 to: you", 20, 27.0)
"""
PRICES = ("-o", "llm_prices=tiny* = 1000000 2000000")


def test_a_stream_is_recorded_readable_replayed_in_its_pieces_and_counted(project, serve):
    server = serve()
    project.use(server)
    project.write("test_it.py", APP % server.root)
    project.record(*PRICES).assert_outcomes(passed=1)
    [text] = project.cassettes().values()
    assert "      text: 'scripted réply 1 to: hi'\n      cuts: 8 6 2 4 3\n" in text
    assert "      text: 'scripted réply 2 to: you'\n      cuts: 8 6 2 4 4\n" in text
    project.run(*PRICES).assert_outcomes(passed=1)
    assert len(server.requests) == 2


def test_a_key_that_a_model_says_in_pieces_is_not_written(project, serve, monkeypatch):
    key = "a9 b8 c7 d6 e5 f4"
    server = serve(lambda body, number: f"The key is {key} today.")
    project.use(server)
    monkeypatch.setenv("OTHER_API_KEY", key)
    test = """
@pytest.mark.llm
def test_it(llm_calls):
    print("SAID", "".join(piece or "" for piece in pieces("hi")))
"""
    project.write("test_it.py", (APP % server.root).partition("@pytest")[0] + test)
    project.record("-s").stdout.fnmatch_lines([f"*SAID The key is {key} today."])
    [text] = project.cassettes().values()
    assert "text: The key is <secret:OTHER_API_KEY> today." in text
    assert not any(piece in text for piece in ("a9", "f4"))
    project.run("-s").stdout.fnmatch_lines(["*SAID The key is <secret:OTHER_API_KEY> today."])


def test_a_cost_that_the_provider_tells_is_the_cost(project, serve):
    def routed(body, number):
        return {**completion("hello"), "usage": {"prompt_tokens": 11, "completion_tokens": 7, "cost": 0.25}}

    project.use(serve(routed))
    project.write(
        "test_it.py",
        """
import pytest
from pytest_llm import Prompt
@pytest.mark.llm(Prompt(name="p", model="tiny", user="hi"))
def test_it(llm_response, llm_calls):
    assert llm_response.cost == llm_calls[0].cost == 0.25
""",
    )
    project.record(*PRICES).assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)
