"""Graders of how a reply came about: its length and its end. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pytest_llm.calls import Response
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_count, a_word, refused
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

    return Grader(name="finish_reason", function=grade, params=(("allowed", wanted),))


def _response(output: object) -> Response:
    if isinstance(output, Response):
        return output
    raise CannotRead(f"it reads a Response, and was given {kind_of(output)}")
