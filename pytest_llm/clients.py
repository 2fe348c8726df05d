"""The clients of one run: those of the project's hook, else our own. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm.errors import EndpointError
from pytest_llm.prompts import Asker
from pytest_llm.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

    from pytest_llm.calls.endpoint import Endpoint


class Clients:
    """Clients by prompt, each made when something is first asked."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._async: dict[Endpoint, AsyncOpenAI] = {}
        self._hooked: dict[Any, OpenAI | None] = {}

    def endpoint(self, prompt: Asker | None, environment: Mapping[str, str] = os.environ) -> Endpoint:
        """The endpoint of a prompt; without one, the default."""
        from pytest_llm.calls.endpoint import Endpoint

        base_url, variable = (prompt.base_url, prompt.api_key_env) if prompt is not None else (None, None)
        return Endpoint.of(base_url, variable, self._settings.base_url, environment)

    def address(self, prompt: Asker | None) -> str | None:
        """Where a prompt is asked; None where what is said of it is no address, which stops nobody but who asks."""
        try:
            return self.endpoint(prompt).address
        except EndpointError:
            return None

    def can_ask(self, prompt: Asker) -> bool:
        """Whether there is a key, or a client of the project's own."""
        return self.endpoint(prompt).has_key or self._of_hook(prompt) is not None

    def of(self, prompt: Asker | None, environment: Mapping[str, str] = os.environ) -> OpenAI:
        """The client for a prompt, one for each address and key. Raises EndpointError where there is no key."""
        hooked = None if prompt is None else self._of_hook(prompt)
        if hooked is not None:
            return hooked
        from pytest_llm.calls.endpoint import client_for

        return client_for(self.endpoint(prompt, environment), environment)

    def async_of(self, prompt: Asker | None) -> AsyncOpenAI:
        """The asynchronous client for a prompt. Raises EndpointError where there is no key."""
        from pytest_llm.calls.endpoint import async_client_for

        hook = self._config.hook.pytest_llm_async_client
        hooked: AsyncOpenAI | None = None if prompt is None else hook(config=self._config, prompt=prompt)
        endpoint = self.endpoint(prompt)
        if hooked is not None or self._settings.asks:  # its connections belong to one event loop
            return hooked or async_client_for(endpoint)
        if endpoint not in self._async:
            self._async[endpoint] = async_client_for(endpoint)
        return self._async[endpoint]

    @contextlib.asynccontextmanager
    async def lent(self, prompt: Asker | None) -> AsyncIterator[AsyncOpenAI]:
        """An asynchronous client for as long as it is needed: the project's own, or one that is closed then."""
        from pytest_llm.calls.endpoint import async_client_for

        hook = self._config.hook.pytest_llm_async_client
        hooked: AsyncOpenAI | None = None if prompt is None else hook(config=self._config, prompt=prompt)
        if hooked is not None:
            yield hooked
            return
        own = async_client_for(self.endpoint(prompt))
        try:
            yield own
        finally:
            await own.close()

    def _of_hook(self, prompt: Asker) -> OpenAI | None:
        deployment = getattr(prompt, "deployment", None)  # an Embedding has none
        key = (prompt.name, prompt.base_url, prompt.api_key_env, prompt.model, deployment)
        if key not in self._hooked:
            self._hooked[key] = self._config.hook.pytest_llm_client(config=self._config, prompt=prompt)
        return self._hooked[key]
