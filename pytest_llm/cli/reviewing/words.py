"""Two texts, word by word. Values in, values out. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

SHORT = 1_500
"""Up to so many characters a text is shown whole."""

LONGEST_PIECE = 600
"""Of a longer text, so many characters of a part are shown; of what is the same on both sides, less."""

MOST_WORDS = 1_500
"""Of more words, what differs is shown as one part: comparing takes the square of them."""

_KEPT = 80
# Blanks go with what is after them: as words of their own they would be the same everywhere, and match by chance.
# A date, a number or a name of several parts is one word.
_WORD = re.compile(r"\s*\w+(?:[-.,:/@']\w+)*|\s*[^\w\s]|\s+")


class Piece(NamedTuple):
    """A part of a text: the same on the other side, not there, or a note of ours on what was left out."""

    kind: Literal["same", "differs", "note"]
    text: str


def word_difference(before: str, now: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, those that differ marked; long ones are cut, with the number of characters left out.

    >>> word_difference("due the 6 of May", "due tomorrow")
    ([Piece(kind='same', text='due'), Piece(kind='differs', text=' the 6 of May')], [Piece(kind='same', text='due'), \
Piece(kind='differs', text=' tomorrow')])
    """
    old, new = _WORD.findall(before), _WORD.findall(now)
    left: list[Piece] = []
    right: list[Piece] = []
    for same, ours, theirs in _joined(_runs(old, new)):
        kind: Literal["same", "differs"] = "same" if same else "differs"
        left += [Piece(kind, ours)] if ours else []
        right += [Piece(kind, theirs)] if theirs else []
    return cut(left), cut(right)


def whole(text: str) -> list[Piece]:
    """A text that has nothing to be compared with."""
    return cut([Piece("same", text)]) if text else []


def _runs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[bool, str, str]]:
    """Stretches of words that are the same, or differ: (same, before, now)."""
    start = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - start
    end = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    one, other = old[start : len(old) - end], new[start : len(new) - end]
    yield True, "".join(old[:start]), "".join(new[:start])
    if max(len(one), len(other)) > MOST_WORDS:
        yield False, "".join(one), "".join(other)
    else:
        for tag, i, j, k, l in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():  # noqa: E741
            yield tag == "equal", "".join(one[i:j]), "".join(other[k:l])
    yield True, "".join(old[len(old) - end :]), "".join(new[len(new) - end :])


def _joined(runs: Iterator[tuple[bool, str, str]]) -> list[tuple[bool, str, str]]:
    """Without the crumbs: a comma between two words that differ is a part of the difference."""
    out: list[tuple[bool, str, str]] = []
    for run in (run for run in runs if run[1] or run[2]):
        out.append(run)
        if len(out) > 2 and not run[0] and not out[-3][0] and not re.search(r"\w\w|\n", out[-2][1]):
            out[-3:] = [_merged(*out[-3:])]
        if len(out) > 1 and out[-1][0] == out[-2][0]:
            out[-2:] = [_merged(*out[-2:])]
    return out


def _merged(*runs: tuple[bool, str, str]) -> tuple[bool, str, str]:
    return runs[0][0], "".join(run[1] for run in runs), "".join(run[2] for run in runs)


def cut(pieces: list[Piece]) -> list[Piece]:
    """The pieces of a text, those of a long one cut, with a note of how much is left out."""
    if sum(len(piece.text) for piece in pieces) <= SHORT:
        return pieces
    out: list[Piece] = []
    for number, piece in enumerate(pieces):
        alone = len(pieces) == 1
        longest = LONGEST_PIECE if piece.kind == "differs" or alone else 2 * _KEPT
        if len(piece.text) <= longest:
            out.append(piece)
            continue
        same = ", the same" if piece.kind == "same" and not alone else ""
        # What is before a difference matters most where it ends, and the other way round.
        head = "" if number == 0 and not alone and piece.kind == "same" else piece.text[: longest // 2]
        tail = "" if number == len(pieces) - 1 and piece.kind == "same" else piece.text[-(longest // 2) :]
        if not tail and not head:
            head = piece.text[:longest]
        note = Piece("note", f"… {len(piece.text) - len(head) - len(tail):,} characters{same} …")
        out += [Piece(piece.kind, head)] if head else []
        out.append(note)
        out += [Piece(piece.kind, tail)] if tail else []
    return out
