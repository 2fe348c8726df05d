"""A model endpoint on loopback that lets its askers wait, and refuses what comes too fast. No model is behind it.

python benchmarks/endpoint.py --latency=0.2 --rate=100 --retry-after=whole

A process of its own, so that its CPU is in nobody's figures; it prints its address, and says at `/stats` what it has
seen. One event loop without an HTTP library: several thousand requests a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import math
import random
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Literal

import orders

RetryAfter = Literal["whole", "fraction", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the endpoint behaves; each field is an option of its command line."""

    #: Seconds before a reply.
    latency: float = 0.0
    #: Sigma of lognormal latencies that have `latency` as their mean; the same request waits equally long every time.
    jitter: float = 0.0
    #: Requests a second, above which it answers 429; 0 refuses nothing.
    rate: float = 0.0
    #: Requests that a pause saves up, at most: the size of the token bucket.
    burst: int = 10
    #: What a refusal says of when to come back: whole seconds as most endpoints do, the exact time, or nothing.
    retry_after: RetryAfter = "none"
    #: It ends by itself after so many seconds, or requests.
    lifetime: float = 1800.0
    most: int = 1_000_000


@dataclass(slots=True, kw_only=True)
class Seen:
    """What has been asked."""

    requests: int = 0
    refused: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    #: The sum over all that were answered.
    latency_s: float = 0.0
    #: From the first request to the last reply.
    span_s: float = 0.0


class _Counter:
    """Takes requests in, and counts them."""

    def __init__(self, manner: Manner, loop: asyncio.AbstractEventLoop) -> None:
        self.manner, self.loop = manner, loop
        self.seen = Seen()
        self.done = loop.create_future()
        self._first = self._refilled = 0.0
        self._tokens = float(manner.burst)

    def refusal_s(self) -> float | None:
        """Seconds until the bucket has a token again; None when it has one, which is taken."""
        if not self.manner.rate:
            return None
        now = self.loop.time()
        self._tokens = min(self.manner.burst, self._tokens + (now - self._refilled) * self.manner.rate)
        self._refilled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self.manner.rate
        self._tokens -= 1
        return None

    def came(self) -> None:
        seen = self.seen
        if not seen.requests:
            self._first = self.loop.time()
        seen.requests += 1
        seen.in_flight += 1
        seen.peak_in_flight = max(seen.peak_in_flight, seen.in_flight)

    def left(self) -> None:
        seen = self.seen
        seen.in_flight -= 1
        seen.span_s = self.loop.time() - self._first
        if seen.requests >= self.manner.most and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, and of it what clients of a model send."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (request := self._taken()) is not None:
            self._answer(*request)

    def _taken(self) -> tuple[bytes, bytes] | None:
        """Head and body of the next request, once all of it is there."""
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        said = re.search(rb"(?i)^content-length:\s*(\d+)", head, re.MULTILINE)
        length = int(said[1]) if said else 0
        if len(rest) < length:
            return None
        self._received = rest[length:]
        return head, rest[:length]

    def _answer(self, head: bytes, body: bytes) -> None:
        counter, manner = self._counter, self._counter.manner
        if head.startswith(b"GET /stats "):
            self._transport.write(_message("200 OK", json.dumps(asdict(counter.seen)).encode()))
            return
        counter.came()
        wait_s = counter.refusal_s()
        if wait_s is not None:
            counter.seen.refused += 1
            self._reply(_refusal(manner.retry_after, wait_s))
            return
        number = orders.number_in(body.decode())
        latency_s = _latency_s(manner, number)
        counter.seen.latency_s += latency_s
        counter.loop.call_later(latency_s, self._reply, _completion(number))

    def _reply(self, message: bytes) -> None:
        self._counter.left()
        if not self._transport.is_closing():  # the asker may have given up
            self._transport.write(message)


def _latency_s(manner: Manner, number: int) -> float:
    if not manner.jitter:
        return manner.latency
    mu = math.log(manner.latency) - manner.jitter**2 / 2
    return random.Random(number).lognormvariate(mu, manner.jitter)


@functools.cache
def _completion(number: int) -> bytes:
    return _message("200 OK", json.dumps(orders.completion_of(number)).encode())


def _refusal(said: RetryAfter, wait_s: float) -> bytes:
    error = {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}
    when = {"whole": f"retry-after: {math.ceil(wait_s)}\r\n", "fraction": f"retry-after: {wait_s:.3f}\r\n", "none": ""}
    return _message("429 Too Many Requests", json.dumps({"error": error}).encode(), when[said])


def _message(status: str, content: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{more}\r\n"
    return head.encode() + content


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One that runs."""

    root: str

    @property
    def address(self) -> str:
        """As clients are told it."""
        return f"{self.root}/v1"

    def seen(self) -> Seen:
        """What it has seen until now."""
        with urllib.request.urlopen(f"{self.root}/stats", timeout=10) as reply:
            return Seen(**json.load(reply))


@contextlib.contextmanager
def endpoint(manner: Manner) -> Iterator[Endpoint]:
    """A process that behaves so, while it is needed."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(manner).items()]
    command = [sys.executable, __file__, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Endpoint(process.stdout.readline().strip())
        finally:
            process.terminate()


async def _serve(manner: Manner) -> None:
    loop = asyncio.get_running_loop()
    counter = _Counter(manner, loop)
    server = await loop.create_server(lambda: _Connection(counter), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(counter.done, manner.lifetime)


def main() -> None:
    """Serve in the manner that the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Manner):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    asyncio.run(_serve(Manner(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
