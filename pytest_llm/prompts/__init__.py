"""What is asked: prompts, cases, and the files they come from. PYTEST_DONT_REWRITE"""

from pytest_llm.prompts.case import Case, digest, slug_of
from pytest_llm.prompts.case_file import load_cases
from pytest_llm.prompts.prompt import Prompt, run, seed_of, sending

__all__ = ["Case", "Prompt", "digest", "load_cases", "run", "seed_of", "sending", "slug_of"]
