"""The fixtures: each hands on what the session knows of the running item. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from openai import AsyncOpenAI, OpenAI

    from pytest_llm.calls import Response
    from pytest_llm.cassettes import Calls
    from pytest_llm.items import GradeFunction, OpenItem
    from pytest_llm.prompts import Case, Prompt
    from pytest_llm.retrying import Retry


def _item(request: pytest.FixtureRequest) -> OpenItem:
    from pytest_llm.items import open_item

    return open_item(request)


@pytest.fixture
def _llm_sample(request: pytest.FixtureRequest) -> Any:
    """Carries case, variant and sample of an item; tests that name no fixture are parametrised through it."""
    return request.param


@pytest.fixture
def llm_case(request: pytest.FixtureRequest) -> Case:
    """The case of this item; `llm_case["email"]` is an input."""
    return _item(request).case


@pytest.fixture
def llm_prompt(request: pytest.FixtureRequest) -> Prompt:
    """The prompt of this item, after `--llm-set`."""
    return _item(request).prompt


@pytest.fixture
def llm_response(request: pytest.FixtureRequest) -> Response:
    """The response of this item's prompt to its case: replayed, unless a recording option was given."""
    return _item(request).respond()


@pytest.fixture
def llm_retry(request: pytest.FixtureRequest) -> Retry:
    """`llm_retry() -> Trace`: asks this item's prompt, and feeds what is wrong with the reply back.

    `.acall()` does so without blocking; `.compare()` and `.acompare()` do it under several policies, which all go on
    from the same first reply.
    """
    from pytest_llm.retrying import Retry

    return Retry(_item(request))


@pytest.fixture
def llm_grade(request: pytest.FixtureRequest) -> GradeFunction:
    """`llm_grade(grader, output=None, *, name=None, required=True) -> Grade`: records, never raises.

    The item fails after the body if a required grade failed. Without an output, the item's response is graded.
    """
    return _item(request).grade


@pytest.fixture
def llm_calls(request: pytest.FixtureRequest) -> Calls:
    """Every exchange with a model that this test has made so far, whoever made it, in order."""
    return _item(request).calls


@pytest.fixture
def llm_client(request: pytest.FixtureRequest) -> OpenAI:
    """An OpenAI client for this item, made once per run, with the SDK's retries switched off."""
    opened = _item(request)
    return opened.wire.clients.of(opened.draw.prompt)


@pytest.fixture
def llm_async_client(request: pytest.FixtureRequest) -> AsyncOpenAI:
    """An asynchronous OpenAI client for this item, with the SDK's retries switched off."""
    opened = _item(request)
    return opened.wire.clients.async_of(opened.draw.prompt)
