"""Asking a model: messages, requests, responses, and the transport. PYTEST_DONT_REWRITE"""

from pytest_llm.calls.message import Message, Role
from pytest_llm.calls.price import Prices
from pytest_llm.calls.request import ENDPOINTS, Api, Request
from pytest_llm.calls.response import Response, ToolCall, Usage, add_known, read_reply

__all__ = [
    "ENDPOINTS",
    "Api",
    "Message",
    "Prices",
    "Request",
    "Response",
    "Role",
    "ToolCall",
    "Usage",
    "add_known",
    "read_reply",
]
