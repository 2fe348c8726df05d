"""From pytest's options and ini keys to Settings. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llm.errors import OptionError
from pytest_llm.settings import Settings, changes_of, one_mode, samples_of


def settings_of(config: pytest.Config) -> Settings:
    """What the command line and the ini file say. Raises pytest.UsageError."""
    option = config.option
    try:
        samples = option.llm_samples
        default = config.getini("llm_samples")
        json_file = option.llm_json or config.getini("llm_json")
        return Settings(
            root=config.rootpath,
            mode=one_mode(option.llm_record, option.llm_rerecord, option.llm_live),
            samples=None if samples is None else samples_of(samples, "--llm-samples"),
            default_samples=samples_of(default, "llm_samples") if default else None,
            changes={**changes_of(config.getini("llm_set")), **changes_of(option.llm_set)},
            base_url=config.getini("llm_base_url") or None,
            json_file=Path(config.invocation_params.dir, json_file) if json_file else None,
        )
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error
