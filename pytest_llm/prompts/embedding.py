"""Asking a model for the vectors of texts. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_llm.calls import Request
from pytest_llm.errors import CallFailed
from pytest_llm.prompts.sender import sender

if TYPE_CHECKING:
    from openai import OpenAI

    from pytest_llm.calls.transport import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A model of an OpenAI-compatible endpoint that makes vectors of texts."""

    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    #: What a client is chosen by, beside model, address and key.
    name: str = field(default="embedding", init=False)

    def ask(self, texts: Sequence[str], client: OpenAI | None = None) -> list[list[float]]:
        """A vector for each text, in their order. Raises EndpointError without a key, CallFailed without vectors."""
        from pytest_llm.calls.endpoint import Endpoint, client_for
        from pytest_llm.calls.transport import send

        # Floats, not the base64 that SDKs ask for: not every endpoint knows it.
        body = {"model": self.model, "input": list(texts), "encoding_format": "float"}
        request = Request(api="embeddings", body=body, base_url=self.base_url)
        if client is None and (handed := sender()) is not None:
            reply = handed(self, request)
        else:
            reply = send(client or client_for(Endpoint.of(self.base_url, self.api_key_env)), request)
        return _vectors(reply, len(texts), self.model)


def _vectors(reply: Reply, count: int, model: str) -> list[list[float]]:
    try:
        found = {int(one["index"]): [float(number) for number in one["embedding"]] for one in reply.data["data"]}
        vectors = [found[index] for index in range(count)]
        if len({len(vector) for vector in vectors}) > 1:
            raise ValueError("they are not of one length")
    except (LookupError, TypeError, ValueError) as error:
        what = f"the endpoint did not answer with {count} vectors: {type(error).__name__}: {error}"
        raise CallFailed(
            what, where=f"model {model!r}", fix={"check": "that the model is one for embeddings"}
        ) from error
    return vectors
