"""Grading recorded replies without running a test, and without asking anybody. PYTEST_DONT_REWRITE

The tests are collected once, in this process; the replies are given to the prompt of a test as if they came from the
model, and the response to the test's schema and graders. What a body asserts stays unknown.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

import pytest

from pytest_llm.calls import Request
from pytest_llm.cassettes import Exchange, StoredReply
from pytest_llm.clients import Clients
from pytest_llm.collection import DRAW, Draw, cassette_folder, cassette_name, has_empty_body, is_our_fixture
from pytest_llm.errors import CassetteMiss, JudgeUnfit, LlmError
from pytest_llm.graders import Grade, Grader
from pytest_llm.items import LONGEST_OUTPUT, OpenItem
from pytest_llm.judges import JudgesAtWork, KnownJudges
from pytest_llm.options import settings_of
from pytest_llm.other_recorders import is_marked
from pytest_llm.prompts import Case
from pytest_llm.recordings import Recordings
from pytest_llm.results import GradeRecord, Outcome
from pytest_llm.settings import Limits
from pytest_llm.wide_fixtures import WideFixtures
from pytest_llm.wire import Wire, stored_reply

if TYPE_CHECKING:
    from pytest_llm.calls.transport import Reply


ASK = "pytest --llm-record"


class NotGraded(Exception):
    """Why a grade is not known."""


class NotRun(NotGraded):
    """Why only a run of the test could tell; nothing is wrong with it or its recordings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the test made of recorded replies."""

    #: None where the body decides too.
    outcome: Outcome | None
    grades: tuple[GradeRecord, ...]
    #: Those that were used of what is recorded, in the order in which the prompt asks.
    exchanges: tuple[Exchange, ...] = ()
    #: What was graded, as a result holds it.
    output: str | None = None


@dataclass(slots=True)
class CollectedTests:
    """Tests by what they recorded: the cassette, as an absolute path without links, and the sample."""

    items: dict[tuple[str, int], pytest.Function] = field(default_factory=dict)
    #: Tests that another recorder has, by a mark of its own that is nearer than `llm`, or alone.
    others: list[pytest.Function] = field(default_factory=list)
    #: Why a test file was not collected.
    problems: dict[str, str] = field(default_factory=dict)
    #: Whether a test function can assert nothing.
    empty: dict[object, bool] = field(default_factory=dict)
    #: Module-level graders of the files that were named, by their name there.
    graders: dict[str, Grader] = field(default_factory=dict)
    recordings: Recordings | None = None
    wire: Wire | None = None
    #: For a review, in which they decide nothing; and for grading anew, where each is looked at in its recordings.
    known_judges: KnownJudges | None = None
    judges: JudgesAtWork | None = None

    def nodeid(self, cassette: str, sample: int) -> str:
        """The id of the test, as pytest has it; "" where there is none."""
        item = self.items.get((cassette, sample))
        return "" if item is None else item.nodeid

    def replayed(self, cassette: str, sample: int) -> Replayed:
        """The grades of what the cassette holds now. Raises NotGraded."""
        opened = self._opened(cassette, sample)
        return self._judged(opened, opened.respond)

    def regraded(self, cassette: str, sample: int, replies: Iterable[StoredReply]) -> Replayed:
        """The grades of other replies, in the order in which the prompt asks. Raises NotGraded."""
        opened, left = self._opened(cassette, sample), iter(replies)

        def send(request: Request) -> Reply:
            reply = next(left, None)
            if reply is None:
                raise NotGraded("the recording has fewer replies than the prompt asks for now")
            return stored_reply(reply, request.endpoint, opened.recorder.shown)

        return self._judged(opened, lambda: opened.respond(send))

    def graded_anew(self, cassette: str, sample: int) -> Replayed:
        """As `replayed`; where a judge has to be asked, or is unfit, only its grade is not given. Raises NotGraded."""
        item = self.items.get((cassette, sample))
        if item is not None and item.get_closest_marker("skip") is not None:
            raise NotRun("the test is skipped")
        opened = self._opened(cassette, sample, _Regraded)
        if self.judges is not None:
            opened.judges = self.judges
        return self._judged(opened, opened.respond)

    def _opened(self, cassette: str, sample: int, kind: type[OpenItem] = OpenItem) -> OpenItem:
        """The item as it is while it runs, without running it. Raises NotGraded where it cannot be judged so."""
        item = self.items.get((cassette, sample))
        if item is None or self.recordings is None or self.wire is None or self.known_judges is None:
            file = test_file(cassette)
            known = file is not None and str(file) in self.problems
            raise NotGraded("the test cannot be collected" if known else "there is no such test now")
        draw: Draw = item.stash[DRAW]
        if draw.prompt is None or "llm_response" not in item.fixturenames:
            raise NotRun("the test asks by itself, and is not run")
        if not is_our_fixture(item, "llm_response"):
            raise NotRun("the project has a fixture llm_response of its own")
        return kind(
            item,
            draw,
            self.recordings.of_item(item, draw),
            wire=self.wire,
            version=lambda: None,
            fixtures=list,
            prices=self.recordings.prices,
            judges=self.known_judges,
        )

    def _judged(self, opened: OpenItem, respond: Callable[[], object]) -> Replayed:
        told = io.StringIO()  # what graders print belongs to a test run
        try:
            with closed_network() as stopped, contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                respond()
                opened.judge()
        except CassetteMiss as miss:
            raise NotGraded(str(miss).partition("\n")[0]) from miss
        except NotGraded:
            raise
        # Of a schema that is a user's function, for one; or pytest.fail in a grader.
        except (Exception, SystemExit, pytest.fail.Exception, pytest.skip.Exception) as error:
            why = str(error).partition("\n")[0]
            raise NotGraded(why if isinstance(error, LlmError) else f"{type(error).__name__}: {why}") from error
        if stopped:  # the grader may have swallowed it
            raise NotGraded(stopped[0])
        function = opened.item.function
        if function not in self.empty:
            self.empty[function] = has_empty_body(function)
        decides = opened.outcome == "failed" or self.empty[function]
        return Replayed(
            outcome=opened.outcome if decides else None,
            grades=tuple(opened.grades),
            exchanges=tuple(opened.recorder.exchanges),
            output=None if opened.response is None else opened.response.text[:LONGEST_OUTPUT],
        )


class _Regraded(OpenItem):
    """An item of which a grade is ungraded, and not the item, where a judge would have to be asked, or is unfit."""

    __slots__ = ()

    def reach(self) -> None:
        """Nothing was asked ahead; a judge is looked at when it is about to grade."""

    def _asked(self, judge: Grader, output: Any, case: Case | None) -> Grade:
        try:
            return super()._asked(judge, output, case)
        except CassetteMiss as miss:
            if miss.kind == "blocked":
                raise
            return Grade(name=judge.name, reason=f"{str(miss).partition(chr(10))[0]}\n  ask it      {ASK}")
        except JudgeUnfit as problem:
            return Grade(name=judge.name, reason=str(problem))


def test_file(cassette: str) -> Path | None:
    """The test file whose cassette a file is: beside `cassettes/<module>/<test>/<case>.yaml`; None if there is none."""
    path = Path(cassette)
    file = path.parents[3] / f"{path.parents[1].name}.py" if len(path.parents) > 4 else path
    return file if file != path and path.parents[2].name == "cassettes" and file.is_file() else None


def collect(files: Sequence[Path | str], mode: Literal["replay", "record"] = "replay") -> CollectedTests:
    """The marked tests in these files, as pytest collects them; nothing is printed, and no test runs.

    Without files, those that pytest would collect here.

    With the mode "record", their recordings can be written to.
    """
    found = _Collected()
    told = io.StringIO()
    with closed_network(), contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        told_mode = ["--llm-record"] if mode == "record" else []  # it adopts a project that says the bare marker
        code = _collect_only([*told_mode, *map(str, files)], found)
    if found.interrupted:
        raise KeyboardInterrupt
    tests = CollectedTests(problems=found.problems, graders=found.graders)
    if found.config is None or code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR):
        reason = _reason(told.getvalue())
        tests.problems.update({os.path.realpath(file): reason for file in files or [Path.cwd()]})
    if found.config is None:
        return tests
    settings = replace(settings_of(found.config), mode=mode, dry_run=False, budget=Limits())  # whatever addopts say
    tests.recordings, tests.wire = (
        Recordings(found.config, settings),
        Wire(Clients(found.config, settings), settings.concurrency),
    )
    tests.known_judges = KnownJudges(settings.root)
    wide = WideFixtures(tests.recordings, settings)
    tests.judges = JudgesAtWork(settings.root, tests.recordings, tests.wire, wide)
    folders: dict[Path, str] = {}
    for item in found.items:
        if (draw := item.stash.get(DRAW, None)) is not None:
            folder = cassette_folder(item)
            real = folders.setdefault(folder, os.path.realpath(folder))
            tests.items[f"{real}{os.sep}{cassette_name(item, draw)}", draw.sample] = item
        elif item.get_closest_marker("vcr") is not None and not is_marked(item, item.fixturenames):
            tests.others.append(item)
    return tests


def _collect_only(files: list[str], found: _Collected) -> int:
    """Collect, and leave nothing behind: as far as pytest takes these options, beside those of the project."""
    cache, xml, coverage = ["-p", "no:cacheprovider"], ["--junitxml="], ["--no-cov"]
    code: int = pytest.ExitCode.USAGE_ERROR
    for beside in ([*cache, *xml, *coverage], [*cache, *xml], [*xml, *coverage], xml, []):
        if found.config is None and code == pytest.ExitCode.USAGE_ERROR:
            code = pytest.main(["--collect-only", "-q", *beside, *files], plugins=[found])
    return code


class _Collected:
    """A plugin that keeps what is collected, also what addopts deselect afterwards."""

    def __init__(self) -> None:
        self.config: pytest.Config | None = None
        self.items: list[pytest.Function] = []
        self.problems: dict[str, str] = {}
        self.graders: dict[str, Grader] = {}
        self.interrupted = False

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.config = session.config

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if isinstance(item, pytest.Function):
            self.items.append(item)

    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str, obj: object) -> None:
        if isinstance(obj, Grader) and isinstance(collector, pytest.Module):
            self.graders[name] = obj

    def pytest_exception_interact(self, node: pytest.Collector, call: pytest.CallInfo[object]) -> None:
        if call.excinfo is not None:
            error = call.excinfo.value.__cause__ or call.excinfo.value
            kind = "" if isinstance(error, LlmError | CassetteMiss) else f"{type(error).__name__}: "
            self.problems[os.path.realpath(node.path)] = kind + str(error).partition("\n")[0]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = excinfo.type is KeyboardInterrupt


def _reason(told: str) -> str:
    """Return why pytest gave up, on one line.

    The last error counts: those before it are of options that were tried. A usage error of ours begins with the test.
    """
    _, is_usage, usage = told.rpartition("ERROR: ")
    if is_usage:
        return " ".join(line.strip() for line in usage.partition("\n\n")[0].splitlines())
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line.removeprefix("E ").strip() for line in lines if line.startswith(("E  ", "ERROR"))]
    return (errors or lines[:1] or ["pytest collected nothing"])[0]


@contextlib.contextmanager
def closed_network() -> Iterator[list[str]]:
    """Stop every connection and look-up of names, on loopback too; what was stopped is in the list.

    What reaches the network without Python's socket module is not stopped.
    """
    stopped: list[str] = []

    def guarded(original: Callable[..., Any], what: str) -> Callable[..., Any]:
        def guard(*arguments: Any, **named: Any) -> Any:
            # With its twin (an event loop's socket, on Windows) or with a path, a socket stays on this machine.
            if what == "a connection" and (_is_pair() or not isinstance(arguments[1], tuple)):
                return original(*arguments, **named)
            stopped.append(f"{what} was asked for, and grading again uses no network")
            raise CassetteMiss(stopped[-1], kind="blocked")

        return guard

    with contextlib.ExitStack() as stack:
        for name in ("connect", "connect_ex"):
            replaced = guarded(getattr(socket.socket, name), "a connection")
            stack.enter_context(mock.patch.object(socket.socket, name, replaced))
        names = guarded(socket.getaddrinfo, "an address")
        stack.enter_context(mock.patch.object(socket, "getaddrinfo", names))
        yield stopped


def _is_pair() -> bool:
    caller = sys._getframe(2).f_code  # noqa: SLF001 - CPython's own way to know who asks
    return "socketpair" in caller.co_name
