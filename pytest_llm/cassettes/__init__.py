"""Remembering: what was asked and answered, so that it replays offline. PYTEST_DONT_REWRITE"""

from pytest_llm.cassettes.budget import COME_AGAIN_S, Budget, calling
from pytest_llm.cassettes.call import (
    Call,
    Calls,
    drifted,
    facts_of,
    is_single_draw,
    recording_digest,
    replies_digest,
    requests_digest,
)
from pytest_llm.cassettes.document import content_of
from pytest_llm.cassettes.entry import DrawGrades, Mark, StoredReply
from pytest_llm.cassettes.foreign_patches import explain_patch
from pytest_llm.cassettes.hosts import Hosts
from pytest_llm.cassettes.identity import Comparison, RequestRecord, model_endpoint, model_record
from pytest_llm.cassettes.recorder import CallRole, Desk, Exchange, Recorder, Ticket
from pytest_llm.cassettes.router import Router, asking, unrecorded
from pytest_llm.cassettes.secrets import Secrets, is_secret_variable
from pytest_llm.cassettes.store import Shelf
from pytest_llm.cassettes.stored import changed_request, stored_exchanges

__all__ = [
    "COME_AGAIN_S",
    "Budget",
    "Call",
    "CallRole",
    "Calls",
    "Comparison",
    "Desk",
    "DrawGrades",
    "Exchange",
    "Hosts",
    "Mark",
    "Recorder",
    "RequestRecord",
    "Router",
    "Secrets",
    "Shelf",
    "StoredReply",
    "Ticket",
    "asking",
    "calling",
    "changed_request",
    "content_of",
    "drifted",
    "explain_patch",
    "facts_of",
    "is_secret_variable",
    "is_single_draw",
    "model_endpoint",
    "model_record",
    "recording_digest",
    "replies_digest",
    "requests_digest",
    "stored_exchanges",
    "unrecorded",
]
