"""Writes labels.jsonl: real first replies of ../correction, labelled by the record that is right.

In life people label; here the truth is known, since the e-mails were made from records.
"""

import json
import re
from pathlib import Path

from pytest_llm.cassettes.store import load

HERE = Path(__file__).parent
CORRECTION = HERE.parent / "correction"


def first_reply(path):
    for entry in load(path).values():
        for (slot, _), reply in sorted(entry.replies.items()):
            if slot.endswith("/1") or slot == "1":
                return reply.body["json"]["choices"][0]["message"]["content"]
    return None


def main():
    rows = []
    for line in (CORRECTION / "orders.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["inputs"]["notes"]:  # what is right is not in the e-mail alone
            continue
        found = sorted(CORRECTION.glob(f"cassettes/**/{case['id']}*no_rules*.yaml"))
        text = first_reply(found[0]) if found else None
        if text is not None:
            said = re.search(r'"priority": "([^"]*)"', text)
            passes = bool(said) and said[1] == case["expected"]["priority"]
            rows.append({"output": text, "passes": passes, "inputs": {"email": case["inputs"]["email"]}})
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / "labels.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
