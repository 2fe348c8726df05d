"""What is asked, what it may cost, and what is compared: verify, dry run, budget, errors, normalising."""

from __future__ import annotations

import json
import re

import pytest

TEST = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains

prompt = Prompt(name="greet", model="tiny", user="Greet {{ name }}")
CASES = [{"id": name, "name": name} for name in ("Ann", "Bob", "Cid", "Dot")]

@pytest.mark.llm(prompt, cases=CASES, graders=[contains("Hello")])
def test_greets(llm_response):
    pass
"""


def greet(body, _number):
    return f"Hello, {body['messages'][-1]['content'].split()[-1]}!"


@pytest.fixture
def ask(project, serve):
    server = serve(greet)
    project.use(server)
    project.server = server
    project.write("test_it.py", TEST)
    return project


def edit(project, old, new):
    path = project.path / "test_it.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def state_files(project):
    return [path.name for path in project.path.glob(".pytest_llm/journals/*")]


# -- verify -----------------------------------------------------------------------------------------------------


def test_verify_asks_again_changes_nothing_and_names_what_drifted(ask):
    ask.record().assert_outcomes(passed=4)
    before = ask.cassettes()
    ask.server.script = lambda body, n: greet(body, n).replace("Hello, Bob", "Good day, Bob")
    result = ask.run("--llm-verify", "--llm-json", "out.json")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        ["*verified: 3 replies say what is recorded, 1 drifted", "*drifted     test_it.py::test_greets[[]Bob]"]
    )
    assert ask.cassettes() == before
    assert len(ask.server.requests) == 8
    assert not state_files(ask)
    drifted = {one["case"]: one["drifted"] for one in json.loads((ask.path / "out.json").read_text())["results"]}
    assert drifted == {"Ann": 0, "Bob": 1, "Cid": 0, "Dot": 0}
    ask.run().assert_outcomes(passed=4)


def test_verify_compares_nothing_where_nothing_is_recorded(ask):
    result = ask.run("--llm-verify")
    result.assert_outcomes(passed=4)
    result.stdout.no_fnmatch_line("*verified*")
    assert ask.cassettes() == {}


# -- dry run ----------------------------------------------------------------------------------------------------

PRICES = ("-o", "llm_prices=tiny* = 1000 2000")


def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(ask):
    result = ask.record("--llm-dry-run")
    result.stdout.fnmatch_lines(["test_greets   4 requests for 4 items   tokens not known: nothing is recorded yet"])
    assert ask.server.requests == []
    ask.record().assert_outcomes(passed=4)
    ask.record("--llm-dry-run").stdout.fnmatch_lines(["test_greets   0 requests for 4 items"])
    edit(ask, '"Dot")', '"Dot", "Eve")')
    ask.record("--llm-dry-run").stdout.fnmatch_lines(
        ["test_greets   1 request for 5 items   about 18 tokens   cost not known"]
    )
    result = ask.run("--llm-rerecord", "--llm-dry-run", *PRICES)
    # 11 prompt tokens and 7 completion tokens at 1000 and 2000 dollars per million
    result.stdout.fnmatch_lines(["test_greets   5 requests for 5 items   about 90 tokens   about $0.1250"])
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED or result.ret == 0
    assert len(ask.server.requests) == 4


def test_a_dry_run_counts_the_turns_of_a_dialogue_and_says_what_it_cannot_know(ask):
    ask.write(
        "test_it.py",
        """
import openai, pytest
from pytest_llm import Message, Prompt
talk = Prompt(name="talk", model="tiny", messages=[
    Message("user", "one"), Message("assistant"), Message("user", "two"), Message("assistant"), Message("user", "three")])

@pytest.mark.llm(talk)
def test_talk(llm_response):
    assert llm_response.text

@pytest.mark.llm
def test_app():
    openai.OpenAI()
