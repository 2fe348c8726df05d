"""Asked ahead: at once, in order, bounded, at the host's pace; and for nobody who would not have asked.

What is asserted is how many requests there were and how many at once, as the endpoint saw it, never how long it took.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from slow_endpoint import TEST, Endpoint


@pytest.fixture
def ahead(project, serve):
    """A project of 24 cases beside a slow endpoint; `ahead.endpoint` counts."""

    def begin(text=TEST, **options):
        project.endpoint = Endpoint(**options)
        project.server = serve(project.endpoint)
        project.use(project.server)
        project.write("test_it.py", text)
        return project

    project.begin = begin
    return project


def live(project, *arguments, concurrency=4):
    return project.run("--llm-live", f"--llm-concurrency={concurrency}", *arguments)


def asked(project):
    return sorted(project.endpoint.names)


NAMES = [f"c{number:02}" for number in range(24)]


def goes_on(body):
    """Whether a request is a later one of a conversation."""
    return len(body["messages"]) > 1


# -- at once, and bounded ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["--llm-live", "--llm-record", "--llm-rerecord", "--llm-verify"])
def test_requests_are_sent_at_once_and_each_once_in_the_order_of_the_items(ahead, mode):
    ahead.begin()
    ahead.run(mode, "--llm-concurrency=4").assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    assert asked(ahead) == NAMES
    places = [ahead.endpoint.names.index(name) for name in NAMES]
    assert all(abs(place - number) < 8 for number, place in enumerate(places))


def test_what_was_asked_ahead_is_recorded_and_replays(ahead):
    ahead.begin()
    result = ahead.record("--llm-concurrency=8")
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["0 exchanges replayed, 24 recorded*"])
    assert not list(ahead.path.glob(".pytest_llm/journals/*"))
    ahead.run().assert_outcomes(passed=24)
    ahead.record().stdout.fnmatch_lines(["24 exchanges replayed, nothing asked*"])
    assert asked(ahead) == NAMES


def test_a_replay_and_a_collection_ask_nothing(ahead):
    ahead.begin()
    live(ahead, "--collect-only")
    live(ahead, "--setup-plan")
    ahead.run()
    assert asked(ahead) == []


def test_with_a_concurrency_of_one_each_is_asked_when_its_test_runs(ahead):
    live(ahead.begin(hold=1), concurrency=1).assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 1
    assert ahead.endpoint.names == NAMES


def test_the_ini_file_may_say_it(ahead):
    ahead.begin(hold=2)
    ahead.run("--llm-live", "-o", "llm_concurrency=2").assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 2


@pytest.mark.parametrize("said", ["0", "x", "", "2000", "-3", "1.5"])
def test_a_concurrency_that_is_none_is_refused(ahead, said):
    result = live(ahead.begin(), concurrency=said)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--llm-concurrency takes a whole number from 1 to 1000, not '{said}'"])


def test_samples_and_variants_ride_the_same_pool(ahead):
    text = TEST.replace("(prompt, ", "(variants={'a': prompt, 'b': prompt.replace(temperature=1)}, ")
    live(ahead.begin(text.replace("range(24)", "range(4)")), "--llm-samples=3").assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    assert asked(ahead) == sorted(NAMES[:4] * 6)


def test_async_tests_find_their_replies_too(ahead):
    live(ahead.begin(TEST.replace("def test_greets", "async def test_greets"))).assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    assert asked(ahead) == NAMES


def test_a_dialogue_is_asked_turn_by_turn_and_its_cases_at_once(ahead):
    text = TEST.replace(
        'user="Greet {{ name }}"',
        'messages=[{"role": "user", "content": "Greet {{ name }}"}, {"role": "assistant"},'
        ' {"role": "user", "content": "Once more {{ name }}"}]',
    )
    live(ahead.begin(text, of=goes_on)).assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    assert asked(ahead) == sorted(NAMES * 2)


# -- only what will be used -------------------------------------------------------------------------------------


def test_after_a_failure_that_stops_the_run_no_more_was_asked_than_was_in_flight(ahead):
    text = TEST.replace("    pass", "    assert 'c05' not in llm_response.text")
    live(ahead.begin(text), "-x").assert_outcomes(passed=5, failed=1)
    assert 6 <= len(asked(ahead)) <= 6 + 4


def test_what_is_deselected_is_not_asked(ahead):
    live(ahead.begin(hold=3), "-k", "c03 or c07 or c11").assert_outcomes(passed=3, deselected=21)
    assert asked(ahead) == ["c03", "c07", "c11"]


@pytest.mark.parametrize(
    "mark",
    ["pytest.mark.skip", "pytest.mark.skipif(True, reason='no')", "pytest.mark.xfail(run=False)"],
)
def test_what_is_marked_to_be_skipped_is_not_asked(ahead, mark):
    ahead.begin(TEST + TEST.partition("@")[1] + TEST.partition("@")[2].replace("test_greets", "test_no") + "\n")
    path = ahead.path / "test_it.py"
    text = path.read_text()
    head, _, tail = text.rpartition("@pytest.mark.llm")
    path.write_text(f"{head}@{mark}\n@pytest.mark.llm{tail.replace('Greet', 'Skip')}")
    live(ahead)
    assert asked(ahead) == NAMES


def test_a_test_that_skips_by_itself_is_not_asked_for_any_more(ahead):
    text = TEST.replace("def test_greets(llm_response)", "def test_greets(odd, llm_response)")
    text += "\n@pytest.fixture\ndef odd(llm_case):\n    pytest.skip() if int(llm_case.id[1:]) % 2 else None\n"
    live(ahead.begin(text)).assert_outcomes(passed=12, skipped=12)
    extra = [name for name in asked(ahead) if int(name[1:]) % 2]
    assert len(extra) <= 4 * 4
    assert sorted(set(asked(ahead)) - set(extra)) == NAMES[::2]
    assert ahead.endpoint.names[-3:] == NAMES[-6::2]  # one after the other


def test_tests_of_ordinary_code_are_not_asked_ahead(ahead):
    text = TEST.replace("llm_response", "llm_client, llm_case").replace(", graders=[contains('Hello')]", "")
    text = text.replace(', graders=[contains("Hello")]', "").replace("prompt, cases", "cases")
    text = text.replace(
        "    pass",
        "    message = {'role': 'user', 'content': f'Greet {llm_case.id}'}\n"
        "    llm_client.chat.completions.create(model='tiny', messages=[message])",
    )
    live(ahead.begin(text, hold=1)).assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 1


def test_a_budget_is_asked_for_before_each_request(ahead):
    ahead.begin()
    result = live(ahead, "--llm-budget=5requests")
    assert result.parseoutcomes() == {"passed": 5, "errors": 19}
    assert len(asked(ahead)) == 5


# -- what a fixture changes -------------------------------------------------------------------------------------


def test_an_address_that_a_session_fixture_sets_is_the_only_one_that_is_asked(ahead, serve):
    other = Endpoint()
    address = serve(other).url
    fixture = f"""
