from pathlib import Path

from pytest_llm import Prompt

answer_letter = Prompt(
    name="answer-letter",
    model="scripted",
    system=Path(__file__).with_name("system.txt").read_text(encoding="utf-8"),
    user="{{ email }}",
    temperature=0.7,
    max_tokens=160,
)
