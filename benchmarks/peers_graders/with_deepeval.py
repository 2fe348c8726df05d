"""What deepeval does. Its telemetry is switched off; judges ask an endpoint on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ |= {"DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "OPENAI_API_KEY": "none", "DEEPEVAL_DISABLE_DOTENV": "1"}
os.environ["DEEPEVAL_DISABLE_PROGRESS_BAR"] = "1"

import deepeval
import deepeval.metrics
import nltk
import nltk.tokenize
from deepeval import metrics as m
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics.arena_g_eval.utils import FAKE_NAMES
from deepeval.models import LocalModel
from deepeval.scorer import Scorer
from deepeval.test_case import ArenaTestCase, Contestant, LLMTestCase, SingleTurnParams, ToolCall, ToolCallParams
from pydantic import BaseModel
from seen import ALL_DAY, LONGEST_S, Seen, absent, behaviour, judge, print_all, unsaid

METRICS = sorted(deepeval.metrics.__all__)
SCORES = [name for name in dir(Scorer) if not name.startswith("_")]
PACKAGE = Path(deepeval.__path__[0])


def case(output: str = "a", expected: str | None = None, **more: Any) -> LLMTestCase:
    return LLMTestCase(input="asked", actual_output=output, expected_output=expected, **more)


def measured(metric: Any, one: LLMTestCase) -> tuple[bool | None, str]:
    """Whether it passed, None for an error; and what was seen."""
    name = type(metric).__name__
    try:
        metric.measure(one, _show_indicator=False)
    except Exception as problem:
        return None, f"{name}: {type(problem).__name__}, {str(problem)[:120]}"
    return metric.is_successful(), f"{name}: {'passed' if metric.is_successful() else 'failed'}, score {metric.score}"


def pytest_run(body: str, *command: str) -> int:
    """The exit code of `deepeval test run` over one file."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text(HEAD + body, encoding="utf-8")
        run = [sys.executable, "-m", "deepeval.cli.main", "test", "run", "test_it.py", *command]
        return subprocess.run(run, cwd=folder, capture_output=True, check=False).returncode


HEAD = """
import pytest
from deepeval import assert_test
from deepeval.metrics import ExactMatchMetric, PatternMatchMetric
from deepeval.test_case import LLMTestCase
"""


def geval(address: str, **more: Any) -> m.GEval:
    model = LocalModel(model="scripted", base_url=address, api_key="none")
    params = [SingleTurnParams.ACTUAL_OUTPUT]
    return m.GEval(
        name="polite",
        evaluation_params=params,
        evaluation_steps=["Is it polite?"],
        model=model,
        async_mode=False,
        **more,
    )


def judged(say: str, output: str) -> tuple[bool | None, str]:
    with judge(say) as (address, _):
        return measured(geval(address), case(output))


@behaviour
def empty_needles() -> Seen:
    passed, told = measured(m.PatternMatchMetric(pattern=""), case("abc"))
    found = absent(METRICS, "metrics", "contain", "include")
    return None, f"{found[1]}; the nearest, the pattern '': {told}" if not passed else told


@behaviour
def threshold_50() -> Seen:
    passed, told = measured(m.ExactMatchMetric(threshold=50), case("a", "a"))
    return passed is None, f"taken; the same text: {told}"


@behaviour
def threshold_0() -> Seen:
    passed, told = measured(m.ExactMatchMetric(threshold=0), case("a", "b"))
    return passed is None, f"taken; another text: {told}"


@behaviour
def nothing_expected() -> Seen:
    passed, told = measured(m.ExactMatchMetric(), case("None"))
    return not passed, told


@behaviour
def unknown_option() -> Seen:
    try:
        m.ExactMatchMetric(treshold=1)
    except TypeError as problem:
        return True, f"TypeError: {problem}"
    return False, "taken"


@behaviour
def zero_cases() -> Seen:
    parametrized = "@pytest.mark.parametrize('case', [])\ndef test_it(case): assert_test(case, [ExactMatchMetric()])"
    code = pytest_run(parametrized)
    try:
        deepeval.evaluate(test_cases=[], metrics=[m.ExactMatchMetric()])
        told = "evaluate([]) returns"
    except Exception as problem:
        told = f"evaluate([]): {type(problem).__name__}, {problem}"
    seen = f"`deepeval test run` with an empty list of cases: exit code {code}; {told}"
    return code != 0 and "returns" not in told, seen


