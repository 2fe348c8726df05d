"""Code out of an output, without the fence around it. PYTEST_DONT_REWRITE

One rule for all graders of code, the one that a prompt's schema has: with `leniency="fence"`, the default, the text may
be one fenced block and nothing else, and then what is in it counts; with "strict" the text counts as it is.
"""

from __future__ import annotations

from typing import Literal, get_args

from pytest_llm.graders.parameters import refused
from pytest_llm.graders.reading import CannotRead, text_of
from pytest_llm.schemas import fenced

CodeLeniency = Literal["strict", "fence"]

#: Parsers that are written in Python, or make an object of each token, take seconds for more.
LONGEST_CODE = 200_000


def a_leniency(grader: str, value: object) -> tuple[tuple[str, str], ...]:
    """One of the two, as parameters: absent where it is the default."""
    if value not in get_args(CodeLeniency):
        raise refused(grader, "leniency", value, 'is neither "fence" nor "strict"', 'leniency="strict"')
    return () if value == "fence" else (("leniency", "strict"),)


def code_of(output: object, leniency: CodeLeniency, *, longest: int | None = LONGEST_CODE) -> str:
    """The code of an output. Raises CannotRead where there is none, or too much of it."""
    text = text_of(output)
    inner = fenced(text) if leniency == "fence" else None
    code = text if inner is None else inner
    if longest is not None and len(code) > longest:
        raise CannotRead(f"it is longer than {longest:,} characters, which would take long to parse")
    return code
