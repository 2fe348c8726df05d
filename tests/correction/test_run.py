"""A run without I/O: what it asks, what it makes of answers, and what goes through both drivers untouched."""

from __future__ import annotations

import asyncio
import copy

import pytest
from model_server import completion
from pydantic import BaseModel

from pytest_llm import Message, Prompt
from pytest_llm.calls.transport import Reply
from pytest_llm.correction import Budget, errors, resample
from pytest_llm.correction.drive import adrive, drive
from pytest_llm.correction.outcome import target_of
from pytest_llm.correction.policies import feedback_of
from pytest_llm.correction.run import Run, Task
from pytest_llm.errors import CallFailed, CassetteMiss, CorrectionError


class Order(BaseModel):
    item: str
    qty: int


PROMPT = Prompt(name="order", model="tiny", system="Orders.", user="three cups", schema=Order)
BAD, GOOD = '{"item": "cups", "qty": "three"}', '{"item": "cups", "qty": 3}'


def reply(text, **more):
    return Reply(data=completion(text), latency=0.1, **more)


def started(prompt=PROMPT, feedback=None, **options):
    known = {"budget": Budget(), **options}
    task = Task(prompt=prompt, inputs={}, target=target_of(prompt), **known)
    return Run(task, feedback or errors(), is_overdue=lambda _: False)


def sync(run, send):
    return drive(run, send)


def awaited(run, send):
    async def later(request, slot):
        await asyncio.sleep(0)
        return send(request, slot)

    return asyncio.run(adrive(run, later))


doors = pytest.mark.parametrize("through", [sync, awaited])


def script(*answers):
    """A function that sends, and the slots that it was asked for."""
    left, slots = iter(answers), []

    def send(_request, slot):
        slots.append(slot)
        answer = next(left)
        if isinstance(answer, BaseException):
            raise answer
        return answer, False

    return send, slots


@doors
@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, lambda: CassetteMiss("no recording", kind="missing")])
@pytest.mark.parametrize("before", [[], [reply(BAD)]])
def test_what_is_no_failure_of_the_call_ends_all_at_once(through, stop, before):
    raised = stop()
    send, slots = script(*before, raised)
    with pytest.raises(type(raised)) as caught:
        through(started(), send)
    assert caught.value is raised
    assert len(slots) == len(before) + 1


@doors
def test_a_call_that_failed_is_an_attempt(through):
    failed = CallFailed("no entry")
    failed.retries, failed.waited = 2, 0.75
    send, slots = script(reply(BAD, retries=1, waited=0.25), failed)
    trace = through(started(), send)
    assert (trace.stop, slots) == ("transport_error", ["", "errors/2"])
    assert [(one.transport_retries, one.waited) for one in trace.attempts] == [(1, 0.25), (2, 0.75)]
    assert (trace.attempts[1].error, trace.attempts[1].response, trace.response) == (failed, None, None)
    assert (trace.tokens(), trace.cost(), trace.elapsed) == (None, None, None)
    assert [one.shown for one in trace.attempts] == [BAD, ""]


@doors
def test_of_a_dialogue_that_breaks_off_in_its_middle_the_turn_is_told(through):
    talk = PROMPT.replace(
        system=None, user=None, messages=[Message("user", "hi"), Message("assistant"), Message("user", "now")]
    )
    send, slots = script(reply("hello", retries=1), CallFailed("no entry"))
    trace = through(started(talk), send)
    assert (trace.stop, trace.n, slots) == ("transport_error", 1, ["", ""])
    assert [one["content"] for one in trace.attempts[0].request.messages] == ["hi", "hello", "now"]
    assert trace.attempts[0].transport_retries == 1


def test_the_time_of_all_attempts_has_the_waiting_in_it():
    send, _ = script(reply(BAD, waited=0.5), reply(GOOD))
    assert drive(started(), send).elapsed == pytest.approx(0.7)


def test_a_correction_that_the_deadline_cuts_off_is_none():
    run = started(budget=Budget(deadline=9))
    run.absorb(reply(BAD))
    assert run.wants_another
    assert not run.is_spent
    run.insert_feedback()
    run._is_overdue = lambda slot: slot == "errors/2"
    run.absorb(CallFailed("timeout"))
    assert not run.wants_another
    assert (run.trace().stop, run.trace().n) == ("deadline", 1)


@pytest.mark.parametrize(("failed", "is_late"), [("context_length_exceeded", True), (None, False)])
def test_another_failure_is_what_it_is(failed, is_late):
    run = started(budget=Budget(deadline=9))
    run.absorb(reply(BAD))
    run.insert_feedback()
    run._is_overdue = lambda _: is_late
    error = CallFailed("no")
    error.status, error.code = 400, failed
    run.absorb(error)
    assert len(run.attempts) == 2
    assert not run.wants_another
    assert run.trace().stop == ("context_overflow" if failed else "transport_error")


