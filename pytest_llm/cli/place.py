"""Where a command stands: the folder that pytest calls rootdir. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_llm.errors import OptionError
from pytest_llm.settings import STATE_FOLDER

_NOT_LOOKED_INTO = ("node_modules", "venv", "__pycache__")
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


def absolute(path: Path) -> Path:
    """A path from the root of the disk, without `..`; links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - nothing else takes .. out and follows no link


def files_at(places: Iterable[Path], fix: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """The files at some places, and all in those that are folders; with each, whether it was named itself.

    Raises OptionError, with the fix, for a place that is not there.
    """
    for place in map(absolute, places):
        if place.is_file():
            yield place, True
        elif not place.is_dir():
            raise OptionError(f"there is no {shown(place)}", fix=fix)
        for folder, inner, names in os.walk(place):
            inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _NOT_LOOKED_INTO)
            yield from ((Path(folder, name), False) for name in sorted(names))


def shown(path: Path) -> str:
    """A path as it can be given to a command here: relative to the current folder, with slashes."""
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()
