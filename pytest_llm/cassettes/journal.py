"""The journal: every recorded exchange is on disk before its response is handed on. PYTEST_DONT_REWRITE

One file per process, a JSON line per exchange. A run that ends removes its own; what a killed run left behind is put
into the cassettes by the next recording run. A torn last line is the reply that was in flight.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import StoredReply
from pytest_llm.cassettes.identity import RequestRecord
from pytest_llm.errors import LlmError

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
        self._unsettled: Counter[Path] = Counter()
        self._root = state.parent
        self._file: IO[str] = self.path.open("a", encoding="utf-8", newline="\n")

    def write(self, cassette: Path, identity: str, request: RequestRecord, reply: StoredReply) -> None:
        """One exchange, flushed to the operating system: it survives the death of this process."""
        self._unsettled[cassette] += 1
        # Relative, so that a repository that was moved meanwhile recovers into itself.
        place = cassette.relative_to(self._root) if cassette.is_relative_to(self._root) else cassette
        line = {"cassette": place.as_posix(), "identity": identity, "request": request, "reply": asdict(reply)}
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._file.flush()

    def settle(self, cassette: Path, count: int) -> None:
        """So many exchanges are in their cassette."""
        self._unsettled[cassette] -= count

    def close(self) -> None:
        """End the journal; it stays for the next run's recovery where a cassette could not take its exchanges."""
        self._file.close()
        if not any(self._unsettled.values()):
            self.path.unlink(missing_ok=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def recover(state: Path) -> list[str]:
    """Put what killed runs left in journals into the cassettes; what there is to say about it, line by line.

    A journal whose cassette cannot take its exchanges stays.
    """
    told = []
    for path in sorted((state / "journals").glob(f"*{_SUFFIX}")):
        lock = FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:  # its writer is alive
            continue
        try:
            count = _replay(path, state)
            path.unlink(missing_ok=True)
            told += [f"{count} exchanges of an earlier run, which was killed, were recovered"] if count else []
        except LlmError as error:
            told.append(f"exchanges of an earlier run, which was killed, wait in {path}: {error}")
        finally:
            lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
    return told


def _replay(path: Path, state: Path) -> int:
    count = 0
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            found = json.loads(line)
            reply = StoredReply(**found["reply"])
        except (ValueError, KeyError, TypeError):  # the end of the file, or the line that was being written
            continue
        store.merge(state.parent / found["cassette"], {found["identity"]: (found["request"], [reply])}, state)
        count += 1
    return count
