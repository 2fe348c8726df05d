"""The fixture llm_retry: asked, corrected, compared, recorded, replayed and told."""

from __future__ import annotations

import json
from collections import Counter

import pytest

TEST = """
import pytest
from pydantic import BaseModel
from pytest_llm import Prompt

class Order(BaseModel):
    item: str
    qty: int

prompt = Prompt(name="order", model="tiny", system="Reply with item and qty.", user="{{ text }}", schema=Order)
CASES = [{"id": name, "text": f"three {name}"} for name in ("cups", "pens")]

@pytest.mark.llm(prompt, cases=CASES)
def test_corrects(llm_retry):
    assert llm_retry().require().qty == 3

@pytest.mark.llm(prompt, cases=CASES)
def test_compares(llm_retry):
    arms = llm_retry.compare()
    assert arms["errors"].ok
    assert [arms[name].n for name in ("resample", "generic", "errors")] == [3, 2, 2]
"""

BAD, GOOD = '{"item": "cups", "qty": "three"}', '{"item": "cups", "qty": 3}'


def corrects(body, number):
    """Errs at first, and each time that it is only asked again; the replies differ in their blanks."""
    return GOOD if len(body["messages"]) > 2 else BAD + " " * number


@pytest.fixture
def shop(project, serve):
    server = serve(corrects)
    project.use(server)
    project.server = server
    project.write("test_it.py", TEST)
    return project


def traces(project):
    lines = (project.path / ".pytest_llm/last-run.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    return {result["nodeid"].partition("::")[2]: result["traces"] for result in map(json.loads, lines)}


def slots(project, name):
    text = next(text for path, text in project.cassettes().items() if name in path)
    return sorted(line.split("slot:")[1].strip().strip("'") for line in text.splitlines() if "slot:" in line)


def test_a_reply_is_corrected_recorded_and_replayed_the_same(shop):
    shop.record().assert_outcomes(passed=4)
    recorded = traces(shop)
    assert Counter(len(one["attempts"]) for one in recorded["test_corrects[cups]"]) == {2: 1}
    assert [one["arm"] for one in recorded["test_compares[cups]"]] == ["resample", "generic", "errors"]
    # Two attempts of test_corrects; of test_compares one that all arms share, two of the control, one of each other.
    assert len(shop.server.requests) == 2 * (2 + 1 + 2 + 1 + 1)
    assert slots(shop, "test_compares/cups") == ["1", "1/errors/2", "1/generic/2", "1/resample/2", "1/resample/3"]
    shop.forget_key()
    for arguments in ((), ("-n2",), ("-p", "no:randomly", "-k", "pens")):
        shop.run(*arguments).assert_outcomes(
            passed=2 if "-k" in arguments else 4, deselected=2 if "-k" in arguments else 0
        )
        for name, found in traces(shop).items():
            assert [same(one) for one in found] == [same(one) for one in recorded[name]]
            assert all(attempt["replayed"] for one in found for attempt in one["attempts"])
    assert len(shop.server.requests) == 14


def same(trace):
    """A trace without what only happens while asking."""
    left = ("replayed", "latency_s", "waited_s", "transport_retries")
    return trace | {"attempts": [{k: v for k, v in one.items() if k not in left} for one in trace["attempts"]]}
