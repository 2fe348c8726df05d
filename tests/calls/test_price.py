"""What a call costs: by what the provider tells, by the project's table, by a price library, and else not known."""

from __future__ import annotations

import pytest

from pytest_llm.calls import Charge, Prices, price
from pytest_llm.errors import OptionError

PRICES = Prices.of(
    [
        "tiny = 1 2",
        "gpt-x-mini* = 0.10 0.40 0.05",
        "gpt-x* = 2.50 10",
        "gpt-x-2026 flex = 1 5",
        "embed = 0.02 0",
        "claude = 3 15 0.3 3.75",
        "a=b/* = 1 1",
        "* = 100 100",
    ]
)


def reply(model, prompt=None, completion=None, **more):
    told = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return {"model": model, "usage": {name: number for name, number in told.items() if number is not None}}


def cached(tokens):
    return {"prompt_tokens_details": {"cached_tokens": tokens}}


@pytest.mark.parametrize(
    ("data", "dollars"),
    [
        (reply("tiny", 1_000_000, 1_000_000), 3.0),
        (reply("tiny", 0, 0), 0.0),
        (reply("tiny", 1_000_000, 0, **cached(400_000)), 1.0),
        (reply("tiny", 1_000, 0, **cached(1_001)), None),
        (reply("gpt-x-mini-2026", 1_000_000, 500_000), 0.3),
        (reply("gpt-x-mini-2026", 1_000_000, 500_000, **cached(1_000_000)), 0.25),
        (reply("gpt-x-2026", 1_000, 1_000), 0.0125),
        (reply("Tiny", 10_000, 0), 1.0),  # case counts, and the last pattern takes whatever is left
        (reply("a=b/c", 1_000_000, 0), 1.0),
        (reply(None, 10_000, 0), 1.0),
        (reply(3, 10_000, 0), 1.0),
        (reply("embed", 1_000_000, total_tokens=1_000_000), 0.02),
        (reply("embed", 1_000_000, total_tokens=1_000_001), None),
        (reply("embed", 1_000_000), None),
        (reply("tiny", 1_000_000), None),
        (reply("tiny", completion=1_000_000), None),
        (reply("tiny"), None),
        ({"model": "tiny"}, None),
        ({"model": "tiny", "usage": []}, None),
        ([], None),
        (None, None),
    ],
)
def test_tokens_cost_what_the_first_line_that_matches_says(data, dollars):
    assert PRICES.cost_of(data) == (None if dollars is None else pytest.approx(dollars))


def test_without_a_price_a_cost_is_not_known():
    assert Prices().cost_of(reply("tiny", 1, 1)) is None
    assert Prices.of(["tiny = 1 2"]).cost_of(reply("other", 1, 1)) is None
    assert Prices.of(["tiny = 1 2"]).cost_of(reply(None, 1, 1)) is None


@pytest.mark.parametrize(
    ("told", "dollars"),
    [({"cost": 0.25}, 0.25), ({"cost": 0}, 0.0), ({"cost": {"total": 1}}, 1.0), ({"cost": True}, 1.0)],
)
def test_the_provider_is_believed_before_the_table(told, dollars):
    assert PRICES.cost_of(reply("tiny", 1_000_000, 0, **told)) == dollars


# -- what goes into a cache -------------------------------------------------------------------------------------

WRITES = {
    "input_tokens": 1_000,
    "output_tokens": 0,
    "cache_creation_input_tokens": 1_000_000,
    "cache_read_input_tokens": 0,
}


def test_what_goes_into_the_cache_has_a_price_of_its_own_or_none():
    assert PRICES.cost_of({"model": "claude", "usage": WRITES}) == pytest.approx(3.753)
    assert PRICES.cost_of({"model": "tiny", "usage": WRITES}) is None
    assert PRICES.cost_of({"model": "tiny", "usage": WRITES | {"cache_creation_input_tokens": 0}}) == 0.001
    told = reply("claude", 1_000_000, 0, prompt_tokens_details={"cache_write_tokens": 1_000_000})
    assert PRICES.cost_of(told) == pytest.approx(3.75)


# -- terms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", [None, "", "default", "standard", "on_demand"])
def test_a_standard_tier_costs_the_standard_price(tier):
    assert PRICES.cost_of(reply("tiny", 1_000_000, 0) | {"service_tier": tier}) == 1.0


