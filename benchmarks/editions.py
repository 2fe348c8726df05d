"""This checkout beside another one of the project, by turns in one run: replay, recording, unused, opening, look-up.

    git worktree add /tmp/before COMMIT
    python benchmarks/editions.py /tmp/before [--rounds 15] [--write NAME]

Each figure is a ratio of CPU times, this checkout to the other, of the same work in the same round.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import orders
from measure import BenchmarkFailed, Cost, Spread, run, run_pytest
from scripted_server import scripted_server
from table import put, table

HERE = Path(__file__).resolve().parents[1]
PROJECTS = Path(__file__).with_name("projects")
PLUGIN = ("-p", "pytest_llm.plugin")
CASES, REPLAYED, LOOKED_UP = 200, 2000, 1000

# Both editions run it: what a recorder takes has changed.
LOOK_UP = """
import json, sys, time
from pathlib import Path
sys.path[:0] = [{benchmarks!r}]
import orders
from pytest_llm.cassettes import Desk, Recorder, Secrets, Shelf, store
from pytest_llm.cassettes.identity import record_of
path = Path(sys.argv[1])
def sent(number):
    user = {{"role": "user", "content": orders.email(number)}}
    body = {{"model": "scripted", "messages": [{{"role": "system", "content": orders.SYSTEM}}, user]}}
    return record_of("POST", "http://model.invalid/v1/chat/completions", json.dumps(body).encode())
requests = [sent(number) for number in range({count})]
started = time.process_time()
for _ in range(3):
    store.load(path)
opened = time.process_time()
desk = Desk(mode="replay", state=path.parent, secrets=lambda: Secrets.of({{}}), journal=None, shelf=Shelf())
recorder = Recorder(desk, path, shown="x", owner="x")
canonical = getattr(recorder, "canonical", lambda record: record)
recorder.stored()
began = time.process_time()
for request in requests:
    assert recorder.take(canonical(request)).reply is not None
print(json.dumps([opened - started, time.process_time() - began]))
"""
MAKE = """
import json, sys
from pathlib import Path
sys.path[:0] = [{benchmarks!r}]
import orders
from pytest_llm.cassettes import document
from pytest_llm.cassettes.document import Entry, StoredReply, apart, body_of, write
from pytest_llm.cassettes.identity import identity_of, record_of
entries = []
for number in range({count}):
    user = {{"role": "user", "content": orders.email(number)}}
    body = {{"model": "scripted", "messages": [{{"role": "system", "content": orders.SYSTEM}}, user]}}
    record = record_of("POST", "http://model.invalid/v1/chat/completions", json.dumps(body).encode())
    known = {{"recorded": "2026-12-01T09:30:00Z", "concurrency": 16}} if hasattr(StoredReply, "recorded") else {{}}
    reply = StoredReply(slot="1", number=1, status=200, latency_ms=312, headers={{"content-type": "application/json"}},
        body=body_of(json.dumps(orders.completion_of(number)).encode(), "application/json"), **known)
    entries.append(Entry(identity_of(record), record, {{("1", 1): reply}}))
