"""Asking ahead: what items to come are declared to ask is asked while earlier ones run. PYTEST_DONT_REWRITE

Nothing else of a test is run ahead: pytest runs items as ever, one after the other, and an item that asks finds the
reply there. Its request is compared then with what was asked; where they differ it asks by itself, and no item like it
is asked for ahead any more.
"""

from __future__ import annotations

import _socket
import contextlib
import functools
import inspect
import itertools
import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from pytest_llm.calls.pool import NAME, Job
from pytest_llm.cassettes import asking
from pytest_llm.collection import DRAW, Draw
from pytest_llm.declared import Declared, declared_by
from pytest_llm.errors import CallFailed, LlmError
from pytest_llm.items import Judges, OpenItem
from pytest_llm.prompts import run
from pytest_llm.recordings import Recordings
from pytest_llm.results import CONFIRMATIONS
from pytest_llm.retrying import Retry
from pytest_llm.settings import Settings
from pytest_llm.wire import Errand, Wire, host_of

DISTANCE = 4
"""So many times what may be in flight is asked before it is used: replies that came early wait for one that is late."""
LAST_WAIT_S = 2.0
"""How long the end of a run waits for replies that are in flight, and paid for."""

Function: TypeAlias = tuple[Any, str]
"""A test function: the class or module that it was collected in, and its name."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The fixtures that a test needs: what they set up, a key or a server, is a part of its call."""

    #: Of class, module and package, each with where it belongs, and those of the session that have parameters.
    near: frozenset[tuple[Any, ...]]
    #: Of the session.
    far: tuple[pytest.FixtureDef[Any], ...]
    #: Whether the project has fixtures of its own that are set up for each test: nobody knows yet what they will do.
    is_sure: bool

    @classmethod
    def of(cls, item: pytest.Function) -> Surroundings:
        """As pytest found them when it collected the item."""
        # pytest has no public way to ask whose fixtures a test gets.
        closure = item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001
        found = [one for several in closure for one in several if _does_something(one)]
        indices = item.callspec.indices if hasattr(item, "callspec") else {}
        near = {
            (one, item.getparent(_PARENTS.get(one.scope, pytest.Module)), indices.get(one.argname))
            for one in found
            if one.scope != "function" and (one.scope != "session" or one.argname in indices)
        }
        return cls(
            near=frozenset(near),
            far=tuple(one for one in found if one.scope == "session"),
            is_sure=not any(one.scope == "function" and _is_of(item.config, one) for one in found),
        )

    def are_those_of(self, running: Surroundings) -> bool:
        """Whether they are set up, as an item that runs shows, and nothing else is that will be gone."""
        return self.near == running.near and all(one.cached_result is not None for one in self.far)


_PARENTS: Mapping[str, type[pytest.Item | pytest.Collector]] = {"class": pytest.Class, "session": pytest.Session}


def _does_something(fixture: pytest.FixtureDef[Any]) -> bool:
    """Whether it is a project's or a plugin's; of pytest's own, setup_module, setUpClass and their like are."""
    return not fixture.func.__module__.startswith("_pytest.") or fixture.argname.startswith(("_xunit_", "_unittest_"))


def _is_of(config: pytest.Config, fixture: pytest.FixtureDef[Any]) -> bool:
    """Whether a fixture is written in the project, and in no library that it has installed."""
    if fixture.func.__module__.startswith("_pytest."):
        return True  # setup_method and setUp, which call the project's
    code = getattr(inspect.unwrap(fixture.func), "__code__", None)  # inspect's own question looks at the disk each time
    place = code.co_filename if code is not None else ""
    return place.startswith(str(config.rootpath)) and "site-packages" not in place


