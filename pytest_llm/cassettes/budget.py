"""What a run may spend, counted by all of its processes together. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from pytest_llm.calls import Usage
from pytest_llm.cassettes import store
from pytest_llm.errors import CassetteMiss
from pytest_llm.settings import Limits

_FORGOTTEN_AFTER_S = 86_400
_UNKNOWN = {
    "tokens": "a reply did not tell its tokens, so that a budget of tokens cannot be held\n"
    "  limit       the requests: --llm-budget 300requests",
    "usd": "the price of a reply is not known, so that a budget of money cannot be held\n"
    "  add         a line to ini llm_prices, as in: gpt-x = 0.10 0.40     (US dollars per million tokens)",
}


class Budget:
    """Counts in a file, under a lock, what the processes of one run have asked."""

    def __init__(self, limits: Limits, state: Path, run: str) -> None:
        from filelock import FileLock

        folder = store.state_folder(state) / "budgets"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            if old.stat().st_mtime < time.time() - _FORGOTTEN_AFTER_S:
                old.unlink(missing_ok=True)
        self._limits = limits
        self._path = folder / f"{run}.json"
        self._lock = FileLock(self._path.with_suffix(".lock"))
        self._threads = threading.Lock()  # a FileLock lets the threads of its process in together

    def reserve(self) -> None:
        """Take one request from the budget. Raises CassetteMiss, of kind "budget", where it is spent."""
        with self._threads, self._lock:
            spent = self._read()
            for unit in ("requests", "tokens", "usd"):
                limit = getattr(self._limits, unit)
                if limit is not None and spent[unit] is None:
                    raise CassetteMiss(f"not asked: {_UNKNOWN[unit]}", kind="budget")
                if limit is not None and spent[unit] >= limit:
                    raise CassetteMiss(
                        f"not asked: the budget of {limit} {unit} is spent\n"
                        "  go on       run the same command again, or with a larger --llm-budget",
                        kind="budget",
                    )
            spent["requests"] += 1
            self._write(spent)

    def count(self, usage: Usage, usd: float | None) -> None:
        """Count what a model's reply has cost."""
        with self._threads, self._lock:
            spent = self._read()
            for unit, amount in (("tokens", usage.total_tokens), ("usd", usd)):
                spent[unit] = None if amount is None or spent[unit] is None else spent[unit] + amount
            self._write(spent)

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"requests": 0, "tokens": 0, "usd": 0.0}
        return found

    def _write(self, spent: dict[str, Any]) -> None:
        self._path.write_text(json.dumps(spent), encoding="utf-8")