@pytest.fixture(scope="session", autouse=True)
def address():
    import os
    os.environ["OPENAI_BASE_URL"] = {address!r}
"""
    live(ahead.begin(TEST + fixture)).assert_outcomes(passed=24)
    assert asked(ahead) == []
    assert (sorted(other.names), other.peak) == (NAMES, 4)


def test_a_test_whose_session_fixture_is_not_set_up_yet_is_not_asked_for(ahead, serve):
    other = Endpoint()
    address = serve(other).url
    fixture = f"""
@pytest.fixture(scope="session")
def address():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", {address!r})
        yield
"""
    ahead.begin(TEST.replace("range(24)", "range(8)"))
    later = TEST.replace("Greet", "Meet").replace("(llm_response)", "(address, llm_response)")
    ahead.write("test_later.py", later.replace("range(24)", "range(8)") + fixture)
    live(ahead).assert_outcomes(passed=16)
    assert (asked(ahead), sorted(other.names)) == (NAMES[:8], NAMES[:8])


def test_an_address_of_one_module_is_not_asked_what_another_module_asks(ahead, serve):
    other = Endpoint()
    address = serve(other).url
    fixture = f"""
@pytest.fixture(scope="module", autouse=True)
def address():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", {address!r})
        yield
"""
    ahead.begin(TEST + fixture)
    ahead.write("test_later.py", TEST.replace("Greet", "Meet"))
    ahead.write("test_before.py", TEST.replace("Greet", "Leave"))
    live(ahead).assert_outcomes(passed=72)
    assert asked(ahead) == sorted(NAMES * 2)
    assert sorted(other.names) == NAMES
    assert (ahead.endpoint.peak, other.peak) == (4, 4)


def test_an_address_that_a_fixture_of_each_test_sets_is_found_when_it_asks(ahead, serve):
    other = Endpoint()
    address = serve(other).url
    fixture = f"""
