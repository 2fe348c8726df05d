"""How a client of HTTP is tried: an application that knows nothing of us is recorded, replayed and made to miss.

An application is a module with `ask(text)`, which may be a coroutine function, and gives what it was told.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from model_server import ModelServer

TESTS = """
import asyncio, inspect, os, pathlib, time, traceback, pytest
import {apps}

def answer(ask, text):
    said = ask(text)
    return asyncio.run(said) if inspect.isawaitable(said) else said

def stack(error):
    '''The HTTP library that was about to send.'''
    if isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    places = [pathlib.Path(frame.filename).parts for frame in traceback.extract_tb(error.__traceback__)]
    known = [name for name in ("httpx", "httpx2", "aiohttp", "urllib3") for parts in places if name in parts]
    return known[-1] if known else "http.client"

@pytest.mark.llm
@pytest.mark.parametrize("app", [{apps}], ids=lambda app: app.__name__.removeprefix("app_"))
def test_it(app):
    print("SAID", app.__name__, answer(app.ask, "hello"))
    if "CHANGED" in os.environ:
        began = time.monotonic()
        try:
            answer(app.ask, os.environ["CHANGED"])
        except BaseException as error:
            if not isinstance(error, Exception):  # else it is what the client made of a miss
                print("STACK", app.__name__, stack(error))
            raise
        finally:
            print("TOOK", app.__name__, time.monotonic() - began)
"""


def write(folder: Path, server: ModelServer, apps: dict[str, str]) -> None:
    """Write the applications and their tests."""
    addresses = f"URL, ROOT = {server.url!r}, {server.root!r}\n" + "".join(
        f"{manner.upper()} = {server.at(manner)!r}\n" for manner in ("gzip", "br", "busy", "redirect302", "redirect307")
    )
    for name, code in apps.items():
        (folder / f"app_{name}.py").write_text(addresses + code, encoding="utf-8")
    modules = ", ".join(f"app_{name}" for name in apps)
    (folder / "test_it.py").write_text(TESTS.replace("{apps}", modules), encoding="utf-8")


def said(lines: list[str], word: str) -> dict[str, str]:
    """What the applications printed after a word, by their names."""
    found = [line.partition(f"{word} app_")[2].partition(" ") for line in lines]
    return {name: text for name, _, text in found if name}


def outcomes(run_file: Path) -> dict[str, str]:
    """What became of each application, by its name: "passed", or why there was no recording."""
    return {
        re.search(r"\[(.*)\]", one["nodeid"])[1]: one["miss"]["kind"] if one.get("miss") else one["outcome"]
        for one in json.loads(run_file.read_text(encoding="utf-8"))["results"]
    }
