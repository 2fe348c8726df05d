"""The marker: what it takes, what it refuses, and the names it gives."""

from __future__ import annotations

import re

import pytest

HEAD = """
import pytest
from pytest_llm import Prompt, Case
from pytest_llm.graders import contains
ask = Prompt(name="ask", model="tiny", user="{{ q }}")
"""


@pytest.fixture
def collect(project):
    def run(test, *arguments):
        project.write("test_it.py", HEAD + test)
        return project.run("--collect-only", "-q", *arguments)

    return run


def refused(result, *lines):
    result.stdout.fnmatch_lines(["*ERROR collecting test_it.py*", *lines])
    assert "Traceback" not in result.stdout.str()
    assert "pytest_llm/" not in result.stdout.str()


@pytest.mark.parametrize(
    ("marker", "line"),
    [
        ("ask, case=[]", "*the llm marker has no argument 'case'"),
        ("'Say hello'", "*prompt is a Prompt, not str 'Say hello'"),
        ("ask, ask", "*takes one prompt, and 2 positional arguments were given"),
        ("ask, cases=[]", "there is no case"),
        ("ask, cases='none.jsonl'", "there is no such case file"),
        ("ask, cases={'q': 'x'}", "cases={'q': 'x'} is neither a path nor a list of cases"),
        ("ask, cases=[{'q': 'x'}], graders=[contains]", "contains makes a grader, and was not called"),
        ("ask, cases=3", "cases=3 is neither a path nor a list of cases"),
        (
            "ask, cases=[{'id': 'a', 'text': 'x'}]",
            "*cases[[]0[]], case 'a': unknown template variable: 'q' is undefined",
        ),
        ("ask", "*no cases= in the marker: unknown template variable*"),
        ("ask, cases=[{'q': 'x'}], samples=0", "samples takes a whole number from 1 to 100, not 0"),
        ("ask, cases=[{'q': 'x'}], graders=[3]", "a grader is callable, not 3"),
        ("ask, cases=[{'q': 'x'}], schema='text'", "*text*"),
        ("ask, cases=[{'q': 'x'}], schema={'type': 'strange'}", "*strange*"),
        ("ask, cases=[{'q': 'x'}], variants=[ask]", "the llm marker has a prompt and variants"),
        ("cases=[{'q': 'x'}], variants=[]", "variants= needs prompts with different names"),
        ("cases=[{'q': 'x'}], variants=[ask, ask]", "variants= needs prompts with different names"),
        ("cases=[{'q': 'x'}]", "llm_response without a prompt"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_an_error_at_collection(collect, marker, line):
    refused(collect(f"@pytest.mark.llm({marker})\ndef test_it(llm_response): assert llm_response\n"), line)


@pytest.mark.parametrize(
    ("test", "line"),
    [
        ("@pytest.mark.llm(ask, cases=[{'q': 'x'}])\ndef test_it(llm_response): ...", "this test cannot fail*"),
        ('@pytest.mark.llm(ask, cases=[{"q": "x"}])\ndef test_it():\n    """Nothing."""', "this test cannot fail*"),
        (
            "@pytest.mark.llm(ask, cases=[{'q': 'x'}], graders=[contains('a')])\ndef test_it(llm_case): assert 1",
            "graders without a response to grade",
        ),
        (
            "@pytest.mark.llm(ask, cases=[{'q': 'x'}], schema=int)\ndef test_it(llm_case): assert 1",
            "schema= without a response to validate",
        ),
        (
            "@pytest.mark.llm(ask, cases=[{'q': 'x'}], schema=str)\ndef test_it(llm_response): ...",
            "this test cannot fail*",
        ),
        ("@pytest.mark.llm(schema=int)\ndef test_it(llm_calls): assert 1", "schema= is for the response of a prompt*"),
    ],
)
def test_a_test_that_could_not_fail_is_an_error_at_collection(collect, test, line):
    refused(collect(test), line)


def test_items_are_named_by_case_variant_and_sample(collect):
    result = collect("""
@pytest.mark.llm(cases=[{"id": "a", "q": "1"}, {"id": "../../etc/passwd", "q": "2"}], variants={"short": ask, "long": ask.replace(model="b")}, samples=2)
def test_variants(llm_response): assert llm_response
@pytest.mark.llm(ask.replace(user="hi"), samples=2)
def test_no_cases(llm_response): assert llm_response
@pytest.mark.llm(ask.replace(user="hi"))
def test_one(llm_response): assert llm_response
@pytest.mark.llm(cases=[{"id": "a"}])
@pytest.mark.parametrize("x", ["p", "q"])
def test_own(llm_case, x): assert llm_case
""")
    assert [line for line in result.stdout.lines if "::" in line] == [
        "test_it.py::test_variants[a-short]",
        "test_it.py::test_variants[a-short-#2]",
        "test_it.py::test_variants[a-long]",
        "test_it.py::test_variants[a-long-#2]",
        "test_it.py::test_variants[../../etc/passwd-short]",
        "test_it.py::test_variants[../../etc/passwd-short-#2]",
        "test_it.py::test_variants[../../etc/passwd-long]",
        "test_it.py::test_variants[../../etc/passwd-long-#2]",
        "test_it.py::test_no_cases",
        "test_it.py::test_no_cases[#2]",
        "test_it.py::test_one",
        "test_it.py::test_own[p-a]",
        "test_it.py::test_own[q-a]",
    ]


def test_cassettes_stay_inside_and_have_names_for_every_system(project, serve):
    project.use(serve(lambda body, n: "x"))
    project.write(
        "sub/test_it.py",
        HEAD
        + """
@pytest.mark.llm(ask, cases=[{"id": id, "q": id} for id in ("plain", "../../etc/passwd", "CON", "a b", "ä", "x" * 300)])
def test_ids(llm_response): assert llm_response
class TestIt:
    @pytest.mark.llm(ask, cases=[{"id": "a", "q": "1"}])
    @pytest.mark.parametrize("x", ["p", "P", ""])
    def test_own(self, llm_response, x): assert llm_response
    @pytest.mark.llm(ask.replace(user="hi"), samples=2)
    @pytest.mark.parametrize("x", ["p", "q"])
    def test_no_case(self, llm_response, x): assert llm_response
""",
    )
    result = project.record()
    result.assert_outcomes(passed=13)
    names = list(project.cassettes())
    assert all(name.startswith("sub/cassettes/test_it/") and len(name) < 160 for name in names)
    short = [re.sub("-?[0-9a-f]{8}", "-DIGEST", name.removeprefix("sub/cassettes/test_it/")) for name in names]
    assert sorted(short) == [
        "TestIt.test_no_case/p.yaml",
        "TestIt.test_no_case/q.yaml",
        "TestIt.test_own/a.yaml",
        "TestIt.test_own/a~P-DIGEST.yaml",  # not a~P: some systems take P and p for one file
        "TestIt.test_own/a~p.yaml",
        "test_ids/-DIGEST.yaml",
        "test_ids/CON-DIGEST.yaml",
        "test_ids/a-b-DIGEST.yaml",
        "test_ids/etc-passwd-DIGEST.yaml",
        "test_ids/plain.yaml",
        f"test_ids/{'x' * 80}-DIGEST.yaml",
    ]


def test_the_closest_marker_wins_argument_by_argument(collect):
    result = collect("""
pytestmark = pytest.mark.llm(ask, cases=[{"id": "a", "q": "1"}, {"id": "b", "q": "2"}])
@pytest.mark.llm(samples=2)
class TestIt:
    @pytest.mark.llm(samples=1)
    def test_one(self, llm_response): assert llm_response
    @pytest.mark.llm(cases=[{"id": "c", "q": "1"}])
    def test_other(self, llm_response): assert llm_response
""")
    assert [line.split("::", 1)[1] for line in result.stdout.lines if "::" in line] == [
        "TestIt::test_one[a]",
        "TestIt::test_one[b]",
        "TestIt::test_other[c]",
        "TestIt::test_other[c-#2]",
    ]


def test_a_fixed_seed_with_several_draws_warns(project):
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm(ask.replace(seed=1), cases=[{"id": "a", "q": "1"}, {"id": "b", "q": "2"}])
def test_it(llm_response): assert llm_response
""",
    )
    project.run().stdout.fnmatch_lines(['*Prompt "ask" has a fixed seed: its draws share random numbers*'])


def test_fixtures_in_a_test_without_the_marker_name_it(project):
    project.write("test_it.py", "def test_it(llm_case): ...")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["llm_case needs the marker", "  add         @pytest.mark.llm(…)"])


def test_fixtures_that_the_marker_gives_nothing_say_what_to_add(project):
    project.write(
        "test_it.py",
        HEAD
        + """
@pytest.mark.llm
def test_case(llm_case): ...
@pytest.mark.llm(cases=[{"id": "a", "q": 1}])
def test_prompt(llm_prompt): assert 1
@pytest.mark.llm(cases=[{"id": "a", "q": 1}])
def test_grade(llm_grade): llm_grade(contains("a"))
""",
    )
    result = project.run()
    result.stdout.fnmatch_lines(["*this test cannot fail*"])
    project.write(
        "test_it.py", (project.path / "test_it.py").read_text().replace("(llm_case): ...", "(llm_case): assert 1")
    )
    result = project.run()
    result.assert_outcomes(errors=2, failed=1)
    result.stdout.fnmatch_lines(
        ["llm_case without cases", "llm_prompt without a prompt", "llm_grade without an output"]
    )
