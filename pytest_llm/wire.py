"""Asking for a declared prompt: at its host's pace, counted and recorded, past the patch. PYTEST_DONT_REWRITE

What is sent is what was rendered, so the recorder is told of it here, where it is known whose it is, and not by the
patch of the HTTP libraries: that is away while tests run that are none of ours, and knows nothing of tests to come.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llm.calls import Request
from pytest_llm.calls.breaker import Breaker
from pytest_llm.calls.pool import Job, Pool, Turn
from pytest_llm.cassettes import (
    COME_AGAIN_S,
    CallRole,
    Recorder,
    asking,
    calling,
    content_of,
    unrecorded,
)
from pytest_llm.clients import Clients
from pytest_llm.errors import CallFailed, LlmError, NoRoomYet
from pytest_llm.graders.judges.judging import Judging, examining
from pytest_llm.prompts import Asker, sending

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

    from pytest_llm.calls.transport import Reply
    from pytest_llm.cassettes import Ticket


POOL: pytest.StashKey[Pool] = pytest.StashKey()
"""The pool of this process."""


@dataclass(slots=True, kw_only=True, eq=False)
class Errand:
    """What is asked ahead for an item, and the recorder that has what came."""

    job: Job
    recorder: Recorder
    #: Whom it asks, with which key.
    client: OpenAI
    #: Whether its item has taken over what came.
    is_used: bool = False

    async def awaited(self) -> None:
        """Until it has ended, without blocking."""
        import anyio

        await anyio.to_thread.run_sync(self.job.wait, abandon_on_cancel=True)


class Wire:
    """What lies between the items of a process and the endpoints of their prompts."""

    def __init__(self, clients: Clients, concurrency: int) -> None:
        self.clients = clients
        self._pool = Pool(concurrency)
        self._process = os.getpid()

    @property
    def pool(self) -> Pool:
        """That of this process: a fork has none of the threads, and does not hear of what was in flight."""
        if os.getpid() != self._process:
            self._pool, self._process = Pool(self._pool.most), os.getpid()
        return self._pool

    def reply(
        self,
        prompt: Asker | None,
        request: Request,
        recorder: Recorder,
        *,
        environment: Mapping[str, str],
        role: CallRole = "subject",
    ) -> Reply:
        """A reply from the cassette without loading any SDK, or from the endpoint, and recorded."""
        canonical = recorder.declared(request)
        refuse_mocks(recorder, request)
        if recorder.mode == "replay" or recorder.knows(canonical):
            at = self.clients.address(prompt)
            return stored_reply(recorder.take(canonical, role, at=at).reply, request.endpoint, recorder.shown)
        return self.send(self.clients.of(prompt, environment), request, recorder, role=role)

    def send(
        self,
        client: OpenAI,
        request: Request,
        recorder: Recorder,
        *,
        role: CallRole = "subject",
        arm: str = "",
        within: float | None = None,
    ) -> Reply:
        """The reply, recorded. Raises CallFailed, and CassetteMiss where the budget is spent."""
        from pytest_llm.calls.transport import posted, send

        host, lasted = host_of(client), 0.0
        breaker = self.pool.breaker((str(client.base_url), client.api_key, request.model))

        def post(client: OpenAI, request: Request, options: Mapping[str, Any]) -> Any:
            nonlocal lasted
            breaker.check()
            with (
                self.pool.turn(host) as turn,
                calling(in_loop=False),
                _kept(recorder, request, role, arm, turn, at=str(client.base_url)) as answer,
            ):
                http = posted(client, request, options)
                lasted = self.pool.clock() - turn.started
                answer(http)
            return http

        with self._counted(breaker, request, recorder, arm):
            return replace(send(client, request, within=within, by=post), latency=lasted)

    async def asend(
        self,
        client: AsyncOpenAI,
        request: Request,
        recorder: Recorder,
        *,
        arm: str = "",
        within: float | None = None,
    ) -> Reply:
        """As `send`, without blocking."""
        import anyio

        from pytest_llm.calls.transport import asend, posted

        host, lasted = host_of(client), 0.0
        breaker = self.pool.breaker((str(client.base_url), client.api_key, request.model))

        async def post(client: AsyncOpenAI, request: Request, options: Mapping[str, Any]) -> Any:
            nonlocal lasted
            while True:
                breaker.check()
                try:
                    async with self.pool.aturn(host) as turn:
                        at = str(client.base_url)
                        kept = _kept(recorder, request, "subject", arm, turn, at=at)
                        with calling(in_loop=True), kept as answer:
                            http = await posted(client, request, options)
                            lasted = self.pool.clock() - turn.started
                            answer(http)
                    return http
                except NoRoomYet:
                    await anyio.sleep(COME_AGAIN_S)

        with self._counted(breaker, request, recorder, arm):
            return replace(await asend(client, request, within=within, by=post), latency=lasted)

    @contextlib.contextmanager
    def _counted(self, breaker: Breaker, request: Request, recorder: Recorder, arm: str) -> Iterator[None]:
        """Tell the breaker how a call ended, all its tries included."""
        started = self.pool.clock()
        try:
            yield
        except CallFailed as failed:
            if failed.status is not None or recorder.is_sure:
                breaker.fail(failed, started)
                recorder.note_failure(recorder.declared(request), failed, arm)
            raise
        breaker.succeed()


@contextlib.contextmanager
def judged(
    wire: Wire,
    recorder: Recorder,
    environment: Mapping[str, str],
    examine: Callable[[Judging], None] | None = None,
) -> Iterator[list[LlmError]]:
    """What is asked in this context is a judge's, and belongs to a recorder; who looks at judges first.

    Gives the calls that failed: a grader takes them for what it could not grade.
    """
    failed: list[LlmError] = []

    def send(asker: Asker, request: Request) -> Reply:
        try:
            return wire.reply(asker, request, recorder, environment=environment, role="judge")
        except LlmError as error:
            failed.append(error)
            raise

    with asking(recorder, "judge"), sending(send), examining(examine):
        yield failed


def stored_reply(reply: Any, endpoint: str, shown: str) -> Reply:
    """A recorded reply, as the client would have given it. Raises CallFailed where it is none of a model."""
    from pytest_llm.calls.fault import fault_of
    from pytest_llm.calls.transport import Reply

    body: Mapping[str, Any] = reply.body
    if "json" in body:
        data = body["json"]
    else:
        try:
            data = json.loads(content_of(body))
        except ValueError as error:
            raise CallFailed("the recorded reply is no JSON", where=shown) from error
    if reply.status >= 400:
        from pytest_llm.calls.transport import refused

        raise refused(reply.status, data.get("error", data) if isinstance(data, Mapping) else data, shown)
    if (fault := fault_of(endpoint, data)) is not None:
        from pytest_llm.calls.transport import faulty

        raise faulty(fault, reply.status, shown)
    return Reply(data=data, latency=None if reply.latency_ms is None else reply.latency_ms / 1000)


def host_of(client: Any) -> str:
    """Whom a client asks: scheme, host and port."""
    url = client.base_url
    return f"{url.scheme}://{url.netloc.decode()}"


def refuse_mocks(recorder: Recorder, request: Request) -> None:
    """Raise CassetteMiss where a mock would answer in the place of the endpoint: openai sends by httpx or httpx2."""
    recorder.refuse_mocks("httpx", f"POST /{request.endpoint} of model {request.model!r}")


@contextlib.contextmanager
def _kept(recorder: Recorder, request: Request, role: CallRole, arm: str, turn: Turn, *, at: str) -> Iterator[Any]:
    """Record one try, and say what it tells of the host's pace."""
    import openai

    from pytest_llm.calls.transport import is_refusal, retry_after

    refuse_mocks(recorder, request)
    ticket: Ticket = recorder.take(recorder.declared(request), role, arm, at)

    def answer(http: Any) -> None:
        turn.outcome = "replied"
        fault = recorder.keep(ticket, http.status_code, http.headers, http.content, concurrency=recorder.concurrency)
        if fault is not None and fault.status == 429:
            turn.outcome = "refused"

    try:
        with unrecorded():
            yield answer
    except openai.APIStatusError as error:
        answer(error.response)
        if is_refusal(error):
            turn.outcome, turn.retry_after = "refused", retry_after(error)
        raise
