"""What is asked: prompts, cases, and the files they come from. PYTEST_DONT_REWRITE"""

from pytest_llm.prompts.case import Case

__all__ = ["Case"]
