"""The end of a run: a line a suite, what was asked, and every change told once."""

from __future__ import annotations

import pytest
from trace_samples import trace

from pytest_llm.reports import summary_lines
from pytest_llm.reports.text import compact, percent
from pytest_llm.results import FixtureCalls, GradeRecord, MissRecord, Result, Run


def item(case, outcome="passed", suite="orders", replayed=1, **more):
    return Result(
        nodeid=f"test_x.py::test_x[{case}]", suite=suite, outcome=outcome, case=case, replayed=replayed, **more
    )


def told(*items, mode="replay"):
    return "\n".join(summary_lines(Run(results=items, mode=mode)))


# -- a line a suite ---------------------------------------------------------------------------------------------


def test_a_run_that_passed():
    assert told(*(item(case, usage={"total_tokens": 700}) for case in "abc")) == (
        "orders   3 cases         3/3 passed  100.0 %\n3 exchanges replayed, nothing asked   2.1k tokens when recorded"
    )


def test_one_of_each():
    assert told(item("a")) == (
        "orders   1 case          1/1 passed  100.0 %\n"
        "1 exchange replayed, nothing asked"
    )  # fmt: skip


def test_failed_is_what_is_left_and_ungraded_and_errors_are_named():
    outcomes = ["passed", "failed", "ungraded", "ungraded", "error"]
    assert told(*(item(str(number), outcome) for number, outcome in enumerate(outcomes))) == (
        "orders   5 cases         1/5 passed  20.0 %   2 ungraded   1 error\n"
        "5 exchanges replayed, nothing asked"
    )  # fmt: skip


def test_variants_and_suites_are_aligned():
    assert told(
        item("a", suite="mails", variant="small"), item("a", "failed", suite="mails", variant="big"), item("b")
    ) == (
        "mails[small]   1 case          1/1 passed  100.0 %\n"
        "mails[big]     1 case          0/1 passed  0.0 %\n"
        "orders         1 case          1/1 passed  100.0 %\n"
        "3 exchanges replayed, nothing asked"
    )


@pytest.mark.parametrize(
    ("cases", "size"),
    [
        ([("a", 1), ("a", 2), ("b", 1), ("b", 2)], "2 cases × 2     "),
        ([("a", n) for n in range(1, 4)], "1 case × 3      "),
        ([("a", 1), ("a", 2), ("b", 1)], "2 cases, 3 items "),
    ],
)
def test_samples_are_told_as_a_product_or_where_they_differ_as_items(cases, size):
    line = told(*(item(case, sample=sample) for case, sample in cases)).split("\n")[0]
    assert line == f"orders   {size}{len(cases)}/{len(cases)} passed  100.0 %"


def test_scores_that_decide_nothing_are_told_with_their_mean():
    grades = [(0.5, 1.0), (1.0, 0.0)]
    items = [
        item(str(n), grades=(GradeRecord(name="close", score=close), GradeRecord(name="short", score=short)))
        for n, (close, short) in enumerate(grades)
    ]
    assert told(*items).split("\n")[0] == (
        "orders   2 cases         2/2 passed  100.0 %   close 0.750 (mean of 2)   short 0.500 (mean of 2)"
    )


def test_an_empty_run_has_asked_nothing():
    assert told() == "0 exchanges replayed, nothing asked"


# -- what was asked ---------------------------------------------------------------------------------------------

TOKENS = {"total_tokens": 12}


