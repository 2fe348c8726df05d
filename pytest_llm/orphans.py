"""Recordings that a full run has not used. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from pytest_llm.cassettes.store import Place
from pytest_llm.results import Run


def orphans(run: Run, cassettes: Iterable[str], exists: Callable[[str], bool]) -> Iterator[str]:
    """Of some cassettes, those that no test uses; paths are relative to the root, `exists` tells of a file.

    What a run leaves open is left alone: the cassettes of skipped tests, of modules whose tests were not collected, and
    of fixtures where a test did not run to its end, which may use them.
    """
    used = {*_cassettes(run), *run.scope.skipped}
    modules = {PurePosixPath(path).parent.parent for path in used}
    all_ended = not run.scope.skipped and all(result.ended for result in run.results)
    for path in cassettes:
        test = PurePosixPath(path).parent
        module = test.parent
        is_collected = module in modules or not exists(f"{module.parent.parent / module.name}.py")
        if path not in used and is_collected and (all_ended or test.name != "fixtures"):
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
    folders = sorted({root / PurePosixPath(path).parent.parent.parent for path in _cassettes(run)})
    found = (path.relative_to(root).as_posix() for folder in folders for path in sorted(folder.glob("*/*/*.yaml")))
    return list(orphans(run, found, lambda path: (root / path).exists()))


def _cassettes(run: Run) -> list[str]:
    return [result.cassette for result in run.results] + [fixture.cassette for fixture in run.fixtures]
