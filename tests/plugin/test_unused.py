"""Installed and unused, the plugin costs nothing and changes nothing."""

from __future__ import annotations

HEAVY = "openai pydantic vcr jsonschema tenacity jinja2 yaml filelock httpx2 asyncio"
SHOW = f"""
import sys
def pytest_unconfigure():
    print("LOADED", [n for n in "{HEAVY}".split() if n in sys.modules], [n for n in sys.modules if n.startswith("pytest_llm")])
"""


def loaded(result):
    return next(line for line in result.stdout.lines if "LOADED" in line)


def test_a_run_without_marked_tests_loads_nothing(project):
    project.write("conftest.py", SHOW)
    project.write(
        "test_plain.py", "import pytest\n@pytest.mark.parametrize('x', range(3))\ndef test_plain(x): assert x < 3\n"
    )
    # Other plugins of this environment load what they like; only ours is on.
    result = project.run_cold(
        "-p",
        "no:asyncio",
        "-p",
        "no:anyio",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:xdist",
        "-p",
        "no:respx",
        "-o",
        "addopts=",
        "-p",
        "no:randomly",
    )
    result.assert_outcomes(passed=3)
    assert "LOADED [] ['pytest_llm', 'pytest_llm.fixtures', 'pytest_llm.hookspecs', 'pytest_llm.plugin']" in loaded(
        result
    )
    assert not (project.path / ".pytest_llm").exists()


def test_a_bare_marker_of_a_project_that_never_adopted_the_plugin_only_warns(project, serve):
    server = serve(lambda body, n: "live")
    project.use(server)
    project.write("test_bare.py", BARE)
    result = project.run()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*tests are marked llm, which pytest-llm-evals would record and replay*"])
    assert len(server.requests) == 1
    assert not project.cassettes()


BARE = """
import openai, pytest

@pytest.mark.llm
def test_talks():
    client = openai.OpenAI(max_retries=0)
    reply = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "hi"}])
    assert reply.choices[0].message.content == "live"
"""


def test_a_recording_option_adopts_it_and_cassettes_keep_it_adopted(project, serve):
    server = serve(lambda body, n: "live")
    project.use(server)
    project.write("test_bare.py", BARE)
    project.record("-W", "error").assert_outcomes(passed=1)
    assert list(project.cassettes()) == ["cassettes/test_bare/test_talks/test_talks.yaml"]
    project.forget_key()
    project.run("-W", "error").assert_outcomes(passed=1)
    assert len(server.requests) == 1


def test_a_recording_run_that_kept_nothing_adopts_it_too(project, serve):
    """Or the next run, without an option, would reach the network."""
    server = serve(lambda body, n: (500, {"error": {"message": "no"}}))
    project.use(server)
    project.write("test_bare.py", BARE)
    project.record().assert_outcomes(failed=1)
    asked = len(server.requests)
    project.run().stdout.fnmatch_lines(["no recording for this request: *"])
    assert len(server.requests) == asked


def test_an_empty_bare_test_of_a_strange_project_is_nothing_to_us(project):
    project.write("test_bare.py", "import pytest\n@pytest.mark.llm\ndef test_todo(): pass\n")
    project.run().assert_outcomes(passed=1, warnings=1)


def test_a_cassette_anywhere_under_the_root_means_that_the_project_uses_us(project, serve):
    """Also for a test that has none: it must not reach the network because it was selected alone."""
    server = serve(lambda body, n: "live")
    project.use(server)
    project.write("a/test_bare.py", BARE)
    project.record().assert_outcomes(passed=1)
    project.write("b/test_new.py", BARE)
    project.run("b/test_new.py").assert_outcomes(failed=1)
    assert len(server.requests) == 1


def test_doctests_in_a_marked_module_are_left_alone(project):
    project.write(
        "mod.py", 'import pytest\npytestmark = pytest.mark.llm\ndef f():\n    """\n    >>> 1\n    1\n    """\n'
    )
    project.run("--doctest-modules").assert_outcomes(passed=1)
