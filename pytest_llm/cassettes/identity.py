"""What makes two requests the same: a canonical form and its digest, by a numbered rule set. PYTEST_DONT_REWRITE

Rules, version 2: method; address (of a model endpoint the end of its path, and the segments before it that may choose a
model: a deployment, a LoRA, a gateway's provider; elsewhere scheme, host and path); the query, sorted, without keys
that carry secrets; the headers that the project names; the body (JSON: key order and white space do not matter, 1.0 is
1, the base64 of a picture stands as its digest, a signed address without its signature; several parts: without their
boundary; what is no text: its digest). Nothing of the environment; of other headers only what the content type says of
the body.

Rules, version 1, knew neither the segments before a model endpoint nor headers. The canonical forms are equal where
there is none of them, so that most requests have one identity by both.
"""

from __future__ import annotations

import base64
import fnmatch
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pytest_llm.cassettes.multipart import digest_of, parts_of
from pytest_llm.schemas import JSON, load_json

RULES = 2

RequestRecord: TypeAlias = Mapping[str, JSON]
"""A request as it is compared and stored: method, url, path, headers, and body, multipart, text or sha256.

`path` and `headers` are there only where they hold something.
"""

MODEL_ENDPOINTS = (
    "chat/completions",
    "responses",
    "embeddings",
    "messages",
    "completions",
    "moderations",
    "images/generations",
    "audio/speech",
    "audio/transcriptions",
    "rerank",
    # With their version: an application under test may well have a path /models or /files of its own.
    "v1/models",
    "v1/files",
)
SECRET_QUERY_KEYS = frozenset(
    {"key", "api_key", "api-key", "apikey", "access_token", "token", "sig", "signature", "code", "x-amz-signature"}
)
API_VERSION = "api-version"
"""The query key by which Azure chooses a version of its API; left out unless a project names it."""

PLAIN_SEGMENTS = frozenset(
    {"api", "openai", "inference", "compatibility", "compatible-mode", "paas", "serving-endpoints", "rest", "proxy"}
)
"""Segments before a model endpoint that say whose API it is, and choose no model."""
NAMING_SEGMENTS = frozenset({"deployments", "deployment", "engines", "endpoints", "models", "model"})
"""Segments after which the next one is a name, whatever it looks like."""
_VERSION_SEGMENT = re.compile(r"v\d+[a-z0-9]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a project adds to the rules."""

    #: Patterns of path segments before a model endpoint that are not compared.
    ignored_segments: tuple[str, ...] = ()
    #: Names of request headers, in small letters, that are compared; `api-version` of the query too.
    headers: frozenset[str] = frozenset()


DEFAULT = Comparison()


@functools.lru_cache(maxsize=256)  # every request, and the check of every reply, comes with one of a few paths
def model_endpoint(path: str) -> str | None:
    """Return the end of a path that makes it a model endpoint's; None for any other path.

    >>> model_endpoint("/api/v1/chat/completions")
    'chat/completions'
    """
    trimmed = path.rstrip("/")
    return next((end for end in MODEL_ENDPOINTS if trimmed == end or trimmed.endswith("/" + end)), None)


def significant_path(path: str, compared: Comparison = DEFAULT) -> str:
    """Return the segments of a path before a model endpoint that may choose a model, joined by slashes.

    >>> significant_path("/openai/deployments/gpt-4o-eu/"), significant_path("/api/v1")
    ('deployments/gpt-4o-eu', '')
    """
    kept: list[str] = []
    for part in filter(None, path.split("/")):
        segment = part.lower()
        is_name = bool(kept) and kept[-1].lower() in NAMING_SEGMENTS  # a deployment may well be called v1
        is_plain = not is_name and (segment in PLAIN_SEGMENTS or _VERSION_SEGMENT.match(segment) is not None)
        if not is_plain and not any(fnmatch.fnmatchcase(segment, one.lower()) for one in compared.ignored_segments):
            kept.append(part)
    return "/".join(kept)


def record_of(
    method: str,
    url: str,
    body: bytes,
    content_type: str = "",
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    compared: Comparison = DEFAULT,
) -> RequestRecord:
    """Return the canonical form of a request on the wire. `headers`: those of the request, names in small letters."""
    parts = urlsplit(url)
    endpoint = model_endpoint(parts.path)
    left_out = SECRET_QUERY_KEYS
    if endpoint is not None and API_VERSION not in compared.headers:
        left_out |= {API_VERSION}
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode(sorted((key, value) for key, value in query if key.lower() not in left_out))
    address = endpoint or f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path}"
    before = "" if endpoint is None else parts.path.rstrip("/").removesuffix(endpoint)
    return {
        "method": method.upper(),
        "url": f"{address}?{kept}" if kept else address,
        **_extras(significant_path(before, compared), headers, compared),
        **_body(body, content_type),
    }


def _extras(path: str, headers: Mapping[str, str], compared: Comparison) -> dict[str, JSON]:
    """Return what rules 2 compare beyond rules 1; of a plain request, nothing."""
    named: dict[str, JSON] = {name: headers[name] for name in sorted(compared.headers & headers.keys())}
    return {**({"path": path} if path else {}), **({"headers": named} if named else {})}


