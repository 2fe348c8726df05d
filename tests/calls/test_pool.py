"""The bounded pool, the pace of a host, and the breaker: what a host sees, and never how long it took."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.calls.breaker import MOST_EQUAL, Breaker
from pytest_llm.calls.limiter import LONGEST_PAUSE_S, SMALLEST_WINDOW, Limiter
from pytest_llm.calls.pool import Job, Pool
from pytest_llm.errors import CallFailed

HOST = "http://model.invalid"

# -- the pace of a host, by a clock of its own ------------------------------------------------------------------


def storm(most, requests, rate, burst, latency, told):
    """A host that lets `rate` requests a second through, and bursts: seconds that it took, and how many it refused.

    `told`: what it says with a refusal, from the seconds until it would take another.
    """
    limiter, now, tokens, filled = Limiter(most), 0.0, float(burst), 0.0
    events, waiting, done, refused = [], requests, 0, 0
    while done < requests:
        wait = limiter.wait(now) if waiting else None
        if wait == 0:
            limiter.start(now)
            waiting -= 1
            tokens, filled = min(burst, tokens + (now - filled) * rate), now
            taken = tokens >= 1
            tokens -= taken
            after = None if taken else told((1 - tokens) / rate)
            heapq.heappush(events, (now + (latency if taken else 0.002), now, taken, after or 0.0, after is None))
            continue
        next_event = events[0][0] if events else float("inf")
        if wait is not None and now + wait < next_event:
            now += wait
            continue
        now, started, taken, after, is_silent = heapq.heappop(events)
        if taken:
            done += 1
            limiter.succeed(now, started)
        else:
            refused, waiting = refused + 1, waiting + 1
            limiter.refuse(now, started, None if is_silent else after)
    return now, refused


@pytest.mark.parametrize("most", [16, 64])
@pytest.mark.parametrize("told", [lambda seconds: seconds, lambda _: None], ids=["retry-after", "silent"])
def test_a_host_that_refuses_is_asked_nearly_as_fast_as_it_lets(most, told):
    seconds, refused = storm(most, 2000, rate=100, burst=10, latency=0.05, told=told)
    assert seconds < 1.25 * (2000 - 10) / 100
    assert refused < 0.05 * 2000


def test_whole_seconds_that_a_host_asks_for_cost_few_pauses():
    seconds, refused = storm(16, 2000, rate=100, burst=10, latency=0.05, told=lambda _: 1.0)
    assert seconds < 1.4 * (2000 - 10) / 100
    assert refused < 0.05 * 2000


def test_a_host_that_refuses_nothing_is_asked_at_the_bound():
    seconds, refused = storm(16, 320, rate=1e9, burst=1e9, latency=0.5, told=lambda _: None)
    assert refused == 0
    assert seconds == pytest.approx(320 / 16 * 0.5, rel=0.05)


def test_a_refusal_halves_the_window_once_for_all_that_were_in_flight():
    limiter = Limiter(16)
    for _ in range(16):
        limiter.start(0.0)
    for _ in range(8):
        limiter.refuse(1.0, 0.0, None)
    assert limiter.window == 8
    assert limiter.in_flight == 8


def test_what_was_let_through_of_a_storm_is_an_upper_bound():
    limiter = Limiter(16)
    for _ in range(16):
        limiter.start(0.0)
    for _ in range(14):
        limiter.refuse(1.0, 0.0, None)
    assert limiter.window == 2


@pytest.mark.parametrize(("asked", "waits"), [(2.5, 2.5), (0.0, 0.0), (1e9, LONGEST_PAUSE_S)])
def test_the_seconds_that_a_host_asks_for_are_waited(asked, waits):
    limiter = Limiter(4)
    limiter.start(0.0)
    limiter.refuse(1.0, 0.0, asked)
    assert limiter.wait(1.0) == pytest.approx(waits)


def test_the_window_grows_back_to_the_bound_and_not_beyond():
    limiter, now = Limiter(4), 0.0
    limiter.start(now)
    limiter.refuse(now + 0.01, now, None)
    for _ in range(2000):
        now += 0.1
        limiter.start(now)
        limiter.succeed(now + 0.05, now)
    assert limiter.window == 4


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["start", "succeed", "refuse", "fail"]), st.floats(0, 2), st.none() | st.floats(0, 100)
        )
    ),
    st.integers(1, 64),
)
def test_whatever_comes_the_window_stays_within_its_bounds(events, most):
    limiter, now, open_ = Limiter(most), 0.0, []
    for kind, passed, after in events:
        now += passed
        if kind == "start" and limiter.wait(now) is not None:
            limiter.start(now)
            open_.append(now)
        elif kind == "succeed" and open_:
            limiter.succeed(now, open_.pop(0))
        elif kind == "refuse" and open_:
            limiter.refuse(now, open_.pop(0), after)
        elif kind == "fail" and open_:
            open_.pop()
            limiter.fail()
        assert SMALLEST_WINDOW <= limiter.window <= most
        assert limiter.in_flight == len(open_) <= most
        assert limiter.wait(now) is None or limiter.wait(now) >= 0


# -- the pool ---------------------------------------------------------------------------------------------------


class Host:
    """Counts how many are at it at once; what it does with them, it does when told."""

    def __init__(self, pool, name=HOST):
        self.pool, self.name = pool, name
        self.now = self.peak = 0
        self.order = []
        self._lock = threading.Lock()

    def job(self, number, times=1, seconds=0.05):
        def work():
            for _ in range(times):
                with self.pool.turn(self.name) as turn:
                    with self._lock:
                        self.order.append(number)
                        self.now += 1
                        self.peak = max(self.peak, self.now)
                    time.sleep(seconds)
                    with self._lock:
                        self.now -= 1
                    turn.outcome = "replied"

        return Job(self.name, work)


@pytest.fixture
def pool():
    made = Pool(4)
    yield made
    made.close(5)


def test_jobs_run_at_once_bounded_and_begin_in_their_order(pool):
    host = Host(pool)
    jobs = [host.job(number) for number in range(20)]
    for job in jobs:
        pool.submit(job)
    for job in jobs:
        job.wait()
    assert host.peak == 4
    assert all(abs(place - number) <= 4 for place, number in enumerate(host.order))


def test_who_asks_beside_the_pool_is_within_the_same_bound(pool):
    host = Host(pool)
    jobs = [host.job(number, times=3) for number in range(6)]
    for job in jobs:
        pool.submit(job)
    host.job("beside", times=3).run()
    for job in jobs:
        job.wait()
    assert host.peak == 4


def test_no_job_begins_in_the_place_of_who_asks_beside_the_pool():
    pool, begun = Pool(1), threading.Event()
    job = Job(HOST, begun.set)
    with pool.turn(HOST) as turn:
        pool.submit(job)
        assert not begun.wait(0.1)
        turn.outcome = "replied"
    job.wait()
    assert begun.is_set()
    pool.close(5)


def test_a_host_that_is_slowed_down_holds_no_other_up(pool):
    slow, quick = Host(pool, "http://slow.invalid"), Host(pool, "http://quick.invalid")
    with pool.turn(slow.name) as turn:
        turn.outcome, turn.retry_after = "refused", 30.0
    for number in range(4):
        pool.submit(slow.job(number))
        time.sleep(0.05)  # so that all threads but one have looked, and wait
    jobs = [quick.job(number) for number in range(4)]
    for job in jobs:
        pool.submit(job)
    for job in jobs:
        job.wait()
    assert len(quick.order) == 4
    assert slow.order == []
    while pool.in_flight > 1:  # a thread gives its turn back after its job has ended
        time.sleep(0.001)
    assert slow.order == []  # one waits for its moment


def test_a_place_that_was_taken_is_given_back_where_the_host_refuses_meanwhile():
    now = [0.0]
    pool = Pool(4, clock=lambda: now[0])
    assert pool._reserved(HOST) == 0
    assert pool._reserved(HOST) == pytest.approx(0.001)
    first = pool._begun(HOST)
    first.outcome, first.retry_after = "refused", 5.0
    pool._ended(HOST, first)
    now[0] = 0.001
    assert pool._begun(HOST) is None
    assert pool.in_flight == 0


def test_nothing_begins_while_it_is_paused(pool):
    host = Host(pool)
    pool.pause()
    jobs = [host.job(number) for number in range(4)]
    for job in jobs:
        pool.submit(job)
    time.sleep(0.1)
    assert host.order == []
    pool.resume()
    for job in jobs:
        job.wait()
    assert sorted(host.order) == [0, 1, 2, 3]


def test_a_job_is_cancelled_before_it_begins_and_not_after(pool):
    begun, go_on = threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(5)

    running = Job(HOST, work)
    pool.submit(running)
    begun.wait(5)
    pool.pause()
    host = Host(pool)
    waiting = host.job(1)
    pool.submit(waiting)
    assert pool.cancel(waiting)
    waiting.wait()
    assert not pool.cancel(running)
    go_on.set()
    running.wait()
    pool.resume()
    last = host.job(2)
    pool.submit(last)
    last.wait()
    assert host.order == [2]


def test_a_pool_that_is_closed_runs_nothing_and_leaves_nobody_waiting():
    pool = Pool(1)
    host = Host(pool)
    jobs = [host.job(number, seconds=0.05) for number in range(5)]
    for job in jobs:
        pool.submit(job)
    while not host.order:
        time.sleep(0.001)
    pool.close(5)
    late = host.job("late")
    pool.submit(late)
    for job in [*jobs, late]:
        job.wait()
    assert host.order == [0]


def test_a_task_waits_for_its_turn_without_blocking_its_loop(pool):
    peak = now = 0

    async def ask():
        nonlocal peak, now
        async with pool.aturn(HOST) as turn:
            now += 1
            peak = max(peak, now)
            await anyio.sleep(0.1)
            now -= 1
            turn.outcome = "replied"

    async def main():
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(ask)

    anyio.run(main)
    assert peak == 4


# -- the breaker ------------------------------------------------------------------------------------------------


def failed(status=None, what="no way", code=None):
    problem = CallFailed(what)
    problem.status, problem.code = status, code
    return problem


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def breaker():
    return Breaker(Clock())


def one_by_one(breaker, *failures, seconds=1.0):
    for one in failures:
        started = breaker.clock.now
        breaker.clock.now += seconds
        breaker.fail(one, started)


def test_calls_that_fail_the_same_way_again_and_again_are_the_last(breaker):
    for _ in range(MOST_EQUAL):
        breaker.check()
        one_by_one(breaker, failed(503, "broken"))
    with pytest.raises(CallFailed, match="not asked: 5 calls in a row failed in the same way: broken"):
        breaker.check()
    one_by_one(breaker, failed(None, "not asked"))
    with pytest.raises(CallFailed, match="not asked"):
        breaker.check()


@pytest.mark.parametrize(
    "failures",
    [
        [failed(400)] * 9,
        [failed(500), failed(503)] * 5,
        [failed(None, "connection refused"), failed(None, "timed out")] * 5,
        [failed(429, code="a"), failed(429, code="b")] * 5,
    ],
)
def test_failures_of_one_request_or_of_several_kinds_do_not_stop_it(breaker, failures):
    one_by_one(breaker, *failures)
    breaker.check()


def test_an_answer_in_between_starts_the_count_again(breaker):
    for _ in range(3):
        one_by_one(breaker, *[failed(500)] * (MOST_EQUAL - 1))
        breaker.succeed()
    breaker.check()


def test_a_moment_that_fails_all_that_are_in_flight_is_not_the_end(breaker):
    """Sixteen at once, each time."""
    for _ in range(MOST_EQUAL - 1):
        started = breaker.clock.now
        for _ in range(16):
            breaker.clock.now += 0.05
            breaker.fail(failed(503), started)
    breaker.check()


@pytest.mark.parametrize(("one", "seconds"), [(failed(401), 0.1), (failed(404), 0.1), (failed(None, "timed out"), 60)])
def test_a_refused_key_and_time_outs_say_enough_at_once(breaker, one, seconds):
    breaker.clock.now = seconds
    for _ in range(MOST_EQUAL):
        breaker.fail(one, 0.0)
    with pytest.raises(CallFailed, match="not asked"):
        breaker.check()


# -- who waits, and is interrupted -----------------------------------------------------------------------------


def test_who_is_interrupted_while_it_waits_gives_its_place_back(monkeypatch):
    pool = Pool(1)
    with pool.turn(HOST) as turn:
        turn.outcome, turn.retry_after = "refused", 0.2

    def interrupted(seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), contextlib.ExitStack() as stack:
        patch.setattr(time, "sleep", interrupted)
        stack.enter_context(pool.turn(HOST))
    assert pool.in_flight == 0

    async def cancelled():
        with anyio.move_on_after(0.05):
            async with pool.aturn(HOST):
                pass
        assert pool.in_flight == 0
        async with pool.aturn(HOST) as turn:
            turn.outcome = "replied"

    anyio.run(cancelled)


def test_a_pool_grows_with_what_waits_though_one_thread_is_idle():
    pool = Pool(16)
    host = Host(pool)
    first = host.job(0)
    pool.submit(first)
    first.wait()
    time.sleep(0.05)  # now it waits for work
    jobs = [host.job(number, seconds=0.2) for number in range(1, 17)]
    for job in jobs:
        pool.submit(job)
    for job in jobs:
        job.wait()
    assert host.peak > 8
    pool.close(5)


def test_a_host_that_has_refused_is_named_with_the_seconds_that_are_left():
    now = [0.0]
    pool = Pool(4, clock=lambda: now[0])
    assert pool.paused is None
    for host, seconds in ((HOST, 5.0), ("http://other.invalid", 9.0)):
        with pool.turn(host) as turn:
            turn.outcome, turn.retry_after = "refused", seconds
        now[0] += 1
    assert pool.paused == ("http://other.invalid", 8.0)
    now[0] = 60
    assert pool.paused is None


def test_who_finds_no_place_waits_for_one():
    pool = Pool(1)
    begun, order = threading.Event(), []

    def first():
        with pool.turn(HOST):
            begun.set()
            time.sleep(0.6)  # longer than anybody waits without looking
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait(5)
    with pool.turn(HOST) as turn:
        order.append("second")
        turn.outcome = "replied"
    thread.join()
    assert order == ["first", "second"]


def test_a_pause_that_a_host_asks_for_is_waited_again_by_who_had_a_place(monkeypatch):
    pool, sleep = Pool(4), time.sleep

    def refused_meanwhile(seconds):
        monkeypatch.setattr(time, "sleep", sleep)
        other = pool._begun(HOST)
        other.outcome, other.retry_after = "refused", 0.05
        pool._ended(HOST, other)

    assert pool._reserved(HOST) == 0  # the other one
    monkeypatch.setattr(time, "sleep", refused_meanwhile)
    with pool.turn(HOST) as turn:
        assert pool.paused is None
        assert pool.in_flight == 1
        turn.outcome = "replied"
    assert pool.in_flight == 0


def test_a_task_that_had_a_place_waits_a_pause_too(monkeypatch):
    pool, sleep = Pool(4), anyio.sleep

    async def refused_meanwhile(seconds):
        monkeypatch.setattr(anyio, "sleep", sleep)
        other = pool._begun(HOST)
        other.outcome, other.retry_after = "refused", 0.05
        pool._ended(HOST, other)

    async def main():
        async with pool.aturn(HOST) as turn:
            assert (pool.paused, pool.in_flight) == (None, 1)
            turn.outcome = "replied"

    assert pool._reserved(HOST) == 0  # the other one
    monkeypatch.setattr(anyio, "sleep", refused_meanwhile)
    anyio.run(main)
    assert pool.in_flight == 0


def test_going_on_without_a_pause_changes_nothing(pool):
    pool.resume()
    host = Host(pool)
    job = host.job(1, seconds=0.3)  # longer than anybody waits without looking
    pool.submit(job)
    job.wait()
    assert (host.order, host.now) == ([1], 0)
    assert pool.breaker(HOST) is pool.breaker(HOST)
