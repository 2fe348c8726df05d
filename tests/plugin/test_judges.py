"""Judges in a run: looked at first, recorded, counted apart, marked where nobody knows how often they are right."""

from __future__ import annotations

import json

import pytest
from scripted_judge import endpoint

SUITE = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains, judge, not_

answer = Prompt(name="answer", model="tiny", system="Be kind.", user="{{ q }}")
polite = judge("It is polite.", model="big", passes=["Please."], fails=["Shut up."]).named("polite")
CASES = [{"id": "one", "q": "May I?"}, {"id": "two", "q": "Now?"}]
"""
MARKED = """
@pytest.mark.llm(answer, cases=CASES, graders=[polite])
def test_is_polite(llm_response): ...
"""
IN_BODY = """
@pytest.mark.llm(answer, cases=CASES)
def test_is_polite(llm_response, llm_grade): llm_grade(polite)
"""


def decide(output):
    return "PASS" if "lease" in output else "FAIL"


def polite_reply(question):
    return "Yes, please." if "May" in question else "No."


def asked_of(server, model):
    return [one for one in server.requests if one["model"] == model]


@pytest.fixture
def judged(project, serve):
    """A project whose second reply is rude, and its server."""
    server = serve(endpoint(polite_reply, decide))
    project.use(server)
    project.write("test_it.py", SUITE + MARKED)
    return server


def test_a_judge_decides_and_its_verdicts_replay(project, judged):
    recorded = project.record()
    recorded.assert_outcomes(passed=1, failed=1)
    assert len(asked_of(judged, "tiny")) == 2
    assert len(asked_of(judged, "big")) == 4  # two golden outputs, two real ones
    project.forget_key()
    replayed = project.run()
    replayed.assert_outcomes(passed=1, failed=1)
    assert len(judged.requests) == 6
    replayed.stdout.fnmatch_lines(["polite (uncalibrated judge): *I looked at it.*"])


def test_what_a_judge_says_of_golden_outputs_is_recorded_and_counted_apart(project, judged):
    result = project.record()
    (path,) = [path for path in project.cassettes() if "/fixtures/" in path]
    assert path.startswith("cassettes/test_it/fixtures/judge.judge-")
    assert "Shut up." in project.cassettes()[path]
    result.stdout.fnmatch_lines(["judge polite   2 recorded*"])
    assert "orphan" not in project.run().stdout.str()


def test_tokens_of_judges_are_counted_apart(project, judged):
    project.record("--llm-json=run.json")
    results = json.loads((project.path / "run.json").read_text())["results"]
    assert all(one["usage"]["total_tokens"] > 0 for one in results)
    assert all(one["judge_usage"]["total_tokens"] > 0 for one in results)
    replayed = project.run()
    replayed.stdout.fnmatch_lines(["judges   * tokens", "uncalibrated: polite*", "*pytest-llm calibrate*"])


def test_the_calls_of_a_judge_have_its_role(project, judged):
    project.write(
        "test_it.py",
        SUITE
        + """
@pytest.mark.llm(answer, cases=CASES)
def test_is_polite(llm_response, llm_grade, llm_calls):
    llm_grade(polite, required=False)
    assert [call.role for call in llm_calls] == ["subject", "judge"]
""",
    )
    project.record().assert_outcomes(passed=2)
    project.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["one process", "two workers"])
def test_a_judge_that_says_yes_to_everything_is_an_error_of_the_run(project, judged, workers):
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    result = project.record(*workers)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "the judge 'polite' cannot judge: it is wrong about 1 of 2 golden outputs",
            "  where       cassettes/test_it/fixtures/judge.judge-*.yaml",
            '  there is    "Shut up." has to fail, and passed: "I looked at it."',
            "  mend        the rubric or the golden outputs, or ask another model",
        ]
    )
    assert "0/2 passed" in result.stdout.str()
    assert "2 errors" in result.stdout.str()


def test_an_unfit_judge_is_not_asked_about_the_rest(project, judged):
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    project.record()
    assert len(asked_of(judged, "big")) == 2
    assert not asked_of(judged, "tiny")


def test_an_unfit_judge_stays_unfit_in_replay(project, judged):
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    project.record()
    project.forget_key()
    project.run().assert_outcomes(errors=2)


def test_a_judge_whose_golden_verdicts_cannot_be_read_is_unfit(project, judged):
    judged.script = endpoint(polite_reply, lambda _: "Fine by me.")
    result = project.record()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["  there is    *Please.* has to pass, and ungraded: no verdict can be read at the end*"]
    )


def test_in_the_body_an_unfit_judge_is_a_failure(project, judged):
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    project.write("test_it.py", SUITE + IN_BODY)
    result = project.record()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["the judge 'polite' cannot judge: *"])


def test_a_judge_inside_a_composition_is_looked_at_too(project, judged):
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    project.write("test_it.py", SUITE + MARKED.replace("[polite]", "[not_(polite)]"))
    project.record().assert_outcomes(errors=2)


def test_each_judge_is_looked_at_once_in_a_run(project, judged):
    project.write("test_it.py", SUITE + MARKED + MARKED.replace("test_is", "test_too_is"))
    project.record()
    assert len(asked_of(judged, "big")) == 2 + 4


def test_golden_outputs_without_a_recording_are_a_miss_that_says_so(project, judged):
    project.record()
    (path,) = [path for path in project.cassettes() if "/fixtures/" in path]
    (project.path / path).unlink()
    project.forget_key()
    result = project.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "what the judge 'polite' says of its golden outputs has no recording, in this version",
            "  record it   pytest --llm-record",
            "2 without what the judge 'polite' says of its golden outputs: one, two",
        ]
    )


def test_a_changed_rubric_asks_the_judge_again_and_not_the_subject(project, judged):
    project.record()
    judged.requests.clear()
    project.write("test_it.py", (SUITE + MARKED).replace("It is polite.", "It is kind."))
    project.run().assert_outcomes(errors=2)
    project.record().assert_outcomes(passed=1, failed=1)
    assert not asked_of(judged, "tiny")
    assert len(asked_of(judged, "big")) == 4
    names = [path for path in project.cassettes() if "/fixtures/" in path]
    assert len(names) == 2
    project.command("cassettes", "prune", "--yes")
    assert len([path for path in project.cassettes() if "/fixtures/" in path]) == 1


def test_a_judge_that_cannot_be_read_leaves_the_item_ungraded(project, judged):
    judged.script = endpoint(
        polite_reply, lambda output: decide(output) if output in ("Please.", "Shut up.") else "Hm."
    )
    result = project.record()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ['UNGRADED  polite (uncalibrated judge): no verdict can be read at the end of the judge\'s reply, "Hm."']
    )


def test_a_new_reply_is_no_new_request_of_the_suite(project, judged):
    """What the judge is asked is made of the reply; a baseline compares requests."""
    project.record("--llm-json=one.json")
    judged.script = endpoint(lambda _: "Yes, if you please.", decide)
    project.run("--llm-rerecord", "--llm-json=two.json")
    one, two = (json.loads((project.path / name).read_text())["results"][0] for name in ("one.json", "two.json"))
    assert one["requests"] == two["requests"]
    assert one["replies"] != two["replies"]


def test_similarity_asks_for_vectors_that_replay(project, serve):
    server = serve()  # answers by path
    project.use(server)
    project.write(
        "test_it.py",
        """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import similar

