"""The fixture llm_retry: asked, corrected, compared, recorded, replayed and told."""

from __future__ import annotations

import json

import pytest

TEST = """
import pytest
from pydantic import BaseModel
from pytest_llm import Prompt

class Order(BaseModel):
    item: str
    qty: int

prompt = Prompt(name="order", model="tiny", system="Reply with item and qty.", user="{{ text }}", schema=Order)
CASES = [{"id": name, "text": f"three {name}"} for name in ("cups", "pens")]

@pytest.mark.llm(prompt, cases=CASES)
def test_corrects(llm_retry):
    assert llm_retry().require().qty == 3

@pytest.mark.llm(prompt, cases=CASES)
def test_compares(llm_retry):
    arms = llm_retry.compare()
    assert arms["errors"].ok
    assert [arms[name].n for name in ("resample", "generic", "errors")] == [3, 2, 2]
"""
HEAD = TEST.partition("@pytest")[0]

BAD, GOOD = '{"item": "cups", "qty": "three"}', '{"item": "cups", "qty": 3}'


def corrects(body, number):
    """Errs at first, and each time that it is only asked again; the replies differ in their blanks."""
    return GOOD if len(body["messages"]) > 2 else BAD + " " * number


@pytest.fixture
def shop(project, serve):
    server = serve(corrects)
    project.use(server)
    project.server = server
    project.write("test_it.py", TEST)
    project.test = lambda body, marker="", rest="": project.write(
        "test_it.py", f"{HEAD}\n{marker}\n@pytest.mark.llm(prompt, cases=CASES[:1]{rest})\n{body}"
    )
    return project


def traces(project):
    lines = (project.path / ".pytest_llm/last-run.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    return {result["nodeid"].partition("::")[2]: result["traces"] for result in map(json.loads, lines)}


def slots(project, name):
    text = next(text for path, text in project.cassettes().items() if name in path)
    return sorted(line.split("slot:")[1].strip().strip("'") for line in text.splitlines() if "slot:" in line)


def same(trace):
    """A trace without what only happens while asking."""
    left = ("replayed", "latency_s", "waited_s", "transport_retries")
    return trace | {"attempts": [{k: v for k, v in one.items() if k not in left} for one in trace["attempts"]]}


def comparable(project):
    return {name: [same(one) for one in found] for name, found in traces(project).items()}


# -- recording and replaying --------------------------------------------------------------------------------------


def test_a_reply_is_corrected_recorded_and_replayed_the_same(shop):
    shop.record().assert_outcomes(passed=4)
    recorded = comparable(shop)
    assert [len(one["attempts"]) for one in recorded["test_corrects[cups]"]] == [2]
    assert [one["arm"] for one in recorded["test_compares[cups]"]] == ["resample", "generic", "errors"]
    # Two attempts of test_corrects; of test_compares one that all arms share, two of the control, one of each other.
    assert len(shop.server.requests) == 2 * (2 + 1 + 2 + 1 + 1)
    assert slots(shop, "test_compares/cups") == ["1", "1/errors/2", "1/generic/2", "1/resample/2", "1/resample/3"]
    shop.forget_key()
    for arguments, passed in (((), 4), (("-n2",), 4), (("-k", "pens"), 2)):
        shop.run(*arguments).assert_outcomes(passed=passed, deselected=4 - passed)
        for name, found in comparable(shop).items():
            assert found == recorded[name]
        assert all(
            attempt["replayed"] for found in traces(shop).values() for one in found for attempt in one["attempts"]
        )
    assert len(shop.server.requests) == 14


def test_arms_replay_in_any_order(shop):
    body = "def test_it(llm_retry):\n    llm_retry.compare(arms={arms})\n    llm_retry(feedback='errors')"
    shop.test(body.format(arms=("resample", "errors")))
    shop.record().assert_outcomes(passed=1)
    recorded = traces(shop)["test_it[cups]"]
    shop.test(body.format(arms=("errors", "resample")))
    shop.run().assert_outcomes(passed=1)
    replayed = traces(shop)["test_it[cups]"]
    assert [one["arm"] for one in replayed] == ["errors", "resample", "errors"]
    assert same(replayed[1]) == same(recorded[0])
    assert same(replayed[2]) == same(recorded[2]) | {"run": 2}


def test_without_blocking_all_arms_at_once(shop):
    shop.test("""async def test_it(llm_retry):
    assert (await llm_retry.acall()).require().qty == 3
    arms = await llm_retry.acompare()
    assert {arm: trace.n for arm, trace in arms.items()} == {"resample": 3, "generic": 2, "errors": 2}
""")
    shop.record("-W", "error").assert_outcomes(passed=1)
    recorded = comparable(shop)
    shop.forget_key()
    shop.run("-W", "error").assert_outcomes(passed=1)
    assert comparable(shop) == recorded


def test_what_one_arm_raises_ends_the_others_and_is_told_as_it_is(shop):
    shop.test("""async def test_it(llm_retry):
    await llm_retry.acompare(arms=("resample", lambda context: 1 / 0))
""")
    found = shop.record()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["the feedback policy '<lambda>' failed: ZeroDivisionError: division by zero"])


