"""What all attacks share: a project that pytest runs in a process of its own, and a count of what held."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300
"""No run of a project takes that long; one that does hangs."""

_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")


@dataclass
class Tally:
    """What was tried in one kind of attack, and what came of it."""

    #: What the row of the table says was tried, beside the number.
    what: str
    tried: int = 0
    broken: list[str] = field(default_factory=list)
    #: What came out, where several outcomes are right.
    outcomes: Counter[str] = field(default_factory=Counter)

    def note(self, name: str, problem: str | None, outcome: str = "") -> None:
        """Count one attack; `problem` is what is wrong, None where the promise held."""
        self.tried += 1
        if outcome:
            self.outcomes[outcome] += 1
        if problem is not None:
            self.broken.append(f"{name}: {problem}")

    @property
    def row(self) -> tuple[str, str, str]:
        """What was tried, how much of it held, and what came out."""
        held = f"{self.tried - len(self.broken):,} of {self.tried:,}"
        return self.what, held, ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))


@dataclass(frozen=True)
class Run:
    """What a run of pytest came to."""

    status: int
    output: str
    #: By the name of the test: passed, failed, error or skipped.
    outcomes: Mapping[str, str]

    @property
    def crash(self) -> str | None:
        """What shows that the plugin itself broke; None where nothing does."""
        if self.status not in (0, 1, 2, 5):
            return f"exit status {self.status}"
        return "a traceback of pytest itself" if "INTERNALERROR" in self.output else None


@dataclass(frozen=True)
class Project:
    """A folder with tests, and the endpoint that they use."""

    folder: Path
    address: str

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files, with the folders that they are in."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start pytest with nothing of the machine's keys and options."""
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        ours = {"PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": self.address, "OPENAI_API_KEY": "none"}
        ours |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", "-p", "pytest_llm.plugin", "-p", "no:cacheprovider", "-q"]
        return subprocess.Popen(
            [*command, "--junit-xml=junit.xml", *arguments],
            cwd=self.folder,
            env=kept | ours | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a signal to it reaches its xdist workers too
        )

    def run(self, *arguments: str, **environment: str) -> Run:
        """Run pytest to its end."""
        report = self.folder / "junit.xml"
        report.unlink(missing_ok=True)
        process = self.start(*arguments, **environment)
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return Run(-1, "no end", {})
        return Run(process.returncode, output, _outcomes(report))

    def cassettes(self) -> dict[str, bytes]:
        """The content of each recording, by its path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("cassettes/**/*.yaml")
        }


def _outcomes(report: Path) -> dict[str, str]:
    if not report.exists():
        return {}
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        marks = {child.tag for child in case}
        worst = next((mark for mark in ("error", "failure", "skipped") if mark in marks), "passed")
        found[str(case.get("name"))] = "failed" if worst == "failure" else worst
    return found
