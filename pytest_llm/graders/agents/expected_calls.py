"""What tool calls are expected, and which calls meet it. PYTEST_DONT_REWRITE

An expected call is a JSON object: `name`; `arguments`, those that have to be there; `one_of`, from an argument to the
values that it may have; `optional`, which of all these may be absent. No value is read as a pattern, so that
`{"$in": […]}` may itself be an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pytest_llm.calls import ToolCall
from pytest_llm.errors import GraderError
from pytest_llm.graders.parameters import a_json, a_word, refused, some
from pytest_llm.graders.reading import CannotRead, expected_of
from pytest_llm.graders.structure.fields import compare
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

MOST_CALLS = 5
_KEYS = ("name", "arguments", "one_of", "optional")

Arguments = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """One call that is expected."""

    name: str
    arguments: Arguments
    one_of: Mapping[str, Sequence[JSON]] = field(default_factory=dict)
    optional: Sequence[str] = ()

    @property
    def told(self) -> dict[str, JSON]:
        """It as JSON; what was left at its default is absent, but for the arguments."""
        more = {"one_of": dict(self.one_of), "optional": list(self.optional)}
        return {"name": self.name, "arguments": dict(self.arguments)} | {key: one for key, one in more.items() if one}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How a call is compared with an expected one."""

    #: Whether a call has these arguments and no others.
    exact: bool = False
    #: Whether its arguments are not looked at.
    names_only: bool = False
    #: By tool, what an argument that is absent means.
    defaults: Mapping[str, Arguments] = field(default_factory=dict)
    #: Arguments that are left out of account on both sides; `*` stands for any letters.
    ignore: Sequence[str] = ()

    def meets(self, call: ToolCall, wanted: ExpectedCall) -> bool:
        """Whether a call is the expected one."""
        if call.name != wanted.name:
            return False
        if self.names_only:
            return True
        if not isinstance(call.arguments, Mapping):
            return False
        expected, got = self.sides(call.arguments, wanted)
        if self.exact:
            return not compare(expected, got).differences
        return _includes(got, expected)

    def sides(self, arguments: Arguments, wanted: ExpectedCall) -> tuple[dict[str, JSON], dict[str, JSON]]:
        """The arguments expected of this call, and those it has.

        Of the values that one may have the expected one is the one it has, if that is allowed, else the first.
        """
        defaults = self.defaults.get(wanted.name, {})
        got = self._kept({**defaults, **arguments})
        expected = dict(wanted.arguments)
        for name, values in wanted.one_of.items():
            met = (value for value in values if name in got and self._same(value, got[name]))
            expected[name] = next(met, values[0])
        for name in wanted.optional:
            if name not in got:
                del expected[name]
        # An argument of which nothing is expected is none too many where it says no more than its default.
        return self._kept({**defaults, **expected} if self.exact else expected), got

    def _same(self, wanted: JSON, got: JSON) -> bool:
        return not compare(wanted, got).differences if self.exact else _includes(got, wanted)

    def _kept(self, arguments: Arguments) -> dict[str, JSON]:
        return {
            name: value
            for name, value in arguments.items()
            if not any(fnmatchcase(name, pattern) for pattern in self.ignore)
        }

    def unmet(self, wanted: Sequence[ExpectedCall], calls: Sequence[ToolCall]) -> list[ExpectedCall]:
        """The expected calls without a call of their own, where as many as possible have one.

        Taking the first call that fits is not enough: `search` would take `search(q=1)` away from `search(q=1)`. So an
        expected call that finds its calls taken asks their owners to move (Kuhn's matching in a bipartite graph).
        """
        fits = [[place for place, call in enumerate(calls) if self.meets(call, one)] for one in wanted]
        owner: dict[int, int] = {}

        def settle(one: int, asked: set[int]) -> bool:
            for place in fits[one]:
                if place not in asked:
                    asked.add(place)
                    if place not in owner or settle(owner[place], asked):
                        owner[place] = one
                        return True
            return False

        return [wanted[one] for one in range(len(wanted)) if not settle(one, set())]

    def unmet_in_order(self, wanted: Sequence[ExpectedCall], calls: Sequence[ToolCall]) -> list[ExpectedCall]:
        """What is left of the expected calls after going through the calls once."""
        left = list(wanted)
        for call in calls:
            if left and self.meets(call, left[0]):
                left.pop(0)
        return left


