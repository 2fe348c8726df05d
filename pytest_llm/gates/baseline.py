"""A baseline: the accepted results of one suite, as a file that is read in a diff. PYTEST_DONT_REWRITE

One line a case, sorted, without dates or rates: what changes in one case changes one line. Grades are letters, a sample
each: P passed, F failed, U ungraded; from them come all counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pytest_llm.errors import BaselineError
from pytest_llm.schemas import JSON

VERSION = 1
LONGEST_HISTORY = 20
"""So many letters of earlier draws are kept of a case; the oldest go first."""

_RESTORE = {"restore": "git checkout -- {path}", "make anew": "rm {path}    and pytest --llm-baseline=update"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is accepted of one case."""

    #: Digest of inputs and expected output.
    case: str
    #: Of every sample, digests of what was asked and of what was answered.
    requests: tuple[str, ...]
    replies: tuple[str, ...]
    #: And of the replies with all that differs each time, so that the same words are known to be drawn again.
    recordings: tuple[str, ...]
    #: By metric, a letter a sample.
    grades: Mapping[str, str]
    #: By metric, letters of earlier draws of the same requests.
    history: Mapping[str, str] = field(default_factory=dict)
    #: How often the requests were drawn.
    draws: int = 1
    #: Models that the provider named.
    models: tuple[str, ...] = ()
    #: Whether only one draw can come of the requests: temperature 0, a seed, or a reply from the provider's cache.
    single_draw: bool = False

    @property
    def json(self) -> dict[str, JSON]:
        """The line as the file holds it; what is as it mostly is, is left out."""
        out: dict[str, JSON] = {
            "case": self.case,
            "requests": list(self.requests),
            "replies": list(self.replies),
            "recordings": list(self.recordings),
            "grades": dict(sorted(self.grades.items())),
        }
        if self.history:
            out["history"] = dict(sorted(self.history.items()))
        if self.draws != 1:
            out["draws"] = self.draws
        if self.models:
            out["models"] = list(self.models)
        if self.single_draw:
            out["single_draw"] = True
        return out

    @classmethod
    def of(cls, data: JSON) -> Line:
        """The line in a file. Raises LookupError, TypeError or ValueError for what is none."""
        line = cls(
            case=_text(data["case"]),
            requests=tuple(map(_text, _list(data["requests"]))),
            replies=tuple(map(_text, _list(data["replies"]))),
            recordings=tuple(map(_text, _list(data["recordings"]))),
            grades={_text(name): _letters(value) for name, value in data["grades"].items()},
            history={_text(name): _letters(value) for name, value in data.get("history", {}).items()},
            draws=_count(data.get("draws", 1)),
            models=tuple(map(_text, _list(data.get("models", [])))),
            single_draw=bool(data.get("single_draw", False)),
        )
        lengths = {*map(len, (line.requests, line.replies, line.recordings)), *map(len, line.grades.values())}
        if lengths != {len(line.requests)} or not line.requests or "outcome" not in line.grades:
            raise ValueError(
                "requests, replies, recordings and grades need one entry a sample, and at least one sample"
            )
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a baseline was before."""

    note: str
    #: 12 hex digits over all that was asked.
    subject: str
    passed: int
    graded: int

    @property
    def json(self) -> dict[str, JSON]:
        """The version as the file holds it."""
        return {"note": self.note, "subject": self.subject, "outcome": [self.passed, self.graded]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The accepted results of a suite."""

    suite: str
    lines: Mapping[str, Line]
    #: The test in its module, "TestOrders.test_extracts".
    test: str = ""
    #: What grades: by the name of a grader, or "schema", a digest of what it is.
    instrument: Mapping[str, str] = field(default_factory=dict)
    #: Digest of the source of the test and of the callables in it.
    context: str = ""
    #: Why it was accepted.
    note: str = ""
    #: The newest first.
    earlier: tuple[Earlier, ...] = ()
    #: Lines of cases that are gone; they are compared with nothing.
    removed: Mapping[str, Line] = field(default_factory=dict)
    #: The path of the baseline that this one goes on from, relative to the root; "" where it is its own.
    renamed_from: str = ""

    @property
    def subject(self) -> str:
        """12 hex digits over all that was asked: the version of the prompt, whoever sent it."""
        return digest({key: line.requests for key, line in self.lines.items()})

    @property
    def outcome(self) -> tuple[int, int]:
        """How many samples passed, of those that were graded."""
        return counts("".join(line.grades["outcome"] for line in self.lines.values()))

    @property
    def version(self) -> int:
        """How often the baseline was accepted."""
        return len(self.earlier) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """The baseline of a suite on both sides; None where there is none."""

    base: Baseline | None
    #: That of the change itself; the same one where nothing says where the change began.
    head: Baseline | None
    #: Why one of them could not be read; "" if they could.
    problem: str = ""
    #: Whether both are one file.
    is_one: bool = False
    #: Where the base is; "HEAD" at a desk.
    commit: str = "HEAD"


