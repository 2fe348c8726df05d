"""What git knows of the cassettes: which differ from a commit, and what they were. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pytest_llm.cassettes.aside import FOLDER
from pytest_llm.errors import GitError
from pytest_llm.git import checked, git, paths_of, quiet_environment, said_by, text_of

Status = Literal["changed", "new", "removed", "renamed"]

_CASSETTES = ":(glob)**/cassettes/**/*.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A working tree, and the commit that it is compared with."""

    top: Path
    #: The commit, as the user says it.
    ref: str
    #: The commit's digest; None where nothing has been committed yet.
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A file that differs from the commit. Paths are relative to the top of the working tree, with slashes."""

    status: Status
    #: Where it is now; of a removed file, where it was.
    path: str
    #: Where it was; None for a new one.
    before: str | None = None
    #: What git calls its content then; None for a new one.
    blob: str | None = None


def open_repository(folder: Path, ref: str) -> Repository:
    """The repository around a folder, and a commit in it. Raises GitError."""
    top = git(folder, "rev-parse", "--show-toplevel")
    if top.returncode:
        said = said_by(top)
        if "not a git repository" not in said:
            raise GitError(f"git cannot read the repository: {said}", where=str(folder))
        raise GitError(
            "review compares with git, and this is no git repository",
            where=str(folder),
            fix={"look at all": "pytest-llm report"},
        )
    place = Path(text_of(top.stdout).rstrip("\n"))
    # No name of a commit begins with a dash; an option does.
    found = None if ref.startswith("-") else git(place, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if found is not None and found.returncode == 0:
        return Repository(top=place, ref=ref, commit=text_of(found.stdout).strip())
    if ref == "HEAD":  # of a repository without commits it points to nothing
        return Repository(top=place, ref=ref, commit=None)
    names = text_of(git(place, "for-each-ref", "--format=%(refname:short)", "--sort=-committerdate").stdout).split()
    raise GitError(f"git knows no commit {ref!r}", where=str(place), instead=names, fix={"see": "git log --oneline"})


def changed_files(repository: Repository) -> list[ChangedFile]:
    """The cassette files that differ from the commit, untracked ones among them, by their paths."""
    top, commit = repository.top, repository.commit
    if commit is None:
        listed = checked(git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", _CASSETTES))
        return [ChangedFile(status="new", path=path) for path in paths_of(listed)]
    diff = ("diff", "--raw", "-z", "--no-abbrev", "-M", "--no-ext-diff", "--no-color")
    found = {one.path: one for one in _raw(paths_of(checked(git(top, *diff, commit, "--", _CASSETTES))), commit)}
    for path in paths_of(checked(git(top, "ls-files", "-z", "--others", "--exclude-standard", "--", _CASSETTES))):
        known = found.get(path)
        if known is None:
            found[path] = ChangedFile(status="new", path=path)
        elif known.status == "removed":  # from the index alone
            found[path] = ChangedFile(status="changed", path=path, before=path, blob=known.blob)
    return sorted(found.values(), key=lambda one: one.path)


def _raw(fields: list[str], commit: str) -> Iterator[ChangedFile]:
    """The records of `git diff --raw -z`: `:mode mode blob blob status`, a path, and of a renamed file the new one."""
    left = iter(fields)
    for head in left:
        _, _, blob, _, kind = head.split(" ")
        path = next(left)
        match kind[0]:
            case "A":
                yield ChangedFile(status="new", path=path)
            case "D":
                yield ChangedFile(status="removed", path=path, before=path, blob=blob)
            case "R":
                yield ChangedFile(status="renamed", path=next(left), before=path, blob=blob)
            case _:  # with conflicts, git tells of no blob
                known = blob if blob.strip("0") else f"{commit}:{path}"
                yield ChangedFile(status="changed", path=path, before=path, blob=known)


@contextmanager
def blobs(repository: Repository) -> Iterator[Callable[[str], bytes | None]]:
    """A function from what git calls a content to the content, None where git has none: one process for all."""
    command = ["git", "-C", str(repository.top), "cat-file", "--batch"]
    with subprocess.Popen(  # noqa: S603 - arguments of ours, without a shell
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=quiet_environment()
    ) as process:
        into, out = process.stdin, process.stdout
        if into is None or out is None:  # they are pipes
            raise GitError("git cat-file cannot be talked to")

        def content(blob: str) -> bytes | None:
            into.write(f"{blob}\n".encode(errors="surrogateescape"))
            into.flush()
            head = out.readline().split()
            if len(head) != 3 or not head[2].isdigit():  # "… missing"
                return None
            return out.read(int(head[2]) + 1)[:-1]

        yield content
        into.close()


def restore(repository: Repository, file: ChangedFile) -> None:
    """Make a file what it was: removed if it is new, back where it was if it was renamed. Raises GitError."""
    if file.before is not None and repository.commit is not None:
        names = [file.before, *_beside(repository, PurePosixPath(file.before))]
        checked(git(repository.top, "--literal-pathspecs", "checkout", repository.commit, "--", *names))
    if file.before != file.path:
        try:
            (repository.top / file.path).unlink(missing_ok=True)
        except OSError as error:
            raise GitError(f"the file cannot be removed: {error}", where=file.path) from error


def _beside(repository: Repository, cassette: PurePosixPath) -> list[str]:
    """The files of a cassette in the commit."""
    folder = f"{cassette.parent / FOLDER}/"
    listed = checked(git(repository.top, "ls-tree", "-z", "--name-only", str(repository.commit), "--", folder))
    return [name for name in paths_of(listed) if name.startswith(f"{folder}{cassette.stem}.")]
