"""The projects that are measured: written once for each subject and size, and recorded from a scripted endpoint."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orders
from measure import run_pytest
from scripted_server import scripted_server

import pytest_llm

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
SOURCES = HERE / "projects"
PACKAGE = Path(pytest_llm.__path__[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A way to test a prompt, and what it takes to run it."""

    name: str
    #: The folder under `projects/`.
    project: str
    #: How pytest is told to load it; None for a run without any plugin.
    plugin: str | None = None
    #: What pip installs into a virtualenv of its own; nothing: this interpreter is used.
    requirements: tuple[str, ...] = ()
    recording: tuple[str, ...] = ()
    replaying: tuple[str, ...] = ()
    #: How many tests, and replies, a case has.
    samples: int = 1
    #: Whether all cases are one test.
    one_item: bool = False

    @property
    def python(self) -> Path:
        """The interpreter; its virtualenv is made when it is first asked for."""
        if not self.requirements:
            return Path(sys.executable)
        folder = CACHE / "venvs" / self.name
        python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        if not (folder / "complete").exists():
            print(f"installing {', '.join(self.requirements)} …", file=sys.stderr)
            venv.create(folder, clear=True, with_pip=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.requirements]
            subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
            (folder / "complete").touch()
        return python

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of every run."""
        return () if self.plugin is None else ("-p", self.plugin)

    def items(self, cases: int) -> int:
        """How many tests so many cases are."""
        return 1 if self.one_item else cases * self.samples

    def replay(self, cases: int) -> tuple[Path, tuple[str, ...]]:
        """The project with so many cases, recorded, and what pytest is told there."""
        return recorded(self, cases), (*self.arguments, *self.replaying)


_WITH_OPENAI = ("openai", "pydantic", "pytest")

OURS = Subject(name="pytest-llm-evals", project="ours", plugin="pytest_llm.plugin", recording=("--llm-record",))
OURS_BY_CLIENT = Subject(
    name="pytest-llm-evals, openai client",
    project="client",
    plugin="pytest_llm.plugin",
    recording=("--llm-record",),
)
BARE = Subject(name="bare pytest", project="bare")
OURS_SAMPLED = Subject(
    name="pytest-llm-evals, 3 samples",
    project="ours",
    plugin="pytest_llm.plugin",
    recording=("--llm-record", "--llm-samples=3"),
    replaying=("--llm-samples=3",),
    samples=3,
)
BARE_SAMPLED = Subject(name="bare pytest, 3 samples", project="bare_sampled", samples=3)
PYTEST_RECORDING = Subject(
    name="pytest-recording",
    project="vcr",
    plugin="pytest_recording.plugin",
    requirements=("pytest-recording", *_WITH_OPENAI),
    recording=("--record-mode=once",),
    replaying=("--record-mode=none",),
)
CASSETTER = Subject(
    name="cassetter",
    project="vcr",
    plugin="cassetter.pytest_plugin",
    requirements=("cassetter[httpx2]", *_WITH_OPENAI),
    recording=("--record-mode=once",),
    replaying=("--record-mode=none",),
)
# These have no recordings: where ours replays, they evaluate stored texts.
DEEPEVAL = Subject(
    name="deepeval",
    project="deepeval",
    plugin="deepeval.plugins.plugin",
    requirements=("deepeval", *_WITH_OPENAI),
)
PYDANTIC_EVALS = Subject(
    name="pydantic-evals",
    project="pydantic_evals",
    requirements=("pydantic-evals", *_WITH_OPENAI),
    one_item=True,
)


def recorded(subject: Subject, cases: int) -> Path:
    """The project of a subject with so many cases; recorded where the subject records."""
    name = f"{subject.name.replace(',', '').replace(' ', '-')}-{cases}"
    folder = CACHE / "projects" / f"{name}-{_edition(subject)}"
    if not (folder / "complete").exists():
        for earlier in folder.parent.glob(f"{name}-*"):
            shutil.rmtree(earlier)
        write(subject, cases, folder, texts=not subject.recording)
        if subject.recording:
            _record(subject, cases, folder)
        (folder / "complete").touch()
    return folder


def _edition(subject: Subject) -> str:
    """Another one when the project becomes another, or what writes our cassettes."""
    sources = [*sorted(SOURCES.glob("*.py")), HERE / "orders.py", *sorted((SOURCES / subject.project).glob("*.py"))]
    if subject.plugin == OURS.plugin:
        sources += sorted((PACKAGE / "cassettes").glob("*.py"))
    return _digest(sources)


def package_edition() -> str:
    """Another one when any file of the package becomes another."""
    return _digest(sorted(PACKAGE.rglob("*.py")))


def _digest(sources: Iterable[Path]) -> str:
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:8]


def write(subject: Subject, cases: int, folder: Path, *, texts: bool) -> None:
    """The project of a subject with so many cases; with `texts`, each case has what the endpoint would say to it."""
    folder.mkdir(parents=True)
    for source in (*SOURCES.glob("*.py"), *(SOURCES / subject.project).glob("*.py")):
        shutil.copy(source, folder)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "system.txt").write_text(orders.SYSTEM, encoding="utf-8")
    lines = [_line(number, texts=texts) for number in range(cases)]
    (folder / "cases.jsonl").write_text("".join(lines), encoding="utf-8")


def _line(number: int, *, texts: bool) -> str:
    more = {"text": orders.text(number)} if texts else {}
    return json.dumps({**orders.case(number), **more}) + "\n"


def _record(subject: Subject, cases: int, folder: Path) -> None:
    print(f"recording {cases} cases with {subject.name} …", file=sys.stderr)
    with scripted_server(orders.completion if subject.samples == 1 else orders.sampling()) as address:
        (folder / "address.txt").write_text(address, encoding="utf-8")
        arguments = (*subject.arguments, *subject.recording)
        keys = {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "none"}
        run_pytest(subject.python, folder, cases * subject.samples, *arguments, **keys)
    kept = len(list(folder.rglob("cassettes/**/*.yaml")))
    if kept != cases:
        raise RuntimeError(f"{subject.name} kept {kept} cassettes of {cases}")
