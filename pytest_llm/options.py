"""From pytest's options and ini keys to Settings. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_llm.calls import Prices
from pytest_llm.errors import OptionError
from pytest_llm.settings import (
    DEFAULT_CONCURRENCY,
    RETRY_KEYS,
    Limits,
    Mode,
    Settings,
    changes_of,
    concurrency_of,
    limits_of,
    one_mode,
    retry_of,
    samples_of,
)


def settings_of(config: pytest.Config) -> Settings:
    """What the command line and the ini file say. Raises pytest.UsageError."""
    option = config.option
    try:
        samples = option.llm_samples
        _check_baseline(config.getini("llm_baseline"))
        default = config.getini("llm_samples")
        json_file = option.llm_json or config.getini("llm_json")
        mode = one_mode(option.llm_record, option.llm_rerecord, option.llm_live, option.llm_verify)
        _check_combination(option, mode)
        prices = tuple(config.getini("llm_prices"))
        Prices.of(prices)  # for the errors in it
        return Settings(
            root=config.rootpath,
            mode=mode,
            samples=None if samples is None else samples_of(samples, "--llm-samples"),
            default_samples=samples_of(default, "llm_samples") if default else None,
            changes={**changes_of(config.getini("llm_set")), **changes_of(option.llm_set)},
            base_url=config.getini("llm_base_url") or None,
            json_file=Path(config.invocation_params.dir, json_file) if json_file else None,
            dry_run=option.llm_dry_run,
            concurrency=_concurrency(config),
            budget=limits_of(option.llm_budget) if option.llm_budget is not None else Limits(),
            ignore_hosts=tuple(config.getini("llm_ignore_hosts")),
            record_hosts=tuple(config.getini("llm_record_hosts")),
            ignored_segments=tuple(config.getini("llm_ignore_path_segments")),
            compared_headers=tuple(name.lower() for name in config.getini("llm_compare_headers")),
            prices=prices,
            baseline=option.llm_baseline or config.getini("llm_baseline") or None,
            baseline_ref=option.llm_baseline_ref or config.getini("llm_baseline_ref") or "",
            note=(option.llm_note or "").strip(),
            gate_strict=option.llm_gate_strict or _is_true(config.getini("llm_gate_strict")),
            confirm=option.llm_confirm,
            retry=retry_of({name: config.getini(f"llm_retry_{name}") or "" for name in RETRY_KEYS}),
        )
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error


def untyped_mode(config: pytest.Config, modes: Sequence[str]) -> str | None:
    """Return a line about the recording options that come from elsewhere than the command line; None for none.

    They make every run send requests, also for people who expect a replay.
    """
    typed = config.invocation_params.args
    if config.option.llm_dry_run or any(str(one).startswith("addopts=") for one in config.option.override_ini or ()):
        return None
    given = [name for name in modes if config.getoption(name) and name not in typed]
    if not given:
        return None
    ini = f"addopts in {config.inipath.name}" if config.inipath is not None else "addopts"
    origins = {
        ini: config.getini("addopts"),
        "the environment variable PYTEST_ADDOPTS": shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
    }
    elsewhere = "a conftest.py, a plugin or a file of arguments"
    found = (
        f"{name}, from {next((one for one, text in origins.items() if name in text), elsewhere)}" for name in given
    )
    return f"llm: {'; '.join(found)}: every run sends requests"


def _concurrency(config: pytest.Config) -> int:
    for said, name in (
        (config.option.llm_concurrency, "--llm-concurrency"),
        (config.getini("llm_concurrency"), "llm_concurrency"),
    ):
        if said is not None:
            return concurrency_of(said, name)
    return DEFAULT_CONCURRENCY


def _check_baseline(said: str | None) -> None:
    if said not in (None, "", "check", "off"):
        raise OptionError(
            f"llm_baseline is check or off, not {said!r}; accepting is said each time",
            fix={"write": 'pytest --llm-baseline=update --llm-note "why"'},
        )


def _is_true(said: str | None) -> bool:
    if (said or "").lower() in ("", "0", "false", "no", "off"):
        return False
    if str(said).lower() in ("1", "true", "yes", "on"):
        return True
    raise OptionError(f"llm_gate_strict is true or false, not {said!r}")


def _check_combination(option: argparse.Namespace, mode: Mode) -> None:
    if option.llm_dry_run and mode == "replay":
        raise OptionError(
            "--llm-dry-run says what a recording run would ask, and none was asked for",
            fix={"write": "pytest --llm-record --llm-dry-run"},
        )
    if option.llm_dry_run and getattr(option, "numprocesses", None):
        raise OptionError("--llm-dry-run runs no test, so that there is nothing to distribute", fix={"add": "-n 0"})
    if option.llm_note and option.llm_baseline != "update":
        raise OptionError(
            "--llm-note says why a baseline is accepted, and none is",
            fix={"write": f"pytest --llm-baseline=update --llm-note {option.llm_note!r}"},
        )
    if option.llm_confirm and mode != "record":
        raise OptionError(
            "--llm-confirm draws samples, and nothing may be asked", fix={"write": "pytest --llm-record --llm-confirm"}
        )
    if option.llm_baseline == "update" and mode in ("live", "verify"):
        raise OptionError(
            f"--llm-baseline=update accepts what is recorded, and --llm-{mode} records nothing",
            fix={"write": "pytest --llm-record --llm-baseline=update"},
        )
    if option.llm_baseline == "update" and option.llm_set:
        raise OptionError(
            "--llm-baseline=update accepts the prompt as the code has it, and --llm-set changes it",
            fix={"write": "the change into the prompt"},
        )
    if option.llm_budget is not None and mode == "replay":
        raise OptionError(
            "--llm-budget limits what is asked, and a replay asks nothing",
            fix={"write": f"pytest --llm-record --llm-budget {option.llm_budget}"},
        )
