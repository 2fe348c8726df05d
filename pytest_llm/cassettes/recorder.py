"""The open cassette of one running item: what is replayed, what is asked, what is kept. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from pytest_llm.calls import Request
from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import body_of, check_unedited
from pytest_llm.cassettes.entry import DrawGrades, Entry, Mark, StoredReply
from pytest_llm.cassettes.foreign_patches import explain_patch
from pytest_llm.cassettes.identity import (
    DEFAULT,
    CanonicalRequest,
    Comparison,
    RequestRecord,
    identity_of,
    model_record,
    older_form,
    without_secrets,
)
from pytest_llm.cassettes.reply_fault import reply_fault
from pytest_llm.cassettes.secrets import KEPT_HEADERS, Secrets
from pytest_llm.cassettes.sent_schemas import schema_form
from pytest_llm.cassettes.staleness import Miss, explain_miss
from pytest_llm.errors import CallFailed, CassetteMiss, LlmError, NoRoomYet
from pytest_llm.schemas import JSON
from pytest_llm.settings import Mode

if TYPE_CHECKING:
    from pytest_llm.calls.fault import Fault
    from pytest_llm.cassettes.foreign_patches import Patch
    from pytest_llm.cassettes.journal import Journal

Source = Literal["replayed", "recorded", "asked"]
CallRole = Literal["subject", "judge", "retrieval", "fixture"]
"""Who asks: the code or prompt under test, a grader, either of them for embeddings, a fixture of wider scope."""

_RETRIEVAL = ("embeddings", "rerank")


@dataclass(slots=True, kw_only=True)  # not frozen, for the same reason as CanonicalRequest
class Exchange:
    """One request of an item with its response, and where that came from; "asked" was not kept."""

    identity: str
    request: RequestRecord
    reply: StoredReply
    source: Source
    role: CallRole = "subject"
    #: With --llm-verify, the reply that is recorded; None where there is none.
    recorded: StoredReply | None = None
    #: The address that was asked, or would be; no cassette holds it. None where not known.
    at: str | None = None
    #: Whether it replays a recording of rules 1 that does not say all by which the request is compared now.
    is_older: bool = False


@dataclass(slots=True, kw_only=True, eq=False)  # not frozen, for the same reason as CanonicalRequest
class Ticket:
    """A request that was looked up; `reply` is None where it has to be sent."""

    canonical: CanonicalRequest
    #: Sample, and of a correction arm and attempt.
    slot: str
    role: CallRole
    reply: StoredReply | None
    #: By the monotonic clock, in seconds; None where neither how long it takes nor when it was sent is known: where
    #: another recorder has kept the reply.
    started: float | None
    #: Whether the reply comes from the cassette.
    replayed: bool = False
    at: str | None = None
    #: What it has taken of the budget; None without one.
    hold: Hold | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What is requested, and for which slot."""
        return self.canonical.identity, self.slot


class Hold(Protocol):
    """What a request in flight has taken of what the run may spend. What is told first counts."""

    def settle(self, exchange: Exchange) -> None:
        """Count what the reply has cost in its place."""

    def give_back(self) -> None:
        """It has cost nothing: the endpoint answered with an error, or was not reached."""

    def lose(self) -> None:
        """No answer will come, and nobody knows what it has cost; it stays taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the recorders of a process share."""

    mode: Mode
    #: The folder for locks.
    state: Path
    secrets: Callable[[], Secrets]
    journal: Callable[[], Journal]
    shelf: store.Shelf
    #: What the project adds to the rules by which requests are compared.
    compared: Comparison = DEFAULT
    #: The most requests of declared prompts that are in flight at once.
    concurrency: int | None = None
    #: The version of the words in which corrections feed errors back.
    feedback: int | None = None
    #: Seconds; bound here, where nobody who freezes the time of one test finds it while another's reply comes.
    clock: Callable[[], float] = time.monotonic
    #: Seconds since 1970, bound here for the same reason.
    date: Callable[[], float] = time.time
    #: Takes a request to an address from what may be spent. Raises CassetteMiss where it does not fit.
    reserve: Callable[[RequestRecord, str | None], Hold] | None = None
    #: Finds the mock or other recorder that would answer a request sent by a group of libraries.
    foreign_patch: Callable[[str], Patch | None] | None = None


