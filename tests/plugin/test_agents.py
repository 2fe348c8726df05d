"""What an agent did, graded over `llm_calls`: recorded from a scripted endpoint, and replayed."""

import json

AGENT = """
import json

import openai
import pytest
from pytest_llm import Prompt, grader
from pytest_llm.graders import max_cost, max_latency, no_tool_call, tool_call_f1, tool_calls, trajectory

JUDGE = Prompt(name="judge", model="tiny", user="Is this good? {{ answer }}")

@grader
def good(output):
    return "tools" not in JUDGE.ask(answer=output).text

def agent(question):
    client, talk = openai.OpenAI(), [{"role": "user", "content": question}]
    while True:
        message = client.chat.completions.create(model="tiny", messages=talk, tools=[]).choices[0].message
        if not message.tool_calls:
            return message.content
        talk.append({"role": "assistant", "tool_calls": [call.model_dump() for call in message.tool_calls]})
        talk += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]

@pytest.mark.llm(cases=[{"id": "trip", "question": "Paris or London?", "expected": EXPECTED}])
def test_the_way(llm_case, llm_calls, llm_grade):
    llm_grade(good, agent(llm_case["question"]))
    llm_grade(tool_calls(exact=True, ordered=False), llm_calls)
    llm_grade(tool_call_f1(threshold=1), llm_calls)
    llm_grade(trajectory(min_steps=2, max_steps=2, sequence=["weather", "weather"], exact=True), llm_calls)
    llm_grade(max_latency(60), llm_calls)
    llm_grade(FORBIDDEN, llm_calls)
"""
EXPECTED = [{"name": "weather", "arguments": {"city": city}} for city in ("London", "Paris")]


def reply(body, _number):
    """Two calls at once, then an answer; a judge gets a word."""
    if body["messages"][-1]["role"] == "tool" or "tools" not in body:
        return "It is sunny."
    calls = [
        {
            "id": f"call_{city}",
            "type": "function",
            "function": {"name": "weather", "arguments": json.dumps({"city": city})},
        }
        for city in ("Paris", "London")
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def agent(project, serve, last):
    project.use(serve(reply))
    project.write("test_it.py", AGENT.replace("EXPECTED", repr(EXPECTED)).replace("FORBIDDEN", last))


def test_the_calls_of_an_agent_are_graded_and_those_of_its_judge_are_not(project, serve):
    agent(project, serve, 'trajectory(forbidden=["delete"])')
    project.record().assert_outcomes(passed=1)
    project.forget_key()
    project.run().assert_outcomes(passed=1)


def test_what_an_agent_must_not_do_fails_it(project, serve):
    agent(project, serve, 'trajectory(forbidden=["weather"])')
    project.record().assert_outcomes(failed=1)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['trajectory: the forbidden tool "weather" was asked for', 'the tools were "weather", "weather"']
    )


def test_a_cost_that_nobody_knows_is_no_pass(project, serve):
    agent(project, serve, "max_cost(1)")
    project.record().assert_outcomes(failed=1)
    project.run().stdout.fnmatch_lines(["UNGRADED  max_cost: what it cost is not known of 2 of 2 calls"])
