"""The case keys group, split and relevant: kept, and never taken from a prompt or a test without a word."""

from __future__ import annotations

import json

import pytest

TEST = """
import pytest
from pytest_llm import Prompt
ask = Prompt(name="ask", model="tiny", user="{template}")
@pytest.mark.llm(ask, cases="cases.jsonl")
def test_it(llm_case, llm_response):
    assert llm_case[{read!r}]
"""


def write(project, case, template="{{ q }}", read="q"):
    project.write("cases.jsonl", json.dumps({"id": "a", "q": "Paris?", **case}) + "\n")
    project.write("test_it.py", TEST.replace("{template}", template).replace("{read!r}", repr(read)))


@pytest.mark.parametrize("key", ["group", "split", "relevant"])
@pytest.mark.parametrize("template", ["{{ q }} {{ KEY }}", "{{ q }}{% if KEY is defined %} {{ KEY }}{% endif %}"])
def test_a_template_that_uses_a_reserved_key_as_an_input_is_an_error_with_the_fix(project, key, template):
    """Also where the template could do without it: the request would change without a word."""
    value = {"group": "gull", "split": "dev", "relevant": ["n1"]}[key]
    write(project, {key: value}, template.replace("KEY", key))
    found = project.run()
    found.stdout.fnmatch_lines(
        [
            f"""the template of Prompt "ask" uses '{key}', which is a reserved key of a case and no input""",
            "  where       */cases.jsonl:1, case 'a'",
            f'  as an input {{"inputs": {{"{key}": …}}}}      (CSV: rename the column)',
        ]
    )
    assert found.parseoutcomes() == {"errors": 1}
    write(project, {"q": None, "inputs": {"q": "Paris?", key: value}}, template.replace("KEY", key))
    project.write("cases.jsonl", json.dumps({"id": "a", "inputs": {"q": "Paris?", key: value}}))
    assert project.run("--collect-only").ret == 0


def test_a_test_that_reads_a_reserved_key_as_an_input_is_told_the_fix(project, serve):
    project.use(serve(lambda body, n: "Paris"))
    write(project, {"group": "gull"}, read="group")
    found = project.record()
    assert found.parseoutcomes() == {"failed": 1}
    found.stdout.fnmatch_lines(
        [
            """E *KeyError: 'case "a" has no input "group": it is a reserved key; read llm_case.group, or as an input: *"""
        ]
    )


def test_a_train_case_is_an_item_like_any_other(project, serve):
    project.use(serve(lambda body, n: "Paris"))
    write(project, {"group": "gull", "split": "train", "relevant": ["n1", "n2"]})
    assert project.record().parseoutcomes() == {"passed": 1}
    result = json.loads((project.path / ".pytest_llm/last-run.jsonl").read_text().splitlines()[1])
    assert (result["group"], result["split"], result["relevant"]) == ("gull", "train", ["n1", "n2"])
