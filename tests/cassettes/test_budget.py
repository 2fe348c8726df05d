"""A budget holds what each request in flight may cost, and is never passed by several at once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_llm.calls import Prices, price
from pytest_llm.cassettes import Budget, Exchange, StoredReply
from pytest_llm.cassettes import budget as budgets
from pytest_llm.cassettes.budget import calling
from pytest_llm.cassettes.document import body_of
from pytest_llm.cassettes.identity import record_of
from pytest_llm.errors import CassetteMiss, NoRoomYet
from pytest_llm.settings import limits_of

DOLLAR_A_TOKEN = Prices.of(["tiny* = 1000000 1000000", "claude = 1000000 1000000 1000000 2000000"])
AT = "https://api.example.invalid/v1/chat/completions"


@pytest.fixture
def budget(tmp_path):
    def made(limit, prices=DOLLAR_A_TOKEN, run="run"):
        return Budget(limits_of(limit), prices, tmp_path / ".pytest_llm", run, said=f"--llm-budget {limit}")

    return made


def request(path="v1/chat/completions", method="POST", **body):
    content = json.dumps({"model": "tiny", "messages": [], **body}).encode() if method == "POST" else b""
    return record_of(method, f"https://api.example.invalid/{path}", content)


def exchange(asked, told, status=200):
    reply = StoredReply(
        slot="1",
        number=1,
        status=status,
        latency_ms=1,
        headers={"content-type": "application/json"},
        body=body_of(json.dumps(told).encode(), "application/json"),
    )
    return Exchange(identity="x", request=asked, reply=reply, source="recorded", at=AT)


def answer(hold, prompt=10, completion=10, **more):
    told = {"model": "tiny-2026", "usage": {"prompt_tokens": prompt, "completion_tokens": completion}, **more}
    hold.settle(exchange(request(), told))


def take(budget, **body):
    return budget.reserve(request(**body), AT)


def left_out(budget, **body):
    with pytest.raises(CassetteMiss) as caught:
        take(budget, **body)
    assert caught.value.kind == "budget"
    return caught.value


SIZE = len(json.dumps(request(max_tokens=100)["body"], ensure_ascii=False))


def state(budget):
    return json.loads(budget._path.read_text())


def held(budget):
    return [{unit: one[unit] for unit in ("tokens", "usd") if unit in one} for one in state(budget)["held"].values()]


# -- what a request takes ---------------------------------------------------------------------------------------


def test_a_request_takes_its_length_and_its_max_tokens_until_it_is_answered(budget):
    one = budget("9000tokens,9000usd")
    hold = take(one, max_tokens=100)
    assert held(one) == [{"tokens": SIZE + 100, "usd": SIZE + 100}]
    answer(hold, 10, 5)
    assert held(one) == []
    assert (state(one)["tokens"], state(one)["usd"], state(one)["requests"]) == (15, 15.0, 1)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 7}, 7),
        ({"max_output_tokens": 7}, 7),
        ({"max_tokens": 9, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 7, "n": 3}, 21),
        ({}, budgets.ASSUMED_TOKENS),
        ({"max_tokens": None}, budgets.ASSUMED_TOKENS),
    ],
)
def test_how_long_a_reply_may_be_is_read_from_the_request_or_assumed(budget, said, taken):
    one = budget("90000tokens")
    take(one, **said)
    size = len(json.dumps(request(**said)["body"]))
    assert held(one) == [{"tokens": size + taken}]


def test_what_is_assumed_grows_with_the_longest_reply(budget):
    one = budget("90000tokens")
    answer(take(one), 10, 9_000)
    take(one)
    assert held(one)[0]["tokens"] > 9_000
    take(one, model="other")
    assert held(one)[1]["tokens"] < 9_000


def test_an_embedding_has_no_completion(budget):
    one = budget("9000tokens")
    take(one, path="v1/embeddings")
    assert held(one)[0]["tokens"] < 100


def test_a_text_takes_its_bytes_not_its_characters(budget):
    one = budget("9000tokens")
    take(one, max_tokens=1, messages=["日本語"])
    take(one, max_tokens=1, messages=["abc"])
    more, less = held(one)
    assert more["tokens"] == less["tokens"] + 6


def test_what_goes_into_a_cache_is_taken_at_its_price(budget):
    one = budget("90000usd")
    take(one, model="claude", max_tokens=1, messages=[{"cache_control": {"type": "ephemeral"}}])
    take(one, model="claude", max_tokens=1)
    sizes = [
        len(json.dumps(request(model="claude", max_tokens=1, messages=said)["body"]))
        for said in ([{"cache_control": {"type": "ephemeral"}}], [])
    ]
    assert held(one) == [{"usd": 2 * size + 1} for size in sizes]


@pytest.mark.parametrize(
    "said",
    [
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://a.invalid/x.png"}}]}]},
        {"messages": [{"content": [{"type": "document", "source": {}}]}]},
        {"previous_response_id": "resp_1"},
    ],
)
def test_a_body_that_stands_for_more_goes_alone_first_and_then_takes_what_the_largest_took(budget, said):
    one = budget("90000tokens,90000usd")
    hold = take(one, max_tokens=1, **said)
    assert held(one) == [{"tokens": 90_000, "usd": 90_000}]
    answer(hold, 20_000, 1)
    take(one, max_tokens=1, **said)
    assert held(one) == [{"tokens": 20_001, "usd": 20_001}]
    take(one, max_tokens=1)
    assert held(one)[1]["tokens"] < 100


def test_a_model_without_a_price_goes_alone_first_and_then_takes_what_the_dearest_cost(budget):
    one = budget("100usd", prices=Prices())
    hold = take(one)
    assert held(one) == [{"usd": 100}]
    answer(hold, usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 7})
    take(one)
    assert held(one) == [{"usd": 7}]
    answer(take(one), usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 3})
    take(one)
    assert held(one)[1:] == [{"usd": 7}]


def test_a_tier_that_is_asked_for_is_taken_at_its_price_and_auto_at_the_standard_one(budget):
    one = budget("90000usd", prices=Prices.of(["tiny = 1000000 1000000", "tiny flex = 500000 500000"]))
    for tier in ("flex", "auto", "default"):
        take(one, max_tokens=1, service_tier=tier)
    flex, auto, default = (one["usd"] for one in held(one))
    assert flex < auto / 1.8
    assert auto == default - len("default") + len("auto")


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("v1/models", "GET"),
        ("v1/files", "POST"),
        ("v1/moderations", "POST"),
        ("shop/orders", "POST"),
        ("v1/responses", "GET"),
    ],
)
def test_what_no_model_answers_takes_a_request_and_nothing_else(budget, path, method):
    one = budget("1tokens,2requests,0usd")
    hold = one.reserve(request(path, method), AT)
    assert held(one) == [{}]
    hold.settle(exchange(request(path, method), {"ok": True}))
    one.reserve(request(path, method), AT)
    with pytest.raises(CassetteMiss, match="the budget of 2 requests is spent"):
        one.reserve(request(path, method), AT)


@pytest.mark.parametrize(
    "path",
    [
        "v1beta/models/gemini-x:generateContent",
        "v1/projects/p/models/gemini-x:streamGenerateContent",
        "model/anthropic.claude/invoke-with-response-stream",
        "model/anthropic.claude/converse",
        "v2/chat",
        "api/chat",
        "v1/messages?beta=true",
    ],
)
def test_a_model_whose_reply_is_not_read_makes_a_budget_fail_closed(budget, path):
    one = budget("90000tokens")
    one.reserve(request(path), AT).settle(exchange(request(path), {"text": "hi"}))
    assert "a reply did not tell its tokens" in str(left_out(one))


def test_an_upload_is_a_request_of_a_model_too(budget):
    one = budget("90000tokens")
    asked = record_of("POST", AT.replace("chat/completions", "audio/transcriptions"), b"\xff\xfe")
    hold = one.reserve(asked, AT)
    assert held(one) == [{"tokens": 90_000}]
    hold.settle(exchange(asked, {"text": "hi"}))
    assert 'a reply did not tell its tokens (model "", at api.example.invalid)' in str(left_out(one))


def test_until_the_first_reply_of_a_model_its_requests_go_one_at_a_time(budget):
    one = budget("90000tokens")
    first = take(one, max_tokens=1)
    with ThreadPoolExecutor(3) as pool:
        other = pool.submit(take, one, max_tokens=1, model="other")
        second = pool.submit(take, one, max_tokens=1)
        other.result(5)
        time.sleep(0.3)
        assert not second.done()
        answer(first)
        second.result(5)
        pool.submit(take, one, max_tokens=1).result(5)
    assert len(held(one)) == 3


# -- room -------------------------------------------------------------------------------------------------------


def test_requests_go_together_as_long_as_what_they_may_cost_fits(budget):
    one = budget(f"{3 * (SIZE + 100)}tokens")
    holds = [take(one, max_tokens=100) for _ in range(3)]
    assert len(held(one)) == 3
    for hold in holds:
        answer(hold, 1, 1)
    take(one, max_tokens=100)


def test_a_request_that_does_not_fit_waits_for_those_in_flight(budget):
    one = budget(f"{SIZE + 110}tokens")
    first = take(one, max_tokens=100)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(take, one, max_tokens=100)
        time.sleep(0.3)
        assert not second.done()
        answer(first, 5, 5)
        answer(second.result(5), 5, 5)
    assert state(one)["tokens"] == 20


def test_the_last_ones_go_alone_as_long_as_a_reply_like_the_largest_fits(budget):
    one = budget("50tokens")
    answer(take(one, max_tokens=1000), 10, 10)
    hold = take(one, max_tokens=1000)
    assert held(one) == [{"tokens": 30}]
    answer(hold, 10, 10)
    told = left_out(one, max_tokens=1000)
    assert str(told) == (
        "not asked: it takes 20 tokens if its reply is like those before, and 10 tokens of the budget are left\n"
        "  go on       run the same command again, or with a larger --llm-budget"
    )
    assert told.heading == "--llm-budget 50tokens after 2 requests ($40.0000)"
    answer(take(one, path="v1/embeddings"), 9, 1)  # a shorter one still fits
    assert state(one)["tokens"] == 50
    assert "the budget of 50 tokens is spent" in str(left_out(one, max_tokens=1))


@pytest.mark.parametrize("limit", ["0requests", "0tokens", "0usd"])
def test_a_budget_of_nothing_asks_nothing(budget, limit):
    told = left_out(budget(limit), max_tokens=1)
    assert "is spent\n  go on       with a larger --llm-budget" in str(told)
    assert "after 0 requests" in told.heading


def test_of_two_limits_both_are_told(budget):
    one = budget("1request,20tokens")
    answer(take(one, max_tokens=1))
    assert "the budget of 1 requests and 20 tokens is spent" in str(left_out(one))


# -- failures ---------------------------------------------------------------------------------------------------


def test_an_error_gives_back_what_was_taken_but_is_a_request(budget):
    one = budget("9000tokens,9000usd")
    take(one).give_back()
    take(one).settle(exchange(request(), {"error": {"message": "busy"}}, status=429))
    assert held(one) == []
    assert (state(one)["tokens"], state(one)["usd"], state(one)["requests"]) == (0, 0.0, 2)


def test_what_got_no_answer_stays_taken_and_nobody_waits_for_it(budget):
    one = budget("300tokens")
    lost = take(one, max_tokens=100)
    lost.lose()
    again = take(one, max_tokens=1)
    assert len(held(one)) == 2
    answer(lost, 1, 1)  # it came after all
    answer(again, 1, 1)
    assert held(one) == []
    assert state(one)["tokens"] == 4


def test_where_a_lost_request_has_taken_the_rest_that_is_said(budget):
    one = budget("50tokens")
    take(one).lose()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(left_out, one).result(5)
    assert "the budget of 50 tokens is spent, or taken by requests that got no answer" in str(told)


def test_a_hold_that_is_settled_cannot_be_lost(budget):
    one = budget("9000tokens")
    hold = take(one)
    answer(hold, 3, 3)
    hold.lose()
    hold.give_back()
    assert held(one) == []
    assert state(one)["tokens"] == 6


def test_a_thread_does_not_wait_for_what_it_has_itself_in_flight(budget):
    """It has failed: a thread that waited for an answer would not ask."""
    one = budget("50tokens")
    take(one)
    assert "is spent" in str(left_out(one))


def test_a_request_is_taken_for_lost_after_the_longest_wait(budget, monkeypatch):
    monkeypatch.setattr(budgets, "LONGEST_WAIT_S", 0.3)
    one = budget("50tokens")
    take(one)
    with ThreadPoolExecutor(1) as pool:
        assert "is spent" in str(pool.submit(left_out, one).result(5))


@pytest.mark.parametrize(("error", "left"), [("ConnectError", 0), ("ReadTimeout", 1)])
def test_an_endpoint_that_was_not_reached_has_cost_nothing(budget, error, left):
    one = budget("9000tokens")
    with pytest.raises(Exception, match="no answer"), calling(in_loop=False):
        take(one)
        raise type(error, (Exception,), {})("no answer")
    assert [hold.get("lost") for hold in state(one)["held"].values()] == [True] * left


# -- unknown ----------------------------------------------------------------------------------------------------


def test_usage_that_is_missing_closes_a_budget_of_tokens(budget):
    one = budget("9000tokens")
    answer(take(one), usage=None)
    assert str(left_out(one)) == (
        'not asked: a reply did not tell its tokens (model "tiny-2026", at api.example.invalid), '
        "so that a budget of tokens cannot be held\n"
        "  limit       the requests: --llm-budget 300requests"
    )
    assert left_out(one).heading == "--llm-budget 9000tokens after 1 request (tokens not known)"
    take(budget("9requests,9000usd", run="other")).settle(exchange(request(), "no JSON of a model"))


def test_a_price_that_is_missing_closes_a_budget_of_money_and_no_other(budget):
    one = budget("9usd", prices=Prices.of(["other = 1 1"]))
    answer(take(one), service_tier="flex", usage={"prompt_tokens": 1, "completion_tokens": 1, "speed": "fast"})
    told = left_out(one)
    assert str(told) == (
        'not asked: the price of a reply is not known (model "tiny-2026", service_tier "flex", speed "fast", '
        "at api.example.invalid), so that a budget of money cannot be held\n"
        "  add         a line to ini llm_prices, as in: gpt-x = 0.10 0.40     (US dollars per million tokens)"
    )
    assert told.heading == "--llm-budget 9usd after 1 request (cost not known)"
    tokens = budget("9000tokens", prices=Prices(), run="other")
    answer(take(tokens))
    take(tokens)


def test_where_the_price_library_is_not_installed_the_message_names_the_extra(budget, monkeypatch):
    monkeypatch.setattr(price, "LIBRARY", "no_such_library")
    price.has_library.cache_clear()
    try:
        one = budget("9usd", prices=Prices())
        hold = one.reserve(request(), None)
        hold.settle(exchange(request(), {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
        told = str(left_out(one))
    finally:
        price.has_library.cache_clear()
    assert '(model "tiny"), so' in told
    assert 'or install  pip install "pytest-llm-evals[prices]", which knows the prices of many models' in told


def test_a_reply_may_tell_its_cost_and_not_its_tokens(budget):
    one = budget("9usd", prices=Prices())
    answer(take(one), usage={"cost": 2})
    assert state(one)["usd"] == 2


# -- many at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["1500tokens", "1500usd"])
@pytest.mark.parametrize("seed", range(3))
def test_eight_threads_never_pass_a_limit(budget, limit, seed):
    """Replies as long as they may be, at most; the budget is passed at no time, and hardly anything of it is left."""
    one = budget(limit)
    draw, lock, spent, most = random.Random(seed), threading.Lock(), [0], []

    def ask(number):
        try:
            hold = take(one, max_tokens=100)
        except CassetteMiss:
            return 0
        with lock:
            completion, wait = draw.randint(1, 100), draw.random() / 100
        time.sleep(wait)
        with lock:
            spent[0] += 10 + completion
            most.append(spent[0])
        answer(hold, 10, completion)
        return 1

    with ThreadPoolExecutor(8) as pool:
        asked = sum(pool.map(ask, range(100)))
    assert max(most) <= 1500
    assert 1500 - max(most) <= 110
    assert asked >= 15
    assert held(one) == []


WORKER = """
import json, sys, time
sys.path[:0] = json.loads(sys.argv[1])
from pathlib import Path
from pytest_llm.calls import Prices
from pytest_llm.cassettes import Budget
from pytest_llm.errors import CassetteMiss
from pytest_llm.settings import limits_of
from test_budget import answer, take
budget = Budget(limits_of("1500tokens"), Prices(), Path(sys.argv[2]), "run")
asked = 0
try:
    for number in range(100):
        hold = take(budget, max_tokens=100)
        asked += 1
        if sys.argv[3] == "dies" and asked == 2:
            sys.stdout.write(str(asked))
            sys.stdout.flush()
            import os
            os._exit(1)
        time.sleep(0.005)
        answer(hold, 10, 90)
