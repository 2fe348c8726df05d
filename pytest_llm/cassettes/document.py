"""The text of a cassette file: YAML that a person can review, one document per request. PYTEST_DONT_REWRITE

    version: 2
    ---
    identity: <sha256 of the request>
    rules: 2
    request: {method, url, body}
    responses:
      - {slot, number, status, latency_ms, recorded, …, headers, json | stream | text | base64 | file}
    ---
    end: <number of requests>

`docs/formats/cassette.schema.json` has the fields. The last document shows that nothing was cut off. Version 1, which
is read and not written, has `rules` in its header, and knows nothing about a reply but its latency.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pytest_llm.cassettes import streams
from pytest_llm.cassettes.aside import Fetch, put_back, set_aside
from pytest_llm.cassettes.entry import FACTS, Entry, StoredReply, facts_in
from pytest_llm.cassettes.identity import RULES, identity_of
from pytest_llm.cassettes.plain_yaml import read_plain
from pytest_llm.cassettes.strict_yaml import read_strict
from pytest_llm.errors import CassetteCorrupt
from pytest_llm.schemas import JSON, load_json

VERSION = 2
READ = (1, 2)
"""The versions that are read; a file of an older one is rewritten when its content changes."""
BODIES = ("json", "stream", "text", "base64", "file")
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
RESTORE = {"restore": "git checkout -- {path}", "or anew": "move it away, then pytest --llm-record"}

MERGE = {**RESTORE, "if merged": "pytest-llm cassettes merge {path}"}
"""The fix of damage that git makes where it joins the lines of two recordings."""


def apart(entries: Iterable[Entry], stem: str) -> tuple[list[Entry], dict[str, bytes]]:
    """The entries as they stand in a cassette, and the files beside it, by names that begin with the stem."""
    stored, files = [], dict[str, bytes]()
    for entry in entries:
        replies = {}
        for place, reply in entry.replies.items():
            body, aside = set_aside(reply.body, stem)
            files |= aside
            replies[place] = replace(reply, body=body)
        stored.append(replace(entry, replies=replies))
    return stored, files


def write(entries: Iterable[Entry]) -> str:
    """The text of a cassette file."""
    documents: list[JSON] = [{"version": VERSION}]
    documents += [_document(entry) for entry in entries]
    documents.append({"end": len(documents) - 1})
    return "---\n".join(_dump(document) for document in documents)


def _document(entry: Entry) -> JSON:
    responses = []
    for reply in sorted(entry.replies.values(), key=lambda one: one.order):
        head: dict[str, JSON] = {"slot": reply.slot, "number": reply.number, "status": reply.status}
        if reply.latency_ms is not None:
            head["latency_ms"] = reply.latency_ms
        responses.append({**head, **reply.facts, "headers": dict(reply.headers), **reply.body})
    verdicts: dict[str, JSON] = {"verdicts": entry.verdicts} if entry.verdicts else {}
    head = {"identity": entry.identity, "rules": entry.rules, "request": entry.request}
    return {**head, **verdicts, "responses": responses}


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def read(text: str, path: str, fetch: Fetch | None = _no_file) -> dict[str, Entry]:
    """Return the entries of a cassette file, by identity.

    `fetch` gives what is set aside; None leaves bodies as they are stored.
    Raises CassetteCorrupt for a file that is cut, mangled, in conflict, or from a newer version.
    """
    if "\n<<<<<<< " in text or text.startswith("<<<<<<< "):
        fix = {"merge": "pytest-llm cassettes merge {path}", "or one side": "git checkout --ours -- {path}"}
        raise _corrupt("the cassette holds a merge conflict", path, fix)
    documents = _parsed(text, path)
    version = _version(documents, path)
    *body, end = documents[1:] or [None]
    if end != {"end": len(body)}:
        raise _corrupt(f"the cassette is cut: its last document is not `end: {len(body)}`", path, MERGE)
    entries = {entry.identity: entry for entry in (_entry(document, version, path, fetch) for document in body)}
    if len(entries) < len(body):
        raise _corrupt("the cassette has the same request in two documents", path, MERGE)
    return entries


def upgraded(text: str, path: str) -> str | None:
    """Return a cassette's text in the present version; None where it has that. Raises CassetteCorrupt."""
    entries = read(text, path, None)
    check_unedited(entries.values(), path)
    return None if _version(_parsed(text, path), path) == VERSION else write(entries.values())


