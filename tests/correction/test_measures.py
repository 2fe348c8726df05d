"""What corrections came to: published numbers made again, and what holds of any traces."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_samples import attempt, observed, trace

from pytest_llm.correction.comparison import correction_of, is_degenerate, pairs_of, value_of_feedback
from pytest_llm.correction.measures import Observed, Share, Transitions, life_table, measures_of, stage_of
from pytest_llm.stats.paired import holm, mcnemar_exact
from pytest_llm.stats.proportions import pass_at_k, pass_hat_k


def of(runs, arm="errors"):
    return measures_of(arm, observed({arm: runs}))


# -- published numbers ----------------------------------------------------------------------------------------------


def test_tau_bench_airline():
    """The published logs of gpt-4o, 50 tasks of 4 trials, as a histogram of successes: the one that gives all of these.

    github.com/sierra-research/tau-bench, historical_trajectories/gpt-4o-airline.json, commit 59a200c.
    """
    histogram = {0: 14, 1: 12, 2: 10, 3: 4, 4: 10}
    tasks = [passed for passed, count in histogram.items() for _ in range(count)]
    assert len(tasks) == 50

    def mean(estimate, k):
        return sum(estimate(4, passed, k) for passed in tasks) / 50

    assert [round(mean(pass_hat_k, k), 3) for k in (1, 2, 3, 4)] == [0.420, 0.273, 0.220, 0.200]
    assert [round(mean(pass_at_k, k), 3) for k in (1, 2, 3, 4)] == [0.420, 0.567, 0.660, 0.720]


SOLVED = {"resample": [84, 94, 97, 98, 100, 101, 101], "errors": [84, 103, 111, 113, 117, 118, 123]}
"""Of 134 AlfWorld environments, by attempt: github.com/noahshinn/reflexion, commit 218cf0e; as synthetic traces."""


def alfworld(until=7):
    """Both arms over the same environments; of those that only one of them solved, published counts."""
    only_base = {2: 4, 3: 4, 7: 1}[until]
    arms = {"resample": [], "errors": []}
    for arm, solved in SOLVED.items():
        at = [1] * 84
        for number in range(2, until + 1):
            at += [number] * (solved[number - 1] - solved[number - 2])
        arms[arm] = ["I" * (number - 1) + "V" for number in at]
    both = SOLVED["resample"][until - 1] - 84 - only_base
    none = "I" * until
    base, head = arms["resample"][84:], arms["errors"][84:]
    base = base[:both] + [none] * (len(head) - both) + base[both:]
    rows = max(len(base), len(head), 50)
    return {
        "resample": ["V"] * 84 + base + [none] * (rows - len(base)),
        "errors": ["V"] * 84 + head + [none] * (rows - len(head)),
    }


@pytest.mark.parametrize(
    ("until", "recovered", "points", "interval", "discordant", "p"),
    [
        (2, (10, 19), 18, (2, 33), (13, 4), 0.049),
        (3, (13, 27), 28, (10, 43), (18, 4), 0.004),
        (7, (17, 39), 44, (27, 57), (23, 1), None),
    ],
)
def test_alfworld(until, recovered, points, interval, discordant, p):
    traces = observed(alfworld(until))
    base, head = (measures_of(arm, [one for one in traces if one.trace.arm == arm]) for arm in SOLVED)
    assert (base.runs, head.runs) == (134, 134)
    assert [(one.recovered.count, one.recovered.of) for one in (base, head)] == [(count, 50) for count in recovered]
    value = value_of_feedback(traces)
    assert (value.pairs, value.won, value.lost) == (50, *discordant)
    assert round(value.change * 100) == points
    assert tuple(round(bound * 100) for bound in value.interval) == interval
    if p is not None:
        assert round(mcnemar_exact(value.lost, value.won), 3) == p


def test_alfworld_hazards_and_expected_attempts():
    base, head = (of(runs, arm) for arm, runs in alfworld().items())
    assert [round(step.hazard, 3) for step in base.steps] == [0.627, 0.2, 0.075, 0.027, 0.056, 0.029, 0.0]
    assert [round(step.hazard, 3) for step in head.steps] == [0.627, 0.38, 0.258, 0.087, 0.19, 0.059, 0.312]
    assert [round(one.expected_attempts, 2) for one in (base, head)] == [2.72, 2.18]


def test_published_discordant_pairs():
    """25/7, 21/3 and 22/7, one-sided, Holm over three: arXiv 2606.31511."""
    p = holm([mcnemar_exact(lost, won, one_sided=True) for won, lost in ((25, 7), (21, 3), (22, 7))])
    assert p == pytest.approx([0.0021, 0.00042, 0.0041], rel=0.03)


def test_webshop_where_feedback_adds_nothing():
    """33 → 34 against 33 → 35 of 100 in four trials: reflexion's logs, as synthetic traces."""
    arms = {
        "resample": ["V"] * 33 + ["IV"] + ["IIII"] * 66,
        "errors": ["V"] * 33 + ["IV"] * 2 + ["IIII"] * 65,
    }
    value = value_of_feedback(observed(arms))
    assert (value.pairs, value.won, value.lost) == (67, 1, 0)
    assert value.interval[0] < 0 < value.interval[1]


