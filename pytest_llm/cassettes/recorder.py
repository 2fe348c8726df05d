"""The open cassette of one running item: what is replayed, what is asked, what is kept. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import Entry, StoredReply, body_of, check_unedited
from pytest_llm.cassettes.identity import RequestRecord, identity_of
from pytest_llm.cassettes.secrets import KEPT_HEADERS, Secrets
from pytest_llm.cassettes.staleness import Miss, explain_miss
from pytest_llm.errors import CassetteMiss
from pytest_llm.settings import Mode

if TYPE_CHECKING:
    from pytest_llm.cassettes.journal import Journal

Source = Literal["replayed", "recorded", "asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request of an item with its response, and where that came from; "asked" was not kept."""

    identity: str
    request: RequestRecord
    reply: StoredReply
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A place in the cassette that one request has taken; `reply` is None where it has to be asked."""

    identity: str
    request: RequestRecord
    number: int
    reply: StoredReply | None
    started: float


class Recorder:
    """The exchanges of one item, whoever makes them, from any thread."""

    def __init__(
        self,
        path: Path,
        shown: str,
        *,
        mode: Mode,
        slot: str,
        secrets: Secrets,
        journal: Callable[[], Journal],
        shelf: store.Shelf,
    ) -> None:
        self.path = path
        self.mode = mode
        self.slot = slot
        self.exchanges: list[Exchange] = []
        self.misses: list[CassetteMiss] = []
        self.shown = shown
        self._shelf = shelf
        self._secrets = secrets
        self._journal = journal
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._found: dict[str, Entry] | None = None
        self._loaded = False

    def take(self, request: RequestRecord) -> Ticket:
        """Look a request up. Raises CassetteMiss when it has no recording and nothing may be asked."""
        identity = identity_of(request)
        entry = self._entries().get(identity)
        if entry is None or entry.request != request:
            check_unedited(self._entries().values(), self.shown)
        with self._lock:
            self._taken[identity] += 1
            number = self._taken[identity]
        reply = None if entry is None else entry.replies.get((self.slot, number))
        if reply is not None and self.mode in ("replay", "record"):
            self._note(Exchange(identity=identity, request=request, reply=reply, source="replayed"))
        elif self.mode == "replay":
            raise self._miss(identity, request)
        else:
            reply = None
            if self.mode != "live":
                self._secrets.refuse(request, self.shown)
        return Ticket(identity=identity, request=request, number=number, reply=reply, started=time.monotonic())

    def knows(self, request: RequestRecord) -> bool:
        """Whether the next request of this form would be answered from the recording."""
        if self.mode not in ("replay", "record"):
            return False
        identity = identity_of(request)
        entry = self._entries().get(identity)
        return entry is not None and (self.slot, self._taken[identity] + 1) in entry.replies

    def _entries(self) -> dict[str, Entry]:
        with self._lock:
            if not self._loaded:
                self._found, self._loaded = self._shelf.load(self.path, self.shown), True
        return self._found or {}

    def keep(self, ticket: Ticket, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Keep the answer to a request that was asked: in the journal now, in the cassette when the item ends.

        Errors are not kept: a replay would repeat them for ever.
        """
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
        body = body_of(content, kept.get("content-type", ""))
        reply = StoredReply(
            slot=self.slot,
            number=ticket.number,
            status=status,
            latency_ms=round((time.monotonic() - ticket.started) * 1000),
            headers=kept,
            body=self._secrets.scrub_json(body),
        )
        if status >= 400:
            with self._lock:  # the place is free again: the retry that succeeds is the answer
                self._taken[ticket.identity] -= 1
            return
        source: Source = "asked" if self.mode == "live" else "recorded"
        self._note(Exchange(identity=ticket.identity, request=ticket.request, reply=reply, source=source))
        if source == "recorded":
            self._journal().write(self.path, ticket.identity, ticket.request, reply)

    def release(self, ticket: Ticket) -> None:
        """A request that got no answer at all frees its place."""
        with self._lock:
            self._taken[ticket.identity] -= 1

    def close(self, state: Path) -> None:
        """Put what was recorded into the cassette."""
        added: dict[str, tuple[RequestRecord, list[StoredReply]]] = {}
        for exchange in self.exchanges:
            if exchange.source == "recorded":
                added.setdefault(exchange.identity, (exchange.request, []))[1].append(exchange.reply)
        if added:
            store.merge(self.path, added, state)

    def _note(self, exchange: Exchange) -> None:
        with self._lock:
            self.exchanges.append(exchange)

    def _miss(self, identity: str, request: RequestRecord) -> CassetteMiss:
        why = explain_miss(self._found or {}, identity, request, self.slot, file_exists=self._found is not None)
        told = _told(why, request, self.slot, self.shown)
        miss = CassetteMiss(told, kind=why.kind, heading=why.heading, change=why.change)
        with self._lock:
            self.misses.append(miss)
        return miss


def _told(why: Miss, request: RequestRecord, slot: str, shown: str) -> str:
    body = request.get("body")
    model = f' of model "{body["model"]}"' if isinstance(body, Mapping) and "model" in body else ""
    what = f"{request['method']} {request['url']}{model}"
    match why.kind:
        case "stale":
            changed = "\n".join(f"    {line}" for line in why.change.split("\n"))
            head = f"the recording is stale: {why.heading}\n\n{changed}\n"
            fix = "ask again   pytest --llm-record"
        case "exhausted":
            head = f"the recording has fewer replies than the test asks for: {what}, sample {slot}"
            fix = "ask more    pytest --llm-record"
        case "missing" | "no cassette":
            head = f"no recording for this request: {what}, sample {slot}"
            fix = "record it   pytest --llm-record"
    return f"{head}\n  recording   {shown}{' (no such file)' if why.kind == 'no cassette' else ''}\n  {fix}"


def requests_digest(exchanges: list[Exchange]) -> str:
    """16 hex digits over what an item asked, whatever the order in which concurrent requests were sent."""
    return _digest(sorted((one.identity, one.reply.number) for one in exchanges))


def replies_digest(exchanges: list[Exchange]) -> str:
    """16 hex digits over what an item was answered; how long it took does not count."""
    return _digest(
        [
            [one.identity, one.reply.number, one.reply.status, one.reply.body]
            for one in sorted(exchanges, key=lambda one: (one.identity, one.reply.number))
        ]
    )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
