"""Does feedback help this model? Three arms from the same first reply, on 120 orders, with and without the rules."""

import pytest
from prompts import extract_order

from pytest_llm.gates import feedback_helps
from pytest_llm.graders import equals_expected

without_rules = extract_order.replace(name="without-rules", system="You turn order e-mails into JSON records.")


@pytest.mark.llm(
    variants={"rules": extract_order, "no_rules": without_rules},
    cases="orders.jsonl",
    expect=[feedback_helps(variant="no_rules")],
)
@pytest.mark.llm_retry(attempts=3, arms=("resample", "generic", "errors"), score=equals_expected())
def test_corrects_itself(llm_retry):
    llm_retry.compare()  # what all of them together have to show is what `expect` says