""",
    )
    result = ask.record("--llm-dry-run")
    result.stdout.fnmatch_lines(
        [
            "test_talk   3 requests for 1 item *",
            "test_app    1 item whose code asks by itself: not known before it runs",
        ]
    )
    ask.forget_key()  # nothing is asked, so nothing needs a key
    assert ask.record("--llm-dry-run").ret in (0, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--llm-dry-run",), "*--llm-dry-run says what a recording run would ask*"),
        (("--llm-record", "--llm-dry-run", "-n2"), "*there is nothing to distribute*"),
        (("--llm-budget", "3requests"), "*a replay asks nothing*"),
        (("--llm-record", "--llm-budget", "3"), "*takes amounts of requests, tokens or usd, not '3'*"),
        (("--llm-record", "--llm-verify"), "*--llm-record and --llm-verify exclude each other*"),
        (("-o", "llm_prices=tiny 3 4"), "*llm_prices has a line that is no price: 'tiny 3 4'*"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(ask, arguments, said):
    result = ask.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


# -- budget -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["2requests", "40tokens", "0.06usd"])
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_budget_stops_before_the_call_and_says_what_was_not_asked(ask, limit, workers):
    result = ask.record("--llm-budget", limit, *PRICES, *workers)
    outcomes = result.parseoutcomes()
    # Each takes 18 tokens and $0.025.
    assert outcomes["passed"] == len(ask.server.requests) == len(ask.cassettes()) == 2
    assert outcomes["errors"] == 2
    result.stdout.fnmatch_lines(
        [
            "*not asked: *budget*",
            f"stopped by --llm-budget {limit} after 2 requests ($0.0500): 2 cases were not asked",
            "  what was asked is recorded; go on with   pytest --llm-record --llm-budget …",
        ]
    )
    ask.record("--llm-budget", "100requests").assert_outcomes(passed=4)
    assert len(ask.server.requests) == 4


def test_a_budget_that_cannot_be_held_stops_too(ask):
    def untold(body, number):
        return {
            "model": "tiny",
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": greet(body, number)}}],
        }

    ask.server.script = untold
    result = ask.record("--llm-budget", "1000tokens")
    result.assert_outcomes(passed=1, errors=3)
    result.stdout.fnmatch_lines(
        [
            '*not asked: a reply did not tell its tokens (model "tiny", at 127.0.0.1)*',
            "*after 1 request (tokens not known)*",
        ]
    )
    ask.server.script = greet
    result = ask.record("--llm-budget", "1usd")
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        [
            '*the price of a reply is not known (model "tiny-2026", at 127.0.0.1)*',
            "  add         a line to ini llm_prices*",
            "*after 1 request (cost not known): 2 cases were not asked",
        ]
    )


def test_a_spent_budget_cannot_be_swallowed(ask):
    ask.write(
        "test_it.py",
        """
import openai, pytest
@pytest.mark.llm
def test_app(llm_calls):
    client = openai.OpenAI()
    for n in range(3):
        try:
            client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": f"Greet {n}"}])
        except BaseException:
            pass
""",
    )
    result = ask.record("--llm-budget", "1request")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not asked: the budget of 1 requests is spent*"])


def test_prices_make_costs_known(ask):
    ask.write(
        "test_cost.py",
        """
import pytest
from pytest_llm import Prompt
@pytest.mark.llm(Prompt(name="p", model="tiny", user="hi"))
def test_cost(llm_response, llm_calls):
    assert llm_calls[0].cost == pytest.approx(0.025)
    assert llm_response.cost == pytest.approx(0.025)
""",
    )
    ask.record("test_cost.py", *PRICES).assert_outcomes(passed=1)
    ask.run("test_cost.py", *PRICES).assert_outcomes(passed=1)
    [result] = [json.loads(line) for line in (ask.path / ".pytest_llm/last-run.jsonl").read_text().splitlines()[1:]]
    assert result["cost_usd"] == pytest.approx(0.025)
    ask.run("test_cost.py").assert_outcomes(failed=1)  # without a price it is None


# -- errors -----------------------------------------------------------------------------------------------------

HANDLES = """
import openai, pytest

def careful():
    client = openai.OpenAI(max_retries=1)
    for model in ("gone", "tiny"):
        try:
            reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Greet x"}])
            return reply.choices[0].message.content
        except (openai.NotFoundError, openai.InternalServerError) as error:
            assert "no such" in str(error)

@pytest.mark.llm%s
def test_it(llm_calls):
    assert careful() == "Hello, x!"
"""


@pytest.mark.parametrize("status", [404, 500])
def test_error_handling_is_tested_where_the_marker_says_so(ask, status):
    def gone(body, number):
        return (status, {"error": {"message": "no such thing"}}) if body["model"] == "gone" else greet(body, number)

    ask.server.script = gone
    ask.write("test_it.py", HANDLES % "(record_errors=True)")
    ask.record().assert_outcomes(passed=1)
    assert len(ask.server.requests) == (2 if status == 404 else 3)
    [text] = ask.cassettes().values()
    assert text.count("status: ") == 2 and f"status: {status}" in text
    ask.forget_key()
    result = ask.run("--durations=3")
    result.assert_outcomes(passed=1)
    # The SDK is told not to try again: replay never sleeps.
    assert float(re.search(r"([\d.]+)s call", result.stdout.str())[1]) < 0.4


def test_an_error_answers_every_further_try_of_an_application_that_has_its_own(ask):
    ask.server.script = lambda body, n: (500, {"error": {"message": "no such luck"}})
    ask.write(
        "test_it.py",
        """
import os, httpx2, pytest

@pytest.mark.llm(record_errors=True)
def test_it(llm_calls):
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    for _ in range(int(os.environ["TRIES"])):
        assert httpx2.post(url, json={"model": "tiny"}).status_code == 500
