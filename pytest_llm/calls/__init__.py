"""Asking a model: messages, requests, responses, and the transport. PYTEST_DONT_REWRITE"""

from pytest_llm.calls.charge import Charge, terms_of
from pytest_llm.calls.conversation import messages_of
from pytest_llm.calls.message import Message, Role
from pytest_llm.calls.price import EXTRA, Prices, has_library
from pytest_llm.calls.request import ENDPOINTS, Api, Request
from pytest_llm.calls.response import ReplyApi, Response, ToolCall, Usage, add_known, api_of, read_reply, said_in
from pytest_llm.calls.streamed import whole_reply

__all__ = [
    "ENDPOINTS",
    "EXTRA",
    "Api",
    "Charge",
    "Message",
    "Prices",
    "ReplyApi",
    "Request",
    "Response",
    "Role",
    "ToolCall",
    "Usage",
    "add_known",
    "api_of",
    "has_library",
    "messages_of",
    "read_reply",
    "said_in",
    "terms_of",
    "whole_reply",
]
