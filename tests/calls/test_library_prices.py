"""Prices of genai-prices: its own for what it knows, and unknown, never the standard price or 0, for what it does not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price, data_snapshot
from genai_prices.data import providers
from genai_prices.types import ModelPrice, StartDateConstraint, Tier, TieredPrices

from pytest_llm.calls import Charge, library_prices

OPENAI = "https://api.openai.com/v1/chat/completions"
ANTHROPIC = "https://api.anthropic.com/v1/messages"
MIO = 1_000_000


def cost(model, at=OPENAI, prompt=MIO, completion=MIO, **more):
    return library_prices.cost(Charge(model=model, prompt=prompt, completion=completion, **more), at)


def priced(model, **usage):
    """What the library itself says."""
    return float(calc_price(Usage(**usage), model, provider_id="anthropic").total_price)


def test_a_model_costs_what_its_provider_takes():
    assert cost("gpt-4o-mini") == cost("gpt-4o-mini-2024-07-18") == pytest.approx(0.75)
    assert cost("gpt-4o-mini", completion=0, cached=MIO) == pytest.approx(0.075)
    assert cost("text-embedding-3-small", completion=0) == pytest.approx(0.02)
    assert cost("GPT-4o-mini", prompt=0, completion=0) == 0


def test_every_kind_of_token_costs_what_the_library_says():
    kinds = {"prompt": 1_000, "completion": 70, "cached": 300, "written": 500, "written_1h": 200}
    said = priced(
        "claude-sonnet-4-20250514",
        input_tokens=1_000,
        output_tokens=70,
        cache_read_tokens=300,
        cache_write_tokens=500,
        cache_write_1h_tokens=200,
    )
    assert cost("claude-sonnet-4-20250514", ANTHROPIC, **kinds) == pytest.approx(said)


@pytest.mark.parametrize(
    ("model", "at"),
    [
        ("no-such-model", OPENAI),
        ("claude-sonnet-4-20250514", OPENAI),
        ("gpt-4o-mini", "https://api.example.invalid/v1"),
        ("text-embedding-3-small", OPENAI),  # with completion, which has no price
        ("whisper-1", OPENAI),  # by the hour
        ("no-such-model", None),
    ],
)
def test_what_the_library_does_not_price_is_not_known(model, at):
    assert cost(model, at) is None


def test_without_an_address_those_who_sell_a_name_have_to_agree():
    sellers = {}
    for provider in providers:
        for model in provider.models:
            prices = model.get_prices(datetime.now(UTC))
            if isinstance(prices.input_mtok, Decimal) and prices.output_mtok is not None:
                sellers.setdefault(model.id, set()).add(str(prices.input_mtok))
    differing = [name for name, prices in sellers.items() if len(prices) > 1]
    assert differing
    assert all(cost(name, None) is None for name in differing)
    assert cost("gpt-4o-mini", None) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("model", "terms", "at", "dollars"),
    [
        ("gpt-5", {"service_tier": "flex"}, OPENAI, 5.625),
        ("gpt-5", {"service_tier": "unheard-of"}, OPENAI, None),
        ("gpt-4o-mini", {"service_tier": "flex"}, OPENAI, None),  # priced, but not on that tier
        ("gpt-5", {"service_tier": "flex"}, "https://me.openai.azure.com/openai/v1", None),  # not Azure's own price
        ("gpt-5", {"service_tier": "batch"}, OPENAI, 5.625),
        ("gpt-5", {"service_tier": "flex", "inference_geo": "us"}, OPENAI, None),
        ("gpt-5", {}, "https://me.openai.azure.com/openai/v1", 11.25),
    ],
)
def test_a_tier_that_the_library_does_not_price_is_not_priced_as_the_standard_one(model, terms, at, dollars):
    assert cost(model, at, terms=terms) == (None if dollars is None else pytest.approx(dollars))


def test_tokens_that_contradict_each_other_have_no_cost():
    assert cost("gpt-4o-mini", prompt=10, cached=11) is None


def test_a_price_that_depends_on_the_length_of_the_prompt_is_the_librarys():
    name, provider = next(
        (model.id, provider)
        for provider in providers
        for model in provider.models
        if provider.id == "anthropic" and isinstance(model.get_prices(datetime.now(UTC)).input_mtok, TieredPrices)
    )
    for prompt in (1_000, 300_000):
        said = float(
            calc_price(Usage(input_tokens=prompt, output_tokens=10), name, provider_id=provider.id).total_price
        )
        assert cost(name, ANTHROPIC, prompt=prompt, completion=10) == pytest.approx(said)
    assert cost(name, ANTHROPIC, prompt=10, cached=11) is None
    assert cost(name, ANTHROPIC, prompt=300_000) > 300 * cost(name, ANTHROPIC, prompt=1_000, completion=0)


def test_prices_that_the_code_under_test_has_fetched_are_not_taken(monkeypatch):
    library_prices._offers.cache_clear()
    monkeypatch.setattr(
        data_snapshot, "_custom_snapshot", data_snapshot.DataSnapshot(providers=[], from_auto_update=True)
    )
    assert cost("gpt-4o-mini") == pytest.approx(0.75)


def test_a_variant_counts_from_its_date_on():
    [model] = [
        model for provider in providers if provider.id == "openai" for model in provider.models if model.id == "gpt-5"
    ]
    [seller] = [provider for provider in providers if provider.id == "openai"]
    term = {"service_tier": "flex"}
    [flex] = [variant for variant in model.price_variants if variant.when == term]
    assert isinstance(flex.constraint, StartDateConstraint)
    first = flex.constraint.start_date
    assert library_prices._has_price(seller, model, term, datetime(first.year, first.month, first.day, tzinfo=UTC))
    assert not library_prices._has_price(seller, model, term, datetime(2020, 1, 1, tzinfo=UTC))
    assert date(2020, 1, 1) < first


def test_what_costs_something_by_the_request_is_the_librarys():
    prices = ModelPrice(input_mtok=Decimal(1), requests_kcount=Decimal(5))
    asked = []
    offer = library_prices._offer(
        lambda usage: asked.append(usage) or type("P", (), {"total_price": Decimal(3)}), prices
    )
    assert offer(Charge(model="", prompt=1, completion=0)) == 3
    assert len(asked) == 1
    tiered = ModelPrice(input_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(start=9, price=Decimal(2))]))
    assert library_prices._offer(lambda usage: None, tiered)(Charge(model="", prompt=0, completion=1)) is None
