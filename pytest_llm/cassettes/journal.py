"""The journal: every recorded exchange is on disk before its response is handed on. PYTEST_DONT_REWRITE

One file per process, a JSON line per exchange. A run that ends removes its own; what a killed run left behind is put
into the cassettes by the next recording run. A torn last line is the reply that was in flight.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

from filelock import FileLock, Timeout

from pytest_llm.cassettes import store
from pytest_llm.cassettes.entry import StoredReply, facts_in
from pytest_llm.cassettes.identity import RULES, RequestRecord
from pytest_llm.errors import LlmError

_SUFFIX = ".journal.jsonl"
_PLAIN = ("slot", "number", "status", "latency_ms", "headers", "body")


class Journal:
    """The journal of this process; made before the first request that is recorded. Raises LlmError where it cannot."""

    def __init__(self, state: Path) -> None:
        # The time first: of two journals, the later one is recovered later.
        name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        self.path = state / "journals" / name
        self._unsettled: Counter[Path] = Counter()
        self._root = state.parent
        self._writing = threading.Lock()
        self._problem: OSError | None = None
        try:
            (store.state_folder(state) / "journals").mkdir(exist_ok=True)
            # Held as long as this process lives: whoever gets the lock knows that the writer is gone. Of no thread,
            # because the one that asks first need not be the one that ends the run.
            self._lock = FileLock(self.path.with_suffix(".lock"), thread_local=False)
            self._lock.acquire()
            # Without a buffer: what a full disk did not take is not tried again later, in the middle of another line.
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise self._error(error) from error

    def write(self, cassette: Path, identity: str, request: RequestRecord, reply: StoredReply) -> None:
        """One exchange, given to the operating system: it survives the death of this process. Raises LlmError."""
        self.settle(cassette, -1)
        # Relative, so that a repository that was moved meanwhile recovers into itself.
        place = cassette.relative_to(self._root) if cassette.is_relative_to(self._root) else cassette
        fields = {name: getattr(reply, name) for name in _PLAIN} | reply.facts  # asdict would copy the body, deeply
        line = {"cassette": place.as_posix(), "identity": identity, "rules": RULES, "request": request, "reply": fields}
        # The line break is at the beginning, so that a line that was torn spoils no other.
        left = memoryview(b"\n" + json.dumps(line, ensure_ascii=True).encode())
        try:
            with self._writing:
                while left:
                    left = left[self._file.write(left) :]
        except OSError as error:
            self._problem = error
            raise self._error(error) from error

    def check(self) -> None:
        """Raise LlmError where an earlier exchange could not be written: what is paid for now would not be safe."""
        if self._problem is not None:
            raise self._error(self._problem)

    def _error(self, error: OSError) -> LlmError:
        return LlmError(
            f"the journal of what is recorded cannot be written: {error}",
            where=str(self.path.parent),
            fix={"mend": "the space or the permissions there, then pytest --llm-record; it goes on where this run was"},
        )

    def settle(self, cassette: Path, count: int) -> None:
        """So many exchanges are in their cassette."""
        with self._writing:
            self._unsettled[cassette] -= count

    def close(self) -> None:
        """End the journal; it stays for the next run's recovery where a cassette could not take its exchanges."""
        self._file.close()
        with contextlib.suppress(OSError):  # recovering what is in its cassette changes nothing
            if not any(self._unsettled.values()):
                self.path.unlink(missing_ok=True)
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)


def recover(state: Path) -> list[str]:
    """Put what killed runs left in journals into the cassettes; what there is to say about it, line by line.

    Of a journal, the exchanges that their cassette cannot take stay.
    """
    told = []
    for path in sorted((state / "journals").glob(f"*{_SUFFIX}")):
        lock = FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:  # its writer is alive
            continue
        except OSError as error:
            told.append(f"exchanges of an earlier run, which was killed, wait in {path}: {error}")
            continue
        try:
            told += _recovered(path, state)
        finally:
            lock.release()
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
    return told


def _recovered(path: Path, state: Path) -> list[str]:
    count, waiting, told = 0, b"", []
    for (cassette, rules), (lines, exchanges) in _by_cassette(path).items():
        added: dict[str, tuple[RequestRecord, list[StoredReply]]] = {}
        for identity, request, reply in exchanges:
            added.setdefault(identity, (request, []))[1].append(reply)
        try:
            store.merge(state.parent / cassette, added, state, rules=rules)
            store.sweep(state.parent / cassette, state)
            count += len(lines)
        except LlmError as error:
            waiting += b"\n".join([b"", *lines])
            told.append(f"exchanges of an earlier run, which was killed, wait in {path}: {error}")
    try:
        if waiting:
            store.replace(path, waiting)
        else:
            path.unlink(missing_ok=True)
    except (LlmError, OSError) as error:  # read-only: it is recovered once more, which changes nothing
        told.append(f"the journal {path} could not be removed: {error}")
    what = "1 exchange was" if count == 1 else f"{count} exchanges were"
    return [*([f"{what} recovered from an earlier run, which was killed"] if count else []), *told]


_Exchange = tuple[str, RequestRecord, StoredReply]


def _by_cassette(path: Path) -> dict[tuple[str, int], tuple[list[bytes], list[_Exchange]]]:
    """Return a journal's lines and the exchanges in them, by cassette and rule set.

    A line that was being written when the run ended is left out. A line without a rule set is of a release before 2.
    """
    found: dict[tuple[str, int], tuple[list[bytes], list[_Exchange]]] = {}
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # another run was faster
        return {}
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
            fields = {**entry["reply"], **facts_in(entry["reply"])}
            exchange = (entry["identity"], entry["request"], StoredReply(**fields))
            lines, exchanges = found.setdefault((entry["cassette"], entry.get("rules", 1)), ([], []))
        except (ValueError, KeyError, TypeError):
            continue
        lines.append(line)
        exchanges.append(exchange)
    return found
