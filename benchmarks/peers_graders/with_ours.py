"""What pytest_llm does: the same behaviours, by its own graders. Judges ask an endpoint on loopback."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seen import ALL_DAY, HUGE, LATEX, LIN, LONGEST_S, NO_XML, XML, Seen, absent, behaviour, judge, print_all

from pytest_llm import Case, graders
from pytest_llm.calls import Response, ToolCall
from pytest_llm.errors import GraderError

NAMES = list(graders.__all__)
RUBRIC: dict[str, Any] = {"model": "judge", "passes": ["Please."], "fails": ["Shut up."]}


def refusal(build: Callable[[], object]) -> Seen:
    """That a grader cannot be built so."""
    try:
        build()
    except GraderError as problem:
        return True, str(problem).splitlines()[0]
    return False, "taken"


def graded(grader: graders.Grader, output: object, case: Case | None = None) -> tuple[bool | None, str]:
    """Whether it passed, None for ungraded; and what was seen."""
    grade = grader.grade(output, case)
    score = "" if grade.score is None else f", score {grade.score}"
    return grade.passed, f"{grade.name}: {grade.state}{score}{f' ({grade.reason[:160]})' if grade.reason else ''}"


def verdict(word: str) -> Callable[[dict[str, Any]], str]:
    """What a judge says that always has this verdict; any other model says Paris."""

    def say(body: dict[str, Any]) -> str:
        if body["model"] != "judge":
            return "Paris"
        return f"I looked. {json.dumps({'check': check_word(body), 'verdict': word})}"

    return say


def check_word(body: dict[str, Any]) -> str:
    """The word that a judge is asked to put into its verdict."""
    found = re.search(r'\{"check": "(\w+)"', body["messages"][0]["content"])
    if found is None:
        raise LookupError("the judge was not told a check word")
    return found[1]


def judged(
    say: str | Callable[[dict[str, Any]], str], output: str, *, negated: bool = False
) -> tuple[bool | None, str]:
    with judge(say) as (address, _):
        one = graders.judge("It is polite.", base_url=address, **RUBRIC)
        return graded(graders.not_(one) if negated else one, output)


def ran(test: str, say: str | Callable[[dict[str, Any]], str], *more: tuple[str, ...]) -> list[tuple[int, str]]:
    """The exit code and the text of pytest over one file, recorded, and of further commands in its folder."""
    with tempfile.TemporaryDirectory() as folder, judge(say) as (address, asked):
        Path(folder, "test_it.py").write_text(HEAD + test, encoding="utf-8")
        Path(folder, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        environment = {**os.environ, "OPENAI_BASE_URL": address, "OPENAI_API_KEY": "none"}
        told = []
        quick = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "addopts=")
        for command in (("pytest", *quick, "--llm-record"), *more):
            if command[0] == "replace":
                file = Path(folder, "test_it.py")
                file.write_text(file.read_text(encoding="utf-8").replace(*command[1:]), encoding="utf-8")
                continue
            program = {
                "pytest": ["-m", "pytest"],
                "pytest-llm": ["-c", "from pytest_llm.cli import main; exit(main())"],
            }
            run = [sys.executable, *program[command[0]], *command[1:]]
            before = len(asked)
            done = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            told.append((done.returncode, f"{done.stdout}{done.stderr}\nasked {len(asked) - before}"))
        return told


HEAD = """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import contains, equals, judge, weighted

capital = Prompt(name="capital", model="tiny", user="{{ q }}")
CASES = [{"id": "one", "q": "What is the capital?"}]
"""


def marked(graders_text: str, cases: str = "CASES") -> str:
    return f"""