# -- life tables ------------------------------------------------------------------------------------------------------


def test_a_refusal_competes_and_a_budget_censors():
    steps = life_table([trace(one) for one in ("V", "IV", "IR", "I", "II")])
    assert [(one.at_risk, one.became_valid, one.ended, one.left) for one in steps] == [(5, 1, 0, 1), (3, 1, 1, 1)]
    assert [one.hazard for one in steps] == [pytest.approx(1 / 5), pytest.approx(1 / 3)]
    assert [one.valid_by for one in steps] == [pytest.approx(1 / 5), pytest.approx(1 / 5 + 4 / 5 / 3)]
    assert [one.still_trying for one in steps] == [pytest.approx(4 / 5), pytest.approx(4 / 5 / 3)]


@pytest.mark.parametrize(
    ("stop", "kind"),
    [
        ("max_attempts", "left"),
        ("deadline", "left"),
        ("usage_unknown", "left"),
        ("cost_unknown", "left"),
        ("transport_error", "left"),
        ("max_tokens", "ended"),
        ("max_cost", "ended"),
        ("stalled", "ended"),
        ("truncated", "ended"),
        ("content_filter", "ended"),
        ("refusal", "ended"),
        ("context_overflow", "ended"),
    ],
)
def test_which_ends_say_something_of_the_model(stop, kind):
    [step] = life_table([trace("I", stop=stop)])
    assert (step.left, step.ended) == ((1, 0) if kind == "left" else (0, 1))


runs = st.lists(
    st.builds(
        lambda bad, end: "".join(bad) + end, st.lists(st.sampled_from("ISCE"), max_size=3), st.sampled_from("VIRTX")
    ),
    min_size=1,
    max_size=20,
)


@given(runs)
def test_a_life_table_loses_nobody(letters):
    traces = [trace(one) for one in letters]
    steps = life_table(traces)
    for before, after in pairwise(steps):
        assert after.at_risk == before.at_risk - before.became_valid - before.ended - before.left
        assert 0 <= before.valid_by <= after.valid_by <= 1 + 1e-9
        assert after.still_trying <= before.still_trying
    last = steps[-1]
    assert last.at_risk == last.became_valid + last.ended + last.left
    assert sum(one.became_valid for one in steps) == sum(one.ok for one in traces)
    if not any(one.left for one in steps[:-1]):  # nobody was lost sight of: the share that is seen
        assert last.valid_by == pytest.approx(sum(one.ok for one in traces) / len(traces))


@given(runs)
def test_without_competing_ends_it_is_kaplan_and_meier_s(letters):
    traces = [trace(one.translate(str.maketrans("RT", "II"))) for one in letters]
    survival = 1.0
    for step in life_table(traces):
        survival *= 1 - step.became_valid / step.at_risk
        assert step.still_trying == pytest.approx(survival)
        assert step.valid_by == pytest.approx(1 - survival)


@given(runs)
def test_shares_are_shares_and_the_arms_of_a_run_are_paired(letters):
    found = of(letters)
    assert found.first_try.count + found.recovered.of == found.runs == len(letters)
    assert found.valid.count == found.first_try.count + found.recovered.count
    assert sum(found.stops.values()) == found.runs
    assert sum(found.stages.values()) == found.attempts - found.runs
    both = observed({"resample": letters, "errors": letters})
    value = value_of_feedback(both)
    assert (value.pairs, value.won, value.lost) == (found.recovered.of, 0, 0)
    assert value.both == found.recovered.count
    assert len(pairs_of("errors", "resample", both)) == value.both + value.neither


# -- single measures --------------------------------------------------------------------------------------------------


def test_what_is_undefined_is_none():
    nothing = measures_of("errors", [])
    assert (nothing.steps, nothing.expected_attempts, nothing.scores, nothing.overhead) == ((), None, None, None)
    assert nothing.first_try.rate is None
    assert nothing.recovered.json == {"count": 0, "of": 0, "rate": None, "interval": None}
    assert (nothing.first_tokens, nothing.tokens_per_recovery, nothing.pass_hat) == (None, None, ())
    none = value_of_feedback([])
    assert (none.change, none.interval, none.p, none.at_equal_tokens) == (None, None, None, None)
    lost = of(["II", "III"])
    assert (lost.recovered, lost.tokens_per_recovery, lost.overhead) == (Share(0, 2), None, 2.5)


