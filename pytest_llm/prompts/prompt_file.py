"""Prompt files: YAML front matter and a Jinja2 body, so that a change is a readable diff. PYTEST_DONT_REWRITE

    ---
    name: extract-order
    model: orders-tiny
    temperature: 0.7
    ---
    --- system
    You turn order e-mails into JSON records.
    --- user
    {{ email }}

A body without `--- role` lines is the user message. An empty `--- assistant` section is an open turn.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pytest_llm.calls import Message
from pytest_llm.errors import PromptError
from pytest_llm.schemas import JSON

_HEADING = re.compile(r"^--- *([a-z]+) *$", re.MULTILINE)
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


def read_prompt_file(path: Path) -> dict[str, Any]:
    """The keywords of `Prompt` in a file. Raises PromptError naming file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"the prompt file cannot be read: {error}", where=str(path)) from error
    front = _FRONT.match(text)
    if front is None:
        raise PromptError(
            "a prompt file begins with YAML front matter between two lines of ---",
            where=f"{path}:1",
            fix={"begin with": "---\\nname: my-prompt\\nmodel: my-model\\n---"},
        )
    keywords = _front_matter(front.group(1), path)
    keywords["messages"] = _body(text[front.end() :], path)
    if isinstance(keywords.get("schema"), str):
        keywords["schema"] = _schema_file(path.parent / keywords["schema"], path)
    return keywords


def _front_matter(text: str, path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date or a number that is none
        mark = getattr(error, "problem_mark", None)
        raise PromptError(
            f"the front matter is no YAML: {getattr(error, 'problem', error)}",
            where=str(path) if mark is None else f"{path}:{mark.line + 2}",
        ) from error
    if not isinstance(found, dict):
        raise PromptError("the front matter holds no keys", where=f"{path}:2", fix={"add": "name: and model:"})
    for name in ("name", "model"):
        if not isinstance(found.get(name), str):
            raise PromptError(f"the front matter has no {name}", where=f"{path}:2", fix={"add": f"{name}: …"})
    for name in ("messages", "system", "user"):
        if name in found:
            raise PromptError(
                f"{name} belongs into the body of a prompt file",
                where=str(path),
                fix={"write": "--- system / --- user"},
            )
    return found


def _body(text: str, path: Path) -> list[Message]:
    parts = _HEADING.split(text.replace("\r\n", "\n"))
    if len(parts) == 1:
        return [Message("user", parts[0].strip("\n"))]
    if parts[0].strip():
        raise PromptError(f"text before the first section: {parts[0].strip()[:40]!r}", where=str(path))
    messages = []
    for role, content in zip(parts[1::2], parts[2::2], strict=True):
        text = content.strip("\n")
        try:
            messages.append(Message.of({"role": role, "content": text if text.strip() else None}))
        except PromptError as error:
            raise PromptError(str(error), where=str(path)) from error
    return messages


def _schema_file(schema: Path, path: Path) -> JSON:
    try:
        return json.loads(schema.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PromptError(f"the schema file {schema.name!r} cannot be read: {error}", where=str(path)) from error
