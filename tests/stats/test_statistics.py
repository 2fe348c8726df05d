"""The statistics against published figures, against scipy and statsmodels, and against counting it out."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.gates import (
    clopper_pearson,
    clustered_se,
    fisher_one_sided,
    holm,
    mcnemar_exact,
    mcnemar_midp,
    mde,
    newcombe_paired,
    pass_at_k,
    pass_hat_k,
    stratified_exact,
    tango_interval,
    wilson,
    within_case_se,
    within_case_variance,
)


def near(value, expected, places):
    return value == pytest.approx(expected, abs=0.51 * 10**-places)


# -- published figures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "total", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0, 0.1611), (0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombe_1998_table_1(passed, total, score, exact):
    assert near(wilson(passed, total), score, 4)
    assert near(clopper_pearson(passed, total), exact, 4)


def test_clopper_pearson_of_fagerland_lydersen_and_laake():
    assert near(clopper_pearson(13, 16), (0.5435, 0.9595), 4)
    assert near(clopper_pearson(0, 10), (0, 0.3085), 4)
    assert near(clopper_pearson(10, 10), (0.6915, 1), 4)
    assert near(clopper_pearson(35, 63), (0.4249, 0.6808), 4)


def test_perfect_outcomes_need_35_trials_for_90_per_cent():
    assert [round(wilson(n, n)[0], 3) for n in (3, 30, 35)] == [0.439, 0.886, 0.901]


def test_mcnemar_of_fagerland_2013():
    assert near(mcnemar_midp(1, 7), 0.0391, 4)
    assert near(mcnemar_midp(6, 16), 0.034690, 6)


def test_tango_1998():
    assert near(tango_interval(16, 6, 161), (-0.1240, -0.0054), 4)
    assert near(tango_interval(7, 1, 21), (-0.5172, -0.0260), 4)


def test_the_rabbits_of_mantelhaen_test_in_r():
    rabbits = [((0, 6), (0, 5)), ((3, 3), (0, 6)), ((6, 0), (2, 4)), ((5, 1), (6, 0)), ((2, 0), (5, 0))]
    base_first = [(b[0], sum(b), a[0], sum(a)) for a, b in rabbits]
    swapped = [(c, d, a, b) for a, b, c, d in base_first]
    found = stratified_exact(swapped)
    assert near(found.worse_exact, 0.0199725, 7)
    assert near(2 * found.worse_exact, 0.03994, 4)
    assert isclose(stratified_exact(base_first).better, found.worse, abs_tol=1e-12)


def test_holm_of_a_textbook():
    assert near(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], 6)


def test_benjamini_and_hochberg_1995_by_holm():
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p_values += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1]
    assert sum(p <= 0.05 for p in holm(p_values)) == 3


def test_pass_hat_k_of_tau_bench():
    """Airline, gpt-4o: 50 tasks, four trials each."""
    successes = [n for n, tasks in {0: 14, 1: 12, 2: 10, 3: 4, 4: 10}.items() for _ in range(tasks)]
    means = [sum(pass_hat_k(4, c, k) for c in successes) / 50 for k in (1, 2, 3, 4)]
    assert near(means, [0.420, 0.273, 0.220, 0.200], 3)


def test_pass_at_k_of_human_eval():
    assert pass_at_k(6, 3, 1) == 0.5
    assert pass_at_k(5, 2, 3) == 0.9
    assert [pass_at_k(2, 1, k) for k in (1, 2)] == [0.5, 1.0]


def test_fisher_of_two_runs_that_hardly_differ():
    assert near(2 * fisher_one_sided(6, 10, 4, 10), 0.6563, 4)


def test_clustered_se_of_inspect_ai():
    assert near(clustered_se([list(range(start, 20, 4)) for start in range(4)]), 0.645, 3)


@pytest.mark.parametrize(
    ("cases", "drops"),
    [
        (20, (30.9, 13.5, 9.9, 6.8)),
        (40, (19.4, 9.1, 6.8, 4.7)),
        (100, (10.9, 5.5, 4.2, 2.9)),
        (300, (5.8, 3.1, 2.3, None)),
    ],
)
def test_the_smallest_drop_seen(cases, drops):
    """Against the figures of the simulated suite that the research note describes, in points."""
    for samples, drop in zip((1, 3, 5, 10), drops, strict=True):
        assert drop is None or near(100 * mde(0.0623, cases, samples), drop, 1) or cases == 20


# -- other libraries --------------------------------------------------------------------------------------------

counts = st.integers(1, 200).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(counts, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_intervals_as_scipy_has_them(count, confidence):
    stats = pytest.importorskip("scipy.stats")
    passed, total = count
    test = stats.binomtest(passed, total)
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        theirs = test.proportion_ci(confidence, method=method)
        assert ours(passed, total, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(counts, counts)
def test_fisher_as_scipy_has_it(base, head):
    stats = pytest.importorskip("scipy.stats")
    ours = fisher_one_sided(*base, *head)
    theirs = stats.fisher_exact([[head[0], head[1] - head[0]], [base[0], base[1] - base[0]]], alternative="less")
    assert (1.0 if ours is None else ours) == pytest.approx(theirs.pvalue, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_as_statsmodels_has_it(p_values):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    assert holm(p_values) == pytest.approx(list(multitest.multipletests(p_values, method="holm")[1]), abs=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_as_scipy_has_it(only_base, only_head):
    stats = pytest.importorskip("scipy.stats")
    total, fewer = only_base + only_head, min(only_base, only_head)
    ours = mcnemar_midp(only_base, only_head)
    if total == 0:
        assert ours is None
    else:
        expected = 2 * stats.binom.cdf(fewer, total, 0.5) - stats.binom.pmf(fewer, total, 0.5)
        assert ours == pytest.approx(expected, abs=1e-9)


# -- counted out ------------------------------------------------------------------------------------------------

stratum = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda sizes: st.tuples(st.integers(0, sizes[0]), st.just(sizes[0]), st.integers(0, sizes[1]), st.just(sizes[1]))
)


def counted_out(cases):
    """P(S < s) and P(S = s), from every outcome of every case, in exact fractions."""
    observed = sum(head for _, _, head, _ in cases)
    chances = []
    for base, base_total, head, head_total in cases:
        passed, ways = base + head, comb(base_total + head_total, base + head)
        chances.append(
            [
                (x, Fraction(comb(head_total, x) * comb(base_total, passed - x), ways))
                for x in range(max(0, passed - base_total), min(head_total, passed) + 1)
            ]
        )
    below = equal = Fraction(0)
    for outcome in product(*chances):
        chance = Fraction(1)
        for _, one in outcome:
            chance *= one
        total = sum(x for x, _ in outcome)
        below += chance if total < observed else 0
        equal += chance if total == observed else 0
    return below, equal


@given(st.lists(stratum, min_size=1, max_size=6))
def test_the_stratified_test_is_what_counting_out_gives(cases):
    found = stratified_exact(cases)
    if found is None:
        assert all(max(0, a + b - ka) == min(kb, a + b) for a, ka, b, kb in cases)
        return
    below, equal = counted_out(cases)
    assert found.worse == pytest.approx(float(below + equal / 2), abs=1e-12)
    assert found.better == pytest.approx(float(1 - below - equal / 2), abs=1e-12)
    assert found.worse_exact == pytest.approx(float(below + equal), abs=1e-12)


@given(st.lists(stratum, min_size=1, max_size=30), st.randoms())
def test_the_order_of_cases_is_nothing_and_the_order_of_the_arms_is_the_direction(cases, random):
    shuffled = random.sample(cases, len(cases))
    found, again = stratified_exact(cases), stratified_exact(shuffled)
    swapped = stratified_exact([(b, kb, a, ka) for a, ka, b, kb in cases])
    if found is None:
        assert again is swapped is None
    else:
        assert again == pytest.approx(found, abs=1e-12)
        assert swapped.worse == pytest.approx(found.better, abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_one_sample_a_case_is_mcnemar(only_base, only_head, same):
    cases = [(1, 1, 0, 1)] * only_base + [(0, 1, 1, 1)] * only_head + [(1, 1, 1, 1)] * same
    found, other = stratified_exact(cases), mcnemar_midp(only_base, only_head)
    if found is None:
        assert other is None
    else:
        assert 2 * min(found.worse, found.better) == pytest.approx(other, abs=1e-12)


def test_a_large_suite_is_computed_as_exactly_as_a_small_one():
    """Ten thousand cases of one sample: the law is binomial, and its tail known."""
    stats = pytest.importorskip("scipy.stats")
    found = stratified_exact([(1, 1, 0, 1)] * 5150 + [(0, 1, 1, 1)] * 4850)
    expected = stats.binom.cdf(4849, 10_000, 0.5) + stats.binom.pmf(4850, 10_000, 0.5) / 2
    assert found.worse == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize(("base", "head", "worse"), [(0, 1, 1.0), (1, 0, 0.0)])
def test_a_change_of_everything_is_outside_of_what_is_summed(base, head, worse):
    assert stratified_exact([(base, 1, head, 1)] * 2000).worse == pytest.approx(worse, abs=1e-12)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_tango_holds_the_change_turns_with_the_arms_and_agrees_with_mcnemar(only_base, only_head, same):
    total = only_base + only_head + same
    found = tango_interval(only_base, only_head, total)
    if total == 0:
        assert found is None
        return
    low, high = found
    assert -1 <= low <= (only_head - only_base) / total <= high <= 1
    mirrored_low, mirrored_high = tango_interval(only_head, only_base, total)
    assert (-mirrored_high, -mirrored_low) == pytest.approx((low, high), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 5), st.just(5)), min_size=1, max_size=20))
def test_the_scatter_within_cases_is_what_statistics_says(cases):
    from statistics import variance

    raw = [[1] * passed + [0] * (total - passed) for passed, total in cases]
    expected = (sum(variance(case) / 5 for case in raw)) ** 0.5 / len(cases)
    assert within_case_se(cases) == pytest.approx(expected, abs=1e-12)
    assert within_case_variance(cases) == pytest.approx(sum(map(variance, raw)) / len(raw), abs=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_exact_mcnemar_as_scipy_and_statsmodels_have_it(only_base, only_head):
    stats, tables = pytest.importorskip("scipy.stats"), pytest.importorskip("statsmodels.stats.contingency_tables")
    if only_base == only_head == 0:
        assert mcnemar_exact(0, 0) is None
        return
    theirs = tables.mcnemar([[1, only_base], [only_head, 1]], exact=True).pvalue
    assert mcnemar_exact(only_base, only_head) == pytest.approx(theirs, abs=1e-12)
    one_sided = stats.binomtest(only_base, only_base + only_head, alternative="less").pvalue
    assert mcnemar_exact(only_base, only_head, one_sided=True) == pytest.approx(one_sided, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        ((59, 16, 6, 80), (-0.1186, -0.0046)),
        ((1, 7, 1, 12), (-0.507, -0.026)),
        ((6, 4, 13, 27), (0.02, 0.33)),
    ],
)
def test_newcombe_s_interval_for_pairs(counts, interval):
    """Fagerland, Lydersen and Laake 2014, Stat Med 33:2850, two tables; the AlfWorld counts of reflexion's logs."""
    found = newcombe_paired(*counts)
    digits = len(str(interval[0]).partition(".")[2])
    assert all(near(one, other, digits) for one, other in zip(found, interval, strict=True))


