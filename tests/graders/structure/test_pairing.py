"""The cheapest pairing."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from pytest_llm.graders.structure.pairing import cheapest

COSTS = st.integers(1, 5).flatmap(
    lambda rows: st.integers(rows, 7).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(-9, 9), min_size=columns, max_size=columns), min_size=rows, max_size=rows
        )
    )
)


@pytest.mark.parametrize(
    ("costs", "chosen"),
    [
        ([], []),
        ([[5]], [0]),
        ([[5, 1, 3]], [1]),
        ([[1, 2], [1, 9]], [1, 0]),
        ([[0, 0], [0, 0]], [0, 1]),
        ([[4, 1, 3], [2, 0, 5], [3, 2, 2]], [1, 0, 2]),
    ],
)
def test_each_row_gets_a_column(costs, chosen):
    assert cheapest(costs) == chosen


@given(COSTS)
def test_no_other_pairing_is_cheaper(costs):
    chosen = cheapest(costs)
    assert len(set(chosen)) == len(costs)
    total = sum(row[column] for row, column in zip(costs, chosen, strict=True))
    assert total == min(
        sum(row[column] for row, column in zip(costs, other, strict=True))
        for other in permutations(range(len(costs[0])), len(costs))
    )


@given(COSTS)
def test_scipy_finds_none_cheaper_either(costs):
    rows, columns = linear_sum_assignment(costs)
    assert sum(costs[row][column] for row, column in zip(rows, columns, strict=True)) == sum(
        row[column] for row, column in zip(costs, cheapest(costs), strict=True)
    )


def test_it_is_not_exponential():
    """All pairings of 60 are more than there are atoms."""
    assert sorted(cheapest([[(row * column) % 17 for column in range(60)] for row in range(60)])) == list(range(60))