def test_a_provider_that_tells_no_tokens_leaves_the_cost_unknown():
    silent = replace(trace("IV"), attempts=(attempt("I", usage={}), attempt("V")))
    found = measures_of("errors", [Observed("a", "a", silent)])
    assert (found.first_tokens, found.all_tokens, found.overhead, found.tokens_per_recovery) == (None, None, None, 10)


def test_findings_are_followed_by_code():
    found = of(["IV", "IIV", "SIV", "SSS"])
    assert found.fixed == {"type": Share(3, 4), "syntax": Share(1, 3)}
    assert list(found.fixed) == ["type", "syntax"]


def test_damage_is_counted_among_the_corrections_that_were_answered():
    hurt = attempt("I", introduced=(("/a", "type"),), regressed=("/a",), drifted=("/b",), repeated=True)
    traces = [replace(trace("IIV"), attempts=(attempt("I"), hurt, attempt("V"))), trace("IX")]
    found = measures_of("errors", [Observed(str(n), "a", one) for n, one in enumerate(traces)])
    assert (found.introduced, found.regressed, found.drifted, found.repeated) == (Share(1, 2),) * 4


def test_stages():
    assert [stage_of(attempt(one)) for one in "VISCERTX"] == [
        "valid",
        "schema",
        "syntax",
        "custom",
        "syntax",
        "ended",
        "ended",
        "ended",
    ]
    assert of(["SIV", "CV", "IR"]).stages == {
        ("syntax", "schema"): 1,
        ("schema", "valid"): 1,
        ("custom", "valid"): 1,
        ("schema", "ended"): 1,
    }


def test_a_hidden_score_tells_what_became_of_being_right():
    def scored(first, last):
        made = trace("IV")
        scores = (first, last)
        return replace(
            made, attempts=tuple(replace(one, score=s) for one, s in zip(made.attempts, scores, strict=True))
        )

    traces = [scored(1.0, 1.0), scored(1.0, 0.9), scored(0.5, 1.0), scored(0.0, 0.0), scored(None, 1.0)]
    unneeded = replace(trace("V"), attempts=(attempt("V", score=1.0),))
    found = measures_of("errors", [Observed(str(n), "a", one) for n, one in enumerate([*traces, unneeded])])
    assert found.scores == Transitions(stayed_right=1, became_wrong=1, became_right=1, stayed_wrong=1)
    assert found.json["scores"]["became_wrong"] == 1
    assert of(["IV"]).json["scores"] is None


def test_all_of_several_samples_of_a_case():
    traces = [
        Observed(run=str(n), case=case, trace=trace("IV" if ok else "II"))
        for n, (case, ok) in enumerate([("a", 1), ("a", 1), ("a", 0), ("b", 1), ("b", 1), ("b", 1)])
    ]
    assert measures_of("errors", traces).pass_hat == pytest.approx((5 / 6, 2 / 3, 1 / 2))


def test_what_a_recovery_costs():
    dear = tuple(attempt(one, latency_s=0.5, cost_usd=0.01) for one in "IIV")
    traces = [
        Observed("a", "a", replace(trace("IIV"), attempts=dear)),
        Observed("b", "b", replace(trace("I"), attempts=dear[:1])),
    ]
    found = measures_of("errors", traces)
    assert (found.tokens_per_recovery, found.seconds_per_recovery) == (20, 1.0)
    assert found.usd_per_recovery == pytest.approx(0.02)
    assert found.overhead == 2.0
    assert found.json["overhead"] == 2.0


# -- against a control --------------------------------------------------------------------------------------------------


def test_only_arms_of_one_comparison_are_paired():
    apart = [
        Observed("a", "a", trace("IV", "errors")),
        Observed("b", "b", trace("II", "resample")),
        Observed("c", "c", trace("IV", "errors", compared=False)),
        Observed("c", "c", trace("II", "resample", compared=False)),
        Observed("d", "d", trace("IV", "errors")),
        Observed("d", "d", trace("II", "resample")),
    ]
    value = value_of_feedback(apart)
    assert (value.pairs, value.won) == (1, 1)
    assert value.json["won"] == 1


def with_tokens(one, tokens):
    return replace(
        one, attempts=(one.attempts[0], *(replace(a, usage={"total_tokens": tokens}) for a in one.corrections))
    )


def test_what_is_dearer_is_compared_with_as_many_as_it_is_worth():
    pairs = [("IV", "IIV"), ("IV", "III"), ("IIV", "IV")]
    traces = [
        Observed(str(n), "a", one)
        for n, (ours, theirs) in enumerate(pairs)
        for one in (with_tokens(trace(ours), 25), with_tokens(trace(theirs, "resample"), 10))
    ]
    equal = value_of_feedback(traces).at_equal_tokens
    assert (equal.corrections, equal.over_corrections) == (1, 2)
    assert equal.change == pytest.approx(0)  # one correction recovers two of three, and so do two resamples
    assert value_of_feedback(traces).json["at_equal_tokens"]["over_corrections"] == 2
    cheaper = value_of_feedback(traces, "resample", "errors").at_equal_tokens
    assert cheaper is None  # two resamples are worth no whole correction


