"""Runs: text and back without loss, refused when damaged, and summed up by suite and variant."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_samples import trace

from pytest_llm.errors import RunFileError
from pytest_llm.results import (
    Commit,
    FixtureCalls,
    GradeRecord,
    MetricChange,
    MissRecord,
    PassageRecord,
    QuestionRecord,
    Result,
    Run,
    Scope,
    SuiteRecord,
    SuiteSummary,
    Suspect,
    Verdict,
    json_report,
    read_run,
    write_run,
)

# -- text and back ----------------------------------------------------------------------------------------------


def joined(text):
    """Two halves of a pair beside each other are one character to JSON, as they are to UTF-16."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


odd = st.sampled_from(
    ["\ud800", "\udfff", "\u2028", "\x85", "\x1c", "\r\n", "\x00", "\x1b[2J", "\u202e", "\ufeff", '"\\']
)
texts = st.builds(lambda *parts: joined("".join(parts)), st.text(st.characters(), max_size=5), odd, st.text(max_size=5))
counts = st.integers(0, 10**20)
numbers = st.none() | st.floats(0, 1)
grades = st.builds(
    GradeRecord, name=texts, score=numbers, passed=st.none() | st.booleans(), reason=texts, required=st.booleans()
)
values = st.recursive(st.none() | st.booleans() | counts | texts, lambda inner: st.lists(inner, max_size=2))
inputs = st.dictionaries(texts, values, max_size=2)
questions = st.builds(
    QuestionRecord,
    where=texts,
    inputs=st.none() | inputs,
    expected=values,
    context=values,
    left_out=st.lists(texts, max_size=2).map(tuple),
)
passages = st.builds(PassageRecord, id=texts, text=texts, score=numbers, metadata=inputs)
commits = st.builds(Commit, id=texts, dirty=st.none() | st.booleans())
results = st.builds(
    Result,
    nodeid=texts,
    suite=texts,
    outcome=st.sampled_from(["passed", "failed", "ungraded", "error"]),
    case=st.none() | texts,
    tags=st.lists(texts, max_size=2).map(tuple),
    grades=st.lists(grades, max_size=2).map(tuple),
    output=st.none() | texts,
    failure=texts,
    usage=st.dictionaries(texts, counts, max_size=2),
    cost_usd=numbers,
    group=st.none() | texts,
    split=st.sampled_from([None, "train", "dev", "test"]),
    relevant=st.lists(texts, max_size=2).map(tuple),
    question=st.none() | questions,
    passages=st.lists(passages, max_size=2).map(tuple),
    draws=st.none() | st.integers(1, 9),
    used=st.lists(st.tuples(texts, texts, counts), max_size=2).map(tuple),
    ended=st.booleans(),
    miss=st.none() | st.builds(MissRecord, kind=texts, heading=texts, change=texts),
)


@given(
    st.lists(results, max_size=3).map(tuple),
    st.sampled_from(["replay", "record", "rerecord", "live"]),
    st.none() | commits,
)
def test_every_run_reads_back_as_it_was(some, mode, commit):
    run = Run(results=some, mode=mode, commit=commit)
    text = write_run(run)
    assert read_run(text) == run
    assert write_run(read_run(text)) == text
    assert (text + json_report(run)).isascii()
    assert len(text.splitlines()) == 1 + len(some)
    assert json.loads(json_report(run))["results"] == [json.loads(line) for line in text.splitlines()[1:]]


ONE = Result(nodeid="test_x.py::test_x[oak]", suite="orders", outcome="passed", case="oak")
GOOD = write_run(Run(results=(ONE, ONE)))
HEAD, LINE, _ = GOOD.splitlines(keepends=True)


UNKNOWN = json.loads(json.dumps(Scope(partial="the run file does not say what the run has covered").json))


