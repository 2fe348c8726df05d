"""Sending one request through an openai client, with the retries of the transport. PYTEST_DONT_REWRITE

These retries repeat a request that got no answer. Asking again because the answer was bad is another thing, counted
apart; the SDK's own retries are switched off, or they would multiply.
"""

from __future__ import annotations

import importlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_llm.calls.fault import Fault, fault_of, is_transient, not_json
from pytest_llm.calls.request import Request
from pytest_llm.errors import CallFailed
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from tenacity import RetryCallState

ATTEMPTS = 3
REFUSALS = 30
"""How often a request may be refused for there being too many, where somebody else sees to the pace."""
LONGEST_WAIT_S = 30.0
SHORTEST_KEY = 8
SHORTEST_TIMEOUT_S = 0.001
LONGEST_TIMEOUT_S = 86_400.0
"""Of a client without a timeout: sockets take no number of seconds whatever."""
RECORDED_LATENCY_HEADER = "pytest-llm-latency-ms"
"""Set on a replayed reply, whose time on the wire is not the model's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The endpoint's JSON, and the seconds that it took; None where unknown."""

    data: JSON
    latency: float | None
    #: US dollars, where who hands it on knows a price; None where only the reply itself may tell.
    cost: float | None = None
    #: Tries that got no answer before this one, and the seconds between them.
    retries: int = 0
    waited: float = 0.0


Post: TypeAlias = Callable[["OpenAI", Request, Mapping[str, Any]], Any]
"""One try: from a client, a request and the SDK's options of a request to the response of the HTTP library.

It sees to the pace, so that nobody waits here after a 429. Raises what the SDK raises.
"""
AsyncPost: TypeAlias = Callable[["AsyncOpenAI", Request, Mapping[str, Any]], Awaitable[Any]]


def send(client: OpenAI, request: Request, *, within: float | None = None, by: Post | None = None) -> Reply:
    """Send a request, `within` so many seconds with all retries. Raises CallFailed with the reason and what to do.

    Each try goes `by` the given way, else by the SDK's own method, which instruments of applications know.
    """
    import openai
    from tenacity import Retrying

    until, retrying = _until(within), Retrying(**_policy(within, is_paced=by is not None))
    try:
        for attempt in retrying:
            with attempt:
                http = (by or _created)(client, request, _options(client, until))
                data = _read(http, request)
    except CallFailed as failed:
        raise _counted(failed, retrying.statistics) from failed.__cause__
    except openai.APIError as error:
        raise _counted(failure(error, request, str(client.base_url), client.api_key), retrying.statistics) from error
    except (TypeError, ValueError) as error:  # a lone surrogate, NaN, an object: no JSON can hold it
        raise CallFailed(f"the request cannot be sent: {error}", where=f"model {request.model!r}") from error
    return _reply(http, data, retrying.statistics)


async def asend(
    client: AsyncOpenAI, request: Request, *, within: float | None = None, by: AsyncPost | None = None
) -> Reply:
    """As `send`, without blocking."""
    import openai
    from tenacity import AsyncRetrying

    until, retrying = _until(within), AsyncRetrying(**_policy(within, is_paced=by is not None))
    try:
        async for attempt in retrying:
            with attempt:
                http = await (by or _acreated)(client, request, _options(client, until))
                data = _read(http, request)
    except CallFailed as failed:
        raise _counted(failed, retrying.statistics) from failed.__cause__
    except openai.APIError as error:
        raise _counted(failure(error, request, str(client.base_url), client.api_key), retrying.statistics) from error
    except (TypeError, ValueError) as error:  # a lone surrogate, NaN, an object: no JSON can hold it
        raise CallFailed(f"the request cannot be sent: {error}", where=f"model {request.model!r}") from error
    return _reply(http, data, retrying.statistics)


def posted(client: Any, request: Request, options: Mapping[str, Any]) -> Any:
    """The HTTP response to one try, or of an asynchronous client an awaitable of it.

    By the method that the SDK has for endpoints it does not know: half the CPU of the typed one, which copies client
    and body. The body goes out as it is.
    """
    # The HTTP library that this SDK was built on: httpx, or its successor.
    library = importlib.import_module(type(client.base_url).__module__.partition(".")[0])
    path = f"{_deployment_path(client, request)}/{request.endpoint}"
    return client.post(path, cast_to=library.Response, body=dict(request.body), options=dict(options))


