"""Where the CPU of a replayed case goes, by cProfile. Shares only: a profiler makes small functions look large."""

from __future__ import annotations

import pstats
import tempfile
from collections import Counter
from pathlib import Path
from typing import TypeAlias

from measure import run
from replay import replayed
from table import table
from workload import BARE, OURS, Subject

Function: TypeAlias = tuple[str, int, str]
"""File, line and name, as pstats knows a function; a built-in one has the file "~"."""

SHOWN = 16


def measure_breakdown(cases: int) -> str:
    """The table: own time by module, with the built-in functions that it calls, of the cases after the first.

    Beside it, the same less what bare pytest spends in that module.
    """
    ours, bare = _of_cases(OURS, cases), _of_cases(BARE, cases)
    more = Counter({name: part - bare[name] for name, part in ours.items()})
    total, beyond = ours.total(), more.total()
    shown = [name for name, _ in more.most_common(SHOWN)]
    rows = [(f"`{name}`", f"{ours[name] / total:.1%}", f"{more[name] / beyond:.1%}") for name in shown]
    rest = [1 - sum(spent[name] for name in shown) / spent.total() for spent in (ours, more)]
    head = ("module", "share of own time", "of what is beyond bare pytest")
    return table(head, [*rows, ("all others", *(f"{one:.1%}" for one in rest))])


def _of_cases(subject: Subject, cases: int) -> Counter[str]:
    """Seconds by module, less those of a process with one case."""
    for size in (1, cases):
        replayed(subject, size)  # the profiler's clock runs on while a cold disk is read
    spent = _profiled(subject, cases)
    spent.subtract(_profiled(subject, 1))
    return +spent  # what is only done once differs a little, also to the other side


def _profiled(subject: Subject, cases: int) -> Counter[str]:
    folder, arguments = subject.replay(cases)
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch, "profile")
        command = [subject.python, "-m", "cProfile", "-o", target, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        run([*command, *arguments], folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        functions = pstats.Stats(str(target)).stats  # type: ignore[attr-defined] # since Python 2, and untyped
    spent: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in functions.items():
        if function[0] != "~":
            spent[_module(function)] += own
        else:
            for caller, (_, _, part, _) in callers.items():
                spent[_module(caller)] += part
    return spent


def _module(function: Function) -> str:
    """A module of ours, or the package of another."""
    file = function[0]
    if file == "~":
        return "built-in"
    if file.startswith("<"):
        return file.removeprefix("<frozen ").strip("<>")
    path = Path(file)
    parts = path.parts
    if "pytest_llm" in parts:
        inner = parts[len(parts) - parts[::-1].index("pytest_llm") :]
        return "pytest_llm." + ".".join([*inner[:-1], path.stem])
    if "site-packages" in parts:
        package = parts[parts.index("site-packages") + 1].removesuffix(".py")
        return "pytest" if package in {"_pytest", "pluggy"} else package
    return path.parent.name if path.stem in {"__init__", "decoder", "encoder", "scanner"} else path.stem
