"""Prices of the library genai-prices, an extra: only those it was shipped with, never fetched. PYTEST_DONT_REWRITE

The library prices an unknown tier as the standard one, and what has no price as 0; here both are unknown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelInfo, ModelPrice, PriceCalculation, Provider, TieredPrices

from pytest_llm.calls.charge import Charge

# Not the library's own snapshot: the code under test may have had that updated over the network.
_SHIPPED = DataSnapshot(providers=providers, from_auto_update=False)


def cost(charge: Charge, at: str | None) -> float | None:
    """US dollars at the prices of today; None where the library does not know who sells, what, or on what terms.

    Without an address, those of all who sell the model under this name, if they agree.
    """
    minute = datetime.now(UTC).replace(second=0, microsecond=0)  # some prices are those of a time of day
    found = {offer(charge) for offer in _offers(charge.model.lower(), at, tuple(charge.terms.items()), minute)}
    return found.pop() if len(found) == 1 else None


@functools.lru_cache(maxsize=256)
def _offers(
    model: str, at: str | None, said: tuple[tuple[str, str], ...], now: datetime
) -> tuple[Callable[[Charge], float | None], ...]:
    """How the price of a charge is found: at the provider of an address, or at all who price the model's tokens."""
    terms = dict(said)
    if terms.get("service_tier") == "batch":  # a tier in Anthropic's words; to the library a way of asking
        terms["processing"] = terms.pop("service_tier")
    moment: dict[str, Any] = {"genai_request_timestamp": now, "price_context": terms}
    if at is None:
        pairs = ((one, one.find_model(model)) for one in providers)
        found = [(one, info) for one, info in pairs if info is not None and info.get_prices(now).input_mtok is not None]
    else:
        try:
            found = [_SHIPPED.find_provider_model(model, None, None, at)]
        except LookupError:
            found = []
    return tuple(
        _offer(functools.partial(info.calc_price, provider=seller, **moment), info.get_prices(now, terms))
        for seller, info in found
        if all(_has_price(seller, info, {name: value}, now) for name, value in terms.items())
    )


def _has_price(provider: Provider, info: ModelInfo, term: Mapping[str, str], now: datetime) -> bool:
    """Whether there is a price on a term; those of a model that is looked up at another provider are not this one's."""
    return any(info is own for own in provider.models) and any(
        variant.when == term and (variant.constraint is None or variant.constraint.active(now))
        for variant in info.price_variants or ()
    )


def _offer(calculate: Callable[..., PriceCalculation], prices: ModelPrice) -> Callable[[Charge], float | None]:
    """The price of a charge: by the library, or by its price of a token of each kind where all tokens cost the same.

    The library takes a tenth of a millisecond, which a replay of thousands would feel.
    """

    def exact(charge: Charge) -> float | None:
        if (charge.prompt and prices.input_mtok is None) or (charge.completion and prices.output_mtok is None):
            return None
        try:
            return float(calculate(_usage(charge)).total_price)
        except ValueError:  # tokens that contradict each other
            return None

    def quick(charge: Charge) -> float | None:
        counts = (
            charge.prompt - charge.cached - charge.written,
            charge.cached,
            charge.written - charge.written_1h,
            charge.written_1h,
            charge.completion,
        )
        if min(counts) < 0:
            return None
        parts = [count * rate for count, rate in zip(counts, rates, strict=True) if count and rate is not None]
        return sum(parts) / _MANY if len(parts) == sum(map(bool, counts)) else None

    varied = any(isinstance(price, TieredPrices) for price in vars(prices).values())
    if varied or prices.requests_kcount is not None:
        return exact
    rates = [exact(one) for one in _ONE_KIND]
    return quick


_MANY = 1_000_000
_ONE_KIND = (
    Charge(model="", prompt=_MANY, completion=0),
    Charge(model="", prompt=_MANY, completion=0, cached=_MANY),
    Charge(model="", prompt=_MANY, completion=0, written=_MANY),
    Charge(model="", prompt=_MANY, completion=0, written=_MANY, written_1h=_MANY),
    Charge(model="", prompt=0, completion=_MANY),
)


def _usage(charge: Charge) -> Usage:
    return Usage(
        input_tokens=charge.prompt,
        output_tokens=charge.completion,
        cache_read_tokens=charge.cached,
        cache_write_tokens=charge.written,
        cache_write_1h_tokens=charge.written_1h,
    )