def _created(client: Any, request: Request, options: Mapping[str, Any]) -> Any:
    return _resource(client, request, options).create(**_arguments(request)).http_response


async def _acreated(client: Any, request: Request, options: Mapping[str, Any]) -> Any:
    return (await _resource(client, request, options).create(**_arguments(request))).http_response


def _until(within: float | None) -> float | None:
    """The end, by the monotonic clock."""
    return None if within is None else time.monotonic() + within


def _options(client: Any, until: float | None) -> dict[str, Any]:
    """What the SDK is told of one try."""
    limit = {} if until is None else {"timeout": _timeout(client.timeout, until - time.monotonic())}
    return {"max_retries": 0, **limit}


def _resource(client: Any, request: Request, options: Mapping[str, Any]) -> Any:
    """The SDK's method group; raw, so that what is parsed here are the bytes that a cassette holds."""
    if path := _deployment_path(client, request):
        options = {**options, "base_url": f"{str(client.base_url).rstrip('/')}{path}/"}
    client = client.with_options(**options)
    groups = {"chat": client.chat.completions, "responses": client.responses, "embeddings": client.embeddings}
    return groups[request.api].with_raw_response


def _deployment_path(client: Any, request: Request) -> str:
    """Return what leads to the prompt's deployment; "" where the client was made for one."""
    return "" if "/deployments/" in client.base_url.path else request.deployment_path


def _timeout(own: Any, left: float) -> Any:
    """The client's own timeouts, none of them longer than what is left."""
    import openai

    left = max(SHORTEST_TIMEOUT_S, min(left, LONGEST_TIMEOUT_S))
    parts = openai.Timeout(own).as_dict()
    return openai.Timeout(**{name: left if one is None else min(one, left) for name, one in parts.items()})


def _counted(failed: CallFailed, statistics: Mapping[str, Any]) -> CallFailed:
    failed.retries, failed.waited = statistics["attempt_number"] - 1, float(statistics["idle_for"])
    return failed


def _arguments(request: Request) -> dict[str, JSON]:
    """Everything but the conversation goes into `extra_body`, so that parameters the SDK does not know get through."""
    conversation = "messages" if request.api == "chat" else "input"
    named = {name: request.body[name] for name in ("model", conversation)}
    return {**named, "extra_body": {name: value for name, value in request.body.items() if name not in named}}


def _read(http: Any, request: Request) -> JSON:
    """Return the JSON of a reply. Raises CallFailed for one that holds an error, or is none."""
    where = f"{http.url}, model {request.model!r}"
    try:
        data = json.loads(http.content)
    except (ValueError, RecursionError) as error:
        raise CallFailed(
            f"the endpoint answered {http.status_code} with {not_json(http.text).what}",
            where=where,
            fix={"check": "that base_url ends in the API's root, as in http://127.0.0.1:8080/v1"},
        ) from error
    if (fault := fault_of(request.endpoint, data)) is not None:
        raise faulty(fault, http.status_code, where)
    return data


def faulty(fault: Fault, status: int, where: str) -> CallFailed:
    """Return the failure of a call that was answered with a status of success, and with no reply."""
    failed = CallFailed(f"the endpoint answered {status} with {fault.what}", where=where)
    failed.status, failed.code = fault.status or status, fault.code
    return failed


def _reply(http: Any, data: JSON, statistics: Mapping[str, Any]) -> Reply:
    recorded = http.headers.get(RECORDED_LATENCY_HEADER)
    return Reply(
        data=data,
        latency=http.elapsed.total_seconds() if recorded is None else int(recorded) / 1000,
        retries=statistics["attempt_number"] - 1,
        waited=float(statistics["idle_for"]),
    )


@dataclass(slots=True)
class _Tries:
    """Tells tenacity when to stop: refusals for there being too many are counted apart where the pace is seen to."""

    is_paced: bool
    refusals: int = 0

    def __call__(self, state: RetryCallState) -> bool:
        self.refusals += self.is_paced and is_refusal(_error_of(state))
        return self.refusals >= REFUSALS or state.attempt_number - self.refusals >= ATTEMPTS


