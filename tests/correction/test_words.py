"""Recordings of corrections keep the words in which errors were fed back when they were made."""

from __future__ import annotations

import pytest

from pytest_llm import Prompt
from pytest_llm.calls.transport import Reply
from pytest_llm.correction import errors, paths
from pytest_llm.correction.attempt import WORDS
from pytest_llm.correction.budget import Budget
from pytest_llm.correction.drive import drive
from pytest_llm.correction.outcome import target_of
from pytest_llm.correction.run import Run, Task

PROMPT = Prompt(name="order", model="tiny", user="three cups", schema={"type": "object", "required": ["qty"]})
BROKEN, GOOD = '{"qty" 3}', '{"qty": 3}'
NOW = r"""1. (whole reply): expected a JSON document (expecting ':' at line 1 column 8); got "{\"qty\" 3}"."""
BEFORE = r"""1. (whole reply): expected a JSON document; got "{\"qty\" 3}"."""


def sent(is_recorded, replies=(BROKEN, GOOD), policy=None):
    """The requests of a run whose replies are these, after the first one."""
    requests = []

    def send(request, slot):
        requests.append((request, slot))
        text = replies[len(requests) - 1]
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return Reply(data={"choices": [choice]}, latency=None), False

    task = Task(
        prompt=PROMPT,
        inputs={},
        target=target_of(PROMPT),
        budget=Budget(attempts=3),
        is_recorded=is_recorded,
    )
    drive(Run(task, policy or errors(), is_overdue=lambda slot: False), send)
    return [(request.messages[-1]["content"], slot) for request, slot in requests[1:]]


def test_what_is_not_recorded_is_fed_back_in_the_words_of_now():
    asked = []
    ((text, slot),) = sent(lambda request, slot: asked.append((request.messages[-1]["content"], slot)))
    assert NOW in text
    assert [NOW in one for one, _ in asked] == [True, False]
    assert {slot for _, slot in asked} == {slot} == {"errors/2"}
    assert WORDS == 2


def test_what_is_recorded_in_the_words_of_now_is_not_looked_for_in_older_ones():
    ((text, _),) = sent(lambda request, slot: NOW in request.messages[-1]["content"])
    assert NOW in text


def test_what_is_recorded_in_older_words_replays_in_them():
    ((text, _),) = sent(lambda request, slot: BEFORE in request.messages[-1]["content"])
    assert BEFORE in text
    assert NOW not in text


@pytest.mark.parametrize("policy", [errors(), paths()])
def test_where_the_words_are_the_same_only_one_request_is_looked_for(policy):
    asked = []
    sent(lambda request, slot: asked.append(slot), replies=("[]", GOOD), policy=policy)
    assert asked == []