def test_the_same_prompt_drawn_again_is_another_draw_of_it_though_corrections_ask_otherwise(shop):
    shop.test("def test_it(llm_retry):\n    llm_retry().require()")
    shop.record("--llm-baseline=update").assert_outcomes(passed=1)
    shop.server.script = lambda body, number: corrects(body, 1).replace("three", "3")
    found = shop.run("--llm-rerecord")
    found.stdout.fnmatch_lines(["*draw 2 of this prompt*"])
    shop.test("def test_it(llm_retry):\n    llm_retry(feedback='generic').require()")
    shop.run("--llm-record", "--llm-json=out.json")
    [verdict] = json.loads((shop.path / "out.json").read_text(encoding="utf-8"))["verdicts"]
    assert verdict["asked_anew"] == [1, 1]


def test_another_feedback_makes_later_attempts_stale_and_says_what_changed(shop):
    body = "def test_it(llm_retry):\n    llm_retry(feedback=lambda context: context.turn({!r})).require()"
    shop.test(body.format("Mend it."))
    shop.record().assert_outcomes(passed=1)
    shop.test(body.format("Mend it, please."))
    found = shop.run()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*the recording is stale: user message 2 of 2 *Mend it.* → *Mend it, please.*"])


def test_what_a_deadline_left_unasked_a_replay_does_not_ask_for(shop):
    shop.server.script = _slowly
    shop.test("""def test_it(llm_retry):
    trace = llm_retry(attempts=9, deadline=0.5, feedback="resample")
    assert trace.stop == "deadline"
    assert 1 <= trace.n < 9
""")
    shop.record().assert_outcomes(passed=1)
    recorded = comparable(shop)
    shop.run().assert_outcomes(passed=1)
    assert comparable(shop) == recorded


def _slowly(body, number):
    import time

    time.sleep(0.3)
    return BAD + " " * number


# -- what a test sees -------------------------------------------------------------------------------------------


def test_require_fails_with_a_table_of_the_attempts(shop):
    shop.server.script = lambda body, number: BAD + " " * number
    shop.test("def test_it(llm_retry):\n    llm_retry(attempts=2).require()")
    found = shop.record()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(
        [
            "*not valid, stopped by max_attempts after 2 attempts, feedback 'errors', schema Order",
            "*  1  invalid   *three*tokens",
            '*       /qty: expected an integer; got string "three".',
            "*  2  invalid   *three*tokens",
            "test_it.py:*: SelfCorrectionFailed",
        ]
    )
    assert "attempt.py" not in found.stdout.str()


