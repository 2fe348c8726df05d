"""promptfoo, installed by npm into a folder of its own, with a Node of its own that is new enough for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from workload import CACHE

FOLDER = CACHE / "promptfoo"
# Its SQL assertion needs the second, its METEOR score the third. `node` is the interpreter, as npm packs it.
PACKAGES = ("promptfoo@0.123.1", "node-sql-parser@5", "natural@8", "node@22")

#: Nothing of it is to be sent or looked for.
QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_DISABLE_SHARING": "1",
    "PROMPTFOO_SELF_HOSTED": "1",
    "PROMPTFOO_CONFIG_DIR": str(FOLDER / "config"),
    "PROMPTFOO_LOG_DIR": str(FOLDER / "logs"),
}


def node() -> Path:
    """The interpreter; it and promptfoo are installed when it is first asked for."""
    found = FOLDER / "node_modules" / "node" / "bin" / "node"
    if not (FOLDER / "complete").exists():
        print(f"installing {', '.join(PACKAGES)} …", file=sys.stderr)
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        (FOLDER / "package.json").write_text('{"private": true}', encoding="utf-8")
        command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES]
        subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
        (FOLDER / "complete").touch()
    return found


def script(name: Path) -> Path:
    """A script, where it finds the packages: Node looks for them beside the file."""
    return Path(shutil.copy(name, FOLDER / name.name))


def promptfoo_versions() -> str:
    """`promptfoo 0.123.1, node 22.23.3`."""
    names = ("promptfoo", "node")
    return ", ".join(
        f"{name} {json.loads((FOLDER / 'node_modules' / name / 'package.json').read_text(encoding='utf-8'))['version']}"
        for name in names
    )
