"""What is asked: prompts, cases, and the files they come from. PYTEST_DONT_REWRITE"""

from pytest_llm.prompts.case import Case, Split, as_input, digest, slug_of
from pytest_llm.prompts.case_file import load_cases
from pytest_llm.prompts.embedding import Embedding
from pytest_llm.prompts.prompt import Prompt, run, seed_of
from pytest_llm.prompts.sender import Asker, sending

__all__ = [
    "Asker",
    "Case",
    "Embedding",
    "Prompt",
    "Split",
    "as_input",
    "digest",
    "load_cases",
    "run",
    "seed_of",
    "sending",
    "slug_of",
]
