"""Who may import whom, and what may be loaded by whom: the house stays a street."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_llm

HOUSE = Path(pytest_llm.__file__).parent
STREET = [
    {"cli"},
    {"plugin"},
    {"fixtures"},
    {"regrading"},
    {"controller", "session"},
    {"ahead", "progress"},
    {"declared", "judges"},
    {"retrying", "forecast", "wide_fixtures", "scope", "orphans", "gating", "verdicts", "heard"},
    {"items", "recordings", "baselines"},
    {"wire"},
    {"clients", "adoption"},
    {"collection", "options", "clash", "hookspecs", "mistakes", "other_recorders"},
    {"reports"},
    {"gates"},
    {"results"},
    {"graders", "cassettes", "correction", "calibrations"},
    {"prompts"},
    {"calls"},
    {"schemas"},
    {"settings", "git", "stats", "key_shapes"},
    {"errors"},
]
"""From the top down: a room imports from lower lines only."""

ROOMS = set().union(*STREET)
FILES = sorted(HOUSE.rglob("*.py"))
TOP_LEVEL = {
    "plugin",
    "clash",
    "hookspecs",
    "fixtures",
    "controller",
    "ahead",
    "progress",
    "declared",
    "judges",
    "wire",
    "heard",
    "session",
    "forecast",
    "wide_fixtures",
    "scope",
    "gating",
    "retrying",
    "verdicts",
    "items",
    "recordings",
    "regrading",
    "clients",
    "collection",
    "adoption",
    "other_recorders",
    "options",
    "mistakes",
}
HEAVY = {"pydantic", "openai", "vcr", "jsonschema", "tenacity", "jinja2", "yaml", "filelock", "httpx2", "genai_prices"}


def room(path):
    parts = path.relative_to(HOUSE).parts
    return parts[0].removesuffix(".py")


def imports(path, *, at_import=False):
    """The modules that a file imports; with `at_import`, only those that loading it loads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    if at_import:
        nodes = list(_run_at_import(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _run_at_import(node):
    for inner in ast.iter_child_nodes(node):
        if not _is_typing_block(inner) and not _is_function(inner):
            yield inner
            yield from _run_at_import(inner)


def _is_typing_block(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_function(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def level(name):
    return next(number for number, rooms in enumerate(STREET) if name in rooms)


def test_every_room_has_its_place():
    assert {room(path) for path in FILES} - {"__init__"} == ROOMS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_rooms_import_downwards_only(path):
    here = room(path)
    if here == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "pytest_llm" or len(parts) == 1 or parts[1] not in ROOMS:
            continue
        there = parts[1]
        assert there == here or level(there) > level(here), f"{here} imports {there}"


def test_only_the_top_level_imports_pytest():
    found = {room(path) for path in FILES if any(name.split(".")[0] in ("pytest", "_pytest") for name in imports(path))}
    assert found <= TOP_LEVEL


def test_only_one_file_imports_vcrpy():
    found = [path.name for path in FILES if any(name.split(".")[0] == "vcr" for name in imports(path))]
    assert found == ["interception.py"]


def test_heavy_libraries_are_imported_where_they_are_used():
    """interception.py, journal.py and library_prices.py are themselves imported where they are used."""
    for path in FILES:
        if path.name not in ("interception.py", "journal.py", "library_prices.py"):
            assert not {name.split(".")[0] for name in imports(path, at_import=True)} & HEAVY, path


def test_no_library_code_asserts():
    """pytest rewrites the asserts of a plugin's distribution, which costs every user of it."""
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)], path
        if path.name != "__init__.py" or path.parent == HOUSE:
            assert "PYTEST_DONT_REWRITE" in (ast.get_docstring(tree) or ""), path


def test_no_room_keeps_state_in_a_module():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)], path


def test_public_names_are_loaded_on_first_use_and_all_are_typed():
    block = next(node for node in ast.parse((HOUSE / "__init__.py").read_text()).body if _is_typing_block(node))
    typed = {alias.asname for node in block.body for alias in node.names}
    assert typed == set(pytest_llm._ROOMS)
    assert all(getattr(pytest_llm, name) is not None for name in typed)
    assert typed <= set(dir(pytest_llm))
    with pytest.raises(AttributeError, match="'nothing'"):
        getattr(pytest_llm, "nothing")  # noqa: B009 - it is the looking up that is tested


@pytest.mark.parametrize("module", ["pytest_llm", "pytest_llm.plugin"])
def test_importing_the_plugin_loads_no_room(module):
    code = f"import sys, pytest; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(out) <= {"pytest_llm", "pytest_llm.plugin", "pytest_llm.fixtures", "pytest_llm.hookspecs"}
