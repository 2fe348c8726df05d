"""The pages under docs/ are walked: their files are written, their commands run, their outputs compared.

A page is walked from top to bottom in one folder. `<!-- folder: examples/x -->` begins in a copy of that folder,
`<!-- endpoint -->` gives it a scripted model endpoint, `<!-- endpoint: folder -->` one that answers from recordings,
`<!-- git -->` makes the folder a repository with one commit, `<!-- tutorial-server: file -->` starts the server of the
tutorial and writes its address into the file. A Python, INI or TOML
block whose first line names a file is written there. In a console block, what follows `$ ` is run, and what stands under
it has to come out; `…` stands for anything in a line, and on a line of its own for any lines.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llm.cassettes.identity import identity_of, model_record
from pytest_llm.cassettes.store import load

ROOT = Path(__file__).parents[1]
WALKED = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "```console" in path.read_text(encoding="utf-8")
)
BLOCK = re.compile(
    r"<!-- (?P<directive>folder|endpoint|git|tutorial-server)(?:: (?P<value>\S+))? -->|^```(?P<kind>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
FILE = re.compile(r"# (\S+\.(?:py|ini|toml))\n")


def steps(text):
    """Commands with the output that the page shows, in the order of the page, and what is done between them."""
    for found in BLOCK.finditer(text):
        if found["directive"]:
            yield found["directive"], found["value"]
        elif found["kind"] == "console":
            for part in re.split(r"^\$ ", found["body"], flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                yield "run", (command, output)
        elif found["kind"] in ("python", "ini", "toml") and FILE.match(found["body"]):
            yield "write", (FILE.match(found["body"])[1], found["body"])


def pattern(output):
    def line(shown):
        return r"(?:.*\n)*?" if shown.strip() == "…" else re.escape(shown.rstrip()).replace("…", ".*") + r"\n"

    return re.compile(r"\s*" + "".join(map(line, output.rstrip("\n").split("\n"))) + r"\s*")


def environment(folder):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PYTEST_", "CI", "GIT"))
    }
    # What the machine's own plugins print is not the page's business.
    kept["PYTEST_ADDOPTS"] = (
        "-p no:randomly -p no:cacheprovider -p no:asyncio -p no:anyio -p no:hypothesispytest -p no:cov"
    )
    kept |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "HOME": str(folder),
    }
    kept |= {f"GIT_{who}_{what}": "a@b.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}


@pytest.fixture
def tutorial_server():
    """Starts the server; its address."""
    with contextlib.ExitStack() as stack:

        def start():
            command = [Path(sys.executable).with_name("pytest-llm"), "tutorial-server", "--port", "0"]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.terminate)
            return process.stdout.readline().split()[-1]

        yield start


def scripted(_body, number):
    return f"Answer {number}: we take it back within 14 days."


def recorded(folder):
    """Answers from cassettes, each reply once and in the order of the samples."""
    replies = {}
    for path in sorted(folder.glob("*.yaml")):
        for entry in load(path).values():
            in_order = sorted(entry.replies, key=lambda place: (int(place[0]), place[1]))
            replies[identity_of(entry.request)] = [entry.replies[place].body["json"] for place in in_order]
    return lambda body, _number: replies[identity_of(model_record("chat/completions", body))].pop(0)


@pytest.mark.parametrize("path", WALKED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_shows_what_happens(path, tmp_path, serve, tutorial_server):
    folder = tmp_path / "project"
    folder.mkdir()
    env = environment(tmp_path)
    for step, value in steps(path.read_text(encoding="utf-8")):
        if step == "folder":
            folder = tmp_path / Path(value).name
            shutil.copytree(ROOT / value, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_llm"))
        elif step == "endpoint":
            server = serve(recorded(ROOT / value) if value else scripted)
            env |= {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
            if value:  # which of several samples asks first is chance, where they ask at once
                env["PYTEST_ADDOPTS"] += " -o llm_concurrency=1"
        elif step == "git":
            for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "start"]):
                subprocess.run(["git", *command], cwd=folder, check=True, env=env)
        elif step == "tutorial-server":
            address = tutorial_server()
            file = folder / value
            file.write_text(
                re.sub(r"http://127.0.0.1:\d+/v1", address, file.read_text(encoding="utf-8")), encoding="utf-8"
            )
        elif step == "write":
            (folder / value[0]).parent.mkdir(parents=True, exist_ok=True)
            (folder / value[0]).write_text(value[1], encoding="utf-8")
        else:
            command, shown = value
            ran = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=env, text=True, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            out = "".join(f"{line.rstrip()}\n" for line in ran.stdout.split("\n")).rstrip("\n") + "\n"
            if not pattern(shown).fullmatch(out):
                pytest.fail(f"$ {command}\n{out}\nand the page shows\n{shown}", pytrace=False)
