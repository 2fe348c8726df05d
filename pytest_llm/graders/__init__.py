"""Is an output good? Graders: an output and a case in, a grade out. PYTEST_DONT_REWRITE

A grader that nothing could fail is refused when it is built; an output that a grader cannot read is ungraded. Text
graders read a str or `Response.text`; structured ones read validated values, JSON text and the objects they are given.

Each family is loaded by the first of its names that is used.
"""

from importlib import import_module

from pytest_llm.graders.composition import all_of, any_of, at_least, not_, weighted
from pytest_llm.graders.grade import Grade, GradeState
from pytest_llm.graders.grader import Grader, Told, grader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_llm.graders.agents.reply import finish_reason as finish_reason
    from pytest_llm.graders.agents.reply import max_cost as max_cost
    from pytest_llm.graders.agents.reply import max_latency as max_latency
    from pytest_llm.graders.agents.reply import max_tokens as max_tokens
    from pytest_llm.graders.agents.tools import no_tool_call as no_tool_call
    from pytest_llm.graders.agents.tools import tool_call_f1 as tool_call_f1
    from pytest_llm.graders.agents.tools import tool_calls as tool_calls
    from pytest_llm.graders.agents.trajectory import trajectory as trajectory
    from pytest_llm.graders.judges.judge import answer_relevance as answer_relevance
    from pytest_llm.graders.judges.judge import closed_qa as closed_qa
    from pytest_llm.graders.judges.judge import factuality as factuality
    from pytest_llm.graders.judges.judge import judge as judge
    from pytest_llm.graders.judges.judging import Judging as Judging
    from pytest_llm.graders.judges.pairwise import best_of as best_of
    from pytest_llm.graders.judges.pairwise import pairwise as pairwise
    from pytest_llm.graders.judges.shares import context_relevance as context_relevance
    from pytest_llm.graders.judges.shares import groundedness as groundedness
    from pytest_llm.graders.judges.shares import scored_judge as scored_judge
    from pytest_llm.graders.judges.similar import similar as similar
    from pytest_llm.graders.retrieval.passages import citation_valid as citation_valid
    from pytest_llm.graders.retrieval.passages import quotes_present as quotes_present
    from pytest_llm.graders.retrieval.ranked import hit as hit
    from pytest_llm.graders.retrieval.ranked import mrr as mrr
    from pytest_llm.graders.retrieval.ranked import ndcg as ndcg
    from pytest_llm.graders.retrieval.ranked import precision_at_k as precision_at_k
    from pytest_llm.graders.retrieval.ranked import recall_at_k as recall_at_k
    from pytest_llm.graders.retrieval.ranked import retrieves_nothing as retrieves_nothing
    from pytest_llm.graders.safety.leaks import no_prompt_leak as no_prompt_leak
    from pytest_llm.graders.safety.leaks import secret_free as secret_free
    from pytest_llm.graders.safety.personal import pii_free as pii_free
    from pytest_llm.graders.safety.refusal import refusal as refusal
    from pytest_llm.graders.structure.json_documents import contains_json as contains_json
    from pytest_llm.graders.structure.json_documents import json_schema as json_schema
    from pytest_llm.graders.structure.json_documents import valid_json as valid_json
    from pytest_llm.graders.structure.mathematics import math_equal as math_equal
    from pytest_llm.graders.structure.nearness import json_similarity as json_similarity
    from pytest_llm.graders.structure.nearness import list_contains as list_contains
    from pytest_llm.graders.structure.numeric import number_close as number_close
    from pytest_llm.graders.structure.python import valid_python as valid_python
    from pytest_llm.graders.structure.sql import contains_sql as contains_sql
    from pytest_llm.graders.structure.sql import valid_sql as valid_sql
    from pytest_llm.graders.structure.structured import equals_expected as equals_expected
    from pytest_llm.graders.structure.structured import fields_match as fields_match
    from pytest_llm.graders.structure.structured import json_equals as json_equals
    from pytest_llm.graders.structure.xml_documents import contains_xml as contains_xml
    from pytest_llm.graders.structure.xml_documents import valid_xml as valid_xml
    from pytest_llm.graders.structure.yaml_documents import valid_yaml as valid_yaml
    from pytest_llm.graders.text.answers import exact_match as exact_match
    from pytest_llm.graders.text.answers import f1 as f1
    from pytest_llm.graders.text.counts import length as length
    from pytest_llm.graders.text.counts import word_count as word_count
    from pytest_llm.graders.text.instructions import follows as follows
    from pytest_llm.graders.text.patterns import regex as regex
    from pytest_llm.graders.text.plain import contains as contains
    from pytest_llm.graders.text.plain import contains_all as contains_all
    from pytest_llm.graders.text.plain import contains_any as contains_any
    from pytest_llm.graders.text.plain import ends_with as ends_with
    from pytest_llm.graders.text.plain import equals as equals
    from pytest_llm.graders.text.plain import one_of as one_of
    from pytest_llm.graders.text.plain import starts_with as starts_with
    from pytest_llm.graders.text.similarity import bleu as bleu
    from pytest_llm.graders.text.similarity import chrf as chrf
    from pytest_llm.graders.text.similarity import levenshtein as levenshtein
    from pytest_llm.graders.text.similarity import rouge as rouge

