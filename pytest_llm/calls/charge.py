"""What a provider charges for, as a reply tells it. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_llm.calls.response import Usage
from pytest_llm.schemas import JSON

_STANDARD: Mapping[str, frozenset[str]] = {
    "service_tier": frozenset({"", "default", "standard", "on_demand"}),  # on_demand is Groq's word
    "speed": frozenset({"", "standard"}),
    "inference_geo": frozenset({"", "global", "not_available"}),
}
"""What a reply, or its usage, may say of its terms, with the words that leave the standard price as it is."""

_HOSTED = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call")
"""Tools of the Responses API that the provider runs, and charges for beside the tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a provider charges for: the tokens of one reply by kind, and its terms."""

    model: str
    #: All of the prompt, also what came from the provider's cache or went into it.
    prompt: int
    completion: int
    cached: int = 0
    #: All that went into the cache, also what stays there for an hour.
    written: int = 0
    written_1h: int = 0
    #: What sets the price apart from the standard one, as {"service_tier": "flex"}.
    terms: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Mapping[str, JSON]) -> Charge | None:
        """The charge for a reply; None where it does not tell its tokens, or has fees that tokens do not tell."""
        usage = _mapping(data.get("usage"))
        told, completion = Usage.of(usage), Usage.of(usage).completion_tokens
        if completion is None and told.total_tokens is not None and told.total_tokens == told.prompt_tokens:
            completion = 0  # embeddings
        if told.prompt_tokens is None or completion is None or _has_more(data, usage):
            return None
        details = _mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
        return cls(
            model="" if data.get("model") is None else str(data["model"]),
            prompt=told.prompt_tokens,
            completion=completion,
            cached=told.cached_tokens or 0,
            written=_count(usage.get("cache_creation_input_tokens") or details.get("cache_write_tokens")),
            written_1h=_count(_mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")),
            terms=terms_of(data) | terms_of(usage),
        )


def terms_of(said: Mapping[str, JSON]) -> dict[str, str]:
    """The terms in a reply, or in a request, that are not the standard ones.

    >>> terms_of({"service_tier": "flex", "speed": "standard"})
    {'service_tier': 'flex'}
    """
    found = {name: said.get(name) for name in _STANDARD}
    return {name: str(value) for name, value in found.items() if str(value or "") not in _STANDARD[name]}


def _has_more(data: Mapping[str, JSON], usage: Mapping[str, JSON]) -> bool:
    """Whether a reply was charged for more than text: sound, or a tool that the provider ran."""
    output = data.get("output")
    hosted = any(_mapping(item).get("type") in _HOSTED for item in output) if isinstance(output, list) else False
    kinds = [_mapping(usage.get(name)) for name in ("prompt_tokens_details", "completion_tokens_details")]
    served = _mapping(usage.get("server_tool_use")).values()
    return hosted or any(_count(kind.get("audio_tokens")) for kind in kinds) or any(map(_count, served))


def _mapping(value: JSON) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: JSON) -> int:
    return value if isinstance(value, int) else 0