@pytest.mark.parametrize(
    ("items", "line"),
    [
        ([item("a", replayed=2)], "2 exchanges replayed, nothing asked"),
        ([item("a", replayed=0, recorded=2)], "0 exchanges replayed, 2 recorded"),
        ([item("a", asked=3)], "1 exchange replayed, 3 asked and not kept"),
        ([item("a", recorded=1, asked=1)], "1 exchange replayed, 1 recorded, 1 asked and not kept"),
        (
            [item("a", recorded=1, usage=TOKENS), item("b", usage=TOKENS)],
            "2 exchanges replayed, 1 recorded   24 tokens when recorded",
        ),
        (
            [item("a", replayed=0, asked=1, usage=TOKENS)],
            "0 exchanges replayed, 1 asked and not kept   12 tokens",
        ),
        (
            [item("a", usage=TOKENS), item("b"), item("c", replayed=0)],
            "2 exchanges replayed, nothing asked   12 tokens (told for 1 of 2 items) when recorded",
        ),
        (
            [item("a", usage={"prompt_tokens": 5}), item("b", usage={"total_tokens": 0})],
            "2 exchanges replayed, nothing asked   0 tokens (told for 1 of 2 items) when recorded",
        ),
        ([item("a", usage={"prompt_tokens": 5})], "1 exchange replayed, nothing asked"),
    ],
)
def test_exchanges_and_tokens_are_told_and_where_only_some_are_known(items, line):
    assert told(*items).split("\n")[1] == line


# -- what has no recording --------------------------------------------------------------------------------------

CHANGE = MissRecord(
    kind="stale", heading="system message −1 +1", change="system message:\n- Write dates.\n+ Write all dates."
)


def missing(case, miss, **more):
    return item(case, "error", replayed=0, miss=miss, **more)


def after_the_exchanges(*items):
    return told(*items).split("asked\n")[1]


def test_one_change_that_made_many_cases_stale_is_told_once():
    cases = [missing(case, CHANGE, prompt="extract") for case in ("oak", "pens", "hats", "cups", "cups")]
    assert after_the_exchanges(*cases) == (
        "\n"
        '5 stale, one change of Prompt "extract": system message −1 +1\n'
        "\n"
        "    system message:\n"
        "    - Write dates.\n"
        "    + Write all dates.\n"
        "\n"
        "  oak, pens and 2 more\n"
        "  ask again   pytest --llm-record        (5 items)"
    )


def test_one_stale_item_without_a_prompt_or_a_case_is_called_by_its_id():
    found = Result(nodeid="test_x.py::test_x", suite="x", outcome="error", miss=CHANGE)
    assert after_the_exchanges(found) == (
        "\n"
        "1 stale: system message −1 +1\n"
        "\n"
        "    system message:\n"
        "    - Write dates.\n"
        "    + Write all dates.\n"
        "\n"
        "  test_x.py::test_x\n"
        "  ask again   pytest --llm-record        (1 item)"
    )


def test_every_change_prompt_and_kind_has_a_group_of_its_own():
    other = MissRecord(kind="stale", heading="temperature 0 → 1", change="temperature 0 → 1")
    assert after_the_exchanges(
        missing("a", CHANGE, prompt="one"),
        missing("b", other, prompt="one"),
        missing("c", MissRecord(kind="exhausted"), prompt="one"),
        missing("d", MissRecord(kind="no cassette"), prompt="one"),
        missing("e", CHANGE, prompt="two"),
        missing("f", MissRecord(kind="missing"), prompt="one"),
        missing("g", CHANGE, prompt="one"),
        missing("h", MissRecord(kind="new kind")),
    ) == (
        "\n"
        '2 stale, one change of Prompt "one": system message −1 +1\n'
        "\n"
        "    system message:\n"
        "    - Write dates.\n"
        "    + Write all dates.\n"
        "\n"
        "  a, g\n"
        "\n"
        '1 stale of Prompt "one": temperature 0 → 1\n'
        "\n"
        "    temperature 0 → 1\n"
        "\n"
        "  b\n"
        "\n"
        '1 with fewer recorded replies than they ask for of Prompt "one": c\n'
        "\n"
        '2 without a recording of Prompt "one": d, f\n'
        "\n"
        '1 stale of Prompt "two": system message −1 +1\n'
        "\n"
        "    system message:\n"
        "    - Write dates.\n"
        "    + Write all dates.\n"
        "\n"
        "  e\n"
        "\n"
        "1 new kind: h\n"
        "  ask again   pytest --llm-record        (8 items)"
    )


def test_where_nothing_is_stale_it_is_to_be_recorded():
    assert after_the_exchanges(missing("a", MissRecord(kind="no cassette"))) == (
        "\n1 without a recording: a\n  record it   pytest --llm-record        (1 item)"
    )


