"""The prompt of these tests, and who judges its outputs."""

from pytest_llm import Prompt
from pytest_llm.graders import closed_qa, similar

read_order = Prompt(
    name="read-order",
    model="orders-tiny",
    system="Extract the order as JSON.",
    user="{{ email }}",
    temperature=0.7,
    max_tokens=160,
)

CRITERION = "The priority in the record is low, normal or high, and is the one that the e-mail asks for."
EMAIL = {"email": "We need 12 oak chairs at 40.00 EUR each by 2 May 2026. It cannot wait. Regards, Ana Silva"}
GOLDEN = {
    "passes": [{"inputs": EMAIL, "output": '{"customer": "Ana Silva", "priority": "high"}'}],
    "fails": [
        {"inputs": EMAIL, "output": '{"customer": "Ana Silva", "priority": "low"}'},
        {"inputs": EMAIL, "output": '{"customer": "Ana Silva", "priority": "cannot wait"}'},
        {"inputs": EMAIL, "output": "I cannot say."},
    ],
}

RULES = "http://127.0.0.1:8090/v1"

priority_fits = closed_qa(CRITERION, model="rules", base_url=RULES, **GOLDEN).named("priority_fits")
too_small = closed_qa(CRITERION, model="orders-tiny", max_tokens=160, **GOLDEN).named("too_small")


def alike(text):
    """As near to a text as the vectors of the same small model can tell."""
    return similar(text, model="orders-tiny", threshold=0.98, base_url="http://127.0.0.1:8081/v1")
