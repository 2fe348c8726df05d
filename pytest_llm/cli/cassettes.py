"""`pytest-llm cassettes list` and `show`: what is recorded, and what was said. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from pytest_llm.cassettes import Exchange, stored_exchanges
from pytest_llm.cli import cassette_changes, importing, prune
from pytest_llm.cli.cassette_files import CassetteFile, cassette_file, cassette_files, commit_dates
from pytest_llm.cli.conversation import conversation_json, conversation_lines, sample_of, samples_of
from pytest_llm.cli.place import root, shown
from pytest_llm.errors import CassetteCorrupt, OptionError, RunFileError
from pytest_llm.reports import visible
from pytest_llm.schemas import JSON
from pytest_llm.settings import LAST_RUN, STATE_FOLDER

LIST_VERSION = 1


def add_to(verbs: Any) -> None:
    """Add the verb, and its own verbs, to the command."""
    parser = verbs.add_parser("cassettes", help="the recordings: list and show them, remove unused ones, import others")
    inner = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    listing = inner.add_parser(
        "list",
        help="which cases are recorded",
        description="Lists the cassettes of the project, or of some files and folders: requests, samples, size, and "
        "when git last took them in. Exit code 1 if a cassette is damaged.",
        epilog="example: pytest-llm cassettes list tests/cassettes/test_prompts",
    )
    listing.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="default: the whole project")
    listing.add_argument("--json", action="store_true", help="one JSON document, for a program")
    listing.set_defaults(run=list_cassettes)
    showing = inner.add_parser(
        "show",
        help="show recorded exchanges as a conversation",
        description="Shows what was asked and answered in a cassette, sample by sample.",
        epilog="example: pytest-llm cassettes show 'tests/test_prompts.py::test_sorts_the_mail[paid-twice]'",
    )
    showing.add_argument("names", nargs="+", metavar="FILE|CASE", help="a cassette file, a case, or an item's node id")
    showing.add_argument("--sample", type=int, metavar="N", help="only this sample")
    showing.add_argument("--json", action="store_true", help="one JSON document, for a program")
    showing.set_defaults(run=show_cassettes)
    prune.add_to(inner)
    importing.add_to(inner)
    cassette_changes.add_to(inner)


# -- list -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is listed of one cassette."""

    file: CassetteFile
    requests: int
    samples: int
    #: Bytes.
    size: int
    #: ISO 8601; None where it was not committed.
    date: str | None
    #: What is wrong with it, in full; "" if nothing.
    problem: str = ""


def list_cassettes(chosen: argparse.Namespace) -> int:
    """Print the cassettes; 1 if one is damaged."""
    top = root()
    files = cassette_files(chosen.paths or [top], top)
    dates = commit_dates(file.path for file in files) if files else {}
    rows = [_row(file, dates) for file in files]
    if chosen.json:
        print(json.dumps(_list_json(rows, dates), indent=1))
    elif rows:
        print("\n".join(_list_lines(rows, dates)))
    else:
        places = ", ".join(shown(path) for path in chosen.paths) or str(top)
        print(f"no cassettes under {visible(places)}\n  record      pytest --llm-record")
    return int(any(row.problem for row in rows))


def _row(file: CassetteFile, dates: Mapping[Path, str] | str) -> Row:
    exchanges: list[Exchange] = []
    problem, size, changed = "", 0, None
    try:
        stat = file.path.stat()
        size = stat.st_size
        changed = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds")
        exchanges = stored_exchanges(file.path, shown(file.path))
    except OSError as error:
        problem = f"the cassette cannot be read: {error}"
    except CassetteCorrupt as error:
        problem = str(error)
    return Row(
        file=file,
        requests=len({one.identity for one in exchanges}),
        samples=len(samples_of(exchanges)),
        size=size,
        date=changed if isinstance(dates, str) else dates.get(file.path),
        problem=problem,
    )


def _list_lines(rows: Sequence[Row], dates: Mapping[Path, str] | str) -> Iterator[str]:
    width = max(4, *(len(visible(row.file.name)) for row in rows))
    heading = "file's date" if isinstance(dates, str) else "last commit"
    yield f"  {'case':<{width}}  requests  samples      size  {heading}"
    for test, group in groupby(rows, key=lambda row: row.file.test_id):
        yield visible(test)
        for row in group:
            counts = f"{'damaged':>17}" if row.problem else f"{row.requests:>8}  {row.samples:>7}"
            size = f"{row.size / 1000:.1f} kB"
            date = row.date[:10] if row.date else "not committed"
            yield f"  {visible(row.file.name):<{width}}  {counts}  {size:>8}  {date}"
    yield ""
    yield _totals(rows)
    if isinstance(dates, str):
        yield f"the dates are the files' own: {visible(dates)}"
    if damaged := [row for row in rows if row.problem]:
        yield f"\n{len(damaged)} damaged:"
        yield from (visible(row.problem) for row in damaged)


