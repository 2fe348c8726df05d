"""Prices of the library genai-prices, an extra: only those it was shipped with, never fetched. PYTEST_DONT_REWRITE

The library prices an unknown tier as the standard one, and what has no price as 0; here both are unknown.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelInfo, Provider

from pytest_llm.calls.price import Charge

# Not the library's own snapshot: the code under test may have had that updated over the network.
_SHIPPED = DataSnapshot(providers=providers, from_auto_update=False)


def cost(charge: Charge, at: str | None) -> float | None:
    """US dollars at the prices of today; None where the library does not know who sells, what, or on what terms.

    Without an address, those of all who sell the model under this name, if they agree.
    """
    found = {_cost(charge, *offer) for offer in _offers(charge.model.lower(), at)}
    return found.pop() if len(found) == 1 else None


@functools.cache
def _offers(model: str, at: str | None) -> tuple[tuple[Provider, ModelInfo], ...]:
    """Who sells the model: the provider at an address, or all who price its tokens."""
    if at is not None:
        try:
            return (_SHIPPED.find_provider_model(model, None, None, at),)
        except LookupError:
            return ()
    offers = ((by, by.find_model(model)) for by in providers)
    now = datetime.now(UTC)
    return tuple((by, info) for by, info in offers if info is not None and info.get_prices(now).input_mtok is not None)


def _cost(charge: Charge, provider: Provider, info: ModelInfo) -> float | None:
    now, terms = datetime.now(UTC), dict(charge.terms)
    if terms.get("service_tier") == "batch":  # a tier in Anthropic's words; to the library a way of asking
        terms["processing"] = terms.pop("service_tier")
    if not all(_prices(provider, info, {name: value}, now) for name, value in terms.items()):
        return None
    prices = info.get_prices(now, terms)
    if (charge.prompt and prices.input_mtok is None) or (charge.completion and prices.output_mtok is None):
        return None
    try:
        priced = info.calc_price(_usage(charge), provider, genai_request_timestamp=now, price_context=terms)
    except ValueError:  # tokens that contradict each other
        return None
    return float(priced.total_price)


def _prices(provider: Provider, info: ModelInfo, term: Mapping[str, str], now: datetime) -> bool:
    """Whether there is a price on a term; those of a model that is looked up at another provider are not this one's."""
    return any(info is own for own in provider.models) and any(
        variant.when == term and (variant.constraint is None or variant.constraint.active(now))
        for variant in info.price_variants or ()
    )


def _usage(charge: Charge) -> Any:
    return Usage(
        input_tokens=charge.prompt,
        output_tokens=charge.completion,
        cache_read_tokens=charge.cached,
        cache_write_tokens=charge.written,
        cache_write_1h_tokens=charge.written_1h,
    )
