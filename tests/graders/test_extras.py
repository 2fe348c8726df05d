"""Optional libraries: loaded by who needs them, and named where they are absent."""

import pytest

from pytest_llm.errors import MissingExtra
from pytest_llm.graders.extras import library


def test_a_library_that_is_there_is_loaded():
    assert library("it", "rapidfuzz").__name__ == "rapidfuzz"


def test_an_absent_library_is_named_with_the_extra_that_brings_it():
    with pytest.raises(MissingExtra) as missing:
        library("levenshtein", "not_installed_anywhere.distance")
    assert str(missing.value) == (
        "levenshtein needs the library 'not_installed_anywhere'\n  install it  pip install 'pytest-llm-evals[graders]'"
    )


def test_a_library_that_is_itself_incomplete_says_so(monkeypatch, tmp_path):
    (tmp_path / "half_there.py").write_text("import nowhere_to_be_found")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        library("it", "half_there")
