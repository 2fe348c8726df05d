"""The baselines that a command is told of, by suite or by path. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
from collections.abc import Sequence

from pytest_llm.baselines import BaselineFiles
from pytest_llm.cli.place import root
from pytest_llm.errors import BaselineError
from pytest_llm.gates.baseline import Baseline


def baselines(names: Sequence[str]) -> dict[str, Baseline]:
    """The baselines under the root that are named, all without a name; by their paths, relative to the root.

    Raises BaselineError where there is none of a name, or none at all.
    """
    files = BaselineFiles(root())
    found = {path: one for path in sorted(files.paths_in_tree()) if (one := files.in_tree(path)) is not None}
    if not found:
        raise BaselineError(
            "there is no baseline",
            where=str(files.root),
            fix={"make them": 'pytest --llm-baseline=update --llm-note "why"'},
        )
    chosen = {}
    for name in names:
        mine = {path: one for path, one in found.items() if name in (one.suite, path, _relative(path))}
        if not mine:
            known = [f"{one.suite}   {path}" for path, one in found.items()]
            raise BaselineError(f"there is no baseline of {name!r}", where=str(files.root), instead=known)
        chosen.update(mine)
    return chosen or found


def the_baseline(name: str) -> tuple[str, Baseline]:
    """The one baseline that is named, with its path. Raises BaselineError where there are several."""
    found = baselines([name])
    if len(found) > 1:
        raise BaselineError(f"{len(found)} baselines are called {name!r}", fix={"name": "the file"}, instead=[*found])
    return next(iter(found.items()))


def _relative(path: str) -> str:
    """The path as it is said from the current folder."""
    return os.path.relpath(root() / path).replace(os.sep, "/")
