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
    from pytest_llm.gates.expectations import feedback_helps as feedback_helps
    from pytest_llm.gates.expectations import judge_expectations as judge_expectations
    from pytest_llm.gates.verdict import judge as judge
    from pytest_llm.stats.paired import StratifiedTest as StratifiedTest
    from pytest_llm.stats.paired import fisher_one_sided as fisher_one_sided
    from pytest_llm.stats.paired import holm as holm
    from pytest_llm.stats.paired import mcnemar_exact as mcnemar_exact
    from pytest_llm.stats.paired import mcnemar_midp as mcnemar_midp
    from pytest_llm.stats.paired import newcombe_paired as newcombe_paired
    from pytest_llm.stats.paired import stratified_exact as stratified_exact
    from pytest_llm.stats.paired import tango_interval as tango_interval
    from pytest_llm.stats.proportions import clopper_pearson as clopper_pearson
    from pytest_llm.stats.proportions import pass_at_k as pass_at_k
    from pytest_llm.stats.proportions import pass_hat_k as pass_hat_k
    from pytest_llm.stats.proportions import wilson as wilson
    from pytest_llm.stats.spread import clustered_se as clustered_se
    from pytest_llm.stats.spread import mde as mde
    from pytest_llm.stats.spread import within_case_se as within_case_se
    from pytest_llm.stats.spread import within_case_variance as within_case_variance

_STATS = {
    "StratifiedTest": "paired",
    "clopper_pearson": "proportions",
    "clustered_se": "spread",
    "fisher_one_sided": "paired",
    "holm": "paired",
    "mcnemar_exact": "paired",
    "mcnemar_midp": "paired",
    "mde": "spread",
    "newcombe_paired": "paired",
    "pass_at_k": "proportions",
    "pass_hat_k": "proportions",
    "stratified_exact": "paired",
    "tango_interval": "paired",
    "wilson": "proportions",
    "within_case_se": "spread",
    "within_case_variance": "spread",
}
_FILES = {
    **{name: f"stats.{file}" for name, file in _STATS.items()},
    "Baseline": "gates.baseline",
    "better": "gates.expectations",
    "feedback_helps": "gates.expectations",
    "judge": "gates.verdict",
    "judge_expectations": "gates.expectations",
    "read_baseline": "gates.baseline",
    "write_baseline": "gates.baseline",
}


def __getattr__(name: str) -> object:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"pytest_llm.{_FILES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
