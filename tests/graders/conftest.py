"""What tests of several graders share."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def absent(monkeypatch):
    """A function by which a package is as good as not installed."""

    class Finder:
        packages = frozenset()

        def find_spec(self, name, _path=None, _target=None):
            if name in self.packages:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def hide(package):
        for name in list(sys.modules):
            if name.partition(".")[0] == package:
                monkeypatch.delitem(sys.modules, name)
        finder.packages |= {package}

    finder = Finder()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    return hide
