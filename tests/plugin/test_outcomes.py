"""What an item's outcome is, defined once."""

from __future__ import annotations

import json

import pytest

PROMPT = """
import pytest
from pytest_llm import Prompt, Grade, grader
from pytest_llm.graders import contains, equals, not_, fields_match

ask = Prompt(name="ask", model="tiny", user="{{ q }}")
CASES = [{"id": "one", "q": "capital of France?", "expected": "Paris"}]

@grader
def undecided(output):
    return Grade(name="undecided", reason="the judge said nothing")

@grader
async def polite(output):
    return "Please" in output.text
"""


@pytest.fixture
def paris(project, serve):
    """A project whose model always says Paris; `run` records first, then replays without the endpoint."""
    server = serve(lambda body, n: "Paris")
    project.use(server)

    def run(test, *arguments):
        project.write("test_it.py", PROMPT + test)
        project.record(*arguments)
        project.forget_key()
        return project.run(*arguments)

    return run


def test_a_failure_over_a_given_text_names_no_recording(project):
    project.write(
        "test_it.py",
        PROMPT
        + """
@pytest.mark.llm(cases=CASES)
def test_it(llm_grade): llm_grade(contains("London"), "Paris")
""",
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert 'contains: "London" is not in "Paris"' in result.stdout.str()
    result.stdout.no_fnmatch_line("  recording *")
    result.stdout.no_fnmatch_line("  ask again *")


def test_an_output_in_the_place_of_the_grader_is_told(project):
    project.write(
        "test_it.py",
        PROMPT
        + """
@pytest.mark.llm(cases=CASES)
def test_it(llm_grade): llm_grade("Paris", contains("London"))
""",
    )
    result = project.run()
    result.stdout.fnmatch_lines(["*llm_grade was given the output first", "*llm_grade(grader, output)"])


def test_passed_when_body_and_required_grades_pass(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, graders=[contains("Paris"), not_(contains("London"))])
def test_it(llm_response): assert llm_response.text == "Paris"
""")
    result.assert_outcomes(passed=1)


def test_all_failures_are_shown_together_without_our_traceback(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, graders=[contains("London"), contains("Paris"), contains("Oslo"), equals("Rome")])
def test_it(llm_response, llm_grade): llm_grade(contains("Berlin"), name="own")
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["own: *", "contains: *", "contains 3: *", "equals: *", "  reply       Paris"])
    assert "Traceback" not in result.stdout.str()
    assert "session.py" not in result.stdout.str()


def test_graders_run_after_a_body_that_failed_too(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, graders=[contains("London")])
def test_it(llm_response): assert llm_response.text == "Rome"
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 'Paris' == 'Rome'*", "*- llm -*", "contains: *London*"])


def test_a_required_grade_that_cannot_be_given_fails_headed_ungraded(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, graders=[undecided, contains("Paris")])
def test_it(llm_response): ...
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["UNGRADED  undecided: the judge said nothing", "*1 ungraded*"])


def test_negation_of_an_ungraded_grade_does_not_pass(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, graders=[not_(undecided)])
def test_it(llm_response): ...
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["UNGRADED*"])


def test_a_score_without_a_threshold_is_reported_and_never_fails(paris):
    result = paris("""
@grader
def half(output) -> float: return .5
@pytest.mark.llm(ask, cases=CASES, graders=[half])
def test_it(llm_response): assert llm_response.text
""")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["test_it*1/1 passed*half 0.500 (mean of 1)"])


def test_a_grade_that_is_not_required_does_not_fail_the_item(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES)
def test_it(llm_response, llm_grade):
    grade = llm_grade(contains("London"), required=False)
    assert grade.passed is False
    assert llm_grade(contains("14 days"), "within 14 days").passed
    assert llm_grade(lambda_like, "x", name="own").passed
@grader
def lambda_like(output): return output == "x"
""")
    result.assert_outcomes(passed=1)


def test_asynchronous_graders_run_in_sync_and_async_tests(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, graders=[polite])
def test_sync(llm_response): ...
@pytest.mark.llm(ask, cases=CASES, graders=[not_(polite)])
async def test_async(llm_response, llm_grade):
    assert llm_grade(polite, name="in the loop").passed is False
""")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["polite: *", "in the loop: *"])


def test_a_schema_is_a_required_grade_of_the_response(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, schema={"type": "object"})
def test_it(llm_response): ...
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["schema: the output does not conform", "  (whole reply): expected a JSON document; got *Paris*"]
    )


def test_a_test_of_invalid_output_may_say_so(paris):
    result = paris("""
@pytest.mark.llm(ask, cases=CASES, schema={"type": "object"}, schema_required=False)
def test_it(llm_response):
    assert not llm_response.valid
    with pytest.raises(AssertionError, match="does not conform"):
        llm_response.value
""")
    result.assert_outcomes(passed=1)


def test_a_call_that_fails_at_set_up_is_an_error_and_in_the_body_a_failure(project):
    project.write(
        "test_it.py",
        PROMPT
        + """
