"""Judges are looked at before their verdicts count. PYTEST_DONT_REWRITE

A judge that passes an output of which everybody knows that it fails is a broken instrument: an error of the run, and
no low score. So each is asked about its golden outputs, once a module and process, into a recording of its own that is
counted like that of a fixture.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_llm.calibrations import calibrations_from
from pytest_llm.cassettes import Recorder
from pytest_llm.errors import CassetteMiss, JudgeUnfit, explain
from pytest_llm.graders import Judging
from pytest_llm.graders.judges.judging import unfit
from pytest_llm.recordings import Recordings
from pytest_llm.wide_fixtures import WideFixtures
from pytest_llm.wire import Wire, judged


@dataclass(slots=True)
class _Seen:
    """What was found of one judge, and who is looking at it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    problem: JudgeUnfit | None = None
    is_known: bool = False


class KnownJudges:
    """The judges of a project, where nobody looks at them: what they said decides nothing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        #: The versions that were compared with people, by the folder that asks.
        self._calibrated: dict[Path, frozenset[str]] = {}

    def check(self, judging: Judging, item: pytest.Function, environment: Mapping[str, str]) -> None:
        """Let it pass."""

    def is_calibrated(self, judging: Judging, item: pytest.Function) -> bool:
        """Whether it was compared with people, here or above, and told from chance. Raises CalibrationError."""
        folder = item.path.parent
        if folder not in self._calibrated:
            found = calibrations_from(folder, self._root)
            self._calibrated[folder] = frozenset(one.judge_version for one in found if one.is_told_from_chance)
        return judging.version in self._calibrated[folder]


class JudgesAtWork(KnownJudges):
    """The judges of one process, each looked at once; threads may ask at once."""

    def __init__(self, root: Path, recordings: Recordings, wire: Wire, fixtures: WideFixtures) -> None:
        super().__init__(root)
        self._recordings = recordings
        self._wire = wire
        self._fixtures = fixtures
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], _Seen] = {}

    def check(self, judging: Judging, item: pytest.Function, environment: Mapping[str, str]) -> None:
        """Look at a judge, if nobody has. Raises JudgeUnfit where it cannot tell its golden outputs apart."""
        # Once a module, which has its own recording of it: which one is run first, or alone, is chance.
        key = str(item.path), judging.version
        with self._lock:
            seen = self._seen.setdefault(key, _Seen())
        with seen.lock:
            if not seen.is_known:
                recorder = self._recordings.of_judge(judging, item)
                try:
                    self._look(judging, recorder, environment)
                except JudgeUnfit as problem:
                    seen.problem = problem
                except CassetteMiss as miss:
                    if miss.kind not in ("budget", "blocked", "error"):
                        raise _not_asked(judging, recorder) from miss
                    raise
                finally:
                    recorder.close()
                    self._fixtures.count(recorder)
                seen.is_known = True
        if seen.problem is not None:
            raise seen.problem

    def _look(self, judging: Judging, recorder: Recorder, environment: Mapping[str, str]) -> None:
        with judged(self._wire, recorder, environment) as failed:
            wrong = unfit(judging.told_apart())
        if failed:  # that says nothing of the judge
            raise failed[0]
        if wrong:
            many = len(judging.golden)
            raise JudgeUnfit(
                f"the judge {judging.name!r} cannot judge: it is wrong about {len(wrong)} of {many} golden outputs",
                where=recorder.shown,
                instead=wrong,
                fix={"mend": "the rubric or the golden outputs, or ask another model"},
            )


def _not_asked(judging: Judging, recorder: Recorder) -> CassetteMiss:
    what = f"what the judge {judging.name!r} says of its golden outputs has no recording, in this version"
    text = explain(
        what,
        where=recorder.shown,
        instead=["another version, maybe: of rubric, model, golden outputs, or our template"],
        fix={"record it": "pytest --llm-record"},
    )
    return CassetteMiss(
        text, kind="missing", heading=f"without what the judge {judging.name!r} says of its golden outputs"
    )