@pytest.fixture(autouse=True)
def address(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", {address!r})
    yield
"""
    ahead.begin(TEST + fixture)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert sorted(other.names) == NAMES
    assert asked(ahead) == []  # what is asked ahead has the surroundings of the test that runs


def test_a_reply_of_an_address_that_is_left_is_not_used(ahead, serve):
    other = Endpoint(said=lambda name, number: f"Hello from the other, {name}!")
    address = serve(other).url
    fixture = f"""
@pytest.fixture(autouse=True)
def address(monkeypatch, llm_case):
    if llm_case.id > "c05":
        monkeypatch.setenv("OPENAI_BASE_URL", {address!r})
"""
    text = TEST.replace("    pass", "    assert ('other' in llm_response.text) == (llm_response.text[-4:-1] > 'c05')")
    ahead.begin(text + fixture)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert sorted(other.names) == NAMES[6:]
    assert len(asked(ahead)) <= 6 + 4 * 4
    ahead.run().assert_outcomes(passed=24)
    assert "from the other" not in ahead.cassettes()["cassettes/test_it/test_greets/c05.yaml"]
    assert all("from the other" in text for path, text in ahead.cassettes().items() if path[-8:] > "c05.yaml")


@pytest.mark.parametrize("how", ["parameters", "setup_module", "setup_class"])
def test_a_server_that_wider_fixtures_put_behind_the_same_address_is_the_one_that_answers(ahead, how):
    """Each part of the suite has to be answered by its own server."""
    suites = {
        "parameters": """
@pytest.fixture(scope="session", params=["llama", "qwen"], autouse=True)
def server(request):
    with serving(request.param):
        yield request.param

@pytest.mark.llm(prompt, cases=CASES)
def test_greets(llm_response, server):
    assert server in llm_response.text
""",
        "setup_module": """
def setup_module():
    stack.enter_context(serving("ours"))

def teardown_module():
    stack.close()

@pytest.mark.llm(prompt, cases=CASES)
def test_greets(llm_response):
    assert "ours" in llm_response.text
""",
        "setup_class": """
class TestOne:
    @classmethod
    def setup_class(cls):
        stack.enter_context(serving("one"))

    @classmethod
    def teardown_class(cls):
        stack.close()

    @pytest.mark.llm(prompt, cases=CASES)
    def test_greets(self, llm_response):
        assert "one" in llm_response.text

@pytest.mark.llm(prompt, cases=CASES)
def test_greets(llm_response):
    assert "Hello, " in llm_response.text
""",
    }
    who = ahead.path / "who.txt"
    ahead.begin(hold=1)
    head = TEST.partition("@pytest.mark.llm")[0].replace("range(24)", "range(6)")
    head += f"""
import contextlib, pathlib
stack, WHO = contextlib.ExitStack(), pathlib.Path({str(who)!r})

@contextlib.contextmanager
def serving(name):
    WHO.write_text(f"Hello from {{name}}!")
    yield
    WHO.write_text("")
"""
    who.write_text("")
    ahead.endpoint.said = lambda name, number: who.read_text() or f"Hello, {name}!"
    ahead.write("test_it.py", head + suites[how])
    ahead.write("test_later.py", TEST.replace("range(24)", "range(6)"))
    result = live(ahead)
    assert set(result.parseoutcomes()) == {"passed"}


def test_a_project_whose_response_comes_from_elsewhere_is_not_asked_for(ahead):
    """Its fixture `llm_response` asks for another case than the marker says."""
    fixture = """
@pytest.fixture
def llm_response(llm_prompt, llm_client):
    return llm_prompt.ask(llm_client, name="nobody")
"""
    ahead.begin(TEST + fixture, hold=1)
    ahead.write("test_before.py", TEST.replace("range(24)", "range(2)"))
    live(ahead, concurrency=2).assert_outcomes(passed=26)
    assert set(asked(ahead)) == {"nobody", "c00", "c01"}


# -- what is in the way of others -------------------------------------------------------------------------------


def test_what_is_logged_ahead_is_in_nobody_elses_log(ahead):
    text = (
        TEST
        + """
@pytest.mark.llm(prompt.replace(temperature=1), cases=CASES, graders=[contains("Hello")])
def test_more(llm_response):
    pass
"""
    )
    first, _, rest = text.partition("@pytest.mark.llm(prompt.")
    watch = """
def test_watches(caplog):
    import logging, time
    caplog.set_level(logging.DEBUG)
    time.sleep(0.5)
    assert not caplog.records
"""
    ahead.begin(first + watch + "\n@pytest.mark.llm(prompt." + rest, seconds=0.02, hold=2)
    result = live(ahead, "-k", "c00 or c01 or c02 or c03 or watches", "--log-level=DEBUG", concurrency=2)
    result.assert_outcomes(passed=9, deselected=40)


@pytest.mark.parametrize("how", ["marker", "option"])
def test_a_test_that_is_kept_from_the_network_keeps_nobody_else_from_it(ahead, how):
    """By pytest-socket: one test, or all hosts but this one, which it does by patches of each test."""
    text = (
        TEST.replace("range(24)", "range(4)")
        + """
@pytest.mark.disable_socket
def test_blocked():
    import socket, time
    from pytest_socket import SocketBlockedError
    with pytest.raises(SocketBlockedError):
        socket.socket()
    time.sleep(0.5)

@pytest.mark.llm(prompt.replace(temperature=1), cases=CASES, graders=[contains("Hello")])
def test_later(llm_response):
    pass
"""
    )
    ahead.begin(text, seconds=0.2, hold=2 if how == "marker" else 1)
    options = () if how == "marker" else ("--allow-hosts=127.0.0.1",)
    live(ahead, *options, concurrency=2).assert_outcomes(passed=9)
    assert asked(ahead) == sorted(NAMES[:4] * 2)


def test_an_unmarked_test_between_runs_with_the_network_as_it_is(ahead):
    text = (
        TEST.replace("range(24)", "range(4)")
        + """
def test_between():
    import httpx2, os, time
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Greet between"}]}
    for _ in range(5):
        assert "between" in httpx2.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body).text

