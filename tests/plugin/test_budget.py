"""A budget through pytest: threads, event loops and processes at once, prices of the library, what fails closed."""

from __future__ import annotations

import re
import time

import pytest

CASES = """
import pytest
from pytest_llm import Prompt

prompt = Prompt(name="greet", model="MODEL", user="Greet {{ n }}", max_tokens=60)

@pytest.mark.llm(prompt, cases=[{"id": f"c{n:02}", "n": f"{n:02}"} for n in range(COUNT)])
def test_greets(llm_response):
    assert llm_response.text
"""

THREADS = """
from concurrent.futures import ThreadPoolExecutor
import openai, pytest
from pytest_llm.errors import CassetteMiss

@pytest.mark.llm
def test_app(llm_calls):
    client = openai.OpenAI(max_retries=0)
    def ask(n):
        try:
            client.chat.completions.create(
                model="tiny", max_tokens=60, messages=[{"role": "user", "content": f"Greet {n:02}"}])
        except CassetteMiss:
            return False
        return True
    with ThreadPoolExecutor(8) as pool:
        asked = sum(pool.map(ask, range(40)))
    print("asked", asked, "kept", len(llm_calls))
"""

ASYNC = """
import asyncio, json
import aiohttp, openai, os, pytest
from pytest_llm.errors import CassetteMiss

async def by_openai(client, body):
    await client.chat.completions.create(**body)

async def by_aiohttp(session, body):
    async with session.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body) as reply:
        await reply.json()

@pytest.mark.llm
@pytest.mark.parametrize("way", ["openai", "aiohttp"])
async def test_app(llm_calls, way):
    async def ask(n):
        body = {"model": "tiny", "max_tokens": 60, "messages": [{"role": "user", "content": f"Greet {n:02} {way}"}]}
        await (by_openai if way == "openai" else by_aiohttp)(client, body)
    async with openai.AsyncOpenAI(max_retries=0) if way == "openai" else aiohttp.ClientSession() as client:
        await asyncio.gather(*(ask(n) for n in range(6)))
    assert len(llm_calls) == 6
"""


class Model:
    """Answers in 20 ms with replies of many lengths, up to what was allowed; knows what it was paid."""

    def __init__(self, **more):
        self.more, self.tokens, self.asked = more, 0, 0

    def __call__(self, body, number):
        time.sleep(0.02)
        completion = 5 + number * 37 % 56
        self.tokens += 10 + completion
        self.asked += 1
        return {
            "model": body["model"],
            "object": "chat.completion",
            "id": "x",
            "created": 1,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": completion, "total_tokens": 10 + completion},
            **self.more,
        }


@pytest.fixture
def ask(project, serve):
    """`ask(test, **more)`: the project with that test, and the model behind it, whose replies have more."""

    def made(test, **more):
        model = Model(**more)
        project.server = serve(model)
        project.use(project.server)
        project.write("test_it.py", test)
        return model

    return made


DOLLARS = ("-o", "llm_prices=tiny = 1000 1000")
LIMIT = 1_000


@pytest.mark.parametrize("limit", ["1000tokens", "1usd"])
@pytest.mark.parametrize("how", ["threads", "one by one", "xdist"])
def test_a_run_never_passes_its_budget(project, ask, how, limit):
    model = ask(THREADS if how == "threads" else CASES.replace("MODEL", "tiny").replace("COUNT", "40"))
    workers = ["-n", "2"] if how == "xdist" else []
    result = project.record("--llm-budget", limit, *DOLLARS, *workers)
    assert model.tokens <= LIMIT
    assert LIMIT - model.tokens < 70  # hardly anything is left over
    assert 14 < model.asked < 40
    cases = 1 if how == "threads" else 40 - model.asked
    result.stdout.fnmatch_lines(
        [
            f"stopped by --llm-budget {limit} after {model.asked} requests (${model.tokens / 1000:.4f}): {cases} case*",
            "  what was asked is recorded; go on with   pytest --llm-record --llm-budget …",
        ]
    )
    if how != "threads":
        result.assert_outcomes(passed=model.asked, errors=cases)


