"""Who goes with whom, so that all together cost least. PYTEST_DONT_REWRITE

Source: H. W. Kuhn, "The Hungarian method for the assignment problem", 1955, in the form with potentials and shortest
augmenting paths (Jonker, Volgenant 1987): rows² · columns steps, and never a search of all pairings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def cheapest(costs: Sequence[Sequence[int]]) -> list[int]:
    """For each row the column it gets, no column twice, at the least cost in all; not more rows than columns.

    >>> cheapest([[1, 2], [1, 9]])
    [1, 0]
    """
    width = len(costs[0]) if costs else 0
    #: For each column the row that has it; column 0 is the one that looks for a place.
    holder = [-1] * (width + 1)
    row_price, column_price = [0.0] * len(costs), [0.0] * (width + 1)
    for row in range(len(costs)):
        holder[0] = row
        before = [0] * (width + 1)
        nearest = [math.inf] * (width + 1)
        done = [False] * (width + 1)
        at = 0
        while holder[at] >= 0:
            done[at] = True
            here = holder[at]
            step, following = math.inf, 0
            for column in range(1, width + 1):
                if done[column]:
                    continue
                reduced = costs[here][column - 1] - row_price[here] - column_price[column]
                if reduced < nearest[column]:
                    nearest[column], before[column] = reduced, at
                if nearest[column] < step:
                    step, following = nearest[column], column
            for column in range(width + 1):
                if done[column]:
                    row_price[holder[column]] += step
                    column_price[column] -= step
                else:
                    nearest[column] -= step
            at = following
        while at:
            holder[at], at = holder[before[at]], before[at]
    place = {row: column - 1 for column, row in enumerate(holder) if column and row >= 0}
    return [place[row] for row in range(len(costs))]
