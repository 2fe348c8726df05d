"""What the plugin and pytest say to each other: hooks, and results on reports. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from openai import AsyncOpenAI, OpenAI

    from pytest_llm.prompts import Asker

FIXTURES_ATTRIBUTE = "pytest_llm_fixtures"
"""Where a report carries what fixtures of wider scope have asked meanwhile."""
REPORT_ATTRIBUTE = "pytest_llm"
"""Where a report carries its item's result, as a line of the run file, because xdist sends texts."""
SKIPPED_ATTRIBUTE = "pytest_llm_skipped"
"""Where the report of a skipped item carries the paths of its cassette and of its baseline, and its line there."""


@pytest.hookspec(firstresult=True)
def pytest_llm_client(config: pytest.Config, prompt: Asker) -> OpenAI | None:
    """A client for a declared prompt, for endpoints that an address and a key do not describe (Azure, for one).

    Return None for the client that the plugin makes itself. It is asked once per prompt and run, and only when
    something may be asked.
    """


@pytest.hookspec(firstresult=True)
def pytest_llm_async_client(config: pytest.Config, prompt: Asker) -> AsyncOpenAI | None:
    """As `pytest_llm_client`, for the fixture `llm_async_client`."""


@pytest.hookspec
def pytest_llm_normalize(request: dict[str, Any]) -> None:
    """Take out of a request what is noise: what differs from run to run and does not affect the answer.

    `request` has "method", "url", the body under "body" (JSON), "text", "multipart" or, of what is no text, "sha256",
    and where there are any the "path" before a model endpoint and the "headers" that count; edit it in place. What is
    left is compared, stored and shown; what is sent stays as it is.
    """
