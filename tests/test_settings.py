"""Options become settings once, and an error says everything in one order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_llm import errors
from pytest_llm.errors import CassetteMiss, LlmError, OptionError, explain
from pytest_llm.settings import Limits, Settings, changes_of, concurrency_of, limits_of, one_mode, retry_of, samples_of


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, "replay"),
        ({"record": True}, "record"),
        ({"rerecord": True}, "rerecord"),
        ({"live": True}, "live"),
        ({"verify": True}, "verify"),
    ],
)
def test_the_mode_is_what_was_asked_for_and_else_to_replay(given, mode):
    assert one_mode(**{"record": False, "rerecord": False, "live": False, "verify": False, **given}) == mode


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((True, True, False, False), "--llm-record and --llm-rerecord exclude each other\n  give        one of them"),
        ((True, False, False, True), "--llm-record and --llm-verify exclude"),
        ((True, True, True, False), "--llm-record and --llm-rerecord and --llm-live exclude"),
    ],
)
def test_two_modes_exclude_each_other(given, said):
    with pytest.raises(OptionError, match=f"^{re.escape(said)}"):
        one_mode(*given)


@pytest.mark.parametrize(
    ("mode", "asks", "records"),
    [("replay", 0, 0), ("record", 1, 1), ("rerecord", 1, 1), ("live", 1, 0), ("verify", 1, 0)],
)
def test_a_mode_asks_or_records_or_neither(mode, asks, records):
    settings = Settings(root=Path(), mode=mode)
    assert (settings.asks, settings.records) == (asks, records)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("300requests", Limits(requests=300)),
        ("1request", Limits(requests=1)),
        ("500_000 tokens", Limits(tokens=500_000)),
        ("2.00USD", Limits(usd=2.0)),
        ("3usd, 20 requests,7tokens", Limits(usd=3.0, requests=20, tokens=7)),
    ],
)
def test_a_budget_is_amounts_with_units(text, limits):
    assert limits_of(text) == limits


@pytest.mark.parametrize(
    "text", ["", "3", "usd", "3eur", "2.5requests", "1usd,2usd", "1usd;2tokens", "-1usd", "1..2usd"]
)
def test_other_budgets_are_refused(text):
    with pytest.raises(OptionError, match=f"not {re.escape(repr(text))}"):
        limits_of(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("12", 12), (3, 3)])
def test_samples_are_a_whole_number_from_1(text, number):
    assert samples_of(text, "--llm-samples") == number


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "", "three", True, 0])
def test_other_samples_are_refused(text):
    with pytest.raises(OptionError) as caught:
        samples_of(text, "llm_samples")
    assert str(caught.value) == (
        f"llm_samples takes a whole number from 1 to 100, not {text!r}\n  write       llm_samples=3"
    )  # fmt: skip


@pytest.mark.parametrize(("text", "number"), [("1", 1), (" 16 ", 16), ("1000", 1000)])
def test_a_concurrency_is_a_whole_number_from_1(text, number):
    assert concurrency_of(text, "--llm-concurrency") == number


@pytest.mark.parametrize("text", ["0", "-1", "1001", "1.5", "many", "", None])
def test_another_concurrency_is_refused(text):
    with pytest.raises(OptionError, match="llm_concurrency takes a whole number from 1 to 1000, not"):
        concurrency_of(text, "llm_concurrency")


@pytest.mark.parametrize("number", [2.5, float("inf"), None, [3]])
def test_samples_of_another_type_from_a_marker_are_refused(number):
    with pytest.raises(OptionError):
        samples_of(number, "samples")


@pytest.mark.parametrize(
    ("pair", "change"),
    [
        ("temperature=0.5", {"temperature": 0.5}),
        ("model=small", {"model": "small"}),
        ('model="7"', {"model": "7"}),
        ("seed=null", {"seed": None}),
        ("stop=", {"stop": ""}),
        ("base_url=http://a/v1?x=y", {"base_url": "http://a/v1?x=y"}),
        ('logit_bias={"50": -1}', {"logit_bias": {"50": -1}}),
    ],
)
def test_a_change_is_json_where_it_can_be_and_else_text(pair, change):
    assert changes_of([pair]) == change


def test_the_last_change_of_a_key_counts():
    assert changes_of(["a=1", "b=2", "a=3"]) == {"a": 3, "b": 2}
    assert changes_of([]) == {}


@pytest.mark.parametrize("pair", ["temperature", "", "=1", "a b=1", "7=1", "-x=1"])
def test_a_change_is_a_key_and_a_value(pair):
    with pytest.raises(OptionError) as caught:
        changes_of([pair])
    assert str(caught.value) == (
        f"--llm-set takes KEY=VALUE, not {pair!r}\n  write       --llm-set temperature=0"
    )  # fmt: skip


@pytest.mark.parametrize("key", ["name", "messages", "schema", "examples"])
def test_what_makes_the_prompt_this_prompt_cannot_be_changed_from_outside(key):
    with pytest.raises(OptionError) as caught:
        changes_of([f"{key}=x"])
    assert str(caught.value) == (
        f"--llm-set {key}=… cannot be said on a command line\n  change      the prompt itself"
    )  # fmt: skip


def test_settings_without_options_replay_beside_the_root():
    settings = Settings(root=Path("project"))
    assert settings.state == Path("project/.pytest_llm")
    assert (settings.mode, settings.samples, settings.changes, settings.base_url) == ("replay", None, {}, None)


# -- errors -----------------------------------------------------------------------------------------------------


def test_an_error_says_what_where_what_there_was_instead_and_what_to_do():
    fix = {"record it": "pytest --llm-record", "or": "remove the case", "a label of length": "stays whole"}
    assert explain("'oka' is no case", where="orders.jsonl:3", instead=["oak", "pens"], fix=fix) == (
        "'oka' is no case\n"
        "  where       orders.jsonl:3\n"
        "  there is    oak\n"
        "  there is    pens\n"
        "  record it   pytest --llm-record\n"
        "  or          remove the case\n"
        "  a label of length stays whole"
    )


def test_what_is_not_known_takes_no_line():
    assert explain("no") == explain("no", where="", instead=(), fix={}) == "no"


@pytest.mark.parametrize(("count", "shown", "more"), [(5, 5, []), (6, 5, ["              and 1 more"])])
def test_five_alternatives_are_named_and_the_others_counted(count, shown, more):
    lines = explain("no", instead=(str(n) for n in range(count))).split("\n")
    assert lines == ["no", *(f"  there is    {n}" for n in range(shown)), *more]


def test_every_mistake_of_a_user_has_a_class_that_explains_itself():
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, LlmError)]
    assert len(classes) > 10
    for one in classes:
        assert str(one("no", where="x.py:1", fix={"do": "this"})) == "no\n  where       x.py:1\n  do          this"
    assert issubclass(errors.GraderError, ValueError)
    assert issubclass(errors.SchemaMismatch, AssertionError)


def test_the_budget_of_a_correction_is_read_and_what_is_empty_says_nothing():
    assert retry_of({"attempts": "4", "tokens": " ", "cost": "0.5", "deadline": "3"}) == {
        "attempts": 4,
        "cost": 0.5,
        "deadline": 3.0,
    }


@pytest.mark.parametrize(("name", "text"), [("attempts", "3.5"), ("deadline", "soon")])
def test_a_budget_that_is_no_number_is_refused(name, text):
    with pytest.raises(OptionError, match=f"llm_retry_{name} is a number, not {text!r}"):
        retry_of({name: text})


def test_a_miss_is_no_exception_that_a_client_could_catch_and_try_again():
    miss = CassetteMiss("no recording", kind="stale", heading="h", change="c")
    assert not isinstance(miss, Exception)
    assert (str(miss), miss.kind, miss.heading, miss.change) == ("no recording", "stale", "h", "c")
    assert (CassetteMiss("x", kind="missing").heading, CassetteMiss("x", kind="missing").change) == ("", "")