answer = Prompt(name="answer", model="tiny", user="{{ q }}")
near = similar("anything", model="vectors", threshold=0.01)

@pytest.mark.llm(answer, cases=[{"id": "one", "q": "Who?"}], graders=[near])
def test_means(llm_response): ...
""",
    )
    recorded = project.record()
    asked = len(server.requests)
    assert server.requests[-1]["encoding_format"] == "float"
    project.forget_key()
    replayed = project.run()
    assert len(server.requests) == asked
    assert recorded.parseoutcomes() == replayed.parseoutcomes()
    assert "uncalibrated" not in replayed.stdout.str()


def test_two_judges_that_differ_in_golden_outputs_alone_keep_their_recordings(project, judged):
    other = (
        SUITE
        + """
rude = judge("It is polite.", model="big", passes=["Yes, please."], fails=["Go away."]).named("other")
"""
        + MARKED.replace("[polite]", "[polite, rude]")
    )
    project.write("test_it.py", other)
    recorded = project.record()
    project.forget_key()
    assert project.run().parseoutcomes() == recorded.parseoutcomes() == {"passed": 1, "failed": 1}


def test_other_golden_outputs_are_another_instrument(project, judged):
    judged.script = endpoint(lambda _: "Yes, please.", lambda output: "PASS" if "lease" in output else "FAIL")
    project.record("--llm-baseline=update")
    project.write("test_it.py", (SUITE + MARKED).replace('fails=["Shut up."]', 'fails=["Go away."]'))
    result = project.run("--llm-record", "--llm-baseline=check")
    result.stdout.fnmatch_lines(["INVALID  test_is_polite *"])
    assert result.ret == 1


WRAPPED = """
from pytest_llm import grader

@grader(asks=True)
def wrapped(output):
    return polite.grade(output)

@pytest.mark.llm(answer, cases=CASES, graders=[wrapped])
def test_is_polite(llm_response): ...
"""


def test_a_judge_inside_a_function_of_the_user_is_looked_at_and_marked(project, judged):
    project.write("test_it.py", SUITE + WRAPPED)
    result = project.record()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["wrapped (uncalibrated judge): *", "judge judge   2 recorded*"])
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    unfit = project.run("--llm-rerecord")
    assert "cannot judge: it is wrong about 1 of 2 golden outputs" in unfit.stdout.str()
    assert unfit.parseoutcomes() == {"failed": 2}


def test_a_judge_that_a_body_asks_by_itself_is_looked_at(project, judged):
    judged.script = endpoint(polite_reply, lambda _: "PASS")
    project.write(
        "test_it.py",
        SUITE
        + """
@pytest.mark.llm(answer, cases=CASES)
def test_is_polite(llm_response): assert polite.grade(llm_response).passed
""",
    )
    result = project.record()
    result.assert_outcomes(failed=2)
    assert any("/fixtures/" in path for path in project.cassettes())


def test_a_call_that_fails_says_nothing_of_the_judge(project, judged):
    answers = endpoint(polite_reply, decide)
    judged.script = lambda body, n: (
        (400, {"error": {"message": "no such model"}}) if body["model"] == "big" else answers(body, n)
    )
    result = project.record()
    result.assert_outcomes(errors=2)
    assert "no such model" in result.stdout.str()
    assert "cannot judge" not in result.stdout.str()
