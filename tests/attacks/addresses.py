"""Pairs of addresses: recorded at one, replayed at the other. What may choose another model must not replay."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

from model_server import ModelServer
from trial import Project, Tally

NAMED = (
    "/openai/deployments/{}",
    "/engines/{}",
    "/v1/projects/p/locations/l/endpoints/{}",
    "/api/models/{}/v1",
    "/model/{}",
)
"""Addresses in which any name chooses a model, also one that looks like a part of the API's address."""
PLACED = (
    "/{}/v1",
    "/v1/{}",
    "/v1/acc0/gate/{}",
    "/lora/{}/v1",
    "/{}/openai/v1",
    "/api/providers/{}/v1",
    "/proxy/{}/v1beta/openai",
    "/t/{}/api/v2",
)
MODELS = ("gpt-4o", "gpt-4o-eu", "GPT-4O", "gpt-4o-", "gpt%2D4o-mini", "4o.mini", "llama3:8b", "a%2Fb", "a%20b", "%C3%A9", "é", "vllm", "x1", "chat", "completions", "v1x-y")  # fmt: skip
PLAIN = ("v1", "v2", "v1beta", "api", "openai", "rest", "proxy", "inference")
"""Segments that say whose API it is."""
SAME = (
    ("/v1", "/v1/"),
    ("/v1", "/api/v1"),
    ("/v1", "/openai/v1"),
    ("/v1", "//v1"),
    ("/v1", ""),
    ("/v1beta/openai", "/openai/v1"),
    ("/a/v1", "/a/v2"),
    ("/openai/deployments/d", "/openai/deployments/d/"),
)
"""Different spellings of one endpoint, which have to replay."""

PROJECT = """
import json, os
from pathlib import Path
import httpx, pytest
from pytest_llm import Prompt

ROOT, SIDE = os.environ["OPENAI_BASE_URL"].removesuffix("/v1"), int(os.environ["SIDE"])
PAIRS = json.loads(Path(__file__).with_name("pairs.json").read_text())
MESSAGES = [{"role": "user", "content": "hi"}]

@pytest.mark.llm
@pytest.mark.parametrize("n", range(len(PAIRS)))
def test_code(n):
    reply = httpx.post(ROOT + PAIRS[n][SIDE] + "/chat/completions", json={"model": "m", "messages": MESSAGES})
    assert reply.json()["choices"][0]["message"]["content"]

@pytest.mark.llm
@pytest.mark.parametrize("n", range(len(PAIRS)))
def test_declared(n):
    assert Prompt(name="p", model="m", user="hi", base_url=ROOT + PAIRS[n][SIDE]).ask().text
"""


def attack(scratch: Path, chance: random.Random, size: int, *, is_first: bool) -> list[Tally]:
    """Try the pairs of the same endpoint, the first time, and so many of different ones."""
    what = "pairs of addresses that may choose different models, by code and declared"
    tallies = [_tried(scratch / "different", what, chance.sample(list(_different()), size), is_same=False)]
    if is_first:
        what = "pairs of addresses of one endpoint, by code and declared"
        tallies.append(_tried(scratch / "same", what, list(SAME), is_same=True))
    return tallies


def _different() -> Iterator[tuple[str, str]]:
    for template in NAMED:
        for one, other in itertools.permutations((*MODELS, *PLAIN), 2):
            if {one, other} != {"%C3%A9", "é"}:  # the same, as it is sent
                yield template.format(one), template.format(other)
    for template in PLACED:
        for one, other in itertools.permutations((*MODELS, PLAIN[0]), 2):
            if {one, other} != {"%C3%A9", "é"}:
                yield template.format(one), template.format(other)


def _tried(folder: Path, what: str, pairs: list[tuple[str, str]], *, is_same: bool) -> Tally:
    tally = Tally(what)
    with ModelServer(lambda _body, number: f"reply {number}").running() as server:
        project = Project(folder, server.url)
        project.write({"test_pairs.py": PROJECT, "pairs.json": json.dumps(pairs), "pytest.ini": "[pytest]\n"})
        recorded = project.run("--llm-record", SIDE="0")
        replayed = project.run(SIDE="0")
        crossed = project.run(SIDE="1")
    for number, (one, other) in enumerate(pairs):
        for way in ("code", "declared"):
            test = f"test_{way}[{number}]"
            outcomes = recorded.outcomes.get(test), replayed.outcomes.get(test), crossed.outcomes.get(test)
            problem = None
            if outcomes[:2] != ("passed", "passed"):
                problem = f"{outcomes[0]} in recording, {outcomes[1]} in replay"
            elif (outcomes[2] == "passed") != is_same:
                problem = "replayed" if not is_same else "not replayed"
            tally.note(f"{one} and {other} ({way})", problem)
    for run in (recorded, replayed, crossed):
        if run.crash:
            tally.note("the run", f"{run.crash}\n{run.output[-2000:]}")
    return tally