@pytest.mark.llm(prompt.replace(temperature=1), cases=CASES, graders=[contains("Hello")])
def test_later(llm_response):
    pass
"""
    )
    ahead.begin(text, hold=2)
    ahead.record("--llm-concurrency=2").assert_outcomes(passed=9)
    assert asked(ahead) == sorted(NAMES[:4] * 2 + ["between"] * 5)
    assert not any("between" in text for text in ahead.cassettes().values())


def test_a_run_again_of_an_item_asks_again(ahead):
    """By pytest-rerunfailures."""
    text = TEST.replace("    pass", "    ROUNDS.append(1)\n    assert len(ROUNDS) % 2 == 0")
    live(ahead.begin(f"ROUNDS = []{text}"), "--reruns=1").assert_outcomes(passed=24)
    assert asked(ahead) == sorted(NAMES * 2)


def test_a_test_that_freezes_time_stops_no_clock_of_what_is_asked_ahead(ahead):
    """By freezegun, for the whole of each body: the requests that are in flight meanwhile took what they took."""
    text = TEST.replace(
        "    pass",
        """    import datetime, freezegun, time
    sleep = time.sleep
    with freezegun.freeze_time("2001-01-01"):
        frozen, _ = time.monotonic(), sleep(0.1)
        assert (frozen, datetime.date.today().year) == (time.monotonic(), 2001)""",
    )
    ahead.begin(text, seconds=0.2, hold=2)
    ahead.record("--llm-concurrency=2").assert_outcomes(passed=24)
    assert (asked(ahead), ahead.endpoint.peak) == (NAMES, 2)
    told = [re.search(r"latency_ms: (\d+)", one) for one in ahead.cassettes().values()]
    assert len(told) == 24
    assert all(one and 190 <= int(one[1]) < 60_000 for one in told)


FORKING = """
import json, os, pytest
from _pytest.runner import runtestprotocol

def pytest_configure(config):
    config.addinivalue_line("markers", "forked: in a process of its own")

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    if not ALL and item.get_closest_marker("forked") is None:
        return None
    hook, config = item.ihook, item.config
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reader, writer = os.pipe()
    if not os.fork():
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        told = [hook.pytest_report_to_serializable(config=config, report=one) for one in reports]
        with open(writer, "w") as file:
            json.dump(told, file)
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        for one in json.load(file):
            hook.pytest_runtest_logreport(report=hook.pytest_report_from_serializable(config=config, data=one))
    os.wait()
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""
"""What pytest-forked does, whose --forked runs no test of pytest 9.2: it cannot send its reports."""
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@forks
def test_an_item_that_runs_in_a_fork_asks_by_itself(ahead):
    """A fork has none of the threads; what one asked for items to come would die with it."""
    ahead.write("conftest.py", FORKING.replace("ALL", "True"))
    ahead.begin(TEST.replace("range(24)", "range(4)"), hold=1)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=4)
    assert (ahead.endpoint.names, ahead.endpoint.peak) == (NAMES[:4], 1)
    ahead.run().assert_outcomes(passed=4)
    assert asked(ahead) == NAMES[:4]


