"""Is an output good? Graders: an output and a case in, a grade out. PYTEST_DONT_REWRITE

A grader that nothing could fail is refused when it is built; an output that a grader cannot read is ungraded. Text
graders read a str or `Response.text`; structured ones read validated values, JSON text and the objects they are given.
"""

from pytest_llm.graders.agents.reply import finish_reason, max_cost, max_latency, max_tokens
from pytest_llm.graders.agents.tools import no_tool_call, tool_call_f1, tool_calls
from pytest_llm.graders.agents.trajectory import trajectory
from pytest_llm.graders.composition import all_of, any_of, at_least, not_, weighted
from pytest_llm.graders.grade import Grade, GradeState
from pytest_llm.graders.grader import Grader, Told, grader
from pytest_llm.graders.judges.judge import answer_relevance, closed_qa, factuality, judge
from pytest_llm.graders.judges.judging import Judging
from pytest_llm.graders.judges.pairwise import best_of, pairwise
from pytest_llm.graders.judges.shares import context_relevance, groundedness, scored_judge
from pytest_llm.graders.judges.similar import similar
from pytest_llm.graders.retrieval.passages import citation_valid, quotes_present
from pytest_llm.graders.retrieval.ranked import hit, mrr, ndcg, precision_at_k, recall_at_k, retrieves_nothing
from pytest_llm.graders.safety.leaks import no_prompt_leak, secret_free
from pytest_llm.graders.safety.personal import pii_free
from pytest_llm.graders.safety.refusal import refusal
from pytest_llm.graders.structure.json_documents import contains_json, json_schema, valid_json
from pytest_llm.graders.structure.numeric import number_close
from pytest_llm.graders.structure.python import valid_python
from pytest_llm.graders.structure.sql import valid_sql
from pytest_llm.graders.structure.structured import equals_expected, fields_match, json_equals
from pytest_llm.graders.structure.xml_documents import valid_xml
from pytest_llm.graders.structure.yaml_documents import valid_yaml
from pytest_llm.graders.text.answers import exact_match, f1
from pytest_llm.graders.text.counts import length, word_count
from pytest_llm.graders.text.instructions import follows
from pytest_llm.graders.text.patterns import regex
from pytest_llm.graders.text.plain import contains, contains_all, contains_any, ends_with, equals, one_of, starts_with
from pytest_llm.graders.text.similarity import bleu, chrf, levenshtein, rouge

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
    "judge",
    "length",
    "levenshtein",
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
