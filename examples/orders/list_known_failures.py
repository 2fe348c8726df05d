"""Writes known_failures.txt from the results of a run: `pytest --llm-json run.json; python list_known_failures.py`."""

import json
from pathlib import Path

HERE = Path(__file__).parent

run = json.loads((HERE / "run.json").read_text(encoding="utf-8"))
failed = [result["nodeid"].split("::")[-1] for result in run["results"] if result["outcome"] != "passed"]
(HERE / "known_failures.txt").write_text("".join(f"{name}\n" for name in failed), encoding="utf-8")
