"""The verdict, layer by layer, over synthetic suites."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from gate_samples import baseline, confirming, graded, line, record, results
from hypothesis import given
from hypothesis import strategies as st

from pytest_llm.gates.baseline import Baselines, Earlier
from pytest_llm.gates.verdict import judge
from pytest_llm.results import verdicts_in


def verdict(base, run, *, head=None, record_of=None, **more):
    found = Baselines(base=base, head=head or base, is_one=head is None)
    return judge(record_of or record(run), run, found, **more)


def many(letters, n=100, first=0):
    return {f"c{number:03}": letters for number in range(first, first + n)}


# -- the table of what is gated -----------------------------------------------------------------------------------


def test_without_any_baseline_nothing_is_gated_unless_a_verdict_was_asked_for():
    run = results(many("PPP"))
    assert judge(record(run), run, Baselines(base=None, head=None)) is None
    asked = judge(record(run), run, Baselines(base=None, head=None), asked_for=True)
    assert (asked.kind, asked.reason) == ("INVALID", "it has no baseline")


def test_a_first_baseline_is_new():
    run = results(many("PPF"), prompt="old")
    found = judge(record(run), run, Baselines(base=None, head=baseline(many("PPF"))))
    assert (found.kind, found.reason) == ("NEW", "first baseline in this change: 200/300 passed")
    others = results(many("FFF"), prompt="new")
    found = judge(record(others), others, Baselines(base=None, head=baseline(many("PPF"))))
    assert (found.kind, found.reason) == ("INVALID", "the first baseline in this change is not of these replies")
    assert judge(record(run), run, Baselines(base=None, head=None)) is None


def test_a_gate_that_was_removed_is_invalid():
    run = results(many("PPP"))
    found = judge(record(run), run, Baselines(base=baseline(many("PPP")), head=None))
    assert (found.kind, found.is_red) == ("INVALID", True)
    assert "gone" in found.reason


def test_a_baseline_that_cannot_be_read_is_invalid():
    found = judge(record([]), [], Baselines(base=None, head=None, problem="there is a merge conflict"))
    assert (found.kind, found.reason) == ("INVALID", "there is a merge conflict")


# -- a part of a suite --------------------------------------------------------------------------------------------


def test_a_part_of_a_suite_is_not_judged_and_invalid_where_a_verdict_was_asked_for():
    run = results(many("FFF", 12))
    part = record(run, items=300)
    base = baseline(many("PPP"))
    found = verdict(base, run, record_of=part)
    assert (found.kind, found.reason, found.is_red) == ("NOT JUDGED", "36 of 300 items selected", False)
    assert verdict(base, run, record_of=part, asked_for=True).is_red
    stopped = verdict(base, run, record_of=record(run, items=300, selected=300))
    assert stopped.reason == "36 of 300 items came to a result"


def test_skipped_cases_are_left_out_and_named():
    run = results(many("PPP", 95))
    gone = tuple(key for key in many("", 5, 95) for _ in range(3))
    found = verdict(baseline(many("PPP")), run, record_of=record(run, items=300, selected=300, skipped=gone))
    assert (found.kind, found.excluded[0]) == ("PASS", ("c095", "skipped (was 3/3)"))


def test_errors_are_red_by_themselves_and_leave_nothing_to_judge():
    base = baseline(many("PPP", 10))
    run = results({**many("EEE", 2), **many("PPP", 8, 2)})
    found = verdict(base, run)
    assert (found.kind, found.reason) == ("NOT JUDGED", "6 of 30 items ended in an error")
    assert verdict(base, run, asked_for=True).kind == "INVALID"


def test_the_same_words_drawn_again_are_draws_too():
    base = baseline(many("PPP"))
    again = results({**many("PPP", 98), **many("PFP", 2, 98)}, prompt="old", draw=2)
    run = [replace(one, replies=f"old 1 {one.sample}") if one.outcome == "passed" else one for one in again]
    found = verdict(base, run)
    assert (found.metrics[0].base, found.metrics[0].head) == ((300, 300), (298, 300))
    assert (found.kind, found.answered_anew, found.draw) == ("PASS", 100, 2)


def test_the_same_words_throughout_pass_even_drawn_again():
    base = baseline(many("PPF", 4))
    run = [replace(one, recording="again") for one in results(many("PPF", 4), prompt="old")]
    assert verdict(base, run).reason == "the same replies, and the same grades"
    worse = [replace(one, outcome="failed") for one in run]
    assert verdict(base, worse).reason.startswith("4 cases fail now with the replies that passed")


# -- the same replies ---------------------------------------------------------------------------------------------


def test_the_same_replies_and_grades_pass_whatever_they_are():
    cases = many("PFP", 3)
    found = verdict(baseline(cases), results(cases, prompt="old"))
    assert (found.kind, found.reason) == ("PASS", "the same replies, and the same grades")
    assert found.metrics[0].interval is found.metrics[0].p is None


def test_the_same_replies_speak_only_for_the_cases_that_can_be_compared():
    run = results(many("PPF", 95), prompt="old")
    gone = tuple(key for key in many("", 5, 95) for _ in range(3))
    found = verdict(baseline(many("PPF")), run, record_of=record(run, items=300, selected=300, skipped=gone))
    told = "the same replies, and the same grades, in the cases that can be compared"
    assert (found.kind, found.reason) == ("PASS", told)


def test_the_same_reply_graded_worse_fails_and_better_is_said():
    base = baseline({"a": "PPP", "b": "PFP"})
    worse = verdict(base, results({"a": "PPF", "b": "PFP"}, prompt="old"))
    assert (worse.kind, worse.exact) == ("FAIL", ("a",))
    assert worse.reason == "1 case fails now with the replies that passed"
    better = verdict(base, results({"a": "PPP", "b": "PPP"}, prompt="old"))
    assert (better.kind, better.improved) == ("PASS", ("b",))


def test_a_sample_that_says_again_what_the_baseline_holds_is_no_second_draw():
    """Three samples become five: the two new ones are compared with the three."""
    base = baseline(many("PPP", 40))
    run = [*results(many("PPP", 40), prompt="old"), *results(many("FF", 40), prompt="old", first=4)]
    found = verdict(base, run)
    assert found.kind == "FAIL"
    assert found.metrics[0].head == (0, 80)


# -- the suite ----------------------------------------------------------------------------------------------------


def test_a_drop_over_many_cases_fails():
    base = baseline(many("PPP"))
    found = verdict(base, results({**many("PPP", 80), **many("PPF", 20, 80)}))
    assert (found.kind, found.reason) == ("FAIL", "worse than the baseline")
    metric = found.metrics[0]
    assert (metric.base, metric.head) == ((300, 300), (280, 300))
    assert metric.change == pytest.approx(-1 / 15)
    assert metric.interval[0] < metric.change < metric.interval[1] < 0
    assert metric.p < 0.001
    assert found.asked_anew == (100, 100)


def test_no_drop_passes_and_says_what_it_excludes():
    found = verdict(baseline(many("PPP")), results(many("PPP")))
    assert (found.kind, found.reason) == (
        "PASS",
        "not worse: a drop beyond 0.9 points is excluded, the margin is 5",
    )
    run = results(many("PPP"))
    assert verdict(baseline(many("PPP")), run, record_of=record(run, margin=0.008)).kind == "INCONCLUSIVE"
    assert verdict(baseline(many("PPP")), run, record_of=record(run, margin=0.01)).kind == "PASS"
    better = verdict(baseline(many("PFF")), results(many("PPP")))
    assert better.reason == "not worse: any drop is excluded, the margin is 5"


def test_a_small_suite_is_inconclusive_and_says_what_it_can_see():
    found = verdict(baseline(many("PPF", 10)), results(many("PFP", 10)))
    assert (found.kind, found.is_red) == ("INCONCLUSIVE", False)
    assert found.blind_spot > 0.1
    assert found.fix == {"plan": "pytest-llm plan orders"}


def test_the_margin_decides_between_pass_and_inconclusive():
    base, run = baseline(many("PPF", 60)), results(many("PFP", 60))
    strict = verdict(base, run, record_of=record(run, margin=0.02))
    wide = verdict(base, run, record_of=record(run, margin=0.5))
    assert (strict.kind, wide.kind) == ("INCONCLUSIVE", "PASS")


def test_alpha_is_split_over_the_suites():
    base = baseline(many("P", 30))
    run = results({**many("P", 24), **many("F", 5, 24), **many("P", 1, 29)})
    assert verdict(base, run).kind == "FAIL"  # 5 against 0: mid-p 1/64
    assert verdict(base, run, suites=10).kind != "FAIL"


def test_several_metrics_share_the_suite_s_alpha():
    def suite(letters, **grades):
        return [graded(one, **grades) for one in results(letters)]

    letters = {"outcome": "P", "tone": "P", "style": "P"}
    base = baseline({key: line("P", grades=letters) for key in many("P", 30)})
    run = [graded(one, tone=n >= 5, style=True) for n, one in enumerate(results(many("P", 30)))]
    alone = verdict(base, run, record_of=record(run, primary=("tone",)))
    shared = verdict(base, run, record_of=record(run, primary=("tone", "style", "outcome")))
    assert alone.kind == "FAIL"
    assert shared.metrics[0].p == pytest.approx(3 * alone.metrics[0].p)


def test_one_sample_a_case_has_tango_s_interval():
    base = baseline(many("P", 161))
    run = results({**many("F", 16), **many("P", 145, 16)})
    low, high = verdict(base, run).metrics[0].interval
    assert -0.16 < low < -0.099 < high < -0.06


# -- ungraded, errors, draws ---------------------------------------------------------------------------------------


def test_ungraded_samples_are_taken_both_ways():
    """Left out they change nothing; as failures they keep a PASS from being certain."""
    cases = {**many("PPP", 91), **many("PPU", 9, 91)}
    found = verdict(baseline(many("PPP")), results(cases))
    assert found.kind == "PASS"
    metric = found.metrics[0]
    assert metric.head == (291, 291)
    assert metric.at_least < -0.02  # a third of nine cases in a hundred, if they failed
    narrow = verdict(baseline(many("PPP")), results(cases), record_of=record(results(cases), margin=0.02))
    assert narrow.kind == "INCONCLUSIVE"


def test_more_than_ten_per_cent_left_out_is_invalid():
    cases = {**many("PPP", 60), **many("UPP", 40, 60)}
    found = verdict(baseline(many("PPP")), results(cases))
    assert (found.kind, found.reason) == (
        "INVALID",
        "outcome was graded in 260 of 300 samples of this run; nine in ten have to be",
    )
    fewer = verdict(baseline(many("PPP")), results(many("PPP", 80)))
    assert fewer.reason == "60 of 300 samples of the baseline are compared with nothing; at most 10 % may be"


def test_nothing_graded_is_invalid_on_either_side():
    graded_nowhere = verdict(baseline(many("PPP", 3)), results(many("UUU", 3)))
    assert (graded_nowhere.kind, graded_nowhere.reason) == ("INVALID", "outcome was graded nowhere in this run")
    assert verdict(baseline(many("PPP", 3)), results(many("PPP", 3, 3))).reason == "no case is on both sides"
    base = verdict(baseline(many("UUU", 3)), results(many("PPP", 3)))
    assert (base.kind, base.reason) == ("INVALID", "outcome was graded nowhere in the baseline")
    unknown = results(many("PPP", 3))
    found = verdict(baseline(many("PPP", 3)), unknown, record_of=record(unknown, primary=("tone",)))
    assert found.reason == "tone was graded nowhere in the baseline"


def test_cases_without_any_grade_are_named_and_speak_against_a_pass():
    """With one sample a case, ungraded ones would otherwise never count."""
    run = results({**many("P", 273), **many("U", 27, 273)})
    found = verdict(baseline(many("P", 300)), run)
    assert (found.kind, found.metrics[0].head) == ("INCONCLUSIVE", (273, 273))
    assert found.metrics[0].at_least < -0.09
    assert found.excluded[0] == ("c273", "ungraded")


def test_a_metric_that_was_given_only_where_all_went_well_is_invalid():
    fine = [graded(one, tone=True) for one in results(many("PPP", 5))]
    run = [*fine, *results(many("FFF", 15, 5))]
    base = {key: line("PPP", grades={"outcome": "PPP", "tone": "PPP"}) for key in many("", 20)}
    found = verdict(baseline(base), run, record_of=record(run, primary=("tone",)))
    assert (found.kind, found.reason) == (
        "INVALID",
        "tone was graded in 15 of 60 samples of this run; nine in ten have to be",
    )


def test_what_was_drawn_anew_in_one_case_moves_the_suite_by_one_case_at_most():
    run = [*results(many("PPP", 99), prompt="old"), *results({"c099": "PPP"})]
    found = verdict(baseline(many("PPP")), run)
    assert found.kind == "PASS"
    assert found.metrics[0].interval[0] > -0.01


def test_a_confirmation_that_could_not_be_graded_throughout_is_not_asked_for_again():
    base, run = broken_one()
    found = verdict(base, [*run, *confirming({"c099": "PPPPPPPPPU"})])
    assert (found.kind, found.suspects[0].state, found.suspects[0].confirmed) == ("PASS", "not proven", (9, 9))


def test_errors_speak_against_a_pass():
    run = results({**many("PPP", 90), **many("PPE", 10, 90)})
    found = verdict(baseline(many("PPP")), run, record_of=record(run, margin=0.03))
    assert (found.kind, found.metrics[0].head) == ("INCONCLUSIVE", (290, 290))


def test_identical_replies_that_could_not_differ_count_once():
    same = replace(line("PPP", single_draw=True), replies=("x",) * 3)
    base = baseline(dict.fromkeys(many("", 30), same))
    run = [replace(one, replies="y", single_draw=True) for one in results(many("FFF", 30))]
    found = verdict(base, run)
    assert (found.metrics[0].base, found.metrics[0].head) == ((30, 30), (0, 30))
    assert any("count once" in note for note in found.notes)
    apart = [replace(one, single_draw=False) for one in run]
    assert verdict(base, apart).metrics[0].head == (0, 90)


def test_the_history_is_drawn_upon():
    base = baseline({key: line("PPP", history={"outcome": "P" * 15}) for key in many("", 5)})
    found = verdict(base, results({**many("PPP", 4), **many("FFF", 1, 4)}))
    assert found.suspects[0].base == (18, 18)


def test_a_redraw_of_the_same_prompt_says_which_draw_it_is():
    base = baseline({key: line("PPP", draws=2) for key in many("", 100)})
    found = verdict(base, results(many("PPP"), prompt="old", draw=2))
    assert (found.kind, found.draw, found.asked_anew, found.answered_anew) == ("PASS", 3, (0, 100), 100)


# -- what cannot be compared ----------------------------------------------------------------------------------------


def test_another_instrument_is_invalid():
    run = results(many("PPP"))
    found = verdict(baseline(many("PPP")), run, record_of=record(run, instrument={"schema": "b", "tone": "x"}))
    assert found.kind == "INVALID"
    assert found.reason == "the instrument changed: the schema is another, grader 'tone' is new"
    gone = verdict(baseline(many("PPP")), run, record_of=record(run, instrument={}))
    assert gone.reason == "the instrument changed: the schema is gone"
    other = replace(baseline(many("PPP")), instrument={"tone": "x"})
    assert verdict(other, run, record_of=record(run, instrument={"tone": "y"})).reason.endswith(
        "grader 'tone' has other parameters"
    )


def test_other_code_is_said_and_invalidates_nothing():
    run = results(many("PPP"), prompt="old")
    found = verdict(baseline(many("PPP"), context="a"), run, record_of=record(run, context="b"))
    assert found.kind == "PASS"
    assert found.notes == ("the test's own code, or that of a grader, changed since the baseline",)


def test_what_is_on_one_side_only_is_named():
    base = baseline({**many("PPP", 97), "gone": "FPF", "edited": "PPP", "broken": "PPP"})
    run = [
        *results(many("PPP", 97)),
        *results({"new": "PPP"}),
        *results({"edited": "PPP"}, case="other"),
        *results({"broken": "EEE"}),
    ]
    found = verdict(base, run)
    assert dict(found.excluded) == {
        "gone": "removed (was 1/3)",
        "edited": "its inputs or what is expected changed",
        "new": "new",
        "broken": "error",
    }
    assert found.kind == "PASS"
    assert verdict(baseline({"a": "PPP"}), results({"b": "PPP"})).reason == "no case is on both sides"


def test_another_model_behind_the_same_name_is_said():
    base = baseline({key: line("PPP", models=("m-1",)) for key in many("", 100)})
    found = verdict(base, results(many("PPP"), model="m-2"))
    assert "the provider named another model: m-1 → m-2" in found.notes


# -- single cases -----------------------------------------------------------------------------------------------------


def broken_one():
    """One case broke, and some others got better, so that the suite as a whole is no worse."""
    shaky = {key: line("FPF") for key in many("", 20)}
    base = baseline({**shaky, **{key: line("PPP", history={"outcome": "P" * 15}) for key in many("", 80, 20)}})
    return base, results({**many("PPF", 20), **many("PPP", 79, 20), "c099": "FFF"})


def test_a_suspect_makes_a_pass_inconclusive_until_it_is_confirmed():
    base, run = broken_one()
    open_case = verdict(base, run)
    assert (open_case.kind, open_case.reason) == ("INCONCLUSIVE", "1 suspect is not confirmed: c099")
    assert open_case.fix == {"confirm": "pytest --llm-record --llm-confirm        (10 samples)"}
    convicted = verdict(base, [*run, *confirming({"c099": "F" * 10})])
    assert (convicted.kind, convicted.reason) == ("FAIL", "1 case is broken")
    assert convicted.suspects[0].confirmed == (0, 10)
    cleared = verdict(base, [*run, *confirming({"c099": "P" * 9 + "F"})])
    assert (cleared.kind, cleared.suspects[0].state) == ("PASS", "not proven")


def test_the_level_of_single_cases_is_split_over_the_suites_too():
    base = baseline(many("PPP"))
    run = results({**many("PPP", 99), **many("FFF", 1, 99)})
    assert verdict(base, run, suites=1).suspects[0].state == "unconfirmed"
    assert verdict(base, run, suites=4).suspects[0].state == "not provable"


def test_what_confirmed_another_prompt_counts_for_nothing():
    base, run = broken_one()
    found = verdict(base, [*run, *confirming({"c099": "F" * 10}, prompt="older")])
    assert found.suspects[0].confirmed is None


def test_a_failing_suite_does_not_wait_for_a_confirmation():
    base = baseline(many("PPP"))
    found = verdict(base, results({**many("PPP", 80), **many("FFF", 20, 80)}))
    assert found.kind == "FAIL"
    assert {one.state for one in found.suspects} == {"not provable"}


def test_a_case_that_no_sample_could_convict_is_listed_and_holds_nothing_up():
    base = baseline(many("P", 400))
    found = verdict(base, results({**many("P", 399), "c399": "F"}))
    assert (found.kind, found.suspects[0].state) == ("PASS", "not provable")


def test_half_and_half_is_no_majority():
    base = baseline({key: line("PP", history={"outcome": "P" * 16}) for key in many("", 100)})
    assert verdict(base, results({**many("PP", 99), "c099": "PF"})).suspects == ()


def test_a_critical_case_fails_whatever_the_suite_does():
    run = results(many("PPP", 99))
    critical = [replace(one, critical=True) for one in results({"c099": "PPF"})]
    found = verdict(baseline(many("PPP")), [*run, *critical])
    assert (found.kind, found.critical) == ("FAIL", ("c099",))
    assert found.reason == "1 case fails, and is critical"


# -- accepting ------------------------------------------------------------------------------------------------------


def test_a_new_note_over_exactly_these_replies_accepts():
    base = baseline(many("PPP"), note="first")
    letters = {**many("PPP", 80), **many("FFF", 20, 80)}
    run = results(letters)
    head = baseline({key: line(text, prompt="new") for key, text in letters.items()}, note="shorter, on purpose")
    found = verdict(base, run, head=head)
    assert (found.kind, found.accepted, found.is_red) == ("FAIL", "shorter, on purpose", False)
    assert any("edited in this change" in note for note in found.notes)
    assert verdict(base, run, head=replace(head, note="first")).is_red
    again = replace(head, note="first", earlier=(Earlier(note="first", subject="x", passed=1, graded=1),))
    assert verdict(base, run, head=again).accepted == "first"
    assert verdict(base, run, head=replace(head, note="")).is_red
    other = replace(head, lines={**head.lines, "c000": line("PPP", prompt="newer")})
    assert verdict(base, run, head=other).is_red
    fewer = replace(head, lines={key: one for key, one in head.lines.items() if key != "c000"})
    assert verdict(base, run, head=fewer).is_red


def test_an_untouched_baseline_says_nothing_of_being_edited():
    base = baseline(many("PPP"))
    assert verdict(base, results(many("PPP")), head=base).notes == ()


def test_a_changed_instrument_is_accepted_the_same_way_and_a_missing_gate_is_not():
    cases = many("PPP")
    base = replace(baseline(cases, note="a"), instrument={"schema": "other"})
    run = results(cases)
    head = baseline({key: line(text, prompt="new") for key, text in cases.items()}, note="b")
    assert verdict(base, run, head=head).accepted == "b"
    gone = judge(record(run), run, Baselines(base=base, head=None))
    assert gone.accepted is None


# -- whatever the suite ---------------------------------------------------------------------------------------------

suites = st.dictionaries(
    st.sampled_from([f"c{n}" for n in range(12)]),
    st.tuples(st.text("PFU", min_size=1, max_size=4), st.text("PFUE", min_size=1, max_size=4)),
    min_size=1,
)


@given(suites, st.randoms())
def test_a_verdict_survives_json_and_does_not_depend_on_the_order(cases, shuffled):

    base = baseline({key: old for key, (old, _) in cases.items()})
    run = results({key: new for key, (_, new) in cases.items()})
    found = verdict(base, run)
    assert verdicts_in(json.loads(json.dumps([found.json]))) == (found,)
    assert verdict(base, shuffled.sample(run, len(run))) == found


@given(suites)
def test_the_same_replies_never_alarm(cases):
    letters = {key: old for key, (old, _) in cases.items()}
    found = verdict(baseline(letters), results(letters, prompt="old"))
    assert found.kind == ("PASS" if found.kind != "INVALID" else "INVALID")
    assert not found.exact
    assert not found.suspects


def test_an_unchanged_prompt_rarely_alarms():
    """Seeded: a hundred draws of one suite; at 5 % nobody is surprised by up to twelve alarms (p < .001 beyond)."""
    chance = random.Random(7)
    rates = [0.98] * 28 + [0.85] * 6 + [0.5] * 4 + [0.1] * 2

    def drawn():
        return {f"c{n}": "".join("P" if chance.random() < p else "F" for _ in range(3)) for n, p in enumerate(rates)}

    alarms = sum(verdict(baseline(drawn()), results(drawn())).kind == "FAIL" for _ in range(100))
    assert alarms <= 12