@pytest.mark.parametrize(
    ("lines", "shown", "more"), [(20, 20, ""), (21, 20, "… 1 more lines"), (300, 20, "… 280 more lines")]
)
def test_a_long_change_is_cut(lines, shown, more):
    miss = MissRecord(kind="stale", heading="h", change="\n".join(f"+ line {n}" for n in range(lines)))
    found = after_the_exchanges(missing("a", miss)).split("\n")
    assert sum(line.startswith("    + line ") for line in found) == shown
    assert [line.strip() for line in found if "…" in line] == ([more] if more else [])


# -- hostile text -----------------------------------------------------------------------------------------------

ACTING = "\x1b[2J\x9b\u202e\ud800\x00"


@pytest.mark.parametrize(
    "found",
    [
        item("a", suite=ACTING),
        item("a", variant=ACTING),
        item("a", grades=(GradeRecord(name=ACTING, score=0.5),)),
        missing("a", MissRecord(kind=ACTING)),
        missing("a", MissRecord(kind="stale", heading=ACTING, change="x")),
        missing("a", MissRecord(kind="stale", heading="x", change=ACTING)),
        missing("a", MissRecord(kind="missing"), prompt=ACTING),
        missing(ACTING, MissRecord(kind="missing")),
        missing(ACTING, CHANGE),
    ],
)
def test_nothing_of_a_model_acts_on_the_screen(found):
    text = told(found)
    assert "\\x1b[2J\\x9b\\u202e\\ud800\\x00" in text
    assert not set(ACTING) - set("[2J") & set(text)
    text.encode()


# -- numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 7, "0.0 %"),
        (1, 3, "33.3 %"),
        (7, 7, "100.0 %"),
        (0, 0, "–"),
        (2999, 3000, "99.9 %"),
    ],
)
def test_percent(part, whole, text):
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (41_234, "41.2k"),
        (1_000_000, "1.0M"),
        (1_250_000_000, "1250.0M"),
        (999_960, "1.0M"),
    ],
)
def test_compact(number, text):
    assert compact(number) == text


# -- what the counts leave open ---------------------------------------------------------------------------------


def test_money_is_told_where_prices_are_known():
    priced = {"usage": {"total_tokens": 7}, "cost_usd": 0.5}
    assert told(item("a", **priced), item("b", **priced)).endswith("14 tokens when recorded   $1.0000")
    assert told(item("a", **priced), item("b")).endswith(
        " (told for 1 of 2 items) when recorded   $0.5000 (known for 1 of 2 items)"
    )


def test_what_has_drifted_is_named():
    items = [item("a", asked=1, replayed=0, same=1), item("b", asked=1, replayed=0, drifted=2)]
    assert told(*items).endswith(
        "verified: 1 reply says what is recorded, 2 drifted\n  drifted     test_x.py::test_x[b]"
    )
    assert "verified: 2 replies say what is recorded, 0 drifted" in told(item("a", same=2))
    many = told(*(item(str(number), drifted=1) for number in range(11)))
    assert many.count("  drifted ") == 10


@pytest.mark.parametrize(("number", "replies"), [(1, "1 reply that was"), (2, "2 replies that were")])
def test_recordings_that_do_not_say_all_that_is_compared_now_are_counted(number, replies):
    assert told(item("a", older=number)).endswith(
        f"replayed for requests that name a path or a header: {replies} recorded before these were compared\n"
        "  check       that they came from there, or record again: pytest --llm-rerecord"
    )
    assert "recorded before" not in told(item("a"))


@pytest.mark.parametrize(("number", "said"), [(1, "1 request was"), (2, "2 requests were")])
def test_errors_that_no_recording_holds_are_told(number, said):
    assert f"{said} answered by an error, or not at all, and will be missing in replay" in told(
        item("a", unkept=number)
    )


SPENT = "--llm-budget 0.02usd after 301 requests ($0.0199)"


