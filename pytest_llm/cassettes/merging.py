"""The union of two branches' recordings of one cassette. Values in, values out. PYTEST_DONT_REWRITE

A reply that only one branch has, or has changed, is kept as it is there. Where both recorded another draw in the same
place, the later one stays, and the grades of the other become `earlier` ones: no draw is lost without a trace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile

from pytest_llm.cassettes.entry import UNKNOWN_DRAW, DrawGrades, Entry, StoredReply

Entries = Mapping[str, Entry]
_Place = tuple[str, int]


def merged(ours: Entries, theirs: Entries, base: Entries | None = None) -> dict[str, Entry]:
    """Return the union of the entries of two branches. `base`: those of the commit that both began at, if it is known.

    What one branch has dropped since the base stays dropped, unless the other has recorded it anew.
    """
    out: dict[str, Entry] = {}
    for identity in dict.fromkeys([*ours, *theirs]):
        sides = [one for one in (ours.get(identity), theirs.get(identity)) if one is not None]
        before = (base or {}).get(identity)
        replies = _replies(ours.get(identity), theirs.get(identity), before, is_based=base is not None)
        if replies:
            counts = [one.verdicts for one in sides]
            known = 0 if before is None else before.verdicts
            verdicts = max(counts) if before is None else max(known, known + sum(one - known for one in counts))
            out[identity] = replace(sides[0], replies=replies, rules=min(one.rules for one in sides), verdicts=verdicts)
    return out


def _replies(
    ours: Entry | None, theirs: Entry | None, before: Entry | None, *, is_based: bool
) -> dict[_Place, StoredReply]:
    here, there, old = ({} if one is None else one.replies for one in (ours, theirs, before))
    out = {}
    for place, reply in {**there, **here}.items():
        base = old.get(place)
        if place in here and place in there:
            out[place] = _one_of(here[place], there[place], base)
        elif not (is_based and base is not None and base.body == reply.body):  # else the other branch has dropped it
            out[place] = reply
    return out


def _one_of(one: StoredReply, other: StoredReply, base: StoredReply | None) -> StoredReply:
    if one.body == other.body:
        return _same_draw(one, other)
    if base is not None and base.body in (one.body, other.body):  # only one branch recorded it anew
        return other if base.body == one.body else one
    loser, winner = sorted((one, other), key=lambda reply: (reply.recorded or "", json.dumps(reply.body)))
    common = _common(loser.earlier, winner.earlier)
    replaced = (*loser.earlier[common:], *(loser.accepted or (UNKNOWN_DRAW,)))
    return replace(winner, earlier=(*winner.earlier[:common], *replaced, *winner.earlier[common:]))


def _same_draw(one: StoredReply, other: StoredReply) -> StoredReply:
    """Return a reply with the grades of every suite that has accepted it, in one branch or the other."""
    first, second = sorted((one, other), key=lambda reply: json.dumps(reply.facts))
    suites = {grades.suite: grades for grades in (*first.accepted, *second.accepted)}
    earlier = max(first.earlier, second.earlier, key=len)
    return replace(first, accepted=tuple(suites[name] for name in sorted(suites)), earlier=earlier)


def _common(one: tuple[DrawGrades, ...], other: tuple[DrawGrades, ...]) -> int:
    """Return how many draws two histories have in common, from the first on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
