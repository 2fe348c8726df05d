"""What a recording run would ask, without asking: for `--llm-dry-run`. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from pytest_llm.calls import Request
from pytest_llm.cassettes import Recorder, facts_of
from pytest_llm.clients import Clients
from pytest_llm.collection import DRAW, Draw
from pytest_llm.errors import LlmError
from pytest_llm.prompts import run
from pytest_llm.recordings import Recordings
from pytest_llm.reports import Forecast

FORECAST: pytest.StashKey[list[Forecast]] = pytest.StashKey()


def forecast(items: Iterable[pytest.Item], recordings: Recordings, clients: Clients) -> list[Forecast]:
    """What a recording run of these items would ask, by suite."""
    found: dict[str, Forecast] = {}
    for item in items:
        draw = item.stash.get(DRAW, None)
        if draw is None or not isinstance(item, pytest.Function):
            continue
        suite = found.setdefault(draw.suite.name, Forecast(suite=draw.suite.name))
        suite.items += 1
        try:
            _add(suite, item, draw, recordings, clients)
        except LlmError as error:
            suite.problems.append(f"{item.nodeid}: {error}")
    return list(found.values())


def _add(suite: Forecast, item: pytest.Function, draw: Draw, recordings: Recordings, clients: Clients) -> None:
    recorder = recordings.of_item(item, draw)
    at = None if draw.prompt is None else clients.address(draw.prompt)
    facts = [facts_of(replace(one, at=at), recordings.prices) for one in recorder.stored()]
    suite.tokens += [usage.total_tokens for _, usage, _, _ in facts if usage.total_tokens is not None]
    suite.usd += [usd for _, _, _, usd in facts]
    if draw.prompt is not None and "llm_response" in item.fixturenames:
        suite.requests += _requests(draw, recorder)
    else:
        suite.unknown += 1


def _requests(draw: Draw, recorder: Recorder) -> int:
    """How many requests of a declared prompt would be asked: all from the first that is not recorded."""
    from pytest_llm.calls.transport import Reply
    from pytest_llm.wire import stored_reply

    asked = 0

    def answer(request: Request) -> Reply:
        nonlocal asked
        canonical = recorder.declared(request)
        if not asked and recorder.knows(canonical):
            return stored_reply(recorder.take(canonical).reply, request.endpoint, recorder.shown)
        asked += 1
        return Reply(data=None, latency=None)

    if draw.prompt is not None:
        inputs = draw.case.inputs if draw.case else {}
        run(draw.prompt.conversation(inputs, sample=draw.sample), answer)
    return asked
