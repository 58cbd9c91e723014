"""Names that are hard to take apart."""

import pytest


@pytest.mark.parametrize("value", ["a::b", "c[d]", "e@f", "g - h", "i j", "::", "@", "[", "ü"])
def test_parameters(value):
    assert value != "c[d]"


class TestOuter:
    def test_first(self):
        pass

    class TestInner:
        @pytest.mark.parametrize("value", ["x::y", "z@w"])
        def test_deep(self, value):
            assert value == "x::y"

        def test_other(self):
            pass

    def test_last(self):
        raise ValueError("of the outer class")
