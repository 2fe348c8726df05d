"""Jinja2 templates of messages: sandboxed, and an undefined variable is an error. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pytest_llm.errors import PromptError
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment


def render(template: JSON, inputs: Mapping[str, JSON]) -> JSON:
    """A template with its variables filled in; of a list of message parts, every text in it.

    Raises PromptError for an unknown variable and for what the template itself raises.
    """
    if isinstance(template, str):
        return _render_text(template, inputs)
    if isinstance(template, Mapping):
        return {key: render(value, inputs) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [render(item, inputs) for item in template]
    return template


def _render_text(text: str, inputs: Mapping[str, JSON]) -> str:
    if not is_template(text):
        return text
    from jinja2 import TemplateError, UndefinedError

    try:
        return _compiled(text).render(inputs)
    except UndefinedError as error:
        raise PromptError(
            f"unknown template variable: {error.message}",
            where=f"template {text.strip()[:60]!r}",
            instead=[f"input {name!r}" for name in inputs] or ["no input at all"],
            fix={"add": "the input to the case, or mend the template"},
        ) from error
    except (
        TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise PromptError(f"template {text.strip()[:60]!r} cannot be rendered: {error}") from error


def is_template(text: str) -> bool:
    """Whether Jinja2 has anything to do; most system messages are plain, and it is not loaded for them."""
    return "{{" in text or "{%" in text or "{#" in text


def variables(templates: Iterable[JSON]) -> frozenset[str]:
    """The names that templates ask for, also those that they only ask for under a condition."""
    found: set[str] = set()
    for template in templates:
        if isinstance(template, str):
            if is_template(template):
                found |= _variables(template)
        elif isinstance(template, Mapping):
            found |= variables(template.values())
        elif isinstance(template, list | tuple):
            found |= variables(template)
    return frozenset(found)


@functools.lru_cache(maxsize=512)
def _variables(text: str) -> frozenset[str]:
    from jinja2 import meta

    _compiled(text)  # for its error, which names the line
    return frozenset(meta.find_undeclared_variables(_environment().parse(text)))


@functools.lru_cache(maxsize=512)
def _compiled(text: str) -> Template:
    from jinja2 import TemplateSyntaxError

    try:
        return _environment().from_string(text)
    except TemplateSyntaxError as error:
        raise PromptError(
            f"a template cannot be read: {error.message}", where=f"line {error.lineno} of {text.strip()[:60]!r}"
        ) from error
    except RecursionError as error:
        raise PromptError("a template is nested too deep", where=f"template {text.strip()[:60]!r}") from error


@functools.lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    # Jinja2's own tojson escapes < > & ' for HTML, which a model would be shown as \u003c.
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    return environment