def test_the_scope_of_a_run_is_in_its_head():
    scope = Scope(partial="2 items were deselected", folders=("a", "b"), skipped=("a/cassettes/x.yaml",))
    assert read_run(write_run(Run(results=(ONE,), scope=scope))).scope == scope
    assert read_run('{"version": 1, "mode": "replay", "results": 0}\n').scope.partial
    for damaged in ("3", '{"partial": ""}', '{"partial": "", "folders": 3, "skipped": []}'):
        with pytest.raises(RunFileError, match="the scope of the run cannot be read"):
            read_run(f'{{"version": 1, "mode": "replay", "results": 0, "scope": {damaged}}}\n')


def test_a_run_file_begins_with_what_it_holds():
    assert json.loads(HEAD) == {"version": 2, "mode": "replay", "results": 2, "scope": UNKNOWN, "commit": None}


def test_what_later_versions_add_to_the_head_is_passed_over():
    assert read_run(GOOD.replace('"mode"', '"colour": "red", "mode"', 1)) == read_run(GOOD)


MENDED = "  run         pytest again; the run file is made anew each time"
HEADLESS = f"the run file has no header of a version that this release reads\n  where       x.jsonl\n{MENDED}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", HEADLESS),
        ("[]\n", HEADLESS),
        ("null\n", HEADLESS),
        (LINE, HEADLESS),
        (GOOD.replace('"version": 2', '"version": 0'), HEADLESS),
        (GOOD.replace('"version": 2', '"version": true'), HEADLESS),
        (
            GOOD.replace('"version": 2', '"version": 3'),
            (
                "the run file has version 3; this release reads versions up to 2\n  where       x.jsonl\n"
                f"  install     the release of pytest-llm-evals that wrote it\n{MENDED}"
            ),
        ),
        (
            GOOD.replace("\n", "\n<<<<<<< HEAD\n", 1),
            f"there is a merge conflict in the run file\n  where       x.jsonl\n{MENDED}",
        ),
        ("<<<<<<< HEAD\n" + GOOD, "there is a merge conflict in the run file"),
        (HEAD + LINE + LINE.replace('"suite"', '"sample": 2, "suite"'), "a line is no JSON: 'sample' is there twice\n"),
        (
            HEAD.replace('"commit": null', '"commit": {"dirty": true}') + LINE + LINE,
            "the commit of the run cannot be read: id is missing",
        ),
        (HEAD, f"the run file is cut: 0 of 2 results\n  where       x.jsonl\n{MENDED}"),
        (HEAD + LINE, f"the run file is cut: 1 of 2 results\n  where       x.jsonl\n{MENDED}"),
        (GOOD + LINE, f"the run file is cut: 3 of 2 results\n  where       x.jsonl\n{MENDED}"),
        ('{"version": 1}\n', f"the run file is cut: 0 of None results\n  where       x.jsonl\n{MENDED}"),
        ("pytest\n", "a line is no JSON: Expecting value: line 1 column 1 (char 0)\n  where       x.jsonl:1\n"),
        (GOOD[:-9], "a line is no JSON: "),
        (HEAD + LINE + "{}\n", "a result cannot be read: nodeid is missing\n"),
        (HEAD + LINE + "3\n", "a result cannot be read: '3' is no object\n"),
        (
            json_report(Run(results=(ONE,))),
            (
                "this is a document of --llm-json, and no run file\n  where       x.jsonl\n"
                "  read        that of the run: .pytest_llm/last-run.jsonl"
            ),
        ),
    ],
)
def test_a_damaged_run_file_says_what_is_wrong_and_how_to_get_a_new_one(text, said):
    with pytest.raises(RunFileError, match=f"^{re.escape(said)}"):
        read_run(text, "x.jsonl")


@pytest.mark.parametrize(("text", "line"), [("x\n" + GOOD, 1), (GOOD[:-9], 3), (HEAD + LINE + "{}\n", 3)])
def test_a_damaged_line_is_named_by_its_number(text, line):
    with pytest.raises(RunFileError, match=f"where       x.jsonl:{line}(\n|$)"):
        read_run(text, "x.jsonl")


