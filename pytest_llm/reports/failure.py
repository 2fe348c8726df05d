"""Why an item failed: what was expected, what came, where it is recorded, and the next command. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_llm.calls import Response
from pytest_llm.reports.text import one_line, visible
from pytest_llm.results import GradeRecord

MEND = "  mend        the grader or the case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an item's recording is, and how to ask for it again."""

    nodeid: str
    #: "" where nothing was asked.
    cassette: str
    sample: int


def failure_text(grades: Sequence[GradeRecord], response: Response | None, place: Place) -> str:
    """The grades that failed or could not be given, the conversation in short, and the commands. "" if none did."""
    failed = [grade for grade in grades if grade.required and grade.passed is False]
    ungraded = [grade for grade in grades if grade.required and grade.is_ungraded]
    if not failed and not ungraded:
        return ""
    blocks = [f"{grade.title}: {grade.reason}" for grade in failed]
    blocks += [f"UNGRADED  {grade.title}: {grade.reason}" for grade in ungraded]
    if response is not None:
        blocks.append(_conversation(response))
    if place.cassette:
        blocks.append(
            _commands(place) if failed else f"{_recording(place)}\n{MEND}, then run pytest: the recording replays"
        )
    elif not failed:
        blocks.append(MEND)
    return visible("\n\n".join(blocks))


def _conversation(response: Response) -> str:
    asked = [message for message in response.messages if message.role == "user"]
    lines = [f"  user        {one_line(asked[-1].content)}"] if asked else []
    if response.reasoning:
        lines.append(f"  reasoning   {one_line(response.reasoning)}")
    lines.append(f"  reply       {one_line(response.text)}")
    if response.finish_reason not in (None, "stop", "tool_calls"):
        lines.append(f"  finished    {one_line(response.finish_reason)}")
    return "\n".join(lines)


def _commands(place: Place) -> str:
    return f"{_recording(place)}\n  ask again   pytest --llm-rerecord {shell_word(place.nodeid)}"


def _recording(place: Place) -> str:
    sample = f" #{place.sample}" if place.sample > 1 else ""
    return f"  recording   {place.cassette}{sample}"


def shell_word(text: str) -> str:
    """A text as one word of a POSIX shell or PowerShell."""
    plain = text.replace("/", "").replace(":", "").replace("_", "").replace("-", "").replace(".", "")
    return text if plain.isalnum() else "'" + text.replace("'", "'\"'\"'") + "'"
