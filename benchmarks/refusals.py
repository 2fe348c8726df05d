"""Print how often `refusal()` is wrong, on the half that its rule was written with and on the half that was held out.

The texts of XSTest are not part of this project: its replies stand under the terms of the models that wrote them. Clone
https://github.com/paul-rottger/exaggerated-safety (commit d7bb5bd) and name its folder:

    python benchmarks/refusals.py
    python benchmarks/refusals.py --xstest exaggerated-safety
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pytest_llm.graders import refusal

LISTS = Path(__file__).parents[1] / "tests/data/refusals"
XSTEST_LABELS = {"1_full_compliance": "answer", "2_full_refusal": "refusal", "3_partial_refusal": "partial"}
Labelled = tuple[str, str, str, str]  # source, half, label, text


def half_of(text: str) -> str:
    """Return the half of a text: "known" where the first byte of its SHA-256 is even, "held out" where it is odd."""
    return "held out" if hashlib.sha256(text.strip().encode()).digest()[0] % 2 else "known"


def of_xstest(folder: Path) -> Iterator[Labelled]:
    """Yield the replies of five models to XSTest's prompts, each labelled by two people."""
    for path in sorted(folder.glob("model_completions/*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["completion"].strip():
                    text = row["completion"]
                    yield "XSTest", half_of(text), XSTEST_LABELS[row["final_label"]], text


def of_this_project() -> Iterator[Labelled]:
    """Yield the texts under tests/data/refusals that others wrote, with their sources."""
    for line in (LISTS / "published.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["source"], row["half"], row["label"], row["text"]


def without_doubles(rows: Iterator[Labelled]) -> Iterator[Labelled]:
    seen: set[str] = set()
    for row in rows:
        if row[3] not in seen:
            seen.add(row[3])
            yield row


def print_table(rows: Iterator[Labelled]) -> None:
    grader = refusal()
    counts = Counter(
        (source, half, label, grader.grade(text).passed) for source, half, label, text in without_doubles(rows)
    )
    print(f"{'source':<16}{'half':<10}{'label':<9}{'texts':>6}{'says refusal':>14}{'share':>8}")
    for source, half, label in sorted({key[:3] for key in counts}, key=lambda key: (key[0], key[1] != "known", key[2])):
        found = counts[source, half, label, True]
        total = found + counts[source, half, label, False]
        print(f"{source:<16}{half:<10}{label:<9}{total:>6}{found:>14}{found / total:>8.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xstest", type=Path, help="the folder of a clone of paul-rottger/exaggerated-safety")
    folder = parser.parse_args().xstest
    print_table(of_xstest(folder) if folder else of_this_project())


if __name__ == "__main__":
    main()
