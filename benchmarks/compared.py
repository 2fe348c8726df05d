"""What graders of others do in the cases that matter: run, and written into docs/graders/compared.md.

python benchmarks/compared.py            run all of it, print the tables
python benchmarks/compared.py --write    and put them into the page
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import plain_environment
from peers_in_node import QUIET, node, promptfoo_versions, script
from table import put, table, versions
from workload import Subject

HERE = Path(__file__).parent
SCRIPTS = HERE / "peers_graders"
PAGE = HERE.parent / "docs" / "graders" / "compared.md"

GROUPS: Mapping[str, Mapping[str, str]] = {
    "What could not fail": {
        "empty_needles": "nothing to look for, `[]` or an empty text, is refused",
        "threshold_50": "a threshold of 50 is refused",
        "threshold_0": "a threshold of 0 is refused",
        "nothing_expected": "where nothing is told to compare with, no output passes",
        "unknown_option": "a misspelt option is refused",
        "weight_0": "a weight of 0 does not turn a failure into a pass",
        "own_exception": "an exception in a grader of your own is not taken for a wrong output",
        "own_nan": "a grader of your own that returns NaN does not pass",
    },
    "Runs": {
        "zero_cases": "a run without cases is an error",
        "wrong_is_red": "a wrong output turns the exit code red",
        "hidden_failure": "no threshold over all hides a required check that fails",
        "regrading": "outputs are graded anew without asking the model again",
    },
    "Text": {
        "casefold": '"STRASSE" has "straße" in it without regard to case',
        "squad_exact": 'exact match of SQuAD 2.0: "the the the" is "the"',
        "squad_f1": 'F1 of SQuAD 2.0: "Paris Paris" for "Paris" is 2/3',
        "levenshtein": 'one emoji is one edit: "a" and "a😀" are 1 apart',
        "rouge": 'ROUGE-1 as rouge-score: "The quick brown fox." is "the quick brown fox"',
        "bleu": "BLEU as sacrebleu, sentence by sentence: 0.3799 for `a b c d e f` and `a b c x e f`",
        "rouge_s": "ROUGE-S of Lin 2004: 1/3 for `the gunman police killed` and `police killed the gunman`",
        "gleu": "GLEU as NLTK: 0.5 for the same two",
        "latex": "`\\boxed{\\frac{1}{2}}` is 0.5",
        "same_formula": "`\\frac{x^2-1}{x-1}` is `x + 1`",
        "huge_power": "`9^{9^{9^9}}` is distinguished from 1, or refused, within ten seconds",
        "catastrophic_pattern": "`^(a+)+$` ends on forty letters a and a `!`",
        "number_in_words": "`$1,000.50` is the number 1000.5",
        "wide_digits": "`The answer is １２３` is the number 123",
        "digits_after_han": "`答案是123。` is the number 123",
        "indian_groups": "`12,34,567` is the number 1234567",
    },
    "Structure": {
        "array_in_prose": "`[1, 2, 3]` is found as JSON in prose",
        "braces_in_prose": '"Write {x} there." holds no JSON',
        "schema_2020": "JSON Schema 2020-12 (`prefixItems`)",
        "double_key": "an object with the same key twice is not valid",
        "sql_alias": "`SELECT name n FROM users` is valid SQL",
        "sql_two_statements": "`SELECT 1; DROP TABLE x` is not one statement",
        "sql_cut_off": "`UPDATE t SET`, broken off, is no SQL",
        "sql_in_fence": "SQL in a code fence within prose is found",
        "sql_columns": "of the columns `users.name` and `users.id` only the first is allowed",
        "unclosed_tag": "`<div>text` is not valid XML",
        "xml_in_prose": "`<order><line/></order>` is found as XML in prose",
        "no_xml_in_prose": '"if a <b and c> d" holds no XML',
        "list_in_any_order": "`[ash, oak]` has all items of `oak`, `ash`, and `[ash, oaks]` nearly",
        "nearly_right_field": '"Ana" for "Ann" in one of two fields scores 5/6',
    },
    "Tools, retrieval": {
        "tool_arguments": "arguments of tool calls are compared",
        "tool_counts": "two calls are told from one",
        "no_tool": '"no tool is called" can be asked for',
        "precision_at_k": "precision at k of known relevant passages divides by k",
        "ndcg": "nDCG as trec_eval",
        "citations": "a citation of a passage that was not given is found, without a judge",
    },
    "Cost": {
        "zero_cost": "where at most 0 is allowed, a reply that cost 0 passes, and one that cost more fails",
    },
    "Safety": {
        "refusal_word": '"Sorry, I cannot find a faster algorithm" is no refusal',
        "secrets": "a key in the output is found, without a judge",
    },
    "Judges": {
        "unreadable_verdict": "a reply that cannot be read is neither pass nor fail",
        "last_verdict": "of two verdicts in a reply the last one counts",
        "quoted_verdict": "a verdict that the judge only quotes from the output does not count",
        "negated_judge": "the negation of a judge negates it, whichever judge it is",
        "both_orders": "two outputs are compared in both orders",
        "majority": "of three judges two decide",
        "golden_outputs": "a judge that passes everything is noticed before its verdicts count",
        "kappa": "a judge is compared with people: kappa, sensitivity, specificity",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Who is looked at, and how."""

    name: str
    #: The command and its environment; may install first.
    command: Callable[[], tuple[list[str | Path], dict[str, str]]]
    edition: Callable[[], str]


