"""Every option and ini key, resolved once. PYTEST_DONT_REWRITE

Command line before marker before ini before default; what a marker says is resolved where the marker is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytest_llm.errors import OptionError

Mode = Literal["replay", "record", "rerecord", "live"]
"""replay: ask nothing · record: ask what has no recording · rerecord: ask everything · live: ask, write nothing."""

STATE_FOLDER = ".pytest_llm"
LAST_RUN = "last-run.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What this run was told to do."""

    root: Path
    mode: Mode = "replay"
    #: From the command line, stronger than a marker; None where not given.
    samples: int | None = None
    #: From the ini file, weaker than a marker; None where not given.
    default_samples: int | None = None
    #: Changes to every declared prompt: model, base_url, any parameter.
    changes: Mapping[str, Any] = field(default_factory=dict)
    #: Stands between Prompt(base_url=…) and OPENAI_BASE_URL.
    base_url: str | None = None
    json_file: Path | None = None

    @property
    def state(self) -> Path:
        """The folder for the last run, journals and locks."""
        return self.root / STATE_FOLDER


def one_mode(record: bool, rerecord: bool, live: bool) -> Mode:
    """The mode that the recording options ask for. Raises OptionError for more than one."""
    asked: dict[Mode, bool] = {"record": record, "rerecord": rerecord, "live": live}
    given = [mode for mode, on in asked.items() if on]
    if len(given) > 1:
        raise OptionError(
            f"{' and '.join(f'--llm-{mode}' for mode in given)} exclude each other", fix={"give": "one of them"}
        )
    return given[0] if given else "replay"


def samples_of(text: object, name: str) -> int:
    """A number of samples. Raises OptionError for anything but a whole number from 1."""
    try:
        number = int(text) if isinstance(text, str | int) and not isinstance(text, bool) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise OptionError(f"{name} takes a whole number from 1, not {text!r}", fix={"write": f"{name}=3"})
    return number


def changes_of(pairs: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE pairs; a value that is JSON is read as JSON, anything else is text. Raises OptionError.

    >>> changes_of(["temperature=0", "model=small"])
    {'temperature': 0, 'model': 'small'}
    """
    out: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise OptionError(f"--llm-set takes KEY=VALUE, not {pair!r}", fix={"write": "--llm-set temperature=0"})
        if key in ("name", "messages", "schema", "examples"):
            raise OptionError(
                f"--llm-set {key}=… cannot be said on a command line", fix={"change": "the prompt itself"}
            )
        try:
            out[key] = json.loads(value)
        except ValueError:
            out[key] = value
    return out