@pytest.mark.parametrize(
    "terms",
    [
        {"service_tier": "flex"},
        {"service_tier": "priority"},
        {"service_tier": "auto"},
        {"service_tier": 7},
        {"usage": WRITES | {"service_tier": "batch"}},
        {"usage": WRITES | {"speed": "fast"}},
        {"usage": WRITES | {"inference_geo": "us"}},
    ],
)
def test_a_tier_that_the_table_does_not_price_is_not_priced_as_the_standard_one(terms):
    assert PRICES.cost_of({**reply("claude", 1_000_000, 0), **terms}) is None


def test_a_line_may_price_a_tier():
    prices = Prices.of(["tiny flex = 1 5", "tiny = 2 10", "tiny* = 4 20"])
    assert prices.cost_of(reply("tiny", 1_000_000, 0) | {"service_tier": "flex"}) == 1.0
    assert prices.cost_of(reply("tiny", 1_000_000, 0)) == 2.0
    assert prices.cost_of(reply("tiny-2", 1_000_000, 0) | {"service_tier": "flex"}) is None
    assert prices.cost_of(reply("tiny", 1_000_000, 0) | {"service_tier": "flex", "speed": "fast"}) is None


# -- what tokens do not tell ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"output": [{"type": "message"}, {"type": "web_search_call"}]},
        {"usage": reply("", 9, 9, prompt_tokens_details={"audio_tokens": 5})["usage"]},
        {"usage": reply("", 9, 9, completion_tokens_details={"audio_tokens": 5})["usage"]},
        {"usage": reply("", 9, 9, server_tool_use={"web_search_requests": 1})["usage"]},
    ],
)
def test_sound_and_tools_that_the_provider_runs_have_no_known_cost(more):
    assert PRICES.cost_of({**reply("tiny", 9, 9), **more}) is None


def test_a_function_call_and_counts_of_nothing_have():
    more = {"audio_tokens": 0, "cached_tokens": 0}
    data = reply("tiny", 1_000_000, 0, prompt_tokens_details=more, server_tool_use={"web_search_requests": 0})
    assert PRICES.cost_of(data | {"output": [{"type": "function_call"}, 7]}) == 1.0


# -- the library ------------------------------------------------------------------------------------------------

OPENAI = "https://api.openai.com/v1/chat/completions"


def test_the_library_is_asked_where_no_line_matches_and_only_there():
    data = reply("gpt-4o-mini", 1_000_000, 0)
    assert Prices().cost_of(data, OPENAI) == 0.15
    assert Prices.of(["other = 1 1"]).cost_of(data, OPENAI) == 0.15
    assert Prices.of(["gpt-4o* = 7 7"]).cost_of(data, OPENAI) == 7.0
    assert Prices.of(["gpt-4o* flex = 7 7"]).cost_of(data, OPENAI) is None


@pytest.mark.parametrize("at", ["http://127.0.0.1:8080/v1/chat/completions", "http://localhost/v1"])
def test_a_server_on_this_machine_sells_nothing(at):
    assert Prices().cost_of(reply("gpt-4o-mini", 1, 1), at) is None


def test_a_reply_that_names_no_model_is_not_looked_up():
    assert Prices().cost_of(reply(None, 1, 1), OPENAI) is None


def test_without_the_library_a_cost_is_not_known(monkeypatch):
    monkeypatch.setattr(price, "LIBRARY", "no_such_library")
    price.has_library.cache_clear()
    try:
        assert Prices().cost_of(reply("gpt-4o-mini", 1, 1), OPENAI) is None
    finally:
        price.has_library.cache_clear()


@pytest.mark.parametrize(
    "line",
    ["", "tiny", "tiny 1 2", "tiny = 1", "tiny = 1 2 3 4 5", "= 1 2", "tiny = a b", "tiny = -1 2", "tiny = nan 1",
     "tiny = 1 inf", "tiny = 1, 2", "tiny flex fast = 1 2"],
)  # fmt: skip
def test_a_line_that_is_no_price_is_a_mistake(line):
    with pytest.raises(OptionError, match="llm_prices has a line that is no price") as caught:
        Prices.of(["good = 1 2", line])
    assert repr(line) in str(caught.value)
    assert "gpt-x = 0.10 0.40" in str(caught.value)


def test_a_charge_is_compared_by_what_it_says():
    assert Charge(model="a", prompt=1, completion=1) == Charge(model="a", prompt=1, completion=1)