def digest(value: object, length: int = 12) -> str:
    """Hex digits over a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def counts(letters: str) -> tuple[int, int]:
    """Passed, and graded: neither ungraded nor ended in an error."""
    passed = letters.count("P")
    return passed, passed + letters.count("F")


def write_baseline(baseline: Baseline) -> str:
    """The text of a baseline file."""
    head: dict[str, JSON] = {"version": VERSION, "suite": baseline.suite, "test": baseline.test}
    head["note"] = baseline.note
    if baseline.renamed_from:
        head["renamed_from"] = baseline.renamed_from
    head["instrument"] = dict(sorted(baseline.instrument.items()))
    head["context"] = baseline.context
    parts = [f" {_dump(name)}: {_dump(value)}" for name, value in head.items()]
    parts.append(_block("earlier", "[]", (_dump(one.json) for one in baseline.earlier)))
    groups = {"cases": baseline.lines, "removed": baseline.removed}
    for name, lines in groups.items():
        parts.append(_block(name, "{}", (f"{_dump(key)}: {_dump(lines[key].json)}" for key in sorted(lines))))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _block(name: str, brackets: str, lines: Iterable[str]) -> str:
    inner = ",\n".join(f"  {line}" for line in lines)
    return f' "{name}": {brackets[0]}\n{inner}\n {brackets[1]}' if inner else f' "{name}": {brackets}'


def _dump(value: JSON) -> str:
    # What no UTF-8 can say is escaped; the rest can be read.
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value, ensure_ascii=True)


def read_baseline(text: str, where: str) -> Baseline:
    """The baseline in a file. Raises BaselineError for one that is mangled, in conflict, or from a newer version."""
    if re.search(r"^<<<<<<< ", text, re.MULTILINE):
        fix = {"keep one": f"git checkout --ours -- {where}    (or --theirs)", **_fixes(where)}
        raise BaselineError("there is a merge conflict in the baseline", where=where, fix=fix)
    try:
        data = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"the baseline cannot be read: {error}", where=where, fix=_fixes(where)) from error
    version = data.get("version") if isinstance(data, Mapping) else None
    if version != VERSION:
        raise BaselineError(
            f"the baseline has version {version}; this release reads {VERSION}",
            where=where,
            fix={"install": "the release of pytest-llm-evals that wrote it"},
        )
    try:
        return _of(data, where)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        told = f"the baseline is mangled: {type(error).__name__}: {error}"
        raise BaselineError(told, where=where, fix=_fixes(where)) from error


def _of(data: JSON, where: str) -> Baseline:
    lines, removed = (_lines(data.get(name, {}), where) for name in ("cases", "removed"))
    return Baseline(
        suite=_text(data["suite"]),
        lines=lines,
        test=_text(data.get("test", "")),
        instrument={_text(name): _text(value) for name, value in data.get("instrument", {}).items()},
        context=_text(data.get("context", "")),
        note=_text(data.get("note", "")),
        earlier=tuple(
            Earlier(
                note=_text(one["note"]),
                subject=_text(one["subject"]),
                passed=_count(one["outcome"][0]),
                graded=_count(one["outcome"][1]),
            )
            for one in _list(data.get("earlier", []))
        ),
        removed=removed,
        renamed_from=_text(data.get("renamed_from", "")),
    )


def _lines(data: JSON, where: str) -> dict[str, Line]:
    lines = {}
    for key, value in data.items():
        try:
            lines[key] = Line.of(value)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            told = f"case {key!r} of the baseline is mangled: {type(error).__name__}: {error}"
            raise BaselineError(told, where=where, fix=_fixes(where)) from error
    return lines


def _fixes(where: str) -> dict[str, str]:
    return {label: command.format(path=where) for label, command in _RESTORE.items()}


def _without_doubles(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _letters(value: JSON) -> str:
    if not isinstance(value, str) or not re.fullmatch("[PFU]*", value):
        raise ValueError(f"{value!r} are no grades: P, F and U, a letter a sample")
    return value


def _count(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def succeeded(before: Baseline | None, after: Baseline) -> Baseline:
    """The baseline to be written over another: nothing of the older one is lost.

    Cases that are gone are kept apart. Where a case is asked what it was, and was answered anew, the older grades
    become its history.
    """
    if before is None:
        return after
    # Grades of another instrument, or by other code, are no earlier draws.
    as_before = (before.instrument, before.context) == (after.instrument, after.context)
    known = {**before.removed, **before.lines} if as_before else {}
    lines = {key: _with_history(known.get(key), line) for key, line in after.lines.items()}
    removed = {**before.removed, **before.lines}
    passed, graded = before.outcome
    last = Earlier(note=before.note, subject=before.subject, passed=passed, graded=graded)
    successor = replace(
        after,
        lines=lines,
        removed={key: line for key, line in removed.items() if key not in lines},
        renamed_from=after.renamed_from or before.renamed_from,
        earlier=before.earlier,
        note=after.note or before.note,
    )
    return successor if successor == before else replace(successor, earlier=(last, *before.earlier))


def _with_history(before: Line | None, line: Line) -> Line:
    if before is None or set(before.requests) != set(line.requests) or before.case != line.case:
        return line
    again = [n for n, one in enumerate(before.recordings) if n >= len(line.recordings) or one != line.recordings[n]]
    history = {
        metric: (before.history.get(metric, "") + "".join(letters[n] for n in again))[-LONGEST_HISTORY:]
        for metric, letters in before.grades.items()
    }
    kept = {metric: letters for metric, letters in history.items() if letters and metric in line.grades}
    return replace(line, history=kept, draws=before.draws + bool(again))
