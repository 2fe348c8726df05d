"""The table of docs/how-to/from-pytest-recording.md: other recorders and mocks, each installed beside this plugin.

    python tests/recorders/matrix.py --venvs /tmp/recorders [--write]

Every one is tried in three ways: merely installed, by its mark on a module or a test, and in use on a test that is marked.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from model_server import ModelServer

PAGE = ROOT / "docs" / "how-to" / "from-pytest-recording.md"
BEGIN, END = "<!-- table: python tests/recorders/matrix.py --write -->", "<!-- end of table -->"

SENDS = """
import os, httpx, pytest, requests
URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
FAKE = {"choices": [{"message": {"content": "mocked"}, "finish_reason": "stop"}]}
def said(reply): return reply.json()["choices"][0]["message"]["content"]
def by_httpx(): return said(httpx.post(URL, json=BODY))
def by_requests(): return said(requests.post(URL, json=BODY))
"""
MIXED = {
    "test_of_theirs.py": SENDS + "pytestmark = pytest.mark.vcr\n"
    "def test_one(): assert by_httpx()\n"
    "@pytest.mark.llm\ndef test_ours(): assert by_httpx()\n"
    "def test_two(): assert by_requests()\n"
    "@pytest.mark.llm\nclass TestDesk:\n"
    "    def test_ours(self): assert by_requests()\n"
    "    @pytest.mark.vcr\n    def test_theirs(self): assert by_httpx()\n",
    "test_of_ours.py": SENDS + "pytestmark = pytest.mark.llm\n"
    "def test_ours(): assert by_httpx()\n"
    "@pytest.mark.vcr\ndef test_theirs(): assert by_requests()\n",
}
OF_OURS = 3
"""How many of the seven tests above are ours."""

PLAIN = SENDS + "pytestmark = pytest.mark.llm\ndef test_a(): assert by_httpx()\ndef test_b(): assert by_requests()\n"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A package, how it records, and tests of ours in which it is in use."""

    package: str
    version: str = ""
    #: The options with which its own tests record, and those with which they replay off the network.
    records: tuple[str, ...] = ()
    replays: tuple[str, ...] = ()
    active: dict[str, str] = field(default_factory=dict)


RECORDING = {
    "both marks": "@pytest.mark.llm\n@pytest.mark.vcr\ndef test_x(): by_httpx()\n",
    "fixture": "@pytest.mark.llm\ndef test_x(vcr): by_httpx()\n",
}
ALL = [
    *(
        Tried(
            package="pytest-recording",
            version=version,
            records=("--record-mode=once",),
            replays=("--block-network",),
            active=RECORDING,
        )
        for version in ("0.13.2", "0.13.4", "")
    ),
    Tried(
        package="pytest-vcr",
        records=("--vcr-record=once",),
        replays=("--vcr-record=none",),
        active={
            "both marks": RECORDING["both marks"],
            "fixture": "@pytest.mark.llm\ndef test_x(vcr_cassette): by_httpx()\n",
        },
    ),
    Tried(
        package="respx",
        active={
            "decorator": "import respx\n@pytest.mark.llm\n@respx.mock\ndef test_x():\n"
            "    respx.post(URL).respond(json=FAKE)\n    by_httpx()\n",
            "with": "import respx\n@pytest.mark.llm\ndef test_x():\n    with respx.mock as router:\n"
            "        router.post(URL).respond(json=FAKE)\n        by_httpx()\n",
            "fixture": "@pytest.mark.llm\ndef test_x(respx_mock):\n"
            "    respx_mock.post(URL).respond(json=FAKE)\n    by_httpx()\n",
            "declared prompt": "import respx\nfrom pytest_llm import Prompt\n@pytest.mark.llm\n@respx.mock\n"
            "def test_x(): Prompt(name='p', model='tiny', user='hi').ask()\n",
        },
    ),
    Tried(
        package="responses",
        active={
            "decorator": "import responses\n@pytest.mark.llm\n@responses.activate\ndef test_x():\n"
            "    responses.post(URL, json=FAKE)\n    by_requests()\n",
            "with": "import responses\n@pytest.mark.llm\ndef test_x():\n"
            "    with responses.RequestsMock() as mocked:\n        mocked.post(URL, json=FAKE)\n        by_requests()\n",
            "fixture": "import responses\n@pytest.fixture\ndef mocked():\n    with responses.RequestsMock() as mocked:\n"
            "        yield mocked\n@pytest.mark.llm\ndef test_x(mocked):\n    mocked.post(URL, json=FAKE)\n"
            "    by_requests()\n",
        },
    ),
    Tried(
        package="pytest-httpx",
        active={
            "fixture": "@pytest.mark.llm\ndef test_x(httpx_mock):\n    httpx_mock.add_response(json=FAKE)\n    by_httpx()\n",
            "later": "@pytest.mark.llm\ndef test_x(request):\n"
            "    request.getfixturevalue('httpx_mock').add_response(json=FAKE)\n    by_httpx()\n",
        },
    ),
]


def python_of(home: Path) -> Path:
    return home / "bin" / "python"


def pip(home: Path, *arguments: str) -> None:
    command = [str(python_of(home)), "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")


