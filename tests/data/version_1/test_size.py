"""A suite whose grader gives no scores."""

import pytest

from pytest_llm import Prompt
from pytest_llm.graders import one_of

size = Prompt(name="size", model="tiny", user="Is {{ thing }} large or small? One word.", temperature=0.7)
CASES = [{"id": "mouse", "thing": "a mouse"}, {"id": "whale", "thing": "a whale"}]


@pytest.mark.llm(size, cases=CASES, graders=[one_of(["large"])])
def test_size(llm_response):
    pass
