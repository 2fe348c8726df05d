"""What a run may spend, counted by all of its processes together. PYTEST_DONT_REWRITE

A request takes the most that it may cost before it is asked, and its reply puts what it did cost in the place of that.
So what is spent and what is taken together stay within the limit, however many are in flight:

* The most is a token of prompt for each byte of the body, and `max_tokens` of completion. For a request that sets no
  such limit 4,096 are taken, or as many as the longest reply of its model so far had, if that is more. A body that
  stands for more than it says (a picture, a former reply) takes what the largest reply of its model took, if that is
  more. Money is the price of these tokens; where that is not known, what the dearest reply of its model has cost.
* Until a first reply of a model has told what it costs, its requests go one at a time: if it does not, that is all.
* A request that does not fit waits until those in flight are answered. If it does not fit then either, it goes alone,
  holding all that is left, where a reply like the largest of its model so far would fit.

What a run may overshoot is therefore: a last reply larger than any before it; and, of several at once, replies of more
than 4,096 tokens that no `max_tokens` limits, and what bodies stand for beyond the largest before them.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_llm.calls import EXTRA, Charge, Prices, Usage, has_library, terms_of
from pytest_llm.cassettes import store
from pytest_llm.cassettes.call import told_by
from pytest_llm.cassettes.identity import RequestRecord, model_endpoint
from pytest_llm.cassettes.recorder import Exchange
from pytest_llm.errors import CassetteMiss, NoRoomYet, explain
from pytest_llm.schemas import JSON
from pytest_llm.settings import Limits

ASSUMED_TOKENS = 4_096
"""Of a reply whose request sets no limit."""

LONGEST_WAIT_S = 600.0
"""For a request in flight, after which it is taken for lost; as long as the SDKs wait by themselves."""

COME_AGAIN_S = 0.05
"""Where NoRoomYet is told."""

_FORGOTTEN_AFTER_S = 86_400
_LOOK_AGAIN_S = 0.2
"""Between two looks at what other processes did; what this one does wakes its threads at once."""

_UNITS = ("requests", "tokens", "usd")
_NOTHING = '{"requests": 0, "tokens": 0, "usd": 0.0, "untold": "", "held": {}, "largest": {}}'
_FREE = ("v1/models", "v1/files", "moderations")
_ELSEWHERE = re.compile(
    r":\w*(generateContent|embedContent|predict)$|/(invoke|converse)[\w-]*$|/v\d/(chat|embed)$|/api/(chat|generate|embed)$",
    re.IGNORECASE,
)
"""Paths of models whose replies the plugin does not read: Google's, Amazon's, Cohere's, Ollama's own."""

_HIDDEN = re.compile(
    r'"(image|image_url|input_image|audio|input_audio|video_url|file|file_id|file_data|input_file|document'
    r'|previous_response_id|conversation)"'
)
"""What stands in a body, as a key or a type, for more than the body says."""

_MAX = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is known of a request before it is asked."""

    model: str
    at: str | None
    #: Of its body, in bytes.
    size: int
    #: Tokens of completion at most; None where it sets no limit.
    completion: int | None
    #: Whether its body stands for more than it says.
    is_hidden: bool
    #: Whether it asks to put something into the provider's cache, which costs more than a prompt.
    is_cached: bool
    terms: Mapping[str, str]

    @classmethod
    def of(cls, request: RequestRecord, at: str | None) -> _Asked | None:
        """None of a request that no model answers, and that costs nothing but its number."""
        path = str(request["url"]).partition("?")[0]
        end = model_endpoint(path)
        if request["method"] == "GET" or end in _FREE or (end is None and not _ELSEWHERE.search(path)):
            return None
        body = request.get("body")
        body = body if isinstance(body, Mapping) else {}
        text = json.dumps(body or dict(request), ensure_ascii=False)
        return cls(
            model=str(body.get("model", "")),
            at=at,
            size=len(text.encode()),
            completion=0 if end in ("embeddings", "rerank") else _longest(body),
            is_hidden=not body or _HIDDEN.search(text) is not None,
            is_cached='"cache_control"' in text,
            terms={} if body.get("service_tier") == "auto" else terms_of(body),
        )

    def usd(self, prices: Prices, prompt: int, completion: int) -> float | None:
        """US dollars of so many tokens at most; None where they have no price."""
        plain = Charge(model=self.model, prompt=prompt, completion=completion, terms=self.terms)
        written = replace(plain, written=prompt, written_1h=prompt if self.is_cached else 0)
        charges = [written] if self.is_cached else [plain, written]  # some providers write into it unasked
        return max((usd for one in charges if (usd := prices.cost(one, self.at)) is not None), default=None)


