"""pytest in a process of its own that begins with everything loaded: real, without the seconds of its imports.

Run as a script, it loads once what such a run needs, and forks for every line of its input.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest


def run(folder: Path, arguments: Sequence[str]) -> pytest.RunResult:
    """pytest with these arguments in a folder, in the environment of now."""
    told = [folder / name for name in ("stdout", "stderr")]
    order = {"folder": str(folder), "arguments": arguments, "environment": dict(os.environ), "told": [*map(str, told)]}
    begun = time.perf_counter()
    code = int(_server(json.dumps(order)))
    out, err = (path.read_text(encoding="utf-8", errors="replace") for path in told)
    sys.stdout.write(out)
    sys.stderr.write(err)
    return pytest.RunResult(code, out.splitlines(), err.splitlines(), time.perf_counter() - begun)


def _server(line: str) -> str:
    process = _started()
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline()


@functools.cache
def _started() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> None:
    with warnings.catch_warnings(action="ignore"):
        _load()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _obey(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _load() -> None:
    import importlib
    import pkgutil
    from importlib.metadata import entry_points

    import hypothesis
    import openai
    import vcr

    import pytest_llm

    for module in pkgutil.walk_packages(pytest_llm.__path__, "pytest_llm."):
        importlib.import_module(module.name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    # A client loads each part of the SDK when it is used first.
    assert all((hypothesis, vcr, openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1").chat.completions))


def _obey(folder: str, arguments: list[str], environment: dict[str, str], told: Sequence[str]) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(told, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["pytest", *arguments]
    sys.path[0] = folder
    try:
        # That a plugin was loaded before is so on purpose.
        code = int(pytest.main([*arguments, "-W", "ignore::pytest.PytestAssertRewriteWarning"]))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
