"""Every option and ini key, resolved once. PYTEST_DONT_REWRITE

Command line before marker before ini before default; what a marker says is resolved where the marker is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytest_llm.errors import OptionError

Mode = Literal["replay", "record", "rerecord", "live", "verify"]
"""What is asked.

replay: nothing · record: what has no recording · rerecord: everything · live: everything, and nothing is written ·
verify: as live, and each reply is compared with the recorded one.
"""

BaselineUse = Literal["check", "update", "off"]
"""What is done with baselines. check: every suite needs a verdict · update: the results become the baselines · off."""

STATE_FOLDER = ".pytest_llm"
LAST_RUN = "last-run.jsonl"
DEFAULT_CONCURRENCY = 16
MOST_CONCURRENCY = 1000
MOST_SAMPLES = 100
"""The numbers above are those of samples that confirm a suspicion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend at most; None where it is not limited."""

    requests: int | None = None
    tokens: int | None = None
    #: US dollars.
    usd: float | None = None


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
    #: Say what a recording run would ask, and run no test.
    dry_run: bool = False
    budget: Limits = Limits()
    #: Requests of declared prompts that may be in flight at once, of all processes together.
    concurrency: int = DEFAULT_CONCURRENCY
    #: None: what has a baseline is gated.
    baseline: BaselineUse | None = None
    #: Where the change began: a branch, tag or commit; "" to find out.
    baseline_ref: str = ""
    #: Why a baseline is accepted.
    note: str = ""
    #: Whether INCONCLUSIVE is red.
    gate_strict: bool = False
    #: Draw the samples that confirm what the last run suspected.
    confirm: bool = False
    #: Patterns of hosts, or host:port, whose exchanges pass unrecorded; and of loopback hosts whose are recorded.
    ignore_hosts: tuple[str, ...] = ()
    record_hosts: tuple[str, ...] = ()
    #: Patterns of path segments before a model endpoint that are not compared when a recording is looked for.
    ignored_segments: tuple[str, ...] = ()
    #: Names of request headers, in small letters, that are compared; "api-version" of the query too.
    compared_headers: tuple[str, ...] = ()
    #: Lines "MODEL [TIER] = PROMPT COMPLETION [CACHED [WRITTEN]]", in US dollars per million tokens.
    prices: tuple[str, ...] = ()
    #: Of the budget of a correction, what the ini file says: attempts, tokens, cost, deadline.
    retry: Mapping[str, float] = field(default_factory=dict)

    @property
    def asks(self) -> bool:
        """Whether a model may be asked."""
        return self.mode != "replay"

    @property
    def records(self) -> bool:
        """Whether cassettes are written."""
        return self.mode in ("record", "rerecord")

    @property
    def state(self) -> Path:
        """The folder for the last run, journals and locks."""
        return self.root / STATE_FOLDER


def one_mode(record: bool, rerecord: bool, live: bool, verify: bool) -> Mode:
    """The mode that the recording options ask for. Raises OptionError for more than one."""
    asked: dict[Mode, bool] = {"record": record, "rerecord": rerecord, "live": live, "verify": verify}
    given = [mode for mode, on in asked.items() if on]
    if len(given) > 1:
        raise OptionError(
            f"{' and '.join(f'--llm-{mode}' for mode in given)} exclude each other", fix={"give": "one of them"}
        )
    return given[0] if given else "replay"


def samples_of(text: object, name: str) -> int:
    """A number of samples. Raises OptionError for anything but a whole number from 1 to MOST_SAMPLES."""
    try:
        number = int(text) if isinstance(text, str | int) and not isinstance(text, bool) else 0
    except ValueError:
        number = 0
    if not 1 <= number <= MOST_SAMPLES:
        told = f"{name} takes a whole number from 1 to {MOST_SAMPLES}, not {text!r}"
        raise OptionError(told, fix={"write": f"{name}=3"})
    return number


def concurrency_of(text: object, name: str) -> int:
    """How many requests may be in flight. Raises OptionError for anything but a whole number from 1."""
    number = int(text) if isinstance(text, str) and text.strip().isdecimal() else 0
    if not 1 <= number <= MOST_CONCURRENCY:
        told = f"{name} takes a whole number from 1 to {MOST_CONCURRENCY}, not {text!r}"
        raise OptionError(told, fix={"write": f"{name}={DEFAULT_CONCURRENCY}      (1: one after the other)"})
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


RETRY_KEYS = ("attempts", "tokens", "cost", "deadline")


def retry_of(said: Mapping[str, str]) -> dict[str, float]:
    """What the ini file says of the budget of a correction; an empty text says nothing. Raises OptionError.

    >>> retry_of({"attempts": "4", "cost": "0.05", "tokens": ""})
    {'attempts': 4, 'cost': 0.05}
    """
    found: dict[str, float] = {}
    for name, text in said.items():
        if not text.strip():
            continue
        try:
            found[name] = int(text) if name in ("attempts", "tokens") else float(text)
        except ValueError:
            raise OptionError(
                f"llm_retry_{name} is a number, not {text!r}", fix={"write": f"llm_retry_{name} = 3"}
            ) from None
    return found


_UNITS = {"requests": int, "tokens": int, "usd": float}


def limits_of(text: str) -> Limits:
    """The limits in `300requests,500000tokens,2.00usd`, in any order. Raises OptionError.

    >>> limits_of("300requests, 2.50usd")
    Limits(requests=300, tokens=None, usd=2.5)
    """
    found: dict[str, Any] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([\d_.]+)\s*([a-z]+)\s*", part, re.IGNORECASE)
        unit = match[2].lower() if match else ""
        unit = unit if unit in _UNITS else f"{unit}s"  # 1request
        try:
            if match is None or unit in found:
                raise ValueError
            found[unit] = _UNITS[unit](match[1])
        except (ValueError, KeyError):
            raise OptionError(
                f"--llm-budget takes amounts of requests, tokens or usd, not {text!r}",
                fix={"write": "--llm-budget 300requests      or 500000tokens, 2.00usd, or several with commas"},
            ) from None
    return Limits(**found)
