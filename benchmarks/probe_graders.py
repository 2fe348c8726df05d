"""Grades outputs, when it is told to, and says what that took. `python probe_graders.py ours|autoevals`.

A line of standard input is a task, as JSON; a line of standard output its result. So several libraries, each in a
process of its own, can take turns. `build` makes what grades, and keeps it; `rebuild` makes it so many times more, each
for one output; `count` is how many outputs are graded, which are read before the clock starts. Verdicts are `1` passed,
`0` failed, `u` ungraded.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import graded

Grade = Callable[[Any, Any], Any]
"""From an output and what was expected of it to a grade."""
Built = tuple[Grade, Callable[[Any], str]]
"""What grades, and how its grade is read."""


def ours(row: str) -> Built:
    """A grader of ours."""
    from pytest_llm import graders as g

    half = g.contains(graded.NEEDLE)
    build: dict[str, Callable[[], Any]] = {
        "equals": lambda: g.equals("Paris"),
        "equals_expected": g.equals_expected,
        "exact_match": g.exact_match,
        "f1": lambda: g.f1(threshold=1.0),
        "one_of": lambda: g.one_of(["Paris", "Rome", "Lyon"]),
        "contains": lambda: g.contains(graded.NEEDLE),
        "contains_all": lambda: g.contains_all([graded.NEEDLE, "stock"]),
        "contains_any": lambda: g.contains_any([graded.NEEDLE, "copper pots"]),
        "starts_with": lambda: g.starts_with("We"),
        "ends_with": lambda: g.ends_with("open."),
        "regex": lambda: g.regex(r"\b[1-9][0-9]* oak (?:barrels|casks)\b"),
        "word_count": lambda: g.word_count(50, 100),
        "length": lambda: g.length(100, 520),
        "follows": lambda: g.follows("punctuation:no_comma", {"keywords:existence": {"keywords": ["barrels"]}}),
        "not_": lambda: g.not_(half),
        "all_of": lambda: g.all_of(half, g.word_count(min=1)),
        "any_of": lambda: g.any_of(half, g.contains("copper pots")),
        "at_least": lambda: g.at_least(1, half, g.contains("copper pots")),
        "weighted": lambda: g.weighted({half: 1, g.word_count(min=1): 1}, threshold=0.8),
        "levenshtein": lambda: g.levenshtein(threshold=0.9),
        "rouge": lambda: g.rouge(kind="rouge1", threshold=0.9),
        "bleu": lambda: g.bleu(threshold=0.7),
        "chrf": lambda: g.chrf(threshold=0.8),
        "valid_json": g.valid_json,
        "json_schema": lambda: g.json_schema(graded.SCHEMA),
        "contains_json": g.contains_json,
        "json_equals": g.equals_expected,  # the same comparison, with a value for each output
        "fields_match": lambda: g.fields_match(threshold=1.0),
        "number_close": lambda: g.number_close(abs_tol=0.01),
        "valid_xml": g.valid_xml,
        "valid_yaml": g.valid_yaml,
        "valid_python": g.valid_python,
        "valid_sql": lambda: g.valid_sql("mysql"),
        "tool_calls": lambda: g.tool_calls(graded.CALLS),
        "tool_call_f1": lambda: g.tool_call_f1(graded.CALLS, names_only=True, threshold=1.0),
        "no_tool_call": g.no_tool_call,
        "trajectory": lambda: g.trajectory(required=["place_order"], forbidden=["cancel_order"]),
        "recall_at_k": lambda: g.recall_at_k(5, relevant=graded.RELEVANT, threshold=0.5),
        "precision_at_k": lambda: g.precision_at_k(5, relevant=graded.RELEVANT, threshold=0.4),
        "mrr": lambda: g.mrr(relevant=graded.RELEVANT, threshold=0.5),
        "ndcg": lambda: g.ndcg(5, relevant=graded.RELEVANT, threshold=0.5),
        "hit": lambda: g.hit(1, relevant=graded.RELEVANT),
        "retrieves_nothing": g.retrieves_nothing,
        "citation_valid": g.citation_valid,
        "quotes_present": g.quotes_present,
        "refusal": g.refusal,
        "secret_free": g.secret_free,
        "pii_free": g.pii_free,
        "no_prompt_leak": lambda: g.no_prompt_leak(graded.SYSTEM),
        "finish_reason": lambda: g.finish_reason("stop"),
        "max_tokens": lambda: g.max_tokens(100),
        "max_cost": lambda: g.max_cost(0.01),
        "max_latency": lambda: g.max_latency(2),
    }
    return build[row](), lambda grade: "u" if grade.passed is None else str(int(grade.passed))


def our_arguments(output: Any, expected: Any) -> tuple[Any, Any]:
    """What one of ours is called with."""
    from pytest_llm import Case
    from pytest_llm.calls import Response, ToolCall, Usage

    if isinstance(output, dict):
        calls = tuple(
            ToolCall(**call, arguments_text=json.dumps(call["arguments"])) for call in output.pop("tool_calls", ())
        )
        usage = Usage(completion_tokens=output.pop("completion_tokens", None))
        output = Response(text="", tool_calls=calls, usage=usage, **output)
    return output, Case(id="one", expected=expected, context=graded.CONTEXT)


def autoevals(row: str) -> Built | None:
    """A scorer of autoevals, where it has one of the kind."""
    import autoevals as a

    build: dict[str, Callable[[], tuple[Any, float]]] = {
        "equals": lambda: (a.ExactMatch(), 1),
        "levenshtein": lambda: (a.Levenshtein(), 0.9),
        "valid_json": lambda: (a.ValidJSON(), 1),
        "json_schema": lambda: (a.ValidJSON(), 1),
        "fields_match": lambda: (a.JSONDiff(), 1),
        "number_close": lambda: (a.NumericDiff(), 1),
    }
    if row not in build:
        return None
    scorer, threshold = build[row]()
    # `eval` does not look at the schema that ValidJSON was built with, but takes what is expected for one.
    schema = graded.SCHEMA if row == "json_schema" else None
    return (
        lambda output, expected: scorer.eval(output=output, expected=expected or schema),
        lambda grade: "u" if grade.score is None else str(int(grade.score >= threshold)),
    )


def their_arguments(output: Any, expected: Any) -> tuple[Any, Any]:
    """What one of autoevals is called with: numbers and objects are no texts to it."""
    if isinstance(expected, float):
        output = float(output)
    if isinstance(expected, dict):
        output = json.loads(output)
    return output, expected


LIBRARIES: dict[str, tuple[Callable[[str], Built | None], Callable[[Any, Any], tuple[Any, Any]]]] = {
    "ours": (ours, our_arguments),
    "autoevals": (autoevals, their_arguments),
}


def rebuilt(build: Callable[[str], Built | None], row: str, given: list[tuple[Any, Any]]) -> dict[str, float]:
    """What it takes to build a grader again and what its first output takes: the middle ones."""
    building, first = [], []
    for output, expected in given:
        start = time.process_time()
        made = build(row)
        built = time.process_time()
        if made is not None:
            made[0](output, expected)
        first.append(time.process_time() - built)
        building.append(built - start)
    return {"building_s": statistics.median(building), "first_s": statistics.median(first)}


def main() -> None:
    """Do as the lines of standard input say."""
    build, arguments = LIBRARIES[sys.argv[1]]
    kept: dict[str, Built] = {}
    for line in sys.stdin:
        task = json.loads(line)
        row = task["row"]
        if "build" in task:
            start = time.process_time()
            built = build(row)
            told: dict[str, Any] = {"cpu_s": time.process_time() - start, "built": built is not None}
            if built is not None:
                kept[row] = built
        elif "rebuild" in task:
            told = rebuilt(
                build, row, [arguments(*one) for one in graded.written(row, task["rebuild"], turn=task["turn"])]
            )
        else:
            grade, read = kept[row]
            given = [
                arguments(*one)
                for one in graded.written(row, task["count"], times=task.get("times", 1), turn=task["turn"])
            ]
            gc.collect()
            start = time.process_time()
            grades = [grade(output, expected) for output, expected in given]
            told = {"cpu_s": time.process_time() - start, "verdicts": "".join(map(read, grades))}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