@forks
def test_a_fork_beside_requests_in_flight_waits_for_none_of_them(ahead):
    """Their replies come to its parent alone: to it, they would be in flight for ever."""
    ahead.write("conftest.py", FORKING.replace("ALL", "False"))
    forked = """
@pytest.mark.forked
@pytest.mark.llm(prompt.replace(temperature=1), cases=CASES[:2], graders=[contains("Hello")])
def test_forked(llm_response):
    pass
"""
    later = (
        forked.replace("temperature=1", "temperature=0.5")
        .replace("@pytest.mark.forked", "")
        .replace("forked", "later")
        .replace("[:2]", "")
    )
    ahead.begin(TEST.replace("range(24)", "range(8)").replace("cases=CASES", "cases=CASES[:1]") + forked + later)
    ahead.endpoint.seconds = 0.4
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=11)
    assert asked(ahead) == sorted([*NAMES[:1], *NAMES[:2], *NAMES[:8]])  # a test that is marked so asks once, too
    ahead.run().assert_outcomes(passed=11)


def test_nothing_is_begun_while_somebody_looks_at_a_test(ahead):
    ahead.write(
        "looking.py",
        """
import pdb, time

class Looking(pdb.Pdb):
    def interaction(self, *arguments):
        time.sleep(0.3)                  # what is in flight comes back
        before = count()
        time.sleep(0.5)
        open("counted.txt", "w").write(f"{before} {count()}")
        self.onecmd("continue")

def count():
    return len(open("asked.txt").readlines())
""",
    )
    ahead.begin(TEST.replace("    pass", "    assert 'c02' not in llm_response.text"), hold=2)
    script = ahead.endpoint.said

    def said(name, number):
        with (ahead.path / "asked.txt").open("a") as file:
            file.write(f"{name}\n")
        return script(name, number)

    ahead.endpoint.said = said
    ahead.write("asked.txt", "")
    live(ahead, "--pdb", "--pdbcls=looking:Looking", "-p", "no:randomly", concurrency=2)
    before, after = map(int, (ahead.path / "counted.txt").read_text().split())
    assert before == after < 24
    assert asked(ahead) == NAMES


# -- failures ---------------------------------------------------------------------------------------------------


def test_a_failed_call_is_the_error_of_the_item_that_it_was_made_for(ahead):
    ahead.begin(
        said=lambda name, number: (400, {"error": {"message": "too odd"}}) if name == "c05" else f"Hello, {name}!"
    )
    result = live(ahead)
    assert result.parseoutcomes() == {"passed": 23, "errors": 1}
    result.stdout.fnmatch_lines(["*ERROR at setup of test_greets?c05?*", "the endpoint answered 400: 'too odd'"])
    assert asked(ahead) == NAMES


def test_a_refused_key_is_not_sent_two_hundred_times(ahead):
    ahead.begin(said=lambda name, number: (401, {"error": {"message": "no such key"}}))
    result = live(ahead)
    assert result.parseoutcomes() == {"errors": 24}
    assert len(asked(ahead)) < 5 + 4
    result.stdout.fnmatch_lines(
        [
            "*the endpoint refused the key (401): 'no such key'",
            "not asked: 5 calls in a row failed in the same way: the endpoint refused the key*",
        ]
    )