def test_a_policy_s_name_is_one_part_of_a_slot():
    def mine(context):
        return context.turn("no")

    mine.name = "a/b\nc"
    send, slots = script(reply(BAD), reply(GOOD))
    trace = drive(started(feedback=feedback_of(mine)), send)
    assert (trace.arm, slots) == ("a/b\nc", ["", "a-b c/2"])


def test_a_derived_seed_is_another_one_by_sample_policy_and_attempt_and_the_same_each_time():
    prompt = PROMPT.replace(seed="sample")

    def seeds(sample, feedback):
        send, _ = script(reply(BAD), reply(BAD), reply(GOOD))
        trace = drive(started(prompt, feedback, sample=sample, budget=Budget(stall=None)), send)
        return [one.request.body["seed"] for one in trace.attempts]

    all_of_them = [seeds(sample, policy) for sample in (1, 2) for policy in (resample(), errors())]
    assert len({seed for some in all_of_them for seed in some[1:]}) == 8
    assert all_of_them[0][0] == all_of_them[1][0] != all_of_them[2][0]
    assert seeds(1, resample()) == all_of_them[0]


def test_a_policy_that_writes_into_what_it_is_given_changes_nothing_that_was_sent():
    def careless(context):
        messages = context.turn("no")
        for message in (*messages, *context.base, *context.sent):
            message["content"] = message["content"] + " Beware!"
        return messages

    send, _ = script(reply(BAD), reply(BAD + " "), reply(GOOD))
    run = started(feedback=feedback_of(careless))
    first = copy.deepcopy(run.request.messages)
    trace = drive(run, send)
    assert trace.attempts[0].request.messages == first
    assert trace.attempts[0].response.messages[-1].content == BAD
    assert trace.attempts[1].request.messages[-1]["content"].startswith("no Beware!")
    assert trace.n == 3


def test_what_a_policy_returned_is_what_was_sent_whatever_becomes_of_it():
    kept = []

    def keeps(context):
        kept.append([*context.base, {"role": "user", "content": context.attempt.text}])
        return kept[-1]

    send, _ = script(reply(BAD), reply(GOOD))
    trace = drive(started(feedback=feedback_of(keeps)), send)
    kept[0][-1]["content"] = "other"
    assert trace.attempts[1].request.messages[-1]["content"] == BAD


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (lambda model, usage: 1 / 0, "price= failed: ZeroDivisionError: division by zero"),
        (lambda model: 1, "price= failed: TypeError: "),
        (lambda model, usage: "1", "price= returned '1'"),
        (lambda model, usage: True, "price= returned True"),
        (lambda model, usage: -1, "price= returned -1"),
        (lambda model, usage: float("nan"), "price= returned nan"),
        (lambda model, usage: float("inf"), "price= returned inf"),
    ],
)
def test_a_price_that_is_none_is_refused(price, told):
    with pytest.raises(CorrectionError) as caught:
        started(price=price).absorb(reply(BAD))
    assert str(caught.value).startswith(told)
    assert str(caught.value).endswith("\n  return      US dollars, or None where unknown")


@pytest.mark.parametrize(("price", "cost"), [(0, 0.0), (2, 2.0), (0.5, 0.5), (None, None)])
def test_any_other_price_is_taken(price, cost):
    run = started(price=lambda model, usage: price)
    run.absorb(reply(BAD))
    assert run.attempts[0].cost == cost


def test_a_price_is_told_the_model_that_answered_and_its_tokens():
    told = []
    started(price=lambda model, usage: told.append((model, usage.total_tokens))).absorb(reply(BAD))
    assert told == [("tiny-2026", 18)]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1, "1", [1]])
def test_a_score_that_is_none_is_refused(score):
    with pytest.raises(CorrectionError, match="score= returned"):
        started(score=lambda _: score).absorb(reply(BAD))


def test_a_score_may_be_a_grade():
    class Grade:
        score = 0.25

    run = started(score=lambda _: Grade())
    run.absorb(reply(BAD))
    assert run.attempts[0].score == 0.25


def test_the_table_of_attempts_names_three_findings_and_counts_the_others():
    wide = PROMPT.replace(schema={"type": "object", "required": ["a", "b", "c", "d", "e"]})
    send, _ = script(reply("{}"))
    lines = str(drive(started(wide, budget=Budget(attempts=1)), send)).splitlines()
    assert len(lines) == 6
    assert [line.strip()[:2] for line in lines[2:5]] == ["/a", "/b", "/c"]
    assert lines[5].strip() == "(and 2 more)"