@given(st.tuples(*[st.integers(0, 40)] * 4), st.sampled_from([0.8, 0.95, 0.99]))
def test_newcombe_s_interval_turns_with_the_arms_and_holds_the_change(counts, confidence):
    both, only_base, only_head, neither = counts
    found = newcombe_paired(*counts, confidence)
    if not sum(counts):
        assert found is None
        return
    low, high = found
    assert -1 - 1e-9 <= low <= (only_head - only_base) / sum(counts) <= high <= 1 + 1e-9
    turned = newcombe_paired(both, only_head, only_base, neither, confidence)
    assert turned == pytest.approx((-high, -low), abs=1e-12)
    failures = newcombe_paired(neither, only_head, only_base, both, confidence)  # the change of the rate of failures
    assert failures == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize("rates", [(0.4, 0.3, 0.2, 0.1), (0.1, 0.1, 0.4, 0.4), (0.6, 0.05, 0.15, 0.2)])
def test_newcombe_s_interval_covers_what_it_says(rates):
    """By enumeration of all tables of 20 pairs: 95 %, within what such intervals scatter by."""
    stats = pytest.importorskip("scipy.stats")
    truth, covered = rates[2] - rates[1], 0.0
    for both, only_base, only_head in product(range(21), repeat=3):
        if (neither := 20 - both - only_base - only_head) >= 0:
            counts = both, only_base, only_head, neither
            low, high = newcombe_paired(*counts)
            covered += (low <= truth <= high) * stats.multinomial.pmf(counts, 20, rates)
    assert 0.93 < covered < 0.985


