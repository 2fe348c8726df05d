"""How a suite lives with a model that errs, until a gate judges the suite as a whole.

What fails today is listed in known_failures.txt; only what is new, or has come right, turns the build red.
"""

from pathlib import Path

import pytest

KNOWN_FAILURES = Path(__file__).with_name("known_failures.txt")


def pytest_collection_modifyitems(items):
    known = set(KNOWN_FAILURES.read_text(encoding="utf-8").splitlines())
    for item in items:
        if item.name in known:
            item.add_marker(pytest.mark.xfail(reason="known failure of this model", strict=True))
