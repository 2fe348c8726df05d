"""What is sent to a model endpoint. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_llm.schemas import JSON

Api = Literal["chat", "responses"]
RequestApi = Literal[Api, "embeddings"]
ENDPOINTS: Mapping[RequestApi, str] = {
    "chat": "chat/completions",
    "responses": "responses",
    "embeddings": "embeddings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, exactly as it goes out: `body` is the JSON body, `api` says to which endpoint."""

    api: RequestApi = "chat"
    body: Mapping[str, JSON]

    @property
    def endpoint(self) -> str:
        """The end of the path, "chat/completions" for one."""
        return ENDPOINTS[self.api]

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.body["model"])

    @property
    def messages(self) -> list[JSON]:
        """The conversation as it is sent."""
        return list(self.body["messages" if self.api == "chat" else "input"])