@pytest.mark.llm(ask, cases=CASES)
def test_setup(llm_response): assert llm_response
@pytest.mark.llm(cases=CASES)
def test_body(llm_case, llm_calls): ask.ask(q=llm_case["q"])
""",
    )
    result = project.run()
    result.assert_outcomes(errors=1, failed=1)
    result.stdout.fnmatch_lines(["*no recording for this request*", "test_it.py:*: def test_body*ask.ask*"])
    assert "Traceback" not in result.stdout.str()


def test_a_swallowed_miss_fails_the_item(project):
    project.write(
        "test_it.py",
        PROMPT
        + """
@pytest.mark.llm(cases=CASES)
def test_it(llm_case):
    try: ask.ask(q="x")
    except BaseException: pass
""",
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording for this request*"])


def test_known_failures_are_marked_as_in_any_pytest_suite(paris):
    result = paris("""
@pytest.mark.xfail(reason="known", strict=True)
@pytest.mark.llm(ask, cases=CASES, graders=[equals("Rome")])
def test_known(llm_response): ...
@pytest.mark.llm(ask, cases=CASES)
def test_skipped(llm_response): pytest.skip("not today")
""")
    result.assert_outcomes(xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(["test_known*0/1 passed*"])


def test_samples_are_items_and_one_is_never_another_ones_reply(project, serve):
    server = serve(lambda body, n: f"reply {n}")
    project.use(server)
    test = (
        PROMPT
        + """
@pytest.mark.llm(ask, cases=CASES, samples=3)
def test_it(llm_response, request):
    print("SAID", request.node.name, llm_response.text)
    assert llm_response.text
"""
    )
    project.write("test_it.py", test)
    project.record("-s").assert_outcomes(passed=3)
    first = said(project.run("-s"))
    assert [name for name, _ in first] == ["test_it[one]", "test_it[one-#2]", "test_it[one-#3]"]
    assert len({text for _, text in first}) == 3
    assert said(project.run("-s", "test_it.py::test_it[one-#2]")) == first[1:2]
    assert said(project.run("-s", "-p", "xdist", "test_it.py::test_it[one-#3]")) == first[2:]
    # Two more samples: the three that are there are not asked again.
    project.run("--llm-samples", "5").assert_outcomes(passed=3, errors=2)
    project.record("--llm-samples", "5").assert_outcomes(passed=5)
    assert len(server.requests) == 5
    assert said(project.run("-s")) == first


def said(result):
    return [tuple(line.split("SAID ")[1].split(" ", 1)) for line in result.stdout.lines if "SAID " in line]


def test_results_junit_and_json_tell_the_same(paris, project):
    result = paris(
        """
@pytest.mark.llm(ask, cases=[*CASES, {"id": "two", "q": "Rome?", "expected": "Rome", "tags": ["vip"], "critical": True}], graders=[contains("Paris")])
def test_it(llm_response, llm_case): assert llm_case.expected == llm_response.text
""",
        "--llm-json=run.json",
        "--junitxml=junit.xml",
        "--strict-markers",
    )
    result.assert_outcomes(passed=1, failed=1)
    run = json.loads((project.path / "run.json").read_text())
    one, two = run["results"]
    assert (one["outcome"], two["outcome"]) == ("passed", "failed")
    assert (two["tags"], two["critical"], two["case"], two["model"]) == (["vip"], True, "two", "tiny-2026")
    assert one["usage"]["total_tokens"] == 18
    assert one["cost_usd"] is None
    assert one["requests"] != two["requests"]
    assert [suite["passed"] for suite in run["suites"]] == [1]
    junit = (project.path / "junit.xml").read_text()
    assert 'name="llm_outcome" value="failed"' in junit
    assert 'name="llm_grade_contains" value="True"' in junit
    assert (project.path / ".pytest_llm" / "last-run.jsonl").exists()
    project.run("-m", "tag_vip").assert_outcomes(failed=1, deselected=1)


def test_what_could_not_be_judged_is_no_expected_failure(project):
    """xfail says that a judgement is known; without a recording there is none."""
    project.write(
        "test_it.py",
        PROMPT
        + """
@pytest.mark.xfail(reason="known")
@pytest.mark.llm(ask, cases=CASES)
def test_setup(llm_response): assert llm_response
@pytest.mark.xfail(reason="known")
@pytest.mark.llm(cases=CASES)
def test_body(llm_case): ask.ask(q="x")
""",
    )
    project.run().assert_outcomes(errors=1, failed=1)


def test_a_response_fetched_in_the_body_is_graded_too(paris):
    result = paris("""
@pytest.mark.llm(ask.replace(schema={"type": "object"}), cases=CASES)
def test_late(request): assert request.getfixturevalue("llm_response").text == "Paris"
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["schema: the output does not conform"])


def test_an_override_that_gives_nothing_is_ungraded(paris):
    result = paris("""
@pytest.fixture
def llm_response(): return None
@pytest.mark.llm(ask, cases=CASES, graders=[contains("Paris")])
def test_it(llm_response): ...
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["UNGRADED  contains: *", "  mend        the grader or the case*"])


def test_a_grade_after_the_body_is_an_error(paris):
    result = paris("""
@pytest.fixture
def late(llm_grade):
    yield
    llm_grade(contains("x"), "y")
@pytest.mark.llm(ask, cases=CASES)
def test_it(llm_response, late): assert llm_response.text
""")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["llm_grade after the body of the test, where it decides nothing"])
