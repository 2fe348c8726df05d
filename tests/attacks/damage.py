"""Random edits of the files that we write: cassettes, baselines and run files of version 2."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model_server import ModelServer
from trial import Project, Tally

from pytest_llm.cassettes.document import check_unedited
from pytest_llm.cassettes.document import read as read_cassette
from pytest_llm.errors import LlmError
from pytest_llm.gates.baseline import read_baseline
from pytest_llm.results import read_run

NAMES = ("null", "a: b", "- x", "é ü", "'", '"', "#", "[1]", "yes", "1e3", "~", "x" * 300)
PROJECT = """
import os, httpx, pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains

NAMES = {names!r}
PROMPT = Prompt(name="p", model="m", user="{{{{ text }}}}")
CASES = [{{"id": f"c{{n}}", "text": name, "expected": name}} for n, name in enumerate(NAMES)]
GRADERS = [contains("reply").named(name) for name in NAMES]

@pytest.mark.llm(PROMPT, cases=CASES, graders=GRADERS, samples=2)
def test_names(llm_response): ...

@pytest.mark.llm
def test_code():
    for text in NAMES:
        body = {{"model": "m", "messages": [{{"role": "user", "content": text}}]}}
        assert httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body).json()
"""
_CHARACTERS = "\0\t\n\r -:#'\"{}[]&*!|>%@`,?0123456789aPFU\u2028\u00e9\ufeff\U0001f600"


def edited(text: str, chance: random.Random) -> str:
    """Return a text with one edit, such as a hand, a merge or a disk makes."""
    lines = text.splitlines(keepends=True)
    at, line = chance.randrange(len(text)), chance.randrange(len(lines))
    other = chance.randrange(len(lines))
    kinds: tuple[Callable[[], str], ...] = (
        lambda: text[:at],
        lambda: text[at:],
        lambda: text[:at] + chance.choice(_CHARACTERS) + text[at + 1 :],
        lambda: text[:at] + chance.choice(_CHARACTERS) + text[at:],
        lambda: text[:at] + text[at + chance.randrange(1, 40) :],
        lambda: "".join((*lines[:line], lines[line], *lines[line:])),
        lambda: "".join((*lines[:line], *lines[line + 1 :])),
        lambda: "".join((*lines[:line], lines[other], *lines[line + 1 :])),
        lambda: "".join((*lines[:line], *lines[other:])),
        lambda: _with_digit(text, at, chance),
        lambda: "".join((*lines[:line], f"  {lines[line]}", *lines[line + 1 :])),
        lambda: text + "".join(lines[line:]),
        lambda: text.replace("\n", "\r\n"),
    )
    return chance.choice(kinds)()


def _with_digit(text: str, at: int, chance: random.Random) -> str:
    places = [place for place in range(at, min(at + 2000, len(text))) if text[place].isdigit()]
    if not places:
        return text[:at]
    return text[: places[0]] + chance.choice("-0123456789.e") + text[places[0] + 1 :]


def _cassette(text: str) -> Any:
    found = read_cassette(text, "a.yaml", None)
    check_unedited(found.values(), "a.yaml")
    return found


READERS: Mapping[str, Callable[[str], Any]] = {
    "cassettes": _cassette,
    "baselines": lambda text: read_baseline(text, "a.json"),
    "run files": lambda text: read_run(text, "last-run.jsonl"),
}


def attack(scratch: Path, chance: random.Random, size: int, *, is_first: bool) -> list[Tally]:
    """Read so many edits of each kind of file."""
    with ModelServer(lambda _body, number: f"reply {number}").running() as server:
        project = Project(scratch / "files", server.url)
        project.write({"test_files.py": PROJECT.format(names=NAMES), "pytest.ini": "[pytest]\n"})
        recorded = project.run("--llm-record", "--llm-baseline=update", "--llm-note=first")
    folder = project.folder
    files = {
        "cassettes": sorted(folder.rglob("cassettes/**/*.yaml")),
        "baselines": sorted(folder.rglob("llm_baselines/**/*.json")),
        "run files": [folder / ".pytest_llm" / "last-run.jsonl"],
    }
    tallies = []
    for kind, paths in files.items():
        tally = Tally(f"random edits of {kind}")
        if recorded.status != 0 or not paths:
            tally.note("the recording", recorded.output[-2000:])
        for number in range(size if paths else 0):
            path = chance.choice(paths)
            _note(tally, f"{path.name} {number}", READERS[kind], path.read_bytes().decode(), chance)
        tallies.append(tally)
    return tallies


def _note(tally: Tally, name: str, read: Callable[[str], Any], text: str, chance: random.Random) -> None:
    """Read one edit of a text: it is refused with the reason, or read."""
    changed = edited(text, chance)
    try:
        found = read(changed)
    except LlmError as error:
        is_told = "\n" in str(error) and "  " in str(error)
        tally.note(name, None if is_told else f"no reason or fix: {error}", "refused with the reason")
    except Exception as error:  # whatever else it is, it is what this looks for
        tally.note(name, f"{type(error).__name__} {error}\n{json.dumps(changed)[:400]}", "crashed")
    else:
        tally.note(name, None, "read as written" if found == read(text) else "read with the edit")
