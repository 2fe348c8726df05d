"""The official JSON-Schema-Test-Suite against this package's validator, for the table in docs/graders/json-schema.md.

    pip download --no-deps --no-binary jsonschema jsonschema==4.26.0
    python tests/official/json_schema_suite.py jsonschema-4.26.0.tar.gz [--write]

The suite lies in the source distribution of jsonschema. Nothing is fetched here: cases that refer to documents on the
suite's own server have to be refused. Exit status 1 where a verdict differs that the table does not explain.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from pytest_llm.errors import SchemaError
from pytest_llm.schemas import Report, Validator, validator_for

PAGE = ROOT / "docs" / "graders" / "json-schema.md"
BEGIN, END = "<!-- suite -->\n", "<!-- end of suite -->"
DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}


@dataclass(frozen=True)
class Case:
    """One document of the suite, with the verdict that is right."""

    draft: str
    file: str
    about: str
    schema: Any
    data: Any
    valid: bool

    @property
    def kind(self) -> str:
        """ "required", "optional", or "format", where the suite has formats as assertions."""
        if "/format/" in self.file:
            return "format"
        return "optional" if "/optional/" in self.file else "required"


def cases(archive: Path) -> Iterator[Case]:
    """Yield the documents of the suite."""
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda one: one.name):
            _, _, path = member.name.partition("/json/tests/")
            draft = path.partition("/")[0]
            content = tar.extractfile(member) if draft in DRAFTS and path.endswith(".json") else None
            for group in json.load(content) if content else ():
                for test in group["tests"]:
                    about = f"{group['description']}: {test['description']}"
                    yield Case(draft, path, about, group["schema"], test["data"], test["valid"])


def outcome(case: Case) -> str:
    """Return "agrees", or how the verdict differs."""
    schema = {} if case.schema is True else {"not": {}} if case.schema is False else case.schema
    try:
        validator: Validator = validator_for({"$schema": DRAFTS[case.draft], **schema}, leniency="strict")
        report: Report = validator(json.dumps(case.data))
    except SchemaError as error:
        return _refusal(str(error))
    if report.valid != case.valid and case.file.endswith("/format.json"):
        return "checks a format"  # the suite wants it to be an annotation there
    if report.valid != case.valid:
        return "accepts what is wrong" if report.valid else "refuses what is right"
    if not report.valid and "no detail available" in report.issues[0].expected:
        return "agrees, without detail"
    return "agrees"


_REFUSALS = {
    "demands nothing": "it demands nothing",
    "is not a draft that can be used": "a draft of its own",
    "disagree": "two validators disagree",
}


def _refusal(message: str) -> str:
    if "leads nowhere" in message:
        return "refused: it refers to another document"
    for words, shown in _REFUSALS.items():
        if words in message:
            return f"refused: {shown}"
    return f"refused: {message.splitlines()[0]}"


def table(found: Counter[tuple[str, str, str]]) -> str:
    """Return the counts by draft and kind."""
    outcomes = sorted({what for _, _, what in found} - {"agrees"})
    head = ("draft", "cases", "documents", "agrees", *outcomes)
    lines = [head, ("---", "---", *("---:" for _ in head[2:]))]
    for draft in DRAFTS:
        for kind in ("required", "optional", "format"):
            row = {what: count for (a, b, what), count in found.items() if (a, b) == (draft, kind)}
            counts = (sum(row.values()), row.get("agrees", 0), *(row.get(what, 0) for what in outcomes))
            lines.append((draft, kind, *(f"{count:,}" for count in counts)))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Compare, print the table and the differences, and with --write put the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("archive", type=Path, help="the source distribution of jsonschema")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    chosen = parser.parse_args()
    found: Counter[tuple[str, str, str]] = Counter()
    differing: Counter[tuple[str, str]] = Counter()
    for case in cases(chosen.archive):
        what = outcome(case)
        found[case.draft, case.kind, what] += 1
        if what != "agrees":
            differing[case.file, what] += 1
            print(f"{what}: {case.file}: {case.about}")
    text = table(found)
    print(text)
    if chosen.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}", encoding="utf-8")
    unexplained = [
        one for one in found if one[1] == "required" and one[2] in ("accepts what is wrong", "refuses what is right")
    ]
    sys.exit(bool(unexplained))


if __name__ == "__main__":
    main()