def test_what_a_budget_left_out_is_asked_by_the_next_run(project, ask):
    model = ask(CASES.replace("MODEL", "tiny").replace("COUNT", "9"))
    project.record("--llm-budget", "4requests").assert_outcomes(passed=4, errors=5)
    result = project.record("--llm-budget", "9000tokens")
    result.assert_outcomes(passed=9)
    assert "stopped by" not in result.stdout.str()
    assert model.asked == 9


def test_an_event_loop_goes_on_while_its_requests_wait_for_room(project, ask):
    """Three of them have room at once."""
    model = ask(ASYNC)
    began = time.monotonic()
    project.record("--llm-budget", "480tokens", "-k", "openai").assert_outcomes(passed=1, deselected=1)
    project.record("--llm-budget", "480tokens", "-k", "aiohttp").assert_outcomes(passed=1, deselected=1)
    assert model.asked == 12
    assert time.monotonic() - began < 120


# -- the price library ------------------------------------------------------------------------------------------


@pytest.fixture
def azure(project, monkeypatch):
    """An endpoint at an address that the library knows: the server on this machine plays the proxy on the way there."""

    def use():
        monkeypatch.setenv("OPENAI_BASE_URL", "http://me.openai.azure.com/v1")
        monkeypatch.setenv("HTTP_PROXY", project.server.root)
        monkeypatch.setenv("http_proxy", project.server.root)

    return use


GPT = CASES.replace("MODEL", "gpt-4o-mini").replace("COUNT", "3")


def test_the_price_library_prices_what_the_table_does_not(project, ask, azure):
    model = ask(GPT)
    azure()
    project.record("--llm-budget", "1usd").assert_outcomes(passed=3)
    dollars = (model.asked * 10 * 0.15 + (model.tokens - model.asked * 10) * 0.6) / 1_000_000
    result = project.run("--llm-json", "out.json")
    result.assert_outcomes(passed=3)
    costs = [float(cost) for cost in re.findall(r'"cost_usd": ([\d.e-]+)', (project.path / "out.json").read_text())]
    assert sum(costs) == pytest.approx(dollars)
    result = project.run("--llm-rerecord", "--llm-dry-run")
    result.stdout.fnmatch_lines([f"test_greets   3 requests for 3 items   about * tokens   about ${dollars:.4f}"])
    assert model.asked == 3
    cheap = project.run("--llm-rerecord", "--llm-budget", "0.00001usd")
    cheap.assert_outcomes(passed=1, errors=2)


@pytest.mark.parametrize("tier", ["flex", "unheard-of"])
def test_a_tier_that_nobody_prices_closes_a_budget_of_money(project, ask, azure, tier):
    model = ask(GPT, service_tier=tier)
    azure()
    result = project.record("--llm-budget", "1usd")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            f'*the price of a reply is not known (model "gpt-4o-mini", service_tier "{tier}", at me.openai.azure.com)*',
            "  add         a line to ini llm_prices*",
            "*after 1 request (cost not known): 2 cases were not asked",
        ]
    )
    assert model.asked == 1
    ini = ("-o", f"llm_prices=gpt-4o-mini {tier} = 1 1")
    project.record("--llm-budget", "1usd", *ini).assert_outcomes(passed=3)
    project.run("--llm-rerecord", "--llm-dry-run").stdout.fnmatch_lines(["*about * tokens   cost not known"])


def test_a_model_that_nobody_prices_closes_a_budget_of_money_and_no_other(project, ask, azure):
    ask(CASES.replace("MODEL", "no-such-model").replace("COUNT", "3"))
    azure()
    project.record("--llm-budget", "1usd").assert_outcomes(passed=1, errors=2)
    project.record("--llm-budget", "1000tokens").assert_outcomes(passed=3)


