"""Find out whether a project uses this plugin, where its tests say no more than `llm`. PYTEST_DONT_REWRITE

Many repositories mark tests `llm` without knowing the plugin; there the mark changes nothing. Everywhere else a test
that has no recording must fail rather than send a request. So anything counts that shows a use of the plugin, or of
recordings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pytest_llm.collection import BASELINES, cassette_folder
from pytest_llm.settings import Settings

_FOLDERS = {BASELINES, "llm_judges"}
_HOOKS = ("pytest_llm_client", "pytest_llm_async_client", "pytest_llm_normalize")
_DEPENDENCIES = re.compile(
    r"pyproject\.toml|setup\.(?:cfg|py)|tox\.(?:ini|toml)|noxfile\.py|Pipfile(?:\.lock)?|"
    r"(?:poetry|uv|pdm|pixi|conda)[\w.-]*\.(?:lock|toml|ya?ml)|pylock[\w.-]*\.toml|environment[\w.-]*\.ya?ml|"
    r"[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)|hatch\.toml|Dockerfile",
    re.IGNORECASE,
)
_TESTS = re.compile(r"(?:test_.*|.*_test|tests|conftest)\.py")
_RECORDINGS = (".yaml", ".yml", ".json")
_LONGEST_HEAD = 1000

_KEY = re.compile(rb"^\s*llm_\w+\s*=", re.MULTILINE)
_NAME = re.compile(rb"pytest[-_.]+llm[-_.]+evals", re.IGNORECASE)
_USE = re.compile(rb"\bpytest_llm\b|\bmark\.llm(?:_retry)?\(\s*[^)\s]")
_OURS = re.compile(rb"(?:\xef\xbb\xbf)?version: \d+\r?\n(?:rules: |---\r?\nidentity: )")
_OURS_AMONG_CASSETTES = re.compile(rb"(?:\xef\xbb\xbf)?version: \d+\r?\n")
_VCRPY = re.compile(
    rb'^(?:\xef\xbb\xbf)?interactions:|\A(?:\xef\xbb\xbf)?\s*\{[^[]{0,200}"interactions":\s*\[', re.MULTILINE
)


def is_adopted(config: pytest.Config, settings: Settings, marked: Sequence[pytest.Function]) -> bool:
    """Return whether anything shows that a project uses this plugin, or has recordings of any kind.

    Options and ini keys are looked at by the caller. Files are looked through last, where nothing else shows it.
    """
    if settings.state.is_dir() or _names_key(config.inipath):
        return True
    if any(getattr(config.hook, name).get_hookimpls() for name in _HOOKS):
        return True
    if any(cassette_folder(item).is_dir() for item in marked):
        return True
    beside = {item.path.parent for item in marked if not item.path.is_relative_to(settings.root)}
    above = (path for folder in _repository_above(settings.root) for path in _files_in(folder))
    return any(map(_shows_use, above)) or any(_holds_use(folder) for folder in (settings.root, *sorted(beside)))


def _names_key(ini: Path | None) -> bool:
    """Return whether a configuration file holds a key of this plugin, also one without a value."""
    return ini is not None and ini.is_file() and _KEY.search(ini.read_bytes()) is not None


def _repository_above(root: Path) -> list[Path]:
    """Return the folders above a root that belong to the same git repository."""
    above: list[Path] = []
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return [*above[1:], folder] if folder != root else []
        above.append(folder)
    return []


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the dependency files that lie in a folder itself."""
    yield from filter(_names_dependencies, sorted(folder.iterdir()))


def _holds_use(root: Path) -> bool:
    """Return whether a file under a folder is a recording, names this distribution, or uses this plugin."""
    for folder, inner, files in os.walk(root):
        if _FOLDERS & set(inner):
            return True
        inner[:] = [name for name in inner if not _is_passed_over(folder, name)]
        if any(_shows_use(Path(folder, name)) for name in files):
            return True
    return False


def _is_passed_over(folder: str, name: str) -> bool:
    """Return whether a folder is hidden, or holds what others have written."""
    return name.startswith(".") or name == "node_modules" or os.path.isfile(os.path.join(folder, name, "pyvenv.cfg"))  # noqa: PTH113, PTH118 - for each folder of a repository


def _names_dependencies(path: Path) -> bool:
    """Return whether a file is one in which projects name what they need."""
    is_list = path.parent.name.lower() in ("requirements", "constraints") and path.suffix in (".txt", ".in")
    return is_list or _DEPENDENCIES.fullmatch(path.name) is not None


def _shows_use(path: Path) -> bool:
    name = path.name
    try:
        if _names_dependencies(path):
            return _NAME.search(path.read_bytes()) is not None
        if _TESTS.fullmatch(name):
            return _USE.search(path.read_bytes()) is not None
        return name.lower().endswith(_RECORDINGS) and _is_recording(path)
    except OSError:  # a broken link, or not ours to read
        return False


def _is_recording(path: Path) -> bool:
    """Return whether a file begins like a cassette of this plugin, of any version, or of vcrpy, YAML or JSON."""
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEAD)
    ours = _OURS_AMONG_CASSETTES if any(part.lower() == "cassettes" for part in path.parts) else _OURS
    return ours.match(head) is not None or _VCRPY.search(head) is not None
