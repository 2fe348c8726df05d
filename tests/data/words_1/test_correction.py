"""Does feedback help this model? Three arms that go on from the same first reply, on 120 orders."""

import pytest
from extraction import with_rules, without_rules

from pytest_llm.gates import feedback_helps
from pytest_llm.graders import equals_expected


@pytest.mark.llm(
    variants={"rules": with_rules, "no_rules": without_rules},
    cases="orders.jsonl",
    expect=[feedback_helps(variant="no_rules")],
)
@pytest.mark.llm_retry(attempts=3, arms=("resample", "generic", "errors"), score=equals_expected())
def test_corrects_itself(llm_retry):
    llm_retry.compare()
