"""Keeping secrets out of every file: what counts as one, finding it, replacing it. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from pytest_llm.cassettes.identity import RequestRecord
from pytest_llm.errors import SecretInRequest
from pytest_llm.key_shapes import KEY_BEGINNINGS, KEY_SHAPES
from pytest_llm.schemas import JSON

_CACHE_HEADERS = (
    "cf-aig-cache-status",
    "helicone-cache",
    "x-cache",
    "x-cache-hit",
    "x-cache-status",
    "x-litellm-cache-key",
    "x-portkey-cache-status",
    "x-proxy-cache",
    "x-vercel-cache",
)
"""Where gateways and proxies say that a reply is an earlier one, which is no new draw."""
KEPT_HEADERS = frozenset({"content-type", "location", *_CACHE_HEADERS})
"""Of a reply's headers; of a request's, none. An allow-list cannot miss the header that a provider adds tomorrow."""

SHORTEST_VALUE = 12

_VARIABLE_ENDS = ("KEY", "TOKEN", "SECRET")
# A value such as "development-key" or "pytest-llm-replay" is words, and would match in ordinary text.
# Letters in both cases are words only where capitals begin them: a random value may happen to have no digit.
_WORDS = re.compile(r"(?:[a-z]+(?:[-_. ][a-z]+)*|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*|[A-Z]+)\Z")
# Of an account, they are no keys, and not for a file that others read.
_SHAPES: Mapping[str, str] = {
    **KEY_SHAPES,
    "openai-organization": r"org-(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{20,}",
    "openai-project": r"proj_(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{20,}",
}
_BEGINNINGS = (*KEY_BEGINNINGS, "org-", "proj_")


def is_secret_variable(name: str) -> bool:
    """Return whether an environment variable of this name holds a secret.

    >>> is_secret_variable("OPENAI_API_KEY"), is_secret_variable("HOME")
    (True, False)
    """
    return name.upper().endswith(_VARIABLE_ENDS)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one environment, and the shapes of keys that are always one."""

    pattern: re.Pattern[str]
    #: From a group of the pattern to the name that stands in a file instead of the value.
    names: Mapping[str, str]
    #: One of these is in every text that holds a secret; looking for them is fifty times as fast as the pattern.
    beginnings: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Secrets:
        """Values of variables named …KEY, …TOKEN or …SECRET, of 12 characters or more that are not words.

        They are found as they are, as JSON and addresses spell them, and within base64.
        """
        values = {
            name: value
            for name, value in environment.items()
            if is_secret_variable(name) and len(value) >= SHORTEST_VALUE and not _WORDS.match(value)
        }
        return _compiled(tuple(sorted(values.items(), key=lambda item: (-len(item[1]), item[0]))))

    def first_in(self, text: str) -> str | None:
        """The name of the first secret in a text; never its value."""
        found = self.pattern.search(text) if self._may_be_in(text) else None
        return None if found is None else self.names[str(found.lastgroup)]

    def scrub(self, text: str) -> str:
        """The text with `<secret:NAME>` in the place of every secret."""
        if not self._may_be_in(text):
            return text
        return self.pattern.sub(lambda found: f"<secret:{self.names[str(found.lastgroup)]}>", text)

    def _may_be_in(self, text: str) -> bool:
        for beginning in self.beginnings:  # noqa: SIM110 - `any` takes twice as long, for every item of a run
            if beginning in text:
                return True
        return False

    def scrub_json(self, value: JSON) -> JSON:
        """The JSON value with every text in it scrubbed."""
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, Mapping):
            return {self.scrub(key): self.scrub_json(item) for key, item in value.items()}
        if isinstance(value, list) and not all(isinstance(item, float) for item in value):
            return [self.scrub_json(item) for item in value]
        return value

    def refuse(self, record: RequestRecord, where: str) -> None:
        """Raise SecretInRequest when a request that is about to be sent and recorded carries a secret."""
        name = self.first_in(json.dumps(record, ensure_ascii=False))
        if name is None:
            return
        fix = {"remove": "it from the prompt or the inputs; keys belong into headers, which are not recorded"}
        if self.first_in(str(record.get("path", ""))):
            fix = {"leave out": "the segment of the address, by ini llm_ignore_path_segments = PATTERN"}
        elif self.first_in(json.dumps(record.get("headers", ""), ensure_ascii=False)):
            fix = {"leave out": "the header: ini llm_compare_headers names it, and so it would be recorded"}
        raise SecretInRequest(
            f"the request's address or body holds a secret ({name}); it was not sent", where=where, fix=fix
        )


@functools.lru_cache(maxsize=4)
def _compiled(values: tuple[tuple[str, str], ...]) -> Secrets:
    forms = {form: name for name, value in reversed(values) for form in _forms(value)}
    longest_first = sorted(forms, key=len, reverse=True)
    names = {f"v{number}": re.sub(r"\W", "_", forms[form]) for number, form in enumerate(longest_first)}
    names |= {f"s{number}": name for number, name in enumerate(_SHAPES)}
    parts = [f"(?P<v{number}>{re.escape(form)})" for number, form in enumerate(longest_first)]
    parts += [f"(?P<s{number}>{shape})" for number, shape in enumerate(_SHAPES.values())]
    return Secrets(re.compile("|".join(parts)), names, (*longest_first, *_BEGINNINGS))


def _forms(value: str) -> Iterator[str]:
    """How a text may stand in a file."""
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (value, once, json.dumps(once, ensure_ascii=ascii_only)[1:-1])  # JSON within JSON, as of tool calls
    yield quote(value, safe="")
    yield quote_plus(value)
    content = value.encode(errors="surrogateescape")
    for before in range(3):  # bytes of a text around it, which share its first and last characters
        code = base64.b64encode(bytes(before) + content).decode()
        inner = code[(0, 2, 3)[before] : len(code) - (0, 3, 2)[(before + len(content)) % 3]]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
