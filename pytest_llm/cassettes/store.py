"""Cassette files on disk: read, merged under a lock, replaced atomically. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TypeAlias

from pytest_llm.cassettes.aside import FOLDER, Fetch
from pytest_llm.cassettes.document import RESTORE, apart, check_unedited, read, upgraded, write
from pytest_llm.cassettes.entry import Entry, StoredReply
from pytest_llm.cassettes.identity import RULES, RequestRecord, identity_of
from pytest_llm.errors import CassetteCorrupt, LlmError

Place: TypeAlias = tuple[str, str, int]
"""Where a reply stands in a cassette: identity of its request, slot, number."""

Added: TypeAlias = Mapping[str, tuple[RequestRecord, Sequence[StoredReply]]]
"""By identity, requests with their new replies."""

IGNORE_ALL = "# Made by pytest_llm; nothing in here belongs into a repository.\n*\n"


def load(path: Path, shown: str = "") -> dict[str, Entry] | None:
    """The entries of a cassette file; None where there is no file. Raises CassetteCorrupt, with the path as `shown`."""
    shown = shown or str(path)
    text = _text(path, shown)
    return None if text is None else read(text, shown, beside(path))


def _text(path: Path, shown: str) -> str | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - half the cost of Path.read_text, for every item
            return file.read().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        fix = {"mend": "its permissions, or what is in its place"}
        raise CassetteCorrupt(f"the cassette cannot be read: {error}", where=shown, fix=fix) from error
    except UnicodeDecodeError as error:
        fix = {label: line.format(path=shown) for label, line in RESTORE.items()}
        raise CassetteCorrupt(f"the cassette cannot be read: {error}", where=shown, fix=fix) from error


def beside(path: Path) -> Fetch:
    """Gives what is set aside of a cassette."""
    return lambda name: (path.parent / FOLDER / name).read_bytes()


class Shelf:
    """The cassette that was read last: the samples of one case follow each other, and share a file."""

    def __init__(self) -> None:
        # One thing, put in its place at once: several threads may read.
        self._last: tuple[tuple[str, int, int], dict[str, Entry] | None] | None = None

    def load(self, path: Path, shown: str) -> dict[str, Entry] | None:
        """As `load`, without reading a file again that has not changed; the entries are not to be changed."""
        try:
            found = os.stat(path)  # noqa: PTH116 - as above
        except OSError:
            return load(path, shown)
        of = (str(path), found.st_mtime_ns, found.st_size)
        last = self._last
        if last is None or last[0] != of:
            self._last = last = (of, load(path, shown))
        return last[1]


def merge(path: Path, added: Added, state: Path, *, replacing: bool = True, rules: int = RULES) -> None:
    """Put replies into a cassette file, beside what any other process has put there meanwhile.

    A reply replaces the one with the same request, slot and number, if it is `replacing`. `state` is the folder for the
    lock, `rules` the rule set that the requests were made by.
    """

    def change(entries: Mapping[str, Entry]) -> dict[str, Entry]:
        after = dict(entries)
        for identity, (request, replies) in added.items():
            entry = after.get(identity) or Entry(identity, request, rules=rules)
            by_place = {(reply.slot, reply.number): reply for reply in replies}
            after[identity] = entry.with_replies(by_place, replacing=replacing, rules=rules)
        return after

    rewrite(path, change, state)


def keep_only(path: Path, used: Container[Place], samples: Container[str], state: Path) -> None:
    """Drop what a complete re-recording no longer uses, from the slots of the samples that were run, and no others.

    Of recordings for runs beside the ordinary ones, only those go that confirmed a suspicion about an earlier request.
    """

    def is_unused(place: Place, reply: StoredReply) -> bool:
        is_kept = reply.mark is not None and reply.mark.kind != "confirmation"
        return not is_kept and place not in used and place[1].split("/")[0] in samples

    _drop(path, is_unused, state)


def drop(path: Path, is_unused: Callable[[Place], bool], state: Path) -> None:
    """Take replies out of a cassette; a request goes with its last reply."""
    _drop(path, lambda place, _: is_unused(place), state)


def _drop(path: Path, is_unused: Callable[[Place, StoredReply], bool], state: Path) -> None:
    def is_whole(identity: str, entry: Entry) -> bool:
        return not any(is_unused((identity, *at), reply) for at, reply in entry.replies.items())

    def change(entries: Mapping[str, Entry]) -> dict[str, Entry]:
        after = {}
        for identity, entry in entries.items():
            kept = {at: reply for at, reply in entry.replies.items() if not is_unused((identity, *at), reply)}
            if kept:
                after[identity] = replace_fields(entry, replies=kept)
        return after

    if not all(is_whole(*item) for item in (load(path) or {}).items()):  # looked at first: most need no lock
        rewrite(path, change, state)


def upgrade(path: Path, state: Path, *, is_written: bool = True) -> bool:
    """Rewrite a cassette of an older version as the present one; return whether it was older.

    Raises CassetteCorrupt for a damaged one, LlmError where it cannot be written.
    """
    try:
        with _locked(path, state):
            text = _text(path, str(path))
            newer = "" if text is None else upgraded(text, str(path))
            if newer and is_written:
                replace(path, newer.encode())
    except OSError as error:
        raise _unwritten(path, error) from error
    return bool(newer)


def has_marked(path: Path) -> bool:
    """Tell whether a cassette holds a reply that belongs to no ordinary run; False where it cannot be read."""
    try:
        return any(reply.mark for entry in (load(path) or {}).values() for reply in entry.replies.values())
    except CassetteCorrupt:
        return False


def remove(path: Path, state: Path) -> None:
    """Remove a cassette with the files beside it, and the folders that are empty then. Raises LlmError."""
    try:
        with _locked(path, state):
            path.unlink(missing_ok=True)
            for file in files_beside(path):
                file.unlink(missing_ok=True)
    except OSError as error:
        raise LlmError(f"the cassette cannot be removed: {error}", where=str(path)) from error
    for folder in (path.parent / FOLDER, path.parent, path.parent.parent, path.parent.parent.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()


def files_beside(path: Path) -> list[Path]:
    """The files of a cassette, whether it still needs them or not."""
    folder = path.parent / FOLDER
    if not folder.is_dir():  # as beside most cassettes; a glob would cost a tenth of a millisecond for each recording
        return []
    return sorted(folder.glob(f"{glob.escape(path.stem)}.{'?' * 16}.*"))


def _locked(path: Path, state: Path) -> AbstractContextManager[object]:
    from filelock import FileLock

    lock = state_folder(state) / "locks" / f"{identity_of({'path': str(path)})[:24]}.lock"
    lock.parent.mkdir(exist_ok=True)
    return FileLock(lock)


def rewrite(path: Path, change: Callable[[Mapping[str, Entry]], dict[str, Entry]], state: Path) -> None:
    """Write what `change` makes of the entries, under a lock; nothing is written where it makes the same of them."""
    try:
        with _locked(path, state):
            before = load(path) or {}
            check_unedited(before.values(), str(path))
            if (after := change(before)) != before:
                _put(path, *apart(after.values(), path.stem))
    except OSError as error:
        raise _unwritten(path, error) from error


def sweep(path: Path, state: Path) -> None:
    """Remove what a run that was killed left half written beside a cassette."""
    kept = f"{glob.escape(path.stem)}.{'?' * 16}.*"
    with contextlib.suppress(OSError), _locked(path, state):
        for folder, name in ((path.parent, glob.escape(path.name)), (path.parent / FOLDER, kept)):
            for old in folder.glob(f".{name}.{'?' * 8}.tmp"):
                old.unlink(missing_ok=True)


def _put(path: Path, entries: list[Entry], files: Mapping[str, bytes]) -> None:
    """Write a cassette whose files are there before it names them, and go after it has."""
    folder = path.parent / FOLDER
    for name, content in files.items():
        file = folder / name
        if not file.exists() or file.read_bytes() != content:  # the name has its digest, and git may change line ends
            replace(file, content)
    text = write(entries).encode()
    if not path.exists() or path.read_bytes() != text:
        replace(path, text)
    for old in files_beside(path):
        if old.name not in files:
            old.unlink(missing_ok=True)


def replace(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, whole or in parts, so that at any moment the old or the new content is there. Raises LlmError."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # mkstemp makes files that only their owner can read
        Path(temporary).replace(path)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:  # after Ctrl-C, too
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> LlmError:
    return LlmError(
        f"the file cannot be written: {error}",
        where=str(path),
        fix={"mend": "the space or the permissions there, then run again"},
    )


def state_folder(state: Path) -> Path:
    """The folder `.pytest_llm`, with a .gitignore of its own."""
    if not (state / ".gitignore").exists():
        state.mkdir(parents=True, exist_ok=True)
        (state / ".gitignore").write_text(IGNORE_ALL, encoding="utf-8")
    return state
