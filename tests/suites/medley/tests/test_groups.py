"""Groups of tests that belong on one worker."""

import pytest


@pytest.mark.parametrize("number", range(6))
@pytest.mark.xdist_group("one")
def test_one(number):
    assert number != 3


@pytest.mark.parametrize("number", range(6))
@pytest.mark.xdist_group("two")
def test_two(number):
    pass


@pytest.mark.xdist_group("one")
class TestBoth:
    @pytest.mark.xdist_group("three")
    @pytest.mark.parametrize("value", ["p@q", "r::s"])
    def test_in_both(self, value):
        pass


@pytest.mark.slow
@pytest.mark.xdist_group("two")
def test_slow():
    pass
