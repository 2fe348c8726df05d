"""What is left of the work when nothing is asked: read the text from a file of its own, compare."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CASES = [json.loads(line) for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
SAMPLES = len(list((HERE / "replies").iterdir())) // len(CASES)


@pytest.mark.parametrize("sample", range(1, SAMPLES + 1))
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_answers(case, sample):
    text = (HERE / "replies" / f"{case['id']}-{sample}.txt").read_text(encoding="utf-8")
    assert text.startswith(case["email"])
