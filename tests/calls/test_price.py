"""What a call costs: by the project's table, by what the provider tells, and else not known."""

from __future__ import annotations

import pytest

from pytest_llm.calls import Prices, Usage
from pytest_llm.errors import OptionError

PRICES = Prices.of(
    ["tiny = 1 2", "gpt-x-mini* = 0.10 0.40 0.05", "gpt-x* = 2.50 10", "embed = 0.02 0", "a=b/* = 1 1", "* = 100 100"]
)


def usage(prompt=None, completion=None, **more):
    return Usage(prompt_tokens=prompt, completion_tokens=completion, **more)


@pytest.mark.parametrize(
    ("model", "used", "dollars"),
    [
        ("tiny", usage(1_000_000, 1_000_000), 3.0),
        ("tiny", usage(0, 0), 0.0),
        ("tiny", usage(1_000_000, 0, cached_tokens=400_000), 1.0),
        ("gpt-x-mini-2026", usage(1_000_000, 500_000), 0.3),
        ("gpt-x-mini-2026", usage(1_000_000, 500_000, cached_tokens=1_000_000), 0.25),
        ("gpt-x-2026", usage(1_000, 1_000), 0.0125),
        ("Tiny", usage(10_000, 0), 1.0),  # case counts, and the last pattern takes whatever is left
        ("a=b/c", usage(1_000_000, 0), 1.0),
        (None, usage(10_000, 0), 1.0),
        ("embed", usage(1_000_000, total_tokens=1_000_000), 0.02),
        ("embed", usage(1_000_000, total_tokens=1_000_001), None),
        ("embed", usage(1_000_000), None),
        ("tiny", usage(1_000_000), None),
        ("tiny", usage(completion=1_000_000), None),
        ("tiny", usage(), None),
    ],
)
def test_tokens_cost_what_the_first_line_that_matches_says(model, used, dollars):
    assert PRICES.cost(model, used) == (None if dollars is None else pytest.approx(dollars))


def test_without_a_price_a_cost_is_not_known():
    assert Prices().cost("tiny", usage(1, 1)) is None
    assert Prices.of(["tiny = 1 2"]).cost("other", usage(1, 1)) is None
    assert Prices.of(["tiny = 1 2"]).cost(None, usage(1, 1)) is None


TOLD = {"prompt_tokens": 1_000_000, "completion_tokens": 0}


@pytest.mark.parametrize(
    ("data", "dollars"),
    [
        ({"model": "tiny", "usage": TOLD}, 1.0),
        ({"model": "tiny", "usage": TOLD | {"cost": 0.25}}, 0.25),
        ({"model": "tiny", "usage": TOLD | {"cost": 0}}, 0.0),
        ({"model": "tiny", "usage": TOLD | {"cost": {"total": 1}}}, 1.0),
        ({"model": 3, "usage": TOLD}, 100.0),
        ({"model": "tiny"}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_provider_is_believed_before_the_table(data, dollars):
    assert PRICES.cost_of(data) == dollars


@pytest.mark.parametrize(
    "line",
    ["", "tiny", "tiny 1 2", "tiny = 1", "tiny = 1 2 3 4", "= 1 2", "tiny = a b", "tiny = -1 2", "tiny = nan 1",
     "tiny = 1 inf", "tiny = 1, 2"],
)  # fmt: skip
def test_a_line_that_is_no_price_is_a_mistake(line):
    with pytest.raises(OptionError, match="llm_prices has a line that is no price") as caught:
        Prices.of(["good = 1 2", line])
    assert repr(line) in str(caught.value)
    assert "gpt-x = 0.10 0.40" in str(caught.value)
