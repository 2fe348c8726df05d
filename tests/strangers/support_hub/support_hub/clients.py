"""One client per provider, made when first needed."""

from functools import lru_cache

import anthropic
import openai


@lru_cache(maxsize=None)
def get_openai():
    return openai.OpenAI(timeout=30)


@lru_cache(maxsize=None)
def get_anthropic():
    return anthropic.Anthropic(timeout=30)
