"""Random servers, faults, budgets and policies: what holds of every run of the loop."""

from __future__ import annotations

import json
from dataclasses import replace

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_server import Reply, completion
from pydantic import BaseModel

from pytest_llm import Prompt
from pytest_llm.calls.transport import Reply as Answer
from pytest_llm.correction import FeedbackContext, correct, errors, generic, paths, placebo, resample
from pytest_llm.correction.application import target_of
from pytest_llm.correction.attempt import CORRECTABLE
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.drive import drive
from pytest_llm.correction.policies import next_conversation
from pytest_llm.correction.run import Run, Task
from pytest_llm.errors import CallFailed


class Order(BaseModel):
    item: str
    qty: int


PROMPT = Prompt(name="order", model="tiny", user="{{ what }}", schema=Order)


def reply(text, finish="stop", refusal=None, usage=True):
    whole = completion(text)
    message = {"role": "assistant", "content": text, "refusal": refusal}
    whole["choices"][0] = {"index": 0, "message": message, "finish_reason": finish}
    if not usage:
        del whole["usage"]
    return whole


def error(status):
    return Reply(status=status, content=b'{"error": {"message": "scripted"}}', headers={"retry-after": "0"})


GOOD = '{"item": "cups", "qty": 3}'
REPLIES = {
    "good": reply(GOOD),
    "bad": reply('{"item": "cups", "qty": "x"}'),
    "worse": reply('{"qty": "x"}'),
    "prose": reply("I think so."),
    "empty": reply(""),
    "refusal": reply(None, refusal="no"),
    "cut": reply(GOOD, finish="length"),
    "silent": reply('{"item": 3}', usage=False),
    "busy": error(429),
    "broken": error(500),
    "wrong": error(400),
    "nonsense": Reply(content=b"<h1>Welcome</h1>"),
    "half": reply('{"item": "cups \ud83d", "qty": 3}'),
    "long": reply("x" * 30_000),
    "longer": reply("y" * 30_000),
}
TRANSIENT = ("busy", "broken")

scripts = st.lists(st.sampled_from(list(REPLIES)), min_size=1, max_size=10)
policies = st.sampled_from([errors(), errors(limit=1), errors(keep="all"), paths(), generic(), placebo(), resample()])
budgets = st.builds(
    Budget,
    attempts=st.integers(1, 5),
    tokens=st.none() | st.integers(10, 80),
    cost=st.none() | st.floats(0.1, 1),
    stall=st.none() | st.integers(2, 3),
)


def price(_model, usage):
    return None if usage.total_tokens is None else usage.total_tokens / 100


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(api_key="none", base_url=server.url) as client:
        yield client


def options(budget):
    return {name: getattr(budget, name) for name in ("attempts", "tokens", "cost", "stall")}


@settings(max_examples=60)
@given(scripts, budgets, policies)
def test_whatever_comes_the_books_are_in_order(server, client, script, budget, policy):
    server.play(*(REPLIES[name] for name in script))
    trace = correct(PROMPT, {"what": "cups"}, client=client, feedback=policy, price=price, **options(budget))

    asked = [script[min(number, len(script)) - 1] for number in range(1, len(server.requests) + 1)]
    assert 1 <= trace.n <= budget.attempts
    assert len(asked) == trace.n + sum(one.transport_retries for one in trace.attempts)
    # Every attempt is the reply that the server gave at last.
    got, left = [], iter(asked)
    for one in trace.attempts:
        tries = [next(left) for _ in range(1 + one.transport_retries)]
        assert all(name in TRANSIENT for name in tries[:-1])
        got.append(tries[-1])
    for one, name in zip(trace.attempts, got, strict=True):
        assert (one.response is None) == isinstance(REPLIES[name], Reply)
        assert one.usage.total_tokens == (18 if one.response is not None and name != "silent" else None)
    # What is known adds up, and what is not known is not zero.
    tokens = [one.usage.total_tokens for one in trace.attempts]
    assert trace.tokens() == (None if None in tokens else sum(tokens))
    assert trace.cost() == (None if None in tokens else pytest.approx(sum(tokens) / 100))
    assert budget.tokens is None or trace.n == 1 or sum(token or 0 for token in tokens) <= budget.tokens
    # Only what can be corrected is asked again, and the end is what it says.
    assert all(one.outcome in CORRECTABLE for one in trace.attempts[:-1])
    assert trace.stop == expected_stop(trace, budget, policy)
    assert trace.ok == (trace.attempts[-1].outcome == "valid")


