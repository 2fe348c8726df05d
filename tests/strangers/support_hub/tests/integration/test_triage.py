import unittest

import pytest

from support_hub import triage


@pytest.mark.parametrize(
    "text, queue",
    [
        ("Where is my parcel A-1001?", "order"),
        ("I want to send the basket back.", "return"),
        ("The handle broke off.", "defect"),
        ("Buy cheap watches", "other"),
    ],
    ids=["order", "return", "defect", "spam"],
)
def test_queue(text, queue):
    assert triage.triage(text)["queue"] == queue


def test_many_at_once():
    texts = [f"Where is my parcel A-10{n:02}?" for n in range(8)]
    assert [r["queue"] for r in triage.triage_all(texts)] == ["order"] * 8


def test_model_is_configurable(monkeypatch):
    monkeypatch.setenv("SUPPORT_HUB_CHAT_MODEL", "gpt-4o")
    assert triage.triage("Where is my parcel A-1001?")["queue"] == "order"


class UrgencyTest(unittest.TestCase):
    def setUp(self):
        self.angry = "WHERE IS MY PARCEL?! I want my money back NOW!"

    def test_angry(self):
        self.assertTrue(triage.triage(self.angry)["urgent"])

    def test_calm(self):
        self.assertFalse(triage.triage("No hurry, but where is my parcel?")["urgent"])
