"""Run files, as a command is given them. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pathlib import Path

from pytest_llm.cli.place import nearest
from pytest_llm.errors import RunFileError
from pytest_llm.results import Run, read_run
from pytest_llm.settings import LAST_RUN, STATE_FOLDER


def run_in(path: Path) -> Run:
    """The run in a file. Raises RunFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunFileError(f"the run file cannot be read: {error}", where=str(path)) from error
    return read_run(text, str(path))


def last_run() -> Path:
    """The last run's file, in this folder or one above it. Raises RunFileError."""
    name = f"{STATE_FOLDER}/{LAST_RUN}"
    folder = nearest((name,), Path.cwd())
    if folder is None:
        raise RunFileError("there is no last run", where=str(Path.cwd()), fix={"run": "pytest"})
    return folder / name
