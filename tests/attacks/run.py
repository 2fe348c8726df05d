"""Attacks on what docs/trust.md says, for as long as is wished, and the table there.

    python tests/attacks/run.py [KIND …] [--minutes 60] [--seed 1] [--write]

Kinds: bodies, addresses, damage, kills, offline, mocks. Each is repeated with further seeds until the time is up. The
endpoints are on loopback. Exit status 1 where a promise was broken; what broke is printed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import addresses
import bodies
import damage
import kills
import mocks
import offline
from trial import Tally

PAGE = ROOT / "docs" / "trust.md"
BEGIN, END = "<!-- attacks -->\n", "<!-- end of attacks -->"
KINDS: Mapping[str, tuple[Callable[..., list[Tally]], int]] = {
    "bodies": (bodies.attack, 120),
    "addresses": (addresses.attack, 300),
    "damage": (damage.attack, 3000),
    "kills": (kills.attack, 9),
    "offline": (offline.attack, 40),
    "mocks": (mocks.attack, 0),
}
"""With how much one round of each tries."""


def rounds(kinds: list[str], minutes: float, seed: int) -> dict[str, Tally]:
    """Attack round by round; return the sums by what was tried."""
    sums: dict[str, Tally] = {}
    end = time.monotonic() + minutes * 60
    number = 0
    while number == 0 or time.monotonic() < end:
        for kind in kinds:
            attack, size = KINDS[kind]
            with tempfile.TemporaryDirectory() as scratch:
                chance = random.Random(f"{seed} {number} {kind}")
                for tally in attack(Path(scratch), chance, size, is_first=number == 0):
                    _add(sums.setdefault(tally.what, Tally(tally.what)), tally)
                    for problem in tally.broken:
                        print(f"BROKEN in round {number}, {kind}: {problem}", flush=True)
            if number and time.monotonic() > end:
                break
        number += 1
        tried = sum(tally.tried for tally in sums.values())
        print(f"round {number}: {tried:,} attacks so far", flush=True)
    return sums


def _add(total: Tally, more: Tally) -> None:
    total.tried += more.tried
    total.broken += more.broken
    total.outcomes += more.outcomes


def main() -> None:
    """Attack, print the table, and with --write put it into docs/trust.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}; all without one")
    parser.add_argument("--minutes", type=float, default=0, help="go on so long; one round without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into docs/trust.md")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - KINDS.keys():
        parser.error(f"no kind {min(unknown)!r}; there are {', '.join(KINDS)}")
    found = rounds(chosen.kinds or list(KINDS), chosen.minutes, chosen.seed)
    rows = [("tried", "held", "what came out"), ("---", "---", "---"), *(tally.row for tally in found.values())]
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    print(text)
    if chosen.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}", encoding="utf-8")
    sys.exit(any(tally.broken for tally in found.values()))


if __name__ == "__main__":
    main()
