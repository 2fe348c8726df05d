"""The journal: every recorded exchange is on disk before its response is handed on. PYTEST_DONT_REWRITE

One file per process, a JSON line per exchange. A run that ends removes its own; what a killed run left behind is put
into the cassettes by the next recording run. A torn last line is the reply that was in flight.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import StoredReply
from pytest_llm.cassettes.identity import RequestRecord

_SUFFIX = ".journal.jsonl"


class Journal:
    """The journal of this process; made on the first exchange that is recorded."""

    def __init__(self, state: Path) -> None:
        folder = store.state_folder(state) / "journals"
        folder.mkdir(exist_ok=True)
        self.path = folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        # Held as long as this process lives: whoever gets the lock knows that the writer is gone.
        self._lock = FileLock(self.path.with_suffix(".lock"))
        self._lock.acquire()
        self._unsettled: set[Path] = set()
        self._file: IO[str] = self.path.open("a", encoding="utf-8", newline="\n")

    def write(self, cassette: Path, identity: str, request: RequestRecord, reply: StoredReply) -> None:
        """One exchange, flushed to the operating system: it survives the death of this process."""
        self._unsettled.add(cassette)
        line = {"cassette": str(cassette), "identity": identity, "request": request, "reply": asdict(reply)}
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._file.flush()

    def settle(self, cassette: Path) -> None:
        """All exchanges of a cassette are in it."""
        self._unsettled.discard(cassette)

    def close(self) -> None:
        """End the journal; it stays for the next run's recovery where a cassette could not take its exchanges."""
        self._file.close()
        if not self._unsettled:
            self.path.unlink(missing_ok=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def recover(state: Path) -> int:
    """Put what killed runs left in journals into the cassettes; the number of exchanges that were recovered.

    Raises LlmError where a cassette cannot take its exchanges; the journal stays.
    """
    count = 0
    for path in sorted((state / "journals").glob(f"*{_SUFFIX}")):
        lock = FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:  # its writer is alive
            continue
        with lock:
            count += _replay(path, state)
            path.unlink(missing_ok=True)
        Path(lock.lock_file).unlink(missing_ok=True)
    return count


def _replay(path: Path, state: Path) -> int:
    count = 0
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            found = json.loads(line)
            reply = StoredReply(**found["reply"])
        except (ValueError, KeyError, TypeError):  # the end of the file, or the line that was being written
            continue
        store.merge(Path(found["cassette"]), {found["identity"]: (found["request"], [reply])}, state)
        count += 1
    return count
