"""A grader of tool calls. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_llm.calls import Response, ToolCall
from pytest_llm.graders.fields import compare
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_json, a_word, refused, some
from pytest_llm.graders.reading import CannotRead, kind_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted

MOST_CALLS = 5
_FIX = 'tool_calls([{"name": "search", "arguments": {"query": "…"}}])'


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    arguments: Mapping[str, JSON]


def tool_calls(expected: Iterable[Mapping[str, JSON]], *, exact: bool = False, ordered: bool = False) -> Grader:
    """The model asked for these tools: each expected call is met by a call of its own.

    A call is met by one of the same name whose arguments include the expected ones, at any depth (an array by one of
    the same length). `ordered`: in this order, others may come between. `exact`: these calls, in this order, with
    these arguments and no others; `tool_calls([], exact=True)` is "no tool at all".
    """
    if exact and isinstance(expected, Sequence) and not isinstance(expected, str) and not expected:
        wanted: list[_Wanted] = []
    else:
        wanted = [_wanted(one) for one in some("tool_calls", "expected", expected)]

    def grade(output: object, _case: Case | None) -> Told:
        calls = _calls(output)
        if exact:
            return _exactly(wanted, calls)
        absent = _in_order(wanted, calls) if ordered else _unmatched(wanted, calls)
        if not absent:
            return True
        rest = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        order = " in this order" if ordered else ""
        return False, f"no call of its own{order} for {_shown(absent[0])}{rest}; got {_listed(calls)}"

    told = [{"name": one.name, "arguments": dict(one.arguments)} for one in wanted]
    options = (("exact", exact), ("ordered", ordered))
    params = (("expected", told), *(option for option in options if option[1]))
    return Grader(name="tool_calls", function=grade, params=params)


def _wanted(one: object) -> _Wanted:
    if not isinstance(one, Mapping):
        raise refused("tool_calls", "expected", one, "is no object with name and arguments", _FIX)
    unknown = [key for key in one if key not in ("name", "arguments")]
    if unknown:
        raise refused("tool_calls", "expected", one, f"has the unknown key {unknown[0]!r}", _FIX)
    arguments = a_json("tool_calls", "arguments", one.get("arguments", {}))
    if not isinstance(arguments, dict):
        raise refused("tool_calls", "arguments", arguments, "is no object", _FIX)
    return _Wanted(a_word("tool_calls", "name", one.get("name")), arguments)


def _calls(output: object) -> Sequence[ToolCall]:
    if isinstance(output, Response):
        return output.tool_calls
    if isinstance(output, (list, tuple)) and all(isinstance(one, ToolCall) for one in output):
        return output
    raise CannotRead(f"it reads a Response or a list of ToolCall, and was given {kind_of(output)}")


def _exactly(wanted: Sequence[_Wanted], calls: Sequence[ToolCall]) -> tuple[bool, str]:
    if len(wanted) != len(calls):
        return False, f"expected {len(wanted)} tool calls, got {len(calls)}: {_listed(calls)}"
    for place, (one, call) in enumerate(zip(wanted, calls, strict=True), start=1):
        if one.name != call.name:
            return False, f"call {place}: expected the tool {quoted(one.name)}, got {quoted(call.name)}"
        found = compare(one.arguments, call.arguments)
        if found.differences:
            return False, f"call {place}, {quoted(call.name)}: {found.text}"
    return True, ""


def _in_order(wanted: Sequence[_Wanted], calls: Sequence[ToolCall]) -> list[_Wanted]:
    """What is left of the expected calls after going through the calls once."""
    left = list(wanted)
    for call in calls:
        if left and _meets(call, left[0]):
            left.pop(0)
    return left


def _unmatched(wanted: Sequence[_Wanted], calls: Sequence[ToolCall]) -> list[_Wanted]:
    """The expected calls without a call of their own, where as many as possible have one.

    Taking the first call that fits is not enough: `search` would take `search(q=1)` away from `search(q=1)`. So an
    expected call that finds its calls taken asks their owners to move (Kuhn's matching in a bipartite graph).
    """
    owner: dict[int, int] = {}

    def settle(one: int, asked: set[int]) -> bool:
        for place, call in enumerate(calls):
            if place not in asked and _meets(call, wanted[one]):
                asked.add(place)
                if place not in owner or settle(owner[place], asked):
                    owner[place] = one
                    return True
        return False

    return [wanted[one] for one in range(len(wanted)) if not settle(one, set())]


def _meets(call: ToolCall, wanted: _Wanted) -> bool:
    return call.name == wanted.name and _includes(call.arguments, wanted.arguments)


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


def _shown(call: ToolCall | _Wanted) -> str:
    # Arguments that are no JSON are shown as the model wrote them.
    told = call.arguments_text if isinstance(call, ToolCall) and call.arguments is None else call.arguments
    return f"{quoted(call.name)} with {quoted(told)}"


def _listed(calls: Sequence[ToolCall]) -> str:
    if not calls:
        return "no tool call"
    rest = f" and {len(calls) - MOST_CALLS} more" if len(calls) > MOST_CALLS else ""
    return ", ".join(_shown(call) for call in calls[:MOST_CALLS]) + rest
