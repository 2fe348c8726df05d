"""What a run keeps of its results, and what pytest is spared of the recordings."""

from __future__ import annotations

import json

import pytest

from pytest_llm.heard import Heard
from pytest_llm.results import QuestionRecord, Result, result_line

ASK = """
import pytest
from pytest_llm import Prompt

ask = Prompt(name="ask", model="tiny", user="{{ q }}")
CASES = [{"id": f"case-{number}", "q": f"question {number}"} for number in range(COUNT)]

@pytest.mark.llm(ask, cases=CASES)
def test_it(llm_response): assert llm_response.text.startswith("answer")
"""


@pytest.fixture
def recorded(project, serve):
    """A suite of so many cases with the answers of a script, recorded."""

    def record(count, answer=lambda body, n: f"answer {n}"):
        project.use(serve(answer))
        project.write("test_it.py", ASK.replace("COUNT", str(count)))
        project.record().assert_outcomes(passed=count)
        project.forget_key()
        return project

    return record


def lines(project):
    """The results in the file of the last run."""
    text = (project.path / ".pytest_llm" / "last-run.jsonl").read_text(encoding="utf-8")
    head, *results = map(json.loads, text.splitlines())
    assert head["results"] == len(results)
    return results


def test_outputs_that_do_not_fit_in_memory_are_in_the_run_file_and_in_the_report_all_the_same(recorded):
    """`MOST_IN_MEMORY` is a million bytes; here are 1.3 million."""
    project = recorded(70, lambda body, n: "answer " + f"{n} ".zfill(5) * 3700)
    project.run("--llm-json=report.json").assert_outcomes(passed=70)
    outputs = [one["output"] for one in lines(project)]
    assert [len(text) for text in outputs] == [7 + 3700 * 5] * 70
    assert len(set(outputs)) == 70
    report = json.loads((project.path / "report.json").read_text(encoding="utf-8"))
    assert [one["output"] for one in report["results"]] == outputs


@pytest.mark.parametrize("arguments", [(), ("-p", "xdist", "-n2")], ids=["one process", "xdist"])
def test_a_rerun_replaces_the_result_of_an_item(recorded, arguments):
    project = recorded(3)
    project.write(
        "conftest.py",
        """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for turn in range(1 + item.name.endswith("[case-1]")):
        item._initrequest()
        item.config.turn = turn
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
    return True

@pytest.fixture
def llm_response(llm_response, request):
    if request.node.name.endswith("[case-1]"):
        assert request.config.turn == 1
    return llm_response
""",
    )
    project.run(*arguments)
    found = {one["nodeid"]: one["outcome"] for one in lines(project)}
    assert found == {f"test_it.py::test_it[case-{number}]": "passed" for number in range(3)}


def test_cassettes_are_not_offered_as_test_files(recorded):
    """A suite has thousands of them, and every plugin is asked about every file that pytest meets."""
    project = recorded(2)
    project.write("conftest.py", "def pytest_collect_file(file_path): print('offered', file_path.name)\n")
    offered = [line for line in project.run("-s").outlines if "offered" in line]
    assert not [line for line in offered if ".yaml" in line]
    assert [line for line in offered if "test_it.py" in line]


def test_a_test_that_lies_among_cassettes_is_collected(recorded):
    project = recorded(2)
    project.write("cassettes/test_it/test_it/test_beside.py", "def test_beside(): pass\n")
    project.run().assert_outcomes(passed=3)


def test_a_folder_called_cassettes_is_somebody_elses_without_a_module_of_that_name(recorded):
    project = recorded(2)
    project.write("cassettes/other/folder/checks.yaml", "one: 1\n")
    project.write("conftest.py", "def pytest_collect_file(file_path): print('offered', file_path.name)\n")
    assert any("offered checks.yaml" in line for line in project.run("-s").outlines)


def test_what_a_case_asks_is_in_the_run_file_and_not_in_memory():
    result = Result(nodeid="a", suite="s", outcome="passed", output="x", question=QuestionRecord(inputs={"q": "x"}))
    heard = Heard()
    heard.add(result_line(result), result)
    assert (heard.results[0].output, heard.results[0].question) == (None, None)
    assert Result.of(json.loads(next(heard.lines()))) == result
    heard.close()
