"""`pytest-llm baseline`: what was accepted, when and why, and back to it. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_llm.cli.baselines import baselines, the_baseline
from pytest_llm.cli.place import root
from pytest_llm.collection import file_slug
from pytest_llm.errors import BaselineError, GitError
from pytest_llm.gates.baseline import Baseline, Line, read_baseline
from pytest_llm.git import checked, git, paths_of, said_by, text_of
from pytest_llm.reports import visible
from pytest_llm.reports.text import percent
from pytest_llm.schemas import JSON

BASELINE_VERSION = 1
PROMPT_FILE = ".prompt.md"


def add_to(verbs: Any) -> None:
    """Add the verb to the command."""
    parser = verbs.add_parser(
        "baseline",
        help="the accepted results of a suite: log, diff, restore",
        description="Shows what git knows of a suite's baseline, and goes back to an earlier one. Asks nothing.",
        epilog="example: pytest-llm baseline log test_extracts_the_order",
    )
    inner = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    log = _verb(inner, "log", _log, "every version, with why it was accepted", "")
    log.add_argument("suites", nargs="*", metavar="SUITE", help="suites, or baseline files (default: all)")
    diff = _verb(inner, "diff", _diff, "which cases differ between two commits", "SUITE HEAD~3")
    diff.add_argument("suite", metavar="SUITE", help="a suite, or its baseline file")
    diff.add_argument("refs", nargs="*", metavar="REF", help="one or two commits (default: HEAD, and the working tree)")
    restore = _verb(inner, "restore", _restore, "back to a commit: baseline, cassettes, prompt files", "SUITE v1.4")
    restore.add_argument("suite", metavar="SUITE", help="a suite, or its baseline file")
    restore.add_argument("ref", metavar="REF", help="a commit, branch or tag")


def _verb(
    inner: Any, name: str, run: Callable[[argparse.Namespace], int], told: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = inner.add_parser(
        name, help=told, description=told, epilog=f"example: pytest-llm baseline {name} {example}".rstrip()
    )
    parser.add_argument("--json", action="store_true", help="one JSON document, for a program")
    parser.set_defaults(run=run)
    return parser


# -- log --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A baseline as one commit has it."""

    commit: str
    date: str
    baseline: Baseline

    @property
    def json(self) -> dict[str, JSON]:
        """The version for a program."""
        passed, graded = self.baseline.outcome
        return {
            "commit": self.commit,
            "date": self.date,
            "version": self.baseline.version,
            "note": self.baseline.note,
            "subject": self.baseline.subject,
            "passed": passed,
            "graded": graded,
        }

    @property
    def line(self) -> str:
        """The version for a reader."""
        passed, graded = self.baseline.outcome
        told = f"version {self.baseline.version}   {self.commit[:9]}   {self.date}   {percent(passed, graded)}"
        return visible(f"{told} {passed}/{graded}   prompt {self.baseline.subject}   {self.baseline.note}")


def _log(chosen: argparse.Namespace) -> int:
    found = {path: list(_versions(path)) for path in baselines(chosen.suites)}
    if chosen.json:
        logs = [{"baseline": path, "versions": [one.json for one in versions]} for path, versions in found.items()]
        print(json.dumps({"version": BASELINE_VERSION, "baselines": logs}, indent=1))
        return 0
    for path, versions in found.items():
        print(path if versions else f"{path} is in no commit yet")
        for one in versions:
            print(f"  {one.line}")
    return 0


def _versions(path: str) -> Iterator[Accepted]:
    """Every committed version of a baseline, the newest first; what cannot be read is left out."""
    place = root()
    for line in text_of(checked(git(place, "log", "--format=%H %cs", "--", path))).splitlines():
        commit, _, date = line.partition(" ")
        try:
            baseline = _at(place, commit, path)
        except BaselineError:
            continue
        if baseline is not None:
            yield Accepted(commit=commit, date=date, baseline=baseline)


def _at(place: Path, commit: str, path: str) -> Baseline | None:
    """A baseline in a commit; None where the commit has none. Raises BaselineError."""
    found = git(place, "show", f"{commit}:./{path}")
    return None if found.returncode else read_baseline(found.stdout.decode(errors="replace"), f"{commit[:9]}:{path}")


# -- diff -------------------------------------------------------------------------------------------------------


def _diff(chosen: argparse.Namespace) -> int:
    path, now = the_baseline(chosen.suite)
    if len(chosen.refs) > 2:
        raise GitError("diff compares two commits", fix={"write": f"pytest-llm baseline diff {chosen.suite} OLD NEW"})
    place = root()
    refs = [_commit(place, ref) for ref in chosen.refs] or [_commit(place, "HEAD")]
    old, *rest = [_required(place, ref, path) for ref in refs]
    new = rest[0] if rest else now
    changed = list(_changed(old, new))
    if chosen.json:
        document = {"version": BASELINE_VERSION, "before": old.outcome, "after": new.outcome, "cases": changed}
        print(json.dumps(document, indent=1))
        return 0
    print(f"{_rate(old)} → {_rate(new)}")
    for name in sorted({*old.instrument, *new.instrument}):
        if old.instrument.get(name) != new.instrument.get(name):
            print(visible(f"instrument   {name}"))
    for one in changed:
        what = [word for word in ("inputs", "requests", "replies") if one[word]]
        print(visible(f"{one['case']}   {one['before'] or '–'} → {one['after'] or '–'}   {', '.join(what)}".rstrip()))
    return 0


