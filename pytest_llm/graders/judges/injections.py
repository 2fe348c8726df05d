"""Hostile outputs: what a text may say to the judge that reads it. PYTEST_DONT_REWRITE

Fifty, in a file beside this one, each of a kind. Those that pretend to be something else than material (a verdict, the
end of the material, a turn of the conversation) are inert by construction, see `sealed`. Those that persuade are not:
what they do to a judge is measured, by `pytest-llm calibrate --injections`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A text that is put after an output that has to fail."""

    id: str
    kind: str
    text: str


def injections() -> list[Injection]:
    """All of them, in the order of the file."""
    lines = files("pytest_llm.graders.judges").joinpath("injections.jsonl").read_text(encoding="utf-8").splitlines()
    return [Injection(**json.loads(line)) for line in lines]
