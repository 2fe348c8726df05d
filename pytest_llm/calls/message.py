"""One message of a conversation. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pytest_llm.errors import PromptError
from pytest_llm.schemas import JSON

Role = Literal["system", "developer", "user", "assistant", "tool"]
_ROLES = get_args(Role)
_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. An assistant message without content and tool calls is an open turn: there the model is asked."""

    role: Role
    #: Text, or the endpoint's list of parts (text, images); None only in assistant messages.
    content: str | list[JSON] | None = None
    name: str | None = None
    #: As the endpoint writes them: `{"id", "type": "function", "function": {"name", "arguments"}}`.
    tool_calls: tuple[JSON, ...] = ()
    #: For role "tool": the call that this message answers.
    tool_call_id: str | None = None

    def __post_init__(self) -> None:
        if self.role not in _ROLES:
            raise PromptError(f"{self.role!r} is not a role of a message", instead=_ROLES)
        if self.content is None and self.role != "assistant":
            raise PromptError(f"a {self.role} message without content", fix={"write": f'Message("{self.role}", "…")'})

    @property
    def is_open(self) -> bool:
        """Whether the model is to speak here."""
        return self.content is None and not self.tool_calls

    @property
    def wire(self) -> dict[str, JSON]:
        """The message as the chat endpoint takes it."""
        out: dict[str, JSON] = {"role": self.role, "content": self.content}
        if self.name is not None:
            out["name"] = self.name
        if self.tool_calls:
            out["tool_calls"] = list(self.tool_calls)
        if self.tool_call_id is not None:
            out["tool_call_id"] = self.tool_call_id
        return out

    @classmethod
    def of(cls, value: Message | Mapping[str, JSON]) -> Message:
        """A message, or a dict with its fields, as a message."""
        if isinstance(value, Message):
            return value
        if not isinstance(value, Mapping):
            raise PromptError(
                f"a message cannot be {type(value).__name__} {value!r}",
                fix={"write": 'Message("user", "…") or {"role": "user", "content": "…"}'},
            )
        if unknown := [key for key in value if key not in _KEYS]:
            raise PromptError(f"a message has no key {unknown[0]!r}", instead=_KEYS)
        if "role" not in value:
            raise PromptError(f"a message without a role: {dict(value)!r}", fix={"add": '"role": "user"'})
        calls = value.get("tool_calls") or ()
        if not isinstance(calls, list | tuple):
            raise PromptError(f"tool_calls is a list, not {calls!r}")
        return cls(**{**value, "tool_calls": tuple(calls)})
