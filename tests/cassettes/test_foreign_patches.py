"""Whether a mock or another recorder stands between a request and the network."""

from __future__ import annotations

import functools
import sys
import types
from unittest import mock

import httpx
import pytest
import requests
import urllib3

from pytest_llm.cassettes.foreign_patches import (
    explain_patch,
    foreign_patch,
    group_of,
    is_untouched,
    loaded,
    replaced_entry,
    snapshot,
)


def written_in(module, function):
    """The function, as if it had been written in another module."""
    return types.FunctionType(function.__code__, {"__name__": module}, function.__name__)


def fake(self, request):
    return httpx.Response(200)


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_where_nothing_is_replaced_nothing_is_found(library):
    for own in ({}, snapshot()):
        assert foreign_patch(group_of(library), own) is None
        assert replaced_entry(own) is None


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("respx.mocks", "respx"),
        ("pytest_httpx", "pytest-httpx"),
        ("pook.x", "pook"),
    ],
)
def test_a_known_mock_is_found_without_knowing_what_stood_there_before(monkeypatch, package, name):
    """As where it was there before the first marked test; `functools.wraps` gives it the name of what it replaces."""
    replaced = functools.wraps(httpx.HTTPTransport.handle_request)(written_in(package, fake))
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", replaced)
    found = (name, "httpx.HTTPTransport.handle_request")
    assert foreign_patch("httpx", {}) == foreign_patch("httpx", snapshot()) == found
    assert foreign_patch("requests", {}) is None


def test_a_cassette_of_vcrpy_is_told_from_our_own_use_of_it(monkeypatch):
    theirs = functools.wraps(httpx.HTTPTransport.handle_request)(written_in("vcr.stubs.httpx_stubs", fake))
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", theirs)
    assert foreign_patch("httpx", snapshot()) is None, "what stood there when we had patched is ours"
    ours = functools.wraps(theirs)(lambda *_: None)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", ours)
    assert foreign_patch("httpx", snapshot()) == ("vcrpy", "httpx.HTTPTransport.handle_request"), "theirs is below"


def test_a_method_of_the_project_is_found_where_it_came_later(monkeypatch):
    own = snapshot()
    assert is_untouched(own)
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", fake)
    assert not is_untouched(own)
    assert foreign_patch("requests", {}) is None
    assert foreign_patch("requests", own) == (f"{__name__}.fake", "requests.HTTPAdapter.send")
    assert foreign_patch("requests", snapshot()) is None, "it was there before"


def test_a_mock_object_is_found(monkeypatch):
    monkeypatch.setattr(httpx.Client, "_transport_for_url", mock.MagicMock())
    assert foreign_patch("httpx", {}) == ("unittest.mock", "httpx.Client._transport_for_url")


def test_an_object_that_can_be_called_is_found(monkeypatch):
    own = snapshot()
    monkeypatch.setattr(httpx.Client, "send", functools.partial(fake, None))
    assert replaced_entry(own) == ("functools.partial", "httpx.Client.send")


def test_a_wrapper_as_tracing_libraries_put_it_on_is_no_replacement(monkeypatch):
    own = snapshot()
    for _ in range(2):
        send = httpx.Client.send
        monkeypatch.setattr(httpx.Client, "send", functools.wraps(send)(lambda *args, send=send: send(*args)))
    assert foreign_patch("httpx", own) is None
    assert replaced_entry(own) is None


def test_what_pretends_to_wrap_without_end_is_found(monkeypatch):
    class Endless:
        @property
        def __wrapped__(self):
            return Endless()

    own = snapshot()
    monkeypatch.setattr(httpx.Client, "send", Endless())
    assert foreign_patch("httpx", own) == (f"{__name__}.Endless", "httpx.Client.send")


def test_the_way_into_a_library_is_looked_at_apart(monkeypatch):
    own = snapshot()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fake)
    assert replaced_entry(own) is None
    monkeypatch.setattr(requests.Session, "send", fake)
    assert replaced_entry(own) == (f"{__name__}.fake", "requests.Session.send")


def test_the_method_by_which_urllib3_is_used_without_requests_is_an_entry_too(monkeypatch):
    own = snapshot()
    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", fake)
    assert replaced_entry(own) == (f"{__name__}.fake", "urllib3.HTTPConnectionPool.urlopen")


def test_what_is_not_loaded_is_not_looked_at(monkeypatch):
    known, count = len(snapshot()), loaded()
    monkeypatch.delitem(sys.modules, "requests")
    assert len(snapshot()) == known - 2
    assert loaded() == count - 1
    assert group_of("httpx2") == group_of("httpx")


def test_the_message_names_both_and_the_method():
    found = ("respx", "httpcore.ConnectionPool.handle_request")
    assert explain_patch("POST /v1/x was neither recorded nor replayed", found) == (
        "POST /v1/x was neither recorded nor replayed: the test is marked llm, and respx answers its HTTP too\n"
        "  where       httpcore.ConnectionPool.handle_request, which has been replaced\n"
        "  remove one  the mark llm, or respx"
    )
    assert explain_patch("x", found, host="api.example.org").endswith(
        "  or pass by  ini llm_ignore_hosts = api.example.org      (its exchanges are not recorded)"
    )
