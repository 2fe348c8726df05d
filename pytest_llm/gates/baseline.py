"""A baseline: the accepted results of one suite, as a file that is read in a diff. PYTEST_DONT_REWRITE

One line a case, sorted, without dates or rates: what changes in one case changes one line. Grades are letters, a sample
each: P passed, F failed, U ungraded; from them come all counts. Scores stand beside them, a number or null a sample.

Version 1 had neither scores, draw counts, groups nor an anchor. Its files are read, with all of that unknown, and
written as version 2 when their content changes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pytest_llm.errors import BaselineError
from pytest_llm.schemas import JSON

VERSION = 2
READ_VERSIONS = (1, 2)
LONGEST_HISTORY = 20
"""So many letters and scores of earlier draws are kept of a case; the oldest go first."""

_RESTORE = {
    "restore": "git checkout -- {path}",
    "then accept": 'pytest --llm-baseline=update --llm-note "why"      where the results are others now',
}

Score = float | None
"""0..1; None where the grader gave none."""


_Row = TypeVar("_Row")


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
    #: By metric of a grader that gives scores, its score a sample; also of one with a threshold, whose letter does not
    #: say how far a score fell. Empty in a line of version 1.
    scores: Mapping[str, tuple[Score, ...]] = field(default_factory=dict)
    #: By metric, letters of earlier draws of the same requests, and scores of the same draws.
    history: Mapping[str, str] = field(default_factory=dict)
    score_history: Mapping[str, tuple[Score, ...]] = field(default_factory=dict)
    #: In how many accepted baselines the requests were drawn anew, this one included.
    draws: int = 1
    #: How often each sample's request was drawn, whether accepted or not; None where that is not known. Empty where it
    #: is known of no sample, as in a line of version 1.
    sample_draws: tuple[int | None, ...] = ()
    #: The case's group; None without one.
    group: str | None = None
    #: Models that the provider named.
    models: tuple[str, ...] = ()
    #: Whether only one draw can come of the requests: temperature 0, a seed, or a reply from the provider's cache.
    single_draw: bool = False
    #: Of which samples that is so; empty where it is the same of all, or not known, as in a line of version 1.
    single_draws: tuple[bool, ...] = ()

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
        if self.scores:
            out["scores"] = _listed(self.scores)
        if self.history:
            out["history"] = dict(sorted(self.history.items()))
        if self.score_history:
            out["score_history"] = _listed(self.score_history)
        if self.draws != 1:
            out["draws"] = self.draws
        if self.sample_draws:
            out["sample_draws"] = list(self.sample_draws)
        if self.group is not None:
            out["group"] = self.group
        if self.models:
            out["models"] = list(self.models)
        if self.single_draw:
            out["single_draw"] = True
        if self.single_draws:
            out["single_draws"] = list(self.single_draws)
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
            scores=_scores(data.get("scores", {})),
            history={_text(name): _letters(value) for name, value in data.get("history", {}).items()},
            score_history=_scores(data.get("score_history", {})),
            draws=_count(data.get("draws", 1)),
            sample_draws=tuple(map(_draws, _list(data.get("sample_draws", [])))),
            group=None if data.get("group") is None else _text(data["group"]),
            models=tuple(map(_text, _list(data.get("models", [])))),
            single_draw=bool(data.get("single_draw", False)),
            single_draws=tuple(map(bool, _list(data.get("single_draws", [])))),
        )
        columns = (line.requests, line.replies, line.recordings, *line.grades.values(), *line.scores.values())
        optional = (one for one in (line.sample_draws, line.single_draws) if one)
        lengths = {len(one) for one in (*columns, *optional)}
        if lengths != {len(line.requests)} or not line.requests or "outcome" not in line.grades:
            raise ValueError(
                "requests, replies, recordings, grades, scores and draw counts need one entry a sample, and at least "
                "one sample"
            )
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorLine:
    """How a case was graded when it first belonged to a baseline of the instrument."""

    #: As in a Line.
    case: str
    recordings: tuple[str, ...]
    grades: Mapping[str, str]
    scores: Mapping[str, tuple[Score, ...]] = field(default_factory=dict)
    single_draw: bool = False

    @property
    def json(self) -> dict[str, JSON]:
        """The line as the file holds it."""
        out: dict[str, JSON] = {
            "case": self.case,
            "recordings": list(self.recordings),
            "grades": dict(sorted(self.grades.items())),
        }
        if self.scores:
            out["scores"] = _listed(self.scores)
        if self.single_draw:
            out["single_draw"] = True
        return out

    @classmethod
    def of(cls, data: JSON) -> AnchorLine:
        """The line in a file. Raises LookupError, TypeError or ValueError for what is none."""
        line = cls(
            case=_text(data["case"]),
            recordings=tuple(map(_text, _list(data["recordings"]))),
            grades={_text(name): _letters(value) for name, value in data["grades"].items()},
            scores=_scores(data.get("scores", {})),
            single_draw=bool(data.get("single_draw", False)),
        )
        lengths = set(map(len, (line.recordings, *line.grades.values(), *line.scores.values())))
        if lengths != {len(line.recordings)} or not line.recordings or "outcome" not in line.grades:
            raise ValueError("recordings, grades and scores need one entry a sample, and at least one sample")
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The first baseline of an instrument: what many small drops, each of them accepted, are compared with."""

    note: str
    #: 12 hex digits over all that was asked, as of a Baseline.
    subject: str
    lines: Mapping[str, AnchorLine]


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
    #: The first baseline of this instrument; None where that is not known, as in a file of version 1.
    anchor: Anchor | None = None

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
        parts.append(_block(name, "{}", _rows(lines)))
    if (anchor := baseline.anchor) is not None:
        head_lines = f'  "note": {_dump(anchor.note)},\n  "subject": {_dump(anchor.subject)}'
        cases = ",\n".join(f"   {row}" for row in _rows(anchor.lines))
        parts.append(f' "anchor": {{\n{head_lines},\n  "cases": {{\n{cases}\n  }}\n }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _rows(lines: Mapping[str, Line] | Mapping[str, AnchorLine]) -> Iterable[str]:
    return (f"{_dump(key)}: {_dump(lines[key].json)}" for key in sorted(lines))


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
    if type(version) is not int or version not in READ_VERSIONS:  # to ==, true is 1
        known = " and ".join(map(str, READ_VERSIONS))
        raise BaselineError(
            f"the baseline has version {version}; this release reads {known}",
            where=where,
            fix={"install": "the release of pytest-llm-evals that wrote it"},
        )
    try:
        return _of(data, where)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        told = f"the baseline is mangled: {type(error).__name__}: {error}"
        raise BaselineError(told, where=where, fix=_fixes(where)) from error


def _of(data: JSON, where: str) -> Baseline:
    lines, removed = (_lines(Line.of, data.get(name, {}), where) for name in ("cases", "removed"))
    return Baseline(
        suite=_text(data["suite"]),
        lines=lines,
        test=_text(data.get("test", "")),
        instrument={_text(name): _text(value) for name, value in data.get("instrument", {}).items()},
        context=_text(data.get("context", "")),
        note=_text(data.get("note", "")),
        earlier=tuple(map(_earlier, _list(data.get("earlier", [])))),
        removed=removed,
        renamed_from=_text(data.get("renamed_from", "")),
        anchor=_anchor(data["anchor"], where) if "anchor" in data else None,
    )


def _earlier(data: JSON) -> Earlier:
    return Earlier(
        note=_text(data["note"]),
        subject=_text(data["subject"]),
        passed=_count(data["outcome"][0]),
        graded=_count(data["outcome"][1]),
    )


def _anchor(data: JSON, where: str) -> Anchor:
    lines = _lines(AnchorLine.of, data["cases"], where)
    return Anchor(note=_text(data["note"]), subject=_text(data["subject"]), lines=lines)


def _lines(read: Callable[[JSON], _Row], data: JSON, where: str) -> dict[str, _Row]:
    lines = {}
    for key, value in data.items():
        try:
            lines[key] = read(value)
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


def _listed(scores: Mapping[str, tuple[Score, ...]]) -> dict[str, JSON]:
    return {name: list(values) for name, values in sorted(scores.items())}


def _scores(value: JSON) -> dict[str, tuple[Score, ...]]:
    return {_text(name): tuple(map(_score, _list(numbers))) for name, numbers in value.items()}


def _score(value: JSON) -> Score:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no score: a number from 0 to 1, or null")
    return float(value)


def _draws(value: JSON) -> int | None:
    if value is not None and _count(value) < 1:
        raise ValueError(f"{value!r} is not a count of draws: at least 1, or null")
    return None if value is None else _count(value)


def _count(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def succeeded(before: Baseline | None, after: Baseline) -> Baseline:
    """The baseline to be written over another: nothing of the older one is lost.

    Cases that are gone are kept apart. Where a case is asked what it was, and was answered anew, the older grades
    become its history. The anchor is the first baseline of the instrument, and of each case its first line there.
    """
    if before is None:
        return _anchored(after, after)
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
    # Without a change there is no new version, and a file of version 1 stays as it is.
    if replace(successor, anchor=before.anchor) == before:
        return before
    # What went before is the oldest baseline of the instrument that is known, where it has no anchor: version 1.
    oldest = before if before.instrument == after.instrument else after
    return _anchored(replace(successor, earlier=(last, *before.earlier)), oldest)


def _anchored(baseline: Baseline, oldest: Baseline) -> Baseline:
    """Return *baseline* with the anchor of the oldest one, and in it the cases that are new or ask something else."""
    anchor = oldest.anchor or Anchor(note=oldest.note, subject=oldest.subject, lines=_anchor_lines(oldest.lines))
    new = {
        key: line
        for key, line in _anchor_lines(baseline.lines).items()
        if key not in anchor.lines or anchor.lines[key].case != line.case
    }
    return replace(baseline, anchor=replace(anchor, lines={**anchor.lines, **new}))


def _anchor_lines(lines: Mapping[str, Line]) -> dict[str, AnchorLine]:
    names = AnchorLine.__slots__
    return {key: AnchorLine(**{name: getattr(line, name) for name in names}) for key, line in lines.items()}


def _with_history(before: Line | None, line: Line) -> Line:
    if before is None or set(before.requests) != set(line.requests) or before.case != line.case:
        return line
    again = [n for n, one in enumerate(before.recordings) if n >= len(line.recordings) or one != line.recordings[n]]
    history = {
        metric: (before.history.get(metric, "") + "".join(letters[n] for n in again))[-LONGEST_HISTORY:]
        for metric, letters in before.grades.items()
    }
    scores = {
        metric: (*before.score_history.get(metric, ()), *(values[n] for n in again))[-LONGEST_HISTORY:]
        for metric, values in before.scores.items()
    }
    return replace(
        line,
        history={metric: letters for metric, letters in history.items() if letters and metric in line.grades},
        score_history={metric: values for metric, values in scores.items() if values and metric in line.scores},
        draws=before.draws + bool(again),
        sample_draws=_sample_draws(before, line, again),
    )


def _sample_draws(before: Line, line: Line, again: Iterable[int]) -> tuple[int | None, ...]:
    """How often each sample's request was drawn, of a case that is asked what it was.

    Nothing is taken for known that was unknown before: what was drawn then is not seen from now.
    """
    counts = list(line.sample_draws or (None,) * len(line.requests))
    earlier = before.sample_draws or (None,) * len(before.requests)
    for n, (then, now) in enumerate(zip(earlier, counts, strict=False)):
        if n not in again or then is None:
            counts[n] = then
        elif now is not None:
            counts[n] = max(then + 1, now)
    return tuple(counts) if any(counts) else ()