def _policy(within: float | None, *, is_paced: bool) -> dict[str, Any]:
    from tenacity import retry_if_exception, stop_before_delay

    tries = _Tries(is_paced)
    return {
        "stop": tries if within is None else lambda state: tries(state) or stop_before_delay(within)(state),
        "retry": retry_if_exception(_is_transient),
        "wait": lambda state: 0 if is_paced and is_refusal(_error_of(state)) else _wait(state),
        "reraise": True,
    }


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def is_refusal(error: BaseException | None) -> bool:
    """Whether the endpoint has too much to do; an account that is empty is refused by the same status."""
    status = error.status if isinstance(error, CallFailed) else getattr(error, "status_code", None)
    return status == 429 and getattr(error, "code", None) != "insufficient_quota"


def _is_transient(error: BaseException) -> bool:
    import openai

    if isinstance(error, CallFailed):
        return is_transient(error.status)
    if isinstance(error, openai.APIStatusError):
        return is_transient(error.status_code)
    return isinstance(error, openai.APIConnectionError) and type(error.__cause__).__name__ not in _UNREADABLE


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try: what the endpoint asks for, else at random below a bound that doubles."""
    from tenacity import wait_random_exponential

    asked = retry_after(_error_of(state))
    return wait_random_exponential(multiplier=0.3, max=8)(state) if asked is None else min(asked, LONGEST_WAIT_S)


def retry_after(error: BaseException | None) -> float | None:
    """The seconds that an endpoint asks to be left alone, with an error; None where it does not."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    return float(asked) if re.fullmatch(r"\d{1,6}(\.\d+)?", asked) else None


_UNREADABLE: Mapping[str, tuple[str, str]] = {
    "DecodingError": (
        "the endpoint answered, and its reply cannot be decoded",
        "that the server sends what its header content-encoding announces",
    ),
    "TooManyRedirects": (
        "the endpoint answered with redirects that do not end",
        "that base_url is the address that answers, not one that redirects to itself",
    ),
}
"""Errors of the HTTP library after the endpoint was reached, which would come again: what happened, what to check."""


def failure(error: Exception, request: Request, base_url: str, key: str) -> CallFailed:
    """What went wrong with a call, and what to do about it."""
    import openai

    where = f"{base_url}, model {request.model!r}"
    if isinstance(error, openai.APIStatusError):
        return refused(error.status_code, error.body or error.message, where)
    cause = error.__cause__ or error
    said, kind = str(cause), type(cause).__name__
    if len(key.strip()) >= SHORTEST_KEY:  # the HTTP library tells a key that no header can hold
        said = said.replace(key.strip(), "<key>")
    if kind in _UNREADABLE:
        what, fix = _UNREADABLE[kind]
        return CallFailed(f"{what}: {said}", where=where, fix={"check": fix})
    return CallFailed(
        f"the endpoint could not be reached: {kind}: {said}",
        where=where,
        fix={"check": "that the server runs; the address is Prompt(base_url=…), ini llm_base_url or OPENAI_BASE_URL"},
    )


def refused(status: int, body: JSON, where: str) -> CallFailed:
    """What an endpoint's error reply says, and what to do about it. `body`: what it has as its error."""
    told = body if isinstance(body, Mapping) else {}
    said, fix = repr(str(told.get("message") or body)[:300]), {}
    what = f"the endpoint answered {status}: {said}"
    if status in {401, 403}:
        what = f"the endpoint refused the key ({status}): {said}"
        fix = {"set": "OPENAI_API_KEY, or what Prompt(api_key_env=…) names, to a key of this endpoint"}
    elif status == 404:
        what = f"the endpoint knows no such model or path (404): {said}"
        fix = {"check": "Prompt(model=…), and that base_url ends in the API's root, as in …/v1"}
    failed = CallFailed(what, where=where, fix=fix)
    failed.status = status
    # llama.cpp says it as the type, and has the status as the code.
    failed.code = next((word for word in (told.get("code"), told.get("type")) if isinstance(word, str)), None)
    return failed
