"""Whether the failure of one item of a gated suite is its own, or the suite's to judge. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pytest_llm.gates.arms import letters_of, says_the_same
from pytest_llm.gates.baseline import Baseline
from pytest_llm.results import Result


def excuse(result: Result, base: Baseline | None, head: Baseline | None) -> str:
    """Why a failed item does not fail by itself; "" where it does.

    `base` is what the change is compared with, `head` what the change brings along. With the requests and the replies
    of the baseline, an item has to do as it did there; with others, its suite is judged. A case that neither holds is
    judged by nobody else, and a critical one is never left to a suite.
    """
    letter = letters_of(result)["outcome"]
    if result.critical or letter not in "FU" or (base is None and head is None):
        return ""
    if result.confirms:
        return "it confirms or clears a suspicion: the suite decides"
    lines = [one.lines[result.line] for one in (base, head) if one is not None and result.line in one.lines]
    known = [line for line in lines if line.case == result.case_digest]
    for line in known:
        if says_the_same(line, result) and line.grades["outcome"][result.sample - 1] == letter:
            return "it did so too when the baseline was accepted"
    if not known or says_the_same(known[0], result) or base is None:
        return ""
    return "its replies are not those of the baseline: the suite decides"
