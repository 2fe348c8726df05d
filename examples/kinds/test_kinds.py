"""Five kinds of prompt for the same task: what each looks like, and how it is tested."""

from pathlib import Path

import pytest

from pytest_llm import Prompt
from pytest_llm.graders import equals_expected

MODEL = {"model": "orders-tiny", "temperature": 0, "max_tokens": 160}
RULES = """\
Write dates as YYYY-MM-DD.
Use three-letter currency codes.
Priority is low, normal or high.
Quantities are integers.
Return only JSON, no other text.
Use exactly these keys: customer, item, quantity, unit_price, currency, due, priority."""
FIELDS = ("customer", "item", "quantity", "unit_price", "currency", "due", "priority")
RECORD = {"type": "object", "required": list(FIELDS), "maxProperties": len(FIELDS)}

# Instruction: one message says what to do, and carries what to do it with.
instruction = Prompt(name="instruction", **MODEL, user="Extract the order as JSON.\n" + RULES + "\n\n{{ email }}")

# Zero-shot: rules in the system message, the data in the user's, a schema for the answer.
zero_shot = Prompt(
    name="zero-shot", **MODEL, system="Extract the order as JSON.\n" + RULES, user="{{ email }}", schema=RECORD
)

# Few-shot: no rules; what is wanted is shown. Here a convention of the house: the customer as Last, First.
few_shot = Prompt(
    name="few-shot",
    **MODEL,
    system="You turn order e-mails into JSON records.",
    user="{{ email }}",
    examples=[
        (
            {"email": "From: Sara Chen\nPlease send 41 red filters at 16.97 euros each. Due date: 23 May 2025."},
            dict(zip(FIELDS, ["Chen, Sara", "red filters", 41, 16.97, "EUR", "2025-05-23", "normal"], strict=True)),
        ),
        (
            {"email": "From: Olga Jansen\nPlease send 22 large tents at 86.31 euros each. Please rush this."},
            dict(zip(FIELDS, ["Jansen, Olga", "large tents", 22, 86.31, "EUR", None, "high"], strict=True)),
        ),
    ],
    schema=RECORD,
)

# Chain of thought: the reasoning is kept apart; only what follows "Answer:" is validated and graded.
step_by_step = zero_shot.replace(
    name="step-by-step",
    system=f'Extract the order as JSON.\n{RULES}\nThink step by step, then give the JSON after "Answer:".',
    answer_after="Answer:",
)

# Dialogue, from a prompt file: at the empty assistant turn the model is asked; then the script goes on.
dialogue = Prompt.load(Path(__file__).with_name("dialogue.prompt.md"), schema=RECORD)


@pytest.mark.llm(instruction, cases="orders.jsonl")
def test_instruction(llm_response):
    assert llm_response.text.startswith("{")


@pytest.mark.llm(zero_shot, cases="orders.jsonl", graders=[equals_expected()])
def test_zero_shot(llm_response): ...


@pytest.mark.llm(few_shot, cases="orders.jsonl")
def test_few_shot_takes_the_convention_over(llm_response, llm_case):
    first, last = llm_case.expected["customer"].split()
    assert llm_response.value["customer"] == f"{last}, {first}"


@pytest.mark.llm(step_by_step, cases="orders.jsonl", graders=[equals_expected()])
def test_step_by_step(llm_response):
    assert "quantity:" in llm_response.reasoning


@pytest.mark.llm(dialogue, cases="incomplete.jsonl", graders=[equals_expected()])
def test_dialogue_asks_for_the_quantity(llm_response):
    asked, answered = (message for message in llm_response.messages if message.role == "assistant")
    assert asked.content == "How many?"
    assert answered.content == llm_response.text
