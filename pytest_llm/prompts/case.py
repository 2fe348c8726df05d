"""One case: the inputs of a prompt, and what is known about the right answer. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_llm.errors import CaseError
from pytest_llm.schemas import JSON

LONGEST_SLUG = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a suite. Without an id: a slug of the first input and four hex digits of the inputs' digest."""

    id: str = ""
    inputs: Mapping[str, JSON] = field(default_factory=dict)
    #: The right answer; None where it is not told.
    expected: JSON = None
    tags: tuple[str, ...] = ()
    #: What graders of grounded answers compare with (retrieved passages, for instance); no template sees it.
    context: JSON = None
    #: Whether a failure of this case alone is a regression.
    critical: bool = False
    #: Where it was declared, "orders.jsonl:3"; "" when in code.
    where: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.inputs and not self.id:
            raise CaseError("a case has neither an id nor inputs", where=self.where or None)
        if not self.id:
            object.__setattr__(self, "id", id_of(self.inputs))

    @property
    def digest(self) -> str:
        """16 hex digits over the question: inputs, what is expected, and what graders compare with."""
        return digest({"inputs": dict(self.inputs), "expected": self.expected, "context": self.context})[:16]

    def __getitem__(self, name: str) -> Any:
        """One input by its name. Raises KeyError, which names the inputs that there are."""
        if name not in self.inputs:
            raise KeyError(f"case {self.id!r} has no input {name!r}; it has {', '.join(self.inputs) or 'none'}")
        return self.inputs[name]


def id_of(inputs: Mapping[str, JSON]) -> str:
    """An id that does not depend on the position of a case, so that inserting one renames none.

    >>> id_of({"email": "Please send 36 oak bottles."})
    'please-send-36-oak-bottles-9e8d'
    """
    first = next(iter(inputs.values()))
    text = first if isinstance(first, str) else json.dumps(first, ensure_ascii=False, default=str)
    slug = slug_of(text)[:40].strip("-")
    return f"{slug}-{digest(inputs)[:4]}" if slug else digest(inputs)[:8]


def slug_of(text: str) -> str:
    """Lower-case letters and digits of any script, joined by single hyphens."""
    return re.sub(r"[\W_]+", "-", text[:200].casefold()).strip("-")


def digest(value: JSON) -> str:
    """The sha256, in hex, of a value's JSON with sorted keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
