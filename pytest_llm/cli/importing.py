"""`pytest-llm cassettes import`: what other recorders have recorded, as cassettes of ours. PYTEST_DONT_REWRITE

Each exchange takes the way that it would take when it is recorded: the project's hook, secrets, what is kept of errors
and headers, the number among equal requests.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_llm.cassettes.document import body_of
from pytest_llm.cassettes.foreign import ForeignExchange, Unreadable, looks_foreign, read_foreign
from pytest_llm.cassettes.identity import record_of, without_secrets
from pytest_llm.cassettes.reply_fault import reply_fault
from pytest_llm.cli.place import files_at, root, shown
from pytest_llm.errors import CassetteCorrupt, LlmError, OptionError
from pytest_llm.reports import one_line, visible
from pytest_llm.schemas import JSON

if TYPE_CHECKING:
    from pytest_llm.cassettes import Recorder
    from pytest_llm.recordings import Recordings
    from pytest_llm.regrading import CollectedTests

IMPORT_VERSION = 1
_ENDINGS = (".yaml", ".yml", ".json")
_FORBIDDEN = str.maketrans(dict.fromkeys("<>?%*:|\"'/\\", "-"))
"""What pytest-recording takes out of a test's name to make a file's name of it."""


def add_to(verbs: Any) -> None:
    """Add the verb to `pytest-llm cassettes`."""
    parser = verbs.add_parser(
        "import",
        help="take over cassettes of vcrpy, pytest-recording and cassetter",
        description="Reads cassettes of vcrpy, pytest-recording (YAML or JSON) and cassetter (YAML), and writes them "
        "as cassettes of the tests that are marked llm now. A cassette belongs to the test that it has its name from: "
        "cassettes/<module>/<test>.yaml. What is recorded already stays as it is, and so do the old files. Exit code 1 "
        "if anything could not be taken over, 2 for a mistake of usage.",
        epilog="example: pytest-llm cassettes import tests && pytest",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files and folders (default: the project)")
    parser.add_argument("--as", dest="target", metavar="NODEID", help="the test that one file belongs to")
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken over, and write nothing")
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=import_cassettes)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one file."""

    file: Path
    #: The cassette and the test that it went to; None where there is none.
    cassette: Path | None = None
    nodeid: str = ""
    imported: int = 0
    #: How many are recorded already.
    known: int = 0
    #: What could not be taken over, and why.
    left: list[str] = field(default_factory=list)
    #: Whether its test is marked for another recorder still, and the file is used by that one.
    stays: bool = False


def import_cassettes(chosen: argparse.Namespace) -> int:
    """Take cassettes over; 1 if something could not be. Raises OptionError for files and tests that are not there."""
    from pytest_llm.regrading import CollectedTests, collect

    files = list(_files(chosen.paths or [root()]))
    if chosen.target and len(files) != 1:
        raise OptionError("--as says whose one file is", fix={"give": "one file: cassettes import FILE --as NODEID"})
    modules = _modules(files, chosen.target)
    tests = collect(modules, mode="record") if modules else CollectedTests()
    try:
        outcomes = [_imported(file, tests, chosen) for file in files]
    finally:
        if tests.recordings is not None:
            tests.recordings.finish()
    if chosen.json:
        print(json.dumps(_json(outcomes, dry_run=chosen.dry_run), indent=1))
    else:
        print("\n".join(_lines(outcomes, tests, dry_run=chosen.dry_run)))
    return int(any(outcome.left for outcome in outcomes))


# -- which files, and whose they are --------------------------------------------------------------------------------


def _files(places: Sequence[Path]) -> Iterator[Path]:
    files = files_at(places, fix={"give": "a cassette, or a folder"})
    return (path for path, is_named in files if is_named or _is_foreign(path))


def _is_foreign(path: Path) -> bool:
    if path.suffix not in _ENDINGS or "cassettes" not in path.parts:
        return False
    try:
        with path.open("rb") as file:
            return looks_foreign(file.read(200))
    except OSError:  # to be told of as one that cannot be read
        return True


def _modules(files: Iterable[Path], target: str | None) -> list[Path]:
    """The test files of which the tests may be."""
    if target:
        module = root() / target.partition("::")[0]
        if not module.is_file():
            raise OptionError(f"there is no test file {shown(module)}", fix={"write": "--as tests/test_x.py::test_y"})
        return [module]
    found = dict.fromkeys(file.parent.parent.with_name(f"{file.parent.name}.py") for file in files)
    return [module for module in found if module.is_file()]


def _item_of(file: Path, tests: CollectedTests, target: str | None) -> Any:
    """The test that a file belongs to, a pytest.Function, of several samples the first; None if there is none."""
    return _named(file, (item for (_, sample), item in tests.items.items() if sample == 1), target)


def _named(file: Path, items: Iterable[Any], target: str | None = None) -> Any:
    for item in items:
        if target is not None and item.nodeid in (target, f"{shown(item.path)}::{target.partition('::')[2]}"):
            return item
        cls = f"{item.cls.__name__}." if item.cls is not None else ""
        folder = item.path.parent / "cassettes" / item.path.stem
        names = {f"{cls}{item.name}", f"{cls}{item.name}".translate(_FORBIDDEN)}
        if target is None and file.parent == folder and file.stem in names:
            return item
    return None


def _module_of(file: Path) -> str:
    """Return the test file that a cassette has its folder's name from."""
    return os.path.realpath(file.parent.parent.with_name(f"{file.parent.name}.py"))


# -- one file -------------------------------------------------------------------------------------------------------


