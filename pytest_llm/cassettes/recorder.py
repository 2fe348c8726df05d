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
from pytest_llm.errors import CassetteMiss, LlmError
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
    """A request that was looked up; `reply` is None where it has to be asked."""

    identity: str
    request: RequestRecord
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
        secrets: Callable[[], Secrets],
        journal: Callable[[], Journal],
        shelf: store.Shelf,
    ) -> None:
        self.path = path
        self.mode = mode
        self.slot = slot
        self.exchanges: list[Exchange] = []
        #: Misses and mistakes that were raised into the code under test.
        self.problems: list[CassetteMiss | LlmError] = []
        self.shown = shown
        self._shelf = shelf
        self._secrets = secrets
        self._journal = journal
        self._lock = threading.Lock()
        self._answered: Counter[str] = Counter()
        self._open = 0
        self._found: dict[str, Entry] | None = None
        self._loaded = False

    def take(self, request: RequestRecord) -> Ticket:
        """Look a request up. Raises CassetteMiss when it has no recording and nothing may be asked.

        What is raised is noted as well: the code under test may swallow it.
        """
        try:
            return self._looked_up(request)
        except (CassetteMiss, LlmError) as problem:
            with self._lock:
                self.problems.append(problem)
            raise

    def _looked_up(self, request: RequestRecord) -> Ticket:
        identity = identity_of(request)
        entries = {} if self.mode == "live" else self._entries()
        entry = entries.get(identity)
        if entry is None or entry.request != request:
            check_unedited(entries.values(), self.shown)
        with self._lock:
            reply = self._next(identity)
            if reply is not None:
                self._answered[identity] += 1
                exchange = Exchange(identity=identity, request=request, reply=reply, source="replayed")
                self.exchanges.append(exchange)
        if reply is None and self.mode == "replay":
            raise self._miss(identity, request)
        if reply is None:
            if self.mode != "live":
                self._secrets().refuse(request, self.shown)
            with self._lock:
                self._open += 1
        return Ticket(identity=identity, request=request, reply=reply, started=time.monotonic())

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked was answered, so that what was not used is not needed."""
        return self._open == 0 and not self.problems

    def knows(self, request: RequestRecord) -> bool:
        """Whether the next request of this form would be answered from the recording."""
        self._entries()
        return self._next(identity_of(request)) is not None

    def _next(self, identity: str) -> StoredReply | None:
        """The recorded reply to the next request of an identity; None where it has to be asked."""
        if self.mode not in ("replay", "record"):
            return None
        entry = (self._found or {}).get(identity)
        return None if entry is None else entry.replies.get((self.slot, self._answered[identity] + 1))

    def _entries(self) -> dict[str, Entry]:
        with self._lock:
            if not self._loaded:
                self._found, self._loaded = self._shelf.load(self.path, self.shown), True
        return self._found or {}

    def keep(self, ticket: Ticket, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Keep the answer to a request that was asked: in the journal now, in the cassette when the item ends.

        Its number is that of the answers, not of the tries: one that failed leaves no gap. Errors are not kept: a
        replay would repeat them for ever.
        """
        if status >= 400:
            return
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
        body = self._secrets().scrub_json(body_of(content, kept.get("content-type", "")))
        latency_ms = round((time.monotonic() - ticket.started) * 1000)
        source: Source = "asked" if self.mode == "live" else "recorded"
        with self._lock:
            self._open -= 1
            self._answered[ticket.identity] += 1
            reply = StoredReply(
                slot=self.slot,
                number=self._answered[ticket.identity],
                status=status,
                latency_ms=latency_ms,
                headers=kept,
                body=body,
            )
            exchange = Exchange(identity=ticket.identity, request=ticket.request, reply=reply, source=source)
            self.exchanges.append(exchange)
            if source == "recorded":
                self._journal().write(self.path, ticket.identity, ticket.request, reply)

    def close(self, state: Path) -> int:
        """Put what was recorded into the cassette; the number of exchanges."""
        added: dict[str, tuple[RequestRecord, list[StoredReply]]] = {}
        for exchange in self.exchanges:
            if exchange.source == "recorded":
                added.setdefault(exchange.identity, (exchange.request, []))[1].append(exchange.reply)
        if added:
            store.merge(self.path, added, state)
        return sum(len(replies) for _, replies in added.values())

    def _miss(self, identity: str, request: RequestRecord) -> CassetteMiss:
        why = explain_miss(self._found or {}, identity, request, self.slot, file_exists=self._found is not None)
        told = _told(why, request, self.slot, self.shown)
        return CassetteMiss(told, kind=why.kind, heading=why.heading, change=why.change)


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
