"""What a recording run would ask, in words."""

from __future__ import annotations

from pytest_llm.reports import Forecast, forecast_lines

END = "nothing was asked; leave out --llm-dry-run to ask"


def test_a_suite_that_has_recordings_has_tokens_and_where_a_price_is_known_money():
    one = Forecast(suite="a", items=4, requests=2000, tokens=[100, 200], usd=[0.01, 0.02])
    other = Forecast(suite="longer", items=1, requests=1, tokens=[7])
    assert forecast_lines([one, other]) == [
        "a        2,000 requests for 4 items   about 300.0k tokens   about $30.0000",
        "longer   1 request for 1 item   about 7 tokens   cost not known",
        END,
    ]


def test_what_is_not_known_is_said():
    new = Forecast(suite="new", items=2, requests=2)
    app = Forecast(suite="app", items=3, unknown=3, tokens=[5])
    mixed = Forecast(
        suite="mix", items=3, requests=2, unknown=1, tokens=[5], problems=["test_x: the cassette is \x1b[2Jcut"]
    )
    assert forecast_lines([new, app, mixed]) == [
        "new   2 requests for 2 items   tokens not known: nothing is recorded yet",
        "app   3 items whose code asks by itself: not known before it runs",
        "mix   2 requests for 2 items   about 10 tokens   cost not known   1 item whose code asks by itself: not known before it runs",
        "test_x: the cassette is \\x1b[2Jcut",
        END,
    ]


def test_money_that_is_partly_known_is_told_as_such():
    one = Forecast(suite="a", items=1, requests=2, tokens=[5, 5, 5], usd=[0.01, None, 0.03])
    assert "about $0.0400 (known for 2 of 3 recorded replies)" in forecast_lines([one])[0]


def test_nothing_to_forecast():
    assert forecast_lines([]) == [END]
