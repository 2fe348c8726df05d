"""Who sends what is asked, where no client is given. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pytest_llm.calls import Request

if TYPE_CHECKING:
    from pytest_llm.calls.transport import Reply


class Asker(Protocol):
    """What asks: a prompt, or an embedding. Its name, model, address and key say which client it gets."""

    @property
    def name(self) -> str:
        """For a project that makes its own clients."""

    @property
    def model(self) -> str:
        """The model that is asked."""

    @property
    def base_url(self) -> str | None:
        """The endpoint; None: the default one."""

    @property
    def api_key_env(self) -> str | None:
        """The variable that has the key; None: the default one."""


Sender: TypeAlias = "Callable[[Asker, Request], Reply]"

_SENDER: ContextVar[Sender | None] = ContextVar("pytest_llm_sender", default=None)


def sender() -> Sender | None:
    """Who sends what is asked in this context; None: whoever asks has a client of its own."""
    return _SENDER.get()


@contextmanager
def sending(send: Sender) -> Iterator[None]:
    """What is asked in this context, and no client is given for, is sent so: by a test, of what its graders ask."""
    token = _SENDER.set(send)
    try:
        yield
    finally:
        _SENDER.reset(token)
