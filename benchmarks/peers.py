"""What other plugins cost a run that does not use them, each alone in a virtualenv of its own, beside ours."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from measure import BenchmarkFailed, Spread, run
from table import table, versions
from unused import TESTS
from workload import CACHE, CASSETTER, DEEPEVAL, PYTEST_RECORDING, SOURCES, Subject

COUNTS = """\
import sys

def pytest_unconfigure():
    print(f"\\nmodules {len(sys.modules)}")
"""
"""A conftest.py."""


def peer(distribution: str, *modules: str) -> Peer:
    """A plugin, and what pytest loads of it by itself where it is installed."""
    subject = Subject(name=distribution, project="plain", requirements=(distribution, "pytest"))
    return Peer(subject=subject, modules=modules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A plugin that is merely there."""

    subject: Subject
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """One run of the tests."""

    cpu_s: float
    modules: int


# Of this interpreter, without requirements.
OURS = Peer(subject=Subject(name="pytest-llm-evals", project="plain"), modules=("pytest_llm.plugin",))
PEERS = (
    peer("pytest-llm", "pytest_llm"),
    *(Peer(subject=one, modules=(one.plugin,)) for one in (PYTEST_RECORDING, CASSETTER, DEEPEVAL)),
    peer("langsmith", "langsmith.pytest_plugin"),
    peer("pytest-evals", "pytest_harvest.plugin", "pytest_evals.plugin"),
    peer("pytest-llm-assert", "pytest_llm_assert.plugin"),
    peer("pytest-llm-rubric", "pytest_llm_rubric.plugin"),
    peer("pytest-llm-report", "pytest_llm_report.plugin", "pytest_cov.plugin"),
    peer("opik", "opik.plugins.pytest.hooks"),
    peer("braintrust", "braintrust.wrappers.pytest_plugin.plugin"),
    peer("arize-phoenix-client", "phoenix.client.pytest.plugin"),
    peer("logfire", "logfire._internal.integrations.pytest"),
    peer("pytest-asyncio", "pytest_asyncio.plugin"),
    peer("pytest-xdist", "xdist.plugin"),
    peer("syrupy", "syrupy"),
    peer("inline-snapshot", "inline_snapshot.pytest_plugin"),
    peer("pytest-benchmark", "pytest_benchmark.plugin"),
    peer("pytest-harvest", "pytest_harvest.plugin"),
    peer("pytest-rerunfailures", "pytest_rerunfailures"),
    peer("pytest-repeat", "pytest_repeat"),
)


def measure_peers(pairs: int, *, others: bool) -> str:
    """The table: CPU and modules that each plugin adds; pairs of processes with it and without, all by turns."""
    folder = CACHE / "projects" / "counted"
    shutil.copytree(SOURCES / "plain", folder, dirs_exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "conftest.py").write_text(COUNTS, encoding="utf-8")
    found: dict[Peer, list[tuple[Idle, Idle]]] = {}
    refused: dict[Peer, str] = {}
    for one in (OURS, *(PEERS if others else ())):
        try:
            _pair(one, folder)  # installs, and compiles
            found[one] = []
        except subprocess.CalledProcessError:
            refused[one] = "cannot be installed"
        except BenchmarkFailed as error:
            refused[one] = f"does not run: {str(error).strip().splitlines()[-1]}"
    for _ in range(pairs):
        for one, before in found.items():
            before.append(_pair(one, folder))
    rows = [(*_named(one), *_row(before)) for one, before in found.items()]
    rows += [(*_named(one), why, "", "") for one, why in refused.items()]
    head = (f"{pairs} pairs: median (min–max)", "version", "CPU added, ms", "of pytest without", "modules added")
    return table(head, rows)


def _row(pairs: list[tuple[Idle, Idle]]) -> tuple[str, ...]:
    added = Spread(tuple((with_it.cpu_s - without.cpu_s) * 1000 for without, with_it in pairs))
    ratio = Spread(tuple(with_it.cpu_s / without.cpu_s for without, with_it in pairs))
    without, with_it = pairs[0]
    return added.range(0), f"{ratio.range(2)} ×", f"{with_it.modules - without.modules:,}"


def _named(one: Peer) -> tuple[str, str]:
    name = one.subject.name
    try:
        return name, versions(one.subject.python, [name]).rpartition(" ")[2]
    except subprocess.CalledProcessError:
        return name, "–"


def _pair(one: Peer, folder: Path) -> tuple[Idle, Idle]:
    """Without the plugin, and with it."""
    loading = [part for module in one.modules for part in ("-p", module)]
    return _idle(one.subject.python, folder), _idle(one.subject.python, folder, *loading)


def _idle(python: Path, folder: Path, *arguments: str) -> Idle:
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    cost, said = run(command, folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", DEEPEVAL_TELEMETRY_OPT_OUT="YES")
    counted = re.search(r"^modules (\d+)$", said, re.MULTILINE)
    if f"{TESTS} passed" not in said or counted is None:
        raise BenchmarkFailed(f"not {TESTS} passed tests\n{said[-4000:]}")
    return Idle(cpu_s=cost.cpu_s, modules=int(counted[1]))