except CassetteMiss:
    pass
print(asked)
"""


def test_processes_share_a_budget_and_one_that_dies_leaves_what_it_took(tmp_path, budget):
    folders = json.dumps([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    command = [sys.executable, "-c", WORKER, folders, str(tmp_path / ".pytest_llm")]
    died = subprocess.run([*command, "dies"], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (died.stdout, died.returncode) == ("2", 1)
    workers = [subprocess.Popen([*command, "lives"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        one = budget("1500tokens")
        for _ in range(600):
            if state(one)["tokens"] + sum(hold["tokens"] for hold in held(one)) > 1300:
                break
            time.sleep(0.05)
        assert state(one)["tokens"] + sum(hold["tokens"] for hold in held(one)) <= 1500
        assert len(held(one)) >= 1
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def test_an_event_loop_is_told_to_come_again(budget):
    one = budget("300tokens")

    async def ask():
        while True:
            try:
                with calling(in_loop=True):
                    hold = take(one, max_tokens=100)
                    break
            except NoRoomYet:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        answer(hold, 10, 20)

    async def several():
        return await asyncio.wait_for(asyncio.gather(*(ask() for _ in range(9))), 20)

    asyncio.run(several())
    assert state(one)["tokens"] == 270


# -- files ------------------------------------------------------------------------------------------------------


def test_what_runs_of_yesterday_left_behind_is_removed(budget, tmp_path):
    one = budget("9requests")
    take(one)
    old = one._path.with_name("old.json")
    old.write_text("{}")
    os.utime(old, (1, 1))
    budget("9requests", run="next")
    assert not old.exists()
    assert one._path.exists()
