"""The cassettes of a project: where they are, whose they are, when they were committed. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_llm.cli.place import files_at, shown

_OTHER_FORMAT = b"interactions:"  # what vcrpy itself writes
# Names relative to the folder that git runs in, whose * takes slashes too.
_LOG = (
    *("git", "-c", "log.showSignature=false", "log", "--relative", "--no-renames"),
    *("--name-status", "-z", "--format=%x01%cI"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CassetteFile:
    """A cassette file, and what its place says of it: `cassettes/<module>/<test>/<name>.yaml` beside the module."""

    path: Path
    #: The test's module, relative to the root; "" for a file that lies somewhere else.
    module: str
    #: The test function, or Class.function; "fixtures" for what fixtures of wider scope asked.
    test: str
    #: Case, parameters and variant, joined by "~"; without any of them the test's name.
    name: str

    @property
    def test_id(self) -> str:
        """Module and test, as pytest writes them."""
        if not self.module:
            return shown(self.path.parent)
        return f"{self.module}{' fixtures' if self.test == 'fixtures' else f'::{self.test}'}"


def cassette_file(path: Path, root: Path) -> CassetteFile:
    """The cassette at a path."""
    folder = path.parent
    if folder.parent.parent.name != "cassettes":
        return CassetteFile(path=path, module="", test="", name=path.stem)
    module = folder.parent.parent.parent / f"{folder.parent.name}.py"
    place = module.relative_to(root) if module.is_relative_to(root) else module
    return CassetteFile(path=path, module=place.as_posix(), test=folder.name.replace(".", "::"), name=path.stem)


def cassette_files(places: Sequence[Path], root: Path) -> list[CassetteFile]:
    """The cassettes at some files and folders, sorted. Raises OptionError for a place that is not there."""
    files = files_at(places, fix={"list all": "pytest-llm cassettes list"})
    return [
        cassette_file(path, root) for path in sorted({path for path, is_named in files if is_named or _is_ours(path)})
    ]


def _is_ours(path: Path) -> bool:
    if len(path.parents) < 3 or path.parents[2].name != "cassettes":
        return False
    if path.suffix != ".yaml" or path.name.startswith("."):
        return False
    try:
        with path.open("rb") as file:
            return not file.readline().startswith(_OTHER_FORMAT)
    except OSError:  # to be listed as one that cannot be read
        return True


def commit_dates(files: Iterable[Path]) -> Mapping[Path, str] | str:
    """When each file was last committed, in ISO 8601; what was not is absent. Or why git does not know: a line.

    One process for all files: its output is read until every file was seen.
    """
    wanted = set(files)
    base = Path(os.path.commonpath([path.parent for path in wanted]))
    try:
        process = subprocess.Popen(  # noqa: S603 - nothing of the command comes from outside
            [*_LOG, "--", "*.yaml" if all(one.suffix == ".yaml" for one in wanted) else "."],
            cwd=base,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        return f"git cannot be run: {error.strerror}"
    with process:
        dates = _read(process, base, wanted)
        if dates.keys() == wanted:
            process.kill()
            return {path: date for path, date in dates.items() if date}
        told = (process.stderr.read() if process.stderr else b"").decode(errors="replace").strip()
    if process.returncode and "does not have any commits yet" not in told:
        line = told.partition("\n")[0].removeprefix("fatal: ") or f"git ended with {process.returncode}"
        return "not in a git repository" if line.startswith("not a git repository") else line
    return {path: date for path, date in dates.items() if date}


def _read(process: subprocess.Popen[bytes], base: Path, wanted: set[Path]) -> dict[Path, str]:
    """The date of the last commit that has each file; "" where that one removed it."""
    dates: dict[Path, str] = {}
    date, status = "", b""
    for token in _tokens(process):
        if status:
            path = base / os.fsdecode(token)
            if path in wanted and path not in dates:
                dates[path] = "" if status == b"D" else date
                if dates.keys() == wanted:
                    break
            status = b""
        elif token.startswith(b"\x01"):
            date = token[1:].decode()
        else:
            status = token.lstrip(b"\n")
    return dates


def _tokens(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    rest = b""
    # As it comes: a long history is not waited for when the last of the files was seen.
    while process.stdout and (chunk := os.read(process.stdout.fileno(), 65_536)):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
