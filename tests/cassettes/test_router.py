"""Which recorder a request belongs to."""

from __future__ import annotations

import contextvars
import gc
import queue
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from pytest_llm.calls.pool import NAME as POOL
from pytest_llm.cassettes import Desk, Hosts, Recorder, Router, Secrets, Shelf, asking, unrecorded
from pytest_llm.cassettes.socket_guard import SocketGuard
from pytest_llm.errors import CassetteMiss

DESK = Desk(mode="replay", state=Path("none"), secrets=lambda: Secrets.of({}), journal=lambda: None, shelf=Shelf())


def recorder(name):
    return Recorder(DESK, Path(name), shown=name, owner=f"test_x.py::{name}")


@pytest.fixture
def router():
    return Router(Hosts(), refuse=True)


def in_thread(action):
    """What a thread without any context gets; the context variable is absent there."""
    found = []

    def run():
        try:
            found.append(action())
        except CassetteMiss as miss:
            found.append(miss)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_the_item_that_runs_is_asked_for_from_any_thread(router):
    one = recorder("one")
    router.enter(one, "subject")
    assert router.asker("x").recorder is one
    assert in_thread(lambda: router.asker("x")).recorder is one


def test_what_asks_for_a_grader_says_so_and_only_there(router):
    one = recorder("one")
    router.enter(one, "subject")
    with asking(one, "judge"):
        assert router.asker("x").role == "judge"
        assert in_thread(lambda: router.asker("x")).role == "subject"
    assert router.asker("x").role == "subject"


def test_a_fixture_is_on_top_of_the_item_until_it_is_set_up(router):
    one, index = recorder("one"), recorder("index")
    router.enter(one, "subject")
    router.enter(index, "fixture")
    assert in_thread(lambda: router.asker("x")).recorder is index
    assert not router.is_last(index)
    router.leave(index)
    assert router.asker("x").recorder is one
    assert in_thread(lambda: router.asker("x")).recorder is one
    assert router.is_last(one)


def test_a_stale_context_belongs_to_the_item_that_runs(router):
    index, one = recorder("index"), recorder("one")
    router.enter(index, "fixture")
    then = contextvars.copy_context()
    router.leave(index)
    router.enter(one, "subject")
    assert then.run(router.asker, "x").recorder is one


def test_of_two_items_the_context_decides_and_without_one_neither_is_guessed(router):
    one, two = recorder("one"), recorder("two")
    router.enter(one, "subject")
    of_one = contextvars.copy_context()
    router.enter(two, "subject")
    assert of_one.run(router.asker, "x").recorder is one
    assert router.asker("x").recorder is two
    refused = in_thread(lambda: router.asker("POST /x"))
    assert refused.kind == "blocked"
    assert "POST /x was asked while several tests ran" in str(refused)
    assert router.refused == [refused]


def test_between_two_items_a_replay_lets_nothing_through_and_a_recording_run_does(router):
    with pytest.raises(CassetteMiss, match="POST /x was asked between two tests"):
        router.asker("POST /x")
    assert Router(Hosts(), refuse=False).asker("POST /x") is None
    assert router.is_idle


def left_behind(router, work):
    """Start a thread in one item, end the item, and ask from the thread in the next."""
    one, two, go, found = recorder("one"), recorder("two"), threading.Event(), []

    def run():
        work(go)
        try:
            found.append(router.asker("POST /x"))
        except CassetteMiss as miss:
            found.append(miss)

    router.enter(one, "subject")
    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.05)
    router.leave(one)
    router.enter(two, "subject")
    go.set()
    thread.join()
    router.leave(two)
    return found[0]


def busy(go):
    while not go.is_set():
        time.sleep(0.005)


def test_a_thread_that_an_item_left_at_work_is_refused_by_name(router):
    refused = left_behind(router, busy)
    assert "by a thread that test_x.py::one left at work" in str(refused)
    assert router.refused == [refused]


def for_a_queue(go):
    tasks = queue.Queue()
    threading.Thread(target=lambda: (go.wait(), tasks.put(1))).start()
    tasks.get()