def _version(documents: list[JSON], path: str) -> int:
    """Return the version in the header. Raises CassetteCorrupt for one that this release does not read."""
    head = documents[0] if documents else None
    if not isinstance(head, dict) or "version" not in head:
        raise _corrupt("the cassette does not begin with its version", path)
    version, rules = head["version"], head.get("rules")
    if version not in READ or isinstance(version, bool) or rules != (1 if version == 1 else None):
        suffix = f", rules {rules}" if version == 1 or rules is not None else ""
        raise _corrupt(
            f"the cassette has version {version}{suffix}; this release reads {' and '.join(map(str, READ))}",
            path,
            {"install": "the release of pytest-llm-evals that wrote it"},
        )
    return int(version)


_ENTRY_KEYS = frozenset({"identity", "rules", "request", "verdicts", "responses"})
_STORED = ("noise", "aside", "charset")
_REPLY_KEYS = frozenset({"slot", "number", "status", "latency_ms", "headers", *FACTS, *BODIES, *_STORED})


def _entry(document: JSON, version: int, path: str, fetch: Fetch | None) -> Entry:
    try:
        entry = _request_of(document, version)
        for item in document["responses"]:
            reply = _reply_of(item, version, fetch)
            if (reply.slot, reply.number) in entry.replies:
                raise _corrupt(f"response {reply.slot} number {reply.number} occurs twice", path, MERGE)
            entry.replies[reply.slot, reply.number] = reply
    except OSError as error:
        raise _corrupt(f"a file beside the cassette cannot be read: {error}", path) from error
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise _corrupt(f"a document of the cassette is mangled: {type(error).__name__} {error}", path) from error
    return entry


def _request_of(document: JSON, version: int) -> Entry:
    """Return a document's request, without replies."""
    identity, request = document["identity"], document["request"]
    rules, verdicts = (1, 0) if version == 1 else (document["rules"], document.get("verdicts", 0))
    if not isinstance(identity, str) or not isinstance(request, dict):
        raise TypeError("identity or request")
    if type(rules) is not int or not 1 <= rules <= RULES:
        raise ValueError(f"rules {rules!r}; this release knows 1 to {RULES}")
    if type(verdicts) is not int or verdicts < 0:
        raise ValueError(f"verdicts {verdicts!r} is not a count")
    if version > 1 and (unknown := document.keys() - _ENTRY_KEYS):
        raise ValueError(f"unknown key {min(unknown)!r}")
    return Entry(identity, request, rules=rules, verdicts=verdicts)


def _reply_of(item: JSON, version: int, fetch: Fetch | None) -> StoredReply:
    body: dict[str, JSON] = {kind: item[kind] for kind in BODIES if kind in item}
    if len(body) > 1:
        raise ValueError(f"a response has {' and '.join(body)}")
    for key in _STORED:
        if key in item:
            body[key] = item[key]
    latency_ms = item.get("latency_ms")
    facts = facts_in(item) if version > 1 else {}
    known = 4 + len(body) + len(facts) + (latency_ms is not None)  # slot, number, status and headers
    if version > 1 and len(item) > known and (unknown := item.keys() - _REPLY_KEYS):
        raise ValueError(f"a response has the unknown key {min(unknown)!r}")
    reply = StoredReply(
        slot=item["slot"],
        number=item["number"],
        status=item["status"],
        latency_ms=latency_ms,
        headers=item["headers"],
        body=body if fetch is None else put_back(body, fetch),
        **facts,
    )
    _check_types(reply)
    _ = reply.order  # raises where the slot is not what it should be
    if fetch is not None and reply.body.keys() & _ENCODED:
        content_of(reply.body)  # raises where it is none of them
    return reply


_ENCODED = frozenset({"stream", "base64", "charset"})


