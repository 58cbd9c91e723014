"""Many small tests, so that every worker gets some."""

import pytest


@pytest.mark.parametrize("number", range(12))
def test_small(number):
    assert number != 5


def test_same_name():
    pass