Path(sys.argv[1]).write_text(write(apart(entries, "x")[0]), encoding="utf-8")
"""


class Edition:
    """A checkout, with projects of its own that it has recorded."""

    def __init__(self, tree: Path, scratch: Path, address: str) -> None:
        self.environment = {"PYTHONPATH": f"{tree}:{PROJECTS}", "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": address}
        self.scratch = scratch
        scratch.mkdir()
        self.replayed = {count: self._project(f"replayed{count}", "ours", count) for count in (1, REPLAYED)}
        for count, folder in self.replayed.items():
            self._pytest(folder, count, "--llm-record")
        self.cassette = scratch / "looked_up.yaml"
        run([sys.executable, "-c", self._script(MAKE), self.cassette], scratch, **self.environment)
        self.plain = scratch / "plain"
        shutil.copytree(PROJECTS / "plain", self.plain, ignore=shutil.ignore_patterns("__pycache__"))

    @staticmethod
    def _script(text: str) -> str:
        return text.format(benchmarks=str(Path(__file__).parent), count=LOOKED_UP)

    def _project(self, name: str, kind: str, count: int) -> Path:
        folder = self.scratch / name
        shutil.copytree(PROJECTS / kind, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    llm\n    vcr\n", encoding="utf-8")
        (folder / "system.txt").write_text(orders.SYSTEM, encoding="utf-8")
        lines = [json.dumps(orders.case(number)) + "\n" for number in range(count)]
        (folder / "cases.jsonl").write_text("".join(lines), encoding="utf-8")
        return folder

    def _pytest(self, folder: Path, passed: int, *arguments: str, **more: str) -> Cost:
        return run_pytest(Path(sys.executable), folder, passed, *PLUGIN, *arguments, **{**self.environment, **more})

    def replay(self) -> float:
        """Return CPU seconds for the cases of a suite beyond its first."""
        return self._beyond(lambda count: self._pytest(self.replayed[count], count), REPLAYED)

    def record_declared(self) -> float:
        """Return the same for requests of a declared prompt, recorded."""
        return self._beyond(lambda count: self._recorded("ours", count, count))

    def record_in_turn(self) -> float:
        """Return the same, where each is sent when its test runs."""
        return self._beyond(lambda count: self._recorded("ours", count, count, "--llm-concurrency=1"))

    def record_code(self) -> float:
        """Return the same for requests of code under test, in one test each."""
        return self._beyond(lambda count: self._recorded("calls", count, count, "test_each.py"))

    def unused(self) -> float:
        """Return CPU seconds of a run that does not use the plugin, which is loaded."""
        return self._pytest(self.plain, 20).cpu_s

    def look_up(self) -> tuple[float, float]:
        """Return CPU seconds to open a cassette of many requests three times, and to find each of them."""
        _, said = run([sys.executable, "-c", self._script(LOOK_UP), self.cassette], self.scratch, **self.environment)
        opened, found = json.loads(said)
        return opened, found

    def _recorded(self, kind: str, count: int, passed: int, *arguments: str) -> Cost:
        folder = self._project("recorded", kind, count)
        try:
            return self._pytest(folder, passed, "--llm-record", *arguments, RECORDED_BY="pytest-llm-evals")
        finally:
            shutil.rmtree(folder)

    @staticmethod
    def _beyond(cost_of: Callable[[int], Cost], count: int = CASES) -> float:
        return cost_of(count).cpu_s - cost_of(1).cpu_s


ASKED: Mapping[str, Callable[[Edition], float]] = {
    f"replay, a case of {REPLAYED:,}": Edition.replay,
    f"recording a declared prompt, a case of {CASES}": Edition.record_declared,
    f"the same, one request at a time, a case of {CASES}": Edition.record_in_turn,
    f"recording code under test, a call of {CASES}": Edition.record_code,
    "a run that does not use the plugin": Edition.unused,
}


def measured(other: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return, by what was measured, the CPU seconds of this checkout and of the other, a pair a round."""
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, scripted_server(orders.completion) as address:
        here, there = (Edition(tree, Path(scratch, name), address) for tree, name in ((HERE, "new"), (other, "old")))
        for number in range(rounds):
            first, second = (here, there) if number % 2 else (there, here)
            for name, ask in ASKED.items():
                pair = {edition: ask(edition) for edition in (first, second)}
                found.setdefault(name, []).append((pair[here], pair[there]))
            pairs = {edition: edition.look_up() for edition in (first, second)}
            for place, name in enumerate((f"opening a cassette of {LOOKED_UP:,}", f"a look-up among {LOOKED_UP:,}")):
                found.setdefault(name, []).append((pairs[here][place], pairs[there][place]))
    return found


def main() -> None:
    """Measure, print the table, and with --write put it into README.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", metavar="NAME", help="the marks in README.md between which the table goes")
    chosen = parser.parse_args()
    if not (chosen.other / "pytest_llm").is_dir():
        raise BenchmarkFailed(f"{chosen.other} is not a checkout of this project")
    rows = []
    for name, pairs in measured(chosen.other.resolve(), chosen.rounds).items():
        ratio = Spread(tuple(new / old for new, old in pairs))
        each = "–" if "run" in name else f"{Spread(tuple(new for new, _ in pairs)).median / _count(name) * 1000:.3f}"
        rows.append((name, ratio.middle_half(3), each))
    head = (f"{chosen.rounds} rounds", "now to before: median (middle half)", "CPU ms now")
    text = table(head, rows)
    print(text)
    if chosen.write:
        put(chosen.write, text)


def _count(name: str) -> int:
    if name.startswith("opening"):
        return LOOKED_UP * 3
    return LOOKED_UP if "look-up" in name else (REPLAYED if name.startswith("replay") else CASES) - 1


if __name__ == "__main__":
    main()