def test_a_dead_endpoint_is_given_up_after_a_few_calls(ahead):
    ahead.begin(TEST.replace("range(24)", "range(60)"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ahead._monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    result = live(ahead)
    assert result.parseoutcomes() == {"errors": 60}
    told = result.stdout.str()
    assert told.count("\nnot asked: 5 calls in a row failed in the same way") >= 60 - 5 * 4


def test_a_server_that_a_fixture_of_each_test_starts_may_be_away_before(ahead):
    """What could not be reached ahead says nothing of a test whose own fixture makes the endpoint answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ahead.write(
        "answering.py",
        """
import http.server, json

class Answering(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        name = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"][-1]["content"].split()[-1]
        message = {"role": "assistant", "content": f"Hello, {name}!"}
        body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        with open("asked.txt", "a") as file:
            file.write(f"{name} ")
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass
""",
    )
    fixture = f"""
@pytest.fixture(autouse=True)
def server(llm_case, waited=[]):
    import http.server, threading, time
    from answering import Answering
    if "local" not in llm_case.tags:
        yield
        return
    if not waited:
        waited.append(time.sleep(2))  # all tries of what is asked ahead have failed
    with http.server.ThreadingHTTPServer(("127.0.0.1", {port}), Answering) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield
        server.shutdown()

LOCAL = [{{**case, "tags": ["local"]}} for case in CASES]

@pytest.mark.llm(prompt.replace(base_url="http://127.0.0.1:{port}/v1"), cases=LOCAL, graders=[contains("Hello")])
def test_local(llm_response):
    pass
"""
    ahead.begin(TEST.replace("range(24)", "range(8)") + fixture)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=16)
    assert (ahead.path / "asked.txt").read_text().split() == NAMES[:8]
    assert asked(ahead) == NAMES[:8]


def test_a_moment_without_the_endpoint_is_not_the_end(ahead):
    """Calls that fail at once count once; each has its own retries."""
    away = time.monotonic() + 3

    def said(name, number):
        is_away = time.monotonic() < away and len(ahead.endpoint.names) < 12
        return (503, {"error": {"message": "back soon"}}) if is_away else f"Hello, {name}!"

    ahead.begin(said=said)
    outcomes = live(ahead).parseoutcomes()
    assert outcomes["passed"] >= 20


@pytest.mark.parametrize(("status", "change"), [(401, "api_key_env='BAD_KEY'"), (404, "model='no-such'")])
def test_a_refused_key_or_model_stops_no_other(ahead, status, change):
    ahead._monkeypatch.setenv("BAD_KEY", "a-key-that-is-refused")
    ahead.begin(TEST.replace("(prompt, ", f"(variants={{'bad': prompt.replace({change}), 'good': prompt}}, "))

    def script(body, number, answer=ahead.endpoint):
        answer(body, number)
        headers = ahead.server.headers[number - 1]
        is_bad = "a-key-that-is-refused" in headers["authorization"] or body["model"] == "no-such"
        return (status, {"error": {"message": "no"}}) if is_bad else "Hello!"

    ahead.server.script = script
    assert live(ahead).parseoutcomes() == {"passed": 24, "errors": 24}
    assert len(asked(ahead)) <= 24 + 5 + 4


def test_an_endpoint_that_refuses_too_many_is_asked_more_slowly_and_loses_no_item(ahead):
    lock, left = threading.Lock(), [6.0, time.monotonic()]

    def said(name, number):
        with lock:
            now = time.monotonic()
            left[0], left[1] = min(6.0, left[0] + (now - left[1]) * 60), now
            if left[0] < 1:
                return 429, {"error": {"message": "slow down"}}
            left[0] -= 1
        return f"Hello, {name}!"

    ahead.begin(TEST.replace("range(24)", "range(99)"), seconds=0.01, said=said)
    live(ahead, concurrency=16).assert_outcomes(passed=99)
    assert len(ahead.endpoint.names) < 99 * 1.4


def test_an_account_that_is_empty_is_no_matter_of_pace(ahead):
    empty = {"error": {"message": "pay first", "code": "insufficient_quota"}}
    ahead.begin(said=lambda name, number: (429, empty), hold=1)
    result = live(ahead, "-k", "c00")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["the endpoint answered 429: 'pay first'"])
    assert len(asked(ahead)) == 3


# -- corrections ------------------------------------------------------------------------------------------------

CORRECTED = (
    TEST.replace('user="Greet {{ name }}"', 'user="Greet {{ name }}", schema=dict').partition("@")[0]
    + """
@pytest.mark.llm(prompt, cases=CASES)
def test_corrects(llm_retry):
    assert llm_retry(CALL).require() == {"ok": True}
"""
)


@pytest.mark.parametrize("call", ["", "attempts=4", "attempts=4, feedback='generic'"])
def test_a_whole_chain_of_corrections_is_asked_ahead(ahead, call):
    seen = {}

    def said(name, number):
        return "no JSON" if seen.setdefault(name, number) == number and name in NAMES else '{"ok": true}'

    ahead.begin(CORRECTED.replace("CALL", call), said=said, of=goes_on)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    assert len(asked(ahead)) == 48
    result = ahead.run()
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["48 exchanges replayed, nothing asked*"])


def test_arms_are_compared_ahead(ahead):
    text = CORRECTED.replace(
        "llm_retry(CALL).require()", 'llm_retry.compare(arms=("resample", "errors"))["errors"].require()'
    )
    ahead.begin(text, said=lambda name, number: "no JSON" if name in NAMES else '{"ok": true}', of=goes_on)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    once = len(asked(ahead))
    ahead.run().assert_outcomes(passed=24)
    assert len(asked(ahead)) == once == 24 * 4  # the first, two resamples, one correction


@pytest.mark.parametrize("kind", ["acall", "acompare"])
def test_corrections_of_async_tests_are_asked_ahead(ahead, kind):
    text = CORRECTED.replace("def test", "async def test").replace("llm_retry(CALL)", f"(await llm_retry.{kind}())")
    text = text.replace(".require() == ", "['errors'].require() == " if kind == "acompare" else ".require() == ")
    ahead.begin(text, said=lambda name, number: "no JSON" if name in NAMES else '{"ok": true}')
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 4
    ahead.run().assert_outcomes(passed=24)


def test_what_a_test_says_only_when_it_runs_is_not_guessed(ahead):
    text = CORRECTED.replace("llm_retry(CALL)", "llm_retry(attempts=len('ab'))")
    seen = {}

    def said(name, number):
        return "no JSON" if seen.setdefault(name, number) == number and name in NAMES else '{"ok": true}'

    ahead.begin(text, said=said)
    live(ahead).assert_outcomes(passed=24)
    assert len(asked(ahead)) == 48
    assert ahead.endpoint.peak == 4  # of the first replies, which are the same whatever it says


def test_a_chain_that_a_loop_repeats_is_not_guessed(ahead):
    text = CORRECTED.replace(
        '    assert llm_retry(CALL).require() == {"ok": True}', "    for n in (1, 2):\n        llm_retry(attempts=n)"
    )
    live(ahead.begin(text, said=lambda name, number: '{"ok": true}', hold=1)).assert_outcomes(passed=24)
    assert ahead.endpoint.peak == 1
    assert len(asked(ahead)) == 48


# -- judges -----------------------------------------------------------------------------------------------------

JUDGED = (
    TEST.replace("import contains", "import contains, not_")
    .replace("import Prompt", "import Prompt, grader")
    .replace(
        "@pytest.mark",
        """
JUDGE = Prompt(name="judge", model="other", user="Is this kind? {{ answer }}", BASE)
calls = []

@grader(asks=ASKS)
def kind(output):
    calls.append(output.text)
    return "Hello" in JUDGE.ask(answer=output.text).text

@pytest.mark""",
        1,
    )
    .replace('[contains("Hello")]', "[kind]")
    .replace("(llm_response)", "(llm_response, llm_calls)")
)
JUDGED = JUDGED.replace("    pass", "    assert [call.role for call in llm_calls] == ['subject']")


@pytest.mark.parametrize("asks", [True, False])
def test_judges_are_asked_ahead_where_they_say_that_they_ask(ahead, asks, serve):
    other = Endpoint(hold=4 if asks else 1)
    text = JUDGED.replace("ASKS", str(asks)).replace("BASE", f"base_url={serve(other).url!r}")
    ahead.begin(text)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert (ahead.endpoint.peak, other.peak) == (4, 4 if asks else 1)
    assert sorted(other.names) == [f"{name}!" for name in NAMES]
    result = ahead.run()
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["48 exchanges replayed, nothing asked*"])


def test_a_judge_of_judges_is_asked_ahead_too(ahead):
    text = JUDGED.replace("ASKS", "True").replace("BASE", "").replace("[kind]", "[not_(not_(kind))]")
    ahead.begin(text)
    live(ahead).assert_outcomes(passed=24)
    assert len(asked(ahead)) == 48


def test_what_a_judge_asks_is_a_judges_call(ahead):
    text = (
        JUDGED.replace("ASKS", "True").replace("BASE", "")
        + """
@pytest.fixture(autouse=True)
def roles(llm_calls):
    yield
    assert [call.role for call in llm_calls] == ["subject", "judge"]
"""
    )
    live(ahead.begin(text)).assert_outcomes(passed=24)


def test_a_grader_that_asks_by_a_client_of_its_own_is_not_recorded_elsewhere(ahead):
    """Called ahead, its request is refused, and it asks when its test runs."""
    text = (
        JUDGED.replace("ASKS", "True")
        .replace("BASE", "")
        .replace(
            "JUDGE.ask(answer=output.text).text",
            "post(output.text)",
        )
    )
    text += """
def post(text):
    import os, openai
    message = {"role": "user", "content": f"Is this kind? {text}"}
    client = openai.OpenAI()
    return client.chat.completions.create(model="other", messages=[message]).choices[0].message.content
"""
    ahead.begin(text)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert len(asked(ahead)) == 48
    result = ahead.run()
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["48 exchanges replayed, nothing asked*"])


# -- ends -------------------------------------------------------------------------------------------------------


def started(project, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=project.path,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def until(endpoint, count):
    end = time.monotonic() + 60
    while len(endpoint.names) < count and time.monotonic() < end:
        time.sleep(0.005)


def test_a_run_that_is_killed_halfway_resumes_for_free(ahead):
    ahead.begin(seconds=0.1)
    process = started(ahead, "--llm-record", "--llm-concurrency=4", "-q")
    until(ahead.endpoint, 12)
    process.kill()
    process.communicate()
    time.sleep(0.2)  # what was in flight has ended
    before = len(asked(ahead))
    assert 12 <= before < 24
    result = ahead.record("--llm-concurrency=4")
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["*recovered from an earlier run, which was killed*"])
    again = len(asked(ahead)) - 24
    assert 0 <= again <= 4  # what was in flight, and no more
    assert sorted(set(asked(ahead))) == NAMES
    ahead.run().assert_outcomes(passed=24)


def test_a_run_that_is_interrupted_leaves_soon_and_keeps_what_it_has(ahead):
    ahead.begin(seconds=0.3)
    process = started(ahead, "--llm-record", "--llm-concurrency=4", "-q")
    until(ahead.endpoint, 9)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "KeyboardInterrupt" in told
    time.sleep(0.5)
    before = len(asked(ahead))
    assert 9 <= before <= 16
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert len(asked(ahead)) == 24  # what was in flight had its two seconds


def test_a_failure_that_stops_a_recording_run_keeps_what_was_in_flight(ahead):
    ahead.begin(TEST.replace("    pass", "    assert 'c05' not in llm_response.text"))
    ahead.record("-x", "--llm-concurrency=4").assert_outcomes(passed=5, failed=1)
    before = len(asked(ahead))
    assert len(ahead.cassettes()) == before
    ahead.write("test_it.py", TEST)
    ahead.record("--llm-concurrency=4").assert_outcomes(passed=24)
    assert asked(ahead) == NAMES


def test_a_reply_that_was_asked_ahead_is_put_over_none_that_a_test_was_judged_by(ahead):
    """A fixture that fails at first keeps a test from asking; run again, it uses what was asked for it."""
    text = (
        TEST.replace("(llm_response)", "(flaky, llm_response)")
        + """
@pytest.fixture
def flaky(llm_case, seen=[]):
    seen.append(llm_case.id)
    assert seen.count(llm_case.id) > 1 or llm_case.id != "c03"
"""
    )
    ahead.begin(text, said=lambda name, number: f"Hello, {name}! {number}")
    ahead.record("--reruns=2", "--llm-concurrency=4", "--llm-json=out.json").assert_outcomes(passed=24)
    assert asked(ahead) == NAMES
    outputs = {one["case"]: one["output"] for one in json.loads((ahead.path / "out.json").read_text())["results"]}
    for case, output in outputs.items():
        assert output in ahead.cassettes()[f"cassettes/test_it/test_greets/{case}.yaml"]


def test_what_was_asked_where_a_fixture_might_have_changed_it_is_not_kept_unused(ahead, serve):
    other = Endpoint(said=lambda name, number: f"Hello from the other, {name}!", hold=1)
    fixture = f"""
@pytest.fixture(autouse=True)
def address(monkeypatch, llm_case):
    if llm_case.id != "c00":
        monkeypatch.setenv("OPENAI_BASE_URL", {serve(other).url!r})
"""
    text = TEST.replace("    pass", "    assert 'c00' not in llm_response.text") + fixture
    ahead.begin(text)
    ahead.record("-x", "--llm-concurrency=4").assert_outcomes(failed=1)
    assert list(ahead.cassettes()) == ["cassettes/test_it/test_greets/c00.yaml"]
    assert not list(ahead.path.glob(".pytest_llm/journals/*.jsonl"))


# -- xdist ------------------------------------------------------------------------------------------------------


def test_workers_of_xdist_divide_the_bound_and_ask_each_request_once(ahead):
    ahead.begin()
    live(ahead, "-n2", concurrency=8).assert_outcomes(passed=24)
    assert asked(ahead) == NAMES
    assert 2 < ahead.endpoint.peak <= 8


def test_the_order_of_other_plugins_is_kept_to(ahead):
    ahead.begin()
    live(ahead, "-p", "randomly", "-p", "no:cacheprovider", "-o", "addopts=", "-p", "randomly").assert_outcomes(
        passed=24
    )
    assert asked(ahead) == NAMES


def test_what_was_wrong_is_said_without_our_traceback(ahead):
    ahead.begin(said=lambda name, number: (500, {"error": {"message": "broken"}}))
    ahead.endpoint._hold = 1
    told = live(ahead, "-k", "c00 or c01").stdout.str()
    assert re.search(r"the endpoint answered 500: 'broken'", told)
    assert "pytest_llm/" not in told
