"""Whether feedback helped, as a table: recovery by arm, its worth, its damage, its cost. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_llm.reports.text import compact, percent, signed, visible

if TYPE_CHECKING:
    from pytest_llm.correction.comparison import Correction, ValueOfFeedback
    from pytest_llm.correction.measures import Measures, Share

LABEL = 18
FEWEST = 10
"""Below so many, a count says all there is to say."""


def correction_lines(found: Correction) -> list[str]:
    """What a suite's corrections came to; one line where nothing was to correct, details where arms are compared."""
    name = found.suite if found.variant is None else f"{found.suite}[{found.variant}]"
    most = found.budget.get("attempts")
    head = f"{name}   at most {most:g} attempts" if most else name
    if all(one.recovered.of == 0 for one in found.arms):
        runs = found.arms[0].runs if found.arms else 0
        return [visible(f"{head}   {runs} of {runs} valid at first: nothing to correct")]
    width = max(LABEL, *(len(one.arm) for one in found.arms))
    rows = [
        *_table(found.arms, width),
        *_values(found.values),
        *(_details(found.arms) if found.values else ()),
        *(("right answers", f"{one.arm}:  {told}") for one in found.arms if (told := _scores(one))),
        *(("stopped by", f"{one.arm}:  {_stops(one)}") for one in found.arms if set(one.stops) - _USUAL),
        *(("careful", caution) for caution in found.cautions),
    ]
    return [visible(line) for line in (head, *_labelled(rows, width))]


_USUAL = {"valid", "max_attempts"}


def _labelled(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Rows with their labels, each label once."""
    before = None
    for label, told in rows:
        yield f"  {'' if label == before else label:<{width}}  {told}"
        before = label


def _table(arms: Sequence[Measures], width: int) -> Iterator[tuple[str, str]]:
    shown = [
        ("", ("first try", "recovered, given invalid", "valid in the end", "tokens", "per recovery")),
        *(
            (
                one.arm,
                (
                    _share(one.first_try, interval=False),
                    _share(one.recovered),
                    _share(one.valid, interval=False),
                    "not told" if one.overhead is None else f"×{one.overhead:.2f}",
                    "–" if one.tokens_per_recovery is None else compact(round(one.tokens_per_recovery)),
                ),
            )
            for one in arms
        ),
    ]
    widths = [max(len(cells[column]) for _, cells in shown) for column in range(5)]
    for label, cells in shown:
        row = "   ".join(f"{cell:<{wide}}" for cell, wide in zip(cells, widths, strict=True)).rstrip()
        yield label or " " * width, row


def _share(share: Share, *, interval: bool = True) -> str:
    counts = f"{share.count}/{share.of}"
    if share.of < FEWEST or share.interval is None:
        return counts
    low, high = share.interval
    told = f" [{low * 100:.0f}, {high * 100:.0f}]" if interval else ""
    return f"{counts}  {percent(share.count, share.of)}{told}"


def _values(values: Sequence[ValueOfFeedback]) -> Iterator[tuple[str, str]]:
    for one in values:
        what = "value of feedback" if one.over == "resample" else "value of content"
        if one.change is None or one.interval is None:
            yield what, f"{one.arm} − {one.over}   no first failure to compare"
            continue
        low, high = one.interval
        size = f"{one.pairs} first failure{'' if one.pairs == 1 else 's'} (won {one.won}, lost {one.lost})"
        change = f"{signed(one.change)} pt [{signed(low)}, {signed(high)}]   over {size}{_p(one.p)}"
        yield what, f"{one.arm} − {one.over}   {size if one.pairs < FEWEST else change}"
        equal = one.at_equal_tokens
        if equal is not None and equal.interval != one.interval and one.pairs >= FEWEST:
            low, high = equal.interval
            told = f"{signed(equal.change)} pt [{signed(low)}, {signed(high)}]   at equal tokens"
            many = f"{equal.corrections} correction{'' if equal.corrections == 1 else 's'} against"
            yield what, f"{' ' * len(f'{one.arm} − {one.over}')}   {told}: {many} {equal.over_corrections}"


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return ", p < .0001" if p < 0.0001 else f", p = {p:.4f}".replace("0.", ".", 1)


def _details(arms: Sequence[Measures]) -> Iterator[tuple[str, str]]:
    yield from (("fixed next time", f"{one.arm}:  {_fixed(one)}") for one in arms if one.fixed)
    yield from _steps(arms)
    yield from (("damage", f"{one.arm}:  {_damage(one)}") for one in arms if one.introduced.of)


def _fixed(one: Measures) -> str:
    return "   ".join(f"{code} {share.count}/{share.of}" for code, share in one.fixed.items())


def _steps(arms: Sequence[Measures]) -> Iterator[tuple[str, str]]:
    """Of each attempt, how many of those that still tried became valid; where there are more than two."""
    if max(len(one.steps) for one in arms) > 2:
        for one in arms:
            yield "by attempt", f"{one.arm}:  {'   '.join(f'{step.became_valid}/{step.at_risk}' for step in one.steps)}"


def _damage(one: Measures) -> str:
    kinds = {
        "new finding": one.introduced,
        "accepted value lost": one.regressed,
        "changed": one.drifted,
        "same reply": one.repeated,
    }
    return "   ".join(f"{name} {share.count}/{share.of}" for name, share in kinds.items())


def _scores(one: Measures) -> str:
    if one.scores is None:
        return ""
    kinds = {
        "became right": one.scores.became_right,
        "stayed wrong": one.scores.stayed_wrong,
        "became wrong": one.scores.became_wrong,
        "stayed right": one.scores.stayed_right,
    }
    return "   ".join(f"{name} {count}" for name, count in kinds.items())


def _stops(one: Measures) -> str:
    return "   ".join(f"{name} {count}" for name, count in sorted(one.stops.items()))
