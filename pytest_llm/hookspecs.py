"""What the plugin and pytest say to each other: hooks, and results on reports. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from openai import OpenAI

    from pytest_llm.prompts import Prompt

REPORT_ATTRIBUTE = "pytest_llm"
"""Where a report carries its item's result, as text, because xdist sends texts."""


@pytest.hookspec(firstresult=True)
def pytest_llm_client(config: pytest.Config, prompt: Prompt) -> OpenAI | None:
    """A client for a declared prompt, for endpoints that an address and a key do not describe (Azure, for one).

    Return None for the client that the plugin makes itself. It is asked once per prompt and run, and only when
    something may be asked.
    """
