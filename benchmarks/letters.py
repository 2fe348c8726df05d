"""Suites with replies of any length and any number of samples: ours, and bare pytest that reads the same texts.

They are written, not recorded: the cassettes by our own writer.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orders
from exchanges import asked, our_cassette
from measure import Cost, run_pytest
from workload import OURS, SOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a suite is."""

    cases: int
    samples: int = 1
    #: Length of each reply's text, in KiB.
    reply_kib: int = 1

    @property
    def items(self) -> int:
        """How many tests pytest runs."""
        return self.cases * self.samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the same suite costs, in one round."""

    ours: Cost
    bare: Cost


@contextmanager
def measured(sizes: Sequence[Size], repeats: int) -> Iterator[dict[Size, list[Pair]]]:
    """Rounds of all sizes, ours and bare pytest by turns; the suites are there as long as this is open."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {size: Path(scratch, str(number)) for number, size in enumerate(sizes)}
        for size, folder in folders.items():
            _write(size, folder)
            _pair(size, folder)  # compiles, and warms the file cache
        found: dict[Size, list[Pair]] = {size: [] for size in sizes}
        for _ in range(repeats):
            for size, folder in folders.items():
                found[size].append(_pair(size, folder))
        yield found


def _pair(size: Size, folder: Path) -> Pair:
    python = Path(sys.executable)
    ours = (*OURS.arguments, f"--llm-samples={size.samples}")
    return Pair(
        ours=run_pytest(python, folder / "ours", size.items, *ours),
        bare=run_pytest(python, folder / "bare", size.items),
    )


def _write(size: Size, folder: Path) -> None:
    cassettes = folder / "ours" / "cassettes" / "test_letters" / "test_answers"
    replies = folder / "bare" / "replies"
    for path in (cassettes, replies):
        path.mkdir(parents=True)
    lines = [json.dumps({"id": f"letter-{number:05}", "email": orders.email(number)}) for number in range(size.cases)]
    for name, project in (("ours", "letters"), ("bare", "letters_bare")):
        for source in (SOURCES / project).glob("*.py"):
            shutil.copy(source, folder / name)
        (folder / name / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / name / "system.txt").write_text(orders.SYSTEM, encoding="utf-8")
        (folder / name / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for number in range(size.cases):
        texts = [_text(number, sample, size.reply_kib) for sample in range(1, size.samples + 1)]
        our_cassette(
            cassettes / f"letter-{number:05}.yaml",
            [(asked(number), [_reply(number, sample, text) for sample, text in enumerate(texts, 1)])],
        )
        for sample, text in enumerate(texts, 1):
            (replies / f"letter-{number:05}-{sample}.txt").write_text(text, encoding="utf-8")


def _reply(number: int, sample: int, text: str) -> dict[str, Any]:
    reply = orders.sample(number, sample)
    reply["choices"][0]["message"]["content"] = text
    return reply


def _text(number: int, sample: int, kib: int) -> str:
    """Lines of prose, of which no two replies have the same."""
    first = f"{orders.email(number)} Answer {sample}."
    words = orders.SYSTEM.splitlines()[0]
    lines = (f"Paragraph {line} of answer {sample} to letter {number}: {words}" for line in range(kib * 20))
    return "\n".join([first, *lines])[: kib * 1024].rstrip()
