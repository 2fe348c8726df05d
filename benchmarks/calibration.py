"""How often the intervals of a calibration hold the truth: simulated judges and people, no model.

python benchmarks/calibration.py                  print the tables
python benchmarks/calibration.py --write          put them into calibration.md
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from table import put, table

from pytest_llm.stats.agreement import Agreement, corrected_rate

PAGE = Path(__file__).with_name("calibration.md")
LABELS = (20, 50, 100, 200)
JUDGES = ((0.9, 0.8), (0.95, 0.95), (0.7, 0.6))
"""Sensitivity and specificity."""
SHARES = (0.5, 0.8, 0.9)
"""Of the labelled outputs, those that people pass."""
RATES = (0.3, 0.6, 0.9)
RUN = 200
"""Outputs of the run whose pass rate is corrected; half of the labelled ones pass there."""
NORMAL = 1.959963984540054


def main() -> None:
    """Print the tables, and with --write put them into calibration.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--replicates", type=int, default=4000)
    chosen = parser.parse_args()
    chance = random.Random(1)
    tables = {
        "kappa": kappa_table(chance, chosen.replicates),
        "corrected": corrected_table(chance, chosen.replicates),
        "size": f"{chosen.replicates:,} calibrations in each cell.",
    }
    for name, text in tables.items():
        print(f"\n{name}\n\n{text}")
        if chosen.write:
            put(name, text, PAGE)


def drawn(chance: random.Random, good: int, bad: int, judge: tuple[float, float]) -> Agreement:
    """What a judge says of so many good and bad outputs."""
    passed, failed = (sum(chance.random() < rate for _ in range(n)) for n, rate in zip((good, bad), judge, strict=True))
    return Agreement(pass_pass=passed, pass_fail=good - passed, fail_pass=bad - failed, fail_fail=failed)


def kappa_table(chance: random.Random, replicates: int) -> str:
    """By labels, judge and share: how often either interval holds the truth, and how wide it is."""
    rows = []
    for labels in LABELS:
        for judge in JUDGES:
            for share in SHARES:
                ours, other = [], []
                truth = _true_kappa(share, judge)
                for _ in range(replicates):
                    good = sum(chance.random() < share for _ in range(labels))
                    found = drawn(chance, good, labels - good, judge)
                    interval = found.kappa_interval
                    if interval is not None:
                        ours.append(interval)
                        other.append(_asymptotic(found))
                rows.append((labels, *judge, share, *_holds(truth, ours), *_holds(truth, other)))
    head = ("labels", "sensitivity", "specificity", "people pass", "holds, %", "width", "asymptotic: holds, %", "width")
    return table(head, rows)


def corrected_table(chance: random.Random, replicates: int) -> str:
    """By labels, judge and true rate: how often the interval of the corrected rate holds the truth."""
    rows = []
    for labels in LABELS:
        for judge in JUDGES:
            for rate in RATES:
                found, plain = [], []
                for _ in range(replicates):
                    good = sum(chance.random() < rate for _ in range(RUN))
                    run = drawn(chance, good, RUN - good, judge)
                    passed = run.pass_pass + run.fail_pass
                    corrected = corrected_rate(passed, RUN, drawn(chance, labels // 2, labels // 2, judge))
                    if corrected is not None:
                        found.append(corrected[1:])
                        plain.append(passed / RUN)
                off = sum(plain) / len(plain) - rate
                rows.append((labels, *judge, rate, *_holds(rate, found), f"{100 * off:+.0f}"))
    head = ("labels", "sensitivity", "specificity", "people would pass", "holds, %", "width", "uncorrected, points off")
    return table(head, rows)


def _holds(truth: float, intervals: Sequence[tuple[float, float]]) -> tuple[str, str]:
    held = sum(low <= truth <= high for low, high in intervals) / len(intervals)
    return f"{100 * held:.1f}", f"{sum(high - low for low, high in intervals) / len(intervals):.2f}"


def _true_kappa(share: float, judge: tuple[float, float]) -> float:
    sensitivity, specificity = judge
    agreed = share * sensitivity + (1 - share) * specificity
    says = share * sensitivity + (1 - share) * (1 - specificity)
    by_chance = share * says + (1 - share) * (1 - says)
    return (agreed - by_chance) / (1 - by_chance)


def _asymptotic(found: Agreement) -> tuple[float, float]:
    """Fleiss, Cohen and Everitt 1969, equation 13: what most programs print."""
    n, kappa = found.total, found.kappa or 0.0
    cells = [[found.pass_pass / n, found.pass_fail / n], [found.fail_pass / n, found.fail_fail / n]]
    rows = [sum(row) for row in cells]
    columns = [sum(column) for column in zip(*cells, strict=True)]
    by_chance = sum(row * column for row, column in zip(rows, columns, strict=True))
    diagonal = sum(cells[i][i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(2))
    aside = (1 - kappa) ** 2 * sum(cells[i][1 - i] * (columns[i] + rows[1 - i]) ** 2 for i in range(2))
    rest = (kappa - by_chance * (1 - kappa)) ** 2
    error = sqrt(max(0.0, diagonal + aside - rest) / n) / (1 - by_chance)
    return kappa - NORMAL * error, kappa + NORMAL * error


if __name__ == "__main__":
    main()