def test_where_even_one_correction_is_dearer_than_the_control_s_budget_nothing_is_compared():
    traces = [
        Observed("a", "a", with_tokens(trace("IV"), 99)),
        Observed("a", "a", with_tokens(trace("III", "resample"), 10)),
    ]
    assert value_of_feedback(traces).at_equal_tokens is None
    silent = [Observed("a", "a", with_tokens(trace("IV"), 9)), Observed("a", "a", replace(trace("I", "resample")))]
    assert value_of_feedback(silent).at_equal_tokens is None


def test_arms_are_compared_with_the_control_and_with_the_one_without_content():
    arms = {"resample": ["II"], "generic": ["II"], "errors": ["IV"], "paths": ["IV"]}
    found = correction_of("orders", "small", observed(arms))
    assert [(one.arm, one.over) for one in found.values] == [
        ("generic", "resample"),
        ("errors", "resample"),
        ("paths", "resample"),
        ("errors", "generic"),
        ("paths", "generic"),
    ]
    told = found.json
    assert (told["suite"], told["variant"], told["budget"]["attempts"]) == ("orders", "small", 3)
    assert [one["arm"] for one in told["arms"]] == list(arms)
    assert correction_of("orders", None, []).budget == {}


def test_runs_that_were_not_compared_stand_apart():
    alone = [Observed(f"alone {n}", "a", trace("V", "errors", compared=False)) for n in range(5)]
    again = [Observed(f"again {n}", "a", trace("IV", "resample", compared=False)) for n in range(5)]
    found = correction_of("orders", None, [*alone, *observed({"resample": ["II"], "errors": ["IV"]}), *again])
    assert [(one.arm, one.runs, one.first_try.count) for one in found.arms] == [
        ("errors, not compared", 5, 5),
        ("resample", 1, 0),
        ("errors", 1, 0),
        ("resample, not compared", 5, 0),
    ]
    assert "1 first failure: too few" in "\n".join(found.cautions)
    assert [one.arm for one in correction_of("orders", None, alone).arms] == ["errors"]
    told = "\n".join(correction_of("orders", None, again).cautions)
    assert "without a control arm the value of feedback was not measured" in told


def cautions(arms, **more):
    traces = [one._replace(trace=replace(one.trace, **more)) for one in observed(arms)]
    return "\n".join(correction_of("orders", None, traces).cautions)


FINE = {"resample": ["IIV"] * 10, "errors": ["IV"] * 10}


def test_what_speaks_against_reading_too_much_into_it():
    assert cautions(FINE) == ""
    assert cautions({"errors": ["IV"] * 10}) == "without a control arm the value of feedback was not measured"
    assert cautions({"errors": ["V"] * 10}) == ""
    assert "the first prompt does not state a, b, c, d and 2 more: part of a gain is disclosure" in cautions(
        FINE, undisclosed=tuple("abcdef")
    )
    assert "does not state a, b: part" in cautions(FINE, undisclosed=("a", "b"))
    assert cautions({**FINE, "errors": ["IV"] * 9}) == "9 first failures: too few for a rate, read the counts"
    assert "no attempt was ever valid: can the schema be satisfied?" in cautions(
        {"resample": ["II"] * 10, "errors": ["II"] * 10}
    )


def test_a_control_at_temperature_0_is_degenerate():
    """As in reflexion's HotpotQA logs: 34, 34, 34, 34, 34."""
    same = replace(
        trace("III", "resample"), attempts=(attempt("I"), attempt("I", repeated=True), attempt("I", repeated=True))
    )
    control = measures_of("resample", [Observed("a", "a", same)])
    assert is_degenerate(control)
    traces = [*observed({"errors": ["IV"] * 10}), *(Observed(f"run {n}", "a", same) for n in range(10))]
    assert "the control is degenerate: 20 of 20 replies repeat the one before" in cautions_of(traces)
    assert not is_degenerate(of(["III"] * 5, "resample"))
    assert not is_degenerate(of(["V"], "resample"))


def cautions_of(traces):
    return "\n".join(correction_of("orders", None, traces).cautions)


def test_several_models_and_fingerprints_are_named():
    mixed = [
        one._replace(
            trace=replace(
                one.trace,
                attempts=tuple(
                    replace(a, model=f"m{n}", fingerprint=f"fp{n}") for n, a in enumerate(one.trace.attempts)
                ),
            )
        )
        for one in observed(FINE)
    ]
    told = cautions_of(mixed)
    assert "several models answered: m0, m1, m2" in told
    assert "several system fingerprints answered: fp0, fp1, fp2" in told
