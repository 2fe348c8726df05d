"""The command pytest-llm calibrate: a judge beside people."""

from __future__ import annotations

import json

import pytest
from scripted_judge import endpoint

SUITE = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import all_of, contains, judge, not_

answer = Prompt(name="answer", model="tiny", user="{{ q }}")
polite = judge("It is polite.", model="big", passes=["Please."], fails=["Shut up."]).named("polite")
both = all_of(polite, polite.named("too"))
short = contains("x")
rude = not_(polite)

@pytest.mark.llm(answer, cases=[{"id": "one", "q": "May I?"}, {"id": "two", "q": "Now?"}], graders=[polite])
def test_is_polite(llm_response): ...
"""
LABELS = [
    ("Yes, please.", True),
    ("Please do.", True),
    ("Certainly.", True),
    ("No.", False),
    ("Please get lost.", False),
]


def decide(output):
    """Wrong about "Certainly." and "Please get lost."; takes "Hm." for nothing."""
    if output == "Hm.":
        return "Hm."
    return "PASS" if "lease" in output else "FAIL"


def lines(labels):
    return "".join(json.dumps({"output": output, "passes": passes}) + "\n" for output, passes in labels)


@pytest.fixture
def server(project, serve):
    server = serve(endpoint(lambda q: "Yes, please." if "May" in q else "No.", decide))
    project.use(server)
    project.write("test_it.py", SUITE)
    project.write("labels.jsonl", lines(LABELS))
    return server


def calibrate(project, *arguments):
    return project.command("calibrate", "test_it.py::polite", "labels.jsonl", *arguments)


def test_a_judge_is_compared_with_people(project, server):
    result = calibrate(project, "--record")
    assert result.ret == 0
    assert len(server.requests) == 5
    result.stdout.fnmatch_lines(
        [
            "judge polite (????????????, big) on 5 labelled outputs of labels.jsonl",
            "                 people pass   people fail",
            "  judge passes             2             1",
            "  judge fails              1             1",
            "  kappa          0.17 (-0.60–0.75)   agreement beyond chance",
            "  sensitivity    0.67 (0.21–0.94)   of the good outputs it passes",
            "  specificity    0.50 (0.09–0.91)   of the bad outputs it fails",
        ]
    )
    stored = json.loads((project.path / "llm_judges" / "polite.json").read_text())
    assert stored["version"] == 1
    assert stored["agreement"] == {"pass_pass": 2, "pass_fail": 1, "fail_pass": 1, "fail_fail": 1}
    assert stored["labels"] == "labels.jsonl"


def test_it_asks_nothing_unless_told_to(project, server):
    result = calibrate(project)
    assert result.ret == 2
    assert not server.requests
    result.stderr.fnmatch_lines(
        [
            "5 of 5 verdicts of the judge 'polite' have no recording",
            "  where       llm_judges/cassettes/polite-??????.yaml",
            "  ask         the same command with --record",
        ]
    )
    assert not (project.path / "llm_judges" / "polite.json").exists()


def test_what_was_asked_replays_and_only_what_is_new_is_asked(project, server):
    first = calibrate(project, "--record")
    project.forget_key()
    assert calibrate(project).stdout.str() == first.stdout.str()
    project.use(server)
    project.write("labels.jsonl", lines([*LABELS, ("Hm.", True), ("Go.", False)]))
    again = calibrate(project, "--record")
    assert len(server.requests) == 7
    again.stdout.fnmatch_lines(["  ungraded                 1             0"])


def test_the_same_output_twice_is_two_verdicts(project, server):
    project.write("labels.jsonl", lines([*LABELS, LABELS[0]]))
    result = calibrate(project, "--record")
    result.stdout.fnmatch_lines(
        ["judge polite * on 6 labelled outputs *", "  judge passes             3             1"]
    )


def test_a_judge_is_marked_until_it_is_calibrated_and_again_when_it_changes(project, server):
    assert "uncalibrated: polite" in project.record().stdout.str()
    few = calibrate(project, "--record")
    few.stdout.fnmatch_lines(["  it cannot be told from chance by these labels, and stays uncalibrated"])
    assert "uncalibrated: polite" in project.run().stdout.str()
    project.write(
        "labels.jsonl", lines([(f"Please {n}.", True) for n in range(9)] + [(f"No {n}.", False) for n in range(9)])
    )
    calibrate(project, "--record")
    calibrated = project.run()
    calibrated.assert_outcomes(passed=1, failed=1)
    assert "uncalibrated" not in calibrated.stdout.str()
    project.write("test_it.py", SUITE.replace("It is polite.", "It is kind."))
    assert "uncalibrated: polite" in project.record().stdout.str()


def test_the_pass_rate_of_the_last_run_is_corrected(project, server):
    project.write(
        "labels.jsonl",
        lines([("Please.", True)] * 9 + [("No.", True)] + [("No.", False)] * 8 + [("Please.", False)] * 2),
    )
    project.record()
    result = calibrate(project, "--record")
    result.stdout.fnmatch_lines(["  last run       1/2 passed  50.0 %; people would pass 43 % (*–*)"])
    project.write("labels.jsonl", lines([("Please.", True), ("No.", True), ("No.", False), ("Please.", False)]))
    result = calibrate(project, "--record")
    result.stdout.fnmatch_lines(
        ["  last run *; what people would pass is unknown: it agrees with them no more than by chance"]
    )


def test_without_a_judge_it_tells_what_is_known(project, server):
    calibrate(project, "--record")
    result = project.command("calibrate")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["judge polite (*, big) on 5 labelled outputs of labels.jsonl"])
    document = json.loads(project.command("calibrate", "--json").stdout.str())
    assert document["version"] == 1
    assert document["calibrations"][0]["judge"] == "polite"


def test_hostile_outputs_are_shown_where_that_is_asked_for(project, server):
    result = calibrate(project, "--record", "--injections")
    assert len(server.requests) == 55
    named = ("authority", "pressure")  # those that say please
    line = next(one for one in result.stdout.lines if "injections" in one)
    assert " of 50 passed: " in line
    stored = json.loads((project.path / "llm_judges" / "polite.json").read_text())
    assert stored["injections"] == 50
    assert 0 < len(stored["injections_passed"]) < 10
    assert stored["injections_passed"][0].startswith(("order", *named))


def test_a_judge_that_persuasion_does_not_reach_passes_none(project, server):
    server.script = endpoint("", lambda output: "FAIL" if output.startswith("Shut up.") else decide(output))
    result = calibrate(project, "--record", "--injections")
    result.stdout.fnmatch_lines(["  injections     0 of 50 passed"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["test_it.py::polite"], "a judge is compared with labelled outputs, and none are given"),
        (["test_it.py", "labels.jsonl"], "'test_it.py' is no file and judge"),
        (["nowhere.py::polite", "labels.jsonl"], "there is no file nowhere.py"),
        (["test_it.py::rude", "labels.jsonl"], "'rude' is made of the judge 'polite', and is none"),
        (
            ["test_it.py::short", "labels.jsonl"],
            "there is no judge 'short' in the file\n  where       test_it.py\n  there is    both\n  there is    polite\n  there is    rude",
        ),
        (["test_it.py::both", "labels.jsonl"], "'both' is made of several judges"),
        (["test_it.py::polite", "nothing.jsonl"], "the labelled outputs cannot be read"),
        (["broken.py::polite", "labels.jsonl"], "the file cannot be imported"),
        ([], "no judge has been calibrated here: llm_judges/ has no file"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(project, server, arguments, told):
    project.write("broken.py", "import nothing_of_that_name")
    result = project.command("calibrate", *arguments)
    assert result.ret == 2
    assert told in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "the line is no JSON"),
        ("[]", "the line is no object"),
        ('{"output": "a", "passes": true, "label": 1}', "unknown key 'label'"),
        ('{"output": "a", "passes": "yes"}', "output is to be a text, and passes true or false"),
        ('{"output": 1, "passes": true}', "output is to be a text, and passes true or false"),
        ('{"output": "a", "passes": true, "inputs": [1]}', "inputs is to be an object"),
        ("", "there have to be outputs that pass and outputs that fail"),
    ],
)
def test_a_label_that_cannot_be_read_names_its_line(project, server, line, told):
    project.write("labels.jsonl", f'{{"output": "a", "passes": true}}\n{line}\n')
    result = calibrate(project)
    assert result.ret == 2
    assert told in result.stderr.str()
    assert f"labels.jsonl{':2' if line else ''}" in result.stderr.str()


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"version": 1, "judge": "x"}', "\udcff"])
def test_a_damaged_calibration_is_one_clear_error(project, server, text):
    calibrate(project, "--record")
    (project.path / "llm_judges" / "polite.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    for result in (project.command("calibrate"), project.record()):
        told = result.stdout.str() + result.stderr.str()
        assert "the calibration cannot be read" in told
        assert "llm_judges/polite.json" in told
        assert "Traceback" not in told
        assert result.ret


def test_what_has_measured_nothing_is_not_kept(project, server):
    server.script = endpoint("", lambda _: "Hm.")
    mute = calibrate(project, "--record")
    server.script = lambda body, n: (401, {"error": {"message": "no"}})
    project.write("labels.jsonl", lines([("Other.", True), ("Words.", False)]))
    refused = calibrate(project, "--record")
    for result, told in ((mute, "nothing is learnt"), (refused, "the endpoint refused the key (401)")):
        assert result.ret == 2
        assert told in result.stderr.str()
    assert not (project.path / "llm_judges" / "polite.json").exists()


def test_the_judge_of_the_module_is_meant_and_none_of_a_class(project, server):
    project.write(
        "test_it.py",
        SUITE
        + """
