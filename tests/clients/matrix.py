"""The table of docs/clients.md: SDKs that our tests do not install, each tried in a virtual environment of its own.

    python tests/clients/matrix.py --venvs /tmp/clients [--write] [NAME…]

Every SDK is recorded against the scripted endpoint, replayed with the endpoint gone, and made to miss.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from client_trial import outcomes, said, write
from model_server import ModelServer
from scripted_replies import REPLIES
from sdks import CLIENTS, VENDORS

PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- table: python tests/clients/matrix.py --write -->", "<!-- end of table -->"
AT_ONCE_S = 1.0
"""A miss that an SDK takes for a broken connection is tried twice more, which takes most of them longer than this."""

INI = "[pytest]\naddopts = -p no:cacheprovider -s --llm-json=run.json\nllm_record_hosts = 127.0.0.1\n"


@dataclass(frozen=True, kw_only=True)
class Row:
    client: str
    version: str
    stack: str
    recorded: str
    replayed: str
    missed: str
    streams: str
    #: Why a cell says no, for the terminal.
    output: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        return self.client, self.version, self.stack, self.recorded, self.replayed, self.missed, self.streams


def python_of(home: Path) -> Path:
    return home / "bin" / "python"


def pip(home: Path, *arguments: str) -> str:
    command = [str(python_of(home)), "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout


def versions(home: Path) -> dict[str, str]:
    return {one["name"].lower(): one["version"] for one in json.loads(pip(home, "list", "--format=json"))}


def install(home: Path, requirement: str) -> None:
    """The client as its users have it, and us beside it; where it wants an older openai, that one stays."""
    if not home.exists():
        venv.create(home, with_pip=True)
        pip(home, "install", "-q", requirement)
    openai = versions(home).get("openai", "3")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pip(home, "install", "-q", *(one for one in project["dependencies"] if openai >= "3" or one[:6] != "openai"))
    pip(home, "install", "-q", "--no-deps", "--force-reinstall", str(ROOT))


def quiet(folder: Path) -> dict[str, str]:
    """Keeps SDKs from asking others than the model: litellm for prices, huggingface_hub for a list of agents."""
    home = folder / "huggingface"
    home.mkdir(exist_ok=True)
    (home / ".agent_harnesses.json").write_text('{"standardEnvVars": [], "harnesses": {}}', encoding="utf-8")
    return {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HOME": str(home)}


def pytest(home: Path, folder: Path, *arguments: str, **environment: str) -> list[str]:
    known = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    command = [str(python_of(home)), "-m", "pytest", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=known | quiet(folder) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def tried(name: str, home: Path) -> Row:
    requirement, apps = CLIENTS[name]
    package = re.split(r"[\[<]", requirement)[0].lower().replace("_", "-")
    version = {one.replace("_", "-"): found for one, found in versions(home).items()}[package]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        run_file = path / "run.json"
        (path / "pytest.ini").write_text(INI, encoding="utf-8")
        with ModelServer(replies={**REPLIES, **VENDORS}).running() as server:
            write(path, server, dict(apps))
            first = pytest(home, path, "--llm-record")
            recorded = outcomes(run_file) if run_file.exists() else {}
            asked = len(server.requests)
        again = pytest(home, path)
        replayed = outcomes(run_file) if run_file.exists() else {}
        equal = {one: text == said(again, "SAID").get(one) for one, text in said(first, "SAID").items()}
        third = pytest(home, path, CHANGED="goodbye")
        missed = outcomes(run_file) if run_file.exists() else {}
    took = {one: float(text) for one, text in said(third, "TOOK").items()}
    good = {
        "recorded": {one for one in apps if recorded.get(one) == "passed"},
        "replayed": {one for one in apps if replayed.get(one) == "passed" and equal.get(one)},
        "missed": {one for one in apps if missed.get(one) in ("stale", "missing") and took.get(one, 99) < AT_ONCE_S},
    }
    calls = [one for one in apps if one != "stream"]
    streams = "–" if "stream" not in apps else _cell(all("stream" in good[one] for one in good))
    whole = all(good[one] == apps.keys() for one in good)
    return Row(
        client=name,
        version=version,
        stack=", ".join(sorted(set(said(third, "STACK").values()))),
        recorded=_cell(asked > 0 and good["recorded"].issuperset(calls)),
        replayed=_cell(good["replayed"].issuperset(calls)),
        missed=_cell(good["missed"].issuperset(calls)),
        streams=streams,
        output="" if whole else "\n".join([str(good), str(took), *first, *again, *third]),
    )


def _cell(good: bool) -> str:
    return "yes" if good else "**no**"


def table(rows: Iterable[Row]) -> str:
    head = ("client", "version", "stack", "recorded", "replayed", "a miss is seen at once", "streams")
    lines = [head, tuple("---" for _ in head), *(row.cells for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these clients")
    parser.add_argument("--venvs", type=Path, required=True, help="where the virtual environments are, and stay")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    rows = []
    for name in options.names or CLIENTS:
        home = options.venvs / re.sub(r"\W+", "-", name)
        install(home, CLIENTS[name][0])
        rows.append(tried(name, home))
        print("\t".join(rows[-1].cells), flush=True)
        print(rows[-1].output, flush=True)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}", encoding="utf-8")
    sys.exit(any(row.output for row in rows))


if __name__ == "__main__":
    main()
