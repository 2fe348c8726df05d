"""What is sent to a model endpoint. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

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
    #: The address that the prompt declares; None where it comes from the run's configuration.
    base_url: str | None = None
    #: The deployment that the prompt declares; None without one.
    deployment: str | None = None

    @property
    def path(self) -> str:
        """What the prompt declares of the path before the endpoint: that of its `base_url`, and its deployment."""
        declared = urlsplit(self.base_url).path if self.base_url is not None else ""
        return f"{declared.rstrip('/')}{self.deployment_path}"

    @property
    def deployment_path(self) -> str:
        """The segments that name the deployment, "/deployments/gpt-4o-eu"; "" without one."""
        return "" if self.deployment is None else f"/deployments/{quote(self.deployment, safe='')}"

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