def test_a_line_nested_too_deep_is_damaged():
    with pytest.raises(RunFileError):
        read_run("[" * 100_000)


# -- summaries --------------------------------------------------------------------------------------------------


def item(case, outcome="passed", sample=1, suite="orders", variant=None, grades=()):
    return Result(
        nodeid=f"{case}-{sample}",
        suite=suite,
        outcome=outcome,
        case=case,
        sample=sample,
        variant=variant,
        grades=tuple(grades),
    )


def test_outcomes_are_counted_apart():
    outcomes = ["passed", "failed", "failed", "ungraded", "ungraded", "ungraded", "error"]
    run = Run(results=tuple(item(str(number), outcome) for number, outcome in enumerate(outcomes)))
    assert run.suites() == [
        SuiteSummary(
            name="orders",
            variant=None,
            cases=7,
            samples=1,
            total=7,
            passed=1,
            failed=2,
            ungraded=3,
            errors=1,
            scores={},
        )
    ]


def test_suites_and_their_variants_are_summed_up_apart_in_the_order_of_the_run():
    run = Run(
        results=(
            item("a", suite="mails", variant="small"),
            item("a", suite="mails", variant="big"),
            item("a"),
            item("b", suite="mails", variant="small"),
        )
    )
    found = [(suite.name, suite.variant, suite.cases) for suite in run.suites()]
    assert found == [("mails", "small", 2), ("mails", "big", 1), ("orders", None, 1)]


@pytest.mark.parametrize(
    ("items", "cases", "samples"),
    [
        ([("a", 1)], 1, 1),
        ([(None, 1)], 1, 1),
        ([(case, sample) for case in "ab" for sample in (1, 2, 3)], 2, 3),
        ([("a", 1), ("a", 2), ("b", 1)], 2, None),
        ([("a", 1), ("a", 1)], 1, None),  # a parameter of the test's own
    ],
)
def test_samples_are_told_where_every_case_has_as_many(items, cases, samples):
    [suite] = Run(results=tuple(item(case, sample=sample) for case, sample in items)).suites()
    assert (suite.cases, suite.samples, suite.total) == (cases, samples, len(items))


def test_a_mean_is_told_of_graders_that_decide_nothing_by_themselves():
    graded = [
        item("a", grades=[GradeRecord(name="close", score=0.5), GradeRecord(name="exact", score=1, passed=True)]),
        item("b", grades=[GradeRecord(name="close", score=1.0), GradeRecord(name="judge")]),
        item("c", grades=[GradeRecord(name="close"), GradeRecord(name="zero", score=0.0)]),
    ]
    [suite] = Run(results=tuple(graded)).suites()
    assert suite.scores == {"close": (0.75, 2), "zero": (0.0, 1)}


def test_an_empty_run_has_no_suites():
    assert Run(results=()).suites() == []


def test_the_json_report_is_one_document():
    run = Run(results=(item("a", grades=[GradeRecord(name="close", score=0.5)]),), mode="live")
    text = json_report(run)
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "version": 2,
        "mode": "live",
        "scope": UNKNOWN,
        "commit": None,
        "suites": [
            {
                "suite": "orders",
                "variant": None,
                "cases": 1,
                "samples": 1,
                "total": 1,
                "passed": 1,
                "failed": 0,
                "ungraded": 0,
                "errors": 0,
                "scores": {"close": {"mean": 0.5, "count": 1}},
            }
        ],
        "corrections": [],
        "fixtures": [],
        "verdicts": [],
        "results": [json.loads(json.dumps(run.results[0].json))],
    }


# -- what fixtures asked ----------------------------------------------------------------------------------------

INDEX = FixtureCalls(name="fixture index", cassette="c.yaml", recorded=2, usage={"total_tokens": 5}, cost_usd=0.5)


def test_what_fixtures_asked_is_in_the_head():
    run = Run(results=(ONE,), fixtures=(INDEX,))
    assert read_run(write_run(run)) == run
    assert json.loads(json_report(run))["fixtures"] == [INDEX.json]