def _check_types(reply: StoredReply) -> None:
    """Raise TypeError for a reply that a replay would stumble over later, inside of an application's client."""
    numbers = [reply.number, reply.status, *([] if reply.latency_ms is None else [reply.latency_ms])]
    texts = [reply.slot, *reply.headers.values(), reply.body.get("text", "")]
    if not all(type(number) is int for number in numbers) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"in response {reply.slot} number {reply.number}")


def check_unedited(entries: Iterable[Entry], path: str) -> None:
    """Raise CassetteCorrupt where a request is not the one that was recorded.

    Not a part of reading: a replay that finds the request it looks for has seen that already.
    """
    for entry in entries:
        if identity_of(entry.request) != entry.identity:
            raise _corrupt(
                f"a recorded request was edited: {entry.identity[:12]} is not the digest of the request under it", path
            )


def _corrupt(what: str, path: str, fix: Mapping[str, str] = RESTORE) -> CassetteCorrupt:
    return CassetteCorrupt(what, where=path, fix={label: line.format(path=path) for label, line in fix.items()})


def _parsed(text: str, path: str) -> list[JSON]:
    if (plain := read_plain(text)) is not None:
        return plain
    import yaml

    try:
        return read_strict(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = "" if mark is None else f" (line {mark.line + 1})"
        raise _corrupt(f"the cassette is no YAML: {problem}{line}", path) from error


def _dump(document: JSON) -> str:
    import yaml

    text: str = yaml.dump(
        document, Dumper=_dumper(), allow_unicode=True, sort_keys=False, width=1_000_000, default_flow_style=False
    )
    return text


@functools.lru_cache(maxsize=1)
def _dumper() -> Any:
    """Text of several lines as a literal block, where YAML can hold it so."""
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc] # chosen at run time
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def represent(dumper: Any, text: str) -> Any:
        # YAML 1.1 folds these breaks in a block; where a line ends in a blank, libyaml refuses the block by itself.
        block = "\n" in text.strip("\n") and not _OTHER_BREAKS.search(text)
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)

    Dumper.add_representer(str, represent)
    return Dumper


def body_of(content: bytes, content_type: str, *, is_stored: bool = True) -> dict[str, JSON]:
    """A reply's content as it is stored: a JSON tree, a stream or text where that reads back exactly, else base64.

    Not `is_stored`, it is not tried whether a file would hold it.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _in_charset(content, content_type) or {"base64": base64.b64encode(content).decode()}
    if "json" in content_type:
        try:
            tree, _ = load_json(text, "strict")
        except ValueError:
            return {"text": text}
        if not is_stored or _reads_back(set_aside({"json": tree}, "")[0]):
            return {"json": tree}
    if "event-stream" in content_type:
        items = streams.packed(text)
        if items is not None and _reads_back(items):
            return {"stream": items}
    return {"text": text} if text else {}


def _in_charset(content: bytes, content_type: str) -> dict[str, JSON]:
    """Text in the charset that its content type names; {} where it is none, or would not come back."""
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" '\"")
    try:
        text = content.decode(charset or "ascii")
        exact = text.encode(charset) == content and bool(text.encode())
    except (LookupError, ValueError):
        return {}
    return {"text": text, "charset": charset} if exact else {}


def content_of(body: Mapping[str, JSON]) -> bytes:
    """The content of a stored reply; of JSON the same value, not the same white space."""
    if "json" in body:
        return json.dumps(body["json"], ensure_ascii=True, separators=(",", ":")).encode()
    if "stream" in body:
        return streams.unpacked(body["stream"]).encode()
    if "base64" in body:
        return base64.b64decode(body["base64"], validate=True)
    return str(body.get("text", "")).encode(body.get("charset", "utf-8"))


def _reads_back(tree: JSON) -> bool:
    """Whether YAML holds a value exactly; a lone surrogate, for one, it cannot."""
    try:
        return json.dumps(_parsed(_dump(tree), "")[0]) == json.dumps(tree)
    except (UnicodeEncodeError, CassetteCorrupt):
        return False