def expected_calls(grader: str, values: object, *, none_too: bool = False) -> list[ExpectedCall]:
    """The expected calls that a grader was given. Raises GraderError."""
    if none_too and isinstance(values, (list, tuple)) and not values:
        return []
    listed: Iterable[object] = values  # type: ignore[assignment]  # what is none is refused by `some`
    return [_expected_call(grader, one) for one in some(grader, "expected", listed)]


def calls_expected_of(grader: str, case: Case | None, *, none_too: bool = False) -> list[ExpectedCall]:
    """The expected calls of a case. Raises CannotRead."""
    try:
        return expected_calls(grader, expected_of(case), none_too=none_too)
    except GraderError as problem:
        raise CannotRead(f"`expected` of the case cannot be used: {str(problem).partition(chr(10))[0]}") from None


def shown(call: ToolCall | ExpectedCall) -> str:
    """A call for a person."""
    if isinstance(call, ToolCall):
        # Arguments that are no JSON are shown as the model wrote them.
        return f"{quoted(call.name)} with {quoted(call.arguments_text if call.arguments is None else call.arguments)}"
    more = [f"{quoted(name)} one of {quoted(values)}" for name, values in call.one_of.items()]
    more += [f"optional {quoted(call.optional)}"] * bool(call.optional)
    return ", ".join([f"{quoted(call.name)} with {quoted(call.arguments)}", *more])


def listed(calls: Sequence[ToolCall]) -> str:
    """The first of some calls for a person."""
    if not calls:
        return "no tool call"
    rest = f" and {len(calls) - MOST_CALLS} more" if len(calls) > MOST_CALLS else ""
    return ", ".join(shown(call) for call in calls[:MOST_CALLS]) + rest


def _expected_call(grader: str, one: object) -> ExpectedCall:
    fix = f'{grader}([{{"name": "search", "arguments": {{"query": "…"}}}}])'
    if not isinstance(one, Mapping):
        raise refused(grader, "expected", one, "is no object with name and arguments", fix)
    unknown = [key for key in one if key not in _KEYS]
    if unknown:
        raise refused(grader, "expected", one, f"has the unknown key {unknown[0]!r}", fix)
    arguments = an_object(grader, "arguments", one.get("arguments", {}), fix)
    allowed = an_object(grader, "one_of", one.get("one_of", {}), '"one_of": {"unit": ["C", "F"]}')
    for name, values in allowed.items():
        if not isinstance(values, list) or not values:
            raise refused(
                grader, "one_of", allowed, f"has no list of values for {name!r}", f'"one_of": {{"{name}": […]}}'
            )
        if name in arguments:
            raise refused(grader, "one_of", allowed, f"has {name!r}, and so has arguments", "it in one of the two")
    optional = one.get("optional", [])
    if not isinstance(optional, (list, tuple)) or not all(isinstance(name, str) for name in optional):
        raise refused(grader, "optional", optional, "is no list of names of arguments", '"optional": ["unit"]')
    for name in optional:
        if name not in arguments and name not in allowed:
            why = f"has {name!r}, of which neither arguments nor one_of says what it may be"
            raise refused(grader, "optional", optional, why, f'"arguments": {{"{name}": …}}')
    return ExpectedCall(a_word(grader, "name", one.get("name")), arguments, allowed, tuple(dict.fromkeys(optional)))


def an_object(grader: str, parameter: str, value: object, fix: str) -> dict[str, JSON]:
    """A JSON object, copied. Raises GraderError."""
    copy = a_json(grader, parameter, value)
    if not isinstance(copy, dict):
        raise refused(grader, parameter, copy, "is no object", fix)
    return copy


def _includes(got: JSON, wanted: JSON) -> bool:
    """Whether a value has all that is wanted: objects may have more names, arrays not more items."""
    if isinstance(wanted, Mapping):
        return isinstance(got, Mapping) and all(
            name in got and _includes(got[name], inner) for name, inner in wanted.items()
        )
    if isinstance(wanted, list):
        same_length = isinstance(got, list) and len(got) == len(wanted)
        return same_length and all(_includes(one, inner) for one, inner in zip(got, wanted, strict=True))
    return not compare(wanted, got).differences
