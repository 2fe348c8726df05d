"""Which endpoint and which key: one table, and the clients made from it. PYTEST_DONT_REWRITE

| what | first of |
| --- | --- |
| address | `--llm-set base_url=…`, `Prompt(base_url=…)`, ini `llm_base_url`, `OPENAI_BASE_URL`, OpenAI's own |
| key | the variable that `Prompt(api_key_env=…)` names, `OPENAI_API_KEY`, none for an address on this machine |
"""

from __future__ import annotations

import functools
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_llm.errors import EndpointError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

KEY_VARIABLE = "OPENAI_API_KEY"
ADDRESS_VARIABLE = "OPENAI_BASE_URL"
OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent to a server on this machine where no key is set; the SDK cannot be constructed without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address and the name of the variable that holds its key; the key itself is read when a client is made."""

    #: None: OpenAI's own.
    base_url: str | None = None
    #: None: only OPENAI_API_KEY.
    api_key_env: str | None = None

    @classmethod
    def of(
        cls,
        base_url: str | None,
        api_key_env: str | None,
        default_base_url: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Endpoint:
        """The endpoint of a prompt; `default_base_url` stands between it and the environment. Raises EndpointError."""
        address = base_url or default_base_url or environment.get(ADDRESS_VARIABLE) or None
        if address is not None and not _is_address(address):
            raise EndpointError(f"{address!r} is no address of an endpoint", fix={"write": "http://127.0.0.1:8080/v1"})
        return cls(base_url=address, api_key_env=api_key_env)

    @property
    def variables(self) -> tuple[str, ...]:
        """Where the key may be, the first that is set counts."""
        return (KEY_VARIABLE,) if self.api_key_env is None else (self.api_key_env, KEY_VARIABLE)

    @property
    def has_key(self) -> bool:
        """Whether one of the variables is set, or none is needed."""
        return self.is_local or any(os.environ.get(name) for name in self.variables)

    @property
    def address(self) -> str:
        """Where a client goes."""
        return self.base_url or OPENAI

    @property
    def is_local(self) -> bool:
        """Whether it is a server on this machine."""
        return self.base_url is not None and is_loopback(urlsplit(self.base_url).hostname or "")

    def key(self, environment: Mapping[str, str] = os.environ) -> str:
        """The key. Raises EndpointError, which says where it was looked for."""
        for name in self.variables:
            if value := environment.get(name):
                if not value.isascii() or not value.isprintable():
                    raise EndpointError(
                        f"{name} holds a character that no header can hold, perhaps a line break at its end"
                    )
                return value
        if self.is_local:
            return NO_KEY
        named = f"neither {self.api_key_env} nor {KEY_VARIABLE}" if self.api_key_env else KEY_VARIABLE
        raise EndpointError(
            f"asking a model needs a key: {named} is {'set' if self.api_key_env else 'not set'}",
            where=self.base_url or "OpenAI's endpoint",
            fix={
                "set": f"{self.variables[0]}=<your key>",
                "or, local": "a server that wants none: OPENAI_BASE_URL=http://127.0.0.1:8080/v1",
            },
        )


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own.

    >>> is_loopback("127.0.0.1"), is_loopback("api.localhost"), is_loopback("localhost.example.org")
    (True, True, False)
    """
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # of a port that is no number
        return False


def client_for(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> OpenAI:
    """A client of this endpoint, made once: building one costs as much CPU as forty replays."""
    return _client(endpoint.base_url, endpoint.key(environment), os.getpid())


@functools.cache  # never evicted: a client that is forgotten leaves its connections open
def _client(base_url: str | None, key: str, process: int) -> OpenAI:  # noqa: ARG001 - its part is below
    """`process`: a fork that used the connections of its parent would read the replies of its requests."""
    from openai import OpenAI

    return OpenAI(base_url=base_url, api_key=key, max_retries=0)


def async_client_for(endpoint: Endpoint) -> AsyncOpenAI:
    """A new asynchronous client of this endpoint: its connections belong to one event loop, so it is not shared."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=endpoint.base_url, api_key=endpoint.key(), max_retries=0)
