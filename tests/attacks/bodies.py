"""Bodies with status 200: real replies, errors, fragments, and random damage to real ones; JSON and streams."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_server import ModelServer, Reply
from trial import Project, Run, Tally

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def chat(message: Any, finish_reason: Any = "stop", **more: Any) -> dict[str, Any]:
    """Return a reply of chat completions with one choice."""
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return {"id": "c-1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE, **more}


def said(content: Any, **more: Any) -> dict[str, Any]:
    """Return a message of the assistant."""
    return {"role": "assistant", "content": content, **more}


TOOL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": 1}'}}
REPLIES: dict[str, Any] = {
    "plain": chat(said("A reply.")),
    "error null": chat(said("A reply."), error=None),
    "error false": chat(said("A reply."), error=False),
    "error empty": chat(said("A reply."), error=""),
    "cut at length": chat(said("A re"), "length"),
    "filtered": chat(said("Sorry"), "content_filter"),
    "tool call": chat(said(None, tool_calls=[TOOL]), "tool_calls"),
    "tool call and text": chat(said("I look.", tool_calls=[TOOL]), "tool_calls"),
    "parts": chat(said([{"type": "text", "text": "A reply."}])),
    "audio": chat(said(None, audio={"id": "a", "data": "UklGRg==", "transcript": "Hi"})),
    "refusal": chat(said(None, refusal="I cannot.")),
    "reasoning": chat(said("A reply.", reasoning_content="Hm.")),
    "two choices": chat(said("A reply.")) | {"choices": [*chat(said("A"))["choices"], *chat(said("B"))["choices"]]},
    "eos of llama.cpp": chat(said("A reply."), "eos"),
    "of another charset": json.dumps(chat(said("é")), ensure_ascii=False).encode("utf-16"),
    "no usage": {"choices": [{"message": said("A reply."), "finish_reason": "stop"}]},
}
"""Something a model answered; to be kept."""

CHOICE = {"index": 0, "message": said("A reply."), "finish_reason": "stop"}
ERRORS: dict[str, Any] = {
    "error object": {"error": {"message": "upstream failed", "code": 502}},
    "error text": {"error": "model is loading"},
    "error list": {"error": [{"message": "bad"}]},
    "error beside a reply": chat(said("A reply."), error={"message": "late"}),
    "error of no words": {"error": {}},
    "null": None,
    "list": [],
    "text": "hi",
    "number": 0,
    "true": True,
    "empty object": {},
    "no choices": chat(said("")) | {"choices": []},
    "choices null": chat(said("")) | {"choices": None},
    "choices an object": chat(said("")) | {"choices": {}},
    "choices of null": chat(said("")) | {"choices": [None]},
    "choices of text": chat(said("")) | {"choices": ["hi"]},
    "no message": {"choices": [{"index": 0, "finish_reason": "stop"}]},
    "message null": {"choices": [CHOICE | {"message": None}]},
    "message a text": {"choices": [CHOICE | {"message": "hi"}]},
    "no finish_reason": {"choices": [{"index": 0, "message": said("A reply.")}]},
    "finish_reason null": {"choices": [CHOICE | {"finish_reason": None}]},
    "finish_reason empty": {"choices": [CHOICE | {"finish_reason": ""}]},
    "finish_reason error": {"choices": [CHOICE | {"finish_reason": "error"}]},
    "error in the choice": {"choices": [CHOICE | {"error": {"message": "provider broke off"}}]},
    "content a number": chat(said(42)),
    "content true": chat(said(True)),
    "content an object": chat(said({})),
    "detail": {"detail": "Not authenticated"},
    "message at the top": {"message": "Endpoint request timed out"},
    "no JSON": b"<html>Bad gateway</html>",
    "empty": b"",
    "half of it": json.dumps(chat(said("A reply."))).encode()[:-40],
    "two of it": json.dumps(chat(said("A reply."))).encode() * 2,
}
"""Nothing that a model answered; to be an error, and not kept."""

_JUNK: tuple[Any, ...] = (None, 0, 42, -1, True, False, "", "hi", [], {}, [None], {"error": "x"}, 1e300)


def damaged(value: Any, chance: random.Random) -> Any:
    """Return a JSON value with one part dropped, doubled or replaced."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    holder, key = chance.choice(places)
    kind = chance.choice(("drop", "replace", "replace", "replace", "rename"))
    if kind == "replace" or isinstance(holder, list):
        holder[key] = chance.choice(_JUNK)
    elif kind == "drop":
        del holder[key]
    else:
        holder[f"{key}s"] = holder.pop(key)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def stream(finish_reason: str | None = "stop", *, more: tuple[Any, ...] = (), done: bool = True) -> bytes:
    """Return the events of a stream of chat completions."""
    deltas = [{"role": "assistant", "content": ""}, {"content": "A "}, {"content": "réply"}, {"content": "."}]
    chunks = [{"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": d}]} for d in deltas]
    last = [] if finish_reason is None else [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}]
    events = [json.dumps(chunk, ensure_ascii=False) for chunk in (*chunks, *more, *last)] + ["[DONE]"] * done
    return "".join(f"data: {event}\n\n" for event in events).encode()


