"""Outputs that people have graded, in a file of JSON lines. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_llm.cli.place import shown
from pytest_llm.errors import CalibrationError
from pytest_llm.graders.judges.judging import Golden
from pytest_llm.prompts import Case
from pytest_llm.schemas import load_json

_KEYS = ("output", "passes", "inputs", "expected", "context")


def read_labels(path: Path) -> list[Golden]:
    """The outputs that people have graded. Raises CalibrationError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"the labelled outputs cannot be read: {error}", where=shown(path)) from error
    found = [_label(line, f"{shown(path)}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if {one.passes for one in found} != {True, False}:
        raise CalibrationError(
            "there have to be outputs that pass and outputs that fail; of one kind nothing is learnt",
            where=shown(path),
            fix={"add": '{"output": "…", "passes": false}'},
        )
    return found


def _label(line: str, where: str) -> Golden:
    fix = {"write": '{"output": "…", "passes": true}'}
    try:
        told, _ = load_json(line, "strict")
    except ValueError as error:
        raise CalibrationError(f"the line is no JSON: {error}", where=where, fix=fix) from error
    if not isinstance(told, Mapping):
        raise CalibrationError("the line is no object", where=where, fix=fix)
    if unknown := [key for key in told if key not in _KEYS]:
        raise CalibrationError(f"unknown key {unknown[0]!r}", where=where, instead=_KEYS)
    if not isinstance(told.get("output"), str) or not isinstance(told.get("passes"), bool):
        raise CalibrationError("output is to be a text, and passes true or false", where=where, fix=fix)
    if not isinstance(told.get("inputs", {}), dict):
        raise CalibrationError("inputs is to be an object", where=where, fix=fix)
    case = Case(
        id="labelled", inputs=told.get("inputs", {}), expected=told.get("expected"), context=told.get("context")
    )
    return Golden(output=told["output"], case=case, passes=told["passes"])