class TestX:
    polite = judge("Another rubric.", model="big", passes=["Please."], fails=["No."]).named("another")
""",
    )
    result = calibrate(project, "--record")
    result.stdout.fnmatch_lines(["judge polite (*"])


def test_a_judge_without_a_name_goes_by_its_variable(project, server):
    project.write(
        "test_it.py",
        SUITE.replace('.named("polite")', "")
        + """
kind = judge("It is kind.", model="big", passes=["Please."], fails=["No."])
""",
    )
    calibrate(project, "--record")
    project.command("calibrate", "test_it.py::kind", "labels.jsonl", "--record")
    assert sorted(path.name for path in (project.path / "llm_judges").glob("*.json")) == ["kind.json", "polite.json"]


def test_a_verdict_that_is_made_of_the_judges_is_not_taken_for_its_own(project, server):
    project.write("test_it.py", SUITE.replace("graders=[polite]", "graders=[not_(polite)]"))
    project.record()
    result = calibrate(project, "--record")
    assert "last run" not in result.stdout.str()


def test_equal_outputs_are_asked_in_their_order_and_replay(project, server):
    labels = [("Yes, please.", True)] * 6 + [("No.", False)] * 6
    project.write("labels.jsonl", lines(labels[:1] + labels[-1:]))
    calibrate(project, "--record")
    project.write("labels.jsonl", lines(labels))
    recorded = calibrate(project, "--record")
    assert len(server.requests) == 12
    recorded.stdout.fnmatch_lines(["  judge passes             6             0"])
    project.forget_key()
    assert calibrate(project).stdout.str() == recorded.stdout.str()


def test_nothing_that_was_asked_is_lost_or_comes_back(project, server):
    calibrate(project, "--record", "--injections")
    assert not list((project.path / ".pytest_llm").glob("journals/*"))
    plain = calibrate(project, "--record")
    assert len(server.requests) == 55
    plain.stdout.fnmatch_lines(["  injections     * of 50 passed*"])
    again = calibrate(project, "--injections")
    assert again.ret == 0
    assert len(server.requests) == 55


def test_a_line_may_have_what_separates_lines_elsewhere(project, server):
    project.write(
        "labels.jsonl", '{"output": "Please.\u2028Do.", "passes": true}\r\n{"output": "No.", "passes": false}\r\n'
    )
    assert calibrate(project, "--record").ret == 0
    project.write(
        "labels.jsonl", '{"output": "Please.", "passes": false, "passes": true}\n{"output": "No.", "passes": false}\n'
    )
    assert "repeated" in calibrate(project, "--record").stderr.str()