PROJECT = '''
import base64, hashlib, json, os
from pathlib import Path
import httpx, pytest
from pytest_llm import Prompt
from pytest_llm.graders import length, not_, contains

BODIES = json.loads(Path(__file__).with_name("bodies.json").read_text())
PROMPT = Prompt(name="p", model="m", user="body {{ n }}")
CHECKS = [not_(contains("password")), length(max=100_000)]

if not BODIES[0]["stream"]:
    @pytest.mark.llm(PROMPT, cases=[{"id": str(n), "n": n} for n in range(len(BODIES))], graders=CHECKS)
    def test_declared(llm_response): ...

@pytest.mark.llm
@pytest.mark.parametrize("n", range(len(BODIES)))
def test_code(n):
    body = {"model": "m", "messages": [{"role": "user", "content": f"body {n}"}], "stream": BODIES[n]["stream"]}
    reply = httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body)
    sent = base64.b64decode(BODIES[n]["sent"])
    assert reply.status_code == 200
    assert reply.content == sent or meaning(reply.content) == meaning(sent)

def meaning(content):
    """White space within JSON is not stored."""
    lines = [content] if not content.startswith(b"data:") else content.removesuffix(b"\\n").split(b"\\n")
    return [loaded(line.removeprefix(b"data: ")) for line in lines]

def loaded(line):
    try:
        return json.loads(line)
    except ValueError:
        return line
'''