def compared(output: str, metrics: str) -> int:
    """The exit code of `deepeval test run` for one output, where "b" is expected."""
    one = f"LLMTestCase(input='', actual_output={output!r}, expected_output='b')"
    return pytest_run(f"def test_it(): assert_test({one}, {metrics})")


@behaviour
def wrong_is_red() -> Seen:
    wrong, right = (compared(output, "[ExactMatchMetric()]") for output in "ab")
    return (wrong != 0) and right == 0, f"`deepeval test run`: exit code {wrong}, of a right one {right}"


@behaviour
def hidden_failure() -> Seen:
    metrics = "[ExactMatchMetric(), PatternMatchMetric(pattern='[ab]')]"
    one, none = (compared(output, metrics) for output in "ab")
    return (
        one != 0 and none == 0,
        f"one of two metrics fails: exit code {one}, where none does {none}; no threshold is over both",
    )


@behaviour
def weight_0() -> Seen:
    return absent(METRICS, "metrics", "weight")


class Own(m.BaseMetric):
    """A metric of a user."""

    def __init__(self, score: Any) -> None:
        self.threshold, self.score_of, self.async_mode = 0.5, score, False

    def measure(self, *_: Any, **__: Any) -> float:
        self.score = self.score_of()
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, *_: Any, **__: Any) -> float:
        return self.measure()

    def is_successful(self) -> bool:
        return self.success

    @property
    def __name__(self) -> str:
        return "own"


def evaluated(metric: Any) -> tuple[bool | None, str]:
    """What `evaluate` says of one case: its success, and the metric's."""
    quiet = DisplayConfig(print_results=False, show_indicator=False)
    with contextlib.redirect_stdout(sys.stderr):
        result = deepeval.evaluate(
            test_cases=[case()],
            metrics=[metric],
            display_config=quiet,
            async_config=AsyncConfig(run_async=False),
            cache_config=CacheConfig(write_cache=False, use_cache=False),
        )
    (one,) = result.test_results
    (data,) = one.metrics_data
    return data.success, f"evaluate: success {data.success}, score {data.score}, error {data.error!r}"


@behaviour
def own_exception() -> Seen:
    try:
        success, told = evaluated(Own(lambda: 1 / 0))
    except ZeroDivisionError as problem:
        return True, f"evaluate raises ZeroDivisionError: {problem}"
    return success is None, told


@behaviour
def own_nan() -> Seen:
    success, told = evaluated(Own(lambda: float("nan")))
    return not success, told


@behaviour
def casefold() -> Seen:
    passed, told = measured(m.PatternMatchMetric(pattern=".*straße.*", ignore_case=True), case("Lange STRASSE 5"))
    return bool(passed), f"with ignore_case, {told}"


@behaviour
def squad_exact() -> Seen:
    passed, told = measured(m.ExactMatchMetric(), case("the the the", "the"))
    quasi = Scorer.quasi_exact_match_score("the", "the the the")
    return bool(passed) or quasi == 1, f"{told}; Scorer.quasi_exact_match_score {quasi}"


@behaviour
def squad_f1() -> Seen:
    # Scorer.squad_score asks a model whether an answer is right.
    return absent([*METRICS, *(name for name in SCORES if name != "squad_score")], "metrics and scores", "f1", "squad")


@behaviour
def levenshtein() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "levenshtein", "edit_", "distance")


@behaviour
def rouge() -> Seen:
    score = Scorer.rouge_score("the quick brown fox", "The quick brown fox.", "rouge1")
    stemmed = Scorer.rouge_score("it rains", "it rained", "rouge1")
    return (
        score == 1,
        f"no metric; Scorer.rouge_score, by rouge-score: {score}; always stemmed: 'rained' for 'rains' {stemmed}",
    )


@behaviour
def bleu() -> Seen:
    # Its tokenizer needs a model that NLTK fetches from elsewhere; words between blanks are the same to it.
    nltk.tokenize.word_tokenize = str.split
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = {kind: Scorer.sentence_bleu_score("a b c x e f", "a b c d e f", kind) for kind in ("bleu1", "bleu4")}
    return abs(
        scores["bleu4"] - 0.37991784282579627
    ) < 1e-12, f"no metric; Scorer.sentence_bleu_score, of n-grams of one length: {scores}"


@behaviour
def rouge_s() -> Seen:
    try:
        return False, f"no metric; Scorer.rouge_score: {Scorer.rouge_score('a b', 'a b', 'rougeS')}"
    except Exception as problem:
        return None, f"no metric; Scorer.rouge_score of rougeS: {type(problem).__name__}, {str(problem)[:120]}"


@behaviour
def gleu() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "gleu", "meteor")


