"""git, asked quietly: nothing is written, fetched or prompted for. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pytest_llm.errors import GitError

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """What git answers, in a folder. Raises GitError where there is no git."""
    try:
        return subprocess.run(  # noqa: S603 - git with arguments of ours, without a shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that the user has
            capture_output=True,
            check=False,
            env=quiet_environment(),
        )
    except FileNotFoundError as error:
        raise GitError("there is no command git", fix={"install": "git"}) from error


def quiet_environment() -> dict[str, str]:
    """The environment in which git changes nothing and asks nobody."""
    return {**os.environ, **_QUIET}


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
