"""Configuration, from the environment."""

import os
from dataclasses import dataclass


@dataclass
class Settings:
    chat_model: str = "gpt-4o-mini"
    embedding_model: str = "text-embedding-3-small"
    claude_model: str = "claude-3-5-haiku-latest"
    max_retries: int = 2
    shop_name: str = "Northwind Baskets"

    @classmethod
    def from_env(cls):
        env = os.environ
        return cls(
            chat_model=env.get("SUPPORT_HUB_CHAT_MODEL", cls.chat_model),
            embedding_model=env.get("SUPPORT_HUB_EMBEDDING_MODEL", cls.embedding_model),
            claude_model=env.get("SUPPORT_HUB_CLAUDE_MODEL", cls.claude_model),
            max_retries=int(env.get("SUPPORT_HUB_MAX_RETRIES", cls.max_retries)),
            shop_name=env.get("SUPPORT_HUB_SHOP_NAME", cls.shop_name),
        )
