"""Run files of which anything was changed: a clear error, or a verdict in words; never a traceback."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

from gate_samples import baseline, confirming, graded, line, record, results
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.cli.gate import merged
from pytest_llm.errors import RunFileError
from pytest_llm.gates import better, judge, judge_expectations
from pytest_llm.gates.baseline import Baselines
from pytest_llm.reports import summary_lines, verdict_text
from pytest_llm.results import Commit, Run, read_run, write_run

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


# -- several runs as one ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, len(ITEMS)), max_size=3), st.permutations(range(4)))
def test_shards_together_are_the_run_that_they_are_parts_of(cuts, order):
    """In whatever order, of the same commit, and whether the later of two results of an item is in another shard."""
    here = Commit(id="0" * 40, dirty=False)
    whole = Run(results=tuple(ITEMS), records=(SUITE,), commit=here)
    places = [0, *sorted(cuts), len(ITEMS)]
    shards = [replace(whole, results=whole.results[a:b]) for a, b in pairwise(places)]
    shards = [shards[n] for n in order if n < len(shards)]
    found = merged([read_run(write_run(one), "shard.jsonl") for one in shards])
    assert sorted(found.results, key=ITEMS.index) == ITEMS
    assert (found.records, found.commit) == ((SUITE,), here)
    assert merged([merged(shards[:1]), *shards[1:]]).results == found.results
    assert set(map(verdict_text, verdicts_on(found))) == set(map(verdict_text, verdicts_on(whole)))


def test_the_later_result_of_an_item_counts_and_runs_of_two_commits_have_none():
    one = Run(results=(ITEMS[0],), commit=Commit(id="0" * 40))
    again = replace(one, results=(replace(ITEMS[0], outcome="failed"),), commit=Commit(id="1" * 40))
    found = merged([one, again])
    assert [result.outcome for result in found.results] == ["failed"]
    assert found.commit is None
    assert merged([one, replace(one, commit=None)]).commit is None