Seen = Mapping[str, tuple[bool | None, str]]
"""By behaviour: whether it holds, None for "no such grader", and what was seen."""


def _python(name: str, script_name: str, *requirements: str, folder: str | None = None) -> Column:
    subject = Subject(name=folder or name, project="", requirements=requirements)
    return Column(
        name=name,
        command=lambda: ([subject.python, SCRIPTS / script_name], {}),
        edition=lambda: versions(subject.python, [requirements[0] if requirements else "pytest-llm-evals"]),
    )


COLUMNS = (
    _python("pytest-llm-evals", "with_ours.py"),
    Column(
        name="promptfoo",
        command=lambda: ([node(), script(SCRIPTS / "with_promptfoo.mjs")], QUIET),
        edition=promptfoo_versions,
    ),
    # What comes last are libraries that only some scores need; the virtualenv of the other benchmarks is without.
    _python("deepeval", "with_deepeval.py", "deepeval", "openai", "rouge-score", "nltk", folder="deepeval-graders"),
    _python("inspect-ai", "with_inspect_ai.py", "inspect-ai", "openai", "latex2sympy2-extended==1.11.0"),
)
CELLS = {True: "yes", False: "**no**", None: "–"}


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    said = parser.parse_args()
    seen = {column.name: _seen(column) for column in COLUMNS}
    parts = {
        "versions": "; ".join(_edition(column, seen[column.name]) for column in COLUMNS) + ".",
        "behaviours": _table(seen),
        "seen": _evidence(seen),
    }
    for name, text in parts.items():
        print(f"\n{name}\n\n{text}")
        if said.write:
            put(name, text, PAGE)


def _seen(column: Column) -> Seen | None:
    """What was seen of all behaviours; None where the peer cannot be installed. Raises SystemExit where one fails."""
    try:
        command, environment = column.command()
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"{column.name}: {problem}", file=sys.stderr)
        return None
    print(f"running {column.name} …", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        # No settings of whoever runs it.
        environment = plain_environment({"HOME": folder, **environment})
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{column.name} could not be looked at\n{done.stderr[-4000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if wrong := set(found) ^ {key for group in GROUPS.values() for key in group}:
        raise SystemExit(f"{column.name}: {', '.join(sorted(wrong))} is in only one of script and table")
    return {key: (holds, what) for key, (holds, what) in found.items()}


def _edition(column: Column, seen: Seen | None) -> str:
    return column.edition() if seen is not None else f"{column.name} cannot be installed here"


def _cell(seen: Seen | None, key: str) -> str:
    return "not run" if seen is None else CELLS[seen[key][0]]


def _table(seen: Mapping[str, Seen | None]) -> str:
    head = ["", *(column.name for column in COLUMNS)]
    rows: list[list[str]] = []
    for group, behaviours in GROUPS.items():
        rows.append([f"**{group}**", *("" for _ in COLUMNS)])
        rows += [[text, *(_cell(seen[column.name], key) for column in COLUMNS)] for key, text in behaviours.items()]
    return table(head, rows)


def _evidence(seen: Mapping[str, Seen | None]) -> str:
    lines = ["```text"]
    for behaviours in GROUPS.values():
        for key, text in behaviours.items():
            lines += ["", text] if len(lines) > 1 else [text]
            for column in COLUMNS:
                found = seen[column.name]
                word, what = ("not run", "") if found is None else (CELLS[found[key][0]].strip("*"), found[key][1])
                lines.append(f"  {column.name:16}  {word:7}  {' '.join(what.split())}".rstrip())
    return "\n".join([*lines, "```"])


if __name__ == "__main__":
    main()
