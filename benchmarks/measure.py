"""CPU and memory of a child process, and sums over repetitions. Wall time is not looked at: machines are shared."""

from __future__ import annotations

import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class BenchmarkFailed(Exception):
    """A process did not do the work that was to be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process, with all of its children, has used."""

    #: User and system time.
    cpu_s: float
    #: Of the largest process among them.
    peak_rss_mib: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over its repetitions."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The bounds of the middle half."""
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def range(self, digits: int) -> str:
        """`median (min–max)`."""
        return f"{self.median:.{digits}f} ({min(self.values):.{digits}f}–{max(self.values):.{digits}f})"

    def middle_half(self, digits: int) -> str:
        """`median (first quartile to third quartile)`."""
        low, high = self.quartiles
        return f"{self.median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def run(command: Sequence[str | Path], folder: Path, **environment: str) -> tuple[Cost, str]:
    """The cost and the output of a command. Raises BenchmarkFailed when it fails."""
    with tempfile.TemporaryDirectory() as scratch:
        report, output = Path(scratch, "report"), Path(scratch, "output")
        launched = [sys.executable, "-I", "-S", Path(__file__).with_name("launch.py"), report, *command]
        with output.open("w", encoding="utf-8") as file:
            environment = plain_environment(environment)
            subprocess.run(launched, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT, check=True)
        said, used = output.read_text(encoding="utf-8"), json.loads(report.read_text(encoding="utf-8"))
    if used["status"] != 0:
        raise BenchmarkFailed(f"exit status {used['status']} of {' '.join(map(str, command))}\n{said[-4000:]}")
    # Linux counts in KiB, macOS in bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(cpu_s=used["cpu_s"], peak_rss_mib=used["maxrss"] / unit), said


def run_pytest(
    python: Path, folder: Path, passed: int, *arguments: str, autoload: bool = False, **environment: str
) -> Cost:
    """The cost of a pytest run that has to pass so many tests."""
    # What other plugins of the virtualenv do is not measured.
    switch = {} if autoload else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    cost, said = run(command, folder, **switch, **environment)
    if not re.search(rf"^{passed} passed\b(?!, )", said, re.MULTILINE):
        raise BenchmarkFailed(f"not {passed} passed tests, and nothing else, in {folder.name}\n{said[-4000:]}")
    return cost


def per_case(small: Cost, large: Cost, cases: int) -> float:
    """Milliseconds of CPU for each case after the first."""
    return (large.cpu_s - small.cpu_s) / (cases - 1) * 1000


def cpu_s(action: Callable[[], object]) -> float:
    """Seconds of CPU that this process needs for something. What was left over before is collected first."""
    gc.collect()
    start = time.process_time()
    action()
    return time.process_time() - start


def plain_environment(more: dict[str, str]) -> dict[str, str]:
    """Nothing of the machine's keys and options, and what is told; the same order of sets in every process."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in names if name in os.environ} | {"PYTHONHASHSEED": "0"} | more
