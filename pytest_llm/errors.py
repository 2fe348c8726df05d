"""One class per mistake that a user can make. PYTEST_DONT_REWRITE

Every message has the same order: what happened, where, what there was instead (nearest first), and what to do.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_ALTERNATIVES = 5


def explain(
    what: str, *, where: str | None = None, instead: Iterable[str] = (), fix: Mapping[str, str] | None = None
) -> str:
    """The text of an error, a fact a line.

    `what` happened, with value and name; `where` (file and line, case); `instead`, what there was, nearest first, of
    which five are shown; `fix`, from a label ("record it") to the one command or edit that helps.
    """
    lines = [what]
    if where:
        lines.append(f"  where       {where}")
    shown = list(instead)
    lines += [f"  there is    {one}" for one in shown[:MOST_ALTERNATIVES]]
    if len(shown) > MOST_ALTERNATIVES:
        lines.append(f"              and {len(shown) - MOST_ALTERNATIVES} more")
    lines += [f"  {label:<11} {command}" for label, command in (fix or {}).items()]
    return "\n".join(lines)


class LlmError(Exception):
    """A mistake of the user of this library; the message says how to mend it."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        instead: Iterable[str] = (),
        fix: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(explain(what, where=where, instead=instead, fix=fix))


class PromptError(LlmError):
    """A prompt cannot be declared, loaded or rendered as written."""


class CaseError(LlmError):
    """A case, or a line of a case file, cannot be used."""


class SchemaError(LlmError):
    """A schema cannot be used: it is wrong itself, whatever the output."""


class GraderError(LlmError, ValueError):
    """A grader's parameters cannot fail, or contradict each other."""


class MarkerError(LlmError):
    """The `llm` marker was given what it does not know."""


class OptionError(LlmError):
    """A command line option or an ini key has a value that cannot be used."""


class EndpointError(LlmError):
    """No key, or no client, for a prompt that has to be asked."""


class MissingExtra(LlmError):
    """A feature needs an optional dependency that is not installed."""


class CorrectionError(LlmError):
    """A correction cannot be run as asked: a budget, a feedback policy, or nothing to validate by."""


class CallFailed(LlmError):
    """The endpoint could not be reached, refused the key, or answered with an error."""

    #: HTTP status of the last try, and the endpoint's own word for the error; None where there was none.
    status: int | None = None
    code: str | None = None
    #: Further tries that were made, and the seconds between them.
    retries: int = 0
    waited: float = 0.0


class JudgeUnfit(LlmError):
    """A judge is wrong about outputs of which everybody knows whether they pass; its verdicts are worth nothing."""


class CassetteCorrupt(LlmError):
    """A cassette file is cut, mangled, edited or from a newer version; it was left as it is."""


class SecretInRequest(LlmError):
    """A request would have carried a secret into a recording; it was not sent."""


class NormalizeError(LlmError):
    """The project's hook `pytest_llm_normalize` failed, or left no request behind."""


class RunFileError(LlmError):
    """A run file cannot be read."""


class BaselineError(LlmError):
    """A baseline cannot be read, or the one that it would be compared with cannot be found."""


class CalibrationError(LlmError):
    """A calibration, or the labelled outputs for one, cannot be used."""


class GitError(LlmError):
    """git, the repository, or a commit that was named cannot be used."""


class SchemaMismatch(AssertionError):
    """`Response.value` was asked for, and the output does not conform to the schema."""


class CassetteMiss(BaseException):
    """A request has no recording, and nothing may be asked.

    Not an `Exception`: SDKs and tenacity catch and retry those; the reason would arrive late, wrapped, or never.
    """

    def __init__(self, message: str, *, kind: str, heading: str = "", change: str = "") -> None:
        super().__init__(message)
        #: "no cassette", "missing", "stale", "exhausted"; "error": recorded in the place of a reply; "blocked": by
        #: nobody who may ask; "budget": spent.
        self.kind = kind
        #: One line: of a stale recording what changed, of a budget what was spent of which; "" of any other.
        self.heading = heading
        #: What differs from the nearest recorded request; equal for all cases that one change made stale.
        self.change = change


class NoRoomYet(CassetteMiss):
    """What is left of the budget is taken by requests in flight; it may be free when they are answered."""