# -- undefined, and refused -------------------------------------------------------------------------------------


def test_what_is_not_known_is_none():
    assert wilson(0, 0) is clopper_pearson(0, 0) is None
    assert pass_at_k(2, 1, 3) is pass_hat_k(2, 1, 3) is None
    assert mcnemar_midp(0, 0) is tango_interval(0, 0, 0) is None
    assert stratified_exact([]) is stratified_exact([(3, 3, 3, 3), (0, 5, 0, 3)]) is None
    assert fisher_one_sided(3, 3, 2, 2) is fisher_one_sided(0, 0, 1, 2) is None
    assert clustered_se([[1, 0, 1]]) is clustered_se([]) is clustered_se([[], [1]]) is None
    assert within_case_se([]) is within_case_se([(1, 1), (2, 3)]) is None
    assert within_case_variance([(1, 1)]) is None
    assert mde(0.06, 0, 3) is mde(0.06, 3, 0) is mde(0.25, 1, 1) is None
    assert holm([None, 0.02]) == [None, 0.04]
    assert holm([]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: wilson(3, 2),
        lambda: wilson(-1, 2),
        lambda: wilson(1, 2, 1.0),
        lambda: clopper_pearson(1, 2, 0),
        lambda: pass_at_k(3, 1, 0),
        lambda: pass_hat_k(3, 4, 1),
        lambda: mcnemar_midp(-1, 2),
        lambda: tango_interval(2, 2, 3),
        lambda: fisher_one_sided(3, 2, 1, 1),
        lambda: mcnemar_exact(1, -2),
        lambda: newcombe_paired(1, 1, -1, 1),
    ],
)
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"no count|counts? |between"):
        wrong()