class Recorder:
    """The exchanges of one item, or one fixture of wider scope, whoever makes them, from any thread."""

    def __init__(
        self,
        desk: Desk,
        path: Path,
        *,
        shown: str,
        owner: str,
        slot: str = "1",
        normalize: Callable[[dict[str, JSON]], None] | None = None,
        keeps_errors: bool = False,
        replays_only: bool = False,
        is_ahead: bool = False,
        is_sure: bool = True,
        mark: Mark | None = None,
    ) -> None:
        """`is_ahead`: it asks for an item that has not begun, whose own recorder takes over what came.

        Not `is_sure`, what its item sets up may be what makes the endpoint answer.
        """
        self.path = path
        self.mode: Mode = "replay" if replays_only else desk.mode
        self.slot = slot
        self.shown = shown
        self.compared = desk.compared
        self.concurrency = desk.concurrency
        #: The test or fixture whose exchanges these are, for messages.
        self.owner = owner
        self.exchanges: list[Exchange] = []
        #: Misses and mistakes that were raised into the code under test.
        self.problems: list[CassetteMiss | LlmError] = []
        self.is_ahead, self.is_sure = is_ahead, is_sure
        #: Calls that came to nothing, by identity and slot; noted where it asks ahead.
        self.failures: dict[tuple[str, str], CallFailed] = {}
        self._desk = desk
        self._normalize = normalize
        self._keeps_errors = keeps_errors
        self._mark = mark
        #: Canonical forms of declared requests, by all that they consist of.
        self._canonical: dict[str, CanonicalRequest] = {}
        self._lock = threading.Lock()
        #: By identity and slot, as are all that follow.
        self._answered: Counter[tuple[str, str]] = Counter()
        self._open: list[Ticket] = []
        #: Error replies that were handed on and not kept, until a further try succeeds.
        self._failed: Counter[tuple[str, str]] = Counter()
        #: Those that are kept, until then.
        self._errors: dict[tuple[str, str], Exchange] = {}
        self._found: dict[str, Entry] | None = None
        self._loaded = False
        #: The recorded requests that send a schema, by their identity in normal form; made when one is not found.
        self._normal_forms: dict[str, list[Entry]] | None = None
        #: Whether no recorded request was edited; looked at when the first one is not found.
        self._checked = False
        self._closed = False
        self._unsaved: list[Exchange] = []
        #: What was asked ahead and is not used yet, in the order of the numbers.
        self._given: dict[tuple[str, str], list[Exchange]] = {}

    def canonical(self, record: RequestRecord) -> CanonicalRequest:
        """Return a request without what the project's hook takes out of it, and its digests."""
        return CanonicalRequest.of(self.normal(record))

    def declared(self, request: Request) -> CanonicalRequest:
        """Return the canonical form of a declared prompt's request, which is computed once, prefetch included."""
        if self.mode == "replay":  # it is looked up once
            return self.canonical(model_record(request.endpoint, request.body, request.path, self.compared))
        key = repr(request)  # not its value, by which True is 1
        if (known := self._canonical.get(key)) is None:
            record = model_record(request.endpoint, request.body, request.path, self.compared)
            self._canonical[key] = known = self.canonical(record)
        return known

    def take(
        self, request: CanonicalRequest, role: CallRole = "subject", arm: str = "", at: str | None = None
    ) -> Ticket:
        """Look up a request to an address. Raises CassetteMiss when it has no recording and may not be sent.

        What is raised is noted as well: the code under test may swallow it.
        """
        slot = self._slot(arm)
        if self.failures and (failed := self.failures.pop((request.identity, slot), None)) is not None:
            raise failed
        try:
            return self._looked_up(request, role, slot, at)
        except NoRoomYet:
            raise  # nothing is lost: who can wait without blocking comes again
        except (CassetteMiss, LlmError) as problem:
            self.note(problem)
            raise

    def refuse_mocks(self, group: str, what: str, host: str | None = None) -> None:
        """Raise CassetteMiss where a mock or another recorder would answer a request, and note it.

        Its reply is none of the model's, and a recording would win over a mock that the test has set up.
        """
        found = self._desk.foreign_patch(group) if self._desk.foreign_patch is not None else None
        if found is None:
            return
        text = explain_patch(f"{what} was neither recorded nor replayed", found, host=host)
        miss = CassetteMiss(text, kind="blocked")
        self.note(miss)
        raise miss

    def note(self, problem: CassetteMiss | LlmError) -> None:
        """Remember a problem that is about to be raised into the code under test."""
        with self._lock:
            self.problems.append(problem)

    def normal(self, request: RequestRecord) -> RequestRecord:
        """The request without what the project's hook takes out of it."""
        if self._normalize is None:
            return request
        plain: dict[str, JSON] = copy.deepcopy(dict(request))
        self._normalize(plain)
        return plain

    def _slot(self, arm: str) -> str:
        return f"{self.slot}/{arm}" if arm else self.slot

    def _looked_up(self, request: CanonicalRequest, role: CallRole, slot: str, at: str | None) -> Ticket:
        entries = {} if self.mode == "live" else self._entries()
        if not self._checked and ((entry := self._entry(request)) is None or entry.request != request.record):
            check_unedited(entries.values(), self.shown)
            self._checked = True  # once: recording into a cassette of thousands would read all of it for each request
        if role == "subject" and str(request.record["url"]).partition("?")[0] in _RETRIEVAL:
            role = "retrieval"
        key = request.identity, slot
        with self._lock:
            found = self._next(request, slot)
            if found is not None:
                entry, reply = found
                self._answered[key] = max(reply.number, self._answered.get(key, 0))
                self.exchanges.append(
                    Exchange(
                        identity=entry.identity,
                        request=request.record,
                        reply=reply,
                        source="replayed",
                        role=role,
                        at=at,
                        is_older=request.older is not None and entry.rules == 1,
                    )
                )
            elif given := self._given.get(key):
                exchange = given.pop(0)
                self._adopt(exchange)
                return Ticket(canonical=request, slot=slot, role=role, reply=exchange.reply, started=None)
        if found is None and self.mode == "replay":
            raise self._miss(request, slot)
        stored = None if found is None else found[1]
        started = self._desk.clock()
        ticket = Ticket(
            canonical=request,
            slot=slot,
            role=role,
            reply=stored,
            started=started,
            replayed=stored is not None,
            at=at,
        )
        if stored is None:
            if self.mode in ("record", "rerecord"):
                self._desk.journal().check()
            if self._desk.mode != "live":
                self._desk.secrets().refuse(request.record, self.shown)
            if self._desk.reserve is not None:
                ticket = replace(ticket, hold=self._desk.reserve(request.record, at), started=self._desk.clock())
            with self._lock:
                self._open.append(ticket)
        return ticket

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked was answered and kept, so that what was not used is not needed."""
        return not self._open and not self._failed.total() and not self.problems

    @property
    def unkept(self) -> int:
        """How many requests were answered by an error that is not kept, or by nothing: a replay will not have them."""
        return self._failed.total() + len(self._open) if self.mode in ("record", "rerecord") else 0

    def knows(self, request: CanonicalRequest, arm: str = "") -> bool:
        """Whether the next request of this form is answered already: recorded, or prefetched."""
        self._entries()
        key = request.identity, self._slot(arm)
        return self._next(request, key[1]) is not None or bool(self._given.get(key)) or key in self.failures

    def has_any(self, arm: str) -> bool:
        """Whether anything is recorded for an attempt of a correction."""
        slot = self._slot(arm)
        return any(at == slot for entry in self._entries().values() for at, _ in entry.replies)

    def _next(self, request: CanonicalRequest, slot: str) -> tuple[Entry, StoredReply] | None:
        """The recorded reply to the next request of an identity, with its entry; None where it has to be sent."""
        if self.mode not in ("replay", "record"):
            return None
        found = self._recorded(request, slot, self._answered.get((request.identity, slot), 0) + 1)
        return None if found is None or self._recorded_fault(request, found[1]) is not None else found

    def _recorded(self, request: CanonicalRequest, slot: str, number: int) -> tuple[Entry, StoredReply] | None:
        """The reply of a number, with its entry. An error is stored once, and answers every further try too."""
        for find in (self._own, self._older):
            if (entry := find(request)) is not None and (reply := _reply_in(entry, slot, number)) is not None:
                return entry, reply
        for entry in self._respelled(request):
            if (reply := _reply_in(entry, slot, number)) is not None:
                return entry, reply
        return None

    def _recorded_fault(self, request: CanonicalRequest, reply: StoredReply) -> Fault | None:
        """Return what makes a recorded reply unfit to be replayed; None where the test tests errors."""
        if self._keeps_errors:
            return None
        return reply_fault(request.record, reply.status, reply.headers, reply.body)

    def _entry(self, request: CanonicalRequest) -> Entry | None:
        """The recorded request that equals this one, by the rules of now or by those that it was recorded by."""
        return self._own(request) or self._older(request)

    def _own(self, request: CanonicalRequest) -> Entry | None:
        return (self._found or {}).get(request.identity)

    def _older(self, request: CanonicalRequest) -> Entry | None:
        """The request of rules 1 that equals this one in everything that those compared."""
        entry = None if request.older is None else (self._found or {}).get(request.older)
        return entry if entry is not None and entry.rules == 1 else None

    def _respelled(self, request: CanonicalRequest) -> Sequence[Entry]:
        """Return the recorded requests that differ only in how a version of pydantic wrote their schemas."""
        if not self._found or (form := schema_form(request.record)) is None:  # nearly always
            return ()
        if self._normal_forms is None:
            forms: dict[str, list[Entry]] = {}
            for entry in self._found.values():
                if (recorded := schema_form(entry.request)) is not None:
                    forms.setdefault(identity_of(recorded), []).append(entry)
            self._normal_forms = forms
        found = self._normal_forms.get(identity_of(form), [])
        if (older := older_form(form)) is None:
            return found
        return [*found, *(entry for entry in self._normal_forms.get(identity_of(older), ()) if entry.rules == 1)]

    def _entries(self) -> dict[str, Entry]:
        with self._lock:
            if not self._loaded:
                self._found, self._loaded = self._desk.shelf.load(self.path, self.shown), True
        return self._found or {}

    def stored(self) -> list[Exchange]:
        """What the cassette holds for this sample."""
        return [
            Exchange(identity=entry.identity, request=entry.request, reply=reply, source="replayed")
            for entry in self._entries().values()
            for reply in entry.replies.values()
            if reply.slot.partition("/")[0] == self.slot
        ]

    def opened(self, request: CanonicalRequest, arm: str = "") -> Ticket | None:
        """The ticket of a request of this form that is in flight, if there is one."""
        key = request.identity, self._slot(arm)
        with self._lock:
            return next((one for one in self._open if one.key == key), None)

    def keep(
        self,
        ticket: Ticket,
        status: int,
        headers: Mapping[str, str],
        content: bytes,
        *,
        concurrency: int | None = None,
    ) -> Fault | None:
        """Keep the answer to a request that was asked: in the journal now, in the cassette when the item ends.

        Its number is that of the answers, not of the tries: one that failed leaves no gap. Errors are kept only where
        the test asks for it, and then the last of several tries: a replay would repeat them for ever.
        Returns the error, where a reply with a status of success holds one.
        """
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
        if "location" in kept:
            kept["location"] = without_secrets(kept["location"])
        secrets = self._desk.secrets()
        is_stored = self.mode in ("record", "rerecord")
        body = secrets.scrub_json(body_of(content, kept.get("content-type", ""), is_stored=is_stored))
        latency_ms = None if ticket.started is None else round((self._desk.clock() - ticket.started) * 1000)
        fault = reply_fault(ticket.canonical.record, status, kept, body)
        with self._lock:
            if (status >= 400 or fault is not None) and not self._keeps_errors:
                if ticket in self._open:
                    self._open.remove(ticket)
                self._failed[ticket.key] += 1
                if ticket.hold is not None:
                    ticket.hold.give_back()
                return fault
            # With it, the tries before it that got an error, or no answer.
            self._open = [one for one in self._open if one.key != ticket.key]
            del self._failed[ticket.key]
            number = self._answered[ticket.key] + 1
            reply = StoredReply(
                slot=ticket.slot,
                number=number,
                status=status,
                latency_ms=latency_ms,
                headers={name: secrets.scrub(value) for name, value in kept.items()},
                body=body,
                recorded=self._now() if is_stored and ticket.started is not None else None,
                concurrency=concurrency,
                feedback=self._desk.feedback if "/" in ticket.slot else None,
                mark=self._mark,
            )
            known = self._recorded(ticket.canonical, ticket.slot, number) if self.mode == "verify" else None
            exchange = Exchange(
                identity=ticket.canonical.identity,
                request=ticket.canonical.record,
                reply=reply,
                source="recorded" if is_stored else "asked",
                role=ticket.role,
                recorded=None if known is None else known[1],
                at=ticket.at,
            )
            self._add(exchange)
        if ticket.hold is not None and fault is None:
            ticket.hold.settle(exchange)
        elif ticket.hold is not None:
            ticket.hold.give_back()
        if self._closed:
            self.save()
        return fault

    def _now(self) -> str:
        return datetime.fromtimestamp(int(self._desk.date()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _add(self, exchange: Exchange) -> None:
        """Append an exchange, in the place of an error that an earlier try got; it is journalled first."""
        if exchange.source == "recorded":
            self._unsaved.append(exchange)
            try:
                self._desk.journal().write(self.path, exchange.identity, exchange.request, exchange.reply)
            except LlmError as problem:
                self.problems.append(problem)  # raised into a client, it would make it ask, and pay, again
        key = exchange.identity, exchange.reply.slot
        if (earlier := self._errors.pop(key, None)) is not None:
            self.exchanges.remove(earlier)
        self.exchanges.append(exchange)
        if _is_error(exchange.request, exchange.reply):
            self._errors[key] = exchange
        else:
            self._answered[key] += 1

    def note_failure(self, request: CanonicalRequest, failed: CallFailed, arm: str = "") -> None:
        """Remember a call that failed, where it was prefetched: its item will raise it."""
        if self.is_ahead:
            self.failures[request.identity, self._slot(arm)] = failed

    # -- what was asked ahead -----------------------------------------------------------------------------------

    def take_over(self, ahead: Recorder) -> None:
        """Use what another recorder has asked for this item, which has ended asking."""
        self._found, self._loaded, self._checked = ahead._found, ahead._loaded, ahead._checked
        self._open, self._failed, self.failures = ahead._open, ahead._failed, ahead.failures
        self._canonical, self._normal_forms = ahead._canonical, ahead._normal_forms
        for exchange in ahead.exchanges:
            if exchange.source != "replayed":
                self._given.setdefault((exchange.identity, exchange.reply.slot), []).append(exchange)
        ahead._unsaved.clear()

    def _adopt(self, exchange: Exchange) -> None:
        """Use a reply that came before it was asked for; it is in the journal."""
        if exchange.source == "recorded":
            self._unsaved.append(exchange)
        self.exchanges.append(exchange)
        self._answered[exchange.identity, exchange.reply.slot] = exchange.reply.number

    def drop_given(self) -> int:
        """Forget what was asked ahead in vain, and say how many replies that are."""
        unused = [one for given in self._given.values() for one in given]
        self._given.clear()
        self._settle(unused)
        return len(unused)

    def drop(self) -> None:
        """Forget what was recorded, and not saved."""
        with self._lock:
            unsaved, self._unsaved = self._unsaved, []
        self._settle(unsaved)

    def _settle(self, exchanges: Sequence[Exchange]) -> None:
        """Nobody has to recover these from the journal."""
        if recorded := sum(one.source == "recorded" for one in exchanges):
            self._desk.journal().settle(self.path, recorded)

    def accept(self, graded: Callable[[], DrawGrades]) -> None:
        """Put the grades that the item got beside its new replies; those of judges are not the item's."""
        if not self._unsaved:  # as in every replay
            return
        grades = graded()
        with self._lock:
            self._unsaved = [
                one if one.role == "judge" else replace(one, reply=replace(one.reply, accepted=(grades,)))
                for one in self._unsaved
            ]

    def save(self, *, replacing: bool = True) -> None:
        """Put what was recorded into the cassette. Raises LlmError where that cannot be written.

        Not `replacing`, a reply that is there meanwhile stays.
        """
        with self._lock:
            unsaved, self._unsaved = self._unsaved, []
        added: dict[str, tuple[RequestRecord, list[StoredReply]]] = {}
        for one in unsaved:
            added.setdefault(one.identity, (one.request, []))[1].append(one.reply)
        if added:
            store.merge(self.path, added, self._desk.state, replacing=replacing)
            self._settle(unsaved)

    def close(self, *, replacing: bool = True) -> None:
        """Save; an answer that is still under way is saved when it comes."""
        self._closed = True
        for ticket in list(self._open):
            if ticket.hold is not None:
                ticket.hold.lose()
        self.save(replacing=replacing)

    def _miss(self, request: CanonicalRequest, slot: str) -> CassetteMiss:
        found = self._recorded(request, slot, self._answered[request.identity, slot] + 1)
        if found is not None and (fault := self._recorded_fault(request, found[1])) is not None:
            head = f"the recording holds an error, not a reply: {fault.what}"
            text = f"{head}\n  recording   {self.shown}\n  record again  pytest --llm-record"
            return CassetteMiss(text, kind="error", heading="with an error in the place of a recorded reply")
        why = explain_miss(
            self._found or {},
            request,
            slot,
            file_exists=self._found is not None,
            answered={known for known, _ in self._answered},
        )
        text = _told(why, request.record, slot, self.shown)
        return CassetteMiss(text, kind=why.kind, heading=why.heading, change=why.change)


def _reply_in(entry: Entry, slot: str, number: int) -> StoredReply | None:
    """Return the reply of a number; an error answers every further try too."""
    if (reply := entry.replies.get((slot, number))) is not None:
        return reply
    last = entry.replies.get((slot, number - 1))
    return last if last is not None and _is_error(entry.request, last) else None


def _is_error(request: RequestRecord, reply: StoredReply) -> bool:
    """Return whether a reply is an error, by its status or by its body."""
    return reply.status >= 400 or reply_fault(request, reply.status, reply.headers, reply.body) is not None


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
            if host := urlsplit(str(request["url"])).hostname:  # of a model endpoint it is left out
                fix += f"\n  let it pass ini llm_ignore_hosts = {host}"
    return f"{head}\n  recording   {shown}{' (no such file)' if why.kind == 'no cassette' else ''}\n  {fix}"