class Ahead:
    """What is asked ahead in one process; made where a model may be asked."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        recordings: Recordings,
        wire: Wire,
        judges: Judges,
    ) -> None:
        self._config = config
        self._settings = settings
        self._recordings = recordings
        self._wire = wire
        self._judges = judges
        self._shares = hasattr(config, "workerinput")
        # Whoever stops at the first failure has no use for what comes after it; another worker may take it.
        self._distance = wire.pool.most * (1 if self._shares or config.getvalue("maxfail") else DISTANCE)
        self._items: Sequence[pytest.Item] = ()
        self._places: dict[pytest.Item, int] = {}
        self._next = 0
        self._errands: dict[pytest.Item, Errand] = {}
        #: Those of items that ask at another address.
        self._elsewhere: list[Errand] = []
        #: Items that were met, or whose errand was begun.
        self._seen: set[pytest.Item] = set()
        #: Tests that ask something else than they declare.
        self._off: set[Function] = set()
        self._declared: dict[Function, Declared | None] = {}
        self._quiet = _Quiet()
        self._process = os.getpid()

    def expect(self, items: Sequence[pytest.Item]) -> None:
        """All items of this process, in their order."""
        self._items = items
        self._places = {item: place for place, item in enumerate(items)}

    def errand_of(self, item: pytest.Function) -> Errand | None:
        """What was asked ahead for an item that is about to ask; and ask for those that come after it."""
        if os.getpid() != self._process:  # a test that is run in a fork of its own has none of our threads
            return None
        if self._wire.pool.most > 1:
            self._wire.pool.resume()  # nobody looks at a test any more, if another one runs
            self._go_on(item)
        errand = self._errands.get(item)
        if errand is None or errand.is_used:
            return None
        if self._wire.clients.of(item.stash[DRAW].prompt) is not errand.client:
            # A fixture has changed address or key.
            self._turn_off(item)
            self._elsewhere.append(self._errands.pop(item))
            return None
        return errand

    def ended(self, item: pytest.Function, opened: OpenItem) -> None:
        """Look whether an item used what was asked for it; what it did not ask for, it may when it is run again."""
        errand = self._errands.get(item)
        if errand is not None and errand.is_used:
            del self._errands[item]
        if opened.recorder.drop_given() or (errand is not None and not errand.is_used):
            self._turn_off(item)

    def finish(self) -> None:
        """Ask nothing more, and keep what was asked for items that have not asked: they will not ask it again.

        Not where a fixture of the project's own might have changed whom they ask.
        """
        self._wire.pool.close(LAST_WAIT_S)
        for errand in (*self._elsewhere, *self._errands.values()):
            if errand.recorder.is_sure and errand not in self._elsewhere:
                with contextlib.suppress(LlmError):  # what a cassette does not take is in the journal
                    errand.recorder.close(replacing=False)
            else:
                errand.recorder.drop()
        self._quiet.end()

    # -- what is next -------------------------------------------------------------------------------------------

    def _go_on(self, item: pytest.Function) -> None:
        running = Surroundings.of(item)
        for coming in itertools.chain([item], self._coming(item)):
            draw = coming.stash.get(DRAW, None)
            if draw is None or not isinstance(coming, pytest.Function) or coming in self._seen:
                continue
            declared = self._declaration(coming, draw)
            if declared is None or _function(coming) in self._off or not _is_certain(coming, draw):
                continue
            surroundings = Surroundings.of(coming)
            if not surroundings.are_those_of(running):
                return  # when those of an item are set up, it is asked for
            self._seen.add(coming)
            self._begin(coming, draw, declared, is_sure=surroundings.is_sure)

    def _coming(self, item: pytest.Function) -> Iterator[pytest.Item]:
        """The items after one, as far as is looked ahead."""
        if self._shares:
            yield from self._share()[: self._distance - 1]
            return
        place = self._places.get(item, len(self._items))
        self._next = max(self._next, place + 1)
        while self._next < min(len(self._items), place + self._distance):
            yield self._items[self._next]
            self._next += 1

    def _share(self) -> list[pytest.Item]:
        """What this worker of xdist was given to run. It is not told by anything public; a test notices if it goes."""
        plugins = self._config.pluginmanager.get_plugins()
        worker = next((one for one in plugins if type(one).__name__ == "WorkerInteractor"), None)
        try:
            with worker.torun.lock() as queue:  # type: ignore[union-attr] # see above
                places = [worker.nextitem_index, *queue]  # type: ignore[union-attr] # as above
        except AttributeError:
            return []
        return [self._items[place] for place in places if isinstance(place, int)]

    def _declaration(self, item: pytest.Function, draw: Draw) -> Declared | None:
        key = _function(item)
        if key not in self._declared:
            self._declared[key] = declared_by(item, draw, self._settings)
        return self._declared[key]

    # -- asking -------------------------------------------------------------------------------------------------

    def _begin(self, item: pytest.Function, draw: Draw, declared: Declared, *, is_sure: bool) -> None:
        try:
            client = self._wire.clients.of(draw.prompt)
        except LlmError:  # no key, for one: the item will say so
            return
        opened = OpenItem(
            item,
            draw,
            self._recordings.of_item(item, draw, is_ahead=True, is_sure=is_sure),
            wire=self._wire,
            environment=dict(os.environ),
            version=lambda: None,
            fixtures=list,
            prices=self._recordings.prices,
            judges=self._judges,
            retry=self._settings.retry,
        )
        job = Job(host_of(client), functools.partial(_ask, opened, declared))
        self._errands[item] = Errand(job=job, recorder=opened.recorder, client=client)
        self._quiet.begin(self._config)
        self._wire.pool.submit(job)

    def _turn_off(self, item: pytest.Function) -> None:
        """Ask ahead no more for the items of a test."""
        function = _function(item)
        self._off.add(function)
        for coming in [one for one in self._errands if _function(one) == function]:
            if self._wire.pool.cancel(self._errands[coming].job):
                del self._errands[coming]


def _ask(opened: OpenItem, declared: Declared) -> None:
    """In a thread of the pool: what a test is declared to ask, into a recorder that its item takes over."""
    if _is_blocked():
        return
    try:
        with asking(opened.recorder, "subject"):
            match declared.asks:
                case "reply" if any(one.asks for one in opened.draw.suite.graders):
                    opened.respond()
                case "reply":
                    run(opened.conversation(is_validated=False), opened.send)
                case "corrections":
                    Retry(opened)(**declared.options)
                case "comparison":
                    Retry(opened).compare(**declared.options)
            opened.ask_judges()
    except CallFailed:
        if _is_blocked():  # it is not the endpoint that failed
            opened.recorder.failures.clear()
    except BaseException:  # noqa: S110 - the item will come upon it by itself, in its own name
        pass


def _is_certain(item: pytest.Function, draw: Draw) -> bool:
    """Whether an item will run for all that is known, and ask."""
    is_expected = all(mark.kwargs.get("run", True) for mark in item.iter_markers("xfail"))
    marks = ("skip", "skipif", "forked")  # a fork has nothing of what comes after it began
    return is_expected and draw.sample not in CONFIRMATIONS and not any(map(item.get_closest_marker, marks))


def _is_blocked() -> bool:
    """Whether somebody keeps this process from the network, as pytest-socket and pytest-recording do while a test runs.

    They put something in the place of the class, or of its method `connect`, which Python's class inherits; some put
    that one itself into the class when they end.
    """
    own = _socket.socket.connect
    return socket.socket.__module__ != "socket" or vars(socket.socket).get("connect", own) is not own


def _function(item: pytest.Item) -> Function:
    return item.parent, getattr(item, "originalname", item.name)


class _Quiet(logging.Filter):
    """Keeps what is logged ahead out of the logs of the test that happens to run."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers: list[logging.Handler] = []

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - it is the thread that decides
        return not threading.current_thread().name.startswith(NAME)

    def begin(self, config: pytest.Config) -> None:
        """Listen to pytest's own handlers, of which there is nothing public; a test notices if they go."""
        if self._handlers:
            return
        plugin = config.pluginmanager.get_plugin("logging-plugin")
        found = [getattr(plugin, name, None) for name in ("caplog_handler", "report_handler")]
        self._handlers = [one for one in found if one is not None]
        for handler in self._handlers:
            handler.addFilter(self)

    def end(self) -> None:
        """Leave the handlers as they were."""
        for handler in self._handlers:
            handler.removeFilter(self)
