"""All calls in one test, and so in one cassette."""

import contextlib
import os

import pytest
from asking import CASES, ask, made_client


def stock_vcrpy():
    import vcr

    # By default the body is not compared: the first reply would answer every request.
    matched_on = ("method", "scheme", "host", "port", "path", "query", "body")
    return vcr.VCR(record_mode="once", match_on=matched_on).use_cassette("cassettes/all.yaml")


RECORDERS = {"stock vcrpy": stock_vcrpy}
MARKERS = {"pytest-llm-evals": pytest.mark.llm}
BY = os.environ["RECORDED_BY"]


@MARKERS.get(BY, lambda test: test)
def test_calls():
    with made_client() as client, RECORDERS.get(BY, contextlib.nullcontext)():
        for case in CASES:
            ask(client, case)
