"""Who grades texts does not pay for the libraries of other graders; seen from a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "rapidfuzz rouge_score sacrebleu sqlglot duckdb postgast defusedxml mpmath nltk numpy regex phonenumbers stdnum "
    "jsonschema jsonschema_rs openai yaml"
)
CODE = f"""
import json, sys
from pytest_llm import Case, graders as g
from pytest_llm.calls import Response, ToolCall, Usage

case = Case(id="one", inputs={{"q": "a"}}, expected="a", context=["a b c d e f"])
call = ToolCall(name="f", arguments={{"a": 1}}, arguments_text="{{}}")
reply = Response(text="a", tool_calls=[call], finish_reason="stop", usage=Usage(completion_tokens=1), cost=1.0, latency=1.0)
ranking = ["a", "b"]
{{statements}}
print(json.dumps([name for name in "{HEAVY}".split() if name in sys.modules]))
"""
LIGHT = """\
g.equals("a").grade("a")
g.one_of(["a"]).grade("a")
g.contains("a").grade("b")
g.contains_any(["a"]).grade("b")
g.contains_all(["a"]).grade("b")
g.starts_with("a").grade("b")
g.ends_with("a").grade("b")
g.regex("a").grade("b")
g.word_count(max=1).grade("b")
g.length(max=1).grade("b")
g.follows("punctuation:no_comma").grade("a")
g.exact_match().grade("a", case)
g.f1().grade("a", case)
g.equals_expected().grade("a", case)
g.json_equals({"a": 1}).grade('{"a": 2}')
g.fields_match(expected={"a": 1}).grade('{"a": 2}')
g.valid_json().grade("[1]")
g.contains_json().grade("So: [1].")
g.number_close(1).grade("1")
g.valid_python().grade("a = 1")
g.finish_reason("stop").grade(reply)
g.max_tokens(1).grade(reply)
g.max_cost(1).grade(reply)
g.max_latency(1).grade(reply)
g.tool_calls([{"name": "f", "arguments": {"a": 1}}]).grade(reply)
g.tool_call_f1([{"name": "f"}]).grade(reply)
g.no_tool_call().grade(reply)
g.trajectory(max_steps=2).grade(reply)
g.recall_at_k(1, relevant=["a"]).grade(ranking)
g.precision_at_k(1, relevant=["a"]).grade(ranking)
g.mrr(relevant=["a"]).grade(ranking)
g.ndcg(1, relevant=["a"]).grade(ranking)
g.hit(1, relevant=["a"]).grade(ranking)
g.retrieves_nothing().grade(ranking)
g.citation_valid().grade("[1]", case)
g.quotes_present().grade('"a b c d e"', case)
g.refusal().grade("Sorry, I cannot help with that.")
g.secret_free().grade("a")
g.no_prompt_leak("a b c d", words=3).grade("a")
g.all_of(g.contains("a"), g.not_(g.contains("b"))).grade("a")
g.at_least(1, g.contains("a"), g.contains("b")).grade("a")
g.weighted({g.contains("a"): 1, g.contains("b"): 1}, threshold=0.5).grade("a")
""".splitlines()
HEAVIER = {
    "rapidfuzz": 'g.levenshtein("a", threshold=0.5).grade("a")',
    "rouge_score": 'g.rouge("a", threshold=0.5).grade("a")',
    "sacrebleu": 'g.bleu("a", threshold=0.5).grade("a")',
    "sqlglot": 'g.valid_sql().grade("SELECT 1")',
    "mpmath": 'g.math_equal("1").grade("1")',
    "defusedxml": 'g.valid_xml().grade("<a/>")',
    "regex": 'g.regex("a+b").grade("b")',
    "phonenumbers": 'g.pii_free().grade("a")',
    "jsonschema": 'g.json_schema({"type": "array"}).grade("[1]")',
    "yaml": 'g.valid_yaml().grade("a: 1")',
}


def loaded(*statements):
    code = CODE.replace("{statements}", "\n".join(f"assert ({one}).state != 'ungraded'" for one in statements))
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_all_graders_and_calling_the_light_ones_loads_no_library_of_another():
    assert loaded(*LIGHT) == "[]"


@pytest.mark.parametrize(("library", "statement"), HEAVIER.items(), ids=HEAVIER)
def test_a_library_is_loaded_by_the_grader_that_needs_it(library, statement):
    """Or the test above would look for names that nobody loads."""
    assert f'"{library}"' in loaded(statement)
