"""What a request knows of the address that its prompt declares."""

from __future__ import annotations

import pytest

from pytest_llm.calls import Request


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        ({}, ""),
        ({"base_url": "http://127.0.0.1:8080/lora-a/v1/"}, "/lora-a/v1"),
        ({"base_url": "https://res.invalid"}, ""),
        ({"deployment": "gpt-4o eu/1"}, "/deployments/gpt-4o%20eu%2F1"),
        ({"base_url": "https://res.invalid/openai", "deployment": "D"}, "/openai/deployments/D"),
    ],
)
def test_the_path_is_what_the_prompt_says_itself(declared, path):
    assert Request(body={"model": "m"}, **declared).path == path
