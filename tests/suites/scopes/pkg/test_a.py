"""Classes and functions of one module.

>>> from pkg import test_a
>>> test_a.double(2)
4
"""

import pytest


def double(number):
    """Twice the number.

    >>> double(4)
    8
    """
    return 2 * number


def test_value(value, of_pkg):
    assert value == ["root", "pkg"]


class TestScoped:
    def test_one(self, of_class, of_pkg):
        pass

    def test_two(self, of_class):
        pass

    class TestInner:
        @pytest.mark.chosen
        def test_three(self, of_class):
            pass

        def test_four(self, of_class, value):
            assert value == ["root", "pkg"]


class TestOther:
    @pytest.mark.parametrize("number", range(6))
    def test_many(self, number, of_class):
        assert number != 3

    def test_last(self, of_module):
        pass


@pytest.fixture(scope="module", params=["x", "y"])
def parameter(request):
    return request.param


def test_first_of_parameter(parameter):
    pass


def test_second_of_parameter(parameter):
    assert parameter == "x"