def test_the_marker_s_graders_look_at_the_last_reply_and_the_schema_does_not(shop):
    shop.write(
        "graders.py", "from pytest_llm import grader\n@grader\ndef is_three(output): return output.value.qty == 3\n"
    )
    rest = ", graders=[__import__('graders').is_three]"
    shop.write("pytest.ini", "[pytest]\npythonpath = .\n")
    shop.test("def test_it(llm_retry):\n    llm_retry()", rest=rest)
    shop.record().assert_outcomes(passed=1)
    grades = [
        json.loads(line)["grades"] for line in (shop.path / ".pytest_llm/last-run.jsonl").read_text().splitlines()[1:]
    ]
    assert [[one["name"] for one in item] for item in grades] == [["is_three"]]
    shop.test("def test_it(llm_retry):\n    llm_retry(attempts=1)", rest=rest)
    shop.run().assert_outcomes(failed=1)


def test_graders_without_a_call_of_the_fixture_are_an_error(shop):
    shop.test(
        "def test_it(llm_retry):\n    assert 1",
        rest=", graders=[__import__('pytest_llm.graders').graders.contains('x')]",
    )
    found = shop.run()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*graders without a response to grade: llm_retry was not called*"])


def test_another_prompt_case_and_schema_can_be_given(shop):
    shop.test("""def test_it(llm_retry):
    other = prompt.replace(user="Four {{ what }}", schema=None)
    trace = llm_retry(other, case={"what": "pans"}, schema={"type": "object", "required": ["price"]}, attempts=1)
    assert trace.attempts[0].request.messages[-1]["content"] == "Four pans"
    assert [issue.path for issue in trace.attempts[0].issues] == ["/price"]
""")
    shop.record().assert_outcomes(passed=1)


def test_a_hidden_score_is_noted_and_never_fed_back(shop):
    shop.test(
        "def test_it(llm_retry):\n    assert [one.score for one in llm_retry().attempts] == [0.0, 1.0]",
        marker="@pytest.mark.llm_retry(score=lambda output, case: output.valid and case.id == 'cups')",
    )
    shop.record().assert_outcomes(passed=1)
    assert "score" not in json.dumps(shop.server.requests)


def test_the_call_is_stronger_than_the_marker_and_the_marker_than_the_ini_file(shop):
    shop.pytester.makeini("[pytest]\nllm_retry_attempts = 5\nllm_retry_deadline = 60")
    shop.write(
        "test_it.py",
        f"""{HEAD}
@pytest.mark.llm(prompt, cases=CASES[:1])
@pytest.mark.llm_retry(stall=5, attempts=4)
class TestAll:
    def test_ini(self, llm_retry):
        budget = llm_retry(feedback="resample").budget
        assert (budget.attempts, budget.deadline, budget.stall) == (4, 60, 5)

    @pytest.mark.llm_retry(attempts=2)
    def test_marker(self, llm_retry):
        budget = llm_retry(feedback="resample").budget
        assert (budget.attempts, budget.stall) == (2, 5)
        assert llm_retry(feedback="resample", attempts=1).n == 1
""",
    )
    shop.record().assert_outcomes(passed=2)


def test_a_call_that_fails_fails_the_test_whatever_it_makes_of_the_trace(shop):
    shop.server.script = lambda body, number: (401, {"error": {"message": "no such key"}})
    shop.test("def test_it(llm_retry):\n    assert not llm_retry().ok")
    found = shop.record()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*the endpoint refused the key (401): 'no such key'*"])
    shop.test("def test_it(llm_retry):\n    assert llm_retry().stop == 'transport_error'", rest=", record_errors=True")
    shop.record().assert_outcomes(passed=1)
    shop.run().assert_outcomes(passed=1)


def test_a_conversation_that_is_too_long_is_an_outcome_and_replays(shop):
    error = {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}
    shop.server.script = lambda body, number: (400, error)
    shop.test("def test_it(llm_retry):\n    assert llm_retry().stop == 'context_overflow'", rest=", record_errors=True")
    shop.record().assert_outcomes(passed=1)
    shop.run().assert_outcomes(passed=1)


def test_a_schema_on_the_marker_is_that_of_the_correction(shop):
    shop.test("def test_it(llm_retry):\n    assert llm_retry().first_try", rest=", schema={'required': ['item']}")
    shop.record().assert_outcomes(passed=1)


