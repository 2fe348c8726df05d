"""`pytest-llm init`: a first test that runs, and the next command. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_llm.calls.endpoint import ADDRESS_VARIABLE, KEY_VARIABLE, Endpoint
from pytest_llm.cli import tutorial_server
from pytest_llm.cli.local_servers import USUAL, LocalServer, answering
from pytest_llm.cli.place import PROJECT_FILES, absolute, nearest, shown
from pytest_llm.errors import LlmError, OptionError
from pytest_llm.reports import shell_word, visible
from pytest_llm.settings import STATE_FOLDER

FILES = {"test_prompts.py": "test_prompts.py.txt", "cases.jsonl": "cases.jsonl"}
"""What is written, and the template that it is made from."""

MODEL = "gpt-4o-mini"
_LONGEST_LINE = 88  # of most linters, unless they are told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An endpoint that the first test may ask."""

    kind: str
    told: str
    model: str
    #: None: as the environment says when the test is recorded.
    base_url: str | None = None


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "init",
        help="write a first test that runs",
        description="Writes a test of one prompt, its cases, and a line of .gitignore, and says the next command. "
        "The endpoint is the one whose key is in the environment, else a local server that answers, else a "
        "scripted one for the tutorial. Nothing is asked of a model, and no file is overwritten (exit code 1).",
        epilog="example: pytest-llm init tests/prompts --endpoint local",
    )
    parser.add_argument("folder", nargs="?", type=Path, help="where to write (default: tests, in the project's root)")
    parser.add_argument("--endpoint", choices=("openai", "local", "tutorial"), help="which, without looking")
    parser.add_argument("--base-url", metavar="URL", help="the endpoint's address, written into the prompt")
    parser.add_argument("--model", metavar="NAME", help="the model, written into the prompt")
    parser.add_argument("--yes", action="store_true", help="ask no question: take the first endpoint that was found")
    parser.set_defaults(run=init)


def init(chosen: argparse.Namespace) -> int:
    """Write the first test; 1 where a file is in the way."""
    root, folder = _place(chosen.folder)
    if there := [folder / name for name in FILES if os.path.lexists(folder / name)]:
        return _in_the_way(there)
    choices = _choices(chosen, os.environ)
    asks = len(choices) > 1 and not chosen.yes and sys.stdin.isatty() and sys.stdout.isatty()
    choice, others = (_asked(choices), []) if asks else (choices[0], choices[1:])
    texts = {folder / name: _text(template, choice) for name, template in FILES.items()}
    added = _write(texts, root / ".gitignore")
    print("\n".join(_told(choice, others, list(texts), added, root)))
    return 0


def _place(folder: Path | None) -> tuple[Path, Path]:
    """The project's root and the folder to write into. Without a project, the current folder is the root."""
    here = Path.cwd()
    start = absolute(folder) if folder is not None else here
    root = nearest(PROJECT_FILES, start) or (here if start.is_relative_to(here) else start)
    return root, start if folder is not None else root / "tests"


def _in_the_way(there: Sequence[Path]) -> int:
    names = " and ".join(shown(path) for path in there)
    told = LlmError(
        f"{names} {'is' if len(there) == 1 else 'are'} there already; nothing was written",
        fix={"another": f"pytest-llm init {shell_word(shown(there[0].parent / 'prompts'))}"},
    )
    print(told, file=sys.stderr)
    return 1


# -- which endpoint ---------------------------------------------------------------------------------------------------


def _choices(chosen: argparse.Namespace, environ: Mapping[str, str]) -> list[Choice]:
    """The endpoints that may be asked, the best first; never empty. Raises LlmError."""
    kind, base_url = chosen.endpoint, chosen.base_url
    if base_url is not None:
        kind = kind or ("local" if Endpoint.of(base_url, None).is_local else "openai")
    addresses = [] if kind == "tutorial" else _worth_asking(base_url, environ, everywhere=kind != "openai")
    found = possible(kind, base_url, answering(addresses), environ, model=chosen.model)
    if not found:
        raise OptionError(
            "no local server tells a model" if chosen.model is None else "no local server answers",
            instead=[f"nothing at {one}" for one in addresses],
            fix={"start one": "then again", "or say": "--endpoint local --base-url URL --model NAME"},
        )
    return [replace(one, model=chosen.model or one.model) for one in found]


def _worth_asking(base_url: str | None, environ: Mapping[str, str], *, everywhere: bool) -> list[str]:
    """Addresses of this machine where a model may answer; never any other machine's."""
    if base_url is not None:
        return [base_url] if Endpoint.of(base_url, None).is_local else []
    named = environ.get(ADDRESS_VARIABLE)
    addresses = [named] if named and Endpoint.of(named, None).is_local else []
    return list(dict.fromkeys([*addresses, *(USUAL if everywhere else ())]))