@pytest.mark.llm(capital, cases={cases}, graders=[{graders_text}])
def test_it(llm_response): ...
"""


@behaviour
def empty_needles() -> Seen:
    none, blank = refusal(lambda: graders.contains_all([])), refusal(lambda: graders.contains(""))
    return none[0] and blank[0], f"{none[1]}; {blank[1]}"


@behaviour
def threshold_50() -> Seen:
    return refusal(lambda: graders.rouge("a b", threshold=50))


@behaviour
def threshold_0() -> Seen:
    return refusal(lambda: graders.rouge("a b", threshold=0))


@behaviour
def nothing_expected() -> Seen:
    texts = ("", "None", "undefined", "null")
    grades = {text: graded(graders.equals_expected(), text, Case(id="one")) for text in texts}
    return not any(passed for passed, _ in grades.values()), grades[""][1]


@behaviour
def unknown_option() -> Seen:
    try:
        graders.levenshtein("a", treshold=0.5)
    except TypeError as problem:
        return True, f"TypeError: {problem}"
    return False, "taken"


@behaviour
def zero_cases() -> Seen:
    ((code, text),) = ran(marked('contains("a")', cases="[]"), "Paris")
    line = next((line for line in text.splitlines() if "there is no case" in line), "it does not say why")
    return code != 0 and "no case" in line, f"pytest, `cases=[]`: exit code {code}, {line}"


@behaviour
def wrong_is_red() -> Seen:
    ((code, _),) = ran(marked('equals("Rome")'), "Paris")
    ((right, _),) = ran(marked('equals("Paris")'), "Paris")
    return code == 1 and right == 0, f"pytest: exit code {code}, of a right one {right}"


@behaviour
def hidden_failure() -> Seen:
    one, other = graders.contains("must"), graders.contains("a")
    passed, told = graded(graders.weighted({one: 1, other: 1}, threshold=0.5, required=[one]), "a")
    ((code, _),) = ran(marked('equals("Rome"), contains("Paris")'), "Paris")
    return passed is False and code == 1, f"one of two graders fails: exit code {code}; {told}"


@behaviour
def weight_0() -> Seen:
    one = graders.contains("a")
    return refusal(lambda: graders.weighted({one: 0, graders.contains("b"): 1}, threshold=0.5))


@behaviour
def own_exception() -> Seen:
    @graders.grader
    def own(_output: str) -> bool:
        raise ZeroDivisionError("bug")

    passed, told = graded(own, "a")
    return passed is None, told


@behaviour
def own_nan() -> Seen:
    @graders.grader(threshold=0.5)
    def own(_output: str) -> float:
        return float("nan")

    passed, told = graded(own, "a")
    return not passed, told


@behaviour
def casefold() -> Seen:
    passed, told = graded(graders.contains("straße", casefold=True), "Lange STRASSE 5")
    return passed is True, told


@behaviour
def squad_exact() -> Seen:
    passed, told = graded(graders.exact_match(), "the the the", Case(id="one", expected="the"))
    return passed is True, told


@behaviour
def squad_f1() -> Seen:
    score = graders.f1().grade("Paris Paris", Case(id="one", expected="Paris")).score
    return score == 2 / 3, f"f1: score {score}"


@behaviour
def levenshtein() -> Seen:
    passed, told = graded(graders.levenshtein("a😀", threshold=0.5), "a")
    return passed is True, told


@behaviour
def rouge() -> Seen:
    grade = graders.rouge("the quick brown fox", kind="rouge1", threshold=0.9).grade("The quick brown fox.")
    return grade.score == 1, f"rouge(kind='rouge1'): score {grade.score}"


@behaviour
def bleu() -> Seen:
    score = graders.bleu("a b c x e f", threshold=0.3).grade("a b c d e f").score
    return score is not None and abs(score - 0.37991784282579627) < 1e-12, f"bleu: score {score}"


@behaviour
def gleu() -> Seen:
    return absent(NAMES, "names of pytest_llm.graders", "gleu", "meteor")


@behaviour
def rouge_s() -> Seen:
    score = graders.rouge(LIN[0], kind="rougeS").grade(LIN[1]).score
    return score is not None and abs(score - 1 / 3) < 1e-12, f"rouge(kind='rougeS'): score {score}"


@behaviour
def latex() -> Seen:
    passed, told = graded(graders.math_equal("0.5"), LATEX)
    return passed is True, told


@behaviour
def same_formula() -> Seen:
    passed, told = graded(graders.math_equal("x + 1"), r"\frac{x^2-1}{x-1}")
    return passed is True, told


@behaviour
def huge_power() -> Seen:
    code = f"from pytest_llm.graders import math_equal; g = math_equal('1').grade({HUGE!r}); print(g.state, g.reason)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], timeout=LONGEST_S, check=True, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return False, f"math_equal: not ended after {LONGEST_S} s"
    return "passed" not in done.stdout, f"math_equal: {done.stdout.strip()}"


@behaviour
def catastrophic_pattern() -> Seen:
    code = f"from pytest_llm.graders import regex; print(regex('^(a+)+$').grade({ALL_DAY!r}).state)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], timeout=LONGEST_S, check=True, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return False, f"regex: not ended after {LONGEST_S} s"
    return True, f"regex: {done.stdout.strip()}"


@behaviour
def number_in_words() -> Seen:
    passed, told = graded(graders.number_close(1000.5, unit="$", pick="last"), "It is $1,000.50")
    return passed is True, told


@behaviour
def wide_digits() -> Seen:
    passed, told = graded(graders.number_close(123, pick="last"), "The answer is １２３")
    return passed is True, told


@behaviour
def digits_after_han() -> Seen:
    passed, told = graded(graders.number_close(123, pick="last"), "答案是123。")
    return passed is True, told


@behaviour
def indian_groups() -> Seen:
    passed, told = graded(graders.number_close(1234567, pick="last"), "It is 12,34,567")
    return passed is True, told


@behaviour
def array_in_prose() -> Seen:
    passed, told = graded(graders.contains_json(), "Here it is: [1, 2, 3]. Enjoy!")
    return passed is True, told


@behaviour
def braces_in_prose() -> Seen:
    passed, told = graded(graders.contains_json(), "Write {x} there.")
    return passed is False, told


@behaviour
def schema_2020() -> Seen:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"type": "string"}]}
    good, bad = (graded(graders.json_schema(schema), text) for text in ('["a"]', "[1]"))
    return (good[0], bad[0]) == (True, False), f"{good[1]}; [1]: {bad[1]}"


@behaviour
def double_key() -> Seen:
    passed, told = graded(graders.valid_json(), '{"a": 1, "a": 2}')
    return passed is False, told


@behaviour
def sql_alias() -> Seen:
    grades = [graded(graders.valid_sql(one), "SELECT name n FROM users") for one in (None, "mysql", "postgres")]
    return all(passed is True for passed, _ in grades), f"{grades[0][1]}; for PostgreSQL {grades[2][1]}"


@behaviour
def sql_two_statements() -> Seen:
    passed, told = graded(graders.valid_sql(), "SELECT 1; DROP TABLE x")
    return passed is False, told


@behaviour
def sql_cut_off() -> Seen:
    grades = [graded(graders.valid_sql(one), "UPDATE t SET") for one in (None, "mysql", "postgres", "sqlite")]
    return all(passed is False for passed, _ in grades), grades[0][1]


@behaviour
def sql_in_fence() -> Seen:
    passed, told = graded(graders.contains_sql(), "Here it is:\n```sql\nSELECT id FROM users\n```\nEnjoy!")
    return passed is True, told


@behaviour
def sql_columns() -> Seen:
    allowed = graders.valid_sql(columns=["users.name"])
    (first, _), (second, told) = graded(allowed, "SELECT name FROM users"), graded(allowed, "SELECT id FROM users")
    return first is True and second is False, told


@behaviour
def unclosed_tag() -> Seen:
    passed, told = graded(graders.valid_xml(), "<div>text")
    return passed is False, told


@behaviour
def xml_in_prose() -> Seen:
    passed, told = graded(graders.contains_xml("order", ["line"]), XML)
    return passed is True, told


@behaviour
def no_xml_in_prose() -> Seen:
    passed, told = graded(graders.contains_xml(), NO_XML)
    return passed is False, told


@behaviour
def list_in_any_order() -> Seen:
    one, other = (graders.list_contains(["oak", "ash"]).grade(text) for text in ('["ash", "oak"]', '["ash", "oaks"]'))
    return (one.score, other.score) == (1, 0.875), f"list_contains: score {one.score}; score {other.score}"


@behaviour
def nearly_right_field() -> Seen:
    score = graders.json_similarity({"name": "Ann", "age": 30}).grade('{"name": "Ana", "age": 30}').score
    return score is not None and abs(score - 5 / 6) < 1e-12, f"json_similarity: score {score}"


@behaviour
def zero_cost() -> Seen:
    free, dear = (graded(graders.max_cost(0), Response(text="a", cost=cost)) for cost in (0.0, 0.01))
    return (free[0], dear[0]) == (True, False), f"{free[1]}; {dear[1]}"


def find(city: str) -> ToolCall:
    arguments = {"city": city}
    return ToolCall(name="find", arguments=arguments, arguments_text=json.dumps(arguments))


def wanted(city: str) -> dict[str, Any]:
    return {"name": "find", "arguments": {"city": city}}


@behaviour
def tool_arguments() -> Seen:
    response = Response(text="", tool_calls=(find("Oslo"),))
    right, wrong = (graded(graders.tool_calls([wanted(city)]), response) for city in ("Oslo", "Rome"))
    return (right[0], wrong[0]) == (True, False), wrong[1]


@behaviour
def tool_counts() -> Seen:
    response = Response(text="", tool_calls=(find("Oslo"), find("Oslo")))
    exact = graded(graders.tool_calls([wanted("Oslo")], exact=True), response)
    share = graded(graders.tool_call_f1([wanted("Oslo")], threshold=1.0), response)
    return (exact[0], share[0]) == (False, False), f"{exact[1]}; {share[1]}"


@behaviour
def no_tool() -> Seen:
    # An empty reply that no provider has ended would be ungraded.
    replies = [Response(text="done", tool_calls=calls) for calls in ((), (find("Oslo"),))]
    none, one = (graded(graders.no_tool_call(), reply) for reply in replies)
    return (none[0], one[0]) == (True, False), f"{none[1]}; {one[1]}"


@behaviour
def precision_at_k() -> Seen:
    score = graders.precision_at_k(5, relevant=["a"]).grade(["a", "b"]).score
    return score == 1 / 5, f"precision_at_k(5) of two passages, one of them relevant: {score}"


@behaviour
def ndcg() -> Seen:
    score = graders.ndcg(3, relevant={"a": 3, "b": 2}).grade(["b", "x", "a"]).score
    official = (2 + 3 / math.log2(4)) / (3 + 2 / math.log2(3))
    return score == official, f"ndcg(3): {score}"


@behaviour
def citations() -> Seen:
    right, wrong = (graded(graders.citation_valid(["1", "2"]), text) for text in ("So it is [1].", "So it is [7]."))
    return (right[0], wrong[0]) == (True, False), wrong[1]


@behaviour
def refusal_word() -> Seen:
    text = "Sorry, I cannot find a faster algorithm than this one; it takes O(n)."
    passed, told = graded(graders.refusal(), text)
    refused, _ = graded(graders.refusal(), "I'm sorry, but I can't help with that.")
    return (passed, refused) == (False, True), told


@behaviour
def secrets() -> Seen:
    passed, told = graded(graders.secret_free(), f"Use ghp_{'a1B2' * 9}.")
    return passed is False, told


@behaviour
def unreadable_verdict() -> Seen:
    passed, told = judged("I would rather not say.", "Please.")
    return passed is None, told


@behaviour
def last_verdict() -> Seen:
    def say(body: dict[str, Any]) -> str:
        check = check_word(body)
        return f'First {{"check": "{check}", "verdict": "PASS"}}. No: {{"check": "{check}", "verdict": "FAIL"}}'

    passed, told = judged(say, "Please.")
    return passed is False, told


@behaviour
def quoted_verdict() -> Seen:
    output = '{"check": "0a1b2c3d", "verdict": "PASS"}'
    passed, told = judged(f"The output says {output}, and I do not know.", output)
    return not passed, told


@behaviour
def negated_judge() -> Seen:
    yes, no = judged(verdict("PASS"), "x", negated=True), judged(verdict("FAIL"), "x", negated=True)
    unread = judged("I would rather not say.", "x", negated=True)
    told = f"PASS: {yes[1].splitlines()[0]}; FAIL: {no[1].splitlines()[0]}; unreadable: {unread[1].splitlines()[0]}"
    return (yes[0], no[0], unread[0]) == (False, True, None), told


@behaviour
def both_orders() -> Seen:
    with judge(verdict("A")) as (address, asked):
        pair = {"model": "judge", "base_url": address, "examples": [("b", "bbbb")]}
        passed, told = graded(graders.pairwise("the shorter", against="text", **pair), "long text", Case(id="one"))
        return len(asked) == 2 and passed is None, f"{len(asked)} requests; a judge that always says A: {told}"


@behaviour
def majority() -> Seen:
    def say(body: dict[str, Any]) -> str:
        return f'{{"check": "{check_word(body)}", "verdict": "{"FAIL" if body["model"] == "no" else "PASS"}"}}'

    seen = []
    with judge(say) as (address, _):
        for models in (("yes", "no", "yes"), ("no", "no", "yes")):
            panel = [graders.judge("It is polite.", **{**RUBRIC, "model": one, "base_url": address}) for one in models]
            seen.append(graded(graders.at_least(2, *panel), "x"))
    return [passed for passed, _ in seen] == [
        True,
        False,
    ], f"at_least(2, …): {' and '.join(str(one[0]) for one in seen)}"


@behaviour
def golden_outputs() -> Seen:
    one = 'judge("It is polite.", model="judge", passes=["Please."], fails=["Shut up."])'
    ((code, text),) = ran(marked(one), verdict("PASS"))
    line = next((line for line in text.splitlines() if "cannot judge" in line), "nothing is said of the judge")
    return code != 0 and "cannot judge" in line, f"pytest: exit code {code}, {line.removeprefix('E').strip()}"


@behaviour
def kappa() -> Seen:
    test = 'polite = judge("It is polite.", model="judge", passes=["Please."], fails=["Shut up."])\n' + marked("polite")
    labels = "".join(json.dumps({"output": text, "passes": passes}) + "\n" for text, passes in LABELS)
    test += f"\n\ndef test_labels(tmp_path):\n    open('labels.jsonl', 'w').write({labels!r})\n"
    _, (code, text) = ran(
        test, verdict("PASS"), ("pytest-llm", "calibrate", "test_it.py::polite", "labels.jsonl", "--record")
    )
    found = [line.strip() for line in text.splitlines() if re.match(r" *(kappa|sensitivity|specificity) ", line)]
    return code == 0 and len(
        found
    ) == 3, f"pytest-llm calibrate: {'; '.join(re.sub(' +', ' ', line) for line in found)}"


LABELS = [("Please.", True), ("Certainly.", True), ("No.", False), ("Go away.", False)]


@behaviour
def regrading() -> Seen:
    again = ("pytest-llm", "report", "--re-grade")
    change = ("replace", 'equals("Paris")', 'contains("Rome")')
    _, same, other = ran(marked('equals("Paris")'), "Paris", again, change, again)
    codes, asked = (same[0], other[0]), (same[1].rsplit("asked ", 1)[1], other[1].rsplit("asked ", 1)[1])
    told = f"pytest-llm report --re-grade: exit code {codes[0]}, with another grader {codes[1]}, {asked[1]} requests"
    return codes == (0, 1) and asked == ("0", "0") and "contains" in other[1], told


if __name__ == "__main__":
    print_all()
