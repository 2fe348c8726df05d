"""Is it worse? Statistics, baselines and the verdict. PYTEST_DONT_REWRITE

Values in, values out; nothing but the standard library. Every name is loaded on first use: a process that runs tests
needs no statistics.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_llm.gates.baseline import Baseline as Baseline
    from pytest_llm.gates.baseline import read_baseline as read_baseline
    from pytest_llm.gates.baseline import write_baseline as write_baseline
    from pytest_llm.gates.expectations import better as better
    from pytest_llm.gates.expectations import judge_expectations as judge_expectations
    from pytest_llm.gates.paired import StratifiedTest as StratifiedTest
    from pytest_llm.gates.paired import fisher_one_sided as fisher_one_sided
    from pytest_llm.gates.paired import holm as holm
    from pytest_llm.gates.paired import mcnemar_midp as mcnemar_midp
    from pytest_llm.gates.paired import stratified_exact as stratified_exact
    from pytest_llm.gates.paired import tango_interval as tango_interval
    from pytest_llm.gates.proportions import clopper_pearson as clopper_pearson
    from pytest_llm.gates.proportions import pass_at_k as pass_at_k
    from pytest_llm.gates.proportions import pass_hat_k as pass_hat_k
    from pytest_llm.gates.proportions import wilson as wilson
    from pytest_llm.gates.spread import clustered_se as clustered_se
    from pytest_llm.gates.spread import mde as mde
    from pytest_llm.gates.spread import within_case_se as within_case_se
    from pytest_llm.gates.spread import within_case_variance as within_case_variance
    from pytest_llm.gates.verdict import judge as judge

_FILES = {
    "Baseline": "baseline",
    "StratifiedTest": "paired",
    "better": "expectations",
    "clopper_pearson": "proportions",
    "clustered_se": "spread",
    "fisher_one_sided": "paired",
    "holm": "paired",
    "judge": "verdict",
    "judge_expectations": "expectations",
    "mcnemar_midp": "paired",
    "mde": "spread",
    "pass_at_k": "proportions",
    "pass_hat_k": "proportions",
    "read_baseline": "baseline",
    "stratified_exact": "paired",
    "tango_interval": "paired",
    "wilson": "proportions",
    "within_case_se": "spread",
    "within_case_variance": "spread",
    "write_baseline": "baseline",
}


def __getattr__(name: str) -> object:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