def possible(
    kind: str | None,
    base_url: str | None,
    servers: Sequence[LocalServer],
    environ: Mapping[str, str],
    *,
    model: str | None = None,
) -> list[Choice]:
    """The endpoints to choose from, the best first: of a kind or, with None, a key, local servers, the tutorial's."""
    named = environ.get(ADDRESS_VARIABLE) or None
    found: list[Choice] = []
    if kind == "openai" or (kind is None and environ.get(KEY_VARIABLE)):
        address = base_url or named
        models = [server.model for server in servers if server.base_url == address]
        key = KEY_VARIABLE if environ.get(KEY_VARIABLE) else "OpenAI's form of endpoint"
        told = f"{key} at {address}" if address else key
        found.append(Choice(kind="openai", told=told, model=models[0] if models else MODEL, base_url=base_url))
    if kind in (None, "local"):
        for one in servers:
            if not (found and one.base_url == named):
                told = f"{USUAL[one.base_url]}'s usual port" if one.base_url in USUAL else "a local server"
                found.append(
                    Choice(kind="local", told=f"{told}, {one.base_url}", model=one.model, base_url=one.base_url)
                )
    if kind == "local" and not found and base_url is not None and model is not None:
        found.append(Choice(kind="local", told=f"a local server, {base_url}", model=model, base_url=base_url))
    if kind in (None, "tutorial"):
        address = base_url or tutorial_server.address(tutorial_server.PORT)
        told = "the tutorial's endpoint: scripted, no model"
        found.append(Choice(kind="tutorial", told=told, model=tutorial_server.MODEL, base_url=address))
    return found


def _asked(choices: Sequence[Choice]) -> Choice:
    """The endpoint that the user chooses. Raises OptionError where they choose none."""
    print("Which endpoint is the first test to ask?")
    for number, choice in enumerate(choices, 1):
        print(f"  {number}  {visible(choice.told)}; model {visible(choice.model)}")
    while True:
        try:
            said = input("number [1]: ").strip() or "1"
        except (EOFError, KeyboardInterrupt):
            print()
            raise OptionError("no endpoint was chosen; nothing was written") from None
        if said.isdecimal() and 1 <= int(said) <= len(choices):
            return choices[int(said) - 1]


# -- the files --------------------------------------------------------------------------------------------------------


def _text(template: str, choice: Choice) -> str:
    from importlib.resources import files

    text = files("pytest_llm.cli").joinpath("first_test", template).read_text(encoding="utf-8")
    values = {'model="MODEL"': f"model={_quoted(choice.model)}"}
    if choice.base_url is not None:
        values['base_url="BASE_URL"'] = f"base_url={_quoted(choice.base_url)}"
    lines = (_filled(line, values) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if "BASE_URL" not in line)


def _filled(line: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        if name in line:
            line = line.replace(name, value)
            return line if len(line) <= _LONGEST_LINE else f"{line}  # noqa: E501"
    return line


def _quoted(text: str) -> str:
    """A printable text as Python writes it between double quotes."""
    if not text.isprintable():
        raise OptionError(f"{text!r} cannot be written into a prompt", fix={"give": "printable characters"})
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write(texts: Mapping[Path, str], gitignore: Path) -> Path | None:
    """Write all, or nothing; the .gitignore where a line was added. Raises LlmError."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
        return gitignore if _ignore(gitignore) else None
    except OSError as error:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise LlmError(f"the first test cannot be written: {error}", where=shown(next(iter(texts)).parent)) from error


def _ignore(path: Path) -> bool:
    """Add our folder to a .gitignore, in its own line ends; whether there was anything to add."""
    before = path.read_bytes() if path.exists() else b""
    lines = before.splitlines()
    if any(line.strip().strip(b"/") == STATE_FOLDER.encode() for line in lines):
        return False
    end = b"\r\n" if b"\r\n" in before else b"\n"
    torn = end if before and not before.endswith(b"\n") else b""
    with path.open("ab") as file:
        file.write(torn + f"{STATE_FOLDER}/".encode() + end)
    return True


# -- what is said -----------------------------------------------------------------------------------------------------


def _told(
    choice: Choice, others: Sequence[Choice], written: Sequence[Path], ignored: Path | None, root: Path
) -> Iterator[str]:
    test, cases = written
    count = len(cases.read_text(encoding="utf-8").splitlines())
    rows = [(shown(test), "one prompt, one schema, one grader"), (shown(cases), f"{count} cases")]
    rows += [(shown(ignored), "+1 line")] if ignored is not None else []
    width = max(len(name) for name, _ in rows)
    for label, (name, what) in zip(["wrote", "", ""], rows, strict=False):
        yield f"{label:<6} {name:<{width}}   {what}"
    yield f"found  {visible(choice.told)}; model {visible(choice.model)} (change it in {shown(test)})"
    for other in others:
        yield f"       or {visible(other.told)} (--endpoint {other.kind})"
    in_project = nearest(PROJECT_FILES, root) is not None
    # Without a project's file, pytest takes the folder of what it is given for its root.
    is_whole = not in_project and root == Path.cwd()
    yield from _next_commands(choice, "" if is_whole else f" {shell_word(shown(test))}", count)
    if not in_project:
        yield "note   no pytest.ini, pyproject.toml, tox.ini or setup.cfg here or above: run pytest from this folder"


def _next_commands(choice: Choice, test: str, count: int) -> Iterator[str]:
    steps = []
    if choice.kind == "tutorial":
        port = urlsplit(choice.base_url or "").port
        option = "" if port in (None, tutorial_server.PORT) else f" --port {port}"
        steps.append(f"pytest-llm tutorial-server{option}   (in another terminal, until Ctrl-C)")
    if not Endpoint.of(choice.base_url, None).has_key:
        steps.append(_set_key())
    steps += [f"pytest --llm-record{test}   ({count} requests)", f"pytest{test}   (offline from now on)"]
    for number, step in enumerate(steps):
        yield f"{'then' if number else 'next':<6} {step}"


def _set_key() -> str:
    value = "<your key>"
    if os.name == "nt":
        return f'$env:{KEY_VARIABLE} = "{value}"   (in cmd: set {KEY_VARIABLE}={value})'
    return f"export {KEY_VARIABLE}={value}"
