"""A grader of the way that an agent took. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_llm.graders.agents.steps import replies_of
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_count, a_word, refused, some
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted

MOST_TOOLS = 20


def trajectory(
    *,
    min_steps: int | None = None,
    max_steps: int | None = None,
    sequence: Iterable[str] | None = None,
    exact: bool = False,
    required: Iterable[str] | None = None,
    forbidden: Iterable[str] | None = None,
) -> Grader:
    """The way that an agent took: how many steps, and which tools it asked for.

    A step is one reply of the model, whatever number of tools it asks for at once. `sequence`: these tools in this
    order, others may come between; with `exact` these and no others. `required`: each at least once. `forbidden`:
    none of them ever. Their arguments are `tool_calls`'s business. It reads `llm_calls`, of which only the calls of the
    subject count, a list of Responses, or one; without a single call it is ungraded.
    """
    least = None if min_steps is None else a_count("trajectory", "min_steps", min_steps, least=1)
    most = None if max_steps is None else a_count("trajectory", "max_steps", max_steps, least=1)
    in_order, needed, banned = (
        _tools("sequence", sequence),
        _tools("required", required),
        _tools("forbidden", forbidden),
    )
    if not (most or in_order or needed or banned) and (least is None or least == 1):
        why = "without anything else could not fail: every way has a step"
        raise refused("trajectory", "min_steps", min_steps, why, 'trajectory(max_steps=5, forbidden=["delete"])')
    if least and most and least > most:
        why = f"is above max_steps={most}, so it could not pass"
        raise refused("trajectory", "min_steps", least, why, f"min_steps={most}, max_steps={least}")
    if exact and not in_order:
        raise refused(
            "trajectory", "exact", exact, "without a sequence says nothing", 'sequence=["search"], exact=True'
        )
    wanted = {*in_order, *needed}
    for tool in banned:
        if tool in wanted:
            raise refused(
                "trajectory", "forbidden", tool, "is wanted too, so it could not pass", "it in one of the two"
            )
    for tool in needed:
        if exact and tool not in in_order:
            why = "is not in the exact sequence, so it could not pass"
            raise refused("trajectory", "required", tool, why, f'sequence=[…, "{tool}"]')

    def grade(output: object, _case: Case | None) -> Told:
        replies = replies_of(output)
        tools = [call.name for reply in replies for call in reply.tool_calls]
        wrong = []
        if least and len(replies) < least:
            wrong.append(f"expected at least {least} steps, got {len(replies)}")
        if most and len(replies) > most:
            wrong.append(f"expected at most {most} steps, got {len(replies)}")
        if exact and tools != in_order:
            wrong.append(f"expected exactly the tools {_listed(in_order)}")
        elif absent := _left(in_order, tools):
            wrong.append(
                f"expected the tools {_listed(in_order)} in this order; there is no {quoted(absent[0])} in its place"
            )
        wrong += [f"the tool {quoted(tool)} was not asked for" for tool in needed if tool not in tools]
        wrong += [f"the forbidden tool {quoted(tool)} was asked for" for tool in banned if tool in tools]
        if not wrong:
            return True
        return False, "\n".join([*wrong, f"the tools were {_listed(tools)}"])

    params = (
        ("min_steps", least),
        ("max_steps", most),
        ("sequence", in_order or None),
        ("exact", exact or None),
        ("required", needed or None),
        ("forbidden", banned or None),
    )
    return Grader(name="trajectory", function=grade, params=tuple(pair for pair in params if pair[1] is not None))


def _tools(parameter: str, names: Iterable[str] | None) -> list[str]:
    if names is None:
        return []
    return [a_word("trajectory", parameter, one) for one in some("trajectory", parameter, names)]


def _left(sequence: Sequence[str], tools: Sequence[str]) -> list[str]:
    """What is left of a sequence after going through the tools once."""
    left = list(sequence)
    for tool in tools:
        if left and tool == left[0]:
            left.pop(0)
    return left


def _listed(tools: Sequence[str]) -> str:
    rest = f" and {len(tools) - MOST_TOOLS} more" if len(tools) > MOST_TOOLS else ""
    return (", ".join(quoted(tool) for tool in tools[:MOST_TOOLS]) or "none") + rest
