"""What a suite expects of its variants, over synthetic results."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gate_samples import graded, record, results
from hypothesis import given
from hypothesis import strategies as st
from trace_samples import trace

from pytest_llm.gates import better, feedback_helps, judge_expectations, newcombe_paired, stratified_exact


def variants(one, other, **more):
    """A run of two variants over the same cases, from letters by case."""
    return [
        replace(result, variant=name, line=f"{result.line}-{name}")
        for name, cases in (("few", one), ("none", other))
        for result in results(cases, **more)
    ]


def many(letters, n=40, first=0):
    return {f"c{number:02}": letters for number in range(first, first + n)}


def said(run, *expected, **more):
    return list(judge_expectations(record(run, expect=tuple(one.json for one in expected), **more), run))


def test_what_is_shown_passes_and_the_contrary_fails():
    run = variants(many("PPP"), {**many("FFF", 10), **many("PPP", 30, 10)})
    shown, contrary = said(run, better("few", "none"), better("none", "few"))
    assert (shown.kind, shown.reason, shown.is_red) == ("PASS", "few better than none: shown", False)
    assert (contrary.kind, contrary.reason, contrary.is_red) == ("FAIL", "none better than few: it is worse", True)
    assert (shown.item, contrary.item, shown.cases, shown.samples) == ("llm-expect-1", "llm-expect-2", 40, 3)
    [metric] = shown.metrics
    assert (metric.base, metric.head, metric.change) == ((90, 120), (120, 120), 0.25)
    assert metric.p == pytest.approx(stratified_exact([(0, 3, 3, 3)] * 10).better)
    assert contrary.metrics[0].p == pytest.approx(metric.p)


def test_what_is_not_shown_is_inconclusive():
    [found] = said(variants(many("PPF"), many("PFP")), better("few", "none"))
    assert (found.kind, found.reason) == ("INCONCLUSIVE", "few better than none: not shown, nor the contrary")
    assert found.blind_spot is not None


def test_several_expectations_share_the_level():
    run = variants(many("P"), {**many("F", 5), **many("P", 35, 5)})
    alone, *_ = said(run, better("few", "none"))
    assert (alone.kind, alone.metrics[0].p) == ("PASS", pytest.approx(1 / 64))
    together = said(run, *[better("few", "none")] * 4)
    assert {one.kind for one in together} == {"INCONCLUSIVE"}


def test_what_has_no_grade_speaks_against_the_claim():
    run = variants({**many("P", 32), **many("U", 8, 32)}, {**many("F", 6), **many("P", 34, 6)})
    [found] = said(run, better("few", "none"))
    assert (found.kind, found.cases) == ("INCONCLUSIVE", 32)
    assert found.metrics[0].p < 0.05


def test_a_metric_is_a_grader_s_name():
    run = [
        graded(one, polite=one.variant == "few", short=None if one.variant == "few" else True)
        for one in variants(many("P"), many("P"))
    ]
    polite, short = said(run, better("few", "none", metric="polite"), better("few", "none", metric="short"))
    assert (polite.kind, polite.reason) == ("PASS", "few better than none in polite: shown")
    assert (short.kind, short.reason) == (
        "INVALID",
        "few better than none in short: short was graded in no case of both",
    )


def test_only_cases_of_both_are_compared():
    run = variants(many("P", 20), many("F", 20, 10))
    [found] = said(run, better("few", "none"))
    assert (found.cases, found.metrics[0].base, found.metrics[0].head) == (10, (0, 10), (10, 10))


def test_identical_replies_that_could_not_differ_count_once():
    run = [replace(one, single_draw=True, replies="x") for one in variants(many("PPP", 3), many("FFF", 3))]
    [found] = said(run, better("few", "none"))
    assert (found.kind, found.metrics[0].head) == ("INCONCLUSIVE", (3, 3))


def test_a_part_of_a_suite_is_not_judged():
    run = variants(many("P"), many("F"))
    [found] = said(run, better("few", "none"), items=100)
    assert (found.kind, found.reason) == ("NOT JUDGED", "few better than none: 80 of 100 items selected")


def test_a_variant_whose_name_pytest_escapes_is_paired():
    run = [
        replace(one, variant="größer", line=one.line.replace("few", r"gr\xf6\xdfer")) if one.variant == "few" else one
        for one in variants(many("P"), many("F"))
    ]
    [found] = said(run, better("größer", "none"))
    assert (found.kind, found.cases) == ("PASS", 40)


def test_it_tells_of_which_variants_it_speaks():
    assert better("few", "none").variants == ("few", "none")


def test_nothing_is_better_than_itself():
    with pytest.raises(ValueError, match="'few' cannot be better than itself"):
        better("few", "few")


@given(st.lists(st.tuples(st.text("PFU", min_size=1, max_size=3), st.text("PFU", min_size=1, max_size=3)), max_size=12))
def test_the_contrary_of_a_shown_claim_fails(cases):
    one, other = ({f"c{n}": pair[side] for n, pair in enumerate(cases)} for side in (0, 1))
    claim, contrary = said(variants(one, other), better("few", "none"), better("none", "few"))
    kinds = (claim.kind, contrary.kind)
    assert "PASS" not in kinds or "FAIL" in kinds
    assert kinds not in {("PASS", "PASS"), ("FAIL", "FAIL")}


# -- whether feedback helps -----------------------------------------------------------------------------------------


def corrected(arms, **more):
    """A run whose items compared arms; letters by arm, as in trace_samples."""
    items = results({f"c{place:02}": "P" for place in range(len(next(iter(arms.values()))))}, **more)
    return [
        replace(one, traces=tuple(trace(runs[place], arm) for arm, runs in arms.items()))
        for place, one in enumerate(items)
    ]


HELPS = {"resample": ["III"] * 20, "errors": ["IV"] * 20}


def test_feedback_that_helps_passes_and_the_contrary_fails():
    shown, contrary = said(corrected(HELPS), feedback_helps(), feedback_helps("resample", over="errors"))
    assert (shown.kind, shown.reason) == ("PASS", "errors recovers more than resample: shown")
    assert (contrary.kind, contrary.reason) == ("FAIL", "resample recovers more than errors: it does not")
    [metric] = shown.metrics
    assert (metric.name, metric.base, metric.head, metric.change) == ("recovered", (0, 20), (20, 20), 1.0)
    assert (shown.cases, shown.item, contrary.item) == (20, "llm-expect-1", "llm-expect-2")
    assert metric.interval == newcombe_paired(0, 0, 20, 0, 0.975)  # two expectations share the level


def test_feedback_has_to_help_by_more_than_low():
    half = {"resample": ["III"] * 40, "errors": ["IV"] * 20 + ["III"] * 20}
    [enough] = said(corrected(half), feedback_helps(low=0.3))
    [undecided] = said(corrected(half), feedback_helps(low=0.5))
    [short] = said(corrected(half), feedback_helps(low=0.9))
    assert [one.kind for one in (enough, undecided, short)] == ["PASS", "INCONCLUSIVE", "FAIL"]
    assert undecided.reason == "errors recovers more than resample by more than 50 points: not shown, nor the contrary"


def test_without_a_control_or_with_one_that_repeats_itself_nothing_is_shown():
    [missing] = said(corrected({"generic": ["III"] * 20, "errors": ["IV"] * 20}), feedback_helps())
    assert (missing.kind, missing.is_red) == ("INVALID", True)
    assert "the value of feedback was not measured" in missing.reason
    same = corrected(HELPS)
    same = [
        replace(one, traces=tuple(replace(arm, attempts=tuple(map(repeated, arm.attempts))) for arm in one.traces))
        for one in same
    ]
    [degenerate] = said(same, feedback_helps())
    assert (degenerate.kind, "the control is degenerate, 40 of 40" in degenerate.reason) == ("INVALID", True)


def repeated(attempt):
    return replace(attempt, repeated=True)


def test_where_no_first_attempt_failed_nothing_can_be_said():
    [found] = said(corrected({"resample": ["V"] * 20, "errors": ["V"] * 20}), feedback_helps())
    assert (found.kind, found.reason) == ("INCONCLUSIVE", "errors recovers more than resample: no first attempt failed")


def test_one_variant_can_be_meant():
    run = [replace(one, variant="few") for one in corrected(HELPS)]
    [found] = said(run, feedback_helps(variant="none"))
    assert found.kind == "INVALID"
    confirming = replace(run[0], nodeid="confirms", sample=101)
    [found] = said([*run, confirming], feedback_helps(variant="few"))
    assert found.cases == 20
    assert (found.kind, found.reason) == ("PASS", "errors recovers more than resample in few: shown")
    assert feedback_helps(variant="few").variants == ("few",)
    assert feedback_helps().variants == ()


@pytest.mark.parametrize("wrong", [{"arm": "resample"}, {"low": 1}, {"low": True}, {"low": -2.0}])
def test_what_cannot_be_expected_of_feedback_is_refused(wrong):
    with pytest.raises(ValueError, match=r"recover more than itself|difference of shares"):
        feedback_helps(**wrong)
