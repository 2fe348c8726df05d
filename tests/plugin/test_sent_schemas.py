"""A recording replays whichever version of pydantic wrote the schema in it; where it cannot, the message names it."""

from __future__ import annotations

import copy
import json
import sys
from importlib.metadata import version

import pytest
import yaml  # noqa: F401 - a run in this process would load it anew, and the reader's classes with it
from scripted_replies import completion

from pytest_llm.cassettes.document import read, write
from pytest_llm.cassettes.entry import Entry
from pytest_llm.cassettes.identity import identity_of

TEST = '''
import enum
from typing import Any, Literal
import pytest
from pydantic import BaseModel
from pytest_llm import Prompt

class Unit(enum.Enum):
    """The unit of an amount."""

    CASE = "case"

class Order(BaseModel):
    """An order."""

    kind: Literal["order"]
    unit: Unit = Unit.CASE
    price: {price}
    more: dict[str, Any] = {{}}

PROMPT = Prompt(name="order", model="tiny", user="Read {{{{ mail }}}}", schema=Order, send_schema=True)

@pytest.mark.llm(PROMPT, cases=[{{"id": "oak", "mail": "one oak"}}, {{"id": "ash", "mail": "two ash"}}], samples={samples})
def test_order(llm_response):
    assert llm_response.report.valid
'''
#: What pydantic 2.7.4 writes for Order.
OLD = {
    "$defs": {
        "Unit": {
            "const": "case",
            "description": "The unit of an amount.",
            "enum": ["case"],
            "title": "Unit",
            "type": "string",
        }
    },
    "description": "An order.",
    "properties": {
        "kind": {"const": "order", "enum": ["order"], "title": "Kind", "type": "string"},
        "unit": {"allOf": [{"$ref": "#/$defs/Unit"}], "default": "case"},
        "price": {"title": "Price", "type": "number"},
        "more": {"default": {}, "title": "More", "type": "object"},
    },
    "required": ["kind", "price"],
    "title": "Order",
    "type": "object",
}
PYDANTIC = f"another version of pydantic may have written the recorded schema; this one is by pydantic {version('pydantic')}"  # fmt: skip
APP = """
import json, httpx, pytest

@pytest.mark.llm
def test_it(llm_calls):
    with open("sent.json") as file:
        sent = json.load(file)
    httpx.post({url!r}, json=sent).raise_for_status()
"""


@pytest.fixture
def orders(project, serve):
    """A project whose prompt sends the schema of its type, and whose recordings are of pydantic 2.7.4."""
    project.server = serve(lambda _body, _number: completion('{"kind": "order", "price": 3}'))
    project.use(project.server)
    declare(project)
    project.record().assert_outcomes(passed=2)
    respell(project, OLD)
    return project


def declare(project, price="float", samples=1):
    project.write("test_it.py", TEST.format(price=price, samples=samples))


def respell(project, schema):
    """Let every recorded request hold a schema as it was sent then."""
    for name, text in project.cassettes().items():
        entries = []
        for entry in read(text, name).values():
            request = copy.deepcopy(dict(entry.request))
            sent = request["body"]["response_format"]["json_schema"]
            assert sent["schema"] != schema
            sent["schema"] = schema
            entries.append(Entry(identity_of(request), request, entry.replies))
        project.write(name, write(entries))


def test_a_recording_with_the_schema_of_another_pydantic_replays(orders):
    before = orders.cassettes()
    orders.forget_key()
    for arguments in ((), ("-n2",)):
        found = orders.run(*arguments)
        found.assert_outcomes(passed=2)
        found.stdout.fnmatch_lines(["*2 exchanges replayed, nothing asked*"])
        found.stdout.no_fnmatch_line("*recorded before these*")
    orders.run()
    orders.command("cassettes", "prune").stdout.fnmatch_lines(["the last run, of 2 items, used every recording"])
    assert orders.cassettes() == before


