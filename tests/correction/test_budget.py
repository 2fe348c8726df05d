"""What a run may spend: amounts that no run could keep to are refused."""

from __future__ import annotations

import math

import pytest

from pytest_llm.correction import Budget
from pytest_llm.errors import CorrectionError


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"attempts": 0}, "attempts= of a correction is at least 1, not 0"),
        ({"attempts": None}, "attempts= of a correction is a whole number, not None"),
        ({"attempts": "3"}, "attempts= of a correction is a whole number, not '3'"),
        ({"attempts": True}, "attempts= of a correction is a whole number, not True"),
        ({"attempts": 2.5}, "attempts= of a correction is a whole number, not 2.5"),
        ({"tokens": -1}, "tokens= of a correction is more than 0, not -1"),
        ({"tokens": 0}, "tokens= of a correction is more than 0, not 0"),
        ({"cost": math.nan}, "cost= of a correction is more than 0, not nan"),
        ({"deadline": math.inf}, "deadline= of a correction is more than 0, not inf"),
        ({"deadline": "3s"}, "deadline= of a correction is a number, not '3s'"),
        ({"cost": -0.1}, "cost= of a correction is more than 0, not -0.1"),
        ({"cost": False}, "cost= of a correction is a number, not False"),
        ({"tokens": 1.5}, "tokens= of a correction is a whole number, not 1.5"),
        ({"deadline": -math.inf}, "deadline= of a correction is more than 0, not -inf"),
        ({"stall": 1}, "stall= of a correction is at least 2, not 1"),
    ],
)
def test_an_amount_that_no_run_could_keep_to_is_refused_with_a_good_one(given, told):
    with pytest.raises(CorrectionError) as caught:
        Budget(**given)
    lines = str(caught.value).split("\n")
    assert lines[0] == told
    assert lines[1].startswith(f"  write       {next(iter(given))}=")


@pytest.mark.parametrize(
    "given", [{}, {"attempts": 1}, {"tokens": 10**400}, {"tokens": 1, "cost": 0.001, "deadline": 0.1, "stall": None}]
)
def test_any_other_amount_is_taken(given):
    budget = Budget(**given)
    assert {name: getattr(budget, name) for name in given} == given
