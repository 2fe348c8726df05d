"""A review with keys, a sample a screen. Imported on a terminal only. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.text import Text

from pytest_llm.cli.reviewing.repository import Repository, restore
from pytest_llm.cli.reviewing.review import Differences, Review
from pytest_llm.cli.reviewing.screen import closing, overview, sample_lines
from pytest_llm.cli.reviewing.verdicts import Reviewed
from pytest_llm.errors import GitError
from pytest_llm.reports import visible

KEYS = "n next   p previous   w changed grades   o open   r restore   q quit   ? help"
"""Fits 80 columns."""

HELP = """\
n  →  enter   the next sample
p  ←          the one before it
space  j  k   down and up in a long one
w             only samples whose grades changed, or all
o             open the cassette in $VISUAL or $EDITOR
r             restore the cassette as it is in the commit, after asking
q             quit
any key       go on"""

_NEXT = ("n", "\x1b[C", "\r", "\n")
_PREVIOUS = ("p", "\x1b[D")
_DOWN = ("j", "\x1b[B")
_UP = ("k", "\x1b[A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the reader is."""

    #: The sample, from 0; −1 is the overview.
    at: int = -1
    #: The first line that is shown.
    line: int = 0
    changed_only: bool = False


def step(place: Place, key: str, *, samples: int, lines: int, height: int) -> Place:
    """Where a key leads, among so many samples, in a sample of so many lines, on a screen of this height."""
    last = max(lines - height, 0)
    match key:
        case " " if place.line < last:
            return replace(place, line=min(place.line + height, last))
        case _ if key in (*_NEXT, " "):
            return replace(place, at=min(place.at + 1, samples - 1), line=0)
        case _ if key in _PREVIOUS:
            return replace(place, at=max(place.at - 1, -1), line=0)
        case _ if key in _DOWN:
            return replace(place, line=min(place.line + 1, last))
        case _ if key in _UP:
            return replace(place, line=max(place.line - 1, 0))
        case "w":
            return Place(at=min(place.at, 0), changed_only=not place.changed_only)
    return place


def has_changed_grades(one: Reviewed) -> bool:
    """Whether a reader who asks for changed grades wants to see it."""
    return one.verdict in ("worse", "better", "changed")


def walk(console: Console, found: Differences, grade: Callable[[], Review], *, everything: bool) -> Review:
    """Show the review until the reader quits."""
    _draw(console, [*overview(found), Text(), Text(f"grading {len(found.samples):,} samples …", style="dim")], "")
    review = grade()
    place, said = Place(), ""
    while True:
        shown = [one for one in review.samples if everything or not one.is_folded]
        shown = [one for one in shown if has_changed_grades(one)] if place.changed_only else shown
        place = replace(place, at=min(place.at, len(shown) - 1))
        one = shown[place.at] if place.at >= 0 else None
        lines = [*overview(found), Text(), *closing(review, everything=everything)]
        if one is not None:
            lines = sample_lines(one, f"{place.at + 1:,}/{len(shown):,}", review, console)
        lines = [part for line in lines for part in line.wrap(console, console.width, overflow="fold")]
        height = console.height - 3
        below = len(lines) - place.line - height
        notes = [f"{below} more lines: space"] * (below > 0) + ["only changed grades"] * place.changed_only
        _draw(console, lines[place.line : place.line + height], said or KEYS, "   ".join(notes))
        key, said = read_key(), ""
        match key:
            case "q" | "":
                return review
            case "?":
                _draw(console, [Text(line) for line in HELP.split("\n")], "")
                read_key()
            case "o":
                said = _open(found.repository, one)
            case "r":
                review, said = _restored(console, found.repository, review, one)
            case _:
                place = step(place, key, samples=len(shown), lines=len(lines), height=height)


def read_key() -> str:
    """One key; "" at the end of the input. Raises KeyboardInterrupt for Ctrl-C."""
    import readchar

    return str(readchar.readkey())


def _draw(console: Console, lines: Sequence[Text], status: str, note: str = "") -> None:
    console.clear()
    for line in lines:
        console.print(line, soft_wrap=True)
    console.print(Text(note, style="dim"))
    console.print(Text(status, style="reverse"), end="\r", no_wrap=True, overflow="ellipsis")


def _open(repository: Repository, one: Reviewed | None) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if one is None:
        return "this is the overview: press n for the first sample"
    path = repository.top / one.drawn.file.path
    if not editor:
        return f"no editor is set; set VISUAL or EDITOR to open {visible(str(path))}"
    if not path.exists():
        return f"the file is not there any more: {visible(one.drawn.file.path)}"
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603 - the user's own editor
    except (OSError, ValueError) as error:
        return f"{editor!r} cannot be run: {error}"
    return "" if done.returncode == 0 else f"{editor!r} ended with {done.returncode}"


def _restored(console: Console, repository: Repository, review: Review, one: Reviewed | None) -> tuple[Review, str]:
    """The review without a file that the reader had restored, and what is to be said."""
    if one is None:
        return review, "this is the overview: press n for the first sample"
    file = one.drawn.file
    path = visible(file.path)
    match file.status:
        case "new":
            question = f"delete {path}, which {visible(repository.ref)} does not have"
        case "renamed":
            question = f"delete {path}, and restore {visible(file.before or '')} from {visible(repository.ref)}"
        case _:
            question = f"restore {path} from {visible(repository.ref)}, with all its samples"
    console.print()
    console.print(Text(f"{question}?   y/n"), end="", soft_wrap=True)
    if read_key() != "y":
        return review, "left as it is"
    try:
        restore(repository, file)
    except GitError as error:
        return review, str(error).replace("\n", " ")
    left = [other for other in review.samples if other.drawn.file.path != file.path]
    return replace(review, samples=left), f"restored: {path}"
