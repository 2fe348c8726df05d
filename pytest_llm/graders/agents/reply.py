"""Graders of how a reply came about: its length, its end, what it cost and how long it took. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from pytest_llm.calls import Response
from pytest_llm.graders.agents.steps import steps_of
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_count, a_number, a_word, refused
from pytest_llm.graders.reading import CannotRead, kind_of
from pytest_llm.prompts import Case
from pytest_llm.schemas import quoted


def max_tokens(n: int) -> Grader:
    """The reply took at most `n` completion tokens; ungraded where the provider did not tell."""
    most = a_count("max_tokens", "n", n, least=1)

    def grade(output: object, _case: Case | None) -> Told:
        tokens = _response(output).usage.completion_tokens
        if tokens is None:
            raise CannotRead("the provider did not tell the completion tokens")
        return (True, "") if tokens <= most else (False, f"expected at most {most} completion tokens, got {tokens}")

    return Grader(name="max_tokens", function=grade, params=(("n", most),))


def finish_reason(*allowed: str) -> Grader:
    """The reply ended for one of these reasons ("stop", "length", …); ungraded where the provider did not tell."""
    if not allowed:
        raise refused("finish_reason", "allowed", allowed, "is empty, so nothing could pass", 'finish_reason("stop")')
    wanted = [a_word("finish_reason", "allowed", one) for one in allowed]

    def grade(output: object, _case: Case | None) -> Told:
        reason = _response(output).finish_reason
        if reason is None:
            raise CannotRead("the provider did not tell the finish reason")
        if reason in wanted:
            return True
        return False, f"expected the finish reason {' or '.join(map(quoted, wanted))}, got {quoted(reason)}"

    return Grader(name="finish_reason", function=grade, params=(("allowed", wanted),), on_empty="graded")


def max_cost(usd: float) -> Grader:
    """Pass a reply that cost at most so many US dollars; ungraded where no price is known.

    0 is what a model on a machine of one's own may cost. Of `llm_calls`, or a list of Responses, those of the subject
    are added.

    >>> from pytest_llm.calls import Response
    >>> max_cost(0).grade(Response(text="yes", cost=0.0)).state
    'passed'
    """
    most = a_number("max_cost", "usd", usd)
    if most < 0:
        raise refused("max_cost", "usd", usd, "is below 0, so it could not pass", "usd=0.5")

    def grade(output: object, _case: Case | None) -> Told:
        cost = _sum([step.cost for step in steps_of(output)], "what it cost is not known")
        return cost <= Fraction(str(most)), f"expected at most {most:g} US dollars, got {_shown(cost)}"

    return Grader(name="max_cost", function=grade, params=(("usd", most),), on_empty="graded")


def max_latency(seconds: float) -> Grader:
    """The reply took at most so many seconds on the wire, when it was asked: a replay tells what was recorded.

    Of `llm_calls`, or a list of Responses, those of the subject together, as if one had waited for the other. Ungraded
    where the time is not known.
    """
    most = a_number("max_latency", "seconds", seconds)
    if most <= 0:
        raise refused("max_latency", "seconds", seconds, "is not above 0, so it could not pass", "seconds=0.5")

    def grade(output: object, _case: Case | None) -> Told:
        latency = _sum([step.latency for step in steps_of(output)], "how long it took is not known")
        return (
            latency <= Fraction(str(most)),
            f"expected at most {most:g} seconds on the wire, got {_shown(latency)} (in a replay: as recorded)",
        )

    return Grader(name="max_latency", function=grade, params=(("seconds", most),), on_empty="graded")


def _sum(numbers: Sequence[float | None], unknown: str) -> Fraction:
    """The sum in decimals, for which 0.1 and 0.2 are 0.3. Raises CannotRead where a number is not known."""
    known = [one for one in numbers if one is not None and math.isfinite(one) and one >= 0]
    if len(known) < len(numbers):
        of = f" of {len(numbers) - len(known)} of {len(numbers)} calls" if len(numbers) > 1 else ""
        raise CannotRead(f"{unknown}{of}")
    return sum((Fraction(str(one)) for one in known), Fraction())


def _shown(number: Fraction) -> str:
    return f"{float(number):.6g}"


def _response(output: object) -> Response:
    if isinstance(output, Response):
        return output
    raise CannotRead(f"it reads a Response, and was given {kind_of(output)}")
