"""Tables of Markdown, and their places in README.md."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

README = Path(__file__).with_name("README.md")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def put(name: str, text: str, place: Path = README) -> None:
    """Replace what stands between the markers of this name in README.md, or another page."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    page = place.read_text(encoding="utf-8")
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"{place.name} has no place for {name}\n  add   {begin.strip()} and {end}")
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    place.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")


def machine() -> str:
    """What ran the benchmarks, in a line; no names, no paths."""
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}; "
        f"pytest-llm-evals {importlib.metadata.version('pytest-llm-evals')}{_edition()}"
    )


def versions(python: Path, names: Sequence[str]) -> str:
    """What is installed for an interpreter: `pytest 9.2.0, openai 3.54.0`."""
    script = (
        "import importlib.metadata as m, sys\n"
        "found = {d.metadata['name'].lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "print(', '.join(f'{name} {found[name.lower()]}' for name in sys.argv[1:] if name.lower() in found))"
    )
    return subprocess.run([python, "-c", script, *names], check=True, capture_output=True, text=True).stdout.strip()


def _edition() -> str:
    """Whether the package is a checkout: its plugin is then found in another way than that of a wheel."""
    found = importlib.metadata.distribution("pytest-llm-evals").read_text("direct_url.json")
    editable = found is not None and json.loads(found).get("dir_info", {}).get("editable", False)
    return " (editable)" if editable else ""
