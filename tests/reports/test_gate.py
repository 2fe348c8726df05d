"""Verdicts in words. The figures are synthetic."""

from __future__ import annotations

from dataclasses import replace

from pytest_llm.reports import verdict_lines, verdict_text
from pytest_llm.results import MetricChange, Suspect, Verdict

PASS = Verdict(
    kind="PASS", suite="orders", baseline="b.json", nodeid="t.py::orders", reason="not worse", cases=120, samples=3
)
METRIC = MetricChange(
    name="outcome", base=(342, 360), head=(320, 360), change=-0.061, interval=(-0.089, -0.033), at_least=-0.08, p=0.0002
)
SUSPECTS = (
    Suspect(case="late", metric="outcome", base=(18, 18), head=(0, 3), confirmed=(0, 10), p=0.00001, state="broken"),
    Suspect(case="vat", metric="outcome", base=(17, 18), head=(1, 3), state="unconfirmed"),
    Suspect(case="tone", metric="outcome", base=(12, 18), head=(1, 3), confirmed=(7, 10), p=0.7, state="not proven"),
    Suspect(case="new", metric="outcome", base=(1, 1), head=(0, 3), state="not provable"),
)
FAIL = replace(
    PASS,
    kind="FAIL",
    reason="worse than the baseline",
    metrics=(METRIC,),
    suspects=SUSPECTS,
    exact=("a",),
    critical=("b", "c"),
    improved=tuple("defghi"),
    excluded=(("x", "new"), ("y", "new"), ("z", "error")),
    asked_anew=(120, 120),
    answered_anew=120,
    blind_spot=0.041,
    notes=("the baseline is edited in this change: version 1 → 2",),
    fix={"look": "pytest-llm review"},
)


def test_a_pass_is_a_line():
    assert verdict_lines(PASS) == ["PASS  orders   not worse"]
    drawn = replace(PASS, metrics=(replace(METRIC, change=0.004, interval=(-0.016, 0.024)),))
    assert verdict_lines(drawn) == ["PASS  orders   not worse   +0.4 pt [−1.6, +2.4]   (120 cases × 3)"]
    uneven = replace(drawn, samples=None, cases=1)
    assert verdict_lines(uneven)[0].endswith("(1 case)")
    nothing = replace(drawn, metrics=(replace(METRIC, change=None),))
    assert verdict_lines(nothing)[0].startswith("PASS  orders   not worse      (120")


def test_a_fail_says_what_happened_and_what_to_do():
    assert verdict_text(FAIL).splitlines() == [
        "FAIL  worse than the baseline",
        "",
        "  outcome     95.0 % 342/360  →  88.9 % 320/360     −6.1 pt [−8.9, −3.3]   p = .0002",
        "  changed     the requests of 120 of 120 cases",
        "  improved    d, e, f, g, h and 1 more",
        "  excluded    3: new: x, y; error: z",
        "  fails       a",
        "  critical    b, c",
        "  broken      late   18/18 → 0/10 fresh   p < .0001",
        "  suspected   vat   17/18 → 1/3",
        "  perhaps     new   1/1 → 0/3",
        "              too few stored samples to tell of a single case: pytest-llm plan",
        "  not proven  tone   12/18 → 7/10 fresh   p = .7000",
        "  blind spot  a drop under 4 points spread over many cases",
        "  note        the baseline is edited in this change: version 1 → 2",
        "",
        "  look        pytest-llm review",
    ]


def test_in_the_summary_a_red_verdict_is_a_line_and_an_accepted_one_is_told():
    assert verdict_lines(FAIL) == ["FAIL  orders   worse than the baseline   −6.1 pt [−8.9, −3.3]   (120 cases × 3)"]
    accepted = verdict_lines(replace(FAIL, accepted="shorter"))
    assert accepted[0].startswith("FAIL, accepted: shorter  orders")
    assert "  fails       a" in accepted


def test_an_inconclusive_verdict_is_told_whole():
    lines = verdict_lines(replace(FAIL, kind="INCONCLUSIVE", reason="none excluded"))
    assert lines[0].startswith("INCONCLUSIVE  orders   none excluded")
    assert "  look        pytest-llm review" in lines


def test_a_pass_says_what_else_is_to_be_known():
    again = replace(PASS, answered_anew=4, asked_anew=(0, 120), draw=3, improved=("a",), notes=("another model",))
    again = replace(again, suspects=SUSPECTS[2:])
    assert verdict_lines(again)[1:] == [
        "  drawn anew  4 of 120 cases: draw 3 of this prompt",
        "  improved    a",
        "  perhaps     new   1/1 → 0/3",
        "              too few stored samples to tell of a single case: pytest-llm plan",
        "  not proven  tone   12/18 → 7/10 fresh   p = .7000",
        "              another model",
    ]


def test_an_invalid_verdict_may_know_little():
    bare = replace(PASS, kind="INVALID", reason="it has no baseline", blind_spot=0.1)
    assert verdict_text(bare).splitlines() == ["INVALID  it has no baseline", ""]
    unknown = replace(FAIL, metrics=(replace(METRIC, base=(0, 0), change=None, p=None),), exact=(), critical=())
    assert "  outcome     –  →  88.9 % 320/360" in verdict_text(unknown)


def test_what_changed_in_the_requests_is_told_once_and_not_without_end():
    long = "\n".join(f"- line {number}" for number in range(20))
    lines = verdict_text(replace(FAIL, heading="system message −20 +0", difference=long)).splitlines()
    assert lines[3] == "  changed     the requests of 120 of 120 cases: system message −20 +0"
    assert lines[4] == "                  - line 0"
    assert lines[16] == "                  … 8 more lines"


def test_an_expectation_speaks_of_a_difference():
    expected = replace(FAIL, item="llm-expect-1", kind="INCONCLUSIVE", reason="b better than a: not shown")
    assert "  blind spot  a difference under 4 points spread over many cases" in verdict_lines(expected)


def test_many_suspects_are_counted():
    many = tuple(replace(SUSPECTS[1], case=f"c{number}") for number in range(8))
    text = verdict_text(replace(FAIL, suspects=many))
    assert "  suspected   c0   17/18 → 1/3\n              c1" in text
    assert "              and 3 more" in text


def test_a_case_s_name_does_nothing_to_the_terminal():
    hostile = replace(PASS, reason="a \x1b[2J b")
    assert "\x1b" not in verdict_lines(hostile)[0]
