"""Tests as a user writes them, for the type checker; none of this is run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import BaseModel

from pytest_llm import Case, FeedbackContext, Grade, Message, Prompt, Request, Response, Trace, grader, load_cases
from pytest_llm.cassettes import Call
from pytest_llm.correction import acorrect, correct, errors
from pytest_llm.gates import feedback_helps
from pytest_llm.graders import (
    all_of,
    at_least,
    contains,
    equals_expected,
    fields_match,
    judge,
    not_,
    pairwise,
    recall_at_k,
    similar,
    tool_calls,
    trajectory,
    weighted,
)
from pytest_llm.items import GradeFunction
from pytest_llm.retrying import Retry


class Order(BaseModel):
    item: str
    quantity: int


extract = Prompt(
    name="extract",
    model="tiny",
    system="You turn e-mails into JSON.",
    user="{{ email }}",
    examples=[({"email": "one cup"}, Order(item="cup", quantity=1))],
    schema=Order,
    temperature=0.7,
)
talk = Prompt(name="talk", model="tiny", messages=[Message("user", "{{ q }}"), {"role": "assistant"}], schema=list[int])
cases: list[Case] = load_cases([{"id": "a", "email": "x"}, Case(id="b", inputs={"email": "y"})])


@grader
def polite(output: Response) -> bool:
    return "please" in output.text


@grader(name="close", threshold=0.8)
async def close(output: Response, case: Case) -> tuple[float, str]:
    return 0.9, f"near {case.expected}"


@pytest.mark.llm(extract, cases=cases, graders=[equals_expected(), all_of(polite, not_(contains("x"))), fields_match()])
def test_declared(llm_response: Response, llm_case: Case, llm_prompt: Prompt) -> None:
    request: Request = llm_prompt.render(**llm_case.inputs)
    assert request.model == "tiny"
    assert llm_response.usage.total_tokens is None or llm_response.usage.total_tokens > 0
    version: str = extract.replace(temperature=0).version
    assert len(version) == 12


@pytest.mark.llm(cases="cases.jsonl")
def test_any_code(llm_case: Case, llm_grade: GradeFunction, llm_calls: Sequence[Call]) -> None:
    grade: Grade = llm_grade(contains("14 days"), str(llm_case["question"]), required=False)
    assert grade.state in {"passed", "failed"}
    assert [call.model for call in llm_calls]
    llm_grade(trajectory(max_steps=3, forbidden=["delete"]), llm_calls)
    llm_grade(tool_calls([{"name": "search", "one_of": {"unit": ["C", "F"]}, "optional": ["unit"]}]), llm_calls)
    llm_grade(recall_at_k(5, relevant={"doc-1": 2}, threshold=0.5), ["doc-1"])
    llm_grade(recall_at_k(5, relevant=["doc-1"]), ["doc-1"])
    whole = contains("x")
    llm_grade(weighted({whole: 2, fields_match(): 0.5}, threshold=0.8, required=[whole]))
    llm_grade(at_least(1, whole, not_(whole)))
    kind = judge(
        "It is kind.", model="big", passes=["Please."], fails=[{"output": "No.", "inputs": {"q": "?"}}], seed=1
    )
    llm_grade(kind.named("kind"), "Please.")
    llm_grade(pairwise("tone", model="big", examples=[("Please.", "No.")], base_url="http://127.0.0.1:1/v1"), "Please.")
    llm_grade(similar("14 days", model="vectors", threshold=0.8), "two weeks")


def only_the_first(context: FeedbackContext) -> Sequence[Message | object]:
    return context.turn(f"mend {context.issues[0].path}")


@pytest.mark.llm(extract, cases=cases, expect=[feedback_helps(low=0.1)])
@pytest.mark.llm_retry(attempts=3, score=equals_expected())
def test_corrected(llm_retry: Retry) -> None:
    trace: Trace = llm_retry(attempts=2, feedback=errors(limit=1))
    assert trace.n <= 2
    tokens: int | None = trace.tokens()
    assert tokens is None or llm_retry.compare(arms=("resample", only_the_first))["resample"].ok


async def corrected() -> int:
    quantity: int = (await acorrect(extract, {"email": "x"}, deadline=3)).require().quantity
    return quantity + len(correct(extract, {"email": "x"}).attempts)


async def application() -> str:
    response = await extract.aask(email="two cups")
    return response.text