# -- what tells nothing, and what fails -------------------------------------------------------------------------

STREAM = """
import openai, pytest

@pytest.mark.llm
@pytest.mark.parametrize("n", range(3))
def test_app(n):
    for _ in openai.OpenAI().chat.completions.create(
        model="tiny", max_tokens=60, stream=True, messages=[{"role": "user", "content": f"Greet {n}"}], **MORE):
        pass
"""


@pytest.mark.parametrize("told", [True, False])
def test_a_stream_counts_where_it_tells_its_usage(project, serve, told):
    project.server = serve()
    project.use(project.server)
    project.write(
        "test_it.py", STREAM.replace("MORE", repr({"stream_options": {"include_usage": True}} if told else {}))
    )
    result = project.record("--llm-budget", "40tokens")
    if told:  # 18 each
        result.assert_outcomes(passed=2, failed=1)
        result.stdout.fnmatch_lines(
            ["stopped by --llm-budget 40tokens after 2 requests (36 tokens): 1 case was not asked"]
        )
    else:
        result.assert_outcomes(passed=1, failed=2)
        result.stdout.fnmatch_lines(["*a reply did not tell its tokens*", "*after 1 request (tokens not known)*"])


@pytest.mark.parametrize("limit", ["0requests", "0tokens", "0usd"])
def test_a_budget_of_nothing_asks_nothing(project, ask, limit):
    model = ask(CASES.replace("MODEL", "tiny").replace("COUNT", "2"))
    result = project.record("--llm-budget", limit, *DOLLARS)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [f"stopped by --llm-budget {limit} after 0 requests (0 tokens): 2 cases were not asked"]
    )
    assert model.asked == 0


FAILING = """
import openai, pytest

@pytest.mark.llm
def test_app(llm_calls):
    away = openai.OpenAI(base_url="http://127.0.0.1:9/v1", max_retries=0)
    for _ in range(3):
        with pytest.raises(openai.APIConnectionError):
            away.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "hi"}])
    client = openai.OpenAI(max_retries=4)
    for n in range(2):
        client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": f"Greet {n}"}])
"""


def test_what_failed_has_cost_nothing(project, serve):
    """Each of the first two would have taken all of the budget: its request says not how long a reply may be."""
    answers = Model()

    def busy_at_first(body, number):
        return (503, {"error": {"message": "busy"}}) if number < 4 else answers(body, number)

    project.server = serve(busy_at_first)
    project.use(project.server)
    project.write("test_it.py", FAILING)
    project.record("--llm-budget", "150tokens").assert_outcomes(passed=1)
    assert answers.asked == 2


def test_recorded_errors_cost_nothing(project, serve):
    project.server = serve(lambda body, number: (400, {"error": {"message": "no"}}))
    project.use(project.server)
    project.write(
        "test_it.py",
        """
import openai, pytest

@pytest.mark.llm(record_errors=True)
def test_app():
    for n in range(3):
        with pytest.raises(openai.BadRequestError):
            openai.OpenAI().chat.completions.create(model="tiny", messages=[{"role": "user", "content": f"{n}"}])
""",
    )
    project.record("--llm-budget", "100tokens").assert_outcomes(passed=1)


ARMS = """
import asyncio, pytest
from pytest_llm import Prompt

prompt = Prompt(name="greet", model="tiny", user="Greet", max_tokens=60, schema={"type": "object"})

@pytest.mark.llm(prompt)
async def test_arms(llm_retry):
    traces = await llm_retry.acompare(arms=("resample", "generic", "errors"), attempts=2)
    assert [len(trace.attempts) for trace in traces.values()] == [2, 2, 2]
"""


def test_arms_that_are_asked_at_once_wait_for_room_in_their_loop(project, ask):
    model = ask(ARMS)
    project.record("--llm-budget", "350tokens").assert_outcomes(passed=1)
    assert model.asked == 4
    assert model.tokens < 350
