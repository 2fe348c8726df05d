"""Ways to use the plugin, or to have recordings, beside a bare mark: a plain run must not reach the model."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

from model_server import ModelServer
from trial import Project, Tally

BARE = """
import json, os, pytest, urllib.request

@pytest.mark.llm
def test_talks():
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        assert json.load(reply)["choices"]
"""
SPELLINGS = (
    "pytest-llm-evals",
    "pytest_llm_evals",
    "Pytest.LLM.Evals",
    "PYTEST-LLM-EVALS[graders]>=0.1",
    "pytest--llm--evals",
)
DEPENDENCIES = {
    "pyproject.toml": '[dependency-groups]\ntest = ["{}"]\n',
    "requirements.txt": "pytest\n{}\n",
    "requirements-dev.txt": "{}\n",
    "requirements/test.txt": "{}\n",
    "requirements/test.in": "{}\n",
    "constraints.txt": "{}\n",
    "setup.cfg": "[options.extras_require]\ntest = {}\n",
    "setup.py": 'extras_require={{"test": ["{}"]}}\n',
    "tox.ini": "[testenv]\ndeps = {}\n",
    "noxfile.py": 'session.install("{}")\n',
    "Pipfile": '[dev-packages]\n"{}" = "*"\n',
    "uv.lock": '[[package]]\nname = "{}"\n',
    "poetry.lock": '[[package]]\nname = "{}"\n',
    "pylock.toml": '[[packages]]\nname = "{}"\n',
    "environment.yml": "dependencies: [{{pip: [{}]}}]\n",
    "Dockerfile": "RUN pip install {}\n",
}
OURS = "version: {}\n---\nidentity: 0123456789ab\nrules: 2\n"
RECORDINGS = {
    "cassettes/test_a/test_a/test_a.yaml": OURS.format(2),
    "Cassettes/test_a/test_a/test_a.yaml": "version: 1\nrules: 1\n---\nidentity: 0\n",
    "recordings/test_a.yaml": OURS.format(2),
    "cassettes/test_bare/test_talks.yaml": "interactions:\n- request: {method: GET, uri: 'http://x/'}\nversion: 1\n",
    "fixtures/vcr_cassettes/synopsis.yml": "---\ninteractions:\n- request: {}\nversion: 1\n",
    "fixtures/replies.json": json.dumps({"version": 1, "interactions": [{"request": {"method": "GET"}}]}, indent=4),
    "fixtures/short.json": json.dumps({"interactions": [{"request": {"method": "GET"}}], "version": 1}),
}
USES = {
    "tests/test_declared.py": "from pytest_llm import Prompt\n",
    "tests/conftest.py": "import pytest_llm.graders\n",
    "tests/test_cases.py": 'import pytest\n@pytest.mark.llm(\n    cases="x.jsonl")\ndef test_x(llm_case): ...\n',
    "tests/test_retry.py": "import pytest\n@pytest.mark.llm_retry(attempts=2)\ndef test_x(): ...\n",
    "llm_baselines/test_a/test_a.json": "{}",
    "llm_judges/a.json": "{}",
    "pytest.ini": "[pytest]\nllm_ignore_hosts =\n",
    ".pytest_llm/.gitignore": "*\n",
}
ALIKE = {
    "pyproject.toml": '[project]\ndependencies = ["pytest", "pytest-llm", "llm-evals", "pytest-llm-evaluations-x"]\n',
    "compose.yaml": "version: 2\nservices: {}\n",
    "data/rows.json": '{"rows": [{"interactions": []}]}',
    "openapi.yaml": "version: 1\ninfo:\n  title: x\n",
    "README.md": "pip install pytest-llm-evals\n",
    "tests/test_else.py": "import pytest\n@pytest.mark.llm\ndef test_other(): assert 1\n",
    "locale/interactions.yaml": "- interactions: none\n",
}
"""What has another meaning: there the mark changes nothing."""


def ways() -> Iterator[tuple[str, dict[str, str | bytes]]]:
    """Yield what shows a use, by a name, as the files that show it."""
    for (name, text), spelling in itertools.product(DEPENDENCIES.items(), SPELLINGS):
        yield f"{name} with {spelling}", {name: text.format(spelling)}
        yield f"{name} with {spelling}, CRLF", {name: text.format(spelling).replace("\n", "\r\n")}
    for (name, text), folder in itertools.product(RECORDINGS.items(), ("", "tests/", "a/b/c/")):
        for kind, content in (("", text), (", CRLF", text.replace("\n", "\r\n")), (", BOM", f"\ufeff{text}")):
            yield f"{folder}{name}{kind}", {f"{folder}{name}": content}
    for name, text in USES.items():
        yield name, {name: text}
        yield f"{name}, CRLF", {name: text.replace("\n", "\r\n")}


def attack(scratch: Path, chance: random.Random, size: int, *, is_first: bool) -> list[Tally]:
    """Try so many ways, and, the first time, all that only look like one."""
    used, alike = Tally("ways to use the plugin or to have recordings"), Tally("projects that only look like one")
    with ModelServer(lambda _body, _number: "live").running() as server:
        for number, (name, files) in enumerate(chance.sample(list(ways()), size)):
            project = Project(scratch / f"used{number}", server.url)
            used.note(name, _problem(project, server, files, is_sent=False))
        for number, (name, text) in enumerate(ALIKE.items() if is_first else ()):
            project = Project(scratch / f"alike{number}", server.url)
            alike.note(name, _problem(project, server, {name: text}, is_sent=True))
    return [used, alike]


def _problem(project: Project, server: ModelServer, files: dict[str, str | bytes], *, is_sent: bool) -> str | None:
    project.write({"pytest.ini": "[pytest]\n", "tests/test_bare.py": BARE} | files)
    before = len(server.requests)
    run = project.run("tests/test_bare.py")
    expected = "passed" if is_sent else "failed"
    if (len(server.requests) > before) != is_sent:
        return "a request was sent" if not is_sent else "no request was sent"
    return run.crash or (None if run.outcomes.get("test_talks") == expected else f"{run.outcomes}\n{run.output[-800:]}")
