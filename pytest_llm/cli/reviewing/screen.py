"""A review in lines of a terminal. Imported where something is shown: it loads rich. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from pytest_llm.cli.reviewing.outputs import Block
from pytest_llm.cli.reviewing.pairing import RequestChange, case_of, test_of
from pytest_llm.cli.reviewing.review import Damaged, Differences, Review
from pytest_llm.cli.reviewing.verdicts import GradeChange, Reviewed, Verdict, grade_changes
from pytest_llm.cli.reviewing.words import Piece, whole, word_difference
from pytest_llm.reports import one_line, verdict_lines, visible
from pytest_llm.results import GradeRecord

SIDE_BY_SIDE = 120
"""From so many columns on, old and new stand side by side."""

MOST_CHANGES = 3
"""So many changes of requests are shown at the top; others with their samples."""

MOST_CHANGE_LINES = 20
_GAP = "  │ "
_SIGNS = {"passed": "● passed", "failed": "✗ failed", "ungraded": "◇ ungraded", "error": "▲ error"}
_COLOURS = {"worse": "red", "better": "blue", "changed": "yellow"}


def overview(found: Differences) -> list[Text]:
    """What is compared, and what changed in the requests."""
    repository = found.repository
    if not found.samples and not found.damaged:
        return [Text(f"nothing differs: the cassettes are those of {visible(repository.ref)}")]
    at = f" ({repository.commit[:7]})" if repository.commit else ""
    files = len({one.file.path for one in found.samples})
    size = f"{_counted(len(found.samples), 'sample')} of {_counted(files, 'cassette')}"
    lines = [Text(f"working tree against {visible(repository.ref)}{at}, {size} differ", style="bold")]
    if repository.commit is None:
        lines.append(Text("the repository has no commits yet: everything is new"))
    for change in found.changes[:MOST_CHANGES]:
        lines += [Text(), *_change(change)]
    if more := found.changes[MOST_CHANGES:]:
        lines += [Text(), Text(f"{_counted(len(more), 'more change')} of requests, shown with the samples")]
    return lines


def _change(change: RequestChange) -> Iterator[Text]:
    names = [f"{count:,} of {visible(test)}" for test, count in list(change.tests.items())[:3]]
    names += [f"{len(change.tests) - 3} more tests"] if len(change.tests) > 3 else []
    head = Text(f"one change of request: {one_line(change.heading)}", style="bold")
    yield head.append(f"   {', '.join(names)}", style="not bold dim")
    if change.lines != change.heading:
        yield from _change_lines(change.lines)


def _change_lines(change: str) -> Iterator[Text]:
    lines = change.split("\n")
    for line in lines[:MOST_CHANGE_LINES]:
        style = {"-": "red", "+": "blue"}.get(line[:1], "")
        yield Text(f"    {visible(line)}", style=style)
    if len(lines) > MOST_CHANGE_LINES:
        yield Text(f"    … {len(lines) - MOST_CHANGE_LINES} more lines", style="dim")


def closing(review: Review, *, everything: bool) -> list[Text]:
    """Counts, what could not be read, and why grades are not known."""
    folded = [one for one in review.samples if one.is_folded]
    shown = Counter(one.verdict for one in review.samples if not one.is_folded)
    words = {"same": "other text, same grade", "not known": "other text, grade not known", "changed": "grades changed"}
    order: tuple[Verdict, ...] = ("worse", "better", "changed", "new", "removed", "not known", "same")
    parts = [f"{shown[verdict]:,} {words.get(verdict, verdict)}" for verdict in order if shown[verdict]]
    if folded:
        hint = "" if everything else ", folded; --all shows them"
        parts.append(f"{len(folded):,} same text and grade{hint}")
    lines = [Text("   ".join(parts), style="bold")] if parts else []
    lines += [Text(line) for verdict in review.gate for line in verdict_lines(verdict)[:1]]
    lines += [Text(visible(note), style="yellow") for note in review.notes]
    return lines + _reasons(review.samples) + _damaged(review.damaged)


def _reasons(samples: Sequence[Reviewed]) -> list[Text]:
    """Why grades are not known, each reason once."""
    shown = [one for one in samples if not one.is_folded]
    before = Counter(one.before.why for one in shown if one.before.why and one.verdict != "new")
    now = Counter(one.now.why for one in shown if one.now.why and one.verdict != "removed")
    return [
        Text(f"grade {when} not known of {count:,}: {one_line(why)}", style="dim")
        for when, reasons in (("before", before), ("now", now))
        for why, count in reasons.most_common(5)
    ]


def _damaged(damaged: Sequence[Damaged]) -> list[Text]:
    return [
        Text(f"▲ cannot be read, in the {one.at}: {visible(one.path)}: {visible(one.reason)}", style="red")
        for one in damaged
    ]


def sample_lines(one: Reviewed, place: str, review: Review, console: Console) -> list[Text]:
    """One sample: its case, its grades, its old and new output."""
    drawn = one.drawn
    number = f"  #{drawn.sample}"
    head = Text(f"{place}  {visible(case_of(drawn.file.path))}{number}", style="bold")
    grades = _outcomes(one)
    gap = max(console.width - head.cell_len - grades.cell_len, 3)
    lines = [head + Text(" " * gap) + grades]
    lines.append(Text(f"     {visible(one.nodeid or test_of(drawn.file.path))}", style="dim"))
    if one.history:
        lines.append(Text(f"     baseline: {visible(one.history)}", style="dim"))
    if drawn.file.status == "renamed":
        lines.append(Text(f"     renamed, was {visible(drawn.file.before or '')}", style="dim"))
    change = drawn.change
    if change is not None and change not in [(known.heading, known.lines) for known in review.changes[:MOST_CHANGES]]:
        lines += [Text(f"     request: {one_line(change[0])}"), *_change_lines(change[1])]
    lines += _grades(one, console)
    for number_, (before, now) in enumerate(drawn.outputs, 1):
        if len(drawn.outputs) > 1:
            same = ", says the same" if before == now else ""
            lines.append(Text(f"     call {number_} of {len(drawn.outputs)}{same}", style="dim"))
        if before != now or len(drawn.outputs) == 1:
            lines += _output(before, now, review.ref, console)
    return lines


def _outcomes(one: Reviewed) -> Text:
    before, now = (_SIGNS.get(judged.outcome or "", "not known") for judged in (one.before, one.now))
    match one.verdict:
        case "new":
            return Text(f"new   {now}")
        case "removed":
            return Text(f"removed, was {before}")
    return Text(f"{before} → ").append(now, style=_COLOURS.get(one.verdict, ""))


def _grades(one: Reviewed, console: Console) -> list[Text]:
    """The grades that changed; of a new case those that failed."""
    changes = grade_changes(one.before, one.now)
    if one.verdict == "new":
        failed = [grade for grade in one.now.grades if grade.passed is False or grade.is_ungraded]
        changes = [GradeChange(name=grade.name, before=None, now=grade) for grade in failed]
    lines, width = [], max((len(change.title) for change in changes), default=0)
    for change in changes:
        was = "" if change.before is None else f"{_grade(change.before)} → "
        now = change.now
        line = f"     {visible(change.title):<{width}}   {was}{'' if now is None else _grade(now)}"
        if now is not None and now.reason:
            line += f"   {one_line(now.reason, max(console.width - len(line) - 3, 40))}"
        lines.append(Text(line, style=_COLOURS.get(one.verdict, "")))
    return lines


def _grade(grade: GradeRecord) -> str:
    if grade.passed is None:
        return "ungraded" if grade.score is None else f"{grade.score:.3f}"
    word = "passed" if grade.passed else "failed"
    return word if grade.score is None else f"{word} ({grade.score:.3f})"


def _output(before: Sequence[Block] | None, now: Sequence[Block] | None, ref: str, console: Console) -> Iterator[Text]:
    """The parts of a reply, old and new, those that differ."""
    old, new = _numbered(before), _numbered(now)
    for key in dict.fromkeys([*old, *new]):
        label, was, is_ = key[0], old.get(key), new.get(key)
        if was == is_ and len(old) > 1:
            continue
        if label != "reply":
            yield Text(f"     {label}", style="dim")
        if was is None or is_ is None or was == is_:
            left = None if was is None or was == is_ else whole(visible(was))
            right = None if is_ is None else whole(visible(is_))
        else:
            left, right = word_difference(visible(was), visible(is_))
        yield from _sides(left, right, ref if was != is_ else "both", console)


def _numbered(blocks: Sequence[Block] | None) -> dict[tuple[str, int], str]:
    """Texts by their label, and which of that label it is."""
    seen: Counter[str] = Counter()
    out = {}
    for label, text in blocks or ():
        seen[label] += 1
        out[label, seen[label]] = text
    return out


def _sides(left: list[Piece] | None, right: list[Piece] | None, ref: str, console: Console) -> Iterator[Text]:
    """Two texts, side by side where there is room, else one under the other."""
    words = not console.is_terminal  # without colours and strokes, signs say what differs
    old = None if left is None else _marked(left, "[-{}-]" if words else "{}", "red strike")
    new = None if right is None else _marked(right, "{{+{}+}}" if words else "{}", "blue underline")
    label = one_line(ref, 8)
    if old is not None and new is not None and console.width >= SIDE_BY_SIDE:
        width = (console.width - 5 - len(_GAP)) // 2
        yield Text(f"     {label:<{width}}{_GAP}now", style="dim")
        for one, other in zip_longest(_wrapped(old, width, console), _wrapped(new, width, console)):
            line = Text("     ") + (one or Text())
            line.pad_right(max(5 + width - line.cell_len, 0))
            yield line.append(_GAP, style="dim") + (other or Text())
        return
    now = "both" if ref == "both" else "now"
    for name, text in ((label, old), (now, new)):
        for number, line in enumerate([] if text is None else _wrapped(text, console.width - 15, console)):
            yield Text(f"     {name if number == 0 else '':<8}  ", style="dim") + line


def _marked(pieces: Sequence[Piece], sign: str, style: str) -> Text:
    text = Text()
    for kind, said in pieces:
        match kind:
            case "same":
                text.append(said)
            case "note":
                text.append(f"[{said}]", style="dim italic")
            case "differs":
                core = said.strip() or said  # blanks around words are no difference to a reader
                head, _, tail = said.partition(core)
                text.append(head).append(sign.format(core), style=style).append(tail)
    return text


def _wrapped(text: Text, width: int, console: Console) -> list[Text]:
    return list(text.wrap(console, max(width, 20), overflow="fold")) or [Text("(empty)", style="dim italic")]


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
