"""A test, and so a cassette, for each call."""

import os

import pytest
from asking import CASES, ask, made_client

MARKERS = {"pytest-llm-evals": pytest.mark.llm, "pytest-recording": pytest.mark.vcr}


@pytest.fixture(scope="session")
def client():
    with made_client() as client:
        yield client


@MARKERS.get(os.environ["RECORDED_BY"], lambda test: test)
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_call(client, case):
    ask(client, case)
