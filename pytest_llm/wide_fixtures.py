"""Fixtures of wider scope than a function: what they ask has recordings and counts of its own. PYTEST_DONT_REWRITE

Which item needs such a fixture first is chance (`-k`, `-n`, random order), so nothing of it may hang on that item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

from pytest_llm.calls import add_known
from pytest_llm.cassettes import Exchange, Recorder, facts_of, store
from pytest_llm.items import known_usage
from pytest_llm.recordings import Recordings
from pytest_llm.results import FixtureCalls
from pytest_llm.settings import Settings


class WideFixtures:
    """The fixtures of wider scope that are set up in this process for marked items."""

    def __init__(self, recordings: Recordings, settings: Settings) -> None:
        self._recordings = recordings
        self._settings = settings
        self._names: set[str] = set()
        #: By name and the node of its scope.
        self._recorders: dict[tuple[str, Any], Recorder] = {}
        #: With the numbers of exchanges and problems that the set-up had.
        self._tearing_down: dict[pytest.FixtureDef[Any], tuple[Recorder, int, int]] = {}
        #: What has been asked and not been told yet, with where it begins.
        self._untold: list[tuple[Recorder, int]] = []

    def expect(self, items: Iterable[pytest.Function]) -> None:
        """The marked items that will run; whatever else uses their fixtures may set them up first."""
        self._names = {name for item in items for name in item.fixturenames}

    def of(self, item: pytest.Item) -> list[Recorder]:
        """The recorders of the fixtures that an item uses."""
        chain, names = set(item.listchain()), getattr(item, "fixturenames", ())
        return [one for (name, node), one in self._recorders.items() if name in names and node in chain]

    def set_up(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> AbstractContextManager[None]:
        """Record what a fixture asks while it is set up, and see to its teardown."""
        if fixturedef.scope == "function" or not self._is_ours(fixturedef):
            return nullcontext()
        return self._recorded(fixturedef, request)

    @contextmanager
    def _recorded(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
        recorder = self._recordings.of_fixture(fixturedef, request)
        self._recordings.begin(recorder, "fixture")
        try:
            yield
            if recorder.problems:  # swallowed: whoever uses the fixture would not know
                raise recorder.problems[0]
        finally:
            self._end(recorder, 0)
            if recorder.exchanges:
                self._recorders[fixturedef.argname, request.node] = recorder
            # Its own finalizers are there already; the last that is added runs first.
            fixturedef.addfinalizer(lambda: self._tear_down(fixturedef, recorder))

    def _is_ours(self, fixturedef: pytest.FixtureDef[Any]) -> bool:
        """Whether a marked item needs it, as is known from its arguments or from its running now."""
        return fixturedef.argname in self._names or not self._recordings.router.is_idle

    def _tear_down(self, fixturedef: pytest.FixtureDef[Any], recorder: Recorder) -> None:
        self._tearing_down[fixturedef] = (recorder, len(recorder.exchanges), len(recorder.problems))
        self._recordings.begin(recorder, "fixture")

    def torn_down(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """A fixture's teardown has ended; drop from its cassette what a complete re-recording did not use."""
        if fixturedef not in self._tearing_down:
            return
        recorder, exchanges, problems = self._tearing_down.pop(fixturedef)
        self._end(recorder, exchanges)
        if swallowed := recorder.problems[problems:]:
            raise swallowed[0]
        self._keep_used(recorder)

    def count(self, recorder: Recorder) -> None:
        """What was asked for all items that need it, as the pre-flight of a judge is; it is closed."""
        self._keep_used(recorder)
        self._note(recorder, 0)

    def _keep_used(self, recorder: Recorder) -> None:
        recorded = any(one.source == "recorded" for one in recorder.exchanges)
        if recorded and recorder.is_complete and not self._settings.changes:
            used = {(one.identity, one.reply.slot, one.reply.number) for one in recorder.exchanges}
            store.keep_only(recorder.path, used, {recorder.slot}, self._settings.state)

    def _end(self, recorder: Recorder, told: int) -> None:
        self._recordings.end(recorder, aside=self._recordings.router.is_last(recorder))
        self._note(recorder, told)

    def _note(self, recorder: Recorder, told: int) -> None:
        if len(recorder.exchanges) > told:
            self._untold.append((recorder, told))

    def told(self) -> list[FixtureCalls]:
        """What fixtures have asked since this was called last."""
        untold, self._untold = self._untold, []
        return [self._calls(recorder, recorder.exchanges[begin:]) for recorder, begin in untold]

    def _calls(self, recorder: Recorder, exchanges: list[Exchange]) -> FixtureCalls:
        facts = [facts_of(one, self._recordings.prices) for one in exchanges]
        sources = [one.source for one in exchanges]
        return FixtureCalls(
            name=recorder.owner,
            cassette=recorder.shown,
            replayed=sources.count("replayed"),
            recorded=sources.count("recorded"),
            asked=sources.count("asked"),
            usage=known_usage([usage for _, usage, _, _ in facts]),
            cost_usd=add_known([usd for *_, usd in facts]),
        )