def test_a_client_that_was_made_for_a_call_is_closed(shop):
    shop.write(
        "conftest.py",
        """
import openai
closed, close = [], openai.AsyncOpenAI.close
async def noted(self):
    closed.append(self)
    await close(self)
openai.AsyncOpenAI.close = noted
""",
    )
    shop.test("""async def test_it(llm_retry):
    import conftest
    await llm_retry.acall()
    assert len(conftest.closed) == 1
    await llm_retry.acall(feedback="generic")
    assert len(conftest.closed) == 2
""")
    shop.record().assert_outcomes(passed=1)


# -- mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("attempts=0", "attempts= of a correction is at least 1, not 0"),
        ("attempt=3", "the llm_retry marker has no argument 'attempt'"),
        ("deadline=-1", "deadline= of a correction is more than 0, not -1"),
        ("attempts=1, arms=('resample', 'errors')", "attempts=1 and arms= contradict each other*"),
        ("arms=('errors',)", "arms= names the policies that are compared, two at least, each once: errors"),
        ("arms=('errors', 'errors')", "arms= names the policies*"),
        ("feedback='eror'", "there is no feedback policy 'eror'"),
        ("score=3", "a grader is callable, not 3"),
    ],
)
def test_a_marker_that_cannot_be_kept_to_is_an_error_before_anything_is_asked(shop, marker, told):
    shop.test("def test_it(llm_retry):\n    llm_retry()", marker=f"@pytest.mark.llm_retry({marker})")
    found = shop.record()
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines([f"*{told.replace('[', '[[]')}"])
    assert shop.server.requests == []


def test_positional_arguments_of_the_marker_and_unknown_ones_of_the_call_are_errors(shop):
    shop.test("def test_it(llm_retry):\n    llm_retry()", marker="@pytest.mark.llm_retry(3)")
    shop.run().stdout.fnmatch_lines(["*the llm_retry marker takes keywords only"])
    shop.test("def test_it(llm_retry):\n    llm_retry(atempts=3)")
    shop.run().stdout.fnmatch_lines(["*llm_retry has no argument 'atempts'"])


@pytest.mark.parametrize(("text", "told"), [("many", "llm_retry_attempts is a number, not 'many'")])
def test_an_ini_key_that_is_no_number_is_a_usage_error(shop, text, told):
    shop.pytester.makeini(f"[pytest]\nllm_retry_attempts = {text}")
    found = shop.run()
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines([f"*{told}"])


def test_a_recording_run_without_a_key_is_refused_before_it_starts(shop, monkeypatch):
    shop.forget_key()
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.example.invalid/v1")
    found = shop.record()
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    found.stderr.fnmatch_lines(["*--llm-record has to ask Prompt 'order'"])


def test_without_a_prompt_or_a_schema_there_is_nothing_to_correct(shop):
    shop.test("def test_it(llm_retry):\n    llm_retry(prompt.replace(schema=None))")
    shop.run().stdout.fnmatch_lines(["*Prompt 'order' has neither a schema nor a tool: nothing could be wrong*"])
    shop.write("test_it.py", f"{HEAD}\n@pytest.mark.llm\ndef test_it(llm_retry):\n    llm_retry()")
    shop.run().stdout.fnmatch_lines(["*without a prompt*"])
    shop.write("test_it.py", f"{HEAD}\ndef test_it(llm_retry):\n    llm_retry()")
    shop.run().stdout.fnmatch_lines(["*llm_retry needs the marker"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("case='cups'", "case= is a Case or a dict of inputs, not 'cups'"),
        ("case={}", "*'text' is undefined*"),
        ("prompt='order'", "a prompt is a Prompt, not str 'order'"),
        ("arms=3", "a feedback policy is a name or a callable, not 3"),
        ("score=[]", "score= is one grader, and 0 were given"),
        ("feedback=None", "a feedback policy is a name or a callable, not None"),
        ("schema=3", "3 is not a schema"),
    ],
)
def test_what_a_call_cannot_be_given_is_said_without_our_traceback(shop, options, told):
    shop.test(f"def test_it(llm_retry):\n    llm_retry({options})")
    found = shop.run()
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines([told.replace("[", "[[]")])
    assert "retrying.py" not in found.stdout.str()


