"""What a suite can see, in words. The suites are synthetic."""

from __future__ import annotations

from gate_samples import baseline, line

from pytest_llm.gates.plan import plan, self_check
from pytest_llm.reports.plan import plan_lines, self_check_lines


def suite(n=40, history=15):
    mixed = {0: "PFP", 1: "PPF"}
    return baseline(
        {
            f"c{k:02}": line(mixed.get(k % 10, "PPP"), history={"outcome": mixed.get(k % 10, "PPP") * (history // 3)})
            for k in range(n)
        }
    )


def test_a_plan():
    lines = plan_lines(plan(suite()))
    assert lines[0] == "orders: 40 cases, baseline 93.3 %, 8 unstable, within-case variance .047"
    assert lines[1] == "smallest drop seen 4 times in 5, at 4 % false alarms"
    assert lines[2] == "  samples   requests   fresh     against the stored 18"
    assert [row.split()[:2] for row in lines[3:7]] == [["1", "40"], ["3", "120"], ["5", "200"], ["10", "400"]]
    assert lines[7] == "one case that breaks entirely: seen 100 times in 100, with --llm-confirm"
    assert lines[8].startswith("to see 5 points: ")
    assert lines[9] == "expect INCONCLUSIVE, which is green, under about 100 cases × 3"


def test_a_plan_of_a_suite_that_can_prove_little():
    one = plan(baseline({"a": "P"}), samples=(1,), drop=0.001)
    lines = plan_lines(one)
    assert one.variance is None
    assert lines[0] == "orders: 1 case, baseline 100.0 %"
    assert "one case that breaks entirely: not provable, 1 stored samples of a case are too few" in lines
    nothing = plan(baseline({"a": "U"}), samples=(1,))
    assert (nothing.cases, nothing.stored) == (0, 0)
    assert "none" in plan_lines(nothing)[3]
    uncertain = plan(baseline({"a": "PFPF", "b": "PFFP"}), samples=(1,), drop=0.0001)
    assert plan_lines(uncertain)[5] == "to see 0.01 points: more than 5,000 cases"


def test_a_large_suite_may_expect_more_than_inconclusive():
    assert "expect" not in plan_lines(plan(suite(120)))[-1]


def test_several_suites_see_less_each():
    alone, one_of_ten = plan(suite()), plan(suite(), suites=10)
    assert one_of_ten.alpha == alone.alpha / 10
    for one, other in zip(alone.reaches, one_of_ten.reaches, strict=True):
        assert one.fresh < other.fresh
        assert one.stored < other.stored
    assert one_of_ten.broken_case < alone.broken_case


def test_more_samples_see_smaller_drops():
    reaches = plan(suite()).reaches
    fresh = [one.fresh for one in reaches]
    assert fresh == sorted(fresh, reverse=True)
    assert all(one.stored < one.fresh for one in reaches[:2])


def test_a_suite_whose_draws_are_independent_rarely_alarms():
    check = self_check(suite(), 100)
    assert (check.splits, check.distinct > 50) == (100, True)
    assert check.alarms <= 8
    told = f"orders: {check.alarms} alarms in 100 splits of the same prompt's draws, {check.alarms / 100:.1%}"
    expected = f"at most 4.0% are to be expected ({check.distinct} different splits)"
    assert self_check_lines(check) == [f"{told}; {expected}"]


def test_draws_that_share_their_luck_are_found_out():
    """Every second draw of all cases failed together, as with an outage."""
    together = baseline({f"c{k}": line("PFP", history={"outcome": "FPFPFPFPF"}) for k in range(40)})
    check = self_check(together, 200)
    assert check.alarms > 16
    assert "not independent" in self_check_lines(check)[1]


def test_one_draw_cannot_be_split():
    check = self_check(baseline({"a": "P"}), 10)
    assert self_check_lines(check) == ["orders: one stored draw a case cannot be split; --llm-samples 3 or more draws"]