def test_set_up_and_teardown_are_added_and_what_is_not_known_stays_unknown():
    more = FixtureCalls(
        name="other", cassette="c.yaml", replayed=1, asked=3, usage={"total_tokens": 2, "x": 1}, cost_usd=1
    )
    assert INDEX + more == FixtureCalls(
        name="fixture index",
        cassette="c.yaml",
        replayed=1,
        recorded=2,
        asked=3,
        usage={"total_tokens": 7},
        cost_usd=1.5,
    )
    assert (INDEX + FixtureCalls(name="", cassette="")).cost_usd is None
    assert (INDEX + FixtureCalls(name="", cassette="")).usage == {}


@pytest.mark.parametrize("fixture", ["{}", "7", '{"name": "x"}'])
def test_a_fixture_that_is_none_is_told(fixture):
    with pytest.raises(RunFileError, match="a fixture's calls cannot be read"):
        read_run(HEAD.replace("}", f', "fixtures": [{fixture}]}}') + LINE + LINE, "x.jsonl")


def test_suites_and_verdicts_are_read_back():
    record = SuiteRecord(baseline="b.json", name="orders", nodeid="t.py::orders", primary=("a", "b"), items=3)
    verdict = Verdict(
        kind="FAIL",
        suite="orders",
        baseline="b.json",
        nodeid="t.py::orders",
        reason="worse",
        metrics=(MetricChange(name="outcome", base=(1, 2), head=(0, 2), change=-0.5, interval=(-0.9, -0.1), p=0.01),),
        suspects=(Suspect(case="a", metric="outcome", base=(3, 3), head=(0, 3), confirmed=(0, 10), state="broken"),),
        excluded=(("b", "new"),),
        accepted="why",
    )
    run = Run(results=(), records=(record,), verdicts=(verdict,))
    again = read_run(write_run(run))
    assert (again.records, again.verdicts) == ((record,), (verdict,))
    assert json.loads(json_report(run))["verdicts"][0]["kind"] == "FAIL"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("suites", [{"name": "x"}]),
        ("suites", [{"name": 3, "baseline": "b", "nodeid": "n"}]),
        ("suites", 3),
        ("verdicts", [{"kind": "MAYBE"}]),
        ("verdicts", [{"kind": "PASS"}]),
        ("verdicts", ["PASS"]),
    ],
)
def test_suites_that_cannot_be_read_are_an_error(name, value):
    text = json.dumps({"version": 1, "mode": "replay", "results": 0, name: value}) + "\n"
    with pytest.raises(RunFileError, match="the suites of the run cannot be read"):
        read_run(text, "run.jsonl")


def test_samples_that_confirm_a_suspicion_are_no_part_of_a_summary():
    one = Result(nodeid="a", suite="orders", outcome="passed", case="a")
    run = Run(results=(one, replace(one, nodeid="b", sample=101, outcome="failed")))
    assert run.suites()[0].total == 1


# -- corrections --------------------------------------------------------------------------------------------------


def test_traces_are_summed_up_by_suite_and_variant_and_survive_a_run_file():
    arms = (trace("IIV", "resample"), trace("IV", "errors"))
    items = [
        replace(item("a"), traces=arms),
        replace(item("b", variant="small"), traces=(trace("V"),)),
        item("c"),
        replace(item("d", sample=101), traces=arms),
    ]
    run = Run(results=tuple(items))
    assert read_run(write_run(run)).results == run.results
    found = run.corrections()
    assert [(one.suite, one.variant, [arm.arm for arm in one.arms]) for one in found] == [
        ("orders", None, ["resample", "errors"]),
        ("orders", "small", ["errors"]),
    ]
    assert found[0].values[0].pairs == 1
    told = json.loads(json_report(run))["corrections"]
    assert [one["arms"][0]["recovered"]["of"] for one in told] == [1, 0]
