"""Inside one process: what the plugin adds to a pytest run that does not use it. Prints one line of JSON.

    python probe_unused.py <folder with tests> <pairs of runs>

A process that starts and ends costs a hundred times what is looked for, and varies by ten times it; so pytest is
started over and over in this one, by turns with and without the plugin.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import sys
import time

import pytest

HEAVY = ("openai", "pydantic", "vcr", "jsonschema", "tenacity", "jinja2", "yaml", "filelock")


def cpu_ms(folder: str, *plugins: object) -> float:
    """Of one run. The plugins are given as objects: `-p` would search all distributions for its name."""
    gc.collect()  # otherwise one run pays for another
    before = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        status = pytest.main([folder, "-q", "-p", "no:cacheprovider"], plugins=list(plugins))
    if status != 0:
        raise SystemExit(f"exit status {status}")
    return (time.process_time() - before) * 1000


def main(folder: str, pairs: int) -> dict[str, object]:
    """The figures: milliseconds, and names of modules."""
    for _ in range(3):
        cpu_ms(folder)  # loads what pytest loads
    known = set(sys.modules)
    before = time.process_time()
    plugin = importlib.import_module("pytest_llm.plugin")
    importing = (time.process_time() - before) * 1000
    cpu_ms(folder, plugin)
    loaded = sorted(set(sys.modules) - known)
    differences = []
    for turn in range(pairs):
        # The order changes, so that going first is nobody's advantage.
        if turn % 2:
            loaded_ms, without_ms = cpu_ms(folder, plugin), cpu_ms(folder)
        else:
            without_ms, loaded_ms = cpu_ms(folder), cpu_ms(folder, plugin)
        differences.append(loaded_ms - without_ms)
    heavy = [name for name in HEAVY if name in sys.modules]
    return {"import_ms": importing, "run_ms": differences, "loaded": loaded, "heavy": heavy}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