def _longest(body: Mapping[str, JSON]) -> int | None:
    limits = [body[name] for name in _MAX if isinstance(body.get(name), int)]
    choices = body.get("n")
    return min(limits) * (choices if isinstance(choices, int) else 1) if limits else None


class Budget:
    """Counts in a file, under a lock, what the processes of one run have asked."""

    def __init__(self, limits: Limits, prices: Prices, state: Path, run: str, said: str = "--llm-budget") -> None:
        """`said`: the option as it was given, for messages."""
        from filelock import FileLock

        folder = store.state_folder(state) / "budgets"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            if old.stat().st_mtime < time.time() - _FORGOTTEN_AFTER_S:
                old.unlink(missing_ok=True)
        self._limits = {unit: limit for unit in _UNITS if (limit := getattr(limits, unit)) is not None}
        self._prices = prices
        self._said = said
        self._path = folder / f"{run}.json"
        self._lock = FileLock(self._path.with_suffix(".lock"))
        # A FileLock lets the threads of its process in together.
        self._changed = threading.Condition()
        #: Which thread asks what is in flight from here.
        self._threads: dict[str, int] = {}

    def reserve(self, request: RequestRecord, at: str | None) -> BudgetHold:
        """Take what a request may cost, and wait for those in flight where it does not fit.

        Raises CassetteMiss, of kind "budget", where it does not fit without them either, or that cannot be known; and
        NoRoomYet in place of waiting where an event loop must not be kept from what is in flight.
        """
        asked, caller = _Asked.of(request, at), _CALLER.get() or _Caller()
        hold = BudgetHold(self, uuid.uuid4().hex, asked)
        with self._changed:
            while not self._take(hold, in_loop=caller.in_loop):
                if caller.in_loop:
                    raise NoRoomYet("not asked: the rest of the budget is taken by requests in flight", kind="budget")
                self._changed.wait(_LOOK_AGAIN_S)
            self._threads[hold.id] = threading.get_ident()
        caller.holds.append(hold)
        return hold

    def _take(self, hold: BudgetHold, *, in_loop: bool) -> bool:
        """Whether there was room for a request."""
        with self._state() as state:
            taken = self._taken(hold.asked, state, in_loop=in_loop)
            if taken is None:
                return False
            model = None if hold.asked is None else hold.asked.model
            state["held"][hold.id] = {**taken, "model": model, "since": time.time()}
            state["requests"] += 1
            return True

    def _taken(self, asked: _Asked | None, state: dict[str, Any], *, in_loop: bool) -> dict[str, float] | None:
        """What a request takes, by unit; None where it has to wait. Raises CassetteMiss where it cannot be asked."""
        units = [unit for unit in self._limits if unit != "requests" and asked is not None]
        for unit in units:
            if state[unit] is None:
                raise self._miss(_untold(unit, state["untold"]), state)
        held = state["held"].values()
        free = {
            unit: limit - state[unit] - sum(one.get(unit, 0) for one in held)
            for unit, limit in self._limits.items()
            if unit == "requests" or unit in units
        }
        if asked is not None and units and asked.model not in state["largest"]:
            same = {id_: one for id_, one in state["held"].items() if one.get("model") == asked.model}
            if self._is_worth_waiting(same, in_loop=in_loop):
                return None
        spent = [unit for unit, left in free.items() if left <= 0]
        upper, likely = ({}, {}) if asked is None else self._estimates(asked, state)
        if not spent and all(upper[unit] is not None and upper[unit] <= free[unit] for unit in units):
            return {unit: upper[unit] for unit in units}
        if "requests" not in spent and self._is_worth_waiting(state["held"], in_loop=in_loop):
            return None
        if spent:
            limits = " and ".join(f"{self._limits[unit]} {unit}" for unit in spent)
            lost = ", or taken by requests that got no answer" if any(one.get("lost") for one in held) else ""
            raise self._miss(f"not asked: the budget of {limits} is spent{lost}", state)
        for unit in units:
            if likely[unit] > free[unit]:
                told = f"{_shown(unit, likely[unit])} if its reply is like those before"
                left = f"{_shown(unit, free[unit])} of the budget are left"
                raise self._miss(f"not asked: it takes {told}, and {left}", state)
        return {unit: free[unit] for unit in units}

    def _estimates(self, asked: _Asked, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a request takes at most, None where that is not known, and what it takes if it is like those before."""
        largest = state["largest"].get(asked.model, {"ratio": 0, "completion": 0, "tokens": 0, "usd": None})
        assumed = max(ASSUMED_TOKENS, largest["completion"])
        completion = assumed if asked.completion is None else asked.completion
        dearest = largest["usd"]
        usd = asked.usd(self._prices, asked.size, completion)
        upper = {"tokens": asked.size + completion, "usd": dearest if usd is None else usd}
        if asked.is_hidden:
            upper = {
                "tokens": max(upper["tokens"], largest["tokens"]) if largest["tokens"] else None,
                "usd": None if dearest is None or upper["usd"] is None else max(upper["usd"], dearest),
            }
        prompt, completion = round(asked.size * largest["ratio"]), min(completion, largest["completion"])
        usd = asked.usd(self._prices, prompt, completion)
        return upper, {"tokens": prompt + completion, "usd": (dearest or 0) if usd is None else usd}

    def _is_worth_waiting(self, held: Mapping[str, Any], *, in_loop: bool) -> bool:
        """Whether anything is in flight whose answer may come.

        What this thread has asked before has failed, or it would not ask now; but where it runs an event loop.
        """
        here = threading.get_ident()
        return any(
            not one.get("lost")
            and one["since"] > time.time() - LONGEST_WAIT_S
            and (in_loop or self._threads.get(id_) != here)
            for id_, one in held.items()
        )

    def _miss(self, told: str, state: Mapping[str, Any]) -> CassetteMiss:
        if "\n" not in told:
            again = "run the same command again, or " if state["requests"] else ""
            told += f"\n  go on       {again}with a larger --llm-budget"
        number, usd, tokens = state["requests"], state["usd"], state["tokens"]
        if usd is None and "usd" in self._limits:
            spent = "cost not known"
        elif usd:
            spent = f"${usd:.4f}"
        else:
            spent = "tokens not known" if tokens is None else f"{tokens:,} tokens"
        heading = f"{self._said} after {number} request{'' if number == 1 else 's'} ({spent})"
        return CassetteMiss(told, kind="budget", heading=heading)

    def settle(self, id_: str, asked: _Asked | None, exchange: Exchange) -> None:
        """Put what a reply has cost in the place of what its request took."""
        if asked is None or exchange.reply.status >= 400:  # providers charge nothing for an error
            self.give_back(id_)
            return
        data = told_by(exchange.reply)
        data = data if isinstance(data, Mapping) else {}
        usage, usd = Usage.of(data.get("usage")), self._prices.cost_of(data, exchange.at)
        with self._changed, self._state() as state:
            self._forget(id_, state)
            for unit, amount in (("tokens", usage.total_tokens), ("usd", usd)):
                state[unit] = None if amount is None or state[unit] is None else state[unit] + amount
                if amount is None and unit in self._limits and not state["untold"]:
                    state["untold"] = _named(asked, data)
            largest = state["largest"].setdefault(asked.model, {"ratio": 0, "completion": 0, "tokens": 0, "usd": None})
            seen = {
                "ratio": (usage.prompt_tokens or 0) / asked.size,
                "completion": usage.completion_tokens or 0,
                "tokens": usage.total_tokens or 0,
                "usd": usd,
            }
            for name, amount in seen.items():
                if amount is not None:
                    largest[name] = max(amount, largest[name] or 0)
            self._changed.notify_all()

    def give_back(self, id_: str) -> None:
        """A request has cost nothing."""
        with self._changed, self._state() as state:
            self._forget(id_, state)
            self._changed.notify_all()

    def _forget(self, id_: str, state: dict[str, Any]) -> None:
        state["held"].pop(id_, None)
        self._threads.pop(id_, None)

    def lose(self, id_: str) -> None:
        """No answer will come: nobody waits for it, and what it took stays taken."""
        with self._changed, self._state() as state:
            if id_ in state["held"]:
                state["held"][id_]["lost"] = True
                self._changed.notify_all()

    @contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        """What is counted, to be read and changed."""
        with self._lock.acquire(poll_interval=0.005):
            try:
                before = self._path.read_text(encoding="utf-8")
            except FileNotFoundError:
                before = _NOTHING
            state = json.loads(before)
            yield state
            if (after := json.dumps(state)) != before:
                # Not in place: a process that is killed meanwhile would leave half of it to the others.
                new = self._path.with_suffix(".new")
                new.write_text(after, encoding="utf-8")
                new.replace(self._path)


@dataclass(frozen=True, slots=True)
class BudgetHold:
    """What a request in flight has taken of the budget."""

    budget: Budget
    id: str
    asked: _Asked | None

    def settle(self, exchange: Exchange) -> None:
        """Count what the reply has cost in its place."""
        self.budget.settle(self.id, self.asked, exchange)

    def give_back(self) -> None:
        """It has cost nothing: the endpoint answered with an error, or was not reached."""
        self.budget.give_back(self.id)

    def lose(self) -> None:
        """No answer will come, and nobody knows what it has cost; it stays taken."""
        self.budget.lose(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Who asks."""

    #: An event loop, which must not be kept waiting.
    in_loop: bool = False
    #: What it has taken.
    holds: list[BudgetHold] = field(default_factory=list)


_CALLER: ContextVar[_Caller | None] = ContextVar("pytest_llm_caller", default=None)
_NOT_REACHED = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ClientConnectorError"}
"""What httpx and aiohttp raise where nothing was sent; SDKs have it as the cause."""


@contextmanager
def calling(*, in_loop: bool) -> Iterator[None]:
    """What is asked in here, and gets no answer, has cost nothing where the endpoint was not reached.

    In an event loop it is told by NoRoomYet to come again, in place of waiting.
    """
    caller = _Caller(in_loop=in_loop)
    token = _CALLER.set(caller)
    try:
        yield
    except BaseException as error:
        is_not_reached = bool({type(error).__name__, type(error.__cause__).__name__} & _NOT_REACHED)
        for hold in caller.holds:  # of one that is settled this changes nothing
            if is_not_reached:
                hold.give_back()
            else:
                hold.lose()
        raise
    finally:
        _CALLER.reset(token)


def _shown(unit: str, amount: float) -> str:
    return f"{amount:,} tokens" if unit == "tokens" else f"${amount:.6f}"


def _named(asked: _Asked, data: Mapping[str, JSON]) -> str:
    """The reply that did not tell what it costs."""
    model = data.get("model") or asked.model
    usage = data.get("usage")
    terms = terms_of(data) | terms_of(usage if isinstance(usage, Mapping) else {})
    parts = [f'model "{model}"', *(f'{name} "{value}"' for name, value in terms.items())]
    host = urlsplit(asked.at or "").hostname
    return ", ".join([*parts, f"at {host}"] if host else parts)


def _untold(unit: str, named: str) -> str:
    if unit == "tokens":
        return explain(
            f"not asked: a reply did not tell its tokens ({named}), so that a budget of tokens cannot be held",
            fix={"limit": "the requests: --llm-budget 300requests"},
        )
    fix = {"add": "a line to ini llm_prices, as in: gpt-x = 0.10 0.40     (US dollars per million tokens)"}
    if not has_library():
        fix["or install"] = f"{EXTRA}, which knows the prices of many models"
    return explain(
        f"not asked: the price of a reply is not known ({named}), so that a budget of money cannot be held", fix=fix
    )
