"""What inspect-ai does. Judges ask an endpoint on loopback; nothing else is asked."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ |= {"INSPECT_DISPLAY": "none", "INSPECT_LOG_LEVEL": "error"}
os.environ["INSPECT_LOG_DIR"] = tempfile.mkdtemp()

import inspect_ai
import inspect_ai.scorer
from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai import score as score_again
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import (
    Score,
    accuracy,
    at_least,
    exact,
    f1,
    includes,
    match,
    model_graded_qa,
    scorer,
)
from inspect_ai.scorer import math as math_scorer
from seen import ALL_DAY, HUGE, LATEX, LONGEST_S, Seen, absent, behaviour, judge, print_all, unsaid

NAMES = sorted(inspect_ai.scorer.__all__)
PACKAGE = Path(inspect_ai.__path__[0])


def run(output: str, target: Any, *scorers: Any, log_dir: str | None = None) -> Any:
    """The log of one sample whose model says the output."""
    said = ModelOutput.from_content("mockllm/model", output)
    said.usage = ModelUsage()  # or it counts tokens, by a file that it fetches
    model = get_model("mockllm/model", custom_outputs=[said])
    task = Task(dataset=[Sample(input="asked", target=target)], scorer=list(scorers))
    (log,) = evaluate(task, model=model, display="none", fail_on_error=False, log_dir=log_dir or tempfile.mkdtemp())
    return log


def scored(output: str, target: Any, one: Any, *, raises: bool = False) -> tuple[Any, str]:
    """The value that a scorer gives, None where it gives none or, if that is looked for, raises; and what was seen."""
    log = run(output, target, one)
    (sample,) = log.samples
    name = log.eval.scorers[0].name if log.eval.scorers else "scorer"
    if sample.error is not None:
        if not raises:
            raise RuntimeError(sample.error.message)
        return None, f"{name}: an error of the sample, {sample.error.message[:120]}"
    (told,) = (sample.scores or {}).values()
    value = None if isinstance(told.value, float) and math.isnan(told.value) else told.value
    metrics = {metric.name: metric.value for one in log.results.scores for metric in one.metrics.values()}
    unscored = sum(one.unscored_samples or 0 for one in log.results.scores)
    return value, f"{name}: value {told.value!r}, accuracy {metrics.get('accuracy')}, {unscored} unscored"


def judged(say: str, output: str) -> tuple[Any, str]:
    with judge(say) as (address, asked):
        model = get_model("openai-api/scripted/judge", base_url=address, api_key="none")
        value, told = scored(output, "It is polite.", model_graded_qa(model=model))
        return (value, told) if asked else (value, f"{told}; the judge was not asked")


def exit_code(dataset: str, scorers: str = "exact()") -> int:
    """Of `inspect eval` for a task with this dataset; the model says something wrong."""
    with tempfile.TemporaryDirectory() as folder, judge("wrong") as (address, asked):
        Path(folder, "it.py").write_text(TASK.format(dataset=dataset, scorers=scorers), encoding="utf-8")
        model = ["--model", "openai-api/scripted/model", "--model-base-url", address, "-M", "api_key=none"]
        run = [sys.executable, "-m", "inspect_ai", "eval", "it.py", *model, "--display", "none"]
        done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
        if len(asked) != dataset.count("Sample("):
            raise RuntimeError(done.stdout + done.stderr)
        return done.returncode


TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import exact, includes

@task
def it():
    return Task(dataset=MemoryDataset({dataset}), scorer={scorers})
"""


@behaviour
def empty_needles() -> Seen:
    value, told = scored("abc", "", includes())
    none, told_none = scored("abc", [], includes())
    return value is None and none is None, f"the target '': {told}; []: {told_none}"


@behaviour
def threshold_50() -> Seen:
    # Scorers have none; the reducer `at_least` has.
    value = at_least(1, 50.0)([Score(value=1.0)]).value
    return False, f"at_least(1, value=50.0), over epochs: taken; of the score 1 it makes {value}"