@pytest.mark.parametrize("waits", [threading.Event.wait, for_a_queue])
def test_a_thread_that_waits_for_work_serves_whoever_asks_next(router, waits):
    assert left_behind(router, waits).recorder.owner == "test_x.py::two"


def started_before(router, work):
    """What a thread that was started before the first item gets when it asks in it."""
    go, found = threading.Event(), []

    def run():
        work(go)
        try:
            found.append(router.asker("POST /x"))
        except CassetteMiss as miss:
            found.append(miss)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.05)
    router.enter(recorder("one"), "subject")
    go.set()
    thread.join()
    return found[0]


def test_what_was_at_work_before_the_first_item_is_not_its_own(router):
    assert "by a thread that what ran before the test left at work" in str(started_before(router, busy))


def test_what_waited_before_the_first_item_serves_it(router):
    assert started_before(router, threading.Event.wait).recorder.owner == "test_x.py::one"


def test_a_thread_that_has_ended_its_work_serves_again(router):
    go, done = threading.Event(), threading.Event()

    def run():
        busy(go)
        done.wait()
        found.append(router.asker("x"))

    found = []
    thread = threading.Thread(target=run)
    one, two = recorder("one"), recorder("two")
    router.enter(one, "subject")
    thread.start()
    router.leave(one)
    go.set()
    time.sleep(0.05)
    router.enter(two, "subject")
    done.set()
    thread.join()
    assert found[0].recorder is two


# -- the guard of the sockets -----------------------------------------------------------------------------------


def test_the_addresses_of_an_ignored_host_pass_the_guard(monkeypatch):
    """Connecting sees addresses, and no names; nothing here goes to a network."""
    connected = []
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: connected.append(address))
    guard = SocketGuard(Router(Hosts(ignored=("db.invalid",)), refuse=True))
    guard.enter()
    try:
        with socket.socket() as sock:
            with pytest.raises(CassetteMiss, match=r"a connection to 203.0.113.7:443 was asked between two tests"):
                sock.connect(("203.0.113.7", 443))
            socket.getaddrinfo("db.invalid", 443)
            sock.connect(("203.0.113.7", 443))
    finally:
        guard.leave()
    assert connected == [("203.0.113.7", 443)]


# -- what is asked ahead ----------------------------------------------------------------------------------------


def test_what_is_recorded_by_whoever_sends_it_passes_here(router):
    url = "https://model.invalid/v1/chat/completions"
    assert router.records(url)
    with unrecorded():
        assert not router.records(url)
        assert in_thread(lambda: router.records(url))
    assert router.records(url)


def test_what_a_grader_asks_ahead_by_itself_is_given_to_nobody(router):
    ahead = Recorder(DESK, Path("two"), shown="two", owner="test_x.py::two", is_ahead=True)
    router.enter(recorder("one"), "subject")
    with asking(ahead, "judge"), pytest.raises(CassetteMiss, match="x was asked ahead of its test"):
        router.asker("x")
    assert router.refused == []  # its test will ask it


def test_threads_of_the_pool_are_at_nobodys_work(router):
    gate = threading.Event()
    thread = threading.Thread(target=lambda: [time.sleep(0.001) for _ in iter(gate.is_set, True)], name=f"{POOL}-1")
    thread.start()
    router.enter(recorder("one"), "subject")
    gate.set()
    thread.join()
    assert thread not in router._at_work


def test_a_process_of_one_thread_is_not_looked_at(router, monkeypatch):
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.current_thread()])
    monkeypatch.delattr(sys, "_current_frames")
    router.enter(recorder("one"), "subject")


def test_no_garbage_is_collected_while_python_walks_its_threads(router, monkeypatch):
    """Otherwise two threads may wait for each other for ever: CPython's issue 106883."""
    walked, frames = [], sys._current_frames
    monkeypatch.setattr(sys, "_current_frames", lambda: walked.append(gc.isenabled()) or frames())
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    router.enter(recorder("one"), "subject")
    gate.set()
    thread.join()
    assert walked == [False]
    assert gc.isenabled()
    gc.disable()
    try:
        router.leave(router._open[0].recorder)
        assert not gc.isenabled()
    finally:
        gc.enable()