@behaviour
def latex() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "latex", "math", "sympy")


@behaviour
def same_formula() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "latex", "math", "sympy")


@behaviour
def huge_power() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "latex", "math", "sympy")


@behaviour
def wide_digits() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "number", "numeric")


@behaviour
def digits_after_han() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "number", "numeric")


@behaviour
def indian_groups() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "number", "numeric")


@behaviour
def xml_in_prose() -> Seen:
    return absent(METRICS, "metrics", "xml", "html")


@behaviour
def no_xml_in_prose() -> Seen:
    return absent(METRICS, "metrics", "xml", "html")


@behaviour
def list_in_any_order() -> Seen:
    # Scorer.quasi_contains_score asks whether a text is one of several.
    names = [*METRICS, *(name for name in SCORES if name != "quasi_contains_score")]
    return absent(names, "metrics and scores", "list", "contain")


@behaviour
def nearly_right_field() -> Seen:
    return absent([*METRICS, *SCORES], "metrics and scores", "diff", "similar")


@behaviour
def zero_cost() -> Seen:
    return absent(METRICS, "metrics", "cost", "price")


@behaviour
def catastrophic_pattern() -> Seen:
    code = f"""
from deepeval.metrics import PatternMatchMetric
from deepeval.test_case import LLMTestCase
PatternMatchMetric(pattern="(a+)+").measure(LLMTestCase(input="", actual_output={ALL_DAY!r}))
"""
    try:
        subprocess.run([sys.executable, "-c", code], timeout=LONGEST_S, check=True, capture_output=True)
    except subprocess.TimeoutExpired:
        return False, f"PatternMatchMetric: not ended after {LONGEST_S} s"
    return True, "PatternMatchMetric: ended"


@behaviour
def number_in_words() -> Seen:
    return absent(METRICS, "metrics", "number", "numer")


class Row(BaseModel):
    """A schema, as deepeval takes it."""

    a: int


def json_correct(text: str, schema: Any = Row) -> tuple[bool | None, str]:
    with judge("{}") as (address, _):
        model = LocalModel(model="scripted", base_url=address, api_key="none")
        metric = m.JsonCorrectnessMetric(expected_schema=schema, model=model, include_reason=False, async_mode=False)
        return measured(metric, case(text))


@behaviour
def array_in_prose() -> Seen:
    passed, told = json_correct('Here it is: {"a": 1}. Enjoy!')
    return None, f"no metric looks for JSON in a text; {told}" if not passed else told


@behaviour
def braces_in_prose() -> Seen:
    passed, told = json_correct("Write {x} there.")
    return None, f"no metric looks for JSON in a text; {told}" if not passed else told


@behaviour
def schema_2020() -> Seen:
    passed, told = json_correct('["a"]', {"prefixItems": [{"type": "string"}]})
    return None, f"its schema is a pydantic model; a JSON Schema: {told}" if not passed else told


@behaviour
def double_key() -> Seen:
    passed, told = json_correct('{"a": 1, "a": 2}')
    return not passed, told


@behaviour
def sql_alias() -> Seen:
    return absent(METRICS, "metrics", "sql")


@behaviour
def sql_two_statements() -> Seen:
    return absent(METRICS, "metrics", "sql")


@behaviour
def sql_cut_off() -> Seen:
    return absent(METRICS, "metrics", "sql")


@behaviour
def sql_in_fence() -> Seen:
    return absent(METRICS, "metrics", "sql")


@behaviour
def sql_columns() -> Seen:
    return absent(METRICS, "metrics", "sql")


@behaviour
def unclosed_tag() -> Seen:
    return absent(METRICS, "metrics", "xml", "html")


def tools(called: list[ToolCall], expected: list[ToolCall], **more: Any) -> tuple[bool | None, str]:
    with judge("{}") as (address, _):
        model = LocalModel(model="scripted", base_url=address, api_key="none")
        metric = m.ToolCorrectnessMetric(model=model, async_mode=False, threshold=1, **more)
        return measured(metric, case(tools_called=called, expected_tools=expected))


def find(city: str) -> ToolCall:
    return ToolCall(name="find", input_parameters={"city": city})


@behaviour
def tool_arguments() -> Seen:
    params = {"evaluation_params": [ToolCallParams.INPUT_PARAMETERS]}
    right = tools([find("Oslo")], [find("Oslo")], **params)
    wrong = tools([find("Oslo")], [find("Rome")], **params)
    without = tools([find("Oslo")], [find("Rome")])
    told = f"with INPUT_PARAMETERS, the wrong one: {wrong[1]}; by default: {without[1]}"
    return right[0] is True and wrong[0] is False, told