@pytest.mark.parametrize(
    ("mode", "then"),
    [
        ("record", "\n  what was asked is recorded; go on with   pytest --llm-record --llm-budget …"),
        ("rerecord", "\n  what was asked is recorded anew; the other recordings are as they were"),
        ("live", ""),
    ],
)
def test_what_a_budget_left_out_is_told_once_and_is_no_stale_recording(mode, then):
    earlier, last = (
        MissRecord(kind="budget", heading="--llm-budget 0.02usd after 3 requests"),
        MissRecord(kind="budget", heading=SPENT),
    )
    left = [item("a", "error", miss=earlier), item("a", "error", sample=2, miss=earlier), item("b", "error", miss=last)]
    lines = told(item("c"), *left, mode=mode)
    assert lines.endswith(f"stopped by {SPENT}: 2 cases were not asked{then}")


def test_a_case_that_a_budget_cut_short_is_told_as_such():
    lines = told(item("a", "error", recorded=1, miss=MissRecord(kind="budget")))
    assert "stopped by its budget: 1 case was not asked, or not to the end" in lines


def test_what_was_blocked_is_not_mended_by_recording():
    assert "--llm-record" not in told(item("a", "error", miss=MissRecord(kind="blocked")))


def test_fixtures_are_told_apart():
    index = FixtureCalls(name="fixture index", cassette="i", recorded=2, asked=1, usage={"total_tokens": 1200})
    other = FixtureCalls(name="fixture other", cassette="o", replayed=1)
    assert summary_lines(Run(results=(item("a"),), fixtures=(index, other))) == [
        "orders   1 case          1/1 passed  100.0 %",
        "fixture index   2 recorded, 1 asked and not kept   1.2k tokens",
        "fixture other   1 replayed",
        "1 exchange replayed, nothing asked",
    ]


@pytest.mark.parametrize(
    ("orphans", "said"),
    [
        (["cassettes/a.yaml"], "1 orphan, a cassette that no test uses: cassettes/a.yaml"),
        (["a.yaml", "b.yaml"], "2 orphans, cassettes that no test uses: a.yaml, b.yaml"),
    ],
)
def test_orphans_are_named_with_what_removes_them(orphans, said):
    lines = summary_lines(Run(results=(item("a"),)), orphans)
    assert lines[-2:] == [said, "  remove      pytest-llm cassettes prune"]


def test_what_corrections_came_to_stands_under_the_suites():
    lines = told(item("a", traces=(trace("IV"),))).split("\n")
    assert lines[1] == "orders   at most 3 attempts"
    assert lines[3].startswith("  errors              0/1         1/1")


# -- judges -----------------------------------------------------------------------------------------------------------


def judged(case, name="polite", **more):
    grade = GradeRecord(name=name, passed=True, judge="0" * 12, calibrated=more.pop("calibrated", False))
    return item(case, grades=(grade,), **more)


def test_what_judges_took_is_told_apart_and_which_of_them_nobody_has_compared():
    run = [
        judged("a", judge_usage={"total_tokens": 700}, judge_cost_usd=0.01),
        judged("b", name="kind", judge_usage={"total_tokens": 500}),
        judged("c", name="right", calibrated=True),
    ]
    assert told(*run).splitlines()[2:] == [
        "judges   1.2k tokens   $0.0100",
        "uncalibrated: polite, kind; nobody knows how often they are right",
        "  compare     pytest-llm calibrate FILE::JUDGE LABELS",
    ]


def test_a_judge_that_was_compared_is_not_named():
    assert told(judged("a", calibrated=True, judge_usage={"total_tokens": 5})).splitlines()[2:] == ["judges   5 tokens"]


def test_what_a_judge_has_not_been_asked_is_not_told_as_the_prompts():
    miss = MissRecord(kind="missing", heading="without what the judge 'polite' says of its golden outputs")
    lines = told(*(item(case, outcome="error", prompt="bot", miss=miss) for case in "ab")).splitlines()
    assert "2 without what the judge 'polite' says of its golden outputs: a, b" in lines
    assert "  record it   pytest --llm-record        (2 items)" in lines