def _imported(file: Path, tests: CollectedTests, chosen: argparse.Namespace) -> Outcome:
    outcome = Outcome(file=file)
    item = _item_of(file, tests, chosen.target)
    if item is None or tests.recordings is None:
        if _named(file, tests.others) is not None and chosen.target is None:
            outcome.stays = True
            return outcome
        problem = tests.problems.get(_module_of(file))
        why = f"its tests cannot be collected: {problem}" if problem else "no test of this name is marked llm"
        outcome.left.append(why)
        return outcome
    try:
        exchanges = read_foreign(file.read_bytes(), shown(file))
    except (OSError, CassetteCorrupt) as error:
        outcome.left.append(str(error).partition("\n")[0])
        return outcome
    from pytest_llm.collection import DRAW

    draw = item.stash[DRAW]
    recorder = tests.recordings.of_item(item, draw)
    outcome.cassette, outcome.nodeid = recorder.path, item.nodeid
    for one in exchanges:
        what = one.what if isinstance(one, Unreadable) else f"{one.method} {without_secrets(one.url)}"
        try:
            why = _why_not(one, tests.recordings, errors=draw.suite.record_errors)
            if not why and isinstance(one, ForeignExchange):
                _take(one, recorder, outcome, keep=not chosen.dry_run)
        except LlmError as error:
            why = str(error).partition("\n")[0]
        if why:
            outcome.left.append(f"{what}: {why}")
    try:
        recorder.close()
    except LlmError as error:
        outcome.imported = 0
        outcome.left.append(str(error).partition("\n")[0])
    return outcome


def _why_not(one: ForeignExchange | Unreadable, recordings: Recordings, *, errors: bool) -> str:
    """Why an exchange would not be kept if it were recorded now; "" where it would."""
    if isinstance(one, Unreadable):
        return one.why
    if not recordings.router.hosts.records(one.url):
        return f"{urlsplit(one.url).hostname} is not recorded; ini llm_record_hosts says otherwise"
    if one.status >= 400 and not errors:
        return f"an error reply ({one.status}) is kept only with @pytest.mark.llm(record_errors=True)"
    body = body_of(one.content, one.headers.get("content-type", ""), is_stored=False)
    request = record_of(one.method, one.url, one.request_body, one.request_type)
    if not errors and (fault := reply_fault(request, one.status, one.headers, body)) is not None:
        return f"{fault.what}; it is kept only with @pytest.mark.llm(record_errors=True)"
    return ""


def _take(one: ForeignExchange, recorder: Recorder, outcome: Outcome, *, keep: bool) -> None:
    record = record_of(
        one.method, one.url, one.request_body, one.request_type, headers=one.request_headers, compared=recorder.compared
    )
    ticket = recorder.take(recorder.canonical(record))
    if ticket.reply is not None:
        outcome.known += 1
        return
    if keep:
        recorder.keep(replace(ticket, started=None), one.status, one.headers, one.content)
    outcome.imported += 1


# -- what is said ---------------------------------------------------------------------------------------------------


def _lines(outcomes: Sequence[Outcome], tests: CollectedTests, *, dry_run: bool) -> Iterator[str]:
    blocked: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if not outcome.nodeid and (problem := tests.problems.get(_module_of(outcome.file))):
            blocked.setdefault(problem, []).append(outcome)
            continue
        if outcome.stays:
            continue
        yield visible(shown(outcome.file))
        if outcome.cassette is not None:
            yield visible(f"  → {shown(outcome.cassette)}   {_counts([outcome], dry_run=dry_run)}")
        yield from (f"  left out    {one_line(visible(why), 200)}" for why in outcome.left)
    for problem, several in blocked.items():
        modules = sorted({shown(Path(_module_of(one.file))) for one in several})
        yield f"{visible(', '.join(modules))}: the tests cannot be collected"
        yield f"  because     {one_line(visible(problem), 600)}"
        yield f"  left out    {_files_counted(len(several))}, {visible(shown(several[0].file))} first"
    if not outcomes:
        yield "no cassettes of vcrpy, pytest-recording or cassetter were found\n  give        files or folders"
        return
    yield f"\n{_files_counted(len(outcomes))}: {_counts(outcomes, dry_run=dry_run)}"
    if dry_run:
        yield "nothing was written; leave out --dry-run to take them over"
    elif any(outcome.imported for outcome in outcomes):
        yield "  then        pytest                 (a replay; what it says is stale has to be asked again)"
    if any(not outcome.nodeid and not outcome.stays for outcome in outcomes) and not tests.problems:
        yield "  mark        the tests with @pytest.mark.llm in the place of vcr, or name one: --as NODEID"


def _files_counted(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _counts(outcomes: Sequence[Outcome], *, dry_run: bool) -> str:
    imported, known = sum(one.imported for one in outcomes), sum(one.known for one in outcomes)
    left = sum(len(one.left) for one in outcomes)
    parts = [f"{imported} exchange{'' if imported == 1 else 's'} {'would be ' if dry_run else ''}taken over"]
    parts += [f"{known} recorded already"] if known else []
    stay = sum(one.stays for one in outcomes)
    parts += [f"{_files_counted(stay)} left to tests that are marked vcr"] if stay else []
    parts += [f"{left} left out"] if left else []
    return ", ".join(parts)


def _json(outcomes: Iterable[Outcome], *, dry_run: bool) -> Mapping[str, JSON]:
    return {
        "version": IMPORT_VERSION,
        "dry_run": dry_run,
        "files": [
            {
                "file": shown(one.file),
                "cassette": shown(one.cassette) if one.cassette is not None else None,
                "test": one.nodeid or None,
                "imported": one.imported,
                "known": one.known,
                "left": one.left,
                "stays": one.stays,
            }
            for one in outcomes
        ],
    }
