"""Agreement of a judge with people, against statsmodels and by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from pytest_llm.stats.agreement import Agreement, corrected_rate
from pytest_llm.stats.proportions import wilson

COUNTS = st.builds(
    Agreement,
    pass_pass=st.integers(0, 60),
    pass_fail=st.integers(0, 60),
    fail_pass=st.integers(0, 60),
    fail_fail=st.integers(0, 60),
)
GOOD = Agreement(pass_pass=45, pass_fail=5, fail_pass=10, fail_fail=40)


@given(COUNTS)
def test_kappa_is_that_of_statsmodels(counts):
    if counts.kappa is None:
        return
    table = [[counts.pass_pass, counts.pass_fail], [counts.fail_pass, counts.fail_fail]]
    assert counts.kappa == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-12)


@given(COUNTS)
def test_the_interval_holds_kappa_and_never_is_empty(counts):
    interval = counts.kappa_interval
    assert (interval is None) is (counts.kappa is None)
    if interval is not None:
        low, high = interval
        assert -1 <= low < high <= 1 + 1e-12
        assert low - 1e-12 <= counts.kappa <= high + 1e-12


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        ((20, 5, 10, 15), 0.4),  # Cohen's example as Wikipedia tells it
        ((25, 0, 0, 25), 1.0),
        ((0, 25, 25, 0), -1.0),
        ((10, 10, 10, 10), 0.0),
        ((10, 0, 0, 0), None),  # everything passes everywhere
        ((0, 0, 0, 0), None),
    ],
)
def test_kappa_by_hand(counts, kappa):
    found = Agreement(**dict(zip(("pass_pass", "pass_fail", "fail_pass", "fail_fail"), counts, strict=True))).kappa
    assert found == (None if kappa is None else pytest.approx(kappa, abs=1e-15))


def test_perfect_agreement_on_few_outputs_is_not_certain():
    few = Agreement(pass_pass=5, pass_fail=0, fail_pass=0, fail_fail=5).kappa_interval
    many = Agreement(pass_pass=500, pass_fail=0, fail_pass=0, fail_fail=500).kappa_interval
    assert few == (pytest.approx(2 * wilson(10, 10)[0] - 1), 1.0)
    assert few[0] < 0.5 < 0.98 < many[0]


def test_sensitivity_and_specificity_are_shares_of_what_people_say():
    assert (GOOD.sensitivity, GOOD.specificity) == (0.9, 0.8)
    empty = Agreement(pass_pass=0, pass_fail=0, fail_pass=0, fail_fail=0)
    assert (empty.sensitivity, empty.specificity) == (None, None)


@pytest.mark.parametrize(("passed", "rate"), [(55, 0.5), (20, 0.0), (0, 0.0), (90, 1.0), (100, 1.0), (41, 0.3)])
def test_a_rate_is_corrected_by_rogan_and_gladen(passed, rate):
    assert corrected_rate(passed, 100, GOOD)[0] == pytest.approx(rate)


def test_the_interval_of_a_corrected_rate_by_hand():
    """Lang and Reiczigel's equations, written out once more, with numbers for names."""
    z = 1.959963984540054
    p, se, sp = (55 + z * z / 2) / (100 + z * z), 46 / 52, 41 / 52
    true = (p + sp - 1) / (se + sp - 1)
    shift = 2 * z * z * (true * se * (1 - se) / 52 - (1 - true) * sp * (1 - sp) / 52)
    variance = p * (1 - p) / (100 + z * z) + true**2 * se * (1 - se) / 52 + (1 - true) ** 2 * sp * (1 - sp) / 52
    half = z * math.sqrt(variance) / (se + sp - 1)
    assert corrected_rate(55, 100, GOOD)[1:] == pytest.approx((true + shift - half, true + shift + half))


def test_more_labels_make_a_corrected_rate_surer():
    ten = Agreement(pass_pass=450, pass_fail=50, fail_pass=100, fail_fail=400)
    narrow, wide = (corrected_rate(55, 100, one) for one in (ten, GOOD))
    assert narrow[0] == wide[0]
    assert narrow[2] - narrow[1] < wide[2] - wide[1]


@given(COUNTS, st.integers(0, 50), st.integers(0, 50))
def test_a_corrected_rate_is_a_share(counts, passed, failed):
    found = corrected_rate(passed, passed + failed, counts)
    if found is not None:
        rate, low, high = found
        assert 0 <= rate <= 1
        assert 0 <= low <= rate <= high <= 1


@pytest.mark.parametrize(
    "counts", [(0, 0, 5, 5), (5, 5, 0, 0), (5, 5, 5, 5), (2, 8, 8, 2)], ids=["no good", "no bad", "chance", "worse"]
)
def test_a_judge_no_better_than_chance_corrects_nothing(counts):
    agreement = Agreement(**dict(zip(("pass_pass", "pass_fail", "fail_pass", "fail_fail"), counts, strict=True)))
    assert corrected_rate(5, 10, agreement) is None


def test_a_judge_that_is_better_than_chance_by_one_label_corrects_nothing():
    one = Agreement(pass_pass=1, pass_fail=0, fail_pass=5, fail_fail=1)
    two = Agreement(pass_pass=1, pass_fail=0, fail_pass=5, fail_fail=2)
    assert corrected_rate(1, 2, one) is None
    assert corrected_rate(1, 2, two) is None
    assert corrected_rate(0, 0, GOOD) is None
