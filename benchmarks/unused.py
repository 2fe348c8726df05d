"""What the plugin costs a run that does not use it: pairs of processes, and pairs of runs in one process."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

from measure import Spread, run, run_pytest
from table import table
from workload import CACHE, SOURCES

OWN_NAME = "pytest_llm_evals"
TESTS = 20
TARGET_MS = 5.0


def measure_unused(processes: int, probes: int, pairs: int) -> str:
    """The table: processes with the plugin blocked and not, and the plugin inside a process."""
    folder = _plain_project()
    whole = Spread(tuple(_pair(folder) for _ in range(processes)))
    found = [_probe(folder, pairs) for _ in range(probes)]
    importing = Spread(tuple(one["import_ms"] for one in found))
    running = Spread(tuple(difference for one in found for difference in one["run_ms"]))
    heavy = sorted({name for one in found for name in one["heavy"]})
    loaded = sorted({name for one in found for name in one["loaded"]})
    rows = [
        ("whole process, plugin blocked and not", len(whole.values), whole.middle_half(1)),
        ("in a process: importing the plugin", len(importing.values), importing.middle_half(2)),
        (f"in a process: the rest of a run of {TESTS} tests", len(running.values), running.middle_half(2)),
        ("**in a process: both**", "", f"**{importing.median + running.median:.2f}** (target: below {TARGET_MS:g})"),
    ]
    shown = table(("CPU added, ms", "times", "median (middle half)"), rows)
    return f"{shown}\n\nModules loaded: {_named(loaded)}. Heavy ones among them: {_named(heavy)}."


def _named(modules: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in modules) or "none"


def _plain_project() -> Path:
    folder = CACHE / "projects" / "plain"
    shutil.copytree(SOURCES / "plain", folder, dirs_exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return folder


def _pair(folder: Path) -> float:
    """CPU with the plugin less CPU with the plugin blocked, in milliseconds; the other plugins are always blocked."""
    installed = {point.name for point in importlib.metadata.entry_points(group="pytest11")}
    if OWN_NAME not in installed:
        raise SystemExit("the plugin is not installed\n  install   pip install -e .")
    others = [part for name in sorted(installed - {OWN_NAME}) for part in ("-p", f"no:{name}")]
    python = Path(sys.executable)
    blocked = run_pytest(python, folder, TESTS, *others, "-p", f"no:{OWN_NAME}", autoload=True)
    loaded = run_pytest(python, folder, TESTS, *others, autoload=True)
    return (loaded.cpu_s - blocked.cpu_s) * 1000


def _probe(folder: Path, pairs: int) -> dict:
    script = Path(__file__).with_name("probe_unused.py")
    _, said = run([sys.executable, script, folder, str(pairs)], folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    return json.loads(said.splitlines()[-1])