def test_only_what_is_not_recorded_in_any_spelling_is_asked(orders):
    asked = len(orders.server.requests)
    orders.record().assert_outcomes(passed=2)
    assert len(orders.server.requests) == asked
    declare(orders, samples=2)
    orders.record().assert_outcomes(passed=4)
    assert len(orders.server.requests) == asked + 2
    orders.forget_key()
    orders.run().assert_outcomes(passed=4)


def test_a_sample_more_is_missing_and_no_change(orders):
    declare(orders, samples=2)
    found = orders.run()
    found.assert_outcomes(passed=2, errors=2)
    found.stdout.fnmatch_lines(['*no recording for this request: POST chat/completions of model "tiny", sample 2'])
    found.stdout.no_fnmatch_line("*stale*")


def test_a_changed_type_is_stale_and_only_its_change_is_shown(orders):
    asked = len(orders.server.requests)
    declare(orders, price="int")
    found = orders.run()
    found.assert_outcomes(errors=2)
    change = 'response_format/json_schema/schema/properties/price/type "number" → "integer"'
    found.stdout.fnmatch_lines([f'2 stale, one change of Prompt "order": {change}'.replace("[", "[[]")])
    found.stdout.no_fnmatch_line("*of pydantic*")
    found.stdout.no_fnmatch_line("*/const*")
    assert len(orders.server.requests) == asked


def test_where_versions_of_pydantic_accept_other_values_the_message_names_the_installed_one(orders):
    """Versions 2.12 and 2.13 write a pattern for a Decimal, others none."""
    declare(orders, price="__import__('decimal').Decimal")
    orders.record().assert_outcomes(passed=2)
    name, text = orders.cassettes().popitem()
    sent = [entry.request["body"]["response_format"]["json_schema"]["schema"] for entry in read(text, name).values()][
        -1
    ]
    texts = {"type": "string"} if "pattern" in json.dumps(sent) else {"pattern": r"^(?!^[-+.]*$)\d*$", "type": "string"}
    respell(orders, OLD | {"properties": OLD["properties"] | {"price": {"title": "Price", "anyOf": [{"type": "number"}, texts]}}})  # fmt: skip
    found = orders.run()
    found.assert_outcomes(errors=2)
    found.stdout.fnmatch_lines([f"    {PYDANTIC}", "*schema/properties/price/anyOf/1/pattern*"])


def test_where_an_option_dropped_docstrings_the_message_names_it(orders):
    found = orders.pytester.run(sys.executable, "-OO", "-m", "pytest")
    found.assert_outcomes(errors=2)
    found.stdout.fnmatch_lines(
        [
            "*descriptions are missing: this run is under python -OO, which drops docstrings",
            '*schema/description "An order." → nothing',
        ]
    )
    orders.run().assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (
            "chat/completions",
            lambda schema: {"tools": [{"type": "function", "function": {"name": "order", "parameters": schema}}]},
        ),
        ("responses", lambda schema: {"text": {"format": {"type": "json_schema", "name": "p", "schema": schema}}}),
        ("messages", lambda schema: {"tools": [{"name": "order", "input_schema": schema}]}),
    ],
)
def test_what_an_application_sends_replays_too(project, serve, path, place):
    server = serve()
    project.write("test_app.py", APP.format(url=f"{server.url}/{path}"))
    new = json.loads(json.dumps(OLD).replace(', "enum": ["order"]', ""))
    project.write("sent.json", json.dumps({"model": "tiny", "messages": []} | place(OLD)))
    project.record().assert_outcomes(passed=1)
    project.write("sent.json", json.dumps({"model": "tiny", "messages": []} | place(new)))
    assert new != OLD
    project.run().assert_outcomes(passed=1)
    project.write("sent.json", json.dumps({"model": "tiny", "messages": []} | place(new | {"required": ["kind"]})))
    found = project.run()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*the recording is stale: *required/1*"])
    assert len(server.requests) == 1
