"""Run files of which anything was changed: a clear error, or a verdict in words; never a traceback."""

from __future__ import annotations

import json
from dataclasses import replace

from gate_samples import baseline, confirming, graded, line, record, results
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.errors import RunFileError
from pytest_llm.gates import better, judge, judge_expectations
from pytest_llm.gates.baseline import Baselines
from pytest_llm.reports import summary_lines, verdict_text
from pytest_llm.results import Run, read_run, write_run

BASE = baseline({"a": line("PPP"), "b": line("PPP", history={"outcome": "P" * 15}), "c": line("PFP")})
ITEMS = [
    *(replace(one, variant="few") for one in results({"a": "PPP", "c": "PUF"})),
    *(replace(one, variant="none") for one in results({"b": "FFF"})),
    *confirming({"b": "F" * 10}),
]
SUITE = record(ITEMS, expect=(better("few", "none").json,))


def verdicts_on(run):
    """As `pytest-llm gate` judges; what an expectation of another release cannot be is said by its caller."""
    for suite in run.records:
        one = judge(suite, run.results, Baselines(base=BASE, head=BASE, is_one=True))
        yield from () if one is None else (one,)
        yield from judge_expectations(suite, run.results)


GOOD = write_run(
    replace(
        Run(results=tuple(graded(one, tone=True) for one in ITEMS), records=(SUITE,)),
        verdicts=tuple(verdicts_on(Run(results=tuple(ITEMS), records=(SUITE,)))),
    )
)


def places(tree):
    """Every place of a value in a JSON document: its holder and its key."""
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from places(tree[key])


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values |= st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3)


@given(st.data())
def test_a_run_file_with_anything_in_place_of_a_value_is_judged_or_refused(data):
    tree = [json.loads(text) for text in GOOD.splitlines()]
    spots = [*places(tree[0]), *places(tree[data.draw(st.integers(1, len(tree) - 1))])]
    holder, key = data.draw(st.sampled_from(spots))
    if isinstance(holder, dict) and data.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = data.draw(values)
    try:
        run = read_run("".join(f"{json.dumps(one)}\n" for one in tree), "run.jsonl")
    except RunFileError as error:
        assert "run.jsonl" in str(error)
        return
    said = []
    try:
        said = list(verdicts_on(run))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        # Only for an expectation, which nothing but the room that judges it can read.
        assert run.records[0].expect != SUITE.expect, error
    assert all(verdict_text(one) for one in (*said, *run.verdicts))
    assert summary_lines(replace(run, verdicts=(*said, *run.verdicts)))
