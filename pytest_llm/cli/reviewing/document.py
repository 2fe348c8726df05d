"""A review as one JSON document, for a program. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from pytest_llm.cli.reviewing.outputs import Block
from pytest_llm.cli.reviewing.pairing import case_of, test_of
from pytest_llm.cli.reviewing.review import Review
from pytest_llm.cli.reviewing.verdicts import Judgement, Reviewed
from pytest_llm.schemas import JSON

VERSION = 1


def json_review(review: Review) -> str:
    """The review as one JSON document; nothing is folded or cut."""
    document = {
        "version": VERSION,
        "against": {"ref": review.ref, "commit": review.commit},
        "requests": [
            {"heading": one.heading, "lines": one.lines.split("\n"), "tests": dict(one.tests)} for one in review.changes
        ],
        "verdicts": dict(Counter(one.verdict for one in review.samples)),
        "samples": [_sample(one) for one in review.samples],
        "damaged": [{"path": one.path, "at": one.at, "reason": one.reason} for one in review.damaged],
        "gate": [one.json for one in review.gate],
        "notes": list(review.notes),
    }
    # ASCII, so that no terminal obeys what a model wrote.
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def _sample(one: Reviewed) -> Mapping[str, JSON]:
    drawn = one.drawn
    change = drawn.change
    return {
        "test": test_of(drawn.file.path),
        "case": case_of(drawn.file.path),
        "sample": drawn.sample,
        "nodeid": one.nodeid or None,
        "cassette": drawn.file.path,
        "cassette_before": drawn.file.before,
        "status": drawn.file.status,
        "verdict": one.verdict,
        "same_text": drawn.says_the_same,
        "request_change": None if change is None else change[0],
        "exchanges": [{"before": _blocks(before), "now": _blocks(now)} for before, now in drawn.outputs],
        "before": _judgement(one.before),
        "now": _judgement(one.now),
        "baseline": one.history or None,
    }


def _blocks(blocks: Sequence[Block] | None) -> JSON:
    return None if blocks is None else [{"label": label, "text": text} for label, text in blocks]


def _judgement(one: Judgement) -> JSON:
    grades = [{name: getattr(grade, name) for name in grade.__slots__} for grade in one.grades]
    return {"outcome": one.outcome, "grades": grades, "why_not_known": one.why or None}
