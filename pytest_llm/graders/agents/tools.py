"""Graders of tool calls: of one reply, or of all that an agent did. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_llm.calls import ToolCall
from pytest_llm.graders.agents.expected_calls import (
    Arguments,
    ExpectedCall,
    Matching,
    an_object,
    calls_expected_of,
    expected_calls,
    listed,
    shown,
)
from pytest_llm.graders.agents.steps import tool_calls_of
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_share, a_word, refused, some
from pytest_llm.graders.structure.fields import compare
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, quoted


def tool_calls(
    expected: Iterable[Mapping[str, JSON]] | None = None,
    *,
    exact: bool = False,
    ordered: bool | None = None,
    defaults: Mapping[str, Arguments] | None = None,
    ignore: Iterable[str] | None = None,
) -> Grader:
    """The model asked for these tools: each expected call is met by a call of its own.

    A call is met by one of the same name whose arguments include the expected ones, at any depth (an array by one of
    the same length). `ordered`: in this order, others may come between. `exact`: these calls, with these arguments and
    no others, in this order unless `ordered=False`; `tool_calls([], exact=True)` is "no tool at all". Compared with
    `expected` of the case unless it is given.

    An expected call may say more than `name` and `arguments`: `one_of` gives several values that an argument may have,
    `optional` names the arguments that may be absent. `defaults` are, by tool, what an absent argument means; `ignore`
    are arguments that do not count, `*` in them standing for any letters.
    """
    matching = Matching(exact=exact, defaults=_defaults(defaults), ignore=_ignored(ignore))
    in_order = exact if ordered is None else ordered
    given = None if expected is None else expected_calls("tool_calls", expected, none_too=exact)

    def grade(output: object, case: Case | None) -> Told:
        calls = tool_calls_of(output)
        wanted = calls_expected_of("tool_calls", case, none_too=exact) if given is None else given
        if exact and len(wanted) != len(calls):
            return False, f"expected {len(wanted)} tool calls, got {len(calls)}: {listed(calls)}"
        if exact and in_order:
            return _one_by_one(matching, wanted, calls)
        absent = (matching.unmet_in_order if in_order else matching.unmet)(wanted, calls)
        if not absent:
            return True
        rest = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        order = " in this order" if in_order else ""
        return False, f"no call of its own{order} for {shown(absent[0])}{rest}; got {listed(calls)}"

    params = (
        ("expected", None if given is None else [one.told for one in given]),
        ("exact", exact or None),
        ("ordered", None if in_order == exact else in_order),
        ("defaults", {tool: dict(values) for tool, values in matching.defaults.items()} or None),
        ("ignore", list(matching.ignore) or None),
    )
    told = tuple(pair for pair in params if pair[1] is not None)
    return Grader(name="tool_calls", function=grade, params=told)


def tool_call_f1(
    expected: Iterable[Mapping[str, JSON]] | None = None, *, names_only: bool = False, threshold: float | None = None
) -> Grader:
    """How far the calls are the expected ones: F1 over pairs of name and arguments, each as often as it occurs.

    With n calls, m expected and c of them met by a call of their own, precision is c/n, recall c/m, and F1, their
    harmonic mean, 2c/(n+m); 1 where none is expected and none came. Arguments are compared whole, as JSON; with
    `names_only` they do not count. Where no call occurs twice it is the definition of ragas, `ToolCallF1`, before that
    is rounded to four places. It takes sets, for which five calls are as good as the one that was expected, and gives
    0 to the right answer "no tool". Compared with `expected` of the case unless it is given.
    """
    limit = a_share("tool_call_f1", "threshold", threshold)
    matching = Matching(exact=True, names_only=names_only)
    given = None if expected is None else expected_calls("tool_call_f1", expected)

    def grade(output: object, case: Case | None) -> Told:
        calls = tool_calls_of(output)
        wanted = calls_expected_of("tool_call_f1", case, none_too=True) if given is None else given
        unmet = matching.unmet(wanted, calls)
        met = len(wanted) - len(unmet)
        if met == len(wanted) == len(calls):
            return 1.0
        counts = f"{met} of {len(wanted)} expected calls are there, among {len(calls)}"
        first = f"; no call of its own for {shown(unmet[0])}" if unmet else ""
        return 2 * met / (len(wanted) + len(calls)), f"{counts}{first}; got {listed(calls)}"

    params = (("expected", None if given is None else [one.told for one in given]), ("names_only", names_only or None))
    return Grader(
        name="tool_call_f1",
        function=grade,
        params=tuple(pair for pair in params if pair[1] is not None),
        threshold=limit,
        score_only=limit is None,
    )


def no_tool_call() -> Grader:
    """The model asked for no tool."""

    def grade(output: object, _case: Case | None) -> Told:
        calls = tool_calls_of(output)
        return (False, f"expected no tool call, got {len(calls)}: {listed(calls)}") if calls else True

    return Grader(name="no_tool_call", function=grade)


def _one_by_one(matching: Matching, wanted: Sequence[ExpectedCall], calls: Sequence[ToolCall]) -> tuple[bool, str]:
    for place, (one, call) in enumerate(zip(wanted, calls, strict=True), start=1):
        if one.name != call.name:
            return False, f"call {place}: expected the tool {quoted(one.name)}, got {quoted(call.name)}"
        if not isinstance(call.arguments, Mapping):
            return False, f"call {place}: expected {shown(one)}, got {shown(call)}"
        found = compare(*matching.sides(call.arguments, one))
        if found.differences:
            several = "".join(
                f"\n  {quoted(name)} may be one of {quoted(values)}" for name, values in one.one_of.items()
            )
            return False, f"call {place}, {quoted(call.name)}: {found.text}{several}"
    return True, ""


def _defaults(values: Mapping[str, Arguments] | None) -> dict[str, Arguments]:
    fix = 'defaults={"search": {"limit": 10}}'
    tools = an_object("tool_calls", "defaults", {} if values is None else values, fix)
    return {tool: an_object("tool_calls", "defaults", arguments, fix) for tool, arguments in tools.items()}


def _ignored(values: Iterable[str] | None) -> tuple[str, ...]:
    if values is None:
        return ()
    patterns = tuple(a_word("tool_calls", "ignore", one) for one in some("tool_calls", "ignore", values))
    for pattern in patterns:
        if not pattern.strip("*"):
            raise refused("tool_calls", "ignore", pattern, "leaves out every argument", 'ignore=["request_id"]')
    return patterns
