"""Graders of structured outputs. PYTEST_DONT_REWRITE

What they leave out of account, where asked: `ignore` are JSON Pointers (RFC 6901; `*` is any step, "/lines/*/at") of
what is not compared, `unordered` those of arrays whose order does not count (True: of all), `abs_tol` and `rel_tol` how
far a number may be off.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_llm.calls import Response
from pytest_llm.graders.grader import Grader, Told
from pytest_llm.graders.parameters import a_json, a_share, a_text, refused, some
from pytest_llm.graders.reading import CannotRead, NotConforming, expected_of, json_of, plain
from pytest_llm.graders.structure.fields import NOTHING, Comparison, at, compare
from pytest_llm.graders.structure.leeway import Leeway, Steps, a_leeway, steps_of
from pytest_llm.graders.text.plain import same_text
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, pointer, quoted


def equals_expected(
    *,
    ignore: Iterable[str] | None = None,
    unordered: Iterable[str] | bool = False,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
) -> Grader:
    """The output is the `expected` of its case.

    Texts are compared as texts, without blanks around them; all else field by field as JSON, where 1 equals 1.0 and
    true does not equal 1. A text that should be JSON and is not fails.
    """
    leeway, params = a_leeway("equals_expected", ignore=ignore, unordered=unordered, abs_tol=abs_tol, rel_tol=rel_tol)

    def grade(output: object, case: Case | None) -> Told:
        expected = plain(expected_of(case))
        text = _free_text(output)
        if isinstance(expected, str) and text is not None:
            return same_text(text, expected)
        return _compared(expected, json_of(output), leeway)

    return Grader(name="equals_expected", function=grade, params=params)


def json_equals(
    value: JSON,
    *,
    ignore: Iterable[str] | None = None,
    unordered: Iterable[str] | bool = False,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
) -> Grader:
    """The output is this JSON, field by field."""
    expected = a_json("json_equals", "value", value)
    leeway, params = a_leeway("json_equals", ignore=ignore, unordered=unordered, abs_tol=abs_tol, rel_tol=rel_tol)

    def grade(output: object, _case: Case | None) -> Told:
        return _compared(expected, json_of(output), leeway)

    return Grader(name="json_equals", function=grade, params=(("value", expected), *params))


def fields_match(
    fields: Iterable[str] | None = None,
    *,
    expected: JSON = None,
    threshold: float | None = None,
    ignore: Iterable[str] | None = None,
    unordered: Iterable[str] | bool = False,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
) -> Grader:
    """The share of fields that are right, of all fields that are expected or there: an extra field is a wrong one.

    `fields` are the names, or JSON Pointers, of those to compare; by default all. Compared with `expected` of the case
    unless it is given. An output that is invalid, or no JSON, scores 0.
    """
    limit = a_share("fields_match", "threshold", threshold)
    leeway, left_out = a_leeway("fields_match", ignore=ignore, unordered=unordered, abs_tol=abs_tol, rel_tol=rel_tol)
    given = None if expected is None else a_json("fields_match", "expected", expected)
    # Without a choice it is the whole, which no steps lead to.
    chosen: list[Steps] = [()] if fields is None else [_steps(name) for name in some("fields_match", "fields", fields)]

    def grade(output: object, case: Case | None) -> Told:
        wanted = plain(expected_of(case)) if given is None else given
        for steps in chosen:
            if at(wanted, steps) is NOTHING:
                raise CannotRead(f"`expected` has no field {quoted(pointer(steps))}")
        try:
            got = json_of(output)
        except NotConforming as problem:
            return 0.0, str(problem)
        parts = [compare(at(wanted, steps), at(got, steps), steps, leeway) for steps in chosen]
        differences = tuple(one for part in parts for one in part.differences)
        found = Comparison(fields=sum(part.fields for part in parts), differences=differences)
        if not found.fields:
            raise CannotRead("no field is left to compare: `ignore` has them all")
        return found.share, found.text

    params = (("fields", None if fields is None else [pointer(steps) for steps in chosen]), ("expected", given))
    return Grader(
        name="fields_match",
        function=grade,
        params=tuple(pair for pair in params if pair[1] is not None) + left_out,
        threshold=limit,
        score_only=limit is None,
    )


def _free_text(output: object) -> str | None:
    """The text of an output that is plain text: a str, or a response whose schema, if any, does not read JSON."""
    if isinstance(output, str):
        return output
    if isinstance(output, Response) and (
        output.report is None or (output.report.valid and output.report.leniency is None)
    ):
        return output.text
    return None


def _compared(expected: JSON, got: JSON, leeway: Leeway) -> tuple[bool, str]:
    found = compare(expected, got, leeway=leeway)
    return not found.differences, found.text


def _steps(name: object) -> Steps:
    text = a_text("fields_match", "fields", name)
    if not text:
        raise refused("fields_match", "fields", text, "names no field", 'fields=["currency", "/lines/0/sku"]')
    if not text.startswith("/"):
        return (text,)
    return steps_of(text)
