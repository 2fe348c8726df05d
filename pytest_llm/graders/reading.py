"""What graders read out of an output and a case: text, JSON, the right answer. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from pytest_llm.calls import Response
from pytest_llm.prompts import Case
from pytest_llm.schemas import JSON, load_json, quoted

MOST_ISSUES = 5


class CannotRead(Exception):
    """This output or case is none that the grader can read: the grade is ungraded, with the message as its reason."""


class NotConforming(AssertionError):
    """The model was asked for a structure and did not give it: the grade is failed, with the message as its reason."""


def text_of(output: object) -> str:
    """The text of an output, whether it conforms to a schema or not. Raises CannotRead where there is none."""
    if isinstance(output, Response):
        return output.text
    if isinstance(output, str):
        return output
    raise CannotRead(f"it reads text, and was given {kind_of(output)}")


def json_of(output: object) -> JSON:
    """The value of an output as JSON. Raises NotConforming where it is invalid or no JSON, else CannotRead."""
    if output is None:
        raise CannotRead("it was given no output")
    if isinstance(output, str):
        return parsed(output)
    if not isinstance(output, Response):
        return plain(output)
    if output.report is None:
        return parsed(output.text)
    if not output.report.valid:
        lines = [f"  {issue.line}" for issue in output.issues[:MOST_ISSUES]]
        if len(output.issues) > MOST_ISSUES:
            lines.append(f"  and {len(output.issues) - MOST_ISSUES} more")
        raise NotConforming("\n".join(["the output does not conform to the schema", *lines]))
    return plain(output.report.value)


def expected_of(case: Case | None) -> JSON:
    """The right answer of a case. Raises CannotRead where it is not told."""
    if case is None:
        raise CannotRead("it compares with `expected` of a case, and there is no case")
    if case.expected is None:
        raise CannotRead(f"it compares with `expected`, and case {quoted(case.id)} tells none")
    return case.expected


def answers_of(case: Case | None) -> list[str]:
    """The right answers of a case, where `expected` is a text or a list of texts. Raises CannotRead."""
    expected = expected_of(case)
    answers = [expected] if isinstance(expected, str) else expected
    if not isinstance(answers, (list, tuple)) or not all(isinstance(answer, str) for answer in answers):
        raise CannotRead(f"`expected` is to be a text or a list of texts, and is {kind_of(expected)}")
    if not answers:
        raise CannotRead("`expected` is an empty list, so there is nothing to compare with")
    return list(answers)


def unlike(text: str, answers: list[str]) -> str:
    """A reason: what was right, and what came."""
    among = f" or one of {len(answers) - 1} more" if len(answers) > 1 else ""
    return f"expected {quoted(answers[0])}{among}, got {quoted(text)}"


def parsed(text: str) -> JSON:
    """Strict JSON: no NaN, no key twice in one object, nothing around it. Raises NotConforming."""
    try:
        return load_json(text, "strict")[0]
    except ValueError as problem:
        raise NotConforming(f"the text is not JSON ({problem}); got {quoted(text)}") from None


def plain(value: object) -> JSON:
    """An object as JSON: pydantic models as `model_dump(mode="json")`, dataclasses as their fields.

    Raises CannotRead for what has no JSON form.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {_key(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    # The serializer first: a class of pydantic takes its time to say that it lacks what makes a dataclass.
    if not hasattr(value, "__pydantic_serializer__") and is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    from pydantic_core import to_jsonable_python

    try:
        # As model_dump does, by the names that the code uses, not by aliases.
        return to_jsonable_python(value, by_alias=False)
    except Exception as problem:  # serializers of models are code of users, and raise what they like
        raise CannotRead(f"{kind_of(value)} has no JSON form ({type(problem).__name__})") from None


def _key(name: object) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    raise CannotRead(f"{kind_of(name)} is no key of a JSON object")


def kind_of(value: object) -> str:
    """What an object is, in words: `a dict`, `an Order`, `None`."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
