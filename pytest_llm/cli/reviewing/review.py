"""A review: everything that differs, from the files to the grades. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pytest_llm.cassettes.aside import FOLDER, Fetch
from pytest_llm.cassettes.document import check_unedited, read
from pytest_llm.cassettes.entry import Entry
from pytest_llm.cassettes.store import beside
from pytest_llm.cli.reviewing.accepted import Accepted
from pytest_llm.cli.reviewing.grading import LastRun, grade, last_run_of
from pytest_llm.cli.reviewing.pairing import (
    ChangedCassette,
    Drawn,
    RequestChange,
    drawn,
    follow_renames,
    request_changes,
)
from pytest_llm.cli.reviewing.repository import ChangedFile, Repository, blobs, changed_files
from pytest_llm.cli.reviewing.verdicts import Reviewed, most_urgent_first
from pytest_llm.errors import CassetteCorrupt
from pytest_llm.results import Run, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A cassette that cannot be read."""

    path: str
    at: Literal["working tree", "commit"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What differs, before anything is graded."""

    repository: Repository
    samples: Sequence[Drawn]
    changes: Sequence[RequestChange]
    damaged: Sequence[Damaged]
    last: LastRun
    #: The root of the last run.
    root: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What differs, with its grades, what needs a look first."""

    ref: str
    commit: str | None
    samples: Sequence[Reviewed]
    changes: Sequence[RequestChange]
    damaged: Sequence[Damaged]
    #: What is to be said once of why grades are not known.
    notes: Sequence[str]
    #: What the gate said of the last run.
    gate: Sequence[Verdict] = ()


def differences(
    repository: Repository, wanted: Callable[[ChangedFile], bool], run: Run | None, root: Path
) -> Differences:
    """What differs between the commit and the working tree, with the last run, whose root is `root`."""
    damaged: list[Damaged] = []
    files = [file for file in changed_files(repository) if wanted(file)]
    cassettes = follow_renames(_read(repository, files, damaged))
    last = last_run_of(run, root, repository.top, cassettes)
    samples = [one for cassette in cassettes for one in drawn(cassette, last.used)]
    return Differences(
        repository=repository,
        samples=samples,
        changes=request_changes(samples),
        damaged=damaged,
        last=last,
        root=root,
    )


def graded(found: Differences) -> Review:
    """The differences with their grades."""
    accepted = Accepted(found.root, found.repository.commit)
    reviewed, notes = grade(found.samples, found.last, found.repository.top, accepted)
    return Review(
        ref=found.repository.ref,
        commit=found.repository.commit,
        samples=most_urgent_first(reviewed),
        changes=found.changes,
        damaged=found.damaged,
        notes=notes,
        gate=found.last.verdicts,
    )


def _read(repository: Repository, files: Iterable[ChangedFile], damaged: list[Damaged]) -> Iterator[ChangedCassette]:
    with blobs(repository) as content:
        for file in files:
            old = None if file.blob is None else content(file.blob)
            new = None if file.status == "removed" else _content(repository.top / file.path)
            if not (_is_ours(old) or _is_ours(new)):  # other recorders have folders of this name too
                continue
            try:
                then = file.before or file.path
                before = None if file.blob is None else _entries(old, then, _committed(repository, then, content))
            except CassetteCorrupt as error:
                damaged.append(Damaged(path=file.before or file.path, at="commit", reason=_first_line(error)))
                continue
            try:
                now = None if file.status == "removed" else _entries(new, file.path, beside(repository.top / file.path))
                check_unedited((now or {}).values(), file.path)
            except CassetteCorrupt as error:
                damaged.append(Damaged(path=file.path, at="working tree", reason=_first_line(error)))
                continue
            yield ChangedCassette(file=file, before=before, now=now)


def _committed(repository: Repository, path: str, content: Callable[[str], bytes | None]) -> Fetch:
    """What lay beside a cassette in the commit."""

    def fetch(name: str) -> bytes:
        place = f"{repository.commit}:{PurePosixPath(path).parent / FOLDER / name}"
        if (found := content(place)) is None:
            raise FileNotFoundError(place)
        return found

    return fetch


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _is_ours(content: bytes | None) -> bool:
    """Whether a file begins as our cassettes do, if need be after the mark of a conflict."""
    head = b"" if content is None else content[:200]
    return head.startswith(b"version: ") or (head.startswith(b"<<<<<<< ") and b"\nversion: " in head)


def _entries(content: bytes | None, path: str, fetch: Fetch) -> dict[str, Entry]:
    if content is None:
        raise CassetteCorrupt("the file cannot be read", where=path)
    try:
        return read(content.decode(), path, fetch)
    except UnicodeDecodeError as error:
        raise CassetteCorrupt(f"the cassette is no UTF-8: {error}", where=path) from error


def _first_line(error: CassetteCorrupt) -> str:
    return str(error).partition("\n")[0]