def older_form(record: RequestRecord) -> RequestRecord | None:
    """Return a request in the canonical form of rules 1; None where that is its form by rules 2 too."""
    if "path" not in record and "headers" not in record and API_VERSION not in record["url"]:
        return None  # nearly always
    url, _, query = str(record["url"]).partition("?")
    kept = [pair for pair in query.split("&") if not pair.lower().startswith(f"{API_VERSION}=")]
    is_equal = not record.keys() & {"path", "headers"} and (model_endpoint(url) is None or "&".join(kept) == query)
    if is_equal:
        return None
    plain = {key: value for key, value in record.items() if key not in ("path", "headers")}
    return {**plain, "url": f"{url}?{'&'.join(kept)}" if any(kept) else url}


def without_secrets(url: str) -> str:
    """An address without the query keys and the user that carry secrets; it leads to the same recording.

    >>> without_secrets("https://me:secret@files.invalid/a?X-Amz-Signature=abc&part=1")
    'https://files.invalid/a?part=1'
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(key, value) for key, value in query if key.lower() not in SECRET_QUERY_KEYS]
    told = parts.query if kept == query else urlencode(kept)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=told))


def model_record(
    endpoint: str, body: Mapping[str, JSON], path: str = "", compared: Comparison = DEFAULT
) -> RequestRecord:
    """Return a declared prompt's request in the form that it has on the wire.

    `path`: what the prompt itself declares of the path before the endpoint; a replay does not know what the environment
    adds to it.
    """
    extras = _extras(significant_path(path, compared), {}, compared)
    return {"method": "POST", "url": endpoint, **extras, "body": _plain(body)}


@dataclass(slots=True, kw_only=True)  # frozen, it would take thrice as long to make, for every request
class CanonicalRequest:
    """A request in canonical form, with its digests, which are computed once."""

    record: RequestRecord
    identity: str
    #: The identity by rules 1; None where it is the same.
    older: str | None

    @classmethod
    def of(cls, record: RequestRecord) -> CanonicalRequest:
        """Compute the digests of a canonical form."""
        older = older_form(record)
        return cls(record=record, identity=identity_of(record), older=None if older is None else identity_of(older))


def _body(body: bytes, content_type: str) -> dict[str, JSON]:
    if not body:
        return {}
    if (parts := parts_of(body, content_type)) is not None:
        return {"multipart": parts}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return digest_of(body)
    try:
        found, _ = load_json(text, "strict")
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate is JSON, but no file can hold it unescaped
    except ValueError:
        return {"text": text}
    # A body that is a bare number or text is not an API's JSON, and must read back as it was.
    return {"body": _plain(found)} if isinstance(found, dict | list) else {"text": text}


SHORTEST_BASE64 = 256
"""Characters; what is shorter is shown as it is."""

_BASE64 = re.compile(r"(?:data:[^,\s]{0,200};base64,)?[A-Za-z0-9+/_\-\r\n]+={0,2}\s*\Z")
_LINKS = frozenset({"url", "uri", "image_url", "file_url", "file_uri"})


def _plain(value: JSON, key: str = "") -> JSON:
    """A body without what is not for reading, and differs where nothing else does."""
    kind = type(value)
    if kind is dict:
        return {name: _plain(item, name) for name, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    if kind is not str:
        return value
    if len(value) >= SHORTEST_BASE64 and _BASE64.match(value):
        return _without_base64(value)
    return without_secrets(value) if key in _LINKS and "?" in value and value.startswith("http") else value


def _without_base64(text: str) -> str:
    """A text of base64 with the digest of what it holds; any other text as it is.

    Text in base64 is left alone: it is shown nowhere else. So is what has no capitals, small letters and digits, as no
    picture's base64 does.
    """
    head, comma, code = text.rpartition(",")
    if not all(re.search(kind, code) for kind in ("[A-Z]", "[a-z]", "[0-9]")):
        return text
    code = re.sub(r"\s", "", code).translate(_URL_SAFE).rstrip("=")
    try:
        content = base64.b64decode(code + "=" * (-len(code) % 4), validate=True)
    except ValueError:
        return text
    try:
        content.decode()
    except UnicodeDecodeError:
        digest = digest_of(content)
        return f"{head}{comma}<{digest['bytes']} bytes, sha256 {digest['sha256']}>"
    return text


_URL_SAFE = str.maketrans("-_", "+/")


def identity_of(record: RequestRecord) -> str:
    """The sha256 of a canonical request, in hex.

    >>> identity_of({"a": 1, "b": [2.0]}) == identity_of({"b": [2], "a": 1.0})
    True
    """
    text = canonical(record)
    if _ENDS_IN_ZERO.search(text) or ("+" in text and _HAS_EXPONENT.search(text)):
        text = canonical(_with_plain_numbers(record))
    return hashlib.sha256(text.encode()).hexdigest()


# What an integral float looks like in JSON; also found inside texts, where it costs time and changes nothing. The
# patterns begin with literal characters, which `re` finds several times as fast as a digit.
_ENDS_IN_ZERO = re.compile(r"\.0(?<=\d\.0)")
_HAS_EXPONENT = re.compile(r"e\+(?<=\de\+)")


def canonical(value: JSON) -> str:
    """A value as the JSON text that digests are made of."""
    return _ENCODER.encode(value)


# The circle that is not looked for is a tenth of the time, and no request can hold one: a client has encoded it.
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), check_circular=False)


def _with_plain_numbers(value: JSON) -> JSON:
    kind = type(value)
    if kind is dict:
        return {key: _with_plain_numbers(item) for key, item in value.items()}
    if kind is list:
        return [_with_plain_numbers(item) for item in value]
    if kind is float and value.is_integer():
        return int(value)
    return value