def expected_stop(trace, budget, policy):
    """Why a run ends, said once more in another way."""
    last = trace.attempts[-1]
    if last.outcome not in CORRECTABLE:
        return last.outcome
    if trace.n == budget.attempts:
        return "max_attempts"
    said = [one.text for one in trace.attempts]
    if budget.stall and not policy.repeats and said[-budget.stall :] == [said[-1]] * budget.stall:
        return "stalled"
    tokens = [one.usage.total_tokens for one in trace.attempts]
    if budget.tokens is not None:
        if None in tokens:
            return "usage_unknown"
        if sum(tokens) + tokens[-1] > budget.tokens:
            return "max_tokens"
    return "cost_unknown" if None in tokens else "max_cost"


@settings(max_examples=60)
@given(scripts, budgets, policies)
def test_every_request_can_be_rebuilt_from_the_trace_and_a_replay_is_the_run(server, client, script, budget, policy):
    server.play(*(REPLIES[name] for name in script))
    trace = correct(PROMPT, {"what": "cups"}, client=client, feedback=policy, price=price, **options(budget))

    # The first is the prompt's; every further one is what the policy says to the failure before it.
    assert trace.attempts[0].request == PROMPT.render(what="cups")
    for before, one in zip(trace.attempts, trace.attempts[1:], strict=False):
        context = FeedbackContext(
            api="chat",
            base=tuple(trace.attempts[0].request.messages),
            sent=tuple(before.request.messages),
            attempt=before,
            attempts=trace.attempts[: before.index],
            budget=trace.budget,
        )
        assert one.request.messages == next_conversation(policy, context)
    sent = [body["messages"] for body in server.requests]
    distinct = [one for number, one in enumerate(sent) if number == 0 or one != sent[number - 1]]
    rebuilt = [one.request.messages for one in trace.attempts]
    assert distinct == [one for number, one in enumerate(rebuilt) if number == 0 or one != rebuilt[number - 1]]

    # The same answers, without a server.
    answers = iter(trace.attempts)

    def replayed(request, _slot):
        one = next(answers)
        assert request == one.request
        if one.error is not None:
            raise one.error
        return Answer(
            data=one.response.raw, latency=one.latency, retries=one.transport_retries, waited=one.waited
        ), False

    task = Task(prompt=PROMPT, inputs={"what": "cups"}, target=target_of(PROMPT), budget=budget, price=price)
    again = drive(Run(task, policy, is_overdue=lambda _: False), replayed)
    assert again.attempts == tuple(
        one if one.error is None else replace(one, transport_retries=one.error.retries) for one in trace.attempts
    )
    assert (again.stop, json.dumps(str(again))) == (trace.stop, json.dumps(str(trace)))


# -- whatever a model says ------------------------------------------------------------------------------------------

odd = st.sampled_from([None, True, 5, -1.5, "text", "\ud83d", [], ["text", None], {}, {"text": "text"}])


@st.composite
def mostly(draw, what):
    """What an endpoint should send there, and now and then something else."""
    return draw(odd if draw(st.sampled_from(range(16))) == 15 else what)


@st.composite
def mapping(draw, **known):
    """What an endpoint should send, and now and then not all of it."""
    return {name: draw(what) for name, what in known.items() if draw(st.sampled_from(range(16))) < 15}


texts = mostly(st.sampled_from(["", " ", GOOD, '{"qty": "x"}', "{", "\ud83d", "x" * 30_000]) | st.text(max_size=9))
names = mostly(st.sampled_from(["book", "book", "book", "book", "cancel", "book me", ""]))
arguments = mostly(
    st.sampled_from(["{}", "{}", '{"qty": 3}', '{"a": "\ud83d"}', '{"a": "' + "x" * 30_000 + '"}', "{", "[]"])
)
ids = mostly(st.sampled_from(["c1", "c2", "c3", "c4", ""]))
calls = st.lists(mapping(id=ids, function=mapping(name=names, arguments=arguments)), max_size=2)
endings = st.sampled_from(["stop", "stop", "stop", "tool_calls", None, "length", "content_filter", 5])
messages = mapping(content=texts, tool_calls=mostly(calls)) | mapping(content=texts, refusal=odd)
usages = mostly(st.sampled_from([{"total_tokens": 9}, {"total_tokens": 9, "cost": 0.1}]))
parts = mapping(type=st.sampled_from(["output_text", "output_text", "refusal", "other"]), text=texts)
items = st.one_of(
    mapping(role=st.just("assistant"), content=mostly(st.lists(parts, max_size=2))).map(
        lambda one: {"type": "message", **one}
    ),
    mapping(call_id=ids, name=names, arguments=arguments).map(lambda one: {"type": "function_call", **one}),
    st.just({"type": "reasoning", "summary": []}),
)
statuses = st.sampled_from(["completed", "completed", "completed", "incomplete", "failed", "in_progress", None])
SAID = {
    "chat": mapping(
        choices=mostly(st.lists(mapping(message=messages, finish_reason=endings), max_size=2)), usage=usages
    ),
    "responses": mapping(status=statuses, output=mostly(st.lists(mostly(items), min_size=1, max_size=3)), usage=usages),
}
TOOL = {"name": "book", "parameters": {"type": "object", "required": ["qty"]}}


