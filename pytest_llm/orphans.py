"""Recordings that a full run has not used. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from glob import glob
from pathlib import Path, PurePosixPath

from pytest_llm.cassettes.store import Place, has_marked
from pytest_llm.results import Run


def orphans(run: Run, cassettes: Iterable[str], exists: Callable[[str], bool]) -> Iterator[str]:
    """Of some cassettes, those that no test uses; paths are relative to the root, `exists` tells of a file.

    What a run leaves open is left alone: the cassettes of skipped tests, of modules whose tests were not collected, and
    of fixtures where a test did not run to its end, which may use them.
    """
    used = {*_cassettes(run), *run.scope.skipped}
    modules = {_above(path, 2) for path in used}
    all_ended = not run.scope.skipped and all(result.ended for result in run.results)
    for path in cassettes:
        if path in used:
            continue
        test = PurePosixPath(path).parent
        module = test.parent
        is_collected = str(module) in modules or not exists(f"{module.parent.parent / module.name}.py")
        if is_collected and (all_ended or test.name != "fixtures"):
            yield path


def used_places(run: Run) -> dict[str, set[Place]]:
    """What was used of every cassette all of whose items ran to their end; of others nothing is known."""
    found: dict[str, set[Place]] = {}
    open_ended = {*run.scope.skipped, *(result.cassette for result in run.results if not result.ended)}
    for result in run.results:
        if result.cassette not in open_ended:
            found.setdefault(result.cassette, set()).update(result.used)
    return found


def beside_used(run: Run, root: Path) -> list[str]:
    """The orphans in the folders where the run has used cassettes, without looking anywhere else."""
    folders = sorted({_above(path, 3) for path in _cassettes(run)})
    found = (
        f"{folder}/{path}".replace(os.sep, "/")
        for folder in folders
        for path in sorted(glob("*/*/*.yaml", root_dir=root / folder))  # noqa: PTH207 - a Path for each is dear
    )
    unused = orphans(run, found, lambda path: (root / path).exists())
    return [path for path in unused if not has_marked(root / path)]


def _above(path: str, levels: int) -> str:
    """The folder so many levels above a file, of a path with slashes."""
    return path.rsplit("/", levels)[0]


def _cassettes(run: Run) -> list[str]:
    return [result.cassette for result in run.results] + [fixture.cassette for fixture in run.fixtures]
