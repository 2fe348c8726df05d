"""What an attempt of a correction costs beyond its HTTP call, beside instructor and beside bare calls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from measure import Spread
from table import table, versions
from workload import PACKAGE, Subject

INSTRUCTOR = Subject(name="instructor", project="", requirements=("instructor", "openai", "pydantic"))
PROBE = Path(__file__).with_name("probe_correction.py")


def measure_correction(rounds: int, *, others: bool) -> str:
    """The tables: a run of two attempts by each, and how ours grows."""
    python = INSTRUCTOR.python if others else Path(sys.executable)
    if others:  # the same interpreter, openai and pydantic for both
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE.parent]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    said = subprocess.run([python, PROBE, str(rounds)], check=True, capture_output=True, text=True).stdout
    found = {name: [1000 * value for value in values] for name, values in json.loads(said).items()}
    bare = found["bare"]
    rows = []
    for name in ("bare", "pytest-llm-evals", "instructor"):
        if name in found:
            beyond = [value - base for value, base in zip(found[name], bare, strict=True)]
            ratio = [value / base for value, base in zip(found[name], bare, strict=True)]
            rows.append([name, _range(found[name], 2), "" if name == "bare" else _range(beyond, 2), _range(ratio, 2)])
    head = [f"{rounds} rounds: median (min–max)", "CPU ms an attempt", "beyond the bare call", "of the bare call"]
    with_what = f"With {versions(python, ('instructor', 'openai', 'pydantic', 'tenacity'))}."
    return "\n\n".join([table(head, rows), *_against(found), with_what, _growth(found)])


def _against(found: dict[str, list[float]]) -> list[str]:
    if "instructor" not in found:
        return []
    pairs = list(zip(found["pytest-llm-evals"], found["instructor"], found["bare"], strict=True))
    whole = [ours / theirs for ours, theirs, _ in pairs]
    beyond = [(ours - bare) / (theirs - bare) for ours, theirs, bare in pairs]
    return [f"Ours of instructor's: {_range(whole, 2)}; beyond the bare call {_range(beyond, 2)}."]


def _growth(found: dict[str, list[float]]) -> str:
    base = found["pytest-llm-evals"]
    rows = [
        [name, _range(found[name], 2), _range([value / one for value, one in zip(found[name], base, strict=True)], 2)]
        for name in found
        if name not in ("bare", "pytest-llm-evals", "instructor")
    ]
    return table(["ours", "CPU ms an attempt", "of the run above"], rows)


def _range(values: list[float], digits: int) -> str:
    return Spread(tuple(values)).range(digits)
