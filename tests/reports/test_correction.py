"""What corrections came to, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trace_samples import observed, trace

from pytest_llm.correction.comparison import correction_of
from pytest_llm.correction.measures import Observed
from pytest_llm.reports.correction import correction_lines


def told(arms, variant=None):
    return "\n".join(line.rstrip() for line in correction_lines(correction_of("orders", variant, observed(arms))))


def test_arms_are_beside_each_other_then_against_each_other():
    arms = {
        "resample": ["V"] * 8 + ["IIV"] * 4 + ["III"] * 8,
        "errors": ["V"] * 8 + ["IV"] * 10 + ["SIV", "IIS"],
    }
    assert told(arms) == (
        "orders   at most 3 attempts\n"
        "                      first try      recovered, given invalid   valid in the end   tokens   per recovery\n"
        "  resample            8/20  40.0 %   4/12  33.3 % [14, 61]      12/20  60.0 %      ×2.20    60\n"
        "  errors              8/20  40.0 %   11/12  91.7 % [65, 99]     19/20  95.0 %      ×1.70    13\n"
        "  value of feedback   errors − resample   +58.3 pt [+19.7, +79.0]   over 12 first failures (won 7, lost 0), "
        "p = .0078\n"
        "  fixed next time     resample:  type 4/24\n"
        "                      errors:  type 12/13   syntax 1/1\n"
        "  by attempt          resample:  8/20   0/12   4/12\n"
        "                      errors:  8/20   10/12   1/2\n"
        "  damage              resample:  new finding 0/24   accepted value lost 0/24   changed 0/24   same reply 0/24\n"
        "                      errors:  new finding 2/14   accepted value lost 0/14   changed 0/14   same reply 0/14"
    )


def test_what_is_dearer_is_compared_at_equal_tokens_too():
    cheap = ["IV"] * 4 + ["IIV"] * 4 + ["III"] * 4
    runs = observed({"resample": cheap, "errors": ["IV"] * 8 + ["IIV"] * 4})
    dear = [one if one.trace.arm == "resample" else one._replace(trace=dearer(one.trace, 25)) for one in runs]
    lines = "\n".join(correction_lines(correction_of("orders", None, dear)))
    assert "errors − resample   +33.3 pt [" in lines
    assert "   0.0 pt [−" in lines
    assert "]   at equal tokens: 1 correction against 2\n" in lines


def dearer(run, tokens):
    return replace(run, attempts=tuple(replace(one, usage={"total_tokens": tokens}) for one in run.attempts))


def test_few_failures_are_counts():
    lines = told({"resample": ["V", "IV"], "errors": ["V", "IV"]})
    assert "  value of feedback   errors − resample   1 first failure (won 0, lost 0)\n" in lines
    assert "%" not in lines
    assert lines.endswith("  careful             1 first failure: too few for a rate, read the counts")


def test_details_are_told_where_arms_are_compared():
    lines = told({"errors": ["V", "IIV"]}).split("\n")
    assert lines[2].startswith("  errors              1/2 ")
    assert lines[3:] == [
        "  careful             without a control arm the value of feedback was not measured",
        "                      1 first failure: too few for a rate, read the counts",
    ]


def test_nothing_to_correct_is_one_line():
    assert told({"errors": ["V", "V"]}, "small") == (
        "orders[small]   at most 3 attempts   2 of 2 valid at first: nothing to correct"
    )


def test_what_a_provider_does_not_tell_is_not_zero():
    one = trace("IV")
    silent = replace(one, attempts=tuple(replace(attempt, usage={}) for attempt in one.attempts), budget={})
    lines = correction_lines(correction_of("orders", None, [Observed("a", "a", silent)]))
    assert lines[0] == "orders"
    assert lines[2].rstrip().endswith("1/1                        1/1                not told   –")


def test_other_ends_and_scores_are_told():
    right = replace(
        trace("IV"),
        attempts=tuple(replace(one, score=score) for one, score in zip(trace("IV").attempts, (0, 1), strict=True)),
    )
    runs = [Observed("a", "a", right), Observed("b", "b", trace("R"))]
    lines = "\n".join(correction_lines(correction_of("orders", None, runs)))
    assert "  right answers       errors:  became right 1   stayed wrong 0   became wrong 0   stayed right 0\n" in lines
    assert "  stopped by          errors:  refusal 1   valid 1\n" in lines


def test_a_comparison_without_pairs_says_so():
    runs = [*observed({"resample": ["V"], "errors": ["V"]}), Observed("x", "x", trace("IV", compared=False))]
    lines = "\n".join(correction_lines(correction_of("orders", None, runs)))
    assert "errors − resample   no first failure to compare" in lines


def test_what_a_model_or_a_user_named_does_not_act_on_the_screen():
    runs = [Observed("a", "a", trace("IV", arm="mine\x1b[2J"))]
    assert "\x1b" not in "\n".join(correction_lines(correction_of("orders", None, runs)))


@pytest.mark.parametrize(("p", "shown"), [(12, "p = .0002"), (20, "p < .0001")])
def test_small_p_values_are_never_nothing(p, shown):
    assert shown in told({"resample": ["II"] * p, "errors": ["IV"] * p})
