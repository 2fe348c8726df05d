"""Where a command stands: the folder that pytest calls rootdir. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_llm.settings import STATE_FOLDER

PROJECT_FILES = (
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
    "setup.py",
)


def nearest(names: Sequence[str], start: Path) -> Path | None:
    """The nearest folder, at a place or above it, that holds one of these."""
    found = (folder for folder in (start, *start.parents) if any((folder / name).exists() for name in names))
    return next(found, None)


def root() -> Path:
    """The project's root: the nearest folder with a project's file or a run's traces, else the current one."""
    here = Path.cwd()
    return nearest((STATE_FOLDER, *PROJECT_FILES), here) or here


def shown(path: Path) -> str:
    """A path as it can be given to a command here: relative to the current folder, with slashes."""
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()
