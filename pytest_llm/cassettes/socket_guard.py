"""In replay, a guard before the network for what no HTTP library sees: raw sockets, websockets. PYTEST_DONT_REWRITE

It stands where Python's own socket module connects and looks names up. What reaches the network without it
(subprocesses, gRPC, other compiled clients) is not covered.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any
from unittest import mock

from pytest_llm.calls.endpoint import is_loopback
from pytest_llm.cassettes.router import Router
from pytest_llm.errors import CassetteMiss


class SocketGuard:
    """Refuses connections and name look-ups to hosts other than loopback, and other than those that are ignored."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._resolved: set[str] = set()
        self._patches: contextlib.ExitStack | None = None

    def enter(self) -> None:
        """Stand before the network."""
        self._patches = contextlib.ExitStack()
        for name in ("connect", "connect_ex"):
            replaced = self._connecting(getattr(socket.socket, name))
            self._patches.enter_context(mock.patch.object(socket.socket, name, replaced))
        for name in ("getaddrinfo", "gethostbyname"):
            self._patches.enter_context(mock.patch.object(socket, name, self._resolving(getattr(socket, name))))

    def leave(self) -> None:
        """Step aside."""
        if self._patches is not None:
            self._patches.close()
            self._patches = None

    def _connecting(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(sock: socket.socket, address: Any) -> Any:
            # Paths of Unix sockets and the like stay on this machine.
            if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                host, port = str(address[0]), address[1]
                if host not in self._resolved:
                    self._check(host, port, f"a connection to {host}:{port}")
            return connect(sock, address)

        return guarded

    def _resolving(self, resolve: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name:
                self._check(name, args[0] if args else None, f"a look-up of {name}")
            found = resolve(host, *args, **kwargs)
            addresses = [found] if isinstance(found, str) else [address[0] for *_, address in found]
            self._resolved.update(map(str, addresses))
            return found

        return guarded

    def _check(self, host: str, port: Any, what: str) -> None:
        known = is_loopback(host) or host == socket.gethostname()
        if known or self._router.hosts.ignores(host, port if isinstance(port, int) else None):
            return
        miss = CassetteMiss(
            f"{what} was stopped: a replay uses no network, and only HTTP is recorded\n"
            f"  let it pass   ini llm_ignore_hosts = {host}",
            kind="blocked",
        )
        asker = self._router.asker(what)
        if asker is not None:
            asker.recorder.note(miss)
        raise miss