def install(home: Path) -> None:
    """What all share: us, with the libraries that send."""
    if not home.exists():
        venv.create(home, with_pip=True)
        pip(home, "install", "-q", str(ROOT), "httpx", "requests")
    pip(home, "install", "-q", "--no-deps", "--force-reinstall", str(ROOT))


def beside(home: Path, tried: Tried) -> Path:
    """A folder with one package in one version, which a run gets by PYTHONPATH."""
    folder = home.parent / f"{tried.package}-{tried.version or 'newest'}"
    if not folder.exists():
        wanted = f"{tried.package}=={tried.version}" if tried.version else tried.package
        pip(home, "install", "-q", "--no-deps", "--target", str(folder), wanted)
    return folder


def version_of(folder: Path, package: str) -> str:
    (found,) = folder.glob(f"{package.replace('-', '_')}-*.dist-info")
    return found.name.removesuffix(".dist-info").rpartition("-")[2]


@dataclass(frozen=True)
class Project:
    home: Path
    installed: Path | None
    path: Path
    server: ModelServer

    def run(self, *arguments: str) -> tuple[dict[str, int], str]:
        environment = {**os.environ, "OPENAI_BASE_URL": self.server.url, "OPENAI_API_KEY": "none"}
        environment["PYTHONPATH"] = str(self.installed or "")
        command = [
            str(python_of(self.home)),
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--llm-json=run.json",
            *arguments,
        ]
        done = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return _outcomes(done.stdout), done.stdout + done.stderr

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.path / name).write_text(text, encoding="utf-8")

    def recordings(self) -> tuple[int, int]:
        """How many cassettes are ours, and how many others'."""
        heads = [path.read_text(encoding="utf-8")[:30] for path in self.path.rglob("cassettes/**/*.yaml")]
        theirs = sum(head.startswith("interactions:") for head in heads)
        return len(heads) - theirs, theirs


def _outcomes(told: str) -> dict[str, int]:
    last = told.strip().rpartition("\n")[2]
    words = last.strip("= ").replace(",", "").split()
    return {noun: int(count) for count, noun in itertools.pairwise(words) if count.isdecimal()}


def problems(home: Path, folder: Path, tried: Tried) -> Iterator[tuple[str, str]]:
    """What is not as it should be, by column."""
    served = ModelServer(lambda body, number: f"reply {number}").running()
    with served as server, tempfile.TemporaryDirectory() as made:
        scratch = Path(made)

        def project(name: str) -> Project:
            path = scratch / name
            path.mkdir()
            (path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
            return Project(home, folder, path, server)

        plain = project("plain")
        plain.write({"test_plain.py": PLAIN})
        for arguments in (["--llm-record"], [], list(tried.replays)):
            found, told = plain.run(*arguments)
            if found.get("passed") != 2 or len(found) > 1:
                yield "installed", told
        if tried.records:
            mixed = project("mixed")
            mixed.write(MIXED)
            before = len(server.requests)
            for arguments in (["--llm-record", *tried.records], list(tried.replays), ["--llm-record", *tried.replays]):
                found, told = mixed.run(*arguments)
                if found.get("passed") != 7 or len(found) > 1:
                    yield "marks", told
            if mixed.recordings() != (OF_OURS, 7 - OF_OURS) or len(server.requests) - before != 7:
                yield "marks", f"{mixed.recordings()} cassettes, {len(server.requests) - before} requests"
        for name, text in tried.active.items():
            active = project("active")
            active.write({"test_active.py": SENDS + text})
            before = len(server.requests)
            found, told = active.run("--llm-record")
            if found.get("passed") or ("marked llm" not in told and "marks llm" not in told):
                yield "active", f"{name}\n{told}"
            if any(active.recordings()) or len(server.requests) != before:
                yield "active", f"{name}: {active.recordings()} cassettes, {len(server.requests) - before} requests"


HEAD = ("beside", "version", "merely installed", "the nearer mark counts", "in use on a test of ours: refused")


def row(home: Path, tried: Tried) -> tuple[tuple[str, ...], str]:
    folder = beside(home, tried)
    found = list(problems(home, folder, tried))
    wrong = {column for column, _ in found}

    def cell(column: str, good: str) -> str:
        return "**no**" if column in wrong else good

    cells = (
        tried.package,
        version_of(folder, tried.package),
        cell("installed", "no effect"),
        cell("marks", "yes") if tried.records else "–",
        cell("active", ", ".join(tried.active)),
    )
    return cells, "\n".join(told for _, told in found)


def table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = [HEAD, tuple("---" for _ in HEAD), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venvs", type=Path, required=True, help="where the virtual environment is, and stays")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    options.venvs.mkdir(parents=True, exist_ok=True)
    home = options.venvs.resolve() / "venv"
    install(home)
    rows, outputs = [], []
    for tried in ALL:
        cells, output = row(home, tried)
        rows.append(cells)
        outputs.append(output)
        print("\t".join(cells), flush=True)
        print(output, flush=True)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}", encoding="utf-8")
    sys.exit(any(outputs))


if __name__ == "__main__":
    main()
