"""A suite as version 1 of the file formats knew it."""

import pytest

from pytest_llm import Prompt, grader

colour = Prompt(name="colour", model="tiny", user="What colour has {{ thing }}? One word.", temperature=0.7)


@grader
def is_known(output):
    return output.text in ("red", "yellow", "green")


@grader
def brevity(output):
    return 3 / len(output.text)


@pytest.mark.llm(colour, cases="things.jsonl", samples=2, graders=[is_known, brevity])
def test_colour(llm_response):
    pass