def attack(scratch: Path, chance: random.Random, size: int, *, is_first: bool) -> list[Tally]:
    """Try all named bodies, the first time, and so many random ones."""
    named = {f"reply {name}": (body, True) for name, body in REPLIES.items()}
    named |= {f"error {name}": (body, False) for name, body in ERRORS.items()}
    mutants: dict[str, tuple[Any, bool | None]] = {}
    for number in range(size):
        of = chance.choice([name for name, body in REPLIES.items() if isinstance(body, dict)])
        mutants[f"damaged {number} {of}"] = (damaged(REPLIES[of], chance), None)
    whole = stream()
    end = whole.index(b"\n\ndata: [DONE]")  # the event that says why it ended is whole then
    streams: dict[str, tuple[Any, bool]] = {
        "stream whole": (whole, True),
        "stream without DONE": (stream(done=False), True),
    }
    streams["stream of an error"] = (stream(None, more=({"error": {"message": "broke off", "code": 502}},)), False)
    streams["stream of an error, with its end"] = (stream(more=({"error": {"message": "broke off"}},)), False)
    for number in range(size // 4):
        cut = chance.randrange(1, len(whole))
        streams[f"stream cut at {cut} ({number})"] = (whole[:cut], cut >= end)
    kinds = {
        "named bodies with status 200, to a declared prompt and to code under test": named if is_first else {},
        "real replies with random damage, to both": mutants,
        "streams cut at random bytes or broken off by an error, to code under test": streams,
    }
    return [_tried(scratch / f"{n}", what, bodies) for n, (what, bodies) in enumerate(kinds.items()) if bodies]


def _tried(folder: Path, what: str, bodies: dict[str, tuple[Any, bool | None]]) -> Tally:
    tally = Tally(what)
    sent = [body if isinstance(body, bytes) else json.dumps(body).encode() for body, _ in bodies.values()]
    kinds = ["text/event-stream" if name.startswith("stream") else "application/json" for name in bodies]

    def script(body: dict[str, Any], _number: int) -> Reply:
        number = int(body["messages"][-1]["content"].split()[-1])
        return Reply(content=sent[number], kind=kinds[number])

    held = [
        {"sent": base64.b64encode(content).decode(), "stream": kind != "application/json"}
        for content, kind in zip(sent, kinds, strict=True)
    ]
    with ModelServer(script).running() as server:
        project = Project(folder, server.url)
        project.write({"test_bodies.py": PROJECT, "bodies.json": json.dumps(held), "pytest.ini": "[pytest]\n"})
        recorded = project.run("--llm-record")
        replayed = project.run()
        again = project.run("--llm-record")
    kept = "".join(content.decode() for content in project.cassettes().values())
    for number, (name, (body, is_reply)) in enumerate(bodies.items()):
        is_stream = kinds[number] != "application/json"
        if not is_stream:
            problem = _declared_problem(recorded, replayed, again, f"test_declared[{number}]", body, is_reply)
            problem = problem and f"{problem}: {sent[number][:600]!r}"
            tally.note(f"{name} (declared)", problem, recorded.outcomes.get(f"test_declared[{number}]", "missing"))
        is_kept = f"content: body {number}\n" in kept
        problem = _code_problem(recorded, replayed, f"test_code[{number}]", is_reply, is_kept=is_kept or is_stream)
        tally.note(f"{name} (code)", problem, replayed.outcomes.get(f"test_code[{number}]", "missing") + " in replay")
    for run in (recorded, replayed, again):
        if run.crash:
            tally.note("the run", f"{run.crash}\n{run.output[-2000:]}")
    return tally


def _declared_problem(
    recorded: Run, replayed: Run, again: Run, test: str, body: Any, is_reply: bool | None
) -> str | None:
    """Return what is wrong with the outcomes of a negative check of a reply."""
    first, second, third = (run.outcomes.get(test) for run in (recorded, replayed, again))
    if first == "passed" and not _may_pass(body):
        return "a check of what must not occur passed without an answer"
    if (first == "passed") != (second == "passed"):
        return f"{first} in recording, {second} in replay"
    if first != third:
        return f"{first} in recording, {third} when recorded once more"
    if is_reply is False and first != "error":
        return f"an error came out as {first}"
    return None


def _may_pass(body: Any) -> bool:
    """Return whether a body holds an answer, as a client of it would see it: a text, a call, or an end that is meant."""
    try:
        body = json.loads(body) if isinstance(body, bytes) else body
        choice = body["choices"][0]
        reasons = [one.get("finish_reason") for one in body["choices"] if isinstance(one, dict)]
        content, calls = choice["message"].get("content"), choice["message"].get("tool_calls")
        is_answer = (isinstance(content, str | list) and bool(content)) or (isinstance(calls, list) and bool(calls))
        is_end = any(isinstance(reason, str) and reason for reason in reasons)
        return is_end and body.get("error") in (None, False, "") and (is_answer or choice["finish_reason"] == "stop")
    except (LookupError, TypeError, AttributeError, ValueError):
        return False


def _code_problem(recorded: Run, replayed: Run, test: str, is_reply: bool | None, *, is_kept: bool) -> str | None:
    """Return what is wrong where code under test got a body: it has to get it unchanged, and errors are not kept."""
    first, second = recorded.outcomes.get(test), replayed.outcomes.get(test)
    if first not in ("passed", "error"):
        return f"the code did not get the body: {first}"
    if second == "passed" and (is_reply is False or not is_kept):
        return "an error was replayed"
    if is_reply and (first, second) != ("passed", "passed"):
        return f"a reply was {first} in recording, {second} in replay"
    return None
