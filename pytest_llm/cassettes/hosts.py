"""Which exchanges are recorded, and which pass. Values in, values out. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from pytest_llm.calls.endpoint import is_loopback
from pytest_llm.cassettes.identity import model_endpoint


@dataclass(frozen=True, slots=True)
class Hosts:
    """What a project says of hosts: patterns of a name or an address, with or without `:port`."""

    #: Exchanges with these pass, whatever they are.
    ignored: tuple[str, ...] = ()
    #: Exchanges with these are recorded, also those of loopback that do not look like a model endpoint's.
    recorded: tuple[str, ...] = ()

    def records(self, url: str) -> bool:
        """Whether exchanges with an address are recorded.

        Those with hosts other than loopback are, and with loopback where the path is a model endpoint's.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self.ignored and self.ignores(host, _port(parts)):
            return False
        if not is_loopback(host) or model_endpoint(parts.path) is not None:
            return True
        return bool(self.recorded) and _matches(self.recorded, host, _port(parts))

    def ignores(self, host: str, port: int | None) -> bool:
        """Whether what goes to a host is none of our business."""
        return _matches(self.ignored, host, port)


def _matches(patterns: tuple[str, ...], host: str, port: int | None) -> bool:
    name = host.lower()
    return any(fnmatchcase(name, one.lower()) or fnmatchcase(f"{name}:{port}", one.lower()) for one in patterns)


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # no number
        return None
