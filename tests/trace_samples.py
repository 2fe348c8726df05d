"""Synthetic traces: what became of attempts, in letters.

V valid · I invalid (a finding at /qty) · S syntax · C the project's own code · E empty · R refusal · T truncated ·
X transport error. A run that does not end in V or one of the last three has spent its attempts.
"""

from __future__ import annotations

from pytest_llm.correction.measures import Observed
from pytest_llm.correction.record import AttemptRecord, TraceRecord

OUTCOMES = {"V": "valid", "E": "empty", "R": "refusal", "T": "truncated", "X": "transport_error"}
FINDINGS = {
    "I": ("/qty", "type", "/qty: expected an integer."),
    "S": ("", "syntax", "(whole reply): expected a JSON document."),
    "C": ("", "custom", "(whole reply): expected a sum."),
}


def attempt(letter, **more):
    found = (FINDINGS[letter],) if letter in FINDINGS else ()
    known = {"usage": {"total_tokens": 10}, "text": letter, "model": "tiny", **more}
    return AttemptRecord(outcome=OUTCOMES.get(letter, "invalid"), findings=found, **known)


def trace(letters, arm="errors", run=1, stop=None, attempts=3, **more):
    """A run, attempt by attempt; its findings are fixed or persist as its letters say."""
    made = []
    for number, letter in enumerate(letters):
        change = {}
        if number:
            before, now = (FINDINGS.get(one) for one in (letters[number - 1], letter))
            if before:
                change["persisted" if before == now else "fixed"] = (before[:2],)
            if now and now != before:
                change["introduced"] = (now[:2],)
        made.append(attempt(letter, **change))
    ends = {"V": "valid", "R": "refusal", "T": "truncated", "X": "transport_error"}
    budget = {"attempts": attempts, "tokens": None, "cost": None, "deadline": None, "stall": 2}
    known = {"compared": True, "undisclosed": (), "budget": budget, **more}
    stop = stop or ends.get(letters[-1], "max_attempts")
    return TraceRecord(run=run, arm=arm, attempts=tuple(made), stop=stop, **known)


def observed(arms):
    """Runs of several arms, as lists of letters by arm; those at the same place are a pair."""
    return [
        Observed(run=f"run {place}", case=f"case {place}", trace=trace(letters, arm))
        for arm, runs in arms.items()
        for place, letters in enumerate(runs)
    ]
