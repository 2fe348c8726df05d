from pathlib import Path

from order import Order

from pytest_llm import Prompt

extract_order = Prompt(
    name="extract-order",
    model="scripted",
    system=Path(__file__).with_name("system.txt").read_text(encoding="utf-8"),
    user="{{ email }}",
    schema=Order,
    temperature=0.7,
    max_tokens=160,
)
