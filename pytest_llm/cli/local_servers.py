"""Model servers on this machine, found by asking the ports where they usually are. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

USUAL: Mapping[str, str] = {
    "http://127.0.0.1:8080/v1": "llama-server",
    "http://127.0.0.1:11434/v1": "Ollama",
    "http://127.0.0.1:8000/v1": "vLLM",
    "http://127.0.0.1:1234/v1": "LM Studio",
}
"""Where servers listen unless they are told otherwise; something else may listen there too."""

_PATIENCE_S = 1.0
_LONGEST_ANSWER = 1_000_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """A server that answered, and the first model that it named."""

    base_url: str
    model: str


def answering(addresses: Sequence[str]) -> list[LocalServer]:
    """Those of some loopback addresses that tell a model, in their order; asked side by side."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=len(addresses) or 1) as pool:
        models = pool.map(_model_at, addresses)
        return [LocalServer(base_url=one, model=model) for one, model in zip(addresses, models, strict=True) if model]


def _model_at(base_url: str) -> str | None:
    """The first model that a server names; None for whatever is no model server."""
    # Not urllib: a proxy of the environment has no business between this machine and itself.
    import http.client

    parts = urlsplit(base_url)
    try:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", f"{parts.path.rstrip('/')}/models")
            told = json.loads(connection.getresponse().read(_LONGEST_ANSWER))
        finally:
            connection.close()
        name = told["data"][0]["id"]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST_NAME else None