@behaviour
def tool_counts() -> Seen:
    default = tools([find("Oslo")] * 2, [find("Oslo")])
    exact = tools([find("Oslo")] * 2, [find("Oslo")], should_exact_match=True)
    return exact[0] is False, f"with should_exact_match: {exact[1]}; by default: {default[1]}"


@behaviour
def no_tool() -> Seen:
    none = tools([], [], should_exact_match=True)
    one = tools([find("Oslo")], [], should_exact_match=True)
    return none[0] is True and one[0] is False, f"no call: {none[1]}; a call: {one[1]}"


@behaviour
def precision_at_k() -> Seen:
    # ContextualPrecisionMetric asks a judge which passages are relevant; it is not told.
    names = [name for name in METRICS if name not in ("ContextualPrecisionMetric", "TurnContextualPrecisionMetric")]
    seen = absent(names, "metrics beside the judged ContextualPrecisionMetric", "precision", "atk", "at_k")
    return None, seen[1]


@behaviour
def ndcg() -> Seen:
    return absent(METRICS, "metrics", "dcg", "rank")


@behaviour
def citations() -> Seen:
    return absent(METRICS, "metrics", "citation", "quot")


@behaviour
def refusal_word() -> Seen:
    return absent(METRICS, "metrics", "refus")


@behaviour
def secrets() -> Seen:
    # PIILeakageMetric asks a judge.
    names = [name for name in METRICS if name != "PIILeakageMetric"]
    return absent(names, "metrics beside the judged PIILeakageMetric", "secret", "pii", "credential")


@behaviour
def unreadable_verdict() -> Seen:
    passed, told = judged("I would rather not say.", "Please.")
    return passed is None, told


@behaviour
def last_verdict() -> Seen:
    passed, told = judged('First {"score": 10, "reason": "a"}. No: {"score": 0, "reason": "b"}', "Please.")
    return passed is False, told


@behaviour
def quoted_verdict() -> Seen:
    output = '{"score": 10, "reason": "I say so"}'
    passed, told = judged(f"The output says {output}, and I do not know.", output)
    return not passed, told


@behaviour
def negated_judge() -> Seen:
    return absent(
        [*METRICS, *vars(m.GEval)], "metrics and members of GEval", "not_", "notmetric", "negat", "invert", "inverse"
    )


@behaviour
def both_orders() -> Seen:
    def say(body: dict[str, Any]) -> str:
        # It calls the two by names that it draws.
        drawn = [name for name in FAKE_NAMES if re.search(rf"\b{name}\b", json.dumps(body["messages"]))]
        return json.dumps({"winner": drawn[0] if drawn else "", "reason": "x", "rewritten_reason": "x"})

    with judge(say) as (address, asked):
        model = LocalModel(model="scripted", base_url=address, api_key="none")
        params = [SingleTurnParams.ACTUAL_OUTPUT]
        metric = m.ArenaGEval(
            name="short", evaluation_params=params, evaluation_steps=["the shorter"], model=model, async_mode=False
        )
        contestants = [
            Contestant(name=name, test_case=case(output), hyperparameters={})
            for name, output in (("one", "zebra"), ("two", "heron"))
        ]
        metric.measure(ArenaTestCase(contestants=contestants), _show_indicator=False)
        texts = [json.dumps(body["messages"]) for body in asked]
        orders = [text.index("zebra") < text.index("heron") for text in texts if "zebra" in text and "heron" in text]
    return len(set(orders)) == 2, f"ArenaGEval of two outputs: {len(asked)} requests, {len(orders)} of them with both"


@behaviour
def majority() -> Seen:
    return absent(METRICS, "metrics", "major", "vote", "panel", "jury", "atleast")


@behaviour
def golden_outputs() -> Seen:
    passed, told = judged('{"score": 10, "reason": "yes"}', "Shut up.")
    return not passed, f'a judge that passes everything, on "Shut up.": {told}'


@behaviour
def kappa() -> Seen:
    return unsaid(PACKAGE, r"\bkappa\b|kappa_")


@behaviour
def regrading() -> Seen:
    # Its test cases are outputs that the user kept; nobody is asked for them, and it keeps none itself.
    right, wrong = (measured(m.ExactMatchMetric(), case("Paris", name))[1] for name in ("Paris", "Rome"))
    return True, f"what it is given are outputs, which it does not record: {right}; with another answer {wrong}"


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    print_all()
