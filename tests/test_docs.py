"""What the docs show is what happens: their outputs are made again here, and their commands are CI's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "examples/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
ITEM = "test_orders.py::test_extracts_the_order[order-031-#3]"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def orders(tmp_path):
    shutil.copytree(ROOT / "examples" / "orders", tmp_path / "orders")
    return tmp_path / "orders"


def run(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *arguments]
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout.replace(" \n", "\n")


def test_the_readme_shows_a_real_failure(orders):
    shown = blocks(README, "text")[0].split("\n", 1)[1]
    assert shown in run(orders, "--runxfail", ITEM)
    assert f'pytest --runxfail "{ITEM}"' in README


def test_the_example_shows_its_real_summary(orders):
    shown = blocks((orders / "README.md").read_text(encoding="utf-8"), "text")[0].split("\n", 1)[1]
    assert shown in run(orders)


def test_the_first_test_of_the_readme_works(project, serve):
    """Ten lines, recorded from a scripted endpoint and replayed."""
    project.use(serve(lambda body, n: "Paris."))
    code = blocks(README, "python")[0]
    assert len(code.strip().splitlines()) <= 10
    project.write("test_capitals.py", code)
    project.record().assert_outcomes(passed=1)
    project.forget_key()
    project.run().assert_outcomes(passed=1)


def test_ci_runs_the_two_commands_of_the_readme():
    for name in ("tests", "examples"):
        assert f"<!-- command: {name} -->\n```sh\n" in README
    assert "for name in tests examples" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_reference_names_every_option_fixture_and_grader():
    import pytest_llm.graders
    from pytest_llm import plugin
    from pytest_llm.collection import ARGUMENTS, FIXTURES

    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    graders = [name for name in pytest_llm.graders.__all__ if name[0].islower()]
    names = [*plugin._OPTIONS, *plugin._INI_KEYS, *FIXTURES, *ARGUMENTS, *graders]
    assert [name for name in names if f"`{name}" not in text and f"@{name}" not in text] == []


@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (ROOT / path).parent.joinpath(target).exists(), target
