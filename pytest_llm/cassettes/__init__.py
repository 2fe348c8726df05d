"""Remembering: what was asked and answered, so that it replays offline. PYTEST_DONT_REWRITE"""

from pytest_llm.cassettes.call import Call, Calls, facts_of
from pytest_llm.cassettes.document import StoredReply, content_of
from pytest_llm.cassettes.identity import RequestRecord, model_record
from pytest_llm.cassettes.recorder import Exchange, Recorder, Ticket, replies_digest, requests_digest
from pytest_llm.cassettes.secrets import Secrets
from pytest_llm.cassettes.store import Shelf

__all__ = [
    "Call",
    "Calls",
    "Exchange",
    "Recorder",
    "RequestRecord",
    "Secrets",
    "Shelf",
    "StoredReply",
    "Ticket",
    "content_of",
    "facts_of",
    "model_record",
    "replies_digest",
    "requests_digest",
]
