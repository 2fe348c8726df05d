"""Who is asking: the recorder that a request belongs to, whichever thread or task sends it. PYTEST_DONT_REWRITE

A context variable says it where one is at hand. It is absent in pool threads and stale in tasks that an earlier fixture
started; these belong to the item that runs, if exactly one does. Anything else is refused rather than guessed.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import PurePath

from pytest_llm.calls.pool import NAME as POOL
from pytest_llm.cassettes.hosts import Hosts
from pytest_llm.cassettes.recorder import CallRole, Recorder
from pytest_llm.errors import CassetteMiss


@dataclass(frozen=True, slots=True)
class Asker:
    """A recorder with the role in which it asks."""

    recorder: Recorder
    role: CallRole
    #: The end of the slot: arm and attempt of a correction; "" where there is none.
    arm: str = ""


_ASKER: ContextVar[Asker | None] = ContextVar("pytest_llm_asker", default=None)

_WAITING = {("threading", "wait"), ("queue", "get"), ("selectors", "select"), ("thread", "_worker")}
"""Where the innermost Python frame of a thread is that waits for whoever gives it work: (module, function)."""


@contextmanager
def asking(recorder: Recorder, role: CallRole, arm: str = "") -> Iterator[None]:
    """What this context sends belongs to a recorder, in a role, for as long as the recorder is open.

    `arm`: arm and attempt of a correction, "errors/2", which are recorded apart.
    """
    token = _ASKER.set(Asker(recorder, role, arm))
    try:
        yield
    finally:
        _ASKER.reset(token)


_UNRECORDED: ContextVar[bool] = ContextVar("pytest_llm_unrecorded", default=False)


@contextmanager
def unrecorded() -> Iterator[None]:
    """What this context sends is recorded by whoever sends it, and passes here."""
    token = _UNRECORDED.set(True)
    try:
        yield
    finally:
        _UNRECORDED.reset(token)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from collecting garbage while it walks its threads.

    It holds a lock of its own meanwhile; what is collected may let another thread run, which wants that lock to end,
    and both wait for ever. See https://github.com/python/cpython/issues/106883.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Router:
    """The recorders that are open: the running item's, and on top of it those of fixtures that are being set up."""

    def __init__(self, hosts: Hosts, *, refuse: bool) -> None:
        self.hosts = hosts
        #: What was refused because no test could be told, and so has to be told by whoever ends the run.
        self.refused: list[CassetteMiss] = []
        self._refuse = refuse
        self._open: list[Asker] = []
        #: Threads that belong to no item that runs, with whose they are.
        self._at_work: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()

    def enter(self, recorder: Recorder, role: CallRole) -> None:
        """From now on, what this process sends belongs to a recorder."""
        if not self._open:
            self._note_threads("what ran before the test")
        asker = Asker(recorder, role)
        self._open.append(asker)
        _ASKER.set(asker)

    def leave(self, recorder: Recorder) -> None:
        """The recorder takes no further request; what was under it, if anything, does again."""
        self._open = [one for one in self._open if one.recorder is not recorder]
        _ASKER.set(self._open[-1] if self._open else None)
        if not self._open:
            self._note_threads(recorder.owner)

    def _note_threads(self, owner: str) -> None:
        """Note the threads that are at somebody's work, between two items.

        One that waits for work, as in a pool, serves whoever asks next.
        """
        others = [one for one in threading.enumerate() if not one.name.startswith(POOL)]  # its threads say who asks
        if len(others) == 1:
            return
        with _no_collection():
            frames = sys._current_frames()  # noqa: SLF001 - documented, and a test notices when it goes
        for thread in others:
            frame = frames.get(thread.ident or 0)
            if frame is None or thread is threading.current_thread():
                continue
            if (PurePath(frame.f_code.co_filename).stem, frame.f_code.co_name) in _WAITING:
                self._at_work.pop(thread, None)
            else:
                self._at_work.setdefault(thread, owner)

    @property
    def is_idle(self) -> bool:
        """Whether no recorder is open."""
        return not self._open

    def is_last(self, recorder: Recorder) -> bool:
        """Whether a recorder is the only one that is open."""
        return all(one.recorder is recorder for one in self._open)

    def records(self, url: str) -> bool:
        """Whether a request to this address is looked at."""
        return not _UNRECORDED.get() and self.hosts.records(url)

    def asker(self, what: str) -> Asker | None:
        """Who asks; None where nobody does and the request may pass. Raises CassetteMiss where it may not.

        `what` is the request, for the message.
        """
        said = _ASKER.get()
        if said is not None and any(one.recorder is said.recorder for one in self._open):
            return said
        if said is not None and said.recorder.is_ahead:
            # By a grader or a schema of the project's own. Its item will ask it, and nobody else may be given it.
            raise CassetteMiss(f"{what} was asked ahead of its test, outside of what is declared", kind="blocked")
        if self._at_work and (left_by := self._at_work.get(threading.current_thread())) is not None:
            raise self._refusal(
                f"{what} was asked by a thread that {left_by} left at work, and not let through\n"
                "  add         a join() of that thread, or a shutdown of its pool, to the test"
            )
        if not self._open:
            if self._refuse:
                raise self._refusal(f"{what} was asked between two tests, and not let through")
            return None
        if sum(one.role != "fixture" for one in self._open) > 1:
            raise self._refusal(
                f"{what} was asked while several tests ran, by a thread or task that belongs to none of them\n"
                "  start it    with contextvars.copy_context().run, or run the tests one at a time"
            )
        return self._open[-1]

    def _refusal(self, told: str) -> CassetteMiss:
        miss = CassetteMiss(told, kind="blocked")
        self.refused.append(miss)
        return miss