""",
    )
    ask._monkeypatch.setenv("TRIES", "3")
    ask.record().assert_outcomes(passed=1)
    ask._monkeypatch.setenv("TRIES", "4")
    ask.run().assert_outcomes(passed=1)
    assert len(ask.server.requests) == 3


@pytest.mark.parametrize(("status", "marked"), [(503, "(record_errors=True)"), (500, ""), (429, "")])
def test_an_error_that_a_further_try_mends_is_not_kept(ask, status, marked):
    ask.server.script = lambda body, n: (status, {"error": {"message": "no such luck"}}) if n == 1 else greet(body, n)
    ask.write("test_it.py", HANDLES.replace('("gone", "tiny")', '("tiny",)') % marked)
    result = ask.record()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*answered by an error*")
    assert len(ask.server.requests) == 2
    [text] = ask.cassettes().values()
    assert text.count("status: ") == text.count("status: 200") == 1
    assert not state_files(ask)
    ask.run().assert_outcomes(passed=1)


def test_an_error_that_is_not_kept_is_said(ask):
    ask.server.script = lambda body, n: (
        (404, {"error": {"message": "no such"}}) if body["model"] == "gone" else greet(body, n)
    )
    ask.write("test_it.py", HANDLES % "")
    result = ask.record()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["1 request was answered by an error, or not at all, and will be missing in replay; *record_errors=True*"]
    )


# -- normalising ------------------------------------------------------------------------------------------------

NOISY = """
import openai, pytest, uuid
@pytest.mark.llm
def test_it(llm_calls):
    openai.OpenAI().chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "Greet x"}], extra_body={"trace": str(uuid.uuid4())})
"""


def test_noise_is_taken_out_by_the_projects_hook(ask):
    ask.write("test_it.py", NOISY)
    ask.record()
    ask.run().assert_outcomes(failed=1)
    ask.write("conftest.py", "def pytest_llm_normalize(request):\n    request['body'].pop('trace', None)\n")
    ask.record()
    ask.forget_key()
    ask.run().assert_outcomes(passed=1)
    [text] = ask.cassettes().values()
    assert "trace" not in text
    assert all("trace" in body for body in ask.server.requests)  # what is sent stays as it is


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("request['body']['none']['such'] = 1", "*pytest_llm_normalize failed: KeyError: 'none'*"),
        ("request['body'] = object()", "*pytest_llm_normalize failed: TypeError: *"),
        ("del request['url']", "*pytest_llm_normalize failed: KeyError: 'url'*"),
    ],
)
def test_a_hook_that_fails_is_told(ask, body, said):
    ask.write("test_it.py", NOISY)
    ask.write("conftest.py", f"def pytest_llm_normalize(request):\n    {body}\n")
    result = ask.record()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said, "*POST chat/completions*"])
    assert ask.server.requests == []


def test_a_declared_prompt_is_normalised_alike(ask):
    ask.write("conftest.py", "def pytest_llm_normalize(request):\n    request['body']['model'] = 'any'\n")
    ask.record().assert_outcomes(passed=4)
    ask.forget_key()
    ask.run("--llm-set", "model=another").assert_outcomes(passed=4)


# -- swallowed misses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["pytest.skip('no network')", "raise ValueError('what came instead')", "return"])
def test_a_swallowed_miss_is_what_the_item_fails_by_whatever_comes_after(ask, after):
    ask.write(
        "test_it.py",
        f"""
import openai, pytest
@pytest.mark.llm
def test_app(llm_calls):
    try:
        openai.OpenAI().chat.completions.create(model="tiny", messages=[{{"role": "user", "content": "Greet x"}}])
    except BaseException:
        pass
    {after}
""",
    )
    ask.forget_key()
    result = ask.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording for this request: POST chat/completions*", "1 without a recording*"])
    if "raise" in after:
        result.stdout.fnmatch_lines(["*what came after*", "ValueError: what came instead"])
    [one] = [json.loads(line) for line in (ask.path / ".pytest_llm/last-run.jsonl").read_text().splitlines()[1:]]
    assert one["miss"]["kind"] == "no cassette"


SWALLOWS = """
import openai, pytest

def ask():
    try:
        openai.OpenAI().chat.completions.create(model="tiny", messages=[{"role": "user", "content": "Greet x"}])
    except BaseException:
        pass

@pytest.fixture(scope="SCOPE")
def asks():
    if "SET-UP" == "AT": ask()
    yield
    if "TEARDOWN" == "AT": ask()

@pytest.fixture
def skips():
    ask()
    pytest.skip("no network")

@pytest.mark.llm
def test_app(FIXTURE, llm_calls):
    assert True

@pytest.mark.llm
def test_more(FIXTURE, llm_calls):
    assert True
"""


@pytest.mark.parametrize("scope", ["function", "session"])
@pytest.mark.parametrize("at", ["SET-UP", "TEARDOWN"])
def test_a_miss_that_a_fixture_swallows_is_no_pass(ask, scope, at):
    ask.write("test_it.py", SWALLOWS.replace('"AT"', f'"{at}"').replace("SCOPE", scope).replace("FIXTURE", "asks"))
    ask.forget_key()
    outcomes = ask.run().parseoutcomes()
    if at == "TEARDOWN":
        assert outcomes == {"passed": 2, "errors": 2 if scope == "function" else 1}
    else:
        assert outcomes == ({"failed": 2} if scope == "function" else {"errors": 2})


def test_a_fixture_that_skips_after_a_swallowed_miss_is_an_error(ask):
    ask.write("test_it.py", SWALLOWS.replace("SCOPE", "function").replace("FIXTURE", "skips"))
    ask.forget_key()
    ask.run().assert_outcomes(errors=2)
