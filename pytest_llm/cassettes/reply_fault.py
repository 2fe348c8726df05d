"""Decide whether what answered a request is an error with a status of success. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pytest_llm.calls.fault import Fault, fault_of, fault_of_stream, judges, not_json
from pytest_llm.cassettes import streams
from pytest_llm.cassettes.document import content_of
from pytest_llm.cassettes.identity import RequestRecord, model_endpoint
from pytest_llm.schemas import JSON

_MODEL_CALLS: Mapping[str, frozenset[str]] = {
    "responses": frozenset({"model", "input", "prompt", "messages"}),
    "messages": frozenset({"model", "messages"}),
}
"""Paths that applications have for other things too (OpenAI's own threads end in /messages); a call of a model has one
of these keys in its body."""
_STREAM_STARTS = ("data:", "event:", "id:", ":")


def reply_fault(
    request: RequestRecord, status: int, headers: Mapping[str, str], body: Mapping[str, JSON]
) -> Fault | None:
    """Return what makes a reply with a status of success no reply of a model; None where nothing does.

    `body` is the stored form of the reply. The API of an application is never judged.
    """
    if not 200 <= status < 300:
        return None
    endpoint = model_endpoint(str(request["url"]).partition("?")[0])
    if endpoint is None:
        return None
    sent = request.get("body")
    if (keys := _MODEL_CALLS.get(endpoint)) and not (isinstance(sent, Mapping) and keys & sent.keys()):
        return None
    shape = endpoint if request["method"] == "POST" else ""  # a GET lists what there is
    if "json" in body:
        return fault_of(shape, body["json"])
    if "stream" in body:
        return fault_of_stream(shape, streams.examples_of(body["stream"]))
    return _content_fault(shape, headers, body) if judges(shape) else None


def _content_fault(endpoint: str, headers: Mapping[str, str], body: Mapping[str, JSON]) -> Fault | None:
    """Judge a body that is stored as text, or as base64."""
    content = content_of(body)
    text = content.decode(json.detect_encoding(content), errors="replace")  # clients read JSON in UTF-16, too
    if "event-stream" in headers.get("content-type", "") or text.lstrip().startswith(_STREAM_STARTS):
        return fault_of_stream(endpoint, streams.events_in(text))
    try:
        return fault_of(endpoint, json.loads(text))
    except (ValueError, RecursionError):
        return not_json(text)