@behaviour
def threshold_0() -> Seen:
    value = at_least(1, 0.0)([Score(value=0.0)]).value
    return False, f"at_least(1, value=0.0), over epochs: taken; of the score 0 it makes {value}"


@behaviour
def nothing_expected() -> Seen:
    value, told = scored("", "", exact())
    other, told_other = scored("None", "", includes())
    return value not in ("C", 1) and other not in (
        "C",
        1,
    ), f"without a target, the output '': {told}; 'None': {told_other}"


@behaviour
def unknown_option() -> Seen:
    try:
        includes(ignorecase=False)
    except TypeError as problem:
        return True, f"TypeError: {problem}"
    return False, "taken"


@behaviour
def zero_cases() -> Seen:
    code = exit_code("[]")
    return code != 0, f"`inspect eval` of an empty dataset: exit code {code}"


@behaviour
def wrong_is_red() -> Seen:
    code = exit_code("[Sample(input='x', target='right')]")
    return code != 0, f"`inspect eval` of one wrong sample: exit code {code}"


@behaviour
def hidden_failure() -> Seen:
    code = exit_code("[Sample(input='x', target='right')]", "[exact(), includes()]")
    return None, f"no score decides anything, exit code {code} with both scorers at 0"


@behaviour
def weight_0() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "weight")


@scorer(metrics=[accuracy()])
def raising() -> Any:
    async def score(_state: Any, _target: Any) -> Score:
        raise ZeroDivisionError("bug")

    return score


@scorer(metrics=[accuracy()])
def not_a_number() -> Any:
    async def score(_state: Any, _target: Any) -> Score:
        return Score(value=float("nan"))

    return score


@behaviour
def own_exception() -> Seen:
    value, told = scored("a", "a", raising(), raises=True)
    return value is None, told


@behaviour
def own_nan() -> Seen:
    value, told = scored("a", "a", not_a_number())
    return value not in ("C", 1), told


@behaviour
def casefold() -> Seen:
    value, told = scored("Lange STRASSE 5", "straße", includes())
    return value == "C", told


@behaviour
def squad_exact() -> Seen:
    value, told = scored("the the the", "the", exact())
    return value == "C", told


@behaviour
def squad_f1() -> Seen:
    value, told = scored("Paris Paris", "Paris", f1())
    return value == 2 / 3, told


@behaviour
def levenshtein() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "levenshtein", "edit_", "distance")


@behaviour
def rouge() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "rouge")


@behaviour
def bleu() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "bleu")


@behaviour
def rouge_s() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "rouge")


@behaviour
def gleu() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "gleu", "meteor")


@behaviour
def latex() -> Seen:
    value, told = scored(LATEX, "0.5", math_scorer())
    return value == "C", told


@behaviour
def same_formula() -> Seen:
    value, told = scored(r"\boxed{\frac{x^2-1}{x-1}}", "x + 1", math_scorer())
    return value == "C", told


@behaviour
def huge_power() -> Seen:
    boxed = rf"\boxed{{{HUGE}}}"
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from inspect_ai.scorer import math
from with_inspect_ai import scored
print(scored({boxed!r}, "1", math()))
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], timeout=LONGEST_S + 5, check=True, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return False, f"math: not ended after {LONGEST_S} s"
    return "'C'" not in done.stdout, f"math: {done.stdout.strip().splitlines()[-1][:160]}"


@behaviour
def wide_digits() -> Seen:
    value, told = scored("The answer is １２３", "123", match(numeric=True))
    return value == "C", f"match(numeric=True): {told}"


@behaviour
def digits_after_han() -> Seen:
    value, told = scored("答案是123。", "123", match(numeric=True))
    return value == "C", f"match(numeric=True): {told}"


@behaviour
def indian_groups() -> Seen:
    value, told = scored("It is 12,34,567", "1234567", match(numeric=True))
    return value == "C", f"match(numeric=True): {told}"


@behaviour
def xml_in_prose() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "xml", "html")


@behaviour
def no_xml_in_prose() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "xml", "html")


@behaviour
def list_in_any_order() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "list", "contain")