def test_an_empty_body_cannot_fail(shop):
    shop.test("def test_it(llm_retry): ...")
    shop.run().stdout.fnmatch_lines(["*this test cannot fail*"])


# -- what is told -----------------------------------------------------------------------------------------------

MANY = """
@pytest.mark.llm(prompt, cases=[{"id": f"c{n:02}", "text": str(n)} for n in range(20)], expect=[feedback_helps(%s)])
@pytest.mark.llm_retry(%s)
def test_it(llm_retry):
    llm_retry.compare()
"""


def many(shop, expect="", marker="arms=('resample', 'errors')"):
    shop.write("test_it.py", f"{HEAD}\nfrom pytest_llm.gates import feedback_helps\n{MANY % (expect, marker)}")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_feedback_that_helps_passes_and_the_table_says_how_much(shop, workers):
    many(shop)
    shop.record().assert_outcomes(passed=20)
    found = shop.run(workers, "--llm-json=out.json", "--junitxml=out.xml")
    found.assert_outcomes(passed=20)
    found.stdout.fnmatch_lines(
        [
            "PASS  test_it   errors recovers more than resample: shown   +100.0 pt [[]+*, +100.0]   (20 cases)",
            "test_it   at most 3 attempts",
            "  resample            0/20  0.0 %   0/20  0.0 % [[]0, 16]        0/20  0.0 % *",
            "  errors              0/20  0.0 %   20/20  100.0 % [[]84, 100]   20/20  100.0 % *",
            "  value of feedback   errors − resample   +100.0 pt [[]*] * over 20 first failures (won 20, lost 0), p < .0001*",
            "  fixed next time     resample:  type 0/40",
            "                      errors:  type 20/20",
        ]
    )
    told = json.loads((shop.path / "out.json").read_text(encoding="utf-8"))["corrections"]
    assert [(one["arm"], one["recovered"]["count"], one["recovered"]["of"]) for one in told[0]["arms"]] == [
        ("resample", 0, 20),
        ("errors", 20, 20),
    ]
    assert "llm_expect_1_test_it" in (shop.path / "out.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_feedback_that_does_not_help_fails_an_item_of_its_own(shop, workers):
    many(shop, expect="'resample', over='errors'")
    shop.record()
    found = shop.run(workers)
    found.assert_outcomes(passed=20, failed=1)
    assert found.ret == 1
    found.stdout.fnmatch_lines(["*test_it[[]llm-expect-1]*", "FAIL  resample recovers more than errors: it does not"])


def test_without_a_control_the_value_of_feedback_was_not_measured(shop):
    many(shop, marker="arms=('generic', 'errors')")
    found = shop.record()
    found.assert_outcomes(passed=20, failed=1)
    found.stdout.fnmatch_lines(
        [
            "INVALID  errors recovers more than resample: there is no arm 'resample'*was not measured",
            "  careful             without a control arm the value of feedback was not measured",
        ]
    )


def test_a_control_that_repeats_itself_is_no_control(shop):
    shop.server.script = lambda body, number: GOOD if len(body["messages"]) > 2 else BAD
    many(shop)
    found = shop.record()
    found.assert_outcomes(passed=20, failed=1)
    found.stdout.fnmatch_lines(
        [
            "INVALID  errors*: the control is degenerate, 40 of 40 replies repeat*",
            "  careful             the control is degenerate*",
        ]
    )


def test_where_nothing_failed_one_line_says_so(shop):
    shop.server.script = lambda body, number: GOOD
    many(shop)
    found = shop.record()
    found.assert_outcomes(passed=20)
    found.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE  test_it   errors recovers more than resample: no first attempt failed",
            "test_it   at most 3 attempts   20 of 20 valid at first: nothing to correct",
        ]
    )


def test_a_part_of_the_suite_is_not_judged(shop):
    many(shop)
    shop.record()
    shop.run("-k", "c01").stdout.fnmatch_lines(["NOT JUDGED  test_it   errors recovers*: 1 of 20 items selected"])