def _rate(baseline: Baseline) -> str:
    passed, graded = baseline.outcome
    return f"version {baseline.version}: {percent(passed, graded)} {passed}/{graded}"


def _required(place: Path, commit: str, path: str) -> Baseline:
    found = _at(place, commit, path)
    if found is None:
        raise BaselineError(
            "the commit has no such baseline",
            where=f"{commit[:9]}:{path}",
            fix={"see": f"pytest-llm baseline log {path}"},
        )
    return found


def _changed(old: Baseline, new: Baseline) -> Iterator[dict[str, JSON]]:
    for key in sorted({*old.lines, *new.lines}):
        before, after = old.lines.get(key), new.lines.get(key)
        if before != after:
            yield {"case": key, "before": _letters(before), "after": _letters(after), **_differing(before, after)}


def _letters(line: Line | None) -> str | None:
    return None if line is None else line.grades["outcome"]


def _differing(before: Line | None, after: Line | None) -> dict[str, bool]:
    """What of a case differs; nothing where it is on one side only."""
    if before is None or after is None:
        return {"inputs": False, "requests": False, "replies": False}
    return {
        "inputs": before.case != after.case,
        "requests": before.requests != after.requests,
        "replies": before.replies != after.replies,
    }


# -- restore ----------------------------------------------------------------------------------------------------


def _restore(chosen: argparse.Namespace) -> int:
    path, now = the_baseline(chosen.suite)
    place = root()
    commit = _commit(place, chosen.ref)
    then = _required(place, commit, path)
    folder = PurePosixPath(path).parent.parent.parent
    cassettes = folder / "cassettes" / PurePosixPath(path).parent.name / file_slug(then.test or now.test)
    test = f"{folder / PurePosixPath(path).parent.name}.py"
    prompts = _prompt_files(place, commit, folder, test)
    restored = [path, str(cassettes), *prompts]
    if edited := _edited(place, restored):
        raise GitError(
            "there are changes that are not committed, and restoring would lose them",
            where=", ".join(edited[:3]),
            fix={"keep them": "git stash"},
        )
    _checkout(place, commit, restored)
    left = [one for one in _differing_sources(place, commit) if one not in prompts]
    if chosen.json:
        print(json.dumps({"version": BASELINE_VERSION, "restored": restored, "left": left}, indent=1))
        return 0
    print(visible(f"restored {chosen.ref} ({commit[:9]}), {_rate(then)}"))
    print("\n".join(f"  {one}" for one in restored))
    if left:
        print(f"left as they are, though they differ from {chosen.ref}; a prompt may be among them:")
        print("\n".join(f"  git diff {commit[:9]} -- {one}" for one in left))
    print(f"check it    pytest {test}")
    return 0


def _prompt_files(place: Path, commit: str, folder: PurePosixPath, test: str) -> list[str]:
    """The prompt files that the test, or a Python file beside it, names in the commit."""
    sources = [one for one in _files(place, commit, str(folder)) if one.endswith(".py")]
    text = "\n".join(text_of(git(place, "show", f"{commit}:./{one}").stdout) for one in {*sources, test})
    known = (one for one in _files(place, commit, ".") if one.endswith(PROMPT_FILE))
    return sorted(one for one in known if PurePosixPath(one).name in text)


def _files(place: Path, commit: str, folder: str) -> list[str]:
    return paths_of(checked(git(place, "ls-tree", "-r", "-z", "--name-only", commit, "--", folder)))


def _edited(place: Path, paths: Sequence[str]) -> list[str]:
    """Paths with changes that are in no commit, relative to the top of the repository."""
    told = checked(git(place, "status", "--porcelain", "-z", "--", *paths))
    return [line[3:] for line in paths_of(told)]


def _checkout(place: Path, commit: str, paths: Sequence[str]) -> None:
    """Make files what they were in the commit; of folders, those too that were not there."""
    for path in paths:
        there = bool(_files(place, commit, path))
        if (place / path).is_dir():
            checked(git(place, "rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", path))
            for file in sorted((place / path).rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
        if there:
            checked(git(place, "checkout", commit, "--", path))


def _differing_sources(place: Path, commit: str) -> list[str]:
    """Python and prompt files that are not what they were in the commit."""
    told = checked(git(place, "diff", "--name-only", "-z", "--relative", commit, "--", "."))
    return [one for one in paths_of(told) if one.endswith((".py", PROMPT_FILE))]


def _commit(place: Path, ref: str) -> str:
    found = git(place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        told = said_by(found)
        raise GitError(
            f"git knows no commit {ref!r}" if "exit code" in told else f"git cannot read {ref!r}: {told}",
            where=str(place),
            fix={"see": "git log --oneline"},
        )
    return text_of(found.stdout).strip()