def _totals(rows: Sequence[Row]) -> str:
    counts = {
        "cassette": len(rows),
        "test": len({row.file.test_id for row in rows if row.file.test != "fixtures"}),
        "request": sum(row.requests for row in rows),
        "sample": sum(row.samples for row in rows),
    }
    told = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items()]
    return f"{told[0]} of {told[1]}, {told[2]}, {told[3]}, {sum(row.size for row in rows) / 1000:.1f} kB"


def _list_json(rows: Sequence[Row], dates: Mapping[Path, str] | str) -> JSON:
    return {
        "version": LIST_VERSION,
        "dates": "file" if isinstance(dates, str) else "commit",
        "cassettes": [
            {
                "path": shown(row.file.path),
                "module": row.file.module,
                "test": row.file.test,
                "name": row.file.name,
                "requests": row.requests,
                "samples": row.samples,
                "bytes": row.size,
                "date": row.date,
                "problem": row.problem,
            }
            for row in rows
        ],
    }


# -- show -------------------------------------------------------------------------------------------------------------


def show_cassettes(chosen: argparse.Namespace) -> int:
    """Print conversations. Raises OptionError for a name that fits no cassette, or several."""
    top = root()
    told: list[tuple[CassetteFile, list[Exchange]]] = []
    for name in chosen.names:
        file, sample = _fitting(name, top)
        sample = str(chosen.sample) if chosen.sample is not None else sample
        told.append((file, _of_sample(stored_exchanges(file.path, shown(file.path)), sample, file)))
    if chosen.json:
        print(json.dumps({"version": LIST_VERSION, "cassettes": [_show_json(*one) for one in told]}, indent=1))
        return 0
    for number, (file, exchanges) in enumerate(told):
        lines = [f"{file.test_id}   {file.name}" if file.module else file.name, shown(file.path)]
        print("\n" * bool(number) + visible("\n".join(lines)))
        print("\n".join(conversation_lines(exchanges)))
    return 0


def _show_json(file: CassetteFile, exchanges: Sequence[Exchange]) -> JSON:
    head = {"path": shown(file.path), "module": file.module, "test": file.test, "name": file.name}
    return {**head, "exchanges": conversation_json(exchanges)}


def _of_sample(exchanges: list[Exchange], sample: str | None, file: CassetteFile) -> list[Exchange]:
    found = [one for one in exchanges if sample in (None, sample_of(one))]
    if not found:
        there = [f"sample {one}" for one in samples_of(exchanges)]
        raise OptionError(f"there is no sample {sample}", where=shown(file.path), instead=there)
    return found


def _fitting(name: str, top: Path) -> tuple[CassetteFile, str | None]:
    """The one cassette that a name means, and the sample if it means one. Raises OptionError."""
    for path in (Path(name), top / name):
        if path.is_file():
            return cassette_file(path.absolute(), top), None
    if (known := _of_last_run(name, top)) is not None:
        return known
    plain, sample = _without_sample(name)
    files = cassette_files([top], top)
    found = [file for file in files if _fits(file, plain)]
    if len(found) == 1:
        return found[0], sample
    if found:
        paths = [shown(file.path) for file in found]
        raise OptionError(f"{len(found)} cassettes fit {name!r}", instead=paths, fix={"give": "one of these files"})
    import difflib

    nearest = difflib.get_close_matches(name, {file.name for file in files}, cutoff=0.4)
    raise OptionError(f"no cassette fits {name!r}", instead=nearest, fix={"list all": "pytest-llm cassettes list"})


def _fits(file: CassetteFile, name: str) -> bool:
    from pytest_llm.collection import file_slug

    if name in (file.name, file.test_id) or file_slug(name) in (file.name, *file.name.split("~")):
        return True
    return name.endswith("]") and f"::{file.test_id}[{file.name.replace('~', '-')}]".endswith(f"::{name}")


def _without_sample(name: str) -> tuple[str, str | None]:
    """A node id without the end that numbers its sample, and that number."""
    found = re.fullmatch(r"(.*\[.*?)-?#(\d+)\]", name)
    return (f"{found[1]}]".removesuffix("[]"), found[2]) if found else (name, None)


def _of_last_run(name: str, top: Path) -> tuple[CassetteFile, str] | None:
    """What an item of the last run used, by its node id; the file may be older than the run."""
    from pytest_llm.results import read_run

    path = top / STATE_FOLDER / LAST_RUN
    if "::" not in name or not path.is_file():
        return None
    try:
        results = read_run(path.read_text(encoding="utf-8"), str(path)).results
    except (OSError, UnicodeDecodeError, RunFileError):  # the place of the files says most of it, too
        return None
    for result in results:
        if result.nodeid == name and result.cassette and (top / result.cassette).is_file():
            return cassette_file(top / result.cassette, top), str(result.sample)
    return None
