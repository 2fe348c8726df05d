"""Loading many small cassettes, as a suite does: ours, stock vcrpy's, and what PyYAML's C loader takes for ours."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml
from exchanges import one_each, our_cassette, stock_cassette
from measure import BenchmarkFailed, Spread, cpu_s
from table import table
from vcr.cassette import Cassette

from pytest_llm.cassettes import store

OURS = "pytest-llm-evals, `store.load`"


def measure_loading(files: int, rounds: int) -> str:
    """The table: CPU per file of one exchange, by turns."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ours = [our_cassette(folder / f"{number}.yaml", one_each([number])) for number in range(files)]
        stock = [stock_cassette(folder / f"{number}.stock.yaml", one_each([number])) for number in range(files)]
        breaks = [_with_crlf(path) for path in ours]
        subjects: Mapping[str, tuple[Callable[[Path], object], Sequence[Path]]] = {
            OURS: (store.load, ours),
            "the same after a checkout that made CRLF of LF": (store.load, breaks),
            "stock vcrpy, `Cassette.load`": (lambda path: Cassette.load(path=str(path)), stock),
            "our files, `yaml.load_all` with the C loader": (_by_pyyaml, ours),
            "stock vcrpy's files, `yaml.load` with the C loader": (_by_pyyaml, stock),
        }
        if not all(len(load(paths[0]) or ()) for load, paths in subjects.values()):
            raise BenchmarkFailed("a cassette is empty")
        found: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(rounds):
            for name, (load, paths) in subjects.items():
                found[name].append(cpu_s(lambda load=load, paths=paths: [load(path) for path in paths]) / files)
        sizes = {name: sum(path.stat().st_size for path in paths) for name, (_, paths) in subjects.items()}
    rows = []
    for name, seconds in found.items():
        ratio = Spread(tuple(one / own for one, own in zip(seconds, found[OURS], strict=True)))
        each = Spread(tuple(one * 1000 for one in seconds))
        rows.append((name, each.range(3), "1" if name == OURS else f"{ratio.range(2)} ×", f"{sizes[name] // files:,}"))
    head = (f"{files:,} files, {rounds} rounds: median (min–max)", "CPU ms per file", "of ours", "bytes per file")
    return table(head, rows)


def _with_crlf(path: Path) -> Path:
    """What Git for Windows makes of it by itself; read, but not by the quick reader."""
    copy = path.with_suffix(".crlf.yaml")
    copy.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return copy


def _by_pyyaml(path: Path) -> list[object]:
    """Raises AttributeError where PyYAML has no C loader: there is nothing to compare with then."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
