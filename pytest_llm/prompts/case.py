"""One case: the inputs of a prompt, and what is known about the right answer. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pytest_llm.errors import CaseError
from pytest_llm.schemas import JSON

LONGEST_SLUG = 60

Split = Literal["train", "dev", "test"]
"""What a case is for: to make examples of, to choose a variant by, or to report the chosen one on."""

NEW_KEYS = ("group", "split", "relevant")
"""Keys that were inputs in case files of earlier releases."""


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
    #: Cases of one group are related (one customer, one template) and are not independent of each other.
    group: str | None = None
    split: Split | None = None
    #: The ids of the passages that a right answer needs.
    relevant: tuple[str, ...] = ()
    #: Where it was declared, "orders.jsonl:3"; "" when in code.
    where: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        group: object = self.group  # of a file or of unchecked code it is anything, as the next two are
        if group is not None and not (isinstance(group, str) and group.strip()):
            raise self._unusable("group", "a text", '"group": "customer-7"')
        if self.split is not None and self.split not in get_args(Split):
            raise self._unusable("split", '"train", "dev" or "test"', '"split": "test"')
        ids: object = self.relevant
        if not isinstance(ids, list | tuple) or not all(isinstance(one, str) for one in ids):
            raise self._unusable("relevant", "a list of ids", '"relevant": ["note-7"]')
        object.__setattr__(self, "relevant", tuple(ids))
        if not self.inputs and not self.id:
            reserved = next(filter(self.has_key, NEW_KEYS), None)
            fix = None if reserved is None else as_input(reserved)
            raise CaseError("a case has neither an id nor inputs", where=self.where or None, fix=fix)
        if not self.id:
            object.__setattr__(self, "id", id_of(self.inputs))

    def _unusable(self, key: str, kind: str, example: str) -> CaseError:
        text = f"{key!r} is a reserved key of a case and is {kind}, not {getattr(self, key)!r:.80}"
        return CaseError(text, where=self.where or None, fix={"write": example, **as_input(key)})

    def has_key(self, name: str) -> bool:
        """Return whether the case sets the reserved key *name*, one of NEW_KEYS."""
        return name in NEW_KEYS and bool(getattr(self, name))

    @property
    def digest(self) -> str:
        """16 hex digits over the question: inputs, what is expected, and what graders compare with.

        `relevant` is part of it, as `context` is, because graders compare with it; it is left out where it is empty,
        so that digests in existing baselines stay the same. `group` and `split` say how a case is used, and not what
        is asked: setting them makes no case incomparable with its baseline.
        """
        question = {"inputs": dict(self.inputs), "expected": self.expected, "context": self.context}
        if self.relevant:
            question["relevant"] = list(self.relevant)
        return digest(question)[:16]

    def __getitem__(self, name: str) -> Any:
        """One input by its name. Raises KeyError, which names the inputs that there are."""
        if name in self.inputs:
            return self.inputs[name]
        text = f"case {self.id!r} has no input {name!r}; it has {', '.join(self.inputs) or 'none'}"
        if self.has_key(name):
            # In double quotes alone: a KeyError is shown by its repr, which would escape the one kind of two.
            [(label, fix)] = as_input(name).items()
            text = (
                f'case "{self.id}" has no input "{name}": it is a reserved key; read llm_case.{name}, or {label}: {fix}'
            )
        raise KeyError(text)


def as_input(key: str) -> dict[str, str]:
    """Return the fix, as errors take it, for a reserved *key* that is meant as an input of the case."""
    return {"as an input": f'{{"inputs": {{"{key}": …}}}}      (CSV: rename the column)'}


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
