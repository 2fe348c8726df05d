"""Runs behaviours and prints what was seen, for the scripts of this folder.

A behaviour is a function without arguments, by the name of its row. It returns whether the behaviour holds, None where
there is no such grader, and what was seen, or how was looked for it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripted_server import scripted_server

Seen = tuple[bool | None, str]
Behaviour = Callable[[], Seen]

BEHAVIOURS: dict[str, Behaviour] = {}
LONGEST_S = 10
LATEX = r"The answer is \boxed{\frac{1}{2}}."
HUGE = "9^{9^{9^9}}"
LIN = ("police killed the gunman", "the gunman police killed")
"""The reference and one of the candidates of section 5 of Lin 2004."""
XML = "Here it is: <order><line/></order>. Enjoy!"
NO_XML = "if a <b and c> d"
ALL_DAY = "a" * 40 + "!"
"""On which `^(a+)+$` backtracks for longer than anybody waits."""


def behaviour(function: Behaviour) -> Behaviour:
    """Take a function among those that are run."""
    BEHAVIOURS[function.__name__] = function
    return function


def print_all() -> None:
    """Run all of them, or the one that the command line names."""
    chosen = sys.argv[1:] or list(BEHAVIOURS)
    seen = {name: BEHAVIOURS[name]() for name in chosen}
    print(f"\n{json.dumps(seen)}")


def absent(names: list[str], what: str, *words: str) -> Seen:
    """That none of the names has one of these words in it. Raises LookupError."""
    found = [name for name in names if any(word in name.lower() for word in words)]
    if found:
        raise LookupError(f"there is {found}")
    listed = " or ".join(f'"{word}"' for word in words)
    return None, f"none of its {len(names)} {what} has {listed} in its name"


def unsaid(folder: Path, pattern: str) -> Seen:
    """That no module of a package has a pattern. Raises LookupError."""
    modules = sorted(folder.rglob("*.py"))
    for module in modules:
        if re.search(pattern, module.read_text(encoding="utf-8"), re.IGNORECASE):
            raise LookupError(f"{pattern} is in {module}")
    return None, f"none of its {len(modules)} modules has `{pattern}`"


@contextmanager
def judge(say: str | Callable[[dict[str, Any]], str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of an endpoint that says this to everything, and what it is asked. No model is behind it."""
    asked: list[dict[str, Any]] = []

    def script(body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body)
        message = {"role": "assistant", "content": say if isinstance(say, str) else say(body)}
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }

    with scripted_server(script) as address:
        yield address, asked