# From a name to its file; a test holds that this and the block above agree.
_FILES = {
    "Judging": "judges.judging",
    "answer_relevance": "judges.judge",
    "best_of": "judges.pairwise",
    "bleu": "text.similarity",
    "chrf": "text.similarity",
    "citation_valid": "retrieval.passages",
    "closed_qa": "judges.judge",
    "contains": "text.plain",
    "contains_all": "text.plain",
    "contains_any": "text.plain",
    "contains_json": "structure.json_documents",
    "contains_xml": "structure.xml_documents",
    "context_relevance": "judges.shares",
    "ends_with": "text.plain",
    "equals": "text.plain",
    "equals_expected": "structure.structured",
    "exact_match": "text.answers",
    "f1": "text.answers",
    "factuality": "judges.judge",
    "fields_match": "structure.structured",
    "finish_reason": "agents.reply",
    "follows": "text.instructions",
    "groundedness": "judges.shares",
    "hit": "retrieval.ranked",
    "json_equals": "structure.structured",
    "json_schema": "structure.json_documents",
    "json_similarity": "structure.nearness",
    "judge": "judges.judge",
    "length": "text.counts",
    "levenshtein": "text.similarity",
    "list_contains": "structure.nearness",
    "math_equal": "structure.mathematics",
    "max_cost": "agents.reply",
    "max_latency": "agents.reply",
    "max_tokens": "agents.reply",
    "mrr": "retrieval.ranked",
    "ndcg": "retrieval.ranked",
    "no_prompt_leak": "safety.leaks",
    "no_tool_call": "agents.tools",
    "number_close": "structure.numeric",
    "one_of": "text.plain",
    "pairwise": "judges.pairwise",
    "pii_free": "safety.personal",
    "precision_at_k": "retrieval.ranked",
    "quotes_present": "retrieval.passages",
    "recall_at_k": "retrieval.ranked",
    "refusal": "safety.refusal",
    "regex": "text.patterns",
    "retrieves_nothing": "retrieval.ranked",
    "rouge": "text.similarity",
    "scored_judge": "judges.shares",
    "secret_free": "safety.leaks",
    "similar": "judges.similar",
    "starts_with": "text.plain",
    "tool_call_f1": "agents.tools",
    "tool_calls": "agents.tools",
    "trajectory": "agents.trajectory",
    "valid_json": "structure.json_documents",
    "valid_python": "structure.python",
    "contains_sql": "structure.sql",
    "valid_sql": "structure.sql",
    "valid_xml": "structure.xml_documents",
    "valid_yaml": "structure.yaml_documents",
    "word_count": "text.counts",
}

__all__ = [
    "Grade",
    "GradeState",
    "Grader",
    "Judging",
    "Told",
    "all_of",
    "answer_relevance",
    "any_of",
    "at_least",
    "best_of",
    "bleu",
    "chrf",
    "citation_valid",
    "closed_qa",
    "contains",
    "contains_all",
    "contains_any",
    "contains_json",
    "contains_sql",
    "contains_xml",
    "context_relevance",
    "ends_with",
    "equals",
    "equals_expected",
    "exact_match",
    "f1",
    "factuality",
    "fields_match",
    "finish_reason",
    "follows",
    "grader",
    "groundedness",
    "hit",
    "json_equals",
    "json_schema",
    "json_similarity",
    "judge",
    "length",
    "levenshtein",
    "list_contains",
    "math_equal",
    "max_cost",
    "max_latency",
    "max_tokens",
    "mrr",
    "ndcg",
    "no_prompt_leak",
    "no_tool_call",
    "not_",
    "number_close",
    "one_of",
    "pairwise",
    "pii_free",
    "precision_at_k",
    "quotes_present",
    "recall_at_k",
    "refusal",
    "regex",
    "retrieves_nothing",
    "rouge",
    "scored_judge",
    "secret_free",
    "similar",
    "starts_with",
    "tool_call_f1",
    "tool_calls",
    "trajectory",
    "valid_json",
    "valid_python",
    "valid_sql",
    "valid_xml",
    "valid_yaml",
    "weighted",
    "word_count",
]


def __getattr__(name: str) -> object:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = value
    return value
