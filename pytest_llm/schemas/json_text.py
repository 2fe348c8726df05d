"""From a text to the JSON document in it, with no more help than was allowed. PYTEST_DONT_REWRITE

Python's own reader is lenient where it hurts an evaluation: of a repeated key the last value wins, `NaN` and `1e999`
are numbers, and a deep enough text ends in a RecursionError. Here these are mistakes of the text.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Never, get_args

from pytest_llm.errors import MissingExtra, SchemaError
from pytest_llm.schemas.issue import JSON, Issue, Leniency, quoted
from pytest_llm.schemas.json_in_prose import last_document
from pytest_llm.schemas.json_syntax import Fault, fault_in

#: Arrays and objects inside each other; what pydantic's reader takes, so that every validator refuses the same texts.
DEEPEST = 200
#: Digits of an integer; what Python reads unless told otherwise (CVE-2020-10735).
LONGEST_INTEGER = 4300

LEVELS: tuple[Leniency, ...] = get_args(Leniency)

_BLANKS = " \t\n\r\v\f\x85\xa0\u2028\u2029\u3000\ufeff"
_FENCE = re.compile(r"(`{3,}+|~{3,}+)[^\n`]*\n")

Reason = Literal["syntax", "repeated key", "constant", "overflow", "digits", "depth", "repair"]


ANY = "a JSON document"
_BEFORE, _AFTER = 48, 28
"""Characters around a fault that are shown."""


class NotJson(ValueError):
    """A text is not the one JSON document that was asked for."""

    def __init__(self, message: str = "", *, reason: Reason = "syntax", expected: str = ANY, text: str = "") -> None:
        super().__init__(message)
        self.reason: Reason = reason
        #: What would have been read, in words.
        self.expected = expected
        self._text = self._whole = text

    def within(self, whole: str) -> NotJson:
        """Return the same, of a text that is a part of a whole one, whose lines are counted."""
        self._whole = whole
        return self

    @functools.cached_property
    def fault(self) -> Fault | None:
        """What is wrong with the syntax, and where in the whole text; None where nothing begins like JSON."""
        found = fault_in(self._text)
        if found is None or self._whole is self._text:
            return found
        return replace(found, position=found.position + self._whole.find(self._text))

    def __str__(self) -> str:
        told = self.fault.told(self._whole) if self.fault else "nothing in it begins like JSON"
        return super().__str__() or told

    @property
    def excerpt(self) -> str:
        """The text around the fault."""
        at = self.fault.position if self.fault else 0
        before, after = self._whole[max(0, at - _BEFORE) : at], self._whole[at : at + _AFTER]
        return f"{'…' * (at > _BEFORE)}{before}{after}{'…' * (at + _AFTER < len(self._whole))}"


def load_json(text: str, leniency: Leniency = "fence") -> tuple[JSON, Leniency]:
    r"""The JSON document of a text, and the leniency that was needed to read it; a NotJson (a ValueError) if none is.

    * strict: the text is JSON.
    * fence: the text is one fenced block with JSON in it; or JSON has a byte order mark or foreign blanks around it.
    * extract: the last array or object in the text that is not inside another one.
    * repair: what json_repair makes of it. It guesses: a cut off `{"role": "adm` becomes `{"role": "adm"}`.

    >>> load_json('```json\n{"due": null}\n```')
    ({'due': None}, 'fence')
    """
    allowed = checked_leniency(leniency)
    try:
        return _strict(text), "strict"
    except NotJson as wrong:
        problem = wrong
    if allowed >= LEVELS.index("fence") and (inner := _unwrapped(text)) != text:
        try:
            return _strict(inner), "fence"
        except NotJson as wrong:
            problem = wrong.within(text)
    if allowed >= LEVELS.index("extract") and (found := last_document(text)) is not None:
        try:
            return _strict(found), "extract"
        except NotJson as wrong:
            problem = wrong.within(text)
    if allowed >= LEVELS.index("repair"):
        return _repaired(text), "repair"
    raise problem


def checked_leniency(leniency: str) -> int:
    """The place of a leniency among the levels, from 0; a SchemaError or MissingExtra when it cannot be used."""
    if leniency not in LEVELS:
        raise SchemaError(f"leniency={leniency!r} is not a level", instead=[repr(level) for level in LEVELS])
    if leniency == "repair":
        _repairer()
    return LEVELS.index(leniency)


def json_issue(problem: NotJson, text: str) -> Issue:
    """The finding for a text that could not be read."""
    start = text if len(text) <= 80 else f"{text[:77]}..."
    told = str(problem)
    plain = Issue(
        path="",
        code="syntax",
        expected=problem.expected,
        got=quoted(start, longest=500),  # a character can become six: \u0007
        message=told,
        source="json",
        source_code=problem.reason,
    )
    if problem.fault is None:
        return plain
    return Issue(
        path="",
        code="syntax",
        expected=f"{ANY} ({told})",
        got=quoted(problem.excerpt, longest=500),
        message=told,
        source="json",
        source_code=problem.reason,
        former=plain,
    )


def _strict(text: str) -> JSON:
    """The document that the whole text is."""
    try:
        data = json.loads(
            text, parse_constant=_constant, parse_float=_float, parse_int=_integer, object_pairs_hook=_object
        )
    except json.JSONDecodeError:
        raise NotJson(text=text) from None
    except RecursionError:
        raise _too_deep() from None
    # Counting brackets is quick, and enough for nearly every reply.
    if text.count("[") + text.count("{") > DEEPEST and deeper_than(DEEPEST, data):
        raise _too_deep()
    return data


def _constant(name: str) -> Never:
    raise NotJson(f"{name} is not JSON", reason="constant", expected=f"a JSON document ({name} is not a JSON value)")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        shown = quoted(digits, 40)
        raise NotJson(
            f"the number {shown} is too large",
            reason="overflow",
            expected=f"a JSON document (the number {shown} is too large)",
        )
    return number


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise NotJson(
            f"an integer of {len(digits)} digits",
            reason="digits",
            expected=f"a JSON document (an integer has {len(digits)} digits, {LONGEST_INTEGER} is the limit)",
        )
    return int(digits)


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        times = Counter(name for name, _ in pairs)
        repeated = quoted(next(name for name in fields if times[name] > 1), 40)
        raise NotJson(
            f"the key {repeated} is repeated",
            reason="repeated key",
            expected=f"a JSON document (the key {repeated} is repeated)",
        )
    return fields


def _too_deep() -> NotJson:
    return NotJson(
        f"nested more than {DEEPEST} deep",
        reason="depth",
        expected=f"a JSON document (this one is nested more than {DEEPEST} deep)",
    )


def deeper_than(limit: int, data: JSON) -> bool:
    """Whether there are more than so many arrays and objects inside each other."""
    level = [data]
    for _ in range(limit):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, dict | list) for value in level)


def _unwrapped(text: str) -> str:
    """The text without surrounding blanks, and without its fence when all of it is one fenced block."""
    inner = fenced(text)
    return text.strip(_BLANKS) if inner is None else inner


def fenced(text: str) -> str | None:
    r"""What is in the fenced block that all of the text is, blanks around it aside; None where it is none.

    >>> fenced('```sql\nSELECT 1\n```')
    'SELECT 1\n'
    """
    bare = text.strip(_BLANKS)
    opening = _FENCE.match(bare)
    if opening is None:
        return None
    fence = opening[1]
    body = bare[opening.end() :]
    inner = body.rstrip(fence[0])
    # A line that ends the block before its end: there are two blocks, with prose between them.
    alone = len(body) - len(inner) >= len(fence) and f"\n{fence}" not in f"\n{inner}"
    return inner if alone else None


def _repaired(text: str) -> JSON:
    """What json_repair makes of the text, once more read strictly: it can return infinity."""
    loads = _repairer()
    try:
        guess = loads(text, skip_json_loads=True)
        if guess in ("", [], {}, None):
            raise NotJson("json_repair found nothing in it", reason="repair")
        return _strict(json.dumps(guess))
    except NotJson:
        raise
    except Exception as wrong:  # whatever json_repair stumbles over is the text's fault: it promises to take any
        raise NotJson(f"json_repair gave up: {wrong}", reason="repair") from wrong


def _repairer() -> Callable[..., JSON]:
    try:
        import json_repair
    except ImportError:
        raise MissingExtra(
            'leniency="repair" needs json_repair, which is not installed',
            fix={"install it": "pip install 'pytest-llm-evals[repair]'"},
        ) from None
    loads: Callable[..., JSON] = json_repair.loads
    return loads
