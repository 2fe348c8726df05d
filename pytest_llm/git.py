"""git, asked quietly: nothing is written, fetched or prompted for. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pytest_llm.errors import GitError

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


LONGEST_LOOK_S = 2.0
"""Seconds after which a run no longer waits for git to say whether the working tree is dirty."""


def git(folder: Path, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """What git answers, in a folder. Raises GitError where there is no git, or no answer within `timeout` seconds."""
    try:
        return subprocess.run(  # noqa: S603 - git with arguments of ours, without a shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that the user has
            capture_output=True,
            check=False,
            env=quiet_environment(),
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise GitError("there is no command git", fix={"install": "git"}) from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git did not answer within {timeout:g} seconds", where=" ".join(arguments[:2])) from error


def quiet_environment() -> dict[str, str]:
    """The environment in which git changes nothing and asks nobody."""
    return {**os.environ, **_QUIET}


def head_commit(folder: Path) -> tuple[str, bool | None] | None:
    """Return the id of the HEAD commit and whether tracked files differ from it; None outside git or without a commit.

    Whether they differ is None where git does not say within LONGEST_LOOK_S. Untracked files do not count. Outside a
    working tree no process is started.
    """
    if "GIT_DIR" not in os.environ and not any((one / ".git").exists() for one in (folder, *folder.parents)):
        return None
    try:
        # One process says both. No fsmonitor: it would start a daemon, or a program that the project names.
        looked = (
            "-c",
            "core.fsmonitor=false",
            "status",
            "--porcelain=v2",
            "--branch",
            "-uno",
            "--ignore-submodules=dirty",
        )
        head, *rest = checked(git(folder, *looked, timeout=LONGEST_LOOK_S)).decode("ascii", "replace").splitlines()
        commit, is_dirty = head.removeprefix("# branch.oid "), any(not line.startswith("#") for line in rest)
    except GitError:
        return _head_id(folder)
    return None if commit == "(initial)" else (commit, is_dirty)


def _head_id(folder: Path) -> tuple[str, None] | None:
    """Return the id of the HEAD commit alone, where the state of the working tree cannot be had."""
    try:
        return text_of(checked(git(folder, "rev-parse", "--verify", "HEAD", timeout=LONGEST_LOOK_S))).strip(), None
    except GitError:
        return None


def checked(done: subprocess.CompletedProcess[bytes]) -> bytes:
    """What git printed. Raises GitError where it failed."""
    if done.returncode:
        raise GitError(f"git failed: {said_by(done)}", where=" ".join(done.args[3:5]))
    return done.stdout


def paths_of(listed: bytes) -> list[str]:
    """The paths that git lists with -z."""
    return text_of(listed).split("\0")[:-1]


def text_of(output: bytes) -> str:
    """What git printed, as text; paths may be no UTF-8."""
    return os.fsdecode(output)


def said_by(done: subprocess.CompletedProcess[bytes]) -> str:
    """Why git failed."""
    return text_of(done.stderr).strip().removeprefix("fatal: ") or f"exit code {done.returncode}"