def test_an_item_of_a_mangled_reply_is_not_sent_back():
    call = {"type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}"}
    replies = iter([{"status": "completed", "output": [call, {}]}] * 4)
    sent = []

    def send(request, _slot):
        sent.append(request.messages)
        return Answer(data=next(replies), latency=0.1), False

    prompt = PROMPT.replace(api="responses", tools=[{"type": "function", **TOOL}], tool_choice="required")
    task = Task(prompt=prompt, inputs={"what": "cups"}, target=target_of(prompt), budget=Budget(attempts=3, stall=None))
    drive(Run(task, errors(), is_overdue=lambda _: False), send)
    assert len(sent) == 3
    assert call in sent[1]
    assert {} not in sent[1]


@pytest.mark.parametrize("api", ["chat", "responses"])
@settings(max_examples=150)
@given(
    data=st.data(),
    policy=policies,
    schema=st.sampled_from([None, Order, {"type": "object", "required": ["price"]}]),
    choice=st.sampled_from([None, "required"]),
    answer_after=st.none() | st.just("{"),
)
def test_whatever_a_model_says_a_trace_comes_of_it(api, data, policy, schema, choice, answer_after):
    tool = {"type": "function", "function": TOOL} if api == "chat" else {"type": "function", **TOOL}
    prompt = PROMPT.replace(api=api, schema=schema, tools=[tool], tool_choice=choice, answer_after=answer_after)
    asked = []

    def send(request, _slot):
        assert json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
        assert all({"role", "type"} & one.keys() for one in request.messages)
        asked.append(request)
        return Answer(data=data.draw(SAID[api]), latency=0.1), False

    task = Task(prompt=prompt, inputs={"what": "cups"}, target=target_of(prompt), budget=Budget(attempts=4, stall=None))
    trace = drive(Run(task, policy, is_overdue=lambda _: False), send)
    assert [one.request for one in trace.attempts] == asked
    assert str(trace).startswith("valid" if trace.ok else "not valid")
    for one in trace.attempts:
        assert bool(one.issues) == (one.outcome != "valid")
    # Every call that is sent back has its answer, and no answer is without its call.
    for request in asked:
        told = request.messages
        made = [call["id"] for one in told for call in one.get("tool_calls", ())]
        made += [one.get("call_id") for one in told if one.get("type") == "function_call"]
        answered = [one.get("tool_call_id", one.get("call_id")) for one in told if one.get("role") == "tool"]
        answered += [one["call_id"] for one in told if one.get("type") == "function_call_output"]
        assert made == answered


def test_a_deadline_is_looked_at_before_each_correction():
    asked = []

    def is_overdue(slot):
        asked.append(slot)
        return len(asked) > 1

    task = Task(prompt=PROMPT, inputs={"what": "cups"}, target=target_of(PROMPT), budget=Budget(deadline=1, stall=None))
    trace = drive(
        Run(task, errors(), is_overdue=is_overdue), lambda *_: (Answer(data=REPLIES["bad"], latency=1), False)
    )
    assert (trace.stop, trace.n, asked) == ("deadline", 2, ["errors/2", "errors/3"])


def test_a_fork_goes_on_from_the_first_attempt_and_asks_nothing_for_it():
    task = Task(prompt=PROMPT, inputs={"what": "cups"}, target=target_of(PROMPT), budget=Budget())
    first = Run(task, resample(), is_overdue=lambda _: False)
    assert first.slot == ""
    first.absorb(Answer(data=REPLIES["bad"], latency=0.1))
    forks = [first.fork(policy, is_overdue=lambda _: False) for policy in (resample(), errors())]
    slots = []

    def send(_request, slot):
        slots.append(slot)
        return Answer(data=REPLIES["good"], latency=None), True

    traces = [drive(fork, send) for fork in forks]
    assert slots == ["resample/2", "errors/2"]
    assert [[one.arm for one in trace.attempts] for trace in traces] == [["resample"] * 2, ["errors"] * 2]
    assert [trace.attempts[0].request for trace in traces] == [first.attempts[0].request] * 2
    assert [trace.compared for trace in traces] == [True, True]
    assert traces[0].elapsed is None
    with pytest.raises(RuntimeError, match="an answer to nothing"):
        first.absorb(CallFailed("no"))
    with pytest.raises(RuntimeError, match="has not ended"):
        first.trace()
