"""Requests at once: at most so many in flight, each host at its own pace, jobs in their order. PYTEST_DONT_REWRITE

Threads, because what they run is the same code as without them, and a request costs them less CPU than it costs an
event loop. They are daemons: a run that ends does not wait for an endpoint that does not answer.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pytest_llm.calls.breaker import Breaker
from pytest_llm.calls.limiter import Limiter

NAME = "pytest-llm-ahead"
"""What the names of the threads begin with."""
PATIENCE_S = 0.25
"""Of a thread that waits: on some systems Ctrl-C is heard of only between two waits."""
ASYNC_PATIENCE_S = 0.01


@dataclass(slots=True, eq=False)
class Job:
    """Something that asks a host, once or several times in a row."""

    host: str
    work: Callable[[], None]
    _ended: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Until the job has ended, or was cancelled."""
        while not self._ended.wait(PATIENCE_S):
            pass

    def run(self) -> None:
        """In a thread of the pool. The work keeps its own errors."""
        try:
            self.work()
        finally:
            self._ended.set()

    def cancel(self) -> None:
        """It will not be run."""
        self._ended.set()


@dataclass(slots=True, eq=False)
class Turn:
    """One request, from when it may start until its reply is there; who asks says what came of it."""

    started: float
    outcome: Literal["replied", "refused", "failed"] = "failed"
    """refused: for there being too many; failed: nothing came that says anything of the host's pace."""
    #: The seconds that the host asked for when it refused.
    retry_after: float | None = None


class Pool:
    """The threads, and the pace of every host that is asked, by them or by anybody else."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`most`: requests in flight, of this process."""
        self.most = most
        #: Seconds, as nobody who freezes the time of a test can stop them.
        self.clock = clock
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._turns = threading.Condition(self._lock)
        self._limiters: dict[str, Limiter] = {}
        self._breakers: dict[Hashable, Breaker] = {}
        self._queue: deque[Job] = deque()
        self._running: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._is_paused = False
        self._is_closed = False

    # -- jobs ---------------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Run a job when its turn has come."""
        with self._lock:
            if self._is_closed:
                job.cancel()
                return
            self._queue.append(job)
            if len(self._queue) <= self._idle:  # those that were woken and have not looked yet count as idle
                self._work.notify()
            elif len(self._threads) < self.most:
                thread = threading.Thread(target=self._serve, name=f"{NAME}-{len(self._threads) + 1}", daemon=True)
                self._threads.append(thread)
                thread.start()
            else:
                self._work.notify()  # those that wait may wait beside jobs whose host has no room

    def cancel(self, job: Job) -> bool:
        """Do not run a job; False where it runs already, and goes on."""
        with self._lock:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            job.cancel()
            return True

    def pause(self) -> None:
        """Begin nothing new: somebody looks at a test that has stopped."""
        with self._lock:
            self._is_paused = True

    def resume(self) -> None:
        """Go on."""
        with self._lock:
            if self._is_paused:
                self._is_paused = False
                self._work.notify_all()

    def close(self, within: float) -> None:
        """Begin nothing new, and wait so many seconds for what is in flight."""
        with self._lock:
            self._is_closed = True
            for job in self._queue:
                job.cancel()
            self._queue.clear()
            self._work.notify_all()
            self._turns.notify_all()
        until = self.clock() + within
        for thread in self._threads:
            thread.join(max(0.0, until - self.clock()))

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            with self._lock:
                self._running[job.host] -= 1

    def _next(self) -> Job | None:
        """The first job whose host has room; None when the pool is closed."""
        with self._lock:
            while not self._is_closed:
                job = None if self._is_paused else next(filter(self._has_room, self._queue), None)
                if job is not None:
                    self._queue.remove(job)
                    self._running[job.host] += 1
                    if self._queue:
                        self._work.notify()
                    return job
                self._idle += 1
                self._work.wait()
                self._idle -= 1
        return None

    def _has_room(self, job: Job) -> bool:
        return self._running[job.host] < max(1, int(self._limiter(job.host).window))

    # -- pace ---------------------------------------------------------------------------------------------------

    def breaker(self, whom: Hashable) -> Breaker:
        """What stops a model from being asked in vain, with the same key at the same address."""
        with self._lock:
            return self._breakers.setdefault(whom, Breaker(self.clock))

    def _limiter(self, host: str) -> Limiter:
        if host not in self._limiters:
            self._limiters[host] = Limiter(self.most)
        return self._limiters[host]

    @property
    def in_flight(self) -> int:
        """Requests that have started and have no reply yet."""
        with self._lock:
            return sum(one.in_flight for one in self._limiters.values())

    @property
    def paused(self) -> tuple[str, float] | None:
        """A host that has refused, and the seconds until it is asked again; None where there is none."""
        with self._lock:
            now = self.clock()
            waits = [(host, one.paused_until - now) for host, one in self._limiters.items() if one.paused_until > now]
        return max(waits, key=lambda one: one[1], default=None)

    @contextlib.contextmanager
    def turn(self, host: str) -> Iterator[Turn]:
        """Wait until a request may start."""
        with self._beside(host):
            while True:
                if (wait := self._reserved(host)) is None:
                    with self._lock:
                        self._turns.wait(PATIENCE_S)
                    continue
                with self._given_back(host):
                    time.sleep(wait)
                if (turn := self._begun(host)) is not None:
                    break
            try:
                yield turn
            finally:
                self._ended(host, turn)

    @contextlib.asynccontextmanager
    async def aturn(self, host: str) -> AsyncIterator[Turn]:
        """As `turn`, without blocking."""
        import anyio

        with self._beside(host):
            while True:
                if (wait := self._reserved(host)) is None:
                    await anyio.sleep(ASYNC_PATIENCE_S)
                    continue
                with self._given_back(host):
                    await anyio.sleep(wait)
                if (turn := self._begun(host)) is not None:
                    break
            try:
                yield turn
            finally:
                self._ended(host, turn)

    @contextlib.contextmanager
    def _beside(self, host: str) -> Iterator[None]:
        """Let no further job begin in the place of somebody else who asks: the test that runs goes first."""
        if threading.current_thread().name.startswith(NAME):
            yield
            return
        with self._lock:
            self._running[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[host] -= 1
                self._work.notify()

    def _reserved(self, host: str) -> float | None:
        """Take a place among those in flight: the seconds until it may be used, None where there is none now.

        So nobody has to look twice: a hundred threads that wait for the same moment would wake each other.
        """
        with self._lock:
            limiter, now = self._limiter(host), self.clock()
            wait = limiter.wait(now)
            if wait is not None:
                limiter.start(now + wait)
            return wait

    @contextlib.contextmanager
    def _given_back(self, host: str) -> Iterator[None]:
        """Give a place back that somebody waits to use, and is interrupted: by Ctrl-C, a time-out, a task group."""
        try:
            yield
        except BaseException:
            self._ended(host, Turn(self.clock()))
            raise

    def _begun(self, host: str) -> Turn | None:
        """The turn whose time has come; None, and the place is given back, where the host has refused meanwhile."""
        with self._lock:
            limiter, now = self._limiter(host), self.clock()
            if limiter.paused_until > now:
                limiter.fail()
                return None
            return Turn(now)

    def _ended(self, host: str, turn: Turn) -> None:
        with self._lock:
            limiter, now = self._limiter(host), self.clock()
            if turn.outcome == "replied":
                limiter.succeed(now, turn.started)
            elif turn.outcome == "refused":
                limiter.refuse(now, turn.started, turn.retry_after)
            else:
                limiter.fail()
            self._turns.notify()
            self._work.notify()
