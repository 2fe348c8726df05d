"""The street, walked once: declare, record, replay, break, read why, mend."""

from __future__ import annotations

import json

import pytest

PROMPT = """
from pytest_llm import Prompt
extract = Prompt(
    name="extract", model="tiny", system="You turn e-mails into JSON.{extra}", user="{{{{ email }}}}",
    schema={{"type": "object", "required": ["currency"], "properties": {{"currency": {{"type": "string"}}}}}},
    temperature=0.7,
)
"""
TEST = """
import pytest
from prompts import extract
from pytest_llm.graders import equals_expected

@pytest.mark.llm(extract, cases="orders.jsonl", graders=[equals_expected()])
def test_extracts(llm_response): ...
"""
CASES = [
    {"id": "oak", "email": "36 oak bottles, 20 GBP", "expected": {"currency": "GBP"}},
    {"id": "pens", "email": "two green pens, $3", "expected": {"currency": "USD"}},
]


@pytest.fixture
def orders(project, serve):
    server = serve(lambda body, n: json.dumps({"currency": "GBP" if "GBP" in body["messages"][-1]["content"] else "$"}))
    project.use(server)
    project.write("prompts.py", PROMPT.format(extra=""))
    project.write("test_orders.py", TEST)
    project.write("orders.jsonl", "".join(json.dumps(case) + "\n" for case in CASES))
    return server


def test_from_the_first_prompt_to_a_mended_one(project, orders):
    # Nothing is recorded, and nothing is asked: both cases are errors that name the command.
    result = project.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(['*no recording for this request: POST chat/completions of model "tiny", sample 1'])
    result.stdout.fnmatch_lines(["*record*pytest --llm-record*"])
    assert not orders.requests
    assert not project.cassettes()

    # Recorded: each case is asked once, and graded.
    result = project.record()
    result.assert_outcomes(passed=1, failed=1)
    assert len(orders.requests) == 2
    assert list(project.cassettes()) == [
        "cassettes/test_orders/test_extracts/oak.yaml",
        "cassettes/test_orders/test_extracts/pens.yaml",
    ]

    # Replayed, without a key and without the endpoint: the same outcome, and a message that helps.
    project.forget_key()
    result = project.run("--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    assert len(orders.requests) == 2
    result.stdout.fnmatch_lines(
        [
            "equals_expected: 1 of 1 field differs",
            '  /currency   expected "USD"*got "$"',
            "",
            "  user        two green pens, $3",
            '  reply       {"currency": "$"}',
            "",
            "  recording   cassettes/test_orders/test_extracts/pens.yaml",
            "  ask again   pytest --llm-rerecord 'test_orders.py::test_extracts[[]pens[]]'",
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(["test_extracts   2 cases*1/2 passed  50.0 %", "2 exchanges replayed, nothing asked*"])
    junit = (project.path / "junit.xml").read_text()
    assert 'name="llm_case" value="pens"' in junit
    assert "pytest_llm/session.py" not in result.stdout.str()  # no traceback from inside the plugin

    # The prompt changes: both cases are stale by one change, told once.
    project.write("prompts.py", PROMPT.format(extra="\\nUse three-letter currency codes."))
    result = project.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            '2 stale, one change of Prompt "extract": system message −0 +1',
            "",
            "    system message:",
            "      You turn e-mails into JSON.",
            "    + Use three-letter currency codes.",
            "",
            "  oak, pens",
            "  ask again   pytest --llm-record        (2 items)",
        ],
        consecutive=True,
    )

    # Asked again, by what the model now answers: green, and the earlier replies are gone from the cassettes.
    orders.script = lambda body, n: json.dumps(
        {"currency": "GBP" if "GBP" in body["messages"][-1]["content"] else "USD"}
    )
    project.use(orders)
    project.record().assert_outcomes(passed=2)
    assert len(orders.requests) == 4
    assert all("three-letter" in text and text.count("identity:") == 1 for text in project.cassettes().values())
    project.forget_key()
    project.run().assert_outcomes(passed=2)
    project.run("-n", "2").assert_outcomes(passed=2)
    assert len(orders.requests) == 4