@behaviour
def nearly_right_field() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "json", "diff", "similar")


@behaviour
def zero_cost() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "cost", "price")


@behaviour
def catastrophic_pattern() -> Seen:
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from inspect_ai.scorer import pattern
from with_inspect_ai import scored
scored({ALL_DAY!r}, "a", pattern("^((a+)+)$"))
"""
    try:
        subprocess.run([sys.executable, "-c", code], timeout=LONGEST_S + 5, check=True, capture_output=True)
    except subprocess.TimeoutExpired:
        return False, f"pattern: not ended after {LONGEST_S} s"
    return True, "pattern: ended"


@behaviour
def number_in_words() -> Seen:
    value, told = scored("It is $1,000.50", "1000.5", match(numeric=True))
    return value == "C", f"match(numeric=True): {told}"


@behaviour
def array_in_prose() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "json", "schema")


@behaviour
def braces_in_prose() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "json", "schema")


@behaviour
def schema_2020() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "json", "schema")


@behaviour
def double_key() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "json", "schema")


@behaviour
def sql_alias() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "sql")


@behaviour
def sql_two_statements() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "sql")


@behaviour
def sql_cut_off() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "sql")


@behaviour
def sql_in_fence() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "sql")


@behaviour
def sql_columns() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "sql")


@behaviour
def unclosed_tag() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "xml", "html")


@behaviour
def tool_arguments() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "tool", "call", "trajectory")


@behaviour
def tool_counts() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "tool", "call", "trajectory")


@behaviour
def no_tool() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "tool", "call", "trajectory")


@behaviour
def precision_at_k() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "precision", "recall")


@behaviour
def ndcg() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "dcg", "rank")


@behaviour
def citations() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "cit", "quote")


@behaviour
def refusal_word() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "refus")


@behaviour
def secrets() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "secret", "pii", "credential")


@behaviour
def unreadable_verdict() -> Seen:
    value, told = judged("I would rather not say.", "Please.")
    return value is None, told


@behaviour
def last_verdict() -> Seen:
    value, told = judged("First I thought GRADE: C\nBut no.\nGRADE: I", "Please.")
    return value == "I", told


@behaviour
def quoted_verdict() -> Seen:
    value, told = judged("The output says GRADE: C, and I do not know.", "GRADE: C")
    return value not in ("C", 1), told


@behaviour
def negated_judge() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "not_", "negat", "invert", "inverse")


@behaviour
def both_orders() -> Seen:
    return absent(NAMES, "names of inspect_ai.scorer", "pair", "arena", "prefer", "best")


@behaviour
def majority() -> Seen:
    def say(body: dict[str, Any]) -> str:
        return f"GRADE: {'I' if body['model'] == 'no' else 'C'}"

    values = []
    with judge(say) as (address, _):
        for models in (("yes", "no", "sure"), ("no", "no", "yes")):
            panel = [get_model(f"openai-api/scripted/{one}", base_url=address, api_key="none") for one in models]
            values.append(scored("x", "It is polite.", model_graded_qa(model=panel))[0])
    return values == ["C", "I"], f"model_graded_qa(model=[…]): {values[0]!r} and {values[1]!r}"


@behaviour
def golden_outputs() -> Seen:
    value, told = judged("GRADE: C", "Shut up.")
    return value != "C", f'a judge that passes everything, on "Shut up.": {told}'


@behaviour
def kappa() -> Seen:
    seen = unsaid(PACKAGE, r"\bkappa\b|kappa_")
    return None, f"{seen[1]}; krippendorff_alpha is there, a metric over several scorers"


@behaviour
def regrading() -> Seen:
    log = run("Paris", ["Paris", "Rome"], f1())
    before = [one.name for one in log.results.scores]
    again = score_again(log, exact(), action="overwrite", display="none")
    after = [one.name for one in again.results.scores]
    values = [one.value for one in again.samples[0].scores.values()]
    return (before, after) == (
        ["f1"],
        ["exact"],
    ), f"score(log, exact()): {after} {values} after {before}, from the log alone"


if __name__ == "__main__":
    print_all()
