import pytest


@pytest.mark.parametrize("number", range(20))
def test_plain(number):
    assert number < 20
