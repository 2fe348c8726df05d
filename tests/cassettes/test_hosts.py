"""Which exchanges are recorded, and which pass."""

from __future__ import annotations

import pytest

from pytest_llm.calls.endpoint import is_loopback
from pytest_llm.cassettes.hosts import Hosts


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "api.localhost"]
)
def test_loopback_is_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["localhost.invalid", "128.0.0.1", "a127.0.0.1", "192.168.0.1", "", "localhosts", "127.0.0.1.invalid", "127."],
)
def test_anything_else_is_not(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://api.invalid/anything", True),
        ("http://[2001:db8::1]:8000/anything", True),
        ("http://127.0.0.1:8080/v1/chat/completions", True),
        ("http://127.0.0.1:8080/v1/models", True),
        ("http://127.0.0.1:8080/v1/files", True),
        ("http://127.0.0.1:8080/models", False),
        ("http://localhost/", False),
        ("http://[::1]:8080/v1/embeddings", True),
        ("http://localhost:port/x", False),
    ],
)
def test_what_is_recorded_unless_the_project_says_otherwise(url, recorded):
    assert Hosts().records(url) is recorded


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("db.invalid", "https://db.invalid/x", True),
        ("DB.invalid", "https://db.INVALID/x", True),
        ("db.invalid", "https://a.db.invalid/x", False),
        ("*.invalid", "https://a.db.invalid/x", True),
        ("db.invalid:443", "https://db.invalid/x", True),
        ("db.invalid:80", "http://db.invalid/x", True),
        ("db.invalid:80", "https://db.invalid/x", False),
        ("127.0.0.1:80*", "http://127.0.0.1:8080/v1/chat/completions", True),
        ("127.0.0.1:9*", "http://127.0.0.1:8080/v1/chat/completions", False),
    ],
)
def test_the_project_says_otherwise(pattern, url, matches):
    assert Hosts(ignored=(pattern,)).records(url) is not matches
    local = (
        url.replace("db.invalid", "localhost").replace("db.INVALID", "localhost").replace("a.localhost", "localhost")
    )
    assert Hosts(recorded=("other", "localhost*")).records(local.replace("/chat/completions", "/x")) == (
        "localhost" in local
    )


def test_a_port_that_is_no_number_matches_no_port():
    assert not Hosts(ignored=("api.invalid:80",)).ignores("api.invalid", None)
    assert Hosts(ignored=("api.invalid:80",)).records("http://api.invalid:port/x")


def test_to_ignore_is_stronger_than_to_record():
    assert not Hosts(ignored=("localhost",), recorded=("localhost",)).records("http://localhost/x")
    assert not Hosts(ignored=("127.0.0.1",)).ignores("localhost", None)
